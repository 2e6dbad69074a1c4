// Package ops holds the layers as Gorgonia operations with their derivatives, and the graph that they make.
//
// An operation owns its result, does its work in internal/kernels and is differentiated symbolically. It is as large as
// memory traffic asks for: a convolution reads its input through batch normalisation and ReLU (see [View]) and adds the
// shortcut and takes the statistics that the next normalisation needs while it writes, or in evaluation normalises and rectifies
// then.
package ops

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"exp/internal/kernels"
)

// Graph is one expression graph of operations over T: float32 to train, float64 to check.
type Graph[T kernels.Float] struct {
	// Rows is how many examples of the batch are valid; the operations work on these alone. It may change between runs.
	Rows int
	// Labels holds the class of each row.
	Labels []int32
	// Others, where it is not nil, holds a second class of each row: the loss is Share of that of Labels, and the rest of that
	// of Others. It may change between runs.
	Others []int32
	Share  float64
	// Seed keys the masks of dropout and what stochastic depth leaves out; change it between steps.
	Seed uint64

	batch  int
	train  bool
	k      kernels.Backend[T]
	pool   *Pool[T]
	g      *G.ExprGraph
	tape   []*G.Node           // operations of the forward pass in the order in which they were made
	terms  map[*G.Node]G.Nodes // while the graph is differentiated, the gradients that have arrived at each node so far
	needs  map[*G.Node]bool
	taping bool
	chance *Chance // of the operations that are added

	machine  G.VM
	planned  bool
	profiler func(w Work, d time.Duration)
}

// New starts a graph for batches of at most so many rows. With train set, batch normalisation uses the batch's statistics
// and dropout drops. Graphs with one pool must not run at the same time.
func New[T kernels.Float](k kernels.Backend[T], pool *Pool[T], batch int, train bool) *Graph[T] {
	return &Graph[T]{Rows: batch, batch: batch, train: train, k: k, pool: pool, g: G.NewGraph(), needs: map[*G.Node]bool{}, taping: true,
		Labels: make([]int32, batch)}
}

// Train says whether the graph is one to train.
func (g *Graph[T]) Train() bool { return g.train }

// Profile has every operation of later runs report how long it took; nil stops that.
func (g *Graph[T]) Profile(f func(w Work, d time.Duration)) { g.profiler = f }

// Input adds a node whose values are those of data, read at each run.
func (g *Graph[T]) Input(name string, data []T, shape ...int) *G.Node {
	n := G.NewTensor(g.g, dtype[T](), len(shape), G.WithShape(shape...), G.WithName(name))
	if err := G.Let(n, tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))); err != nil {
		g.fail("bind %s: %w", name, err)
	}
	return n
}

// Param adds an input with respect to which the graph is differentiated.
func (g *Graph[T]) Param(name string, data []T, shape ...int) *G.Node {
	n := g.Input(name, data, shape...)
	g.needs[n] = true
	return n
}

// Compile makes the program that computes the outputs.
func (g *Graph[T]) Compile(outputs ...*G.Node) error {
	var inputs, computed G.Nodes
	seen := map[*G.Node]bool{}
	for _, n := range outputs {
		o := operation[T](n)
		switch {
		case o == nil:
			return fmt.Errorf("output %s is not an operation", n.Name())
		case o.fetches != nil: // it is there once its input has run: a step is shorter without it
			n = o.fetches
			source := operation[T](n)
			source.leaves, source.beside = true, append(source.beside, o.fixed)
		default:
			o.kept, o.leaves = true, true
		}
		if !contains(computed, n) {
			computed = append(computed, n)
		}
	}
	stack := append(G.Nodes(nil), computed...)
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[n] {
			continue
		}
		seen[n] = true
		o := operation[T](n)
		if o == nil {
			inputs = append(inputs, n)
			continue
		}
		for i, in := range o.inputs {
			if p := operation[T](in); p != nil && !contains(o.inputs[:i], in) {
				p.readers++
				p.leaves = p.leaves || p.chance != o.chance
			}
			stack = append(stack, in)
		}
	}
	program, locations, err := G.CompileFunction(g.g, inputs, computed)
	if err != nil {
		return fmt.Errorf("compile the graph: %w", err)
	}
	g.machine = G.NewTapeMachine(g.g, G.WithPrecompiled(program, locations))
	return nil
}

// Run computes the outputs for the current rows.
func (g *Graph[T]) Run() error {
	if g.Rows < 1 || g.Rows > g.batch {
		return fmt.Errorf("%d rows in a graph for 1 to %d", g.Rows, g.batch)
	}
	if err := g.machine.RunAll(); err != nil {
		return fmt.Errorf("run the graph: %w", err)
	}
	g.machine.Reset()
	g.planned = true
	return nil
}

// Value is an output's values after a run, valid until the next.
func (g *Graph[T]) Value(n *G.Node) []T {
	o := operation[T](n)
	if o.fetches != nil {
		return o.fixed
	}
	return o.buf
}

// Build calls f and returns the error with which it left by Bail, if it did.
func Build(f func()) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case bail:
			err = r.err
		default:
			panic(r)
		}
	}()
	f()
	return nil
}

// Bail leaves the function that Build called, so that what is built of many parts needs no check after each.
func Bail(err error) { panic(bail{err}) }

type bail struct{ err error }

func (g *Graph[T]) fail(format string, args ...any) { Bail(fmt.Errorf(format, args...)) }

// Pool lends buffers to the operations of graphs that do not run at the same time. Which operation has which buffer is
// settled in a graph's first run: a buffer whose last reader has run is lent again.
type Pool[T kernels.Float] struct {
	free [][]T
	all  [][]T
}

// Bytes is the size of all buffers.
func (p *Pool[T]) Bytes() int64 {
	var sum int64
	for _, b := range p.all {
		sum += int64(len(b)) * int64(unsafe.Sizeof(b[0]))
	}
	return sum
}

// Close frees the buffers. The graphs that had them must not run again.
func (p *Pool[T]) Close() {
	for _, b := range p.all {
		if f, ok := any(b).([]float32); ok {
			kernels.Free(f)
		}
	}
	p.all, p.free = nil, nil
}

// get finds the smallest free buffer that holds n values without wasting more than half of it, or makes one.
func (p *Pool[T]) get(n int) []T {
	best := -1
	for i, b := range p.free {
		if len(b) >= n && len(b) <= 2*n && (best < 0 || len(b) < len(p.free[best])) {
			best = i
		}
	}
	if best >= 0 {
		b := p.free[best]
		p.free = append(p.free[:best], p.free[best+1:]...)
		return b
	}
	return p.own(n)
}

// own makes a buffer that is never lent again.
func (p *Pool[T]) own(n int) []T {
	b := alloc[T](n)
	p.all = append(p.all, b)
	return b
}

// put takes back a buffer that get gave.
func (p *Pool[T]) put(b []T) { p.free = append(p.free, b[:cap(b)]) }

func alloc[T kernels.Float](n int) []T {
	var zero T
	if _, ok := any(zero).(float32); ok {
		return any(kernels.Alloc(n)).([]T)
	}
	return make([]T, n)
}

func dtype[T kernels.Float]() tensor.Dtype {
	var zero T
	if _, ok := any(zero).(float32); ok {
		return tensor.Float32
	}
	return tensor.Float64
}

func contains(ns G.Nodes, n *G.Node) bool {
	for _, m := range ns {
		if m == n {
			return true
		}
	}
	return false
}

var errNoDerivative = errors.New("has no derivative")
