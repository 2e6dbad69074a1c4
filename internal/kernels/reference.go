package kernels

import "math"

// Reference is the truth in plain Go: loops as the formulas say, sums in float64, nothing else. It may be used by several
// goroutines at once.
type Reference[T Float] struct{}

// all returns every value as it is read.
func (r Read[T]) all(channels int) []T {
	v := make([]T, len(r.X))
	for i := range v {
		v[i] = r.before(i, i%channels)
		if r.ReLU && v[i] < 0 {
			v[i] = 0
		}
	}
	return v
}

// before is element i, of channel c, before the ReLU.
func (r Read[T]) before(i, c int) T {
	if r.Scale == nil {
		return r.X[i]
	}
	return r.X[i]*r.Scale[c] + r.Shift[c]
}

// all returns every value as it is read, and stores it in Joined.
func (g ReadGrad[T]) all(channels int) []T {
	v := make([]T, len(g.G))
	for i := range v {
		v[i] = g.G[i]
		if g.X != nil {
			c, a := i%channels, T(1)
			if g.A != nil {
				a = g.A[c]
			}
			v[i] = a*g.G[i] + (g.B[c]*g.X[i] + g.C[c])
		}
		if g.R != nil {
			v[i] += g.R[i]
		}
	}
	copy(g.Joined, v)
	return v
}

// all stores every result r[i].
func (w Write[T]) all(channels int, r []float64) {
	clear(w.Sums)
	for i, y := range r {
		c := i % channels
		if w.Bias != nil {
			y += float64(w.Bias[c])
		}
		if w.Scale != nil {
			y = y*float64(w.Scale[c]) + float64(w.Shift[c])
		}
		if w.Residual != nil {
			y += float64(w.Residual[i])
		}
		if w.ReLU && y < 0 {
			y = 0
		}
		w.Y[i] = T(y)
		if w.Sums != nil {
			w.Sums[c] += y
			w.Sums[channels+c] += y * y
		}
	}
}

// all stores every gradient g[i].
func (w WriteGrad[T]) all(channels int, g []float64) {
	clear(w.Sums)
	for i, v := range g {
		c := i % channels
		if w.Residual != nil {
			v += float64(w.Residual[i])
		}
		if w.Through.ReLU && !(w.Through.before(i, c) > 0) {
			v = 0
		}
		if w.Gate != nil && !(w.Gate[i] > 0) {
			v = 0
		}
		if w.Sums != nil {
			w.Sums[c] += v
			if w.Through.X != nil {
				w.Sums[channels+c] += v * float64(w.Through.X[i])
			}
		}
		if w.Through.Scale != nil {
			v *= float64(w.Through.Scale[c])
		}
		if w.Rest != nil {
			v += float64(w.Rest[i])
		}
		w.G[i] = T(v)
	}
}

// widen converts to float64.
func widen[T Float](x []T) []float64 {
	v := make([]float64, len(x))
	for i := range x {
		v[i] = float64(x[i])
	}
	return v
}

// narrow converts from float64.
func narrow[T Float](y []T, v []float64) {
	for i := range v {
		y[i] = T(v[i])
	}
}

// taps calls visit for every product of the convolution: input pixel p, output pixel q, kernel position k = a*K+b.
func (c Conv) taps(visit func(p, q, k int)) {
	oh, ow, pad := c.OutH(), c.OutW(), c.K/2
	for n := range c.N {
		for i := range oh {
			for j := range ow {
				for a := range c.K {
					for b := range c.K {
						h, w := i*c.Stride+a-pad, j*c.Stride+b-pad
						if h >= 0 && h < c.H && w >= 0 && w < c.W {
							visit((n*c.H+h)*c.W+w, (n*oh+i)*ow+j, a*c.K+b)
						}
					}
				}
			}
		}
	}
}

// Conv implements [Backend].
func (Reference[T]) Conv(c Conv, w []T, in Read[T], out Write[T]) {
	c.check()
	need("w", w, c.weights())
	in.check(c.inputs(), c.C)
	out.check(c.outputs(), c.O)
	x, y := in.all(c.C), make([]float64, c.outputs())
	c.taps(func(p, q, k int) {
		for i, v := range x[p*c.C:][:c.C] {
			row := w[(k*c.C+i)*c.O:][:c.O]
			for o, u := range row {
				y[q*c.O+o] += float64(v) * float64(u)
			}
		}
	})
	out.all(c.O, y)
}

// ConvGradData implements [Backend].
func (Reference[T]) ConvGradData(c Conv, w []T, g ReadGrad[T], out WriteGrad[T]) {
	c.check()
	need("w", w, c.weights())
	g.check(c.outputs(), c.O)
	out.check(c.inputs(), c.C)
	dy, dx := g.all(c.O), make([]float64, c.inputs())
	c.taps(func(p, q, k int) {
		for i := range c.C {
			row := w[(k*c.C+i)*c.O:][:c.O]
			for o, u := range row {
				dx[p*c.C+i] += float64(dy[q*c.O+o]) * float64(u)
			}
		}
	})
	out.all(c.C, dx)
}

// ConvGradWeights implements [Backend].
func (Reference[T]) ConvGradWeights(c Conv, in Read[T], g ReadGrad[T], dw, dbias []T) {
	c.check()
	need("dw", dw, c.weights())
	optional("dbias", dbias, c.O)
	in.check(c.inputs(), c.C)
	g.check(c.outputs(), c.O)
	x, dy, sum := in.all(c.C), g.all(c.O), make([]float64, c.weights())
	c.taps(func(p, q, k int) {
		for i, v := range x[p*c.C:][:c.C] {
			row := sum[(k*c.C+i)*c.O:][:c.O]
			for o := range row {
				row[o] += float64(v) * float64(dy[q*c.O+o])
			}
		}
	})
	narrow(dw, sum)
	if dbias != nil {
		sumRows(dy, dbias)
	}
}

// sumRows adds up the rows of x [rows, len(sum)].
func sumRows[T Float](x, sum []T) {
	total := make([]float64, len(sum))
	for i, v := range x {
		total[i%len(sum)] += float64(v)
	}
	narrow(sum, total)
}

// OnePass implements [Backend].
func (Reference[T]) OnePass(c Conv) bool { return c.point() }

// ConvGrads implements [Backend].
func (r Reference[T]) ConvGrads(c Conv, w []T, in Read[T], g ReadGrad[T], out WriteGrad[T], dw, dbias []T) {
	r.ConvGradWeights(c, in, g, dw, dbias)
	r.ConvGradData(c, w, g.written(), out)
}

// Stats implements [Backend].
func (Reference[T]) Stats(x []T, channels int, sums []float64) {
	whole(len(x), channels)
	need("sums", sums, 2*channels)
	clear(sums)
	for i, v := range x {
		sums[i%channels] += float64(v)
		sums[channels+i%channels] += float64(v) * float64(v)
	}
}

// Map implements [Backend].
func (Reference[T]) Map(in Read[T], channels int, out Write[T]) {
	whole(len(in.X), channels)
	in.check(len(in.X), channels)
	out.check(len(in.X), channels)
	out.all(channels, widen(in.all(channels)))
}

// MapGrad implements [Backend].
func (Reference[T]) MapGrad(g ReadGrad[T], channels int, out WriteGrad[T]) {
	whole(len(g.G), channels)
	g.check(len(g.G), channels)
	out.check(len(g.G), channels)
	out.all(channels, widen(g.all(channels)))
}

// windows calls visit for every element of every window: element p of the input in the window of element q of the result.
func (p Pool) windows(visit func(p, q int)) {
	oh, ow := p.OutH(), p.OutW()
	high, wide := p.window()
	for n := range p.N {
		for i := range oh {
			for j := range ow {
				for a := range high {
					for b := range wide {
						for c := range p.C {
							visit(((n*p.H+i*p.Stride+a)*p.W+j*p.Stride+b)*p.C+c, ((n*oh+i)*ow+j)*p.C+c)
						}
					}
				}
			}
		}
	}
}

// maxima returns, for every element of the result, where in v its window has its first maximum, or its last NaN.
func maxima[T Float](p Pool, v []T) []int {
	at := make([]int, p.outputs())
	for i := range at {
		at[i] = -1
	}
	p.windows(func(i, q int) {
		if at[q] < 0 || v[i] > v[at[q]] || v[i] != v[i] {
			at[q] = i
		}
	})
	return at
}

// MaxPool implements [Backend].
func (Reference[T]) MaxPool(p Pool, in Read[T], out Write[T]) {
	p.check()
	in.check(p.inputs(), p.C)
	out.check(p.outputs(), p.C)
	v, y := in.all(p.C), make([]float64, p.outputs())
	for q, i := range maxima(p, v) {
		y[q] = float64(v[i])
	}
	out.all(p.C, y)
}

// MaxPoolGrad implements [Backend].
func (Reference[T]) MaxPoolGrad(p Pool, in Read[T], y []T, g ReadGrad[T], dx []T) {
	p.check()
	in.check(p.inputs(), p.C)
	need("y", y, p.outputs())
	g.check(p.outputs(), p.C)
	need("dx", dx, p.inputs())
	dy := g.all(p.C)
	at := maxima(p, in.all(p.C))
	clear(dx)
	for q, i := range at {
		dx[i] += dy[q]
	}
}

// AvgPool implements [Backend].
func (Reference[T]) AvgPool(p Pool, in Read[T], out Write[T]) {
	p.check()
	in.check(p.inputs(), p.C)
	out.check(p.outputs(), p.C)
	v, y := in.all(p.C), make([]float64, p.outputs())
	high, wide := p.window()
	p.windows(func(i, q int) { y[q] += float64(v[i]) / float64(high*wide) })
	out.all(p.C, y)
}

// AvgPoolGrad implements [Backend].
func (Reference[T]) AvgPoolGrad(p Pool, g ReadGrad[T], dx []T) {
	p.check()
	g.check(p.outputs(), p.C)
	need("dx", dx, p.inputs())
	dy, sum := g.all(p.C), make([]float64, p.inputs())
	high, wide := p.window()
	p.windows(func(i, q int) { sum[i] += float64(dy[q]) / float64(high*wide) })
	narrow(dx, sum)
}

// Subsample implements [Backend].
func (Reference[T]) Subsample(n, h, w, c, stride, channels int, in Read[T], out Write[T]) {
	inputs, outputs := checkSubsample(n, h, w, c, stride, channels)
	in.check(inputs, c)
	out.check(outputs, channels)
	v, y := in.all(c), make([]float64, outputs)
	subsample(n, h, w, stride, func(p, q int) {
		for i := range c {
			y[q*channels+i] = float64(v[p*c+i])
		}
	})
	out.all(channels, y)
}

// SubsampleGrad implements [Backend].
func (Reference[T]) SubsampleGrad(n, h, w, c, stride, channels int, g ReadGrad[T], dx []T) {
	inputs, outputs := checkSubsample(n, h, w, c, stride, channels)
	g.check(outputs, channels)
	need("dx", dx, inputs)
	dy := g.all(channels)
	clear(dx)
	subsample(n, h, w, stride, func(p, q int) { copy(dx[p*c:][:c], dy[q*channels:]) })
}

// subsample calls visit for every pixel p that is taken, as pixel q of the result.
func subsample(n, h, w, stride int, visit func(p, q int)) {
	q := 0
	for i := range n {
		for y := 0; y < h; y += stride {
			for x := 0; x < w; x += stride {
				visit((i*h+y)*w+x, q)
				q++
			}
		}
	}
}

// Excite implements [Backend].
func (Reference[T]) Excite(n, pixels, channels int, in Read[T], z []T, out Write[T]) {
	size := checkExcite(n, pixels, channels, z)
	in.check(size, channels)
	out.check(size, channels)
	y := widen(in.all(channels))
	for i := range y {
		y[i] *= 1 / (1 + math.Exp(-float64(z[i/(pixels*channels)*channels+i%channels])))
	}
	out.all(channels, y)
}

// ExciteGrad implements [Backend].
func (Reference[T]) ExciteGrad(of BlendPart, n, pixels, channels int, in Read[T], z []T, g ReadGrad[T], dx []T) {
	checkExciteGrad(of, n, pixels, channels, in, z, g, dx)
	v, sum := in.all(channels), make([]float64, len(dx))
	for i, d := range g.all(channels) {
		at := i/(pixels*channels)*channels + i%channels
		open := 1 / (1 + math.Exp(-float64(z[at])))
		switch of {
		case OfBranch:
			sum[i] = open * float64(d)
		case OfGate:
			sum[at] += open * (1 - open) * float64(d) * float64(v[i])
		}
	}
	narrow(dx, sum)
}

// Blend implements [Backend].
func (Reference[T]) Blend(how Blend, channels int, s []T, in Read[T], z []T, out Write[T]) {
	checkBlend(how, channels, s, in, z, out)
	y := widen(in.all(channels))
	for i, v := range y {
		p, q := factors(how, z, i)
		y[i] = q * v
		if s != nil {
			y[i] += p * float64(s[i])
		}
	}
	out.all(channels, y)
}

// BlendGrad implements [Backend].
func (Reference[T]) BlendGrad(how Blend, of BlendPart, channels int, s []T, in Read[T], z []T, g ReadGrad[T], dx []T) {
	checkBlendGrad(how, of, channels, s, in, z, g, dx)
	v := in.all(channels)
	for i, d := range g.all(channels) {
		p, q := factors(how, z, i)
		switch of {
		case OfShortcut:
			dx[i] = T(p * float64(d))
		case OfBranch:
			dx[i] = T(q * float64(d))
		case OfGate:
			slope := -float64(s[i]) // of y along g
			if how.Exclusive {
				slope += float64(v[i])
			}
			dx[i] = T(slope * p * (1 - p) * float64(d))
		}
	}
}

// factors are p and q of element i.
func factors[T Float](how Blend, z []T, i int) (p, q float64) {
	if !how.Gate {
		return how.A, how.B
	}
	p = 1 / (1 + math.Exp(float64(z[i])))
	if how.Exclusive {
		return p, 1 / (1 + math.Exp(-float64(z[i])))
	}
	return p, 1
}

// Dropout implements [Backend].
func (Reference[T]) Dropout(x []T, rate float64, key uint64, y []T) {
	checkDropout(len(x), len(y), rate)
	limit, scale := dropLimit(rate), 1/(1-rate)
	for i, v := range x {
		y[i] = 0
		if dropHash(key, uint64(i)) >= limit {
			y[i] = v * T(scale)
		}
	}
}

// dropLimit is rate as a fraction of 2^32: an element whose hash is below it is dropped.
func dropLimit(rate float64) uint32 { return uint32(math.Min(rate*(1<<32), math.MaxUint32)) }

// dropHash is the uniform 32-bit number of element i: two rounds of lowbias32 (Wellons 2018), each with half of the key.
func dropHash(key, i uint64) uint32 {
	mix := func(x uint32) uint32 {
		x ^= x >> 16
		x *= 0x7feb352d
		x ^= x >> 15
		x *= 0x846ca68b
		return x ^ x>>16
	}
	return mix(mix(uint32(i)^uint32(key)) ^ (uint32(key>>32) + uint32(i>>32)*0x9e3779b9))
}

// dense is a dense layer as a convolution of n images of one pixel.
func dense(n, in, out int) Conv { return Conv{N: n, H: 1, W: 1, C: in, O: out, K: 1, Stride: 1} }

// Dense implements [Backend].
func (r Reference[T]) Dense(n, in, out int, x, w, bias, y []T) {
	checkDense(n, in, out)
	r.Conv(dense(n, in, out), w, Read[T]{X: x}, Write[T]{Y: y, Bias: bias})
}

// DenseGradData implements [Backend].
func (r Reference[T]) DenseGradData(n, in, out int, w, g, dx []T) {
	checkDense(n, in, out)
	r.ConvGradData(dense(n, in, out), w, ReadGrad[T]{G: g}, WriteGrad[T]{G: dx})
}

// DenseGradWeights implements [Backend].
func (r Reference[T]) DenseGradWeights(n, in, out int, x, g, dw, dbias []T) {
	checkDense(n, in, out)
	r.ConvGradWeights(dense(n, in, out), Read[T]{X: x}, ReadGrad[T]{G: g}, dw, dbias)
}

// SoftmaxCrossEntropy implements [Backend].
func (Reference[T]) SoftmaxCrossEntropy(n, k int, logits []T, labels []int32, smoothing float64, loss, grad []T, correct []int32) {
	checkLoss(n, k, logits, labels, smoothing, loss, grad, correct)
	other := smoothing / float64(k) // the target of a class that is not the label's
	for i, label := range labels {
		row := logits[i*k:][:k]
		best := 0
		for j, v := range row {
			if v > row[best] {
				best = j
			}
		}
		top, sum := float64(row[best]), 0.0
		for _, v := range row {
			sum += math.Exp(float64(v) - top)
		}
		if loss != nil {
			target := float64(row[label])
			if smoothing > 0 { // infinite logits must not spoil a loss that is not smoothed
				target *= 1 - smoothing
				for _, v := range row {
					target += other * float64(v)
				}
			}
			loss[i] = T(math.Log(sum) + top - target)
		}
		if grad != nil {
			for j, v := range row {
				p := math.Exp(float64(v)-top) / sum
				target := other
				if j == int(label) {
					target += 1 - smoothing
				}
				grad[i*k+j] = T((p - target) / float64(n))
			}
		}
		if correct != nil {
			correct[i] = 0
			if best == int(label) {
				correct[i] = 1
			}
		}
	}
}
