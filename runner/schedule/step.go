package schedule

import (
	"math"

	"exp/registry"
)

func init() {
	Schedules.Add("step", "the rate falls by a factor at given points", &Step{Points: []float64{0.5, 0.75}, Factor: 0.1})
}

// Step multiplies the learning rate by a factor at given points of the training. The defaults are those of He et al. 2015,
// section 4.2: a tenth at 32k and again at 48k of 64k iterations.
//
//	factor = Factor^(number of points p with step >= round(p*totalSteps))
type Step struct {
	Points []float64 `yaml:"at" doc:"points of the training, as fractions of it, rising"`
	Factor float64   `yaml:"factor" doc:"what the rate is multiplied with at each point" check:"gt=0"`
	WarmUp
}

// Validate finds points that are not fractions of the training in rising order.
func (c *Step) Validate() error {
	last := 0.0
	for _, p := range c.Points {
		if p <= last || p >= 1 {
			return registry.Bad("at", "%v is out of place; points are fractions of the training, between 0 and 1, each larger than the one before", p)
		}
		last = p
	}
	if len(c.Points) == 0 {
		return registry.Bad("at", "no points; `constant` is the schedule without any")
	}
	return c.WarmUp.Validate()
}

// At is 1 after the warm-up, and falls at every point.
func (c *Step) At(step, stepsPerEpoch, totalSteps int) float64 {
	return c.before(step, stepsPerEpoch, func(s float64) float64 {
		f := 1.0
		for _, p := range c.Points {
			if s >= math.Round(p*float64(totalSteps)) {
				f *= c.Factor
			}
		}
		return f
	})
}
