package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Dense adds y = x w + bias: x [N ...] read as [N In], w [In Out], bias [Out], y [N Out].
func (g *Graph[T]) Dense(name string, x, w, bias *G.Node) *G.Node {
	in, out := w.Shape()[0], w.Shape()[1]
	macs := int64(in) * int64(out)
	o := &op[T]{kind: "dense", name: name, macs: macs, shape: tensor.Shape{g.batch, out}}
	o.run = func(v [][]T, y []T) {
		g.k.Dense(g.Rows, in, out, v[0][:g.Rows*in], v[1], v[2], y[:g.Rows*out])
	}
	o.diff = func(grad *G.Node) G.Nodes {
		biases := make([]T, out)
		dw := &op[T]{kind: "dense grad weights", name: name, macs: macs, shape: tensor.Shape{in, out}}
		dw.run = func(v [][]T, d []T) {
			g.k.DenseGradWeights(g.Rows, in, out, v[1][:g.Rows*in], v[0][:g.Rows*out], d, biases)
		}
		weights := g.apply(dw, grad, x)
		var data *G.Node
		if g.needs[x] {
			dx := &op[T]{kind: "dense grad data", name: name, macs: macs, shape: x.Shape().Clone()}
			dx.run = func(v [][]T, d []T) {
				g.k.DenseGradData(g.Rows, in, out, v[1], v[0][:g.Rows*out], d[:g.Rows*in])
			}
			data = g.apply(dx, grad, w)
		}
		return G.Nodes{data, weights, g.fetch(name+".bias", weights, biases, out)}
	}
	return g.apply(o, x, w, bias)
}
