package runner

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"exp/configs"
	"exp/runner/checkpoint"
	"exp/runner/metric"
)

// small is an experiment that trains in a moment.
func small(t *testing.T, set ...string) *Plan {
	return load(t, "quickstart", append([]string{"data.dataset.train=200", "data.dataset.test=100", "model.units=1", "model.stages=[{filters: 8}, {filters: 16, pool: max}]",
		"model.stem.filters=8", "train.epochs=2", "train.batch=32"}, set...)...)
}

// notes keeps what a run records, and calls a function at each step.
type notes struct {
	epochs []Epoch
	files  []string
	onStep func(Step)
}

func (n *notes) Epoch(_ context.Context, e Epoch) error {
	n.epochs = append(n.epochs, e)
	return nil
}

func (n *notes) Artifact(_ context.Context, kind, path string) error {
	n.files = append(n.files, kind+" "+filepath.Base(path))
	return nil
}

// watch shows the steps of a run to its notes.
type watch struct {
	quiet
	n *notes
}

func (w watch) Step(s Step) {
	if w.n.onStep != nil {
		w.n.onStep(s)
	}
}

func runIt(t *testing.T, ctx context.Context, p *Plan, n *notes, dir string) (Result, error) {
	t.Helper()
	return Run(ctx, p, Options{Threads: 2, Dir: dir, Recorder: n, Progress: watch{n: n}, Now: time.Now})
}

func TestARunRecordsEveryMetricOfEveryEpoch(t *testing.T) {
	n := &notes{}
	dir := t.TempDir()
	res, err := runIt(t, context.Background(), small(t), n, dir)
	if err != nil || res.Status != Done || res.EpochsDone != 2 {
		t.Fatalf("%+v, %v", res, err)
	}
	if len(n.epochs) != 3 {
		t.Fatalf("%d epochs recorded, want 0, 1 and 2", len(n.epochs))
	}
	for _, e := range n.epochs {
		for _, name := range metric.Names {
			_, ok := e.Get(name)
			trained := !strings.Contains(name, "val_") && !strings.HasPrefix(name, "clean_")
			asked := !strings.HasPrefix(name, "ema_") && !strings.HasPrefix(name, "tta_")
			if want := asked && (e.N > 0 || !trained); ok != want {
				t.Errorf("epoch %d: %s recorded: %v", e.N, name, ok)
			}
		}
	}
	if steps, _ := n.epochs[1].Get(metric.Steps); steps != 7 {
		t.Errorf("%v steps, want 7: six whole batches and one of 8", steps)
	}
	if examples, _ := n.epochs[1].Get(metric.Examples); examples != 200 {
		t.Errorf("%v examples, want 200", examples)
	}
	for _, f := range []string{LastWeights, BestWeights, LastOptimizer} {
		if _, _, err := checkpoint.Read(filepath.Join(dir, f)); err != nil {
			t.Error(err)
		}
	}
}

func TestAnEpochThatIsNotEvaluatedHasTrainMetricsOnly(t *testing.T) {
	n := &notes{}
	dir := t.TempDir()
	p := small(t, "train.epochs=5", "train.eval_every=3")
	if res, err := runIt(t, context.Background(), p, n, dir); err != nil || res.Status != Done {
		t.Fatalf("%+v, %v", res, err)
	}
	all := &notes{}
	if _, err := runIt(t, context.Background(), small(t, "train.epochs=5"), all, ""); err != nil {
		t.Fatal(err)
	}
	best, epoch := -1.0, 0
	for i, e := range n.epochs {
		for _, name := range []string{metric.ValLoss, metric.ValAcc, metric.CleanTrainErr, metric.CleanTrainLoss, metric.TrainLoss, metric.TrainAcc} {
			got, ok := e.Get(name)
			want, there := all.epochs[i].Get(name)
			if !strings.HasPrefix(name, "train_") {
				there = i == 0 || i == 3 || i == 5
			}
			if ok != there || ok && got != want {
				t.Errorf("epoch %d: %s is %v, %v; evaluated after every epoch it is %v", i, name, got, ok, want)
			}
		}
		if acc, ok := e.Get(metric.ValAcc); ok && i > 0 && acc > best {
			best, epoch = acc, i
		}
	}
	_, meta, err := checkpoint.Read(filepath.Join(dir, BestWeights))
	if err != nil || meta["epoch"] != strconv.Itoa(epoch) {
		t.Errorf("the best weights are those of epoch %s, not %d, %v", meta["epoch"], epoch, err)
	}
	if got := strings.Count(strings.Join(n.files, " "), LastWeights); got != 5 {
		t.Errorf("the last weights were written %d times, not after each epoch", got)
	}
}

func TestTheSameExperimentGivesTheSameBits(t *testing.T) {
	read := func() []checkpoint.Tensor {
		dir := t.TempDir()
		if _, err := runIt(t, context.Background(), small(t), &notes{}, dir); err != nil {
			t.Fatal(err)
		}
		ts, _, err := checkpoint.Read(filepath.Join(dir, LastWeights))
		if err != nil {
			t.Fatal(err)
		}
		return ts
	}
	if !reflect.DeepEqual(read(), read()) {
		t.Error("two runs end with different weights")
	}
}

func TestALossThatIsNotFiniteEndsTheRun(t *testing.T) {
	n := &notes{}
	res, err := runIt(t, context.Background(), small(t, "optimizer={type: sgd, lr: 1e30, momentum: 0}"), n, "")
	if err != nil {
		t.Fatal(err)
	}
	if res.Status != Diverged || !strings.Contains(res.Reason, "epoch 1, step") {
		t.Errorf("%+v", res)
	}
	last := n.epochs[len(n.epochs)-1]
	if loss, ok := last.Get(metric.TrainLoss); !ok || !math.IsNaN(loss) && !math.IsInf(loss, 0) {
		t.Errorf("the last epoch records a loss of %v", loss)
	}
}

func TestAnUpdateThatSpoilsTheWeightsInTheLastStepIsSeen(t *testing.T) {
	for _, optimizer := range []string{"{type: sgd, lr: 1e30, momentum: 0}", "{type: adam, lr: 1e30}"} {
		dir := t.TempDir()
		res, err := runIt(t, context.Background(), small(t, "optimizer="+optimizer, "train.epochs=1", "train.batch=200"), &notes{}, dir)
		if err != nil || res.Status != Diverged {
			t.Errorf("%s: %+v, %v", optimizer, res, err)
		}
		if _, err := os.Stat(filepath.Join(dir, BestWeights)); err == nil {
			t.Errorf("%s: spoilt weights were kept as the best", optimizer)
		}
	}
}

func TestAnInterruptionFinishesTheStep(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	n := &notes{}
	var last Step
	n.onStep = func(s Step) {
		last = s
		if s.Phase == "train" && s.Epoch == 2 && s.Step == 3 {
			cancel()
		}
	}
	res, err := runIt(t, ctx, small(t), n, t.TempDir())
	if res.Status != Interrupted || res.EpochsDone != 1 || !errors.Is(err, nil) {
		t.Errorf("%+v, %v", res, err)
	}
	if last.Step != 3 || len(n.epochs) != 2 {
		t.Errorf("last step %d, %d epochs recorded", last.Step, len(n.epochs))
	}
}

func TestARunStartsFromGivenWeights(t *testing.T) {
	dir := t.TempDir()
	first := &notes{}
	if _, err := runIt(t, context.Background(), small(t), first, dir); err != nil {
		t.Fatal(err)
	}
	second := &notes{}
	path := filepath.Join(dir, LastWeights)
	if _, err := runIt(t, context.Background(), small(t, "init.from="+path, "train.epochs=1"), second, ""); err != nil {
		t.Fatal(err)
	}
	want, _ := first.epochs[2].Get(metric.ValLoss)
	if got, _ := second.epochs[0].Get(metric.ValLoss); got != want {
		t.Errorf("starts with a validation loss of %v, the weights had %v", got, want)
	}
	for _, set := range [][]string{{"init.from=nowhere.safetensors"}, {"init.from=" + path, "model.stages.last.filters=12"}} {
		l, err := configs.Load("quickstart", configs.Options{Set: set})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := NewPlan(l); err == nil || !strings.HasPrefix(err.Error(), "init.from: ") {
			t.Errorf("%v: %v", set, err)
		}
	}
	if err := os.Truncate(path, 1000); err != nil {
		t.Fatal(err)
	}
	plan := small(t)
	plan.Experiment.Init.From = path
	if _, err := runIt(t, context.Background(), plan, &notes{}, ""); err == nil {
		t.Error("a cut file was read")
	}
}
