package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"exp/internal/kernels"
)

// Blend adds what joins a shortcut s and a branch, a view, of one shape: y = p s + q view, by factors or by a gate that z
// opens, see [kernels.Blend]. s is nil where there is no shortcut, z without a gate.
func (g *Graph[T]) Blend(name string, how kernels.Blend, s *G.Node, v View, z *G.Node) *G.Node {
	shape := v.Node.Shape()
	c, size := channels(shape), rowSize(shape)
	inputs := v.inputs()
	ofS, ofZ := 0, 0
	if s != nil {
		ofS = len(inputs)
		inputs = append(inputs, s)
	}
	if z != nil {
		ofZ = len(inputs)
		inputs = append(inputs, z)
	}
	part := func(in [][]T, at, n int) []T {
		if at == 0 {
			return nil
		}
		return in[at][:n]
	}
	o := &op[T]{kind: "blend", name: name, params: fmt.Sprint(how, v.ReLU), shape: shape.Clone()}
	o.run = func(in [][]T, out []T) {
		n := g.Rows * size
		g.k.Blend(how, c, part(in, ofS, n), read(v, in, n), part(in, ofZ, n), kernels.Write[T]{Y: out[:n], Sums: o.sums})
	}
	// of is the gradient of one of the three; it reads of them what it needs.
	of := func(what kernels.BlendPart, grad *G.Node) *G.Node {
		src := g.gradient(grad)
		at := len(src.inputs)
		d := &op[T]{kind: "blend grad", name: name, params: fmt.Sprint(how, what), shape: shape.Clone()}
		reads := append(G.Nodes{}, src.inputs...)
		if what == kernels.OfGate {
			reads = append(reads, inputs...)
		} else if z != nil {
			reads = append(reads, z)
		}
		d.run = func(in [][]T, out []T) {
			n := g.Rows * size
			r, rest := src.read(in, n), in[at:]
			switch {
			case what == kernels.OfGate:
				g.k.BlendGrad(how, what, c, part(rest, ofS, n), read(v, rest, n), part(rest, ofZ, n), r, out[:n])
			case z != nil:
				g.k.BlendGrad(how, what, c, nil, kernels.Read[T]{}, rest[0][:n], r, out[:n])
			default:
				g.k.BlendGrad(how, what, c, nil, kernels.Read[T]{}, nil, r, out[:n])
			}
		}
		return g.apply(d, reads...)
	}
	o.diff = func(grad *G.Node) G.Nodes {
		df := grad
		if !how.BranchIsWhole() {
			df = of(kernels.OfBranch, grad)
		}
		grads := g.viewGrad(name, v, g.plainViewGrad(name+".branch", v, df))
		if s != nil {
			grads = append(grads, of(kernels.OfShortcut, grad))
		}
		if z != nil {
			grads = append(grads, of(kernels.OfGate, grad))
		}
		return grads
	}
	return g.apply(o.summing(c), inputs...)
}
