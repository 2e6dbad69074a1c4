package schedule

import "exp/registry"

func init() {
	Schedules.Add("piecewise", "the rate goes through given factors, in lines or in steps",
		&Piecewise{Points: []float64{0, 0.2, 1}, Factors: []float64{0, 1, 0}, Shape: "linear"})
}

// Piecewise gives the learning rate a factor at each of some points of the training. Between two points it goes along a line,
// or stays at the factor of the one before, as Keras' PiecewiseConstantDecay; before the first and after the last point it is
// constant. The defaults are a triangle, as in Page 2018 ("How to train your ResNet").
//
//	linear:    factor = Factors[i] + (Factors[i+1]-Factors[i]) * (t-Points[i])/(Points[i+1]-Points[i]),  t = step/totalSteps
//	constant:  factor = Factors[i],  i the last point with round(Points[i]*totalSteps) <= step
//
// It is its own warm-up.
type Piecewise struct {
	Points  []float64 `yaml:"at" doc:"points of the training, as fractions of it, rising" check:"required,min=0,max=1"`
	Factors []float64 `yaml:"factors" doc:"factor at each point" check:"required,min=0"`
	Shape   string    `yaml:"shape" doc:"linear, or constant from one point to the next" check:"oneof=linear|constant"`
}

// Validate finds points out of order, and points without a factor.
func (c *Piecewise) Validate() error {
	for i := 1; i < len(c.Points); i++ {
		if c.Points[i] <= c.Points[i-1] {
			return registry.Bad("at", "%v does not come after %v", c.Points[i], c.Points[i-1])
		}
	}
	if len(c.Points) != len(c.Factors) {
		return registry.Bad("factors", "%d factors for %d points; each point has one", len(c.Factors), len(c.Points))
	}
	return nil
}

// At is the factor between the points on both sides.
func (c *Piecewise) At(step, _, totalSteps int) float64 {
	if len(c.Points) == 0 {
		return 1
	}
	t := float64(step) / float64(totalSteps)
	i := 0 // points before
	for i < len(c.Points) && (c.Points[i] <= t || c.Shape == "constant" && roundTo(c.Points[i], totalSteps) <= step) {
		i++
	}
	switch {
	case i == 0:
		return c.Factors[0]
	case i == len(c.Points) || c.Shape == "constant":
		return c.Factors[i-1]
	}
	p, q := c.Points[i-1], c.Points[i]
	return c.Factors[i-1] + (c.Factors[i]-c.Factors[i-1])*(t-p)/(q-p)
}
