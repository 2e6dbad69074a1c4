package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"exp/internal/kernels"
)

// MaxPool adds max pooling of a view; p.N is ignored. The gradient of a window goes to its first largest value.
func (g *Graph[T]) MaxPool(name string, p kernels.Pool, v View) *G.Node {
	inSize, outSize := p.H*p.W*p.C, p.OutH()*p.OutW()*p.C
	x := g.Map(name+".in", v, nil)
	o := &op[T]{kind: "max pool", name: name, params: fmt.Sprint(p), shape: tensor.Shape{g.batch, p.OutH(), p.OutW(), p.C}}
	o.run = func(in [][]T, out []T) {
		p := p
		p.N = g.Rows
		g.k.MaxPool(p, kernels.Read[T]{X: in[0][:g.Rows*inSize]}, kernels.Write[T]{Y: out[:g.Rows*outSize], Sums: o.sums})
	}
	var y *G.Node
	o.diff = func(grad *G.Node) G.Nodes {
		src := g.gradient(grad)
		at := len(src.inputs)
		d := &op[T]{kind: "max pool grad", name: name, params: fmt.Sprint(p), shape: tensor.Shape{g.batch, p.H, p.W, p.C}}
		d.run = func(in [][]T, out []T) {
			p := p
			p.N = g.Rows
			g.k.MaxPoolGrad(p, kernels.Read[T]{X: in[at][:g.Rows*inSize]}, in[at+1][:g.Rows*outSize], src.read(in, g.Rows*outSize), out[:g.Rows*inSize])
		}
		return G.Nodes{g.apply(d, append(src.inputs, x, y)...)}
	}
	y = g.apply(o.summing(p.C), x)
	return y
}

// AvgPool adds average pooling of a view; p.N is ignored.
func (g *Graph[T]) AvgPool(name string, p kernels.Pool, v View) *G.Node {
	inSize, outSize := p.H*p.W*p.C, p.OutH()*p.OutW()*p.C
	o := &op[T]{kind: "average pool", name: name, params: fmt.Sprint(p, v.ReLU), shape: tensor.Shape{g.batch, p.OutH(), p.OutW(), p.C}}
	o.run = func(in [][]T, out []T) {
		p := p
		p.N = g.Rows
		g.k.AvgPool(p, read(v, in, g.Rows*inSize), kernels.Write[T]{Y: out[:g.Rows*outSize], Sums: o.sums})
	}
	o.diff = func(grad *G.Node) G.Nodes {
		src := g.gradient(grad)
		d := &op[T]{kind: "average pool grad", name: name, params: fmt.Sprint(p), shape: tensor.Shape{g.batch, p.H, p.W, p.C}}
		d.run = func(in [][]T, out []T) {
			p := p
			p.N = g.Rows
			g.k.AvgPoolGrad(p, src.read(in, g.Rows*outSize), out[:g.Rows*inSize])
		}
		return g.viewGrad(name, v, g.plainViewGrad(name+".in", v, g.apply(d, src.inputs...)))
	}
	return g.apply(o.summing(p.C), v.inputs()...)
}

// Subsample adds the shortcut without parameters: every stride-th pixel of a view [N H W C], with channels of zeros after
// its own up to the given number.
func (g *Graph[T]) Subsample(name string, v View, stride, to int) *G.Node {
	s := v.Node.Shape()
	h, w, c := s[1], s[2], s[3]
	oh, ow := (h+stride-1)/stride, (w+stride-1)/stride
	inSize, outSize := h*w*c, oh*ow*to
	o := &op[T]{kind: "subsample", name: name, params: fmt.Sprint(stride, to, v.ReLU), shape: tensor.Shape{g.batch, oh, ow, to}}
	o.run = func(in [][]T, out []T) {
		g.k.Subsample(g.Rows, h, w, c, stride, to, read(v, in, g.Rows*inSize), kernels.Write[T]{Y: out[:g.Rows*outSize], Sums: o.sums})
	}
	o.diff = func(grad *G.Node) G.Nodes {
		src := g.gradient(grad)
		d := &op[T]{kind: "subsample grad", name: name, params: fmt.Sprint(stride, to), shape: s.Clone()}
		d.run = func(in [][]T, out []T) {
			g.k.SubsampleGrad(g.Rows, h, w, c, stride, to, src.read(in, g.Rows*outSize), out[:g.Rows*inSize])
		}
		return g.viewGrad(name, v, g.plainViewGrad(name+".in", v, g.apply(d, src.inputs...)))
	}
	return g.apply(o.summing(to), v.inputs()...)
}
