package ops

import (
	G "gorgonia.org/gorgonia"

	"exp/internal/kernels"
)

// View is an activation as its readers see it: v = x, normalised, rectified. Operations apply it while they load, so that
// no pass over memory is spent on normalisation and ReLU.
type View struct {
	Node *G.Node // x [N ...]
	Norm *G.Node // scale and shift per channel [2 C], from Graph.BatchNorm; nil for none
	ReLU bool
}

// inputs are the nodes that an operation needs to read the view.
func (v View) inputs() G.Nodes {
	if v.Norm == nil {
		return G.Nodes{v.Node}
	}
	return G.Nodes{v.Node, v.Norm}
}

// differentiates says whether a gradient of the view is needed.
func (g *Graph[T]) differentiates(v View) bool {
	return g.needs[v.Node] || v.Norm != nil && g.needs[v.Norm]
}

// plain says whether the view is its node.
func (v View) plain() bool { return v.Norm == nil && !v.ReLU }

// read is the view for a kernel; in begins with the view's inputs, of which the first n values of x count.
func read[T kernels.Float](v View, in [][]T, n int) kernels.Read[T] {
	r := kernels.Read[T]{X: in[0][:n], ReLU: v.ReLU}
	if v.Norm != nil {
		c := len(in[1]) / 2
		r.Scale, r.Shift = in[1][:c], in[1][c:]
	}
	return r
}

// Map makes a view plain, and adds the residual if there is one: y = view + residual.
func (g *Graph[T]) Map(name string, v View, residual *G.Node) *G.Node {
	if v.plain() && residual == nil {
		return v.Node
	}
	shape := v.Node.Shape()
	c, size := channels(shape), rowSize(shape)
	o := &op[T]{kind: "map", name: name, shape: shape.Clone()}
	inputs := v.inputs()
	at := len(inputs)
	if residual != nil {
		inputs = append(inputs, residual)
	}
	o.run = func(in [][]T, out []T) {
		n := g.Rows * size
		w := kernels.Write[T]{Y: out[:n], Sums: o.sums}
		if residual != nil {
			w.Residual = in[at][:n]
		}
		g.k.Map(read(v, in, n), c, w)
	}
	o.writesOver(residual, inputs)
	var y *G.Node
	o.diff = func(grad *G.Node) G.Nodes {
		if v.ReLU && residual == nil && g.differentiates(v) {
			if gz := g.sumBehind(g.gradient(grad), gate(y, v)); gz != nil {
				return g.behindGrad(name, v, gz)
			}
		}
		grads := g.viewGrad(name, v, g.plainViewGrad(name+".map", v, grad))
		if residual != nil {
			grads = append(grads, grad)
		}
		return grads
	}
	y = g.apply(o.summing(c), inputs...)
	return y
}

// AddReLU ends a post-activation Unit in one pass: y = max(0, view + residual), for a view without ReLU.
func (g *Graph[T]) AddReLU(name string, v View, residual *G.Node) *G.Node {
	shape := v.Node.Shape()
	c, size := channels(shape), rowSize(shape)
	o := &op[T]{kind: "add relu", name: name, shape: shape.Clone()}
	at := len(v.inputs())
	o.run = func(in [][]T, out []T) {
		n := g.Rows * size
		g.k.Map(read(v, in, n), c, kernels.Write[T]{Y: out[:n], Residual: in[at][:n], ReLU: true, Sums: o.sums})
	}
	var y *G.Node
	o.diff = func(grad *G.Node) G.Nodes {
		src, gate := g.gradient(grad), gate(y, v)
		if gz := g.sumBehind(src, gate); gz != nil {
			return append(g.behindGrad(name, v, gz), gz)
		}
		at := len(src.inputs)
		d := &op[T]{kind: "add relu grad", name: name, shape: shape.Clone()}
		d.run = func(in [][]T, out []T) {
			n := g.Rows * size
			g.k.MapGrad(src.read(in, n), c, gated(kernels.WriteGrad[T]{G: out[:n], Sums: d.sums}, in[at:], n))
		}
		gz := g.apply(d.summing(c), append(src.inputs, gate...)...)
		return append(g.behindGrad(name, v, gz), gz)
	}
	inputs := append(v.inputs(), residual)
	o.writesOver(residual, inputs)
	y = g.apply(o.summing(c), inputs...)
	return y
}

// gate is what a gradient needs to stop at the ReLU that made y of a view: see gated.
func gate(y *G.Node, v View) G.Nodes {
	if v.Norm == nil {
		return G.Nodes{y}
	}
	return G.Nodes{y, v.Node} // for the sums
}

// gated has w stop at the ReLU whose result is the first of in, of which n values count; the second, if there is one, is what
// was normalised.
func gated[T kernels.Float](w kernels.WriteGrad[T], in [][]T, n int) kernels.WriteGrad[T] {
	w.Gate = in[0][:n]
	if len(in) > 1 {
		w.Through.X = in[1][:n]
	}
	return w
}

// sumBehind is the gradient behind a ReLU, where that of the ReLU's result is a sum: made by the operation that writes one of
// its terms, which then adds the other, and not in a pass of its own. It is nil where no term's operation can. The gate is as
// in gated.
func (g *Graph[T]) sumBehind(src gradientSource[T], gate G.Nodes) *G.Node {
	if src.join == nil || src.join.norm {
		return nil
	}
	for i, term := range src.inputs {
		// What a step may leave out cannot stand for what it computes.
		if o := operation[T](term); o != nil && o.behind != nil && o.chance == g.chance {
			return o.behind(append(G.Nodes{src.inputs[1-i]}, gate...)...)
		}
	}
	return nil
}

// behindGrad is viewGrad for a gradient behind the view's ReLU, before its scale.
func (g *Graph[T]) behindGrad(name string, v View, gz *G.Node) G.Nodes {
	grads := g.viewGrad(name, v, gz)
	if v.Norm != nil {
		grads[0] = g.scaled(name, gz, v.Norm)
	}
	return grads
}

// viewGrad turns the gradient with respect to a view's node, as kernels give it with the sums for its normalisation (past the
// batch's statistics), into the gradients of the view's inputs.
func (g *Graph[T]) viewGrad(name string, v View, gx *G.Node) G.Nodes {
	if gx == nil {
		return make(G.Nodes, len(v.inputs()))
	}
	if v.Norm == nil {
		return G.Nodes{gx}
	}
	return G.Nodes{gx, g.normGrad(name, gx, v)}
}

// plainViewGrad is the gradient of a view made plain with respect to its node, past its normalisation's statistics: grad where
// ReLU let the value pass, scaled.
func (g *Graph[T]) plainViewGrad(name string, v View, grad *G.Node) *G.Node {
	if !g.differentiates(v) {
		return nil
	}
	if v.plain() {
		return grad
	}
	shape := v.Node.Shape()
	c, size := channels(shape), rowSize(shape)
	src := g.gradient(grad)
	o := &op[T]{kind: "map grad", name: name, shape: shape.Clone()}
	at, rest := len(src.inputs), g.arrived(v)
	inputs := append(src.inputs, v.inputs()...)
	if rest != nil {
		inputs = append(inputs, rest)
		o.writesOver(rest, inputs)
	}
	o.run = func(in [][]T, out []T) {
		n := g.Rows * size
		w := kernels.WriteGrad[T]{G: out[:n], Through: read(v, in[at:], n), Sums: o.sums}
		if rest != nil {
			w.Rest = in[len(in)-1][:n]
		}
		g.k.MapGrad(src.read(in, n), c, w)
	}
	return g.apply(o.summing(c), inputs...)
}

// summing lets a normalisation ask the operation for sums per channel.
func (o *op[T]) summing(channels int) *op[T] {
	o.sum = func() []float64 {
		if o.sums == nil {
			o.sums = make([]float64, 2*channels)
		}
		return o.sums
	}
	return o
}

// channels is the last dimension of a shape [N ... C].
func channels(shape []int) int { return shape[len(shape)-1] }

// rowSize is the number of values of one example of a shape [N ...].
func rowSize(shape []int) int {
	n := 1
	for _, d := range shape[1:] {
		n *= d
	}
	return n
}
