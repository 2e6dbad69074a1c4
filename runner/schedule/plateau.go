package schedule

import (
	"math"
	"strings"
)

func init() {
	Schedules.Add("plateau", "the rate falls when a metric does not get better any more",
		&Plateau{Metric: "val_loss", Factor: 0.1, Patience: 10, Threshold: 1e-4})
}

// Plateau multiplies the learning rate by a factor when a metric has not become better for some epochs, as PyTorch's
// ReduceLROnPlateau with its threshold_mode "rel": better is below best*(1-threshold) for a loss or an error, above
// best*(1+threshold) for an accuracy. Only epochs after which the metric was measured count.
//
// It keeps no state: the factor of an epoch follows from the values of those before it.
type Plateau struct {
	Metric    string  `yaml:"metric" doc:"what is watched" check:"oneof=val_loss|val_acc|train_loss|train_acc|clean_train_loss|clean_train_err"`
	Factor    float64 `yaml:"factor" doc:"what the rate is multiplied with each time" check:"gt=0,lt=1"`
	Patience  int     `yaml:"patience" doc:"epochs without a better value that are put up with; the rate falls after the next one" check:"min=0"`
	Threshold float64 `yaml:"threshold" doc:"part of the best value by which a better one must differ" check:"min=0"`
	Cooldown  int     `yaml:"cooldown" doc:"epochs after a fall that do not count" check:"min=0"`
	Final     float64 `yaml:"final" doc:"factor that the rate does not fall below" check:"min=0,lt=1"`
	WarmUp
}

var _ Watcher = (*Plateau)(nil)

// Watches is the metric.
func (c *Plateau) Watches() string { return c.Metric }

// At is the warm-up; what the metric does comes from After.
func (c *Plateau) At(step, stepsPerEpoch, _ int) float64 {
	return c.before(step, stepsPerEpoch, func(float64) float64 { return 1 })
}

// After is the factor that the values so far have led to.
func (c *Plateau) After(values []float64) float64 {
	sign := 1.0
	if strings.HasSuffix(c.Metric, "_acc") {
		sign = -1
	}
	factor, best, bad, cool := 1.0, math.Inf(int(sign)), 0, 0
	for _, v := range values {
		if sign*v < sign*best*(1-sign*c.Threshold) || math.IsInf(best, 0) && !math.IsNaN(v) {
			best, bad = v, 0
		} else {
			bad++
		}
		if cool > 0 {
			cool--
			bad = 0
		}
		if bad > c.Patience {
			// PyTorch leaves changes of less than 1e-8 out
			if next := max(c.Final, factor*c.Factor); factor-next > 1e-8 {
				factor = next
			}
			cool, bad = c.Cooldown, 0
		}
	}
	return factor
}
