package runner

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"exp/runner/checkpoint"
	"exp/runner/metric"
)

func TestAveragesAreThoseOfPyTorch(t *testing.T) {
	const tolerance = 1e-6 // of values around 1, in float32
	text, err := os.ReadFile("testdata/pytorch-averages.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Decay            float64
		Every            int
		Values, Averages [][]float64
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		m := newModel(t, load(t, "quickstart", "train.ema={}"), 2)
		m.ema.Decay, m.ema.Every = c.Decay, c.Every
		for step := 1; step <= len(c.Values); step++ {
			for i, p := range m.plan.Net.Params { // the same in every array: weights and running statistics
				w := m.arrays[p]
				for j := range w {
					w[j] = float32(c.Values[step-1][(i+j)%7])
				}
			}
			m.average(step)
			if step < c.Every {
				continue
			}
			for i, p := range m.plan.Net.Params {
				for j, got := range m.ema.arrays[p] {
					if want := c.Averages[step/c.Every-1][(i+j)%7]; !(math.Abs(float64(got)-want) <= tolerance) {
						t.Fatalf("decay %v, step %d: %s[%d] is %v, PyTorch has %v", c.Decay, step, p.Name, j, got, want)
					}
				}
			}
		}
	}
}

func TestThreadsDoNotChangeABitOfTheAverages(t *testing.T) {
	p := load(t, "resnet-cifar", "model.units=1", "train.batch=8", "train.ema={decay: 0.7, every: 2}")
	var want []checkpoint.Tensor
	for threads := 1; threads <= 3; threads++ {
		m := newModel(t, p, threads)
		for n := 1; n <= 5; n++ {
			step(t, m, images(8-n, p.Net.Input.Shape, 10), 0.01, n)
		}
		got := m.exportAll(m.ema.arrays)
		if want == nil {
			want = got
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%d threads average differently", threads)
		}
	}
}

func TestAveragingAllocatesNothing(t *testing.T) {
	m := newModel(t, load(t, "quickstart", "train.batch=4", "train.ema={every: 1}"), 2)
	step(t, m, images(4, m.plan.Net.Input.Shape, 10), 0.01, 1)
	n := 1
	if allocations := testing.AllocsPerRun(100, func() { n++; m.Update(0.01, n) }); allocations > 0 {
		t.Errorf("%v allocations an update", allocations)
	}
}

func TestTrainingIsTheSameBesideItsAverage(t *testing.T) {
	plain, averaged := t.TempDir(), t.TempDir()
	first, second := &notes{}, &notes{}
	if _, err := runIt(t, context.Background(), small(t), first, plain); err != nil {
		t.Fatal(err)
	}
	if _, err := runIt(t, context.Background(), small(t, "train.ema={decay: 0.8, every: 3}"), second, averaged); err != nil {
		t.Fatal(err)
	}
	for i, e := range first.epochs {
		for _, m := range e.Metrics {
			timed := m.Name == metric.Seconds || m.Name == metric.ExamplesPerSecond
			if got, _ := second.epochs[i].Get(m.Name); got != m.Value && !timed {
				t.Errorf("epoch %d: %s is %v, and without an average %v", i, m.Name, got, m.Value)
			}
		}
	}
	read := func(dir, name string) []checkpoint.Tensor {
		ts, _, err := checkpoint.Read(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return ts
	}
	for _, name := range []string{LastWeights, LastOptimizer, BestWeights} {
		if !reflect.DeepEqual(read(plain, name), read(averaged, name)) {
			t.Errorf("%s differs", name)
		}
	}
	if !slices.Contains(second.files, "weights "+LastEMA) || slices.Contains(first.files, "weights "+LastEMA) {
		t.Errorf("files with an average: %v, without: %v", second.files, first.files)
	}
	if reflect.DeepEqual(read(averaged, LastEMA), read(averaged, LastWeights)) {
		t.Error("the average is the last weights")
	}

	// What was evaluated is what is in the file.
	third := &notes{}
	if _, err := runIt(t, context.Background(), small(t, "init.from="+filepath.Join(averaged, LastEMA), "train.epochs=1", "train.ema={}"), third, ""); err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]string{{metric.ValLoss, metric.EMAValLoss}, {metric.ValAcc, metric.EMAValAcc}} {
		want, ok := second.epochs[2].Get(pair[1])
		for _, name := range pair {
			if got, _ := third.epochs[0].Get(name); got != want || !ok {
				t.Errorf("the average in the file starts with a %s of %v, it had been %v", name, got, want)
			}
		}
	}
}
