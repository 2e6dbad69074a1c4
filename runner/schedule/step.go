package schedule

import "math"

func init() {
	Schedules.Add("step", "the rate falls by a factor at given points", &Step{Points: []float64{0.5, 0.75}, Factor: 0.1})
}

// Step multiplies the learning rate by a factor at given points of the training. The defaults are those of He et al. 2015,
// section 4.2: a tenth at 32k and again at 48k of 64k iterations.
//
//	factor = Factor^(number of points p with step >= round(p*totalSteps))
type Step struct {
	Points     []float64 `yaml:"at" doc:"points of the training, as fractions of it, rising"`
	Factor     float64   `yaml:"factor" doc:"what the rate is multiplied with at each point" check:"gt=0"`
	Warmup     float64   `yaml:"warmup" doc:"epochs in which the rate rises to its value; may be a fraction" check:"min=0"`
	WarmupFrom float64   `yaml:"warmup_from" doc:"factor at the first step of the warm-up" check:"min=0"`
	WarmupHold bool      `yaml:"warmup_hold" doc:"stay at warmup_from until the warm-up ends, then jump"`
}

// At is 1 after the warm-up, and falls at every point.
func (c *Step) At(step, stepsPerEpoch, totalSteps int) float64 {
	return warm(step, stepsPerEpoch, c.Warmup, c.WarmupFrom, c.WarmupHold, func(s float64) float64 {
		f := 1.0
		for _, p := range c.Points {
			if s >= math.Round(p*float64(totalSteps)) {
				f *= c.Factor
			}
		}
		return f
	})
}
