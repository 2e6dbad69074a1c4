package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"exp/internal/stream"
)

// Dropout adds inverted dropout (Srivastava 2014) of a node: in training each value is zeroed with probability rate and the
// others are divided by 1-rate. The mask depends on the graph's Seed, the layer's name and the value's place alone.
func (g *Graph[T]) Dropout(name string, x *G.Node, rate float64) *G.Node {
	if !g.train || rate == 0 {
		return x
	}
	size := rowSize(x.Shape())
	layer := stream.Key(0, "dropout", name)
	make := func(kind string) *op[T] {
		o := &op[T]{kind: kind, name: name, params: fmt.Sprint(rate), shape: x.Shape().Clone()}
		o.run = func(in [][]T, out []T) {
			n := g.Rows * size
			g.k.Dropout(in[0][:n], rate, g.Seed^layer, out[:n])
		}
		return o
	}
	o := make("dropout")
	o.diff = func(grad *G.Node) G.Nodes { return G.Nodes{g.apply(make("dropout grad"), grad)} }
	return g.apply(o, x)
}
