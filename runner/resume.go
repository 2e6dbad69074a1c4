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
	last := r.Past.Epochs[len(r.Past.Epochs)-1]
	if err := r.divergedIn(last); err != nil {
		return 0, err
	}
	saved, err := r.load(last.N)
	if err != nil {
		return 0, fmt.Errorf("%w; `exp rerun` trains the run again", err)
	}
	if saved.N > last.N {
		// It ended between saving an epoch and recording it; its files are perhaps recorded as they were before.
		if err := r.recordFiles(ctx, saved); err != nil {
			return 0, err
		}
		return saved.N + 1, r.record(ctx, saved)
	}
	return saved.N + 1, nil
}

// divergedIn is the divergence with which an epoch ended, of which nothing was saved: the run died before it said so.
func (r *run) divergedIn(e Epoch) error {
	names := []string{metric.TrainLoss, metric.GradNorm}
	if e.N == r.plan.Experiment.Train.Epochs {
		names = append(names, metric.ValLoss)
	}
	for _, name := range names {
		if value, ok := e.Get(name); ok && !finite(value) {
			return fmt.Errorf("%w: epoch %d: %s is %v; %s", errDiverged, e.N, name, value, advice)
		}
	}
	return nil
}

// load reads what the run's folder holds: the last epoch that was recorded, or the one after that.
func (r *run) load(recorded int) (saved Epoch, err error) {
	path := filepath.Join(r.Dir, LastWeights)
	ts, meta, err := checkpoint.Read(path)
	switch {
	case err != nil && recorded == 0: // no file is written before epoch 1
		return Epoch{}, nil
	case err != nil:
		return saved, err
	}
	n, err := strconv.Atoi(meta["epoch"])
	if err != nil {
		return saved, fmt.Errorf("%s does not say of which epoch it is", path)
	}
	if r.step, err = strconv.Atoi(meta["step"]); err != nil {
		return saved, fmt.Errorf("%s does not say after how many steps it was written", path)
	}
	if n != recorded && n != recorded+1 {
		return saved, fmt.Errorf("%s is of epoch %d, but the last one that was recorded is %d", path, n, recorded)
	}
	weights, err := fitting(path, r.plan.Net, ts)
	if err != nil {
		return saved, err
	}
	r.model.setWeights(weights)
	if err := r.beside(LastOptimizer, n, r.model.setOptimizerState); err != nil {
		return saved, err
	}
	if r.model.ema != nil {
		err := r.beside(LastEMA, n, func(path string, ts []checkpoint.Tensor) error {
			averages, err := fitting(path, r.plan.Net, ts)
			if err == nil {
				r.model.setAverages(averages)
			}
			return err
		})
		if err != nil {
			return saved, err
		}
	}
	if saved, err = epochOf(meta, n); err != nil {
		return saved, fmt.Errorf("%s: %w", path, err)
	}
	return saved, nil
}

// beside reads one of the files that belong to the weights of an epoch.
func (r *run) beside(name string, epoch int, use func(path string, ts []checkpoint.Tensor) error) error {
	path := filepath.Join(r.Dir, name)
	ts, meta, err := checkpoint.Read(path)
	if err != nil {
		return err
	}
	if meta["epoch"] != strconv.Itoa(epoch) {
		return fmt.Errorf("%s is of epoch %s, the weights are of epoch %d: they were not saved together", path, meta["epoch"], epoch)
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
