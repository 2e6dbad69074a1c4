package schedule

import "math"

func init() { Schedules.Add("cosine", "half a cosine from the full rate to its end", &Cosine{}) }

// Cosine lets the learning rate fall along half a cosine (Loshchilov and Hutter 2017, "SGDR", without restarts) in the steps
// that the warm-up, of W steps, leaves:
//
//	factor = final + (1-final)*(1+cos(pi*t))/2,  t = (step-W)/(totalSteps-W)
//
// It would reach final at the step after the last one.
type Cosine struct {
	Final float64 `yaml:"final" doc:"factor at the end" check:"min=0"`
	WarmUp
}

// At is 1 after the warm-up, and falls from there.
func (c *Cosine) At(step, stepsPerEpoch, totalSteps int) float64 {
	w := c.steps(stepsPerEpoch)
	return c.before(step, stepsPerEpoch, func(s float64) float64 {
		return half(1, c.Final, (s-w)/max(float64(totalSteps)-w, 1))
	})
}

// half goes from a to b along half a cosine as t goes from 0 to 1.
func half(a, b, t float64) float64 {
	return b + (a-b)*(1+math.Cos(math.Pi*min(t, 1)))/2
}
