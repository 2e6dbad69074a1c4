package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// CrossEntropy is the mean over the rows of -log softmax(logits)[label], computed from the logits. With label smoothing
// (Szegedy et al. 2016, "Rethinking the Inception Architecture", section 7) the label has 1-smoothing of the target, and all
// classes share the rest equally. Where the graph has Others, it is the mean of the loss of both labels by their shares.
type CrossEntropy[T any] struct {
	Loss    *G.Node // [1]
	PerRow  []T     // of each row, after a run
	Correct []int32 // 1 where the largest logit is the label's, after a run
}

// SoftmaxCrossEntropy adds the loss of logits [N classes] against the graph's Labels, smoothed by a part from 0 to below 1.
func (g *Graph[T]) SoftmaxCrossEntropy(logits *G.Node, smoothing float64) CrossEntropy[T] {
	classes := logits.Shape()[1]
	c := CrossEntropy[T]{PerRow: make([]T, g.batch), Correct: make([]int32, g.batch)}
	slope := make([]T, g.batch*classes) // (softmax - target)/rows
	var second struct{ loss, slope []T }
	o := &op[T]{kind: "cross entropy", name: "loss", shape: tensor.Shape{1}, params: fmt.Sprint(smoothing)}
	o.run = func(in [][]T, out []T) {
		n := g.Rows * classes
		g.k.SoftmaxCrossEntropy(g.Rows, classes, in[0][:n], g.Labels[:g.Rows], smoothing, c.PerRow[:g.Rows], slope[:n], c.Correct[:g.Rows])
		if g.Others != nil {
			if second.loss == nil {
				second.loss, second.slope = make([]T, g.batch), make([]T, g.batch*classes)
			}
			g.k.SoftmaxCrossEntropy(g.Rows, classes, in[0][:n], g.Others[:g.Rows], smoothing, second.loss[:g.Rows], second.slope[:n], nil)
			share, rest := T(g.Share), T(1-g.Share)
			for i, l := range second.loss[:g.Rows] {
				c.PerRow[i] = share*c.PerRow[i] + rest*l
			}
			for i, s := range second.slope[:n] {
				slope[i] = share*slope[i] + rest*s
			}
		}
		sum := 0.0
		for _, l := range c.PerRow[:g.Rows] {
			sum += float64(l)
		}
		out[0] = T(sum / float64(g.Rows))
	}
	o.diff = func(grad *G.Node) G.Nodes {
		d := &op[T]{kind: "cross entropy grad", name: "loss", shape: logits.Shape().Clone()}
		d.run = func(in [][]T, out []T) {
			for i, s := range slope[:g.Rows*classes] {
				out[i] = s * in[0][0]
			}
		}
		return G.Nodes{g.apply(d, grad, logits, c.Loss)}
	}
	c.Loss = g.apply(o, logits)
	return c
}
