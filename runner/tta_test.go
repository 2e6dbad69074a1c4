package runner

import (
	"context"
	"math"
	"testing"

	"exp/data"
	"exp/internal/kernels"
	"exp/runner/metric"
)

// mirrored is a batch with every picture mirrored.
func mirrored(b data.Batch, w, c int) data.Batch {
	m := data.Batch{X: make([]float32, len(b.X)), Labels: b.Labels, Rows: b.Rows}
	for i := range b.X {
		x := i / c % w
		m.X[i+(w-1-2*x)*c] = b.X[i]
	}
	return m
}

func TestTheMirroredEvaluationIsThatOfTheMeanLogits(t *testing.T) {
	m := newModel(t, load(t, "quickstart", "train.batch=6", "train.tta=flip"), 2)
	s := m.plan.Net.Input.Shape
	step(t, m, images(6, s, 10), 0.01, 1)
	for _, rows := range []int{6, 4} {
		b := images(rows, s, 10)
		flipped := mirrored(b, s[1], s[2])
		mean := make([]float64, rows*10)
		for _, half := range []data.Batch{flipped, b} {
			if _, _, err := m.Evaluate(half); err != nil {
				t.Fatal(err)
			}
			for i, v := range m.eval.graph.Value(m.eval.logits)[:len(mean)] {
				mean[i] += float64(v) / 2
			}
		}
		losses, hits := make([]float64, rows), make([]int32, rows)
		kernels.Reference[float64]{}.SoftmaxCrossEntropy(rows, 10, mean, b.Labels, 0, losses, nil, hits)
		want, correct := 0.0, 0
		for i, l := range losses {
			want += l / float64(rows)
			correct += int(hits[i])
		}
		got, right, err := m.Mirrored(b)
		if err != nil || right != correct || !(math.Abs(got-want) < 1e-6) {
			t.Errorf("%d rows: a loss of %v and %d hits, want %v and %d, %v", rows, got, right, want, correct, err)
		}
		if _, _, err := m.Evaluate(flipped); err != nil {
			t.Fatal(err)
		}
		if same, _, _ := m.Mirrored(flipped); same != got {
			t.Errorf("%d rows: the mirror images have a loss of %v, their pictures %v", rows, same, got)
		}
	}
}

func TestARunIsTheSameBesideItsMirroredEvaluation(t *testing.T) {
	plain, both := &notes{}, &notes{}
	if _, err := runIt(t, context.Background(), small(t, "train.ema={every: 3}"), plain, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := runIt(t, context.Background(), small(t, "train.ema={every: 3}", "train.tta=flip"), both, ""); err != nil {
		t.Fatal(err)
	}
	for i, e := range plain.epochs {
		for _, m := range e.Metrics {
			timed := m.Name == metric.Seconds || m.Name == metric.ExamplesPerSecond
			if got, _ := both.epochs[i].Get(m.Name); got != m.Value && !timed {
				t.Errorf("epoch %d: %s is %v, and without mirror images %v", i, m.Name, got, m.Value)
			}
		}
		for _, name := range []string{metric.TTAValLoss, metric.EMATTAValLoss} {
			got, ok := both.epochs[i].Get(name)
			if one, _ := e.Get(metric.ValLoss); !ok || got == one || !finite(got) {
				t.Errorf("epoch %d: %s is %v, the loss of one image %v", i, name, got, one)
			}
		}
	}
}
