package schedule

func init() { Schedules.Add("constant", "the same rate all along", &Constant{}) }

// Constant keeps the learning rate, after its warm-up:
//
//	factor = 1
type Constant struct {
	Warmup     float64 `yaml:"warmup" doc:"epochs in which the rate rises to its value; may be a fraction" check:"min=0"`
	WarmupFrom float64 `yaml:"warmup_from" doc:"factor at the first step of the warm-up" check:"min=0"`
	WarmupHold bool    `yaml:"warmup_hold" doc:"stay at warmup_from until the warm-up ends, then jump"`
}

// At is 1 after the warm-up.
func (c *Constant) At(step, stepsPerEpoch, _ int) float64 {
	return warm(step, stepsPerEpoch, c.Warmup, c.WarmupFrom, c.WarmupHold, func(float64) float64 { return 1 })
}
