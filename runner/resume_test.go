package runner

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"exp/runner/checkpoint"
	"exp/runner/metric"
)

// cutShort trains a plan until step 2 of epoch 3 of 5, and gives what was recorded.
func cutShort(t *testing.T, p *Plan, dir string) *notes {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	n := &notes{}
	n.onStep = func(s Step) {
		if s.Phase == "train" && s.Epoch == 3 && s.Step == 2 {
			cancel()
		}
	}
	if res, err := runIt(t, ctx, p, n, dir); err != nil || res.Status != Interrupted || res.EpochsDone != 2 {
		t.Fatalf("%+v, %v", res, err)
	}
	return n
}

func resumeIt(p *Plan, n *notes, past []Epoch, dir string) (Result, error) {
	return Run(context.Background(), p, Options{Threads: 1, Dir: dir, Past: &Past{past}, Recorder: n, Now: time.Now})
}

// unmove brings files to where they are when a run dies while it saves them; older ones are in their places.
func unmove(t *testing.T, dir string, names ...string) {
	t.Helper()
	at := t.TempDir()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.Rename(path, filepath.Join(at, name)); err != nil {
			t.Fatal(err)
		}
		if err := checkpoint.Write(path, nil, map[string]string{"epoch": "1"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(filepath.Join(dir, "saved"), os.DirFS(at)); err != nil {
		t.Fatal(err)
	}
}

// tensors reads a file of weights.
func tensors(t *testing.T, dir, name string) []checkpoint.Tensor {
	t.Helper()
	ts, _, err := checkpoint.Read(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return ts
}

// last is the place of the last text that is x.
func last(texts []string, x string) int {
	for i := len(texts) - 1; ; i-- {
		if texts[i] == x {
			return i
		}
	}
}

func TestAResumedRunIsTheUninterruptedOne(t *testing.T) {
	for name, set := range map[string][]string{
		"momentum, averages, dropout, mirrors": {"optimizer={type: sgd, lr: 0.05, momentum: 0.9, nesterov: true}", "train.ema={decay: 0.9, every: 2}",
			"model.head.dropout=0.3", "data.augment=[{type: crop, pad: 2}, {type: flip, alternate: true}]", "train.tta=flip"},
		"adam, plateau": {"optimizer=adam", "schedule={type: plateau, patience: 1, factor: 0.5}"},
		"one cycle, few evaluations, accumulation": {"optimizer={type: rmsprop, momentum: 0.5}", "schedule=one-cycle", "train.eval_every=2", "train.accumulate=3"},
		"stochastic depth, early stop":             {"optimizer=adamw", "model.unit.stochastic_depth=0.5", "train.early_stop={metric: train_loss, patience: 2, min_change: 0.4}"},
	} {
		t.Run(name, func(t *testing.T) {
			plan := func() *Plan { return small(t, append(set, "train.epochs=5")...) }
			whole, dir := &notes{}, t.TempDir()
			want, err := runIt(t, context.Background(), plan(), whole, dir)
			if err != nil || want.Status != Done {
				t.Fatalf("%+v, %v", want, err)
			}
			cut := t.TempDir()
			n := cutShort(t, plan(), cut)
			past, ofEpoch2 := n.epochs, n.files[last(n.files, "weights "+LastWeights):]
			for _, died := range []string{"in epoch 3", "before epoch 2 was recorded", "while the files of epoch 2 were moved to their places"} {
				at := t.TempDir()
				if err := os.CopyFS(at, os.DirFS(cut)); err != nil {
					t.Fatal(err)
				}
				if strings.HasPrefix(died, "while") {
					unmove(t, at, LastWeights, LastOptimizer)
				}
				rest := &notes{}
				got, err := resumeIt(plan(), rest, past, at)
				if err != nil || got != want {
					t.Fatalf("died %s: %+v, %v; whole %+v", died, got, err, want)
				}
				all := append(append([]Epoch{}, past...), rest.epochs...)
				if len(all) != len(whole.epochs) {
					t.Fatalf("%d epochs, not %d", len(all), len(whole.epochs))
				}
				for i, e := range all {
					for _, name := range metric.Names {
						if name == metric.Seconds || name == metric.ExamplesPerSecond {
							continue
						}
						got, has := e.Get(name)
						want, had := whole.epochs[i].Get(name)
						if got != want || has != had {
							t.Errorf("epoch %d: %s is %v, not %v", e.N, name, got, want)
						}
					}
				}
				for _, file := range []string{LastWeights, LastOptimizer, BestWeights} {
					if !reflect.DeepEqual(tensors(t, at, file), tensors(t, dir, file)) {
						t.Errorf("%s is another", file)
					}
				}
				if got := strings.Count(strings.Join(rest.files, " "), "weights "+LastWeights); got != len(rest.epochs) {
					t.Errorf("died %s: the weights of %d epochs are recorded, not of %d", died, got, len(rest.epochs))
				}
				if died != "in epoch 3" && !slices.Equal(rest.files[:len(ofEpoch2)], ofEpoch2) {
					t.Errorf("died %s: its files are recorded as %q, not first %q", died, rest.files, ofEpoch2)
				}
				past = n.epochs[:2]
			}
		})
	}
}

func TestARunThatCannotGoOnSaysWhy(t *testing.T) {
	p := small(t, "train.epochs=5", "optimizer=adam")
	cut := t.TempDir()
	past := cutShort(t, p, cut).epochs
	for _, c := range []struct {
		name, want string
		spoil      func(dir string) error
		past       []Epoch
	}{
		{"no weights", "no such file", func(dir string) error { return os.Remove(filepath.Join(dir, LastWeights)) }, past},
		{"a cut file", "", func(dir string) error { return os.Truncate(filepath.Join(dir, LastOptimizer), 500) }, past},
		{"files of two epochs", "they were not saved together", func(dir string) error {
			return checkpoint.Write(filepath.Join(dir, LastOptimizer), tensors(t, dir, LastOptimizer), map[string]string{"epoch": "1"})
		}, past},
		{"another optimizer's memory", "does not fit the optimizer", func(dir string) error {
			return checkpoint.Write(filepath.Join(dir, LastOptimizer), nil, map[string]string{"epoch": "2"})
		}, past},
		{"weights of no epoch", "does not say of which epoch", func(dir string) error {
			return checkpoint.Write(filepath.Join(dir, LastWeights), tensors(t, dir, LastWeights), nil)
		}, past},
		{"weights from before", "is of epoch 2, but the last one that was recorded is 4", func(string) error { return nil },
			append(append([]Epoch{}, past...), Epoch{N: 4})},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(cut)); err != nil {
				t.Fatal(err)
			}
			if err := c.spoil(dir); err != nil {
				t.Fatal(err)
			}
			res, err := resumeIt(p, &notes{}, c.past, dir)
			if err == nil || res.Status != Failed || !strings.HasPrefix(err.Error(), "resume: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v, %v", res, err)
			}
		})
	}
}

func TestARunThatDiedBeforeItsFirstEpochStartsAgain(t *testing.T) {
	want := &notes{}
	if _, err := runIt(t, context.Background(), small(t), want, ""); err != nil {
		t.Fatal(err)
	}
	for recorded := range 2 { // nothing, and epoch 0
		n := &notes{}
		if res, err := resumeIt(small(t), n, want.epochs[:recorded], t.TempDir()); err != nil || res.EpochsDone != 2 || len(n.epochs) != 3-recorded {
			t.Fatalf("%+v, %v", res, err)
		}
		got, _ := n.epochs[len(n.epochs)-1].Get(metric.ValLoss)
		if loss, _ := want.epochs[2].Get(metric.ValLoss); got != loss {
			t.Errorf("ends with a validation loss of %v, not %v", got, loss)
		}
	}
}

func TestARunThatDiedBeforeItSaidThatItDivergedSaysIt(t *testing.T) {
	n, dir := &notes{}, t.TempDir()
	p := small(t, "train.epochs=4", "optimizer={type: sgd, lr: 1e20}")
	if res, err := runIt(t, context.Background(), p, n, dir); err != nil || res.Status != Diverged {
		t.Fatalf("%+v, %v", res, err)
	}
	rest := &notes{}
	res, err := resumeIt(p, rest, n.epochs, dir)
	if err != nil || res.Status != Diverged || res.EpochsDone != n.epochs[len(n.epochs)-1].N || !strings.Contains(res.Reason, "is NaN") || len(rest.epochs) > 0 {
		t.Errorf("%+v, %v, %d more epochs", res, err, len(rest.epochs))
	}
}
