package kernels

import "fmt"

// need panics unless the slice called name has exactly n elements.
func need[T any](name string, s []T, n int) {
	if len(s) != n {
		panic(fmt.Sprintf("kernels: %s has %d elements, not %d", name, len(s), n))
	}
}

// optional is need for a slice that may be nil.
func optional[T any](name string, s []T, n int) {
	if s != nil {
		need(name, s, n)
	}
}

func (c Conv) check() {
	if c.N < 1 || c.H < 1 || c.W < 1 || c.C < 1 || c.O < 1 || c.K < 1 || c.K%2 == 0 || c.Stride < 1 {
		panic(fmt.Sprintf("kernels: no such convolution: %+v", c))
	}
}

func (p Pool) check() {
	if p.N < 1 || p.C < 1 || p.Size < 0 || p.Size > 0 && p.Stride < 1 || min(p.H, p.W) < max(1, p.Size) {
		panic(fmt.Sprintf("kernels: no such pooling: %+v", p))
	}
}

func (r Read[T]) check(n, channels int) {
	need("Read.X", r.X, n)
	optional("Read.Scale", r.Scale, channels)
	if r.Scale != nil {
		need("Read.Shift", r.Shift, channels)
	}
}

func (w Write[T]) check(n, channels int) {
	need("Write.Y", w.Y, n)
	optional("Write.Bias", w.Bias, channels)
	optional("Write.Scale", w.Scale, channels)
	if w.Scale != nil {
		need("Write.Shift", w.Shift, channels)
	}
	optional("Write.Residual", w.Residual, n)
	optional("Write.Sums", w.Sums, 2*channels)
}

func (g ReadGrad[T]) check(n, channels int) {
	need("ReadGrad.G", g.G, n)
	optional("ReadGrad.X", g.X, n)
	if g.X != nil {
		optional("ReadGrad.A", g.A, channels)
		need("ReadGrad.B", g.B, channels)
		need("ReadGrad.C", g.C, channels)
	}
	optional("ReadGrad.R", g.R, n)
	optional("ReadGrad.Joined", g.Joined, n)
}

func (w WriteGrad[T]) check(n, channels int) {
	need("WriteGrad.G", w.G, n)
	if w.Through.X != nil || w.Through.ReLU || w.Through.Scale != nil {
		w.Through.check(n, channels)
	}
	optional("WriteGrad.Residual", w.Residual, n)
	optional("WriteGrad.Gate", w.Gate, n)
	optional("WriteGrad.Rest", w.Rest, n)
	optional("WriteGrad.Sums", w.Sums, 2*channels)
}

// whole panics unless n elements are pixels of so many channels.
func whole(n, channels int) {
	if channels < 1 || n%channels != 0 {
		panic(fmt.Sprintf("kernels: %d elements are no pixels of %d channels", n, channels))
	}
}

func checkSubsample(n, h, w, c, stride, channels int) (in, out int) {
	if n < 1 || h < 1 || w < 1 || c < 1 || stride < 1 || channels < c {
		panic(fmt.Sprintf("kernels: no such subsampling: %d x [%d,%d,%d], stride %d, to %d channels", n, h, w, c, stride, channels))
	}
	return n * h * w * c, n * ((h + stride - 1) / stride) * ((w + stride - 1) / stride) * channels
}

func checkDense(n, in, out int) {
	if n < 1 || in < 1 || out < 1 {
		panic(fmt.Sprintf("kernels: no such dense layer: %d x %d to %d", n, in, out))
	}
}

func checkDropout(n, m int, rate float64) {
	if n != m || !(rate >= 0 && rate < 1) {
		panic(fmt.Sprintf("kernels: no such dropout: rate %v, %d elements to %d", rate, n, m))
	}
}

func checkLoss[T Float](n, k int, logits []T, labels []int32, smoothing float64, loss, grad []T, correct []int32) {
	if n < 1 || k < 1 || !(smoothing >= 0 && smoothing < 1) {
		panic(fmt.Sprintf("kernels: no such loss: %d rows of %d, smoothing %v", n, k, smoothing))
	}
	need("logits", logits, n*k)
	need("labels", labels, n)
	optional("loss", loss, n)
	optional("grad", grad, n*k)
	optional("correct", correct, n)
	for i, l := range labels {
		if l < 0 || int(l) >= k {
			panic(fmt.Sprintf("kernels: label %d of row %d, of %d classes", l, i, k))
		}
	}
}
