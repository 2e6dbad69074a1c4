package schedule

import (
	"fmt"

	"exp/registry"
)

func init() {
	Schedules.Add("multi-step", "the rate falls by a factor after given epochs", &MultiStep{Factor: 0.1})
}

// MultiStep multiplies the learning rate by a factor after given epochs, as PyTorch's MultiStepLR. `step` is the same with
// points that are fractions of the training.
//
//	factor = Factor^(number of epochs e of the list with step >= e*stepsPerEpoch)
type MultiStep struct {
	After  []int   `yaml:"after" doc:"epochs after which the rate falls, rising" check:"required,min=1"`
	Factor float64 `yaml:"factor" doc:"what the rate is multiplied with each time" check:"gt=0"`
	WarmUp
}

var _ Fitter = (*MultiStep)(nil)

// Validate finds epochs that are not in rising order.
func (c *MultiStep) Validate() error {
	for i := 1; i < len(c.After); i++ {
		if c.After[i] <= c.After[i-1] {
			return registry.Bad("after", "%d does not come after %d", c.After[i], c.After[i-1])
		}
	}
	return c.WarmUp.Validate()
}

// Fits refuses epochs that the training does not reach.
func (c *MultiStep) Fits(epochs int) (parameter, problem, help string) {
	for _, e := range c.After {
		if e >= epochs {
			return "after", fmt.Sprintf("%d has no effect: there are %d epochs", e, epochs), ""
		}
	}
	return c.WarmUp.Fits(epochs)
}

// At is 1 after the warm-up, and falls after every epoch of the list.
func (c *MultiStep) At(step, stepsPerEpoch, _ int) float64 {
	return c.before(step, stepsPerEpoch, func(s float64) float64 {
		f := 1.0
		for _, e := range c.After {
			if s >= float64(e*stepsPerEpoch) {
				f *= c.Factor
			}
		}
		return f
	})
}
