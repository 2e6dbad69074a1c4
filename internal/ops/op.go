package ops

import (
	"fmt"
	"hash"
	"hash/fnv"
	"time"
	"unsafe"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"exp/internal/kernels"
)

// op is an operation of ours. It owns its result, so that a step allocates nothing.
type op[T kernels.Float] struct {
	graph  *Graph[T]
	kind   string // what it is
	name   string // the layer it belongs to; with kind it is unique in its graph
	params string // all else that its result depends on; Gorgonia merges operations that hash alike
	shape  tensor.Shape
	macs   int64 // multiply-adds of its definition for one example
	inputs G.Nodes

	// run computes out from in. Both are as long as the whole batch; the first graph.Rows examples are valid.
	run func(in [][]T, out []T)
	// diff gives the gradient of each input from that of the output; nil where an input has none.
	diff func(grad *G.Node) G.Nodes

	sums   []float64 // where run leaves Σy and Σy² per channel, if a normalisation asked for it
	sum    func() []float64
	chance *Chance // of the part of the net that it belongs to; nil where every step computes it
	leaves bool    // an output, or an operation with another chance reads the result
	beside [][]T   // outputs that it fills besides its result
	second *op[T]  // another operation whose result it fills too
	join   *join   // set where the operation is a gradient that its reader can compute while it loads
	// behind makes an operation in place of this one, a gradient of an activation that was not normalised, which adds its
	// first input to it and stops at the ReLU of the others: see sumBehind.
	behind func(inputs ...*G.Node) *G.Node
	normal *normal // set where the operation is a normalisation in training

	// over is an input that the result may be written over, element by element, if nothing else reads it any more.
	over *G.Node

	kept    bool    // an output: its buffer is its own
	taken   bool    // its buffer is that of a later operation
	fixed   []T     // its result is an array of its layer's
	fetches *G.Node // the input that fills the array, where running the operation does nothing
	readers int     // operations that read the result
	left    int
	buf     []T
	value   *tensor.Dense
	in      [][]T
}

var (
	_ G.Op   = (*op[float32])(nil)
	_ G.SDOp = (*op[float32])(nil)
)

// operation is the operation of a node, or nil for an input.
func operation[T kernels.Float](n *G.Node) *op[T] {
	o, _ := n.Op().(*op[T])
	return o
}

// apply adds an operation to the graph.
func (g *Graph[T]) apply(o *op[T], inputs ...*G.Node) *G.Node {
	o.graph, o.inputs, o.chance = g, inputs, g.chance
	n, err := G.ApplyOp(o, inputs...)
	if err != nil {
		g.fail("add %s of %s: %w", o.kind, o.name, err)
	}
	for _, in := range inputs {
		if g.needs[in] {
			g.needs[n] = true
		}
	}
	if g.taping {
		g.tape = append(g.tape, n)
	}
	return n
}

// Do implements gorgonia.Op.
func (o *op[T]) Do(values ...G.Value) (result G.Value, err error) {
	defer OutOfMemory(&err)
	if o.value == nil {
		o.lend()
		if o.second != nil {
			o.second.lend()
		}
	}
	for i, v := range values {
		o.in[i] = slice[T](v)
	}
	f := o.graph.profiler
	switch {
	case !o.graph.takesPart(o.chance):
		if o.leaves {
			clear(o.buf)
			for _, array := range o.beside {
				clear(array)
			}
		}
	case f != nil:
		start := time.Now()
		o.run(o.in, o.buf)
		f(Work{Kind: o.kind, Layer: o.name, MACs: o.macs * int64(o.graph.Rows)}, time.Since(start))
	default:
		o.run(o.in, o.buf)
	}
	if !o.graph.planned {
		o.settle()
	}
	return o.value, nil
}

// OutOfMemory, deferred, turns a kernel's panic for want of memory into an error.
func OutOfMemory(err *error) {
	switch r := recover().(type) {
	case nil:
	case kernels.OutOfMemory:
		*err = r
	default:
		panic(r)
	}
}

// lend gives the operation its buffer at its first run.
func (o *op[T]) lend() {
	n := o.shape.TotalSize()
	switch {
	case o.fixed != nil:
		o.buf = o.fixed
	case o.kept:
		o.buf = o.graph.pool.own(n)
	case o.over != nil && operation[T](o.over).give(n):
		o.buf = operation[T](o.over).buf
	default:
		o.buf = o.graph.pool.get(n)[:n]
	}
	o.left = o.readers
	o.in = make([][]T, len(o.inputs))
	o.value = tensor.New(tensor.WithShape(o.shape...), tensor.WithBacking(o.buf))
}

// writesOver lets the result be written over one of the inputs of the operation that makes it, unless that is nil or read
// otherwise too.
func (o *op[T]) writesOver(in *G.Node, inputs G.Nodes) {
	count := 0
	for _, n := range inputs {
		if n == in {
			count++
		}
	}
	if count == 1 && operation[T](in) != nil {
		o.over = in
	}
}

// give gives the buffer of n values to the operation at work, if that is its last reader.
func (o *op[T]) give(n int) bool {
	if o.taken || o.left != 1 || o.kept || o.fixed != nil || len(o.buf) != n {
		return false
	}
	o.taken = true
	return true
}

// settle returns the buffers that no later operation reads.
func (o *op[T]) settle() {
	for i, in := range o.inputs {
		p := operation[T](in)
		if p == nil || contains(o.inputs[:i], in) {
			continue
		}
		p.left--
		if p.left == 0 && !p.kept && p.fixed == nil && !p.taken {
			o.graph.pool.put(p.buf)
		}
	}
}

func slice[T kernels.Float](v G.Value) []T {
	d := v.(*tensor.Dense)
	var zero T
	if _, ok := any(zero).(float32); ok {
		f := d.Float32s()
		return *(*[]T)(unsafe.Pointer(&f))
	}
	f := d.Float64s()
	return *(*[]T)(unsafe.Pointer(&f))
}

// DiffWRT implements gorgonia.SDOp.
func (o *op[T]) DiffWRT(inputs int) []bool {
	wrt := make([]bool, inputs)
	for i, in := range o.inputs {
		wrt[i] = o.diff != nil && o.graph.needs[in]
	}
	return wrt
}

// SymDiff implements gorgonia.SDOp.
func (o *op[T]) SymDiff(_ G.Nodes, _, grad *G.Node) (G.Nodes, error) {
	if o.diff == nil {
		return nil, fmt.Errorf("%s of %s %w", o.kind, o.name, errNoDerivative)
	}
	var grads G.Nodes
	err := Build(func() { grads = o.diff(grad) })
	return grads, err
}

// Arity implements gorgonia.Op.
func (o *op[T]) Arity() int { return len(o.inputs) }

// Type implements gorgonia.Op: any tensors to a tensor of ours.
func (o *op[T]) Type() hm.Type {
	types := make([]hm.Type, 0, len(o.inputs)+1)
	for i := range o.inputs {
		types = append(types, hm.TypeVariable(rune('c'+i)))
	}
	return hm.NewFnType(append(types, G.TensorType{Dims: o.shape.Dims(), Of: dtype[T]()})...)
}

// InferShape implements gorgonia.Op.
func (o *op[T]) InferShape(...G.DimSizer) (tensor.Shape, error) { return o.shape, nil }

// ReturnsPtr implements gorgonia.Op: no, so that Gorgonia gives the result a register of its own.
func (o *op[T]) ReturnsPtr() bool { return false }

// CallsExtern implements gorgonia.Op: no, so that Gorgonia allocates nothing for it.
func (o *op[T]) CallsExtern() bool { return false }

// OverwritesInput implements gorgonia.Op.
func (o *op[T]) OverwritesInput() int { return -1 }

// WriteHash implements gorgonia.Op.
func (o *op[T]) WriteHash(h hash.Hash) { fmt.Fprintf(h, "%s %s %s", o.kind, o.name, o.params) }

// Hashcode implements gorgonia.Op.
func (o *op[T]) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

func (o *op[T]) String() string { return o.kind + " " + o.name }
