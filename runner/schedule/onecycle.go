package schedule

func init() {
	Schedules.Add("one-cycle", "up to the full rate, then down to almost nothing",
		&OneCycle{Peak: 0.2, Start: 0.04, Shape: "cosine"})
}

// OneCycle rises to the optimizer's learning rate and falls again (Smith and Topin 2018, "Super-convergence"), with the
// steps counted as in PyTorch's OneCycleLR: the peak is at step peak*totalSteps-1, the end at totalSteps-1.
//
//	factor = start -> 1 until the peak, then 1 -> final, each along half a cosine or a line
//
// It is its own warm-up.
type OneCycle struct {
	Peak  float64 `yaml:"peak" doc:"where the full rate is reached, as a fraction of the training" check:"min=0,lt=1"`
	Start float64 `yaml:"start" doc:"factor at the first step" check:"min=0"`
	Final float64 `yaml:"final" doc:"factor at the last step" check:"min=0"`
	Shape string  `yaml:"shape" doc:"form of both flanks" check:"oneof=cosine|linear"`
}

// At is 1 at the peak.
func (c *OneCycle) At(step, _, totalSteps int) float64 {
	last := float64(totalSteps - 1)
	top := max(0, c.Peak*float64(totalSteps)-1)
	s := float64(step)
	switch {
	case s < top:
		return c.flank(c.Start, 1, s/top)
	case last > top:
		return c.flank(1, c.Final, (s-top)/(last-top))
	}
	return 1
}

// flank goes from a to b as t goes from 0 to 1.
func (c *OneCycle) flank(a, b, t float64) float64 {
	if c.Shape == "linear" {
		return a + (b-a)*t
	}
	return half(a, b, t)
}
