package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"exp/internal/kernels"
	"exp/internal/stream"
)

// Chance is that of a part of a net to take part in a step of training (Huang 2016, "Deep Networks with Stochastic Depth").
type Chance struct {
	key  uint64
	kept float64
}

// NewChance is the chance of a part with a name of its own to take part.
func NewChance(name string, kept float64) *Chance {
	return &Chance{stream.Key(0, "survival", name), kept}
}

// Under has the operations that are added belong to a part of the net with a chance, nil for the part that every step
// computes, until the function that it returns is called. In a step that leaves the part out they are not run, forward and
// backward; what others read of them is zero then: gradients.
func (g *Graph[T]) Under(c *Chance) (end func()) {
	before := g.chance
	if g.train {
		g.chance = c
	}
	return func() { g.chance = before }
}

// takesPart decides by the graph's Seed and the name alone.
func (g *Graph[T]) takesPart(c *Chance) bool {
	return c == nil || float64(stream.Item(g.Seed^c.key, 0)>>11)/(1<<53) < c.kept
}

// Survive adds the end of a part with a chance: in training y = view + residual where the part takes part in the step, else
// y = residual; in evaluation y = kept view + residual. Without a residual that is 0. What only the view needs should have
// been added [Graph.Under] the same chance.
func (g *Graph[T]) Survive(name string, c *Chance, v View, residual *G.Node) *G.Node {
	if !g.train {
		return g.Blend(name, kernels.Blend{A: 1, B: c.kept}, residual, v, nil)
	}
	shape := v.Node.Shape()
	ch, size := channels(shape), rowSize(shape)
	inputs := v.inputs()
	at := len(inputs)
	if residual != nil {
		inputs = append(inputs, residual)
	}
	o := &op[T]{kind: "survive", name: name, params: fmt.Sprint(c.kept, v.ReLU), shape: shape.Clone()}
	o.run = func(in [][]T, out []T) {
		n := g.Rows * size
		w := kernels.Write[T]{Y: out[:n], Sums: o.sums}
		switch kept := g.takesPart(c); {
		case kept && residual != nil:
			w.Residual = in[at][:n]
			fallthrough
		case kept:
			g.k.Map(read(v, in, n), ch, w)
		case residual != nil:
			g.k.Map(kernels.Read[T]{X: in[at][:n]}, ch, w)
		default:
			clear(w.Y)
			clear(w.Sums)
		}
	}
	o.diff = func(grad *G.Node) G.Nodes {
		end := g.Under(c)
		grads := g.viewGrad(name, v, g.plainViewGrad(name+".survive", v, grad))
		end()
		if residual != nil {
			grads = append(grads, grad)
		}
		return grads
	}
	return g.apply(o.summing(ch), inputs...)
}
