package configs

import (
	"errors"
	"fmt"
	"strings"

	"exp/internal/source"
	"exp/registry"
	"exp/runner/optim"
	"exp/runner/schedule"
)

// Clip is the `clip:` map of an experiment's training: what is done to gradients that are too large.
type Clip struct {
	Norm  float64 `yaml:"norm" doc:"largest L2 norm of the whole gradient; a longer one is scaled down to it; 0 = any" check:"min=0"`
	Value float64 `yaml:"value" doc:"largest size of any number of the gradient; larger ones are cut off there; 0 = any" check:"min=0"`
}

// Validate wants one of the two.
func (c Clip) Validate() error {
	switch {
	case c.Norm != 0 && c.Value != 0:
		return errors.New("clips by norm and by value; take one")
	case c.Norm == 0 && c.Value == 0:
		return errors.New("one of norm and value must be more than 0: `norm: 1.0` clips the gradient's length, `value: 0.5` each of its numbers")
	}
	return nil
}

// EarlyStop is the `early_stop:` map of an experiment's training: it ends when a metric has not become better by more than
// MinChange in Patience epochs on end in which it was measured.
type EarlyStop struct {
	Metric    string  `yaml:"metric" doc:"what is watched; losses and errors get better by falling, accuracies by rising" check:"oneof=val_loss|val_acc|train_loss|train_acc|clean_train_loss|clean_train_err"`
	Patience  int     `yaml:"patience" doc:"epochs on end without a better value after which training ends" check:"min=1"`
	MinChange float64 `yaml:"min_change" doc:"a value must be better than the best one by more than this" check:"min=0"`
}

func init() { registry.Default(EarlyStop{Metric: "val_loss", Patience: 10}) }

// checkTraining finds what in train and schedule only the whole experiment can tell.
func (l *Loaded) checkTraining(p *source.Problems) {
	if f, ok := l.Schedule.(schedule.Fitter); ok {
		if name, problem, help := f.Fits(l.Train.Epochs); problem != "" {
			path := "schedule." + name
			p.Add(source.Diagnostic{Span: l.Where(path), Path: path, Problem: problem, Help: help})
		}
	}
	measured := func(path, name string) {
		if strings.HasPrefix(name, "clean_") && l.Train.CleanEval == 0 {
			p.Addf(l.Where(path), path, "%s is not measured without train.clean_eval", name)
		}
	}
	if w, ok := l.Schedule.(schedule.Watcher); ok {
		measured("schedule.metric", w.Watches())
	}
	if stop := l.Train.EarlyStop; stop != nil {
		measured("train.early_stop.metric", stop.Metric)
		every := 1
		if !strings.HasPrefix(stop.Metric, "train_") {
			every = l.Train.EvalEvery
		}
		if (stop.Patience+1)*every >= l.Train.Epochs {
			p.Addf(l.Where("train.early_stop.patience"), "train.early_stop.patience", "%d has no effect: the earliest end would be after epoch %d of %d", stop.Patience, (stop.Patience+1)*every, l.Train.Epochs)
		}
	}
}

// checkLayers finds learning rates of single layers that no layer has.
func (l *Loaded) checkLayers(p *source.Problems) {
	o, ok := l.Optimizer.(optim.Layered)
	if !ok {
		return
	}
	used := map[int]bool{}
	for _, param := range l.Net.Params {
		if param.Trainable {
			rule, _ := o.Layer(param.Name)
			used[rule] = true
		}
	}
	rules := l.tree.Get("optimizer").Get("layers")
	if rules == nil {
		return
	}
	for i := range rules.Items {
		if !used[i] {
			path := fmt.Sprintf("optimizer.layers.%d.match", i)
			p.Add(source.Diagnostic{Span: l.Where(path), Path: path, Problem: "no layer that is trained matches, or all that do match a rule before this one",
				Help: "exp describe lists the layers"})
		}
	}
}
