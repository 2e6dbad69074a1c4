package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"exp/internal/kernels"
)

// Ending is what a convolution does with its result while it stores it: it is normalised, the shortcut's residual of the same
// shape is added, and it is rectified. Only the addition has a derivative; the others are for evaluation, where a normalisation
// is known before what it normalises.
type Ending struct {
	Norm     *G.Node // scale and shift per channel [2 O], from Graph.BatchNorm; nil for none
	Residual *G.Node // or nil
	ReLU     bool
}

// Conv adds a convolution of a view, with its bias [O], if that is not nil: y = end(conv(view, w) + bias). w is [K K C O]; c.N is
// ignored.
func (g *Graph[T]) Conv(name string, c kernels.Conv, v View, w, bias *G.Node, end Ending) *G.Node {
	x, residual := v.inputs(), end.Residual
	inputs := append(x, w)
	add := func(n *G.Node) (at int) {
		if n != nil {
			inputs = append(inputs, n)
		}
		return len(inputs) - 1
	}
	biasAt, normAt, residualAt := add(bias), add(end.Norm), add(residual)
	inSize, outSize, macs := convSizes(c)
	o := &op[T]{kind: "conv", name: name, macs: macs, params: fmt.Sprint(c, v.ReLU), shape: tensor.Shape{g.batch, c.OutH(), c.OutW(), c.O}}
	o.run = func(in [][]T, out []T) {
		c := c
		c.N = g.Rows
		y := kernels.Write[T]{Y: out[:g.Rows*outSize], ReLU: end.ReLU, Sums: o.sums}
		if bias != nil {
			y.Bias = in[biasAt]
		}
		if end.Norm != nil {
			y.Scale, y.Shift = in[normAt][:c.O], in[normAt][c.O:]
		}
		if residual != nil {
			y.Residual = in[residualAt][:g.Rows*outSize]
		}
		g.k.Conv(c, in[len(x)], read(v, in, g.Rows*inSize), y)
	}
	o.writesOver(residual, inputs)
	if end.Norm != nil || end.ReLU {
		return g.apply(o, inputs...)
	}
	o.diff = func(grad *G.Node) G.Nodes {
		dw, dbias, gz, whole := g.convGrad(name, c, v, w, bias, residual, grad)
		grads := append(g.viewGrad(name, v, gz), dw)
		if bias != nil {
			grads = append(grads, dbias)
		}
		if residual != nil {
			grads = append(grads, whole)
		}
		return grads
	}
	return g.apply(o.summing(c.O), inputs...)
}

// convGrad adds the derivative of a convolution: the gradients of its weights and bias, that of its view's node past the
// normalisation's statistics (nil if nothing needs it), and that of its result as an array, for the residual.
func (g *Graph[T]) convGrad(name string, c kernels.Conv, v View, w, bias, residual, grad *G.Node) (dw, dbias, gz, whole *G.Node) {
	inSize, outSize, macs := convSizes(c)
	src, x := g.gradient(grad), v.inputs()
	at := len(src.inputs)

	// The weights' gradient reads the gradient first. Where a residual needs it as an array, or a third array is summed
	// into it, it is written down on the way.
	writes := src.join != nil && (residual != nil || src.join.rest)
	shape := tensor.Shape{c.K, c.K, c.C, c.O}
	weights := make([]T, shape.TotalSize())
	var biases []T
	if bias != nil {
		biases = make([]T, c.O)
	}
	o := &op[T]{kind: "conv grad weights", name: name, macs: macs, params: fmt.Sprint(c, v.ReLU), shape: shape, fixed: weights}
	if writes {
		o.shape, o.fixed = tensor.Shape{g.batch, c.OutH(), c.OutW(), c.O}, nil
	}
	// Where one pass makes both it has the data's gradient as its second result. A plain view's is left to sumBehind.
	both := g.k.OnePass(c) && !v.plain() && g.differentiates(v)
	reads := append(append(G.Nodes{}, src.inputs...), x...)
	rest := g.arrived(v) // added to the data's gradient
	weightsAt := len(reads)
	if both {
		reads = append(reads, w)
		if rest != nil {
			reads = append(reads, rest)
		}
		o.kind, o.macs = "conv grads", 2*macs
		o.second = (&op[T]{kind: "fetch", name: name + ".input", shape: tensor.Shape{g.batch, c.H, c.W, c.C}}).summing(c.C)
		o.second.run = func([][]T, []T) {}
		o.second.writesOver(rest, reads)
	}
	if writes {
		o.writesOver(src.inputs[0], reads)
	}
	readSrc := src
	o.run = func(in [][]T, out []T) {
		c := c
		c.N = g.Rows
		r := readSrc.read(in, g.Rows*outSize)
		if writes {
			r.Joined = out[:g.Rows*outSize]
		}
		view := read(v, in[at:], g.Rows*inSize)
		if both {
			y := kernels.WriteGrad[T]{G: o.second.buf[:g.Rows*inSize], Through: view, Sums: o.second.sums}
			if rest != nil {
				y.Rest = in[weightsAt+1][:g.Rows*inSize]
			}
			g.k.ConvGrads(c, in[weightsAt], view, r, y, weights, biases)
			return
		}
		g.k.ConvGradWeights(c, view, r, weights, biases)
	}
	first := g.apply(o, reads...)
	dw, whole = first, grad
	if writes {
		dw, whole = g.fetch(name+".weight", first, weights, shape...), first
		src = gradientSource[T]{inputs: G.Nodes{first}}
	}
	if bias != nil {
		dbias = g.fetch(name+".bias", first, biases, c.O)
	}

	if both {
		return dw, dbias, g.apply(o.second, first), whole
	}
	if !g.differentiates(v) {
		return dw, dbias, nil, whole
	}
	wAt := len(src.inputs)
	inputs := append(append(G.Nodes{}, src.inputs...), w)
	inputs = append(inputs, x...)
	inputs = append(inputs, first) // not read: it has the weights' gradient come first, which frees what that reads
	if rest != nil {
		inputs = append(inputs, rest)
	}
	var data func(behind ...*G.Node) *G.Node
	data = func(behind ...*G.Node) *G.Node {
		d := &op[T]{kind: "conv grad data", name: name, macs: macs, params: fmt.Sprint(c, v.ReLU, len(behind)), shape: tensor.Shape{g.batch, c.H, c.W, c.C}}
		d.run = func(in [][]T, out []T) {
			c := c
			c.N = g.Rows
			n := g.Rows * inSize
			y := kernels.WriteGrad[T]{G: out[:n], Sums: d.sums}
			if !v.plain() {
				y.Through = read(v, in[wAt+1:], n)
			}
			if rest != nil {
				y.Rest = in[len(inputs)-1][:n]
			}
			if len(behind) > 0 {
				y.Residual = in[len(inputs)][:n]
				y = gated(y, in[len(inputs)+1:], n)
			}
			g.k.ConvGradData(c, in[wAt], src.read(in, g.Rows*outSize), y)
		}
		all, over := append(inputs[:len(inputs):len(inputs)], behind...), rest
		if len(behind) > 0 {
			over = behind[0]
		} else if v.plain() {
			d.behind = data
		}
		d.writesOver(over, all)
		return g.apply(d.summing(c.C), all...)
	}
	return dw, dbias, data(), whole
}

// convSizes are the values of an example's input and result, and the multiply-adds between them.
func convSizes(c kernels.Conv) (in, out int, macs int64) {
	c.N = 1
	return c.H * c.W * c.C, c.OutH() * c.OutW() * c.O, c.MACs()
}
