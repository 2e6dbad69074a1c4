package ops

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"exp/internal/kernels"
)

// BatchNorm is the batch normalisation of one layer (Ioffe and Szegedy 2015). The arrays have one value a channel.
type BatchNorm[T kernels.Float] struct {
	Name              string
	Momentum, Epsilon float64
	Gamma, Beta       *G.Node
	Mean, Variance    []T // moving averages: read in evaluation, updated by each step of training
}

// normal is what a normalisation keeps of a step's batch for its derivative.
type normal struct {
	mean, inverse []float64 // mean and 1/sqrt(variance+epsilon) per channel
	count         float64   // values per channel
}

// BatchNorm adds the normalisation of x as a scale and a shift per channel [2 C], to be used in a [View]:
//
//	train:      m, v = mean and biased variance of the batch; moving = momentum*moving + (1-momentum)*(m, v n/(n-1))
//	evaluation: m, v = moving averages
//	scale = gamma/sqrt(v+epsilon), shift = beta - m scale
func (g *Graph[T]) BatchNorm(x *G.Node, b BatchNorm[T]) *G.Node {
	c := len(b.Mean)
	o := &op[T]{kind: "norm", name: b.Name, shape: tensor.Shape{2 * c}, params: fmt.Sprint(b.Momentum, b.Epsilon, g.train)}
	if !g.train {
		o.run = func(in [][]T, out []T) {
			for i := range c {
				r := 1 / math.Sqrt(float64(b.Variance[i])+b.Epsilon)
				scale := float64(in[0][i]) * r
				out[i] = T(scale)
				out[c+i] = T(float64(in[1][i]) - float64(b.Mean[i])*scale)
			}
		}
		return g.apply(o, b.Gamma, b.Beta)
	}
	size := rowSize(x.Shape())
	sums := g.sumsOf(x)
	own := sums == nil
	if own {
		sums = make([]float64, 2*c)
	}
	kept := normal{mean: make([]float64, c), inverse: make([]float64, c)}
	o.run = func(in [][]T, out []T) {
		n := g.Rows * size
		if own {
			g.k.Stats(in[0][:n], c, sums)
		}
		count := float64(n / c)
		kept.count = count
		for i := range c {
			m := sums[i] / count
			v := max(0, sums[c+i]/count-m*m)
			r := 1 / math.Sqrt(v+b.Epsilon)
			kept.mean[i], kept.inverse[i] = m, r
			scale := float64(in[1][i]) * r
			out[i] = T(scale)
			out[c+i] = T(float64(in[2][i]) - m*scale)
			unbiased := v * count / max(1, count-1)
			b.Mean[i] = T(b.Momentum*float64(b.Mean[i]) + (1-b.Momentum)*m)
			b.Variance[i] = T(b.Momentum*float64(b.Variance[i]) + (1-b.Momentum)*unbiased)
		}
	}
	o.normal = &kept
	o.diff = func(grad *G.Node) G.Nodes {
		return G.Nodes{g.through(b.Name, x, grad), g.part(b.Name+".gamma", grad, 0, c), g.part(b.Name+".beta", grad, c, 2*c)}
	}
	return g.apply(o, x, b.Gamma, b.Beta)
}

// sumsOf asks the operation that makes x for Σx and Σx² per channel; nil if it cannot.
func (g *Graph[T]) sumsOf(x *G.Node) []float64 {
	if o := operation[T](x); o != nil && o.sum != nil {
		return o.sum()
	}
	return nil
}

// normGrad is the gradient of a normalisation used in view v [4 C]: of gamma, of beta, and b and c of what flows through the
// batch's statistics to its input x. From the gradient gz before the normalisation, with the sums Σgz and Σgz x that the
// kernel took and r = 1/sqrt(v+epsilon),
//
//	dgamma = r (Σ gz x - m Σ gz), dbeta = Σ gz,
//	dx = scale gz + b x + c:  b = -gamma r² dgamma / n, c = -b m - gamma r dbeta / n
//
// All four add up where the normalisation has several readers. The two parts of dx join when it is read; see scaled.
func (g *Graph[T]) normGrad(name string, gz *G.Node, v View) *G.Node {
	norm := operation[T](v.Norm)
	kept := norm.normal
	c := len(kept.mean)
	sums := g.sumsOf(gz)
	o := &op[T]{kind: "norm grad", name: name, shape: tensor.Shape{4 * c}}
	o.run = func(in [][]T, out []T) {
		gamma := in[1]
		for i := range c {
			out[i] = T((sums[c+i] - kept.mean[i]*sums[i]) * kept.inverse[i])
			out[c+i] = T(sums[i])
			gr := float64(gamma[i]) * kept.inverse[i] / kept.count
			b := -gr * kept.inverse[i] * float64(out[i])
			out[2*c+i] = T(b)
			out[3*c+i] = T(-b*kept.mean[i] - gr*float64(out[c+i]))
		}
	}
	return g.apply(o, gz, norm.inputs[1])
}

// part is the values from lo to hi of an operation's vector, which gets an array of its own.
func (g *Graph[T]) part(name string, x *G.Node, lo, hi int) *G.Node {
	o := operation[T](x)
	if o.fixed == nil {
		o.fixed = make([]T, o.shape.TotalSize())
	}
	return g.fetch(name, x, o.fixed[lo:hi], hi-lo)
}
