package runner

import (
	"maps"
	"math"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"exp/blocks"
	"exp/configs"
	"exp/data"
	"exp/internal/checktest"
	"exp/internal/stream"
	"exp/runner/checkpoint"
	"exp/runner/optim"
)

// images is a batch of random images with random labels.
func images(rows int, shape blocks.Shape, classes int) data.Batch {
	b := data.Batch{X: make([]float32, rows*shape.Size()), Labels: make([]int32, rows), Rows: rows}
	r := stream.New(7, "images")
	for i := range b.X {
		b.X[i] = float32(r.NormFloat64())
	}
	for i := range b.Labels {
		b.Labels[i] = int32(r.IntN(classes))
	}
	return b
}

func newModel(t testing.TB, p *Plan, threads int) *Model {
	t.Helper()
	m, err := NewModel(p, p.Experiment.Train.Batch, threads)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

// step makes a whole train step and returns its loss.
func step(t testing.TB, m *Model, b data.Batch, lr float64, n int) (loss float64, correct int) {
	t.Helper()
	loss, correct, err := m.Forward(b, 1, n)
	if err != nil {
		t.Fatal(err)
	}
	m.Update(lr, n)
	return loss, correct
}

func TestThreadsDoNotChangeABit(t *testing.T) {
	for _, name := range []string{"resnet-cifar", "plain-cifar", "he2015"} {
		p := load(t, name, "model.units=1", "train.batch=20")
		var want map[string][]float32
		for threads := 1; threads <= 3; threads++ {
			m := newModel(t, p, threads)
			for n := 1; n <= 3; n++ {
				step(t, m, images(20-n, p.Net.Input.Shape, 10), 0.01, n)
			}
			got := map[string][]float32{}
			for _, w := range m.Weights() {
				got[w.Name] = w.F32
			}
			if want == nil {
				want = got
			}
			for n, w := range got {
				for i, v := range w {
					if math.Float32bits(v) != math.Float32bits(want[n][i]) {
						t.Fatalf("%s: %s[%d] is %v with %d threads and %v with one", name, n, i, v, threads, want[n][i])
					}
				}
			}
		}
	}
}

func TestAPlainNetStartsFromTheWeightsOfItsResidualTwin(t *testing.T) {
	residual, plain := newModel(t, load(t, "resnet-cifar"), 1), newModel(t, load(t, "plain-cifar"), 1)
	have := map[string][]float32{}
	for _, w := range residual.Weights() {
		have[w.Name] = w.F32
	}
	ws := plain.Weights()
	for _, w := range ws {
		if !reflect.DeepEqual(have[w.Name], w.F32) {
			t.Errorf("%s differs", w.Name)
		}
		delete(have, w.Name)
	}
	for name := range have {
		if !strings.Contains(name, ".shortcut.") {
			t.Errorf("the plain net lacks %s", name)
		}
	}
}

func TestAPlainNetSeesTheBatchesOfItsResidualTwin(t *testing.T) {
	batches := func(shortcut string) (all [][]float32) {
		p := load(t, "quickstart", "model.unit.shortcut="+shortcut, "data.dataset.train=100", "data.augment=[{type: affine, rotate: 10, shift: 0.1}, flip]")
		d, err := data.Prepare(t.Context(), p.Experiment.Data, p.Experiment.Seed, data.Env{})
		if err != nil {
			t.Fatal(err)
		}
		b := d.Train.Batches(t.Context(), p.order(3))
		defer b.Close()
		for {
			batch, ok := b.Next()
			if !ok {
				return all
			}
			all = append(all, append([]float32(nil), batch.X...))
		}
	}
	residual, plain := batches("projection"), batches("none")
	if len(residual) != 2 || !reflect.DeepEqual(residual, plain) {
		t.Error("the batches of epoch 3 differ")
	}
}

func TestASmallerBatchIsComputedAsIfTheGraphWereMadeForIt(t *testing.T) {
	set := []string{"model.units=1", "model.head.dropout=0"}
	large := newModel(t, load(t, "resnet-cifar", append(set, "train.batch=12")...), 2)
	small := newModel(t, load(t, "resnet-cifar", append(set, "train.batch=5")...), 2)
	b := images(12, large.plan.Net.Input.Shape, 10)
	step(t, large, b, 0, 1) // leaves values behind the valid rows
	step(t, small, data.Batch{X: b.X[:len(b.X)*5/12], Labels: b.Labels[:5], Rows: 5}, 0, 1)
	got, _ := step(t, large, data.Batch{X: b.X[:len(b.X)*5/12], Labels: b.Labels[:5], Rows: 5}, 0, 2)
	want, _ := step(t, small, data.Batch{X: b.X[:len(b.X)*5/12], Labels: b.Labels[:5], Rows: 5}, 0, 2)
	if got != want {
		t.Errorf("loss %v, want %v", got, want)
	}
	for i, p := range large.updates {
		if !reflect.DeepEqual(p.Grad, small.updates[i].Grad) {
			t.Fatalf("gradient piece %d differs", i)
		}
	}
}

func TestBiasesBeforeANormalisationHaveNoGradient(t *testing.T) {
	p := load(t, "resnet-cifar", "train.batch=16", "model.head.dropout=0")
	m := newModel(t, p, 2)
	step(t, m, images(16, p.Net.Input.Shape, 10), 0, 1)
	grads := map[string][]float32{}
	i := 0
	for _, param := range p.Net.Params {
		if param.Trainable {
			grads[param.Name] = m.train.graph.Value(m.grads[i])
			i++
		}
	}
	largest := func(x []float32) (a float64) {
		for _, v := range x {
			a = max(a, math.Abs(float64(v)))
		}
		return a
	}
	biases := 0
	for name, g := range grads {
		if !strings.Contains(name, "conv") || !strings.HasSuffix(name, ".bias") {
			continue
		}
		biases++
		// A bias's gradient is a sum over all pixels whose terms cancel; each is about as large as those of the next beta.
		if w := largest(grads[strings.TrimSuffix(name, "bias")+"weight"]); largest(g) > 1e-4*w {
			t.Errorf("%s has a gradient of %g, its weights' is %g", name, largest(g), w)
		}
	}
	if biases != 28 {
		t.Errorf("%d convolution biases, want 28", biases)
	}
}

func TestTheLossIsSmoothedInTrainingOnly(t *testing.T) {
	set := []string{"model.units=0", "model.head.dropout=0", "train.batch=8"}
	plain := newModel(t, load(t, "resnet-cifar", set...), 1)
	smooth := newModel(t, load(t, "resnet-cifar", append(set, "train.label_smoothing=0.3")...), 1)
	b := images(8, plain.plan.Net.Input.Shape, 10)
	losses := func(m *Model) (train, evaluated float64) {
		evaluated, _, err := m.Evaluate(b)
		if err != nil {
			t.Fatal(err)
		}
		train, _ = step(t, m, b, 0, 1)
		return train, evaluated
	}
	train, evaluated := losses(plain)
	smoothed, same := losses(smooth)
	if smoothed == train || same != evaluated {
		t.Errorf("training losses of %v plain and %v smoothed, evaluated %v and %v", train, smoothed, evaluated, same)
	}
}

// TestEveryUnitTrains puts a net of every Unit, shortcut and option through three steps with one, two and three threads,
// through a file and back, and has it learn one batch by heart.
func TestEveryUnitTrains(t *testing.T) {
	checktest.EveryUnit(t, 4, func(t *testing.T, model blocks.Model, net *blocks.Net) {
		e := configs.Default()
		e.Model = model
		e.Optimizer, _ = optim.Optimizers.New("adam")
		e.Train.Batch = 12
		p, b := &Plan{e, net}, images(12, net.Input.Shape, 4)
		m := newModel(t, p, 2)
		for n := 1; n <= 3; n++ {
			step(t, m, b, 0.02, n)
		}
		trained := m.Weights()
		for _, threads := range []int{1, 3} {
			other := newModel(t, p, threads)
			for n := 1; n <= 3; n++ {
				step(t, other, b, 0.02, n)
			}
			if checkpoint.Sum(other.Weights()) != checkpoint.Sum(trained) {
				t.Fatalf("%d threads give other weights than two", threads)
			}
		}
		saveAndLoad(t, p, m, b)
		for n := 4; n <= 250; n++ {
			_, correct := step(t, m, b, 0.02, n)
			if correct < 12 && n%10 == 0 { // with dropout it may never know all
				_, correct, _ = m.Evaluate(b)
			}
			if correct == 12 {
				return
			}
		}
		t.Error("has not learnt one batch by heart after 250 steps")
	})
}

func TestTheShiftsOfNormalisationsHaveARateOfTheirOwn(t *testing.T) {
	set := []string{"model.units=1", "train.batch=8", "optimizer={type: sgd, momentum: 0}"}
	plain := newModel(t, load(t, "quickstart", set...), 2)
	fast := newModel(t, load(t, "quickstart", append(set, "optimizer.norm_bias_lr=4")...), 2)
	b := images(8, plain.plan.Net.Input.Shape, 10)
	step(t, plain, b, 0.125, 1)
	step(t, fast, b, 0.125, 1)
	shifts := 0
	for i, p := range plain.plan.Net.Params {
		factor := float32(1)
		if strings.Contains(p.Name, ".bn") && strings.HasSuffix(p.Name, ".bias") {
			factor = 4 // they start at 0
			shifts++
		}
		got := fast.arrays[fast.plan.Net.Params[i]]
		for j, w := range plain.arrays[p] {
			if got[j] != factor*w {
				t.Fatalf("%s[%d] is %v, and %v at one rate", p.Name, j, got[j], w)
			}
		}
	}
	if shifts != 7 {
		t.Errorf("%d shifts, want 7: two a Unit and the head's", shifts)
	}
}

// saveAndLoad holds a model that starts from another's weights, by way of a file, against that.
func saveAndLoad(t *testing.T, p *Plan, m *Model, b data.Batch) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "weights.safetensors")
	if err := checkpoint.Write(file, m.Weights(), nil); err != nil {
		t.Fatal(err)
	}
	arrays, err := initialWeights(file, p.Net)
	if err != nil {
		t.Fatal(err)
	}
	loaded := newModel(t, p, 2)
	loaded.setWeights(arrays)
	want, _, err := m.Evaluate(b)
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := loaded.Evaluate(b); got != want || err != nil {
		t.Errorf("a loss of %v after loading, %v before saving; %v", got, want, err)
	}
}

// starts has, by name, Units that start as their shortcut, each in a net that ends a stage of its own width.
var starts = map[string][]string{
	"preact":            {"model.unit={type: preact, shortcut: identity, zero_init: true}", "model.stem={type: conv, filters: 8}"},
	"postact":           {"model.unit={type: postact, shortcut: identity, zero_init: true}", "model.stem={type: conv-bn-relu, filters: 8}"},
	"bottleneck":        {"model.unit={type: bottleneck, shortcut: identity, zero_init: true}", "model.stem={type: conv-bn-relu, filters: 8}"},
	"preact-bottleneck": {"model.unit={type: preact-bottleneck, shortcut: identity, zero_init: true}", "model.stem={type: conv, filters: 8}"},
	"wide":              {"model.unit={type: wide, shortcut: identity, zero_init: true}", "model.stem={type: conv, filters: 8}"},
	"relu-only-preact":  {"model.unit={type: postact, order: relu-only-preact, shortcut: identity, zero_init: true}", "model.stem={type: conv, filters: 8}"},
	"full-preact":       {"model.unit={type: postact, order: full-preact, shortcut: identity, zero_init: true}", "model.stem={type: conv, filters: 8}"},
}

func TestUnitsWithAZeroInitStartAsTheirShortcut(t *testing.T) {
	for name, set := range starts {
		set = append(set, "model.stages=[{filters: 8}]", "train.batch=6")
		none := newModel(t, load(t, "quickstart", append(set, "model.units=0")...), 1)
		some := newModel(t, load(t, "quickstart", append(set, "model.units=3")...), 1)
		b := images(6, none.plan.Net.Input.Shape, 10)
		want, _, err := none.Evaluate(b)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := some.Evaluate(b); got != want || err != nil {
			t.Errorf("%s: a loss of %v with Units and %v without, %v", name, got, want, err)
		}
	}
}

func TestUnitsWithAZeroInitLearnOneBatchByHeart(t *testing.T) {
	for name, set := range starts {
		p := load(t, "quickstart", append(set, "model.unit.shortcut=projection", "model.units=1", "model.stages=[{filters: 8}, {filters: 12, pool: max}]", "train.batch=12")...)
		m := newModel(t, p, 2)
		b := images(12, p.Net.Input.Shape, 10)
		correct := 0
		for n := 1; n <= 200 && correct < 12; n++ {
			_, correct = step(t, m, b, 0.02, n)
		}
		if correct < 12 {
			t.Errorf("%s: not after 200 steps", name)
		}
		for _, p := range m.plan.Net.Params {
			if p.Name == "stages.0.units.0.conv2.weight" || p.Name == "stages.0.units.0.bn2.weight" {
				if w := m.arrays[p]; slices.Min(w) == slices.Max(w) {
					t.Errorf("%s: %s has not moved", name, p.Name)
				}
			}
		}
	}
}

// TestAStepAllocatesAlmostNothing holds that a step of each net allocates nothing in the code of this project.
func TestAStepAllocatesAlmostNothing(t *testing.T) {
	small := []string{"model.stem.filters=8", "model.units=2", "model.stages=[{filters: 8}, {filters: 16, pool: max}]"}
	for _, c := range []struct {
		name, experiment string
		set              []string
	}{
		{"resnet-cifar", "resnet-cifar", nil},
		{"gated", "quickstart", []string{"model.unit.shortcut=gated"}},
		{"shortcut-gated, stochastic depth", "quickstart", []string{"model.unit={type: preact, shortcut: shortcut-gated, stochastic_depth: 0.3}"}},
		{"projection, stochastic depth", "quickstart", []string{"model.unit={type: preact, shortcut: projection, stochastic_depth: 0.3}"}},
		{"scaled, dropout", "quickstart", []string{"model.unit={type: preact, shortcut: scaled, dropout: 0.2}"}},
		{"dropout shortcut", "quickstart", []string{"model.unit.shortcut=dropout"}},
		{"projection-all", "quickstart", []string{"model.unit.shortcut=projection-all"}},
		{"postact", "quickstart", []string{"model.unit.type=postact", "model.stem.type=conv-bn-relu"}},
		{"bottleneck", "quickstart", []string{"model.unit.type=bottleneck", "model.stem.type=conv-bn-relu"}},
		{"preact-bottleneck", "quickstart", []string{"model.unit.type=preact-bottleneck"}},
		{"wide, dropout", "quickstart", []string{"model.unit={type: wide, dropout: 0.3}"}},
		{"sgd, clip", "quickstart", []string{"optimizer={type: sgd, nesterov: true, weight_decay: 0.001}", "train.clip={norm: 0.1}"}},
		{"adamw", "quickstart", []string{"optimizer=adamw"}},
		{"rmsprop", "quickstart", []string{"optimizer={type: rmsprop, momentum: 0.9, centered: true}"}},
		{"ema", "quickstart", []string{"train.ema={every: 1}"}},
		{"label smoothing", "quickstart", []string{"train.label_smoothing=0.1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := append([]string{"train.batch=4"}, c.set...)
			if c.experiment == "quickstart" {
				set = append(set, small...)
			}
			p := load(t, c.experiment, set...)
			m := newModel(t, p, 2)
			b := images(4, p.Net.Input.Shape, 10)
			n := 0
			next := func() {
				n++
				step(t, m, b, 0.01, n)
			}
			next()
			allocations := testing.AllocsPerRun(5, next)
			// All of them are Gorgonia's machine's: five to eight small ones an operation.
			if allocations > 1000 {
				t.Errorf("%v allocations a step", allocations)
			}
			t.Logf("%v allocations a step", allocations)
			for site, count := range allocationsOfOurs(next) {
				t.Errorf("%d of ours in %s", count, site)
			}
		})
	}
}

// allocationsOfOurs counts the allocations of each call of f that the code of this project makes itself, by function.
func allocationsOfOurs(f func()) map[string]int64 {
	rate := runtime.MemProfileRate
	defer func() { runtime.MemProfileRate = rate }()
	count := func() map[string]int64 {
		runtime.GC() // a profile is as of the collection before
		runtime.GC()
		records := make([]runtime.MemProfileRecord, 1<<16)
		n, _ := runtime.MemProfile(records, true)
		sites := map[string]int64{}
		for _, r := range records[:n] {
			frames := runtime.CallersFrames(r.Stack())
			for more := true; more; {
				var frame runtime.Frame
				frame, more = frames.Next()
				if strings.HasPrefix(frame.Function, "runtime.") {
					continue
				}
				if strings.HasPrefix(frame.Function, "exp/") {
					sites[frame.Function] += r.AllocObjects
				}
				break
			}
		}
		return sites
	}
	runtime.MemProfileRate = 0
	before := count()
	runtime.MemProfileRate = 1
	const calls = 5 // after a collection the runtime allocates once again what pins hold
	for range calls {
		f()
	}
	runtime.MemProfileRate = 0
	after := count()
	for site := range after {
		after[site] = (after[site] - before[site]) / calls
	}
	maps.DeleteFunc(after, func(_ string, n int64) bool { return n == 0 })
	return after
}
