package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"

	"exp/runner/checkpoint"
	"exp/runner/metric"
)

// Past is what was recorded of a run that is to go on: every epoch that it had finished, in their order, perhaps without
// epoch 0. Going on gives the numbers and weights that the run would have had without a break.
type Past struct{ Epochs []Epoch }

// last is the last epoch that was recorded.
func (p *Past) last() int {
	if len(p.Epochs) == 0 {
		return 0
	}
	return p.Epochs[len(p.Epochs)-1].N
}

// resume brings the run to where its files and what was recorded of it say that it was, and gives the next epoch. Nothing but
// these is needed: what is drawn at random is drawn for an epoch and a step, whatever was before.
func (r *run) resume(ctx context.Context) (next int, err error) {
	if err := checkpoint.Finish(r.Dir); err != nil {
		return 0, err
	}
	for _, e := range r.Past.Epochs {
		r.remember(e)
	}
	if len(r.Past.Epochs) == 0 {
		return 0, nil
	}
	recorded := r.Past.last()
	path := filepath.Join(r.Dir, LastWeights)
	ts, meta, err := checkpoint.Read(path)
	switch {
	case err != nil && recorded == 0: // no file is written before epoch 1
		return 1, nil
	case err != nil:
		return 0, err
	}
	saved, err := strconv.Atoi(meta["epoch"])
	if err != nil {
		return 0, fmt.Errorf("%s does not say of which epoch it is", path)
	}
	if r.step, err = strconv.Atoi(meta["step"]); err != nil {
		return 0, fmt.Errorf("%s does not say after how many steps it was written", path)
	}
	if saved != recorded && saved != recorded+1 {
		return 0, fmt.Errorf("%s is of epoch %d, but the last one that was recorded is %d", path, saved, recorded)
	}
	weights, err := fitting(path, r.plan.Net, ts)
	if err != nil {
		return 0, err
	}
	r.model.setWeights(weights)
	if err := r.beside(LastOptimizer, saved, r.model.setOptimizerState); err != nil {
		return 0, err
	}
	if r.model.ema != nil {
		err := r.beside(LastEMA, saved, func(path string, ts []checkpoint.Tensor) error {
			averages, err := fitting(path, r.plan.Net, ts)
			if err == nil {
				r.model.setAverages(averages)
			}
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	if saved == recorded {
		return saved + 1, nil
	}
	// It ended between saving an epoch and recording it; its files are perhaps recorded as they were before.
	e, err := epochOf(meta, saved)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	if err := r.recordFiles(ctx, e); err != nil {
		return 0, err
	}
	return saved + 1, r.record(ctx, e)
}

// beside reads one of the files that belong to the weights of an epoch.
func (r *run) beside(name string, epoch int, use func(path string, ts []checkpoint.Tensor) error) error {
	path := filepath.Join(r.Dir, name)
	ts, meta, err := checkpoint.Read(path)
	if err != nil {
		return err
	}
	if meta["epoch"] != strconv.Itoa(epoch) {
		return fmt.Errorf("%s is of epoch %s, the weights are of epoch %d: they were not saved together; `exp rerun` trains the run again", path, meta["epoch"], epoch)
	}
	return use(path, ts)
}

// meta is what a file of weights says of itself: whose they are, after which epoch and step, and what the epoch's metrics were,
// without those of the clock, so that the same weights are the same file.
func (r *run) meta(e Epoch) map[string]string {
	metrics := map[string]string{}
	for _, m := range e.Metrics {
		if m.Name != metric.Seconds && m.Name != metric.ExamplesPerSecond {
			metrics[m.Name] = strconv.FormatFloat(m.Value, 'g', -1, 64) // JSON has no NaN
		}
	}
	text, _ := json.Marshal(metrics) // texts can always be written
	return map[string]string{
		"experiment": r.plan.Experiment.Name, "epoch": strconv.Itoa(e.N), "step": strconv.Itoa(r.step), "metrics": string(text),
	}
}

// epochOf reads back what meta wrote of an epoch.
func epochOf(meta map[string]string, n int) (Epoch, error) {
	texts := map[string]string{}
	if err := json.Unmarshal([]byte(meta["metrics"]), &texts); err != nil {
		return Epoch{}, fmt.Errorf("read the metrics of epoch %d: %w", n, err)
	}
	e := Epoch{N: n}
	for _, name := range metric.Names { // in their order
		text, ok := texts[name]
		if !ok {
			continue
		}
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return Epoch{}, fmt.Errorf("read %s of epoch %d: %w", name, n, err)
		}
		e.Metrics = append(e.Metrics, Metric{name, value})
	}
	return e, nil
}
