package runner

import (
	"fmt"
	"math"
	"sync"
	"time"

	G "gorgonia.org/gorgonia"

	"exp/blocks"
	"exp/data"
	"exp/internal/kernels"
	"exp/internal/ops"
	"exp/internal/stream"
	"exp/runner/optim"
)

// Model is a net with its weights, its optimizer's memory and the graphs that train and evaluate it.
type Model struct {
	plan    *Plan
	kernels *kernels.Native
	buffers *ops.Pool[float32]
	arrays  map[*blocks.Param][]float32
	train   pass
	eval    pass
	params  []optim.Param // of the trainable parameters, in the net's order
	rates   []float64     // factors of the learning rate, one for each of params
	grads   []*G.Node
	sums    [][]float32 // of the gradients of several batches, one for each of params; nil without train.accumulate
	updates []update
	ema     *averages // nil without train.ema
	dropout uint64    // key of the masks

	logits []float32 // of an evaluated batch, summed over its views
	losses []float32 // of its rows

	workers []func() // one a thread: they do each its share of task
	wait    sync.WaitGroup
	task    func(u *update)
	tasks   struct{ add, measure, move func(u *update) } // made once, so that a step allocates nothing
	rate    float64
	step    int
	factor  float32 // on the gradients, when they are clipped or averaged
	rows    int     // examples in the gradients that Accumulate added up
	batch   int     // of them in the last Forward
}

// pass is one graph with its input.
type pass struct {
	graph  *ops.Graph[float32]
	images []float32
	loss   ops.CrossEntropy[float32]
	logits *G.Node // [batch classes]; its values are kept where they are an output
}

// algorithms are the values of train.precision.conv.
var algorithms = map[string]kernels.Algorithm{"winograd4": kernels.Winograd4, "winograd2": kernels.Winograd2, "direct": kernels.Direct}

// products are the values of train.precision.products.
var products = map[string]kernels.Products{"fp32": kernels.FP32, "bf16": kernels.BF16}

// NewModel builds the graphs of a plan for batches of at most so many rows, and draws the initial weights of its seed. Close
// frees what is outside Go's heap.
func NewModel(p *Plan, rows, threads int) (m *Model, err error) {
	defer ops.OutOfMemory(&err)
	m = &Model{plan: p, kernels: kernels.NewNative(threads), buffers: &ops.Pool[float32]{}, arrays: map[*blocks.Param][]float32{},
		dropout: stream.Key(p.Experiment.Seed, "dropout")}
	precision := p.Experiment.Train.Precision
	m.kernels.Algorithm, m.kernels.Products = algorithms[precision.Conv], products[precision.Products]
	m.tasks.add, m.tasks.measure, m.tasks.move = m.add, m.measure, m.move
	for _, param := range p.Net.Params {
		w := kernels.Alloc(param.Size())
		param.Init(p.Experiment.Seed, w)
		m.arrays[param] = w
	}
	if ema := p.Experiment.Train.EMA; ema != nil {
		m.averageFrom(*ema)
	}
	if m.train, err = m.build(rows, true); err == nil {
		m.eval, err = m.build(rows, false)
	}
	if err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// Close frees the model's memory and stops its threads.
func (m *Model) Close() {
	m.buffers.Close()
	for _, w := range m.arrays {
		kernels.Free(w)
	}
	for _, p := range m.params {
		for _, s := range p.Slots {
			kernels.Free(s)
		}
	}
	for _, s := range m.sums {
		kernels.Free(s)
	}
	if m.ema != nil {
		m.ema.close()
	}
	m.kernels.Close()
}

// ISA is the instruction set of the kernels.
func (m *Model) ISA() string { return m.kernels.ISA() }

func (m *Model) build(batch int, train bool) (pass, error) {
	net := m.plan.Net
	shape := append([]int{batch}, net.Input.Shape...)
	p := pass{graph: ops.New[float32](m.kernels, m.buffers, batch, train), images: make([]float32, batch*net.Input.Shape.Size())}
	x := p.graph.Input("images", p.images, shape...)
	low, err := blocks.Lower(net, p.graph, x, func(p *blocks.Param) []float32 { return m.arrays[p] })
	if err != nil {
		return p, err
	}
	smoothing := 0.0 // an evaluation's loss is that of the labels as they are
	if train {
		smoothing = m.plan.Experiment.Train.LabelSmoothing
	}
	if err := ops.Build(func() { p.loss = p.graph.SoftmaxCrossEntropy(low.Logits, smoothing) }); err != nil {
		return p, err
	}
	p.logits = low.Logits
	outputs := G.Nodes{p.loss.Loss}
	if !train {
		outputs = append(outputs, p.logits) // for evaluations of several views, and for Evaluate's callers
	}
	if train {
		if m.grads, err = p.graph.Gradients(p.loss.Loss, low.Params); err != nil {
			return p, fmt.Errorf("differentiate the net: %w", err)
		}
		outputs = append(outputs, m.grads...)
		slots := len(m.plan.Experiment.Optimizer.Slots())
		for _, param := range net.Params {
			if !param.Trainable {
				continue
			}
			o := optim.Param{W: m.arrays[param], Decay: param.Decay, Shift: param.Shift}
			for range slots {
				o.Slots = append(o.Slots, kernels.Alloc(param.Size()))
			}
			m.params = append(m.params, o)
			rate := 1.0
			if l, ok := m.plan.Experiment.Optimizer.(optim.Layered); ok {
				_, rate = l.Layer(param.Name)
			}
			m.rates = append(m.rates, rate)
			if m.plan.Experiment.Train.Accumulate > 1 {
				m.sums = append(m.sums, kernels.Alloc(param.Size()))
			}
		}
	}
	return p, p.graph.Compile(outputs...)
}

// run computes a batch and returns its mean loss and how many of its rows were classified rightly.
func (p *pass) run(b data.Batch) (loss float64, correct int, err error) {
	copy(p.images, b.X)
	return p.again(b)
}

// again computes the images that are there, with the labels of a batch.
func (p *pass) again(b data.Batch) (loss float64, correct int, err error) {
	copy(p.graph.Labels, b.Labels)
	p.graph.Others, p.graph.Share = b.Others, b.Share
	p.graph.Rows = b.Rows
	if err := p.graph.Run(); err != nil {
		return 0, 0, err
	}
	for _, c := range p.loss.Correct[:b.Rows] {
		correct += int(c)
	}
	return float64(p.graph.Value(p.loss.Loss)[0]), correct, nil
}

// Forward computes the loss and the gradients of a batch in training mode. epoch and step, with the experiment's seed, key
// the masks of dropout.
func (m *Model) Forward(b data.Batch, epoch, step int) (loss float64, correct int, err error) {
	m.train.graph.Seed = stream.Item(stream.Item(m.dropout, epoch), step)
	m.batch = b.Rows
	return m.train.run(b)
}

// freeze promises that the weights stay as they are until the returned function is called, which makes evaluations faster.
func (m *Model) freeze() (thaw func()) {
	m.kernels.Freeze()
	return m.kernels.Thaw
}

// Evaluate computes the loss of a batch in evaluation mode.
func (m *Model) Evaluate(b data.Batch) (loss float64, correct int, err error) { return m.eval.run(b) }

// piece is the number of weights that one goroutine updates at a time.
const piece = 1 << 16

// update is a piece of a parameter, and what is measured of its gradient.
type update struct {
	optim.Param
	fresh   []float32 // the gradient of the last Forward, where Grad is a sum over several
	rate    float64   // factor of the learning rate
	squares float64
}

// Accumulate adds the gradients of the last Forward, weighted by its examples, to those that the next Update will use: so
// that several batches give the gradient of the mean loss over all their examples. The experiment must have asked for it:
// train.accumulate.
func (m *Model) Accumulate() {
	if m.rows == 0 {
		for _, s := range m.sums {
			clear(s)
		}
	}
	m.rows += m.batch
	m.each(m.tasks.add)
}

// Update moves the weights by the gradients of the last Forward, or of all batches given to Accumulate since the last Update,
// clipped if asked for, at a learning rate, in the step counted from 1 over the whole training, and after some steps their
// moving averages. It returns the L2 norm of the whole gradient before it was clipped.
func (m *Model) Update(lr float64, step int) float64 {
	m.rate, m.step, m.factor = lr, step, 1
	if m.rows > 0 {
		m.factor = 1 / float32(m.rows)
		m.rows = 0
	}
	clip := m.plan.Experiment.Train.Clip
	if clip == nil || clip.Norm == 0 { // one pass does both
		m.each(m.tasks.move)
		m.average(step)
		return m.norm()
	}
	m.each(m.tasks.measure)
	norm := m.norm()
	m.factor = min(1, float32(clip.Norm/(norm+1e-6))) // PyTorch's clip_grad_norm_
	m.each(m.tasks.move)
	m.average(step)
	return norm
}

// norm is the L2 norm of the gradient from the sums of the pieces.
func (m *Model) norm() float64 {
	var sum float64
	for i := range m.updates {
		sum += m.updates[i].squares
	}
	return math.Sqrt(sum)
}

// add is the task of Accumulate.
func (m *Model) add(u *update) { kernels.Accumulate(u.Grad, u.fresh, float32(m.batch)) }

// measure is the first task of an update that needs the norm beforehand.
func (m *Model) measure(u *update) {
	if m.factor != 1 {
		kernels.Scale(u.Grad, m.factor)
	}
	u.squares = kernels.SumSquares(u.Grad)
}

// move is the last task of an update. A gradient whose norm was not wanted beforehand is measured here.
func (m *Model) move(u *update) {
	if clip := m.plan.Experiment.Train.Clip; clip != nil && clip.Norm > 0 {
		if m.factor != 1 {
			kernels.Scale(u.Grad, m.factor)
		}
	} else {
		m.measure(u)
		if clip != nil {
			kernels.Clamp(u.Grad, float32(clip.Value))
		}
	}
	m.plan.Experiment.Optimizer.Update(u.Param, m.rate*u.rate, m.step)
}

// each does a task for all pieces, with all threads.
func (m *Model) each(task func(u *update)) {
	if m.updates == nil {
		m.cut()
	}
	m.task = task
	m.together(m.workers)
}

// together has every worker work, each as a goroutine that tells m.wait when it is done.
func (m *Model) together(workers []func()) {
	m.wait.Add(len(workers))
	for _, work := range workers {
		go work()
	}
	m.wait.Wait()
}

// share makes the workers that together do something for every i below n.
func (m *Model) share(n int, do func(i int)) (workers []func()) {
	threads := m.kernels.Threads()
	for t := range threads {
		workers = append(workers, func() {
			defer m.wait.Done()
			for i := t; i < n; i += threads {
				do(i)
			}
		})
	}
	return workers
}

// cut makes the pieces, once the gradients have their places, and who works on them.
func (m *Model) cut() {
	for i, p := range m.params {
		grad := m.train.graph.Value(m.grads[i])
		for lo := 0; lo < len(p.W); lo += piece {
			hi := min(lo+piece, len(p.W))
			u := update{Param: optim.Param{W: p.W[lo:hi], Grad: grad[lo:hi], Decay: p.Decay, Shift: p.Shift}, rate: m.rates[i]}
			if m.sums != nil {
				u.fresh, u.Grad = u.Grad, m.sums[i][lo:hi]
			}
			for _, s := range p.Slots {
				u.Slots = append(u.Slots, s[lo:hi])
			}
			m.updates = append(m.updates, u)
		}
	}
	m.workers = m.share(len(m.updates), func(i int) { m.task(&m.updates[i]) })
}

// Profile has f called with the duration of every operation of later steps and evaluations.
func (m *Model) Profile(f func(w ops.Work, d time.Duration)) {
	m.train.graph.Profile(f)
	m.eval.graph.Profile(f)
}

// peak measures the speed of multiply-adds that nothing holds up, in GFLOP/s: the best of some short trials.
func (m *Model) peak(now func() time.Time) float64 {
	const trials, pieces = 5, 64
	best := 0.0
	for range trials {
		start := now()
		macs := m.kernels.Peak(pieces * m.kernels.Threads())
		best = max(best, 2*float64(macs)/now().Sub(start).Seconds()/1e9)
	}
	return best
}
