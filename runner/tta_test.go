package runner

import (
	"context"
	"math"
	"slices"
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

// corner is a batch with every picture moved by one pixel to the upper left, or the lower right; the row and the column that
// come free are as those beside them.
func corner(b data.Batch, h, w, c int, lower bool) data.Batch {
	m := data.Batch{X: slices.Clone(b.X), Labels: b.Labels, Rows: b.Rows}
	for row := range b.Rows {
		at := func(y, x int) []float32 { return m.X[((row*h+y)*w+x)*c:][:c] }
		was := func(y, x int) []float32 { return b.X[((row*h+y)*w+x)*c:][:c] }
		for y := range h - 1 {
			for x := range w - 1 {
				if lower {
					copy(at(y+1, x+1), was(y, x))
				} else {
					copy(at(y, x), was(y+1, x+1))
				}
			}
		}
		from, to := h-1, h-2 // the free row is as the one that moved away from it
		if lower {
			from, to = 0, 1
		}
		for x := range w {
			copy(at(from, x), at(to, x))
		}
		for y := range h {
			copy(at(y, from), at(y, to))
		}
	}
	return m
}

func TestSeveralViewsAreClassifiedByTheMeanOfTheirLogits(t *testing.T) {
	for _, tta := range []string{"flip", "flip-shift"} {
		m := newModel(t, load(t, "quickstart", "train.batch=6", "train.tta="+tta), 2)
		s := m.plan.Net.Input.Shape
		step(t, m, images(6, s, 10), 0.01, 1)
		for _, rows := range []int{6, 4} {
			b := images(rows, s, 10)
			both := []data.Batch{mirrored(b, s[1], s[2]), b}
			var views []data.Batch
			if tta == "flip-shift" {
				for _, v := range both {
					views = append(views, corner(v, s[0], s[1], s[2], false), corner(v, s[0], s[1], s[2], true))
				}
			}
			views = append(views, both...) // the last must be the pictures as they are
			mean := make([]float64, rows*10)
			for _, v := range views {
				if _, _, err := m.Evaluate(v); err != nil {
					t.Fatal(err)
				}
				for i, l := range m.eval.graph.Value(m.eval.logits)[:len(mean)] {
					mean[i] += float64(l) / float64(len(views))
				}
			}
			losses, hits := make([]float64, rows), make([]int32, rows)
			kernels.Reference[float64]{}.SoftmaxCrossEntropy(rows, 10, mean, b.Labels, 0, losses, nil, hits)
			want, correct := 0.0, 0
			for i, l := range losses {
				want += l / float64(rows)
				correct += int(hits[i])
			}
			got, right, err := m.Views(b)
			if err != nil || right != correct || !(math.Abs(got-want) < 1e-6) {
				t.Errorf("%s, %d rows: a loss of %v and %d hits, want %v and %d, %v", tta, rows, got, right, want, correct, err)
			}
			if _, _, err := m.Evaluate(both[0]); err != nil {
				t.Fatal(err)
			}
			if same, _, _ := m.Views(both[0]); tta == "flip" && same != got || !(math.Abs(same-got) < 1e-6) { // six are added in another order
				t.Errorf("%s, %d rows: the mirror images have a loss of %v, their pictures %v", tta, rows, same, got)
			}
		}
	}
}

func TestARunIsTheSameBesideItsEvaluationOfViews(t *testing.T) {
	plain, both := &notes{}, &notes{}
	if _, err := runIt(t, context.Background(), small(t, "train.ema={every: 3}"), plain, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := runIt(t, context.Background(), small(t, "train.ema={every: 3}", "train.tta=flip-shift"), both, ""); err != nil {
		t.Fatal(err)
	}
	for i, e := range plain.epochs {
		for _, m := range e.Metrics {
			timed := m.Name == metric.Seconds || m.Name == metric.ExamplesPerSecond
			if got, _ := both.epochs[i].Get(m.Name); got != m.Value && !timed {
				t.Errorf("epoch %d: %s is %v, and without other views %v", i, m.Name, got, m.Value)
			}
		}
		for _, name := range []string{metric.TTAValLoss, metric.EMATTAValLoss} {
			got, ok := both.epochs[i].Get(name)
			if one, _ := e.Get(metric.ValLoss); ok != (i > 0) || ok && (got == one || !finite(got)) {
				t.Errorf("epoch %d: %s is %v, the loss of one image %v", i, name, got, one)
			}
		}
	}
}
