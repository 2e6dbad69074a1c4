package runner

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"exp/blocks"
	"exp/configs"
	"exp/data"
	"exp/runner/metric"
	"exp/runner/optim"
)

// plainSGD has updates that are the gradient times the rate.
var plainSGD = []string{"optimizer=sgd", "optimizer.momentum=0", "model.units=1", "train.batch=8"}

// moved is what a step did to all weights that are trained, and the gradient before it.
func moved(t *testing.T, m *Model, lr float64, batches ...data.Batch) (change, grad []float64, norm float64) {
	t.Helper()
	for _, p := range m.params {
		for _, w := range p.W {
			change = append(change, float64(w))
		}
	}
	rows := 0
	grad = make([]float64, len(change))
	for i, b := range batches {
		if _, _, err := m.Forward(b, 1, i); err != nil {
			t.Fatal(err)
		}
		rows += b.Rows
		at := 0
		for k := range m.params {
			for _, g := range m.train.graph.Value(m.grads[k]) {
				grad[at] += float64(g) * float64(b.Rows)
				at++
			}
		}
		if len(batches) > 1 {
			m.Accumulate()
		}
	}
	for i := range grad {
		grad[i] /= float64(rows)
	}
	norm = m.Update(lr, 1)
	at := 0
	for _, p := range m.params {
		for _, w := range p.W {
			change[at] = float64(w) - change[at]
			at++
		}
	}
	return change, grad, norm
}

func length(x []float64) (sum float64) {
	for _, v := range x {
		sum += v * v
	}
	return math.Sqrt(sum)
}

// TestGradientsAreClippedAsPyTorchDoes holds the steps against clip_grad_norm_ and clip_grad_value_.
func TestGradientsAreClippedAsPyTorchDoes(t *testing.T) {
	const lr = 0.5
	for set, want := range map[string]func(g, norm float64) float64{
		"train.clip={norm: 0.125}":   func(g, norm float64) float64 { return g * min(1, 0.125/(norm+1e-6)) },
		"train.clip={norm: 1000}":    func(g, norm float64) float64 { return g },
		"train.clip={value: 0.0078}": func(g, norm float64) float64 { return min(max(g, -0.0078), 0.0078) },
	} {
		p := load(t, "resnet-cifar", append(plainSGD, set)...)
		m := newModel(t, p, 2)
		change, grad, norm := moved(t, m, lr, images(8, p.Net.Input.Shape, 10))
		if whole := length(grad); math.Abs(norm-whole) > 1e-5*whole {
			t.Errorf("%s: the norm is %v, not %v", set, norm, whole)
		}
		for i, g := range grad {
			if step := -lr * want(g, norm); math.Abs(change[i]-step) > 1e-6 {
				t.Fatalf("%s: weight %d moved by %v, not %v", set, i, change[i], step)
			}
		}
	}
}

func TestAccumulatedGradientsAreThoseOfAllExamples(t *testing.T) {
	const lr = 0.5
	p := load(t, "resnet-cifar", append(plainSGD, "train.accumulate=3")...)
	m := newModel(t, p, 2)
	all := images(20, p.Net.Input.Shape, 10)
	size := p.Net.Input.Shape.Size()
	var batches []data.Batch
	for _, span := range [][2]int{{0, 8}, {8, 16}, {16, 20}} {
		batches = append(batches, data.Batch{X: all.X[span[0]*size : span[1]*size], Labels: all.Labels[span[0]:span[1]], Rows: span[1] - span[0]})
	}
	for range 2 { // the second group must not see the first
		change, grad, norm := moved(t, m, lr, batches...)
		if whole := length(grad); math.Abs(norm-whole) > 1e-5*whole {
			t.Errorf("the norm is %v, not %v", norm, whole)
		}
		for i, g := range grad {
			if math.Abs(change[i]+lr*g) > 1e-6 {
				t.Fatalf("weight %d moved by %v, not %v", i, change[i], -lr*g)
			}
		}
	}
}

// TestEveryOptimizerLearnsWithTheSameBits has all that can be done to gradients done to them.
func TestEveryOptimizerLearnsWithTheSameBits(t *testing.T) {
	for _, name := range optim.Optimizers.Names() {
		for _, clip := range []string{"{norm: 1}", "{value: 0.1}"} {
			p := load(t, "resnet-cifar", "optimizer="+name, "model.units=1", "train.batch=20", "train.accumulate=2", "train.clip="+clip, "model.head.dropout=0")
			var want []float32
			for threads := 1; threads <= 3; threads++ {
				m := newModel(t, p, threads)
				b := images(20, p.Net.Input.Shape, 10)
				var first, last float64
				for n := 1; n <= 10; n++ {
					for part := range 2 {
						loss, _, err := m.Forward(b, 1, 2*n+part)
						if err != nil {
							t.Fatal(err)
						}
						if n == 1 && part == 0 {
							first = loss
						}
						last = loss
						m.Accumulate()
					}
					m.Update(p.Experiment.Optimizer.Rate()/10, n)
				}
				if !(last < first) {
					t.Errorf("%s, clip %s: the loss went from %v to %v", name, clip, first, last)
				}
				var got []float32
				for _, w := range m.Weights() {
					got = append(got, w.F32...)
				}
				if want == nil {
					want = got
				}
				if !slices.Equal(want, got) {
					t.Errorf("%s, clip %s: %d threads give other bits than one", name, clip, threads)
				}
			}
		}
	}
}

func TestNothingDoneToGradientsAllocates(t *testing.T) {
	for _, name := range optim.Optimizers.Names() {
		p := load(t, "resnet-cifar", "optimizer="+name, "model.units=1", "train.batch=4", "train.accumulate=2", "train.clip={norm: 1}")
		m := newModel(t, p, 2)
		step(t, m, images(4, p.Net.Input.Shape, 10), 0.01, 1)
		if n := testing.AllocsPerRun(100, func() { m.Accumulate(); m.Update(0.01, 9) }); n > 0 {
			t.Errorf("%s: %v allocations an update", name, n)
		}
	}
}

// series are the values of a metric, from epoch 1 on.
func series(n *notes, name string) (values []float64) {
	for _, e := range n.epochs[1:] {
		v, _ := e.Get(name)
		values = append(values, v)
	}
	return values
}

func TestAnEpochOfGroupsOfBatches(t *testing.T) {
	p := small(t, "train.accumulate=3", "schedule={type: polynomial}", "optimizer=sgd") // 200 examples, batches of 32: 7, so 3 groups
	n := &notes{}
	if _, err := runIt(t, t.Context(), p, n, ""); err != nil {
		t.Fatal(err)
	}
	if steps := series(n, metric.Steps); !slices.Equal(steps, []float64{3, 3}) {
		t.Errorf("%v updates", steps)
	}
	lr := series(n, metric.LR)
	if want := 0.1 * (1 - 5.0/6); math.Abs(lr[1]-want) > 1e-12 {
		t.Errorf("the last rate is %v, not %v", lr[1], want)
	}
}

// eventful are notes that keep events too.
type eventful struct {
	notes
	events []string
}

func (e *eventful) Event(_ context.Context, kind, text string) error {
	e.events = append(e.events, kind+": "+text)
	return nil
}

func TestTrainingEndsEarly(t *testing.T) {
	whole := &notes{}
	if _, err := runIt(t, t.Context(), small(t, "train.epochs=5"), whole, ""); err != nil {
		t.Fatal(err)
	}
	n := &eventful{}
	p := small(t, "train.epochs=5", "train.early_stop={metric: val_loss, patience: 2, min_change: 100}")
	result, err := Run(t.Context(), p, Options{Threads: 2, Recorder: n, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if result.Status != Done || result.EpochsDone != 3 || result.Reason != "" {
		t.Errorf("%+v", result)
	}
	losses := series(&n.notes, metric.ValLoss)
	if !slices.Equal(losses, series(whole, metric.ValLoss)[:3]) {
		t.Error("the epochs before are not those of a whole training")
	}
	want := fmt.Sprintf("early_stop: stopped after epoch 3 of 5: val_loss has not become better by more than 100 in the last 2 epochs that it was measured in; the best was %.6g", losses[0])
	if !slices.Equal(n.events, []string{want}) {
		t.Errorf("events %q\nnot %q", n.events, want)
	}
	n = &eventful{}
	p = small(t, "train.epochs=5", "train.early_stop={metric: train_acc, patience: 3, min_change: 0}")
	if result, err := Run(t.Context(), p, Options{Threads: 2, Recorder: n, Now: time.Now}); err != nil || result.EpochsDone != 5 || len(n.events) > 0 {
		t.Errorf("an accuracy that rises: %+v, %q, %v", result, n.events, err)
	}
}

func TestTheRateFallsOnAPlateau(t *testing.T) {
	n := &notes{}
	p := small(t, "train.epochs=5", "train.eval_every=2", "optimizer={type: sgd, lr: 0.01}", "schedule={type: plateau, threshold: 0.99, patience: 0, factor: 0.5}")
	if _, err := runIt(t, t.Context(), p, n, ""); err != nil {
		t.Fatal(err)
	}
	// measured after 2, 4 and 5; the first value is the best
	if lr := series(n, metric.LR); !slices.Equal(lr, []float64{0.01, 0.01, 0.01, 0.01, 0.005}) {
		t.Errorf("rates %v", lr)
	}
}

// TestOblongPicturesOfAnySize trains every Unit with every shortcut on pictures that are neither square nor of even sides.
func TestOblongPicturesOfAnySize(t *testing.T) {
	for _, size := range [][2]int{{12, 20}, {9, 13}, {7, 30}} {
		dir := t.TempDir()
		for i := range 24 {
			img := image.NewGray(image.Rect(0, 0, size[1], size[0]))
			for k := range img.Pix {
				img.Pix[k] = uint8(128 + 100*(i%2) - 50 + (i*k)%31)
			}
			img.SetGray(i%size[1], 0, color.Gray{255})
			path := filepath.Join(dir, []string{"train", "test"}[i/18], []string{"a", "b"}[i%2], fmt.Sprintf("%d.png", i))
			os.MkdirAll(filepath.Dir(path), 0o777)
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := png.Encode(f, img); err != nil {
				t.Fatal(err)
			}
			f.Close()
		}
		for _, shortcut := range blocks.Shortcuts.Names() {
			for _, down := range []string{"stride: 2", "pool: max", "pool: average"} {
				for _, channels := range []int{1, 3} {
					set := []string{"data.dataset=images", fmt.Sprint("data.dataset.channels=", channels), "data.dir=" + dir,
						"data.augment=[flip, {type: crop, pad: 2}, {type: affine, rotate: 10, shift: 0.1}, {type: cutout, size: 3}]",
						"model.units=1", "model.stem.filters=6", "model.stages=[{filters: 6}, {filters: 7, " + down + "}]", "model.unit.shortcut=" + shortcut, "train={epochs: 1, batch: 8, clean_eval: none}"}
					l, err := configs.Load("quickstart", configs.Options{Set: set})
					if err != nil {
						// pooling rounds down, a stride rounds up: they meet where the sides are even
						if !strings.Contains(err.Error(), "cannot join") || shortcut != "identity" && (down == "stride: 2" || size[0]%2+size[1]%2 == 0) {
							t.Errorf("%v, %s, %s: %v", size, shortcut, down, err)
						}
						continue
					}
					p, err := NewPlan(l)
					if err != nil {
						t.Fatal(err)
					}
					n := &notes{}
					if _, err := runIt(t, t.Context(), p, n, ""); err != nil {
						t.Errorf("%v, %s, %s: %v", size, shortcut, down, err)
					} else if loss := series(n, metric.TrainLoss)[0]; !finite(loss) {
						t.Errorf("%v, %s, %s: the loss is %v", size, shortcut, down, loss)
					}
				}
			}
		}
	}
}

func TestLayersHaveLearningRatesOfTheirOwn(t *testing.T) {
	const lr = 0.5
	p := load(t, "resnet-cifar", append(plainSGD, "optimizer.layers=[{match: head, lr_factor: 3}, {match: stem, lr_factor: 0}]")...)
	m := newModel(t, p, 2)
	change, grad, _ := moved(t, m, lr, images(8, p.Net.Input.Shape, 10))
	at := 0
	for _, param := range p.Net.Params {
		if !param.Trainable {
			continue
		}
		factor := 1.0
		if strings.HasPrefix(param.Name, "head.") {
			factor = 3
		} else if strings.HasPrefix(param.Name, "stem.") {
			factor = 0
		}
		for range param.Size() {
			if math.Abs(change[at]+factor*lr*grad[at]) > 2e-6 {
				t.Fatalf("%s: moved by %v at a gradient of %v", param.Name, change[at], grad[at])
			}
			at++
		}
	}
}
