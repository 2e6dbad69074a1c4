// Package schedule holds the learning-rate schedules: what the optimizer's rate is multiplied with at every step. One file each.
//
// Places in the training are fractions of it, between 0 and 1, so that a schedule keeps its form when the number of epochs
// changes. Only the warm-up is given in epochs: it gets the first steps over with, however many follow; and the points of
// multi-step, which papers give in epochs.
package schedule

import (
	"fmt"
	"math"

	"exp/registry"
)

// Schedule gives the factor on the optimizer's learning rate for a step. Steps count from 0 to totalSteps-1.
type Schedule interface {
	At(step, stepsPerEpoch, totalSteps int) float64
}

// Watcher is a Schedule that looks at how training goes, too. It keeps no state: the same values give the same factor, so that a
// run that is taken up again goes on as if it had not been interrupted.
type Watcher interface {
	Schedule
	// Watches names a metric of an epoch.
	Watches() string
	// After gives the factor, beside that of At, of the epoch that follows those with these values.
	After(values []float64) float64
}

// Fitter is a Schedule that not every training is long enough for: Fits says what is wrong with which parameter, "" when all
// is well, and what may help, "" when that is plain.
type Fitter interface {
	Fits(epochs int) (parameter, problem, help string)
}

// Schedules is what `schedule:` can name.
var Schedules = registry.NewKind[Schedule]("schedule", "how the learning rate changes during training")

// WarmUp is how schedules begin. With W = Epochs*stepsPerEpoch, step s < W has the factor From + (f-From)*s/W, where f is the
// schedule's own factor at W; with Hold it is From for all of them.
type WarmUp struct {
	Epochs float64 `yaml:"warmup" doc:"epochs in which the rate rises to its value; may be a fraction" check:"min=0"`
	From   float64 `yaml:"warmup_from" doc:"factor at the first step of the warm-up" check:"min=0"`
	Hold   bool    `yaml:"warmup_hold" doc:"stay at warmup_from until the warm-up ends, then jump"`
}

// Validate finds parameters that could have no effect.
func (w WarmUp) Validate() error {
	switch {
	case w.From != 0 && w.Epochs == 0:
		return registry.Bad("warmup_from", "has no effect without warmup")
	case w.Hold && w.Epochs == 0:
		return registry.Bad("warmup_hold", "has no effect without warmup")
	}
	return nil
}

// Fits refuses a warm-up that is longer than the training.
func (w WarmUp) Fits(epochs int) (parameter, problem, help string) {
	if w.Epochs <= float64(epochs) {
		return "", "", ""
	}
	return "warmup", fmt.Sprintf("lasts until epoch %v of %d: the rate would never reach its value", w.Epochs, epochs),
		"it counts epochs, not steps; write a number below train.epochs, such as 0.5"
}

// steps is how many steps the warm-up has.
func (w WarmUp) steps(stepsPerEpoch int) float64 { return w.Epochs * float64(stepsPerEpoch) }

// before is the factor at a step; own gives the schedule's after the warm-up.
func (w WarmUp) before(step, stepsPerEpoch int, own func(step float64) float64) float64 {
	end, s := w.steps(stepsPerEpoch), float64(step)
	switch {
	case s >= end:
		return own(s)
	case w.Hold:
		return w.From
	}
	return w.From + (own(end)-w.From)*s/end
}

// roundTo is the step at a point of the training.
func roundTo(point float64, totalSteps int) int { return int(math.Round(point * float64(totalSteps))) }
