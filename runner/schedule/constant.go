package schedule

func init() { Schedules.Add("constant", "the same rate all along", &Constant{}) }

// Constant keeps the learning rate, after its warm-up:
//
//	factor = 1
type Constant struct {
	WarmUp
}

// At is 1 after the warm-up.
func (c *Constant) At(step, stepsPerEpoch, _ int) float64 {
	return c.before(step, stepsPerEpoch, func(float64) float64 { return 1 })
}
