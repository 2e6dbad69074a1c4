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
	"exp/runner/metric"
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
	grads   []*G.Node
	updates []update
	dropout uint64 // key of the masks

	workers []func() // one a thread: they make the updates of a step, at rate
	wait    sync.WaitGroup
	rate    float64
	step    int
}

// pass is one graph with its input.
type pass struct {
	graph  *ops.Graph[float32]
	images []float32
	logits *G.Node
	loss   ops.CrossEntropy[float32]
}

// NewModel builds the graphs of a plan for batches of at most so many rows, and draws the initial weights of its seed. Close
// frees what is outside Go's heap.
func NewModel(p *Plan, rows, threads int) (m *Model, err error) {
	defer ops.OutOfMemory(&err)
	m = &Model{plan: p, kernels: kernels.NewNative(threads), buffers: &ops.Pool[float32]{}, arrays: map[*blocks.Param][]float32{},
		dropout: stream.Key(p.Experiment.Seed, "dropout")}
	for _, param := range p.Net.Params {
		w := kernels.Alloc(param.Size())
		param.Init(p.Experiment.Seed, w)
		m.arrays[param] = w
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
	if err := ops.Build(func() { p.loss = p.graph.SoftmaxCrossEntropy(low.Logits) }); err != nil {
		return p, err
	}
	outputs := G.Nodes{p.loss.Loss}
	if p.logits = low.Logits; !train {
		outputs = append(outputs, p.logits) // for Evaluate's callers
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
			o := optim.Param{W: m.arrays[param], Decay: param.Decay}
			for range slots {
				o.Slots = append(o.Slots, kernels.Alloc(param.Size()))
			}
			m.params = append(m.params, o)
		}
	}
	return p, p.graph.Compile(outputs...)
}

// run computes a batch and returns its mean loss and how many of its rows were classified rightly.
func (p *pass) run(b data.Batch) (loss float64, correct int, err error) {
	copy(p.images, b.X)
	copy(p.graph.Labels, b.Labels)
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
	return m.train.run(b)
}

// Evaluate computes the loss of a batch in evaluation mode.
func (m *Model) Evaluate(b data.Batch) (loss float64, correct int, err error) { return m.eval.run(b) }

// piece is the number of weights that one goroutine updates at a time.
const piece = 1 << 16

// update is a piece of a parameter, and what Update leaves of its gradient.
type update struct {
	optim.Param
	squares float64
}

// Update moves the weights by the gradients of the last Forward, at a learning rate, in the step counted from 1 over the
// whole training. It returns the L2 norm of the whole gradient.
func (m *Model) Update(lr float64, step int) float64 {
	if m.updates == nil {
		m.cut()
	}
	m.rate, m.step = lr, step
	m.wait.Add(len(m.workers))
	for _, work := range m.workers {
		go work()
	}
	m.wait.Wait()
	var sum float64
	for i := range m.updates {
		sum += m.updates[i].squares
	}
	return math.Sqrt(sum)
}

// cut makes the pieces, once the gradients have their places, and who works on them.
func (m *Model) cut() {
	threads := m.kernels.Threads()
	for t := range threads {
		m.workers = append(m.workers, func() {
			defer m.wait.Done()
			for i := t; i < len(m.updates); i += threads {
				u := &m.updates[i]
				u.squares = metric.SumSquares(u.Grad)
				m.plan.Experiment.Optimizer.Update(u.Param, m.rate, m.step)
			}
		})
	}
	for i, p := range m.params {
		grad := m.train.graph.Value(m.grads[i])
		for lo := 0; lo < len(p.W); lo += piece {
			hi := min(lo+piece, len(p.W))
			u := update{Param: optim.Param{W: p.W[lo:hi], Grad: grad[lo:hi], Decay: p.Decay}}
			for _, s := range p.Slots {
				u.Slots = append(u.Slots, s[lo:hi])
			}
			m.updates = append(m.updates, u)
		}
	}
}

// Profile has f called with the duration of every operation of later steps.
func (m *Model) Profile(f func(kind, name string, d time.Duration)) { m.train.graph.Profile(f) }
