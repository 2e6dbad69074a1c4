package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"exp/internal/kernels"
)

// Gradients adds the gradients of a loss [1] with respect to params. The graph is walked backwards here, not by
// gorgonia.Grad, because a gradient that arrives at a node from several sides is then summed by an operation of ours, and
// most often while its reader loads it.
func (g *Graph[T]) Gradients(loss *G.Node, params G.Nodes) (grads G.Nodes, err error) {
	err = Build(func() { grads = g.gradients(loss, params) })
	return grads, err
}

func (g *Graph[T]) gradients(loss *G.Node, params G.Nodes) G.Nodes {
	g.taping = false
	terms := map[*G.Node]G.Nodes{loss: {g.Input("one", []T{1}, 1)}}
	g.terms = terms
	for i := len(g.tape) - 1; i >= 0; i-- {
		n := g.tape[i]
		if len(terms[n]) == 0 {
			continue
		}
		o := operation[T](n)
		g.chance = o.chance // the derivative of what a step leaves out is left out too
		grads, err := o.SymDiff(o.inputs, n, g.total(n, terms[n]))
		if err != nil {
			g.fail("differentiate %v: %w", o, err)
		}
		for j, in := range o.inputs {
			if g.needs[in] && grads[j] != nil {
				terms[in] = append(terms[in], grads[j])
			}
		}
	}
	g.chance, g.terms = nil, nil
	result := make(G.Nodes, len(params))
	for i, p := range params {
		if len(terms[p]) == 0 {
			g.fail("the loss does not depend on %s", p.Name())
		}
		result[i] = g.total(p, terms[p])
	}
	return result
}

// arrived takes what has arrived so far at the node of a view, as one node, so that the operation which makes the view's own
// part adds it: nil where there is nothing, or where it has no place. What flows through a normalisation's statistics stays:
// its reader computes it.
func (g *Graph[T]) arrived(v View) *G.Node {
	n := v.Node
	if v.Norm == nil || n.Dims() != 4 {
		return nil
	}
	if o := operation[T](n); o == nil || o.chance != g.chance { // what a step may leave out cannot carry the rest
		return nil
	}
	var here, stay G.Nodes
	for _, t := range g.terms[n] {
		if o := operation[T](t); o != nil && (o.kind == "past" || o.kind == "through") {
			stay = append(stay, t)
		} else {
			here = append(here, t)
		}
	}
	if len(here) == 0 {
		return nil
	}
	g.terms[n] = stay
	return g.sum(n, here)
}

// join is a gradient that its reader can compute while it loads: gz or, behind a normalisation, gz + b x + c, or with scaled
// a gz + b x + c; and + rest.
type join struct{ norm, scaled, rest bool }

// gradientSource is how an operation reads a gradient.
type gradientSource[T kernels.Float] struct {
	inputs G.Nodes
	join   *join
}

// gradient finds how to read a gradient: through the operations that would only have written it down.
func (g *Graph[T]) gradient(grad *G.Node) gradientSource[T] {
	if o := operation[T](grad); o != nil && o.join != nil {
		return gradientSource[T]{append(G.Nodes(nil), o.inputs...), o.join}
	}
	return gradientSource[T]{inputs: G.Nodes{grad}}
}

// read is the gradient for a kernel; in begins with the source's inputs, of which the first n values count.
func (s gradientSource[T]) read(in [][]T, n int) kernels.ReadGrad[T] {
	r := kernels.ReadGrad[T]{G: in[0][:n]}
	if s.join == nil {
		return r
	}
	at := 1
	if s.join.scaled {
		r.A = in[at][:len(in[at])/2]
		at++
	}
	if s.join.norm {
		c := len(in[at+1]) / 4
		r.X, r.B, r.C = in[at][:n], in[at+1][2*c:3*c], in[at+1][3*c:]
		at += 2
	}
	if s.join.rest {
		r.R = in[at][:n]
	}
	return r
}

// scaled is the part of the gradient of a normalised x that flows past the statistics, scale gz, where gz itself is wanted too.
func (g *Graph[T]) scaled(name string, gz, norm *G.Node) *G.Node {
	shape := gz.Shape()
	c, size := channels(shape), rowSize(shape)
	zero := make([]T, c)
	o := &op[T]{kind: "past", name: name, shape: shape.Clone()}
	o.run = func(in [][]T, out []T) {
		n := g.Rows * size
		g.k.Map(kernels.Read[T]{X: in[0][:n], Scale: in[1][:c], Shift: zero}, c, kernels.Write[T]{Y: out[:n]})
	}
	return g.apply(o, gz, norm)
}

// through is the part that flows through the statistics: b x + c, which the normalisation's gradient has; see normGrad.
func (g *Graph[T]) through(name string, x, grad *G.Node) *G.Node {
	shape := x.Shape()
	c, size := channels(shape), rowSize(shape)
	o := &op[T]{kind: "through", name: name, shape: shape.Clone()}
	o.run = func(in [][]T, out []T) {
		n := g.Rows * size
		g.k.Map(kernels.Read[T]{X: in[0][:n], Scale: in[1][2*c : 3*c], Shift: in[1][3*c:]}, c, kernels.Write[T]{Y: out[:n]})
	}
	return g.apply(o, x, grad)
}

// total sums the gradients that arrive at a node, as a join where there is more than one.
func (g *Graph[T]) total(n *G.Node, terms G.Nodes) *G.Node {
	var past, through *op[T] // the parts of a normalisation's gradient past its statistics, unless scaled already, and through them
	var rest G.Nodes
	for _, t := range terms {
		o := operation[T](t)
		switch {
		case o != nil && o.kind == "past" && past == nil:
			past = o
		case o != nil && o.kind == "through" && through == nil:
			through = o
		default:
			rest = append(rest, t)
		}
	}
	if n.Dims() != 4 {
		return g.sum(n, terms)
	}
	if through != nil {
		j, inputs := join{norm: true, scaled: past != nil}, G.Nodes{}
		if past != nil {
			inputs = append(inputs, past.inputs...)
		} else {
			inputs, rest = append(inputs, rest[0]), rest[1:]
		}
		inputs = append(inputs, n, through.inputs[1])
		if len(rest) > 0 {
			j.rest = true
			inputs = append(inputs, g.sum(n, rest))
		}
		return g.join(n, j, inputs)
	}
	last := len(terms) - 1
	if last == 0 {
		return terms[0]
	}
	return g.join(n, join{rest: true}, G.Nodes{terms[last], g.sum(n, terms[:last])})
}

// sum adds gradients of one shape.
func (g *Graph[T]) sum(n *G.Node, terms G.Nodes) *G.Node {
	sum := terms[0]
	for _, t := range terms[1:] {
		sum = g.join(n, join{rest: true}, G.Nodes{sum, t})
	}
	return sum
}

// join adds the operation that writes a join down, for readers that cannot compute it while they load.
func (g *Graph[T]) join(n *G.Node, j join, inputs G.Nodes) *G.Node {
	shape := inputs[0].Shape()
	o := &op[T]{kind: "join", name: name(n), shape: shape.Clone()}
	if shape.Dims() == 4 {
		o.join = &j
	}
	src := gradientSource[T]{inputs, &j}
	o.run = func(in [][]T, out []T) {
		k := len(out)
		if o.join != nil {
			k = g.Rows * rowSize(shape)
		}
		g.k.MapGrad(src.read(in, k), channels(shape), kernels.WriteGrad[T]{G: out[:k]})
	}
	return g.apply(o, inputs...)
}

// fetch is an array of a layer that the operation of after fills, besides its result or as a part of it.
func (g *Graph[T]) fetch(name string, after *G.Node, array []T, shape ...int) *G.Node {
	o := &op[T]{kind: "fetch", name: name, shape: tensor.Shape(shape), fixed: array}
	o.run = func([][]T, []T) {}
	o.fetches = after
	return g.apply(o, after)
}

func name(n *G.Node) string {
	if n.Name() != "" {
		return n.Name()
	}
	return n.Op().String()
}
