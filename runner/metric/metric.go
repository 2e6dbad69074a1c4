// Package metric has the names of what a run measures and the sums that become an epoch's values.
package metric

import (
	"math"
	"strings"
)

// The metrics of an epoch. Those of evaluations are missing where none was due; see train.eval_every.
const (
	TrainLoss         = "train_loss"          // mean cross-entropy over the epoch's augmented batches, while the weights change; with smoothed labels if asked for
	TrainAcc          = "train_acc"           // part of those examples that was classified rightly
	ValLoss           = "val_loss"            // mean cross-entropy on the validation data, in evaluation mode
	ValAcc            = "val_acc"             // part of the validation data that is classified rightly
	EMAValLoss        = "ema_val_loss"        // as val_loss, of the moving average of the weights; only with train.ema
	EMAValAcc         = "ema_val_acc"         // as val_acc, of the moving average of the weights
	TTAValLoss        = "tta_val_loss"        // as val_loss, of the mean of the logits of all views of a picture; only with train.tta, after epoch 1 and later
	TTAValAcc         = "tta_val_acc"         // as val_acc, by these logits
	EMATTAValLoss     = "ema_tta_val_loss"    // as tta_val_loss, of the moving average of the weights
	EMATTAValAcc      = "ema_tta_val_acc"     // as tta_val_acc, of the moving average of the weights
	LR                = "lr"                  // learning rate of the epoch's last step
	GradNorm          = "grad_norm"           // mean over the epoch's steps of the L2 norm of the whole gradient, without weight decay and before it is clipped
	Seconds           = "seconds"             // wall time of the epoch's training, evaluation not included
	ExamplesPerSecond = "examples_per_second" // examples / seconds
	Steps             = "steps"               // weight updates in the epoch
	Examples          = "examples"            // training examples seen in the epoch
	CleanTrainLoss    = "clean_train_loss"    // train loss in evaluation mode, without augmentation; only with train.clean_eval
	CleanTrainErr     = "clean_train_err"     // part of those examples that is classified wrongly: what degradation is about
)

// Names is every metric of an epoch.
var Names = []string{TrainLoss, TrainAcc, ValLoss, ValAcc, TTAValLoss, TTAValAcc, EMAValLoss, EMAValAcc, EMATTAValLoss, EMATTAValAcc,
	LR, GradNorm, Seconds, ExamplesPerSecond, Steps, Examples, CleanTrainLoss, CleanTrainErr}

// Best is the best of a metric's values, and how many came after it: one is better by more than change. Accuracies get better
// by rising, all else by falling; NaN is never better.
func Best(name string, values []float64, change float64) (best float64, since int) {
	sign := 1.0
	if strings.HasSuffix(name, "_acc") {
		sign = -1
	}
	best = math.NaN()
	for _, v := range values {
		if math.IsNaN(best) && !math.IsNaN(v) || sign*v < sign*best-change {
			best, since = v, 0
		} else {
			since++
		}
	}
	return best, since
}

// Mean is a running mean; the zero value is empty.
type Mean struct{ sum, weight float64 }

// Add counts value as often as weight says.
func (m *Mean) Add(value, weight float64) {
	m.sum += value * weight
	m.weight += weight
}

// Value is the mean of what was added, NaN when that is nothing.
func (m *Mean) Value() float64 { return m.sum / m.weight }

// Score sums up loss and accuracy over batches of any size; the zero value is empty.
type Score struct {
	loss     float64
	correct  int
	examples int
}

// Add counts a batch: its mean loss, how many of its rows were classified rightly, and its rows.
func (s *Score) Add(loss float64, correct, rows int) {
	s.loss += loss * float64(rows)
	s.correct += correct
	s.examples += rows
}

// Loss is the mean loss over the examples, NaN when there are none.
func (s *Score) Loss() float64 { return s.loss / float64(s.examples) }

// Acc is the part of the examples that was classified rightly, NaN when there are none.
func (s *Score) Acc() float64 { return float64(s.correct) / float64(s.examples) }

// Examples is how many rows were counted.
func (s *Score) Examples() int { return s.examples }
