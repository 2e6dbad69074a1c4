package schedule

import "math"

func init() {
	Schedules.Add("polynomial", "from the full rate to its end by a power of what is left; a line by default", &Polynomial{Power: 1})
}

// Polynomial lets the learning rate fall by a power of what is left of the steps after the warm-up, of W steps:
//
//	factor = final + (1-final)*(1-t)^power,  t = (step-W)/(totalSteps-W)
//
// It would reach final at the step after the last one. With final 0 it is PyTorch's PolynomialLR over the whole training.
type Polynomial struct {
	Power float64 `yaml:"power" doc:"1 is a straight line; more falls sooner" check:"gt=0"`
	Final float64 `yaml:"final" doc:"factor at the end" check:"min=0"`
	WarmUp
}

// At is 1 after the warm-up, and falls from there.
func (c *Polynomial) At(step, stepsPerEpoch, totalSteps int) float64 {
	w := c.steps(stepsPerEpoch)
	return c.before(step, stepsPerEpoch, func(s float64) float64 {
		t := min((s-w)/max(float64(totalSteps)-w, 1), 1)
		return c.Final + (1-c.Final)*math.Pow(1-t, c.Power)
	})
}
