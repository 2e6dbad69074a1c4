package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"exp/internal/kernels"
)

// Excite scales every channel of a view [N H W C] by a gate that z [N C] opens: y = view g, g = 1/(1+exp(-z)).
func (g *Graph[T]) Excite(name string, v View, z *G.Node) *G.Node {
	shape := v.Node.Shape()
	c, size := channels(shape), rowSize(shape)
	pixels := size / c
	inputs := append(v.inputs(), z)
	at := len(inputs) - 1
	o := &op[T]{kind: "excite", name: name, params: fmt.Sprint(v.ReLU), shape: shape.Clone()}
	o.run = func(in [][]T, out []T) {
		n := g.Rows * size
		g.k.Excite(g.Rows, pixels, c, read(v, in, n), in[at][:g.Rows*c], kernels.Write[T]{Y: out[:n], Sums: o.sums})
	}
	o.diff = func(grad *G.Node) G.Nodes {
		src := g.gradient(grad)
		from := len(src.inputs)
		var dv *G.Node
		if g.differentiates(v) {
			d := &op[T]{kind: "excite grad", name: name, shape: shape.Clone()}
			d.run = func(in [][]T, out []T) {
				n := g.Rows * size
				g.k.ExciteGrad(kernels.OfBranch, g.Rows, pixels, c, kernels.Read[T]{}, in[from][:g.Rows*c], src.read(in, n), out[:n])
			}
			dv = g.plainViewGrad(name+".in", v, g.apply(d, append(append(G.Nodes{}, src.inputs...), z)...))
		}
		d := &op[T]{kind: "excite grad gate", name: name, params: fmt.Sprint(v.ReLU), shape: tensor.Shape{g.batch, c}}
		d.run = func(in [][]T, out []T) {
			n, rest := g.Rows*size, in[from:]
			g.k.ExciteGrad(kernels.OfGate, g.Rows, pixels, c, read(v, rest, n), rest[at][:g.Rows*c], src.read(in, n), out[:g.Rows*c])
		}
		dz := g.apply(d, append(append(G.Nodes{}, src.inputs...), inputs...)...)
		return append(g.viewGrad(name, v, dv), dz)
	}
	return g.apply(o.summing(c), inputs...)
}
