package runner

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"time"

	"exp/data"
	"exp/runner/checkpoint"
	"exp/runner/metric"
	"exp/runner/schedule"
)

// Options are what a run needs besides its plan.
type Options struct {
	Threads  int              // at least 1
	Dir      string           // folder for the weights; "" = write none
	Past     *Past            // a run to go on with, whose files are in Dir; nil = from the start
	Env      data.Env         // where data sets are
	Recorder Recorder         // nil = record nothing
	Progress Progress         // nil = show nothing
	Now      func() time.Time // the clock; required
}

// How a run can end.
const (
	Done        = "done"
	Diverged    = "diverged"    // the loss was NaN or infinite
	Interrupted = "interrupted" // the context was cancelled
	Failed      = "failed"
)

// Result is how a run ended.
type Result struct {
	Status     string
	EpochsDone int    // recorded, one that diverged included
	Reason     string // why it diverged, was interrupted or failed; "" when done
	Stopped    string // why it was done before its last epoch, "" when it was not
}

// Files of a run's folder.
const (
	LastWeights   = "last.safetensors"           // after the last whole epoch
	BestWeights   = "best.safetensors"           // after the evaluated epoch with the highest validation accuracy, the first of equals
	LastEMA       = "last.ema.safetensors"       // the moving average that belongs to LastWeights; only with train.ema
	LastOptimizer = "last.optimizer.safetensors" // the optimizer's memory that belongs to LastWeights
)

// Run trains a plan to its end, until its loss is not finite, or until ctx is cancelled: then the current step is finished.
// Divergence and interruption are not errors; see Result.
func Run(ctx context.Context, p *Plan, o Options) (Result, error) {
	if o.Recorder == nil {
		o.Recorder = unrecorded{}
	}
	if o.Progress == nil {
		o.Progress = quiet{}
	}
	r := &run{plan: p, Options: o, result: Result{Status: Done}, bestAcc: math.Inf(-1), values: map[string][]float64{}}
	if o.Past != nil {
		r.result.EpochsDone = o.Past.last()
	}
	err := r.whole(ctx)
	switch {
	case err == nil:
	case errors.Is(err, errDiverged):
		r.result.Status, r.result.Reason, err = Diverged, err.Error(), nil
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		r.result.Status, r.result.Reason, err = Interrupted, err.Error(), nil
	default:
		r.result.Status, r.result.Reason = Failed, err.Error()
	}
	return r.result, err
}

var errDiverged = errors.New("training diverged")

type run struct {
	Options
	plan    *Plan
	model   *Model
	data    *data.Prepared
	result  Result
	bestAcc float64
	step    int                  // weight updates so far
	values  map[string][]float64 // of each metric, in the epochs in which it was measured
	finite  float64              // last finite loss
}

func (r *run) whole(ctx context.Context) error {
	e := r.plan.Experiment
	prepared, err := data.Prepare(ctx, e.Data, e.Seed, r.Env)
	if err != nil {
		return fmt.Errorf("prepare the data: %w", err)
	}
	r.data = prepared
	if keeper, ok := r.Recorder.(DataRecorder); ok {
		if err := keeper.Data(ctx, prepared.Hash); err != nil {
			return fmt.Errorf("record the data: %w", err)
		}
	}
	rows := min(e.Train.Batch, max(prepared.Train.Len(), prepared.Val.Len()))
	if r.model, err = NewModel(r.plan, rows, r.Threads); err != nil {
		return fmt.Errorf("build the net: %w", err)
	}
	defer r.model.Close()
	if e.Init.From != "" {
		arrays, err := initialWeights(e.Init.From, r.plan.Net)
		if err != nil {
			return err
		}
		r.model.setWeights(arrays)
	}
	first := 0
	if r.Past != nil {
		if first, err = r.resume(ctx); err != nil {
			return fmt.Errorf("resume: %w", err)
		}
	}
	for n := first; n <= e.Train.Epochs; n++ {
		if reason := r.stale(); reason != "" {
			return r.stop(ctx, n-1, reason)
		}
		if err := r.epoch(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// stale says why the training should end early, "" if it should not.
func (r *run) stale() string {
	s := r.plan.Experiment.Train.EarlyStop
	if s == nil {
		return ""
	}
	values := r.values[s.Metric]
	best, since := metric.Best(s.Metric, values, s.MinChange)
	if since < s.Patience {
		return ""
	}
	return fmt.Sprintf("%s has not become better by more than %v in the last %d epochs that it was measured in; the best was %.6g", s.Metric, s.MinChange, since, best)
}

// stop ends the training after epoch n, before its time.
func (r *run) stop(ctx context.Context, n int, reason string) error {
	loss := r.values[metric.ValLoss]
	if len(loss) == 0 || !finite(loss[len(loss)-1]) {
		return fmt.Errorf("%w: stopped after epoch %d with a validation loss that is not finite; %s", errDiverged, n, advice)
	}
	r.result.Stopped = fmt.Sprintf("stopped after epoch %d of %d: %s", n, r.plan.Experiment.Train.Epochs, reason)
	if keeper, ok := r.Recorder.(EventRecorder); ok {
		if err := keeper.Event(context.WithoutCancel(ctx), "early_stop", r.result.Stopped); err != nil {
			return fmt.Errorf("record why training stopped: %w", err)
		}
	}
	return nil
}

// epoch trains one epoch (none for 0), evaluates if that is due, and records both.
func (r *run) epoch(ctx context.Context, n int) error {
	now := Epoch{N: n}
	var diverged error
	if n > 0 {
		var err error
		if now.Metrics, err = r.train(ctx, n); err != nil && !errors.Is(err, errDiverged) {
			return err
		}
		diverged = err
	}
	if diverged == nil {
		var loss float64
		if r.plan.evaluated(n) {
			metrics, err := r.measure(ctx, n)
			if err != nil {
				return err
			}
			loss = metrics[0].Value
			now.Metrics = append(now.Metrics, metrics...)
		}
		// Moving averages that have not settled can spoil an evaluation on the way; at the end it is the result.
		if !finite(loss) && n == r.plan.Experiment.Train.Epochs {
			diverged = fmt.Errorf("%w: after the last epoch the validation loss is %v; %s", errDiverged, loss, advice)
		} else if err := r.save(ctx, now); err != nil {
			return err
		}
	}
	if err := r.record(ctx, now); err != nil {
		return err
	}
	return diverged
}

// record has an epoch recorded and shown.
func (r *run) record(ctx context.Context, e Epoch) error {
	if err := r.Recorder.Epoch(context.WithoutCancel(ctx), e); err != nil {
		return fmt.Errorf("record epoch %d: %w", e.N, err)
	}
	r.result.EpochsDone = e.N
	r.remember(e)
	r.Progress.Epoch(e)
	return nil
}

// remember keeps the metrics of an epoch for schedules, early stops and the best weights; the untrained net is nothing to get
// better than.
func (r *run) remember(e Epoch) {
	if e.N == 0 {
		return
	}
	for _, m := range e.Metrics {
		r.values[m.Name] = append(r.values[m.Name], m.Value)
	}
	if r.best(e) {
		r.bestAcc, _ = e.Get(metric.ValAcc)
	}
}

// best says whether an epoch was evaluated and none before it had as high an accuracy.
func (r *run) best(e Epoch) bool {
	acc, evaluated := e.Get(metric.ValAcc)
	loss, _ := e.Get(metric.ValLoss)
	return evaluated && finite(loss) && acc > r.bestAcc
}

// measure evaluates the net after epoch n: validation loss and accuracy, then what else is asked for.
func (r *run) measure(ctx context.Context, n int) ([]Metric, error) {
	e := r.plan.Experiment
	tta := e.Train.TTA != "none" && n > 0 // how the untrained net sees a picture is of no interest
	score, viewed, err := r.evaluate(ctx, n, "validate", r.data.Val, 0, tta)
	if err != nil {
		return nil, err
	}
	metrics := []Metric{{metric.ValLoss, score.Loss()}, {metric.ValAcc, score.Acc()}}
	if tta {
		metrics = append(metrics, Metric{metric.TTAValLoss, viewed.Loss()}, Metric{metric.TTAValAcc, viewed.Acc()})
	}
	if r.model.ema != nil {
		r.model.swapAverages()
		score, viewed, err := r.evaluate(ctx, n, "validate the average", r.data.Val, 0, tta)
		r.model.swapAverages()
		if err != nil {
			return nil, err
		}
		metrics = append(metrics, Metric{metric.EMAValLoss, score.Loss()}, Metric{metric.EMAValAcc, score.Acc()})
		if tta {
			metrics = append(metrics, Metric{metric.EMATTAValLoss, viewed.Loss()}, Metric{metric.EMATTAValAcc, viewed.Acc()})
		}
	}
	if clean := e.Train.CleanEval; clean != 0 {
		score, _, err := r.evaluate(ctx, n, "clean", r.data.Train, max(0, int(clean)), false) // CleanAll is below 0
		if err != nil {
			return nil, err
		}
		metrics = append(metrics, Metric{metric.CleanTrainLoss, score.Loss()}, Metric{metric.CleanTrainErr, 1 - score.Acc()})
	}
	return metrics, nil
}

// train runs the steps of an epoch and returns what was measured on the way.
func (r *run) train(ctx context.Context, n int) ([]Metric, error) {
	e := r.plan.Experiment
	steps := r.plan.steps(r.data.Train.Len())
	updates := r.plan.updates(r.data.Train.Len())
	rate := e.Optimizer.Rate()
	if w, ok := e.Schedule.(schedule.Watcher); ok {
		rate *= w.After(r.values[w.Watches()])
	}
	batches := r.data.Train.Batches(ctx, r.plan.order(n))
	defer batches.Close()
	var score metric.Score
	var norm metric.Mean
	var lr float64
	var failure error
	done, updated := 0, 0
	start := r.Now()
	for failure == nil {
		b, ok := batches.Next()
		if !ok {
			if err := batches.Err(); err != nil {
				return nil, fmt.Errorf("epoch %d, step %d: %w", n, done+1, err)
			}
			break
		}
		lr = rate * e.Schedule.At(r.step, updates, updates*e.Train.Epochs)
		loss, correct, err := r.model.Forward(b, n, done)
		if err != nil {
			return nil, fmt.Errorf("epoch %d, step %d: %w", n, done+1, err)
		}
		score.Add(loss, correct, b.Rows)
		if !finite(loss) {
			failure = r.diverged(n, done+1, "loss", loss)
			break
		}
		r.finite = loss
		done++
		if e.Train.Accumulate > 1 {
			r.model.Accumulate()
		}
		if done%e.Train.Accumulate == 0 || done == steps {
			r.step++
			updated++
			length := r.model.Update(lr, r.step)
			norm.Add(length, 1)
			if !finite(length) {
				failure = r.diverged(n, done, "gradient's norm", length)
			}
		}
		seconds := r.Now().Sub(start).Seconds()
		r.Progress.Step(Step{Phase: "train", Epoch: n, Epochs: e.Train.Epochs, Step: done, Steps: steps,
			Loss: score.Loss(), Acc: score.Acc(), LR: lr, ExamplesPerSecond: float64(score.Examples()) / seconds})
		if ctx.Err() != nil {
			return nil, fmt.Errorf("interrupted in epoch %d after step %d of %d: %w", n, done, steps, ctx.Err())
		}
	}
	seconds := r.Now().Sub(start).Seconds()
	return []Metric{
		{metric.TrainLoss, score.Loss()}, {metric.TrainAcc, score.Acc()}, {metric.LR, lr}, {metric.GradNorm, norm.Value()},
		{metric.Seconds, seconds}, {metric.ExamplesPerSecond, float64(score.Examples()) / seconds},
		{metric.Steps, float64(updated)}, {metric.Examples, float64(score.Examples())},
	}, failure
}

const advice = "a lower learning rate or a warm-up may help"

// diverged says where and how training left the numbers.
func (r *run) diverged(epoch, step int, what string, value float64) error {
	before := ""
	if r.step > 0 {
		before = fmt.Sprintf(" (last finite loss %.4g)", r.finite)
	}
	return fmt.Errorf("%w: epoch %d, step %d: the %s is %v%s; %s", errDiverged, epoch, step, what, value, before, advice)
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// evaluate measures the first limit examples (0 = all) of a source in evaluation mode, without augmentation, and with tta
// also in all views of train.tta.
func (r *run) evaluate(ctx context.Context, n int, phase string, s *data.Source, limit int, tta bool) (score, viewed metric.Score, err error) {
	e := r.plan.Experiment
	batches := s.Batches(ctx, data.Order{Batch: e.Train.Batch, Limit: limit})
	defer batches.Close()
	defer r.model.freeze()()
	count := s.Len()
	if limit > 0 {
		count = min(limit, count)
	}
	start := r.Now()
	for done := 1; ; done++ {
		b, ok := batches.Next()
		if !ok {
			break
		}
		loss, correct, err := r.model.Evaluate(b)
		if err != nil {
			return score, viewed, fmt.Errorf("%s after epoch %d: %w", phase, n, err)
		}
		score.Add(loss, correct, b.Rows)
		if tta {
			loss, correct, err := r.model.Views(b)
			if err != nil {
				return score, viewed, fmt.Errorf("%s after epoch %d, in other views: %w", phase, n, err)
			}
			viewed.Add(loss, correct, b.Rows)
		}
		r.Progress.Step(Step{Phase: phase, Epoch: n, Epochs: e.Train.Epochs, Step: done, Steps: r.plan.steps(count), Loss: score.Loss(), Acc: score.Acc(),
			ExamplesPerSecond: float64(score.Examples()) / r.Now().Sub(start).Seconds()})
	}
	if err := batches.Err(); err != nil {
		return score, viewed, fmt.Errorf("%s after epoch %d: %w", phase, n, err)
	}
	return score, viewed, nil
}

// save writes the weights of an epoch and what belongs to them.
func (r *run) save(ctx context.Context, e Epoch) error {
	if r.Dir == "" || e.N == 0 {
		return nil
	}
	weights := r.model.Weights()
	names := r.files(e)
	files := make([]checkpoint.File, len(names))
	for i, name := range names {
		files[i] = checkpoint.File{Name: name, Tensors: weights}
		switch name {
		case LastOptimizer:
			files[i].Tensors = r.model.optimizerState()
		case LastEMA:
			files[i].Tensors = r.model.exportAll(r.model.ema.arrays)
		}
	}
	if err := checkpoint.WriteAll(r.Dir, files, r.meta(e)); err != nil {
		return fmt.Errorf("save the weights of epoch %d: %w", e.N, err)
	}
	return r.recordFiles(ctx, e)
}

// files is what is saved after an epoch that is not recorded yet.
func (r *run) files(e Epoch) []string {
	names := []string{LastWeights, LastOptimizer}
	if r.model.ema != nil {
		names = append(names, LastEMA)
	}
	if r.best(e) {
		names = append(names, BestWeights)
	}
	return names
}

// recordFiles has the files recorded that were saved after an epoch.
// recordFiles has files of the run's folder recorded.
func (r *run) recordFiles(ctx context.Context, e Epoch) error {
	for _, name := range r.files(e) {
		kind := "weights"
		if name == LastOptimizer {
			kind = "optimizer"
		}
		if err := r.Recorder.Artifact(context.WithoutCancel(ctx), kind, filepath.Join(r.Dir, name)); err != nil {
			return err
		}
	}
	return nil
}
