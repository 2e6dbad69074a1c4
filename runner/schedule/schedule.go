// Package schedule holds the learning-rate schedules: what the optimizer's rate is multiplied with at every step. One file each.
//
// Places in the training are fractions of it, between 0 and 1, so that a schedule keeps its form when the number of epochs
// changes. Only the warm-up is given in epochs: it gets the first steps over with, however many follow.
package schedule

import "exp/registry"

// Schedule gives the factor on the optimizer's learning rate for a step. Steps count from 0 to totalSteps-1.
type Schedule interface {
	At(step, stepsPerEpoch, totalSteps int) float64
}

// Schedules is what `schedule:` can name.
var Schedules = registry.NewKind[Schedule]("schedule", "how the learning rate changes during training")

// warm puts the warm-up before a schedule: with W = warmup*stepsPerEpoch, step s < W has the factor
// from + (to-from)*s/W, where `to` is the schedule's factor at W; with hold it is `from` for all of them.
func warm(step, stepsPerEpoch int, warmup, from float64, hold bool, after func(steps float64) float64) float64 {
	w := warmup * float64(stepsPerEpoch)
	s := float64(step)
	if s >= w {
		return after(s)
	}
	if hold {
		return from
	}
	return from + (after(w)-from)*s/w
}
