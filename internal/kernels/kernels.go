// Package kernels computes the layers of a net: convolutions, pooling, dense layers, the loss and the optimizers' updates.
//
// [Native] does it in C with the widest vectors the processor has, on several threads; [Reference] is the same in plain Go,
// as short as possible: it says what is right. All tensors are contiguous, in the order [example, row, column, channel].
//
// An operation reads its input through a [Read] and stores its result through a [Write], so that "normalise, rectify,
// convolve, add, take statistics" is one pass over memory; [ReadGrad] and [WriteGrad] do the same for the way back.
//
// A slice that is too short, or a shape that makes no sense, is a fault of the program and panics
// with a string; see [OutOfMemory] for the other panic.
package kernels

// Float is a type of numbers to calculate in.
type Float interface{ float32 | float64 }

// Conv is the shape of a convolution of N images of [H,W,C] to [OutH,OutW,O] with a K x K kernel, K odd, zero-padded by K/2
// on every side. Weights are [K,K,C,O].
type Conv struct{ N, H, W, C, O, K, Stride int }

// OutH is the number of rows of the result: H/Stride rounded up.
func (c Conv) OutH() int { return (c.H + c.Stride - 1) / c.Stride }

// OutW is the number of columns of the result: W/Stride rounded up.
func (c Conv) OutW() int { return (c.W + c.Stride - 1) / c.Stride }

// MACs is the number of multiply-adds of the whole batch, those with padding included.
func (c Conv) MACs() int64 {
	return int64(c.N) * int64(c.OutH()) * int64(c.OutW()) * int64(c.K) * int64(c.K) * int64(c.C) * int64(c.O)
}

// point: it is a product of matrices.
func (c Conv) point() bool { return c.K == 1 && c.Stride == 1 }

func (c Conv) inputs() int  { return c.N * c.H * c.W * c.C }
func (c Conv) outputs() int { return c.N * c.OutH() * c.OutW() * c.O }
func (c Conv) weights() int { return c.K * c.K * c.C * c.O }

// Read is how a kernel reads an activation x [...,C]: v = X, or X*Scale[c] + Shift[c] when Scale is given; then max(0, v)
// when ReLU. What lies outside an image is 0 after that.
type Read[T Float] struct {
	X            []T
	Scale, Shift []T // [C], both or none
	ReLU         bool
}

// Write is what a kernel does with its result r [...,C]: y = r + Bias[c], or (r + Bias[c])*Scale[c] + Shift[c] when Scale is given;
// plus Residual; then max(0, y) when ReLU, is stored in Y. Y may be Residual.
type Write[T Float] struct {
	Y            []T
	Bias         []T // [C] or nil
	Scale, Shift []T // [C], both or none
	Residual     []T // as Y, or nil
	ReLU         bool
	Sums         []float64 // [2,C] or nil: the sum of y and of y*y in every channel; overwritten
}

// ReadGrad is how a kernel reads a gradient: v = G, or A[c]*G + B[c]*X + C[c] when X is given (the backward pass of batch
// normalisation, whose input was X); plus R when R is given. The value is stored in Joined too when that is given.
type ReadGrad[T Float] struct {
	G, X   []T
	A      []T // [C], or nil: 1
	B, C   []T // [C], with X
	R      []T // as G, or nil
	Joined []T // as G, or nil; may be G or R
}

// written is how to read the gradient once it is there as one array, if it is stored as one.
func (g ReadGrad[T]) written() ReadGrad[T] {
	if g.Joined == nil {
		return g
	}
	return ReadGrad[T]{G: g.Joined}
}

// WriteGrad is what a kernel does with the gradient g of an activation that was read as Through: Residual is added, and with
// Through.ReLU, g is kept where the value before the ReLU was above 0 and zeroed elsewhere; likewise with Gate, where that is
// above 0. Then it is that of a normalisation's result, and with Through.Scale it becomes what flows past the batch's
// statistics to X: g*Scale[c]. Rest is added, and the sum stored in G.
type WriteGrad[T Float] struct {
	G        []T // may be Residual or Rest
	Residual []T // as G, or nil: what else has arrived at the activation
	Through  Read[T]
	Gate     []T       // as G, or nil: the result of the ReLU
	Sums     []float64 // [2,C] or nil: the sum of g and of g*Through.X (0 without X) in every channel, before Scale; overwritten
	Rest     []T       // as G, or nil: what else has arrived at X
}

// Pool is the shape of a pooling of N images of [H,W,C] by Size x Size windows, as many as fit entirely; or with Size 0 by
// one window, the whole image, square or not: [1,1,C], and Stride is of no account.
type Pool struct{ N, H, W, C, Size, Stride int }

// OutH is the number of rows of the result.
func (p Pool) OutH() int { return p.outs(p.H) }

// OutW is the number of columns of the result.
func (p Pool) OutW() int { return p.outs(p.W) }

func (p Pool) outs(side int) int {
	if p.Size == 0 {
		return 1
	}
	return (side-p.Size)/p.Stride + 1
}

// window is the height and width of a window.
func (p Pool) window() (h, w int) {
	if p.Size == 0 {
		return p.H, p.W
	}
	return p.Size, p.Size
}

func (p Pool) inputs() int  { return p.N * p.H * p.W * p.C }
func (p Pool) outputs() int { return p.N * p.OutH() * p.OutW() * p.C }

// Backend does the work of every layer. Results are overwritten, never added to.
type Backend[T Float] interface {
	// Conv: y[n,i,j,o] = sum over a,b,c of v[n, i*Stride+a-K/2, j*Stride+b-K/2, c] * w[a,b,c,o], v read through in.
	Conv(c Conv, w []T, in Read[T], out Write[T])
	// ConvGradData: the gradient of v from that of y:
	// dv[n,h,w,c] = sum over a,b,o with h = i*Stride+a-K/2, w = j*Stride+b-K/2 of g[n,i,j,o] * w[a,b,c,o].
	ConvGradData(c Conv, w []T, g ReadGrad[T], out WriteGrad[T])
	// ConvGradWeights: dw[a,b,c,o] = sum over n,i,j of v[n, i*Stride+a-K/2, j*Stride+b-K/2, c] * g[n,i,j,o];
	// dbias[o] = sum over n,i,j of g[n,i,j,o] unless dbias is nil.
	ConvGradWeights(c Conv, in Read[T], g ReadGrad[T], dw, dbias []T)
	// ConvGrads is both.
	ConvGrads(c Conv, w []T, in Read[T], g ReadGrad[T], out WriteGrad[T], dw, dbias []T)

	// OnePass reports whether ConvGrads reads the gradient once for both, which costs less than one after the other.
	OnePass(c Conv) bool

	// Stats: sums[c] = sum of x[...,c], sums[channels+c] = sum of x[...,c]^2.
	Stats(x []T, channels int, sums []float64)
	// Map stores what is read: y = v.
	Map(in Read[T], channels int, out Write[T])
	// MapGrad stores the gradient that is read.
	MapGrad(g ReadGrad[T], channels int, out WriteGrad[T])

	// MaxPool: y[n,i,j,c] = max over a,b in the window of v[n, i*Stride+a, j*Stride+b, c], NaN when one of them is.
	MaxPool(p Pool, in Read[T], out Write[T])
	// MaxPoolGrad: every g[n,i,j,c] is added to dx (that of v) where the window has its maximum, the first in row order,
	// or its last NaN. y is the result of MaxPool with neither bias nor residual.
	MaxPoolGrad(p Pool, in Read[T], y []T, g ReadGrad[T], dx []T)
	// AvgPool: y[n,i,j,c] = mean over a,b in the window of v[n, i*Stride+a, j*Stride+b, c].
	AvgPool(p Pool, in Read[T], out Write[T])
	// AvgPoolGrad: every g[n,i,j,c]/(pixels of a window) is added to the whole window of dx.
	AvgPoolGrad(p Pool, g ReadGrad[T], dx []T)

	// Subsample takes every stride-th row and column of [n,h,w,c], from the first on, and appends channels of zeros up to
	// `channels`: the parameter-free shortcut, option A of He et al. 2015.
	Subsample(n, h, w, c, stride, channels int, in Read[T], out Write[T])
	// SubsampleGrad: dx [n,h,w,c] is g where a value was taken and 0 elsewhere.
	SubsampleGrad(n, h, w, c, stride, channels int, g ReadGrad[T], dx []T)

	// Blend: y = p s + q v, see [Blend]. s may be nil, for none; z is nil without a gate.
	Blend(how Blend, channels int, s []T, in Read[T], z []T, out Write[T])
	// BlendGrad: the gradient of one part from that of y: p g, q g, or dp/dz s g + dq/dz v g. s and in are only read for
	// that of the gate.
	BlendGrad(how Blend, of BlendPart, channels int, s []T, in Read[T], z []T, g ReadGrad[T], dx []T)

	// Excite scales every channel of every image by a gate: y[n,p,c] = v[n,p,c] g[n,c], g = 1/(1+exp(-z)); z is [n,channels].
	Excite(n, pixels, channels int, in Read[T], z []T, out Write[T])
	// ExciteGrad: the gradient of v from that of y, dy g (OfBranch); or of z, g (1-g) times the sum over p of dy v (OfGate).
	// in is only read for that of z.
	ExciteGrad(of BlendPart, n, pixels, channels int, in Read[T], z []T, g ReadGrad[T], dx []T)

	// Dropout: y[i] = x[i]/(1-rate), or 0 with probability rate, decided by (key, i) alone. It is its own gradient.
	Dropout(x []T, rate float64, key uint64, y []T)

	// Dense: y[n,out] = x[n,in] * w[in,out] + bias[out]; bias may be nil.
	Dense(n, in, out int, x, w, bias, y []T)
	// DenseGradData: dx = g * transposed w.
	DenseGradData(n, in, out int, w, g, dx []T)
	// DenseGradWeights: dw = transposed x * g; dbias = sum of the rows of g unless dbias is nil.
	DenseGradWeights(n, in, out int, x, g, dw, dbias []T)

	// SoftmaxCrossEntropy of n rows of k logits: loss[i] = -sum over j of t[i,j] log p[i,j], p = softmax of the row,
	// t = (1-smoothing) onehot(label) + smoothing/k; grad = (p - t)/n, the gradient of the mean loss; correct[i] = 1 when the
	// first largest logit is the label's, else 0. loss, grad and correct may each be nil.
	SoftmaxCrossEntropy(n, k int, logits []T, labels []int32, smoothing float64, loss, grad []T, correct []int32)
}

var (
	_ Backend[float32] = (*Native)(nil)
	_ Backend[float32] = Reference[float32]{}
	_ Backend[float64] = Reference[float64]{}
)
