package kernels

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// A lab makes random problems, with guards around every buffer.
type lab struct {
	t *testing.T
	*rand.Rand
	buffers   []buffer
	tolerance float64 // of results, as a part of the largest
}

const exact = 1e-5 // but for float32

type buffer struct {
	name  string
	whole []float32 // guards, the buffer, guards
}

const guards = 37

var guard = math.Float32frombits(0x7fc0beef) // a NaN that nothing computes

func newLab(t *testing.T, seed uint64) *lab {
	return &lab{t: t, Rand: rand.New(rand.NewPCG(seed, 1)), tolerance: exact}
}

// empty is a buffer of n guards between guards, aligned to nothing.
func (l *lab) empty(name string, n int) []float32 {
	b := buffer{name, make([]float32, n+2*guards)}
	for i := range b.whole {
		b.whole[i] = guard
	}
	l.buffers = append(l.buffers, b)
	return b.whole[guards : guards+n : guards+n]
}

// random is a buffer of multiples of 1/16 within 2, so that ties happen and signs are the same in every precision.
func (l *lab) random(name string, n int) []float32 {
	x := l.empty(name, n)
	for i := range x {
		x[i] = float32(l.IntN(65)-32) / 16
	}
	return x
}

// maybe is a random buffer or nil.
func (l *lab) maybe(name string, n int) []float32 {
	if l.IntN(2) == 0 {
		return nil
	}
	return l.random(name, n)
}

func (l *lab) intact() {
	l.t.Helper()
	for _, b := range l.buffers {
		for i, v := range b.whole {
			inside := i >= guards && i < len(b.whole)-guards
			if !inside && math.Float32bits(v) != math.Float32bits(guard) {
				l.t.Fatalf("%s: word %d of %d was written", b.name, i-guards, len(b.whole)-2*guards)
			}
		}
	}
}

func (l *lab) read(n, channels int) Read[float32] {
	r := Read[float32]{X: l.random("x", n), ReLU: l.IntN(2) == 0}
	if l.IntN(2) == 0 {
		r.Scale, r.Shift = l.random("scale", channels), l.random("shift", channels)
	}
	return r
}

func (l *lab) write(n, channels int) Write[float32] {
	w := Write[float32]{Y: l.empty("y", n), Bias: l.maybe("bias", channels), Residual: l.maybe("residual", n), ReLU: l.IntN(3) == 0}
	if w.Residual != nil && l.IntN(2) == 0 {
		w.Y = w.Residual
	}
	if l.IntN(3) == 0 {
		w.Scale, w.Shift = l.random("scale", channels), l.random("shift", channels)
	}
	if l.IntN(2) == 0 {
		w.Sums = make([]float64, 2*channels)
	}
	return w
}

func (l *lab) readGrad(n, channels int) ReadGrad[float32] {
	g := ReadGrad[float32]{G: l.random("g", n), R: l.maybe("r", n)}
	if l.IntN(2) == 0 {
		g.X, g.A, g.B, g.C = l.random("gx", n), l.maybe("a", channels), l.random("b", channels), l.random("c", channels)
	}
	switch l.IntN(4) {
	case 2:
		g.Joined = g.G
	case 0:
		g.Joined = g.R
	case 1:
		g.Joined = l.empty("joined", n)
	}
	return g
}

func (l *lab) writeGrad(n, channels int) WriteGrad[float32] {
	w := WriteGrad[float32]{G: l.empty("dx", n)}
	if l.IntN(3) > 0 {
		w.Through = l.read(n, channels)
	}
	if l.IntN(3) == 0 {
		w.Residual = l.random("residual", n)
		if l.IntN(2) == 0 {
			w.G = w.Residual
		}
	}
	if l.IntN(3) == 0 {
		w.Gate = l.random("gate", n)
	}
	if l.IntN(2) == 0 {
		w.Sums = make([]float64, 2*channels)
	}
	switch l.IntN(3) {
	case 0:
		w.Rest = l.random("rest", n)
	case 1:
		w.G = l.random("rest", n)
		w.Rest = w.G
	}
	return w
}

// The same in float64, in memory of its own.

func wide(x []float32) []float64 {
	if x == nil {
		return nil
	}
	return widen(x)
}

func wideSums(s []float64) []float64 {
	if s == nil {
		return nil
	}
	return make([]float64, len(s))
}

func wideRead(r Read[float32]) Read[float64] {
	return Read[float64]{wide(r.X), wide(r.Scale), wide(r.Shift), r.ReLU}
}

func wideWrite(w Write[float32]) Write[float64] {
	return Write[float64]{wide(w.Y), wide(w.Bias), wide(w.Scale), wide(w.Shift), wide(w.Residual), w.ReLU, wideSums(w.Sums)}
}

func wideReadGrad(g ReadGrad[float32]) ReadGrad[float64] {
	return ReadGrad[float64]{wide(g.G), wide(g.X), wide(g.A), wide(g.B), wide(g.C), wide(g.R), wide(g.Joined)}
}

func wideWriteGrad(w WriteGrad[float32]) WriteGrad[float64] {
	return WriteGrad[float64]{wide(w.G), wide(w.Residual), wideRead(w.Through), wide(w.Gate), wideSums(w.Sums), wide(w.Rest)}
}

// close fails unless got is want within a part of its largest value.
func (l *lab) close(what string, got []float32, want []float64) {
	l.t.Helper()
	if got == nil {
		return
	}
	closeTo(l.t, what, widen(got), want, l.tolerance)
}

func closeTo(t testing.TB, what string, got, want []float64, tolerance float64) {
	t.Helper()
	largest := 1e-3
	for _, v := range want {
		largest = max(largest, math.Abs(v))
	}
	for i, v := range want {
		if !(math.Abs(got[i]-v) <= tolerance*largest) {
			t.Fatalf("%s[%d] is %v, not %v (largest %v)", what, i, got[i], v, largest)
		}
	}
}

// sums are compared to the size of what was added, not to what is left of it.
func (l *lab) sums(got, want []float64, values []float64, other []float64) {
	l.t.Helper()
	if got == nil {
		return
	}
	size := 0.0
	for i, v := range values {
		w := 1.0
		if other != nil {
			w = math.Abs(other[i])
		}
		size += math.Abs(v) * max(1, w, math.Abs(v))
	}
	for i, v := range want {
		if !(math.Abs(got[i]-v) <= l.tolerance*size+1e-3) {
			l.t.Fatalf("sums[%d] is %v, not %v", i, got[i], v)
		}
	}
}

// backends runs a test on every instruction set of this machine, with two threads.
func backends(t *testing.T, test func(t *testing.T, n *Native)) {
	for _, isa := range []string{"avx512", "avx2", "generic"} {
		if named(isa) == nil {
			continue
		}
		t.Run(isa, func(t *testing.T) { test(t, nativeOf(t, isa, 2)) })
	}
}

func nativeOf(t testing.TB, isa string, threads int) *Native {
	n := NewNative(threads)
	n.kernels = named(isa)
	n.matrix = hasMatrices(n.kernels)
	t.Cleanup(n.Close)
	return n
}

var truth Reference[float64]

const mostMACs = 2e6

// someConv is a random convolution; every other one has sizes that the fast kernels like.
func someConv(r *rand.Rand) Conv {
	for {
		c := Conv{N: 1 + r.IntN(9), H: 1 + r.IntN(20), W: 1 + r.IntN(20), C: 1 + r.IntN(70), O: 1 + r.IntN(70), K: 1 + 2*r.IntN(3), Stride: 1 + r.IntN(3)}
		if r.IntN(2) == 0 {
			side, stride := 2+2*r.IntN(2), 1+r.IntN(2)
			side *= stride
			c = Conv{N: 1 + r.IntN(9), H: side * (1 + r.IntN(4)), W: side * (1 + r.IntN(4)), C: 16 * (1 + r.IntN(4)), O: 16 * (1 + r.IntN(4)), K: 3, Stride: stride}
		}
		if c.MACs() < mostMACs {
			return c
		}
	}
}

// A convolution, its gradients and everything that is done on the way in and out, for random shapes and options.
func TestConv(t *testing.T) {
	backends(t, func(t *testing.T, n *Native) {
		seeds := uint64(150)
		if testing.Short() {
			seeds = 30
		}
		for seed := range seeds {
			n.Algorithm = Algorithm(seed % 3)
			checkConv(t, n, seed, someConv(rand.New(rand.NewPCG(seed, 2))))
		}
		for i, c := range []Conv{
			{N: 3, H: 8, W: 8, C: 128, O: 128, K: 3, Stride: 1},
			{N: 2, H: 4, W: 4, C: 256, O: 96, K: 3, Stride: 1},
			{N: 40, H: 8, W: 8, C: 16, O: 16, K: 3, Stride: 1},
			{N: 1, H: 48, W: 40, C: 3, O: 32, K: 3, Stride: 1},
			{N: 1, H: 70, W: 33, C: 2, O: 3, K: 7, Stride: 2},
			{N: 2, H: 16, W: 16, C: 16, O: 32, K: 3, Stride: 2},
			{N: 3, H: 8, W: 8, C: 128, O: 128, K: 3, Stride: 2},
			{N: 40, H: 8, W: 16, C: 32, O: 16, K: 3, Stride: 2},
			{N: 2, H: 16, W: 16, C: 32, O: 64, K: 1, Stride: 2},
			{N: 2, H: 9, W: 7, C: 5, O: 4, K: 3, Stride: 5},
			{N: 1, H: 1, W: 1, C: 1, O: 1, K: 1, Stride: 1},
			{N: 9, H: 2, W: 2, C: 48, O: 33, K: 3, Stride: 1},
		} {
			for _, n.Algorithm = range []Algorithm{Winograd4, Winograd2, Direct} {
				checkConv(t, n, uint64(1000+i), c)
			}
		}
	})
}

// 1x1 convolutions have kernels of their own, and the gradients of an activation that is its own mask.
func TestPointConv(t *testing.T) {
	backends(t, func(t *testing.T, n *Native) {
		for seed := range uint64(60) {
			r := rand.New(rand.NewPCG(seed, 3))
			c := Conv{N: 1 + r.IntN(3), H: 1 + r.IntN(17), W: 1 + r.IntN(17), C: 1 + r.IntN(70), O: 1 + r.IntN(70), K: 1, Stride: 1}
			if r.IntN(3) > 0 {
				c.C, c.O = 16*(1+r.IntN(4)), 16*(1+r.IntN(4))
			}
			checkConv(t, n, seed, c)
		}
	})
}

// trueConv is a convolution and its gradients in float64, as the formula is written.
func trueConv(c Conv, w, x, g []float64) (y, dx, dw []float64) {
	y, dx, dw = make([]float64, c.outputs()), make([]float64, c.inputs()), make([]float64, c.weights())
	truth.Conv(c, w, Read[float64]{X: x}, Write[float64]{Y: y})
	truth.ConvGradData(c, w, ReadGrad[float64]{G: g}, WriteGrad[float64]{G: dx})
	truth.ConvGradWeights(c, Read[float64]{X: x}, ReadGrad[float64]{G: g}, dw, nil)
	return y, dx, dw
}

// TestAlgorithmsByAccuracy: on normal numbers the slower algorithms are closer to the truth. F(2x2) is the closest: its sums are
// the shortest.
func TestAlgorithmsByAccuracy(t *testing.T) {
	c := Conv{N: 2, H: 16, W: 16, C: 64, O: 32, K: 3, Stride: 1}
	r := rand.New(rand.NewPCG(1, 2))
	x, w, g := normal(r, c.inputs()), normal(r, c.weights()), normal(r, c.outputs())
	y, dx, dw := trueConv(c, wide(w), wide(x), wide(g))
	backends(t, func(t *testing.T, n *Native) {
		fastest := []float64{1e-6, 1e-6, 1e-6}
		for _, n.Algorithm = range []Algorithm{Winograd4, Winograd2, Direct} {
			gotY, gotDX, gotDW, _ := convAndGradients(n, c, w, x, g)
			errors := []float64{relative(gotY, y), relative(gotDX, dx), relative(gotDW, dw)}
			t.Logf("algorithm %d: relative errors %.2g forward, %.2g data, %.2g weights", n.Algorithm, errors[0], errors[1], errors[2])
			for i, e := range errors {
				if e >= fastest[i] {
					t.Errorf("algorithm %d, result %d: error %.3g, not below %.3g", n.Algorithm, i, e, fastest[i])
				}
			}
			if n.Algorithm == Winograd4 {
				fastest = errors
			}
		}
	})
}

// TestStridedAccuracy: with stride 2 Winograd's convolutions are as close to the truth as direct ones, which they are not.
func TestStridedAccuracy(t *testing.T) {
	c := Conv{N: 2, H: 32, W: 32, C: 64, O: 32, K: 3, Stride: 2}
	r := rand.New(rand.NewPCG(1, 2))
	x, w, g := normal(r, c.inputs()), normal(r, c.weights()), normal(r, c.outputs())
	y, dx, dw := trueConv(c, wide(w), wide(x), wide(g))
	backends(t, func(t *testing.T, n *Native) {
		var results [][]float32
		for _, n.Algorithm = range []Algorithm{Winograd4, Winograd2, Direct} {
			gotY, gotDX, gotDW, _ := convAndGradients(n, c, w, x, g)
			errors := []float64{relative(gotY, y), relative(gotDX, dx), relative(gotDW, dw)}
			t.Logf("algorithm %d: relative errors %.2g forward, %.2g data, %.2g weights", n.Algorithm, errors[0], errors[1], errors[2])
			for i, e := range errors {
				if e > 5e-7 {
					t.Errorf("algorithm %d, result %d: error %.3g", n.Algorithm, i, e)
				}
			}
			results = append(results, gotY)
		}
		if !slices.Equal(results[Winograd4], results[Winograd2]) || slices.Equal(results[Winograd4], results[Direct]) {
			t.Error("the two Winograds differ, or none was used")
		}
	})
}

// TestRounds: so many tiles of so many channels are transformed in several rounds, over which the gradient of the weights is summed
// up; the direct algorithm, which others hold against the truth, has none.
func TestRounds(t *testing.T) {
	for _, c := range []Conv{{N: 19, H: 16, W: 16, C: 144, O: 128, K: 3, Stride: 1}, {N: 9, H: 32, W: 32, C: 144, O: 128, K: 3, Stride: 2}} {
		r := rand.New(rand.NewPCG(1, 2))
		x, w, g := normal(r, c.inputs()), normal(r, c.weights()), normal(r, c.outputs())
		backends(t, func(t *testing.T, n *Native) {
			n.Algorithm = Direct
			_, _, direct, _ := convAndGradients(n, c, w, x, g)
			for _, n.Algorithm = range []Algorithm{Winograd4, Winograd2} {
				if _, _, dw, _ := convAndGradients(n, c, w, x, g); relative(dw, wide(direct)) > 1e-5 {
					t.Errorf("%+v, algorithm %d: relative error %.2g", c, n.Algorithm, relative(dw, wide(direct)))
				}
			}
		})
	}
}

func normal(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// convAndGradients is a convolution of x and its gradients from g, with nothing fused.
func convAndGradients(n *Native, c Conv, w, x, g []float32) (y, dx, dw, dbias []float32) {
	y, dx, dw, dbias = make([]float32, c.outputs()), make([]float32, c.inputs()), make([]float32, c.weights()), make([]float32, c.O)
	n.Conv(c, w, Read[float32]{X: x}, Write[float32]{Y: y})
	n.ConvGradData(c, w, ReadGrad[float32]{G: g}, WriteGrad[float32]{G: dx})
	n.ConvGradWeights(c, Read[float32]{X: x}, ReadGrad[float32]{G: g}, dw, dbias)
	return y, dx, dw, dbias
}

// relative is the distance of got from want, in the L2 norm, as a part of want.
func relative(got []float32, want []float64) float64 {
	var d, s float64
	for i, v := range want {
		d += (float64(got[i]) - v) * (float64(got[i]) - v)
		s += v * v
	}
	return math.Sqrt(d / s)
}

func checkConv(t *testing.T, n *Native, seed uint64, c Conv) {
	t.Helper()
	checkConvWithin(t, n, seed, c, exact)
}

func checkConvWithin(t *testing.T, n *Native, seed uint64, c Conv, tolerance float64) {
	t.Helper()
	t.Run(fmt.Sprintf("%d:%+v", seed, c), func(t *testing.T) {
		l := newLab(t, seed)
		l.tolerance = tolerance
		w := l.random("w", c.weights())
		in, out := l.read(c.inputs(), c.C), l.write(c.outputs(), c.O)
		wantOut := wideWrite(out)
		truth.Conv(c, wide(w), wideRead(in), wantOut)
		n.Conv(c, w, in, out)
		l.intact()
		l.close("y", out.Y, wantOut.Y)
		l.sums(out.Sums, wantOut.Sums, wantOut.Y, nil)

		g, dx := l.readGrad(c.outputs(), c.O), l.writeGrad(c.inputs(), c.C)
		wantG, wantDX := wideReadGrad(g), wideWriteGrad(dx)
		truth.ConvGradData(c, wide(w), wantG, wantDX)
		n.ConvGradData(c, w, g, dx)
		l.intact()
		l.close("dx", dx.G, wantDX.G)
		l.sums(dx.Sums, wantDX.Sums, wantDX.G, wantDX.Through.X)
		l.close("joined", g.Joined, wantG.Joined)

		g, dw := l.readGrad(c.outputs(), c.O), l.empty("dw", c.weights())
		wantG, wantDW := wideReadGrad(g), make([]float64, c.weights())
		var dbias []float32
		if l.IntN(2) == 0 {
			dbias = l.empty("dbias", c.O)
		}
		wantDB := make([]float64, c.O)
		truth.ConvGradWeights(c, wideRead(in), wantG, wantDW, wantDB)
		n.ConvGradWeights(c, in, g, dw, dbias)
		l.intact()
		l.close("dw", dw, wantDW)
		l.close("dbias", dbias, wantDB)
		l.close("joined", g.Joined, wantG.Joined)

		g, dx = l.readGrad(c.outputs(), c.O), l.writeGrad(c.inputs(), c.C)
		if l.IntN(2) == 0 {
			dx.Through = in
		}
		wantG, wantDX = wideReadGrad(g), wideWriteGrad(dx)
		truth.ConvGrads(c, wide(w), wideRead(in), wantG, wantDX, wantDW, wantDB)
		n.ConvGrads(c, w, in, g, dx, dw, dbias)
		l.intact()
		l.close("dx", dx.G, wantDX.G)
		l.sums(dx.Sums, wantDX.Sums, wantDX.G, wantDX.Through.X)
		l.close("dw", dw, wantDW)
		l.close("dbias", dbias, wantDB)
		l.close("joined", g.Joined, wantG.Joined)
	})
}

func TestMap(t *testing.T) {
	backends(t, func(t *testing.T, n *Native) {
		for seed := range uint64(200) {
			l := newLab(t, seed)
			channels := 1 + l.IntN(70)
			size := channels * (1 + l.IntN(300))
			in, out := l.read(size, channels), l.write(size, channels)
			wantOut := wideWrite(out)
			truth.Map(wideRead(in), channels, wantOut)
			n.Map(in, channels, out)
			l.intact()
			l.close("y", out.Y, wantOut.Y)
			l.sums(out.Sums, wantOut.Sums, wantOut.Y, nil)

			g, dx := l.readGrad(size, channels), l.writeGrad(size, channels)
			wantG, wantDX := wideReadGrad(g), wideWriteGrad(dx)
			truth.MapGrad(wantG, channels, wantDX)
			n.MapGrad(g, channels, dx)
			l.intact()
			l.close("dx", dx.G, wantDX.G)
			l.sums(dx.Sums, wantDX.Sums, wantDX.G, wantDX.Through.X)
			l.close("joined", g.Joined, wantG.Joined)

			got, want := make([]float64, 2*channels), make([]float64, 2*channels)
			truth.Stats(wide(in.X), channels, want)
			n.Stats(in.X, channels, got)
			l.sums(got, want, wide(in.X), nil)
		}
	})
}

func TestPool(t *testing.T) {
	backends(t, func(t *testing.T, n *Native) {
		for seed := range uint64(200) {
			l := newLab(t, seed)
			p := Pool{N: 1 + l.IntN(5), C: 1 + l.IntN(70), Size: 1 + l.IntN(4), Stride: 1 + l.IntN(3)}
			p.H, p.W = p.Size+l.IntN(8), p.Size+l.IntN(8)
			if l.IntN(2) == 0 {
				p.Stride = p.Size
			}
			if l.IntN(3) == 0 { // the whole image
				p.Size, p.Stride = 0, l.IntN(3)
			}
			for _, kind := range []string{"max", "average"} {
				in, out := l.read(p.inputs(), p.C), l.write(p.outputs(), p.C)
				g, dx := l.readGrad(p.outputs(), p.C), l.empty("dx", p.inputs())
				wantOut, wantG, wantDX := wideWrite(out), wideReadGrad(g), make([]float64, p.inputs())
				if kind == "max" {
					truth.MaxPool(p, wideRead(in), wantOut)
					n.MaxPool(p, in, out)
					truth.MaxPoolGrad(p, wideRead(in), wantOut.Y, wantG, wantDX)
					n.MaxPoolGrad(p, in, out.Y, g, dx)
				} else {
					truth.AvgPool(p, wideRead(in), wantOut)
					n.AvgPool(p, in, out)
					truth.AvgPoolGrad(p, wantG, wantDX)
					n.AvgPoolGrad(p, g, dx)
				}
				l.intact()
				l.close(kind+" y", out.Y, wantOut.Y)
				l.sums(out.Sums, wantOut.Sums, wantOut.Y, nil)
				l.close(kind+" dx", dx, wantDX)
				l.close(kind+" joined", g.Joined, wantG.Joined)
			}
		}
	})
}

// The mean and the maximum of a whole image that is not square.
func TestPoolWholeImage(t *testing.T) {
	p := Pool{N: 1, H: 2, W: 3, C: 1}
	in, y, dx := Read[float64]{X: []float64{1, 2, 9, 3, 4, 5}}, make([]float64, 1), make([]float64, 6)
	g := ReadGrad[float64]{G: []float64{12}}
	truth.AvgPool(p, in, Write[float64]{Y: y})
	truth.AvgPoolGrad(p, g, dx)
	if got := fmt.Sprint(y, dx); got != "[4] [2 2 2 2 2 2]" {
		t.Errorf("mean and gradient are %s", got)
	}
	truth.MaxPool(p, in, Write[float64]{Y: y})
	truth.MaxPoolGrad(p, in, y, g, dx)
	if got := fmt.Sprint(y, dx); got != "[9] [0 0 12 0 0 0]" {
		t.Errorf("maximum and gradient are %s", got)
	}
}

// A NaN in a window is its maximum wherever it stands, and gets the gradient; of several, the last.
func TestMaxPoolKeepsNaN(t *testing.T) {
	nan := float32(math.NaN())
	backends(t, func(t *testing.T, n *Native) {
		for _, window := range [][]float32{
			{nan, 2, 3, 4}, {1, nan, 3, 4}, {1, 2, nan, 4}, {1, 2, 3, nan},
			{1, nan, 3, nan}, {nan, 2, nan, 1}, {nan, nan, nan, nan}, {4, 3, 2, 1},
		} {
			for _, channels := range []int{1, 16} { // 16: whole vectors everywhere
				for _, relu := range []bool{false, true} {
					p := Pool{N: 1, H: 2, W: 2, C: channels, Size: 2, Stride: 2}
					in := Read[float32]{X: make([]float32, p.inputs()), ReLU: relu}
					for i := range in.X {
						in.X[i] = window[i/channels]
					}
					g := make([]float32, channels)
					for i := range g {
						g[i] = 1
					}
					y, dx, wantY, wantDX := make([]float32, channels), make([]float32, p.inputs()), make([]float32, channels), make([]float32, p.inputs())
					Reference[float32]{}.MaxPool(p, in, Write[float32]{Y: wantY})
					Reference[float32]{}.MaxPoolGrad(p, in, wantY, ReadGrad[float32]{G: g}, wantDX)
					n.MaxPool(p, in, Write[float32]{Y: y})
					n.MaxPoolGrad(p, in, y, ReadGrad[float32]{G: g}, dx)
					if fmt.Sprint(y, dx) != fmt.Sprint(wantY, wantDX) {
						t.Errorf("%v, %d channels, ReLU %v: %v and gradient %v, not %v and %v", window, channels, relu, y, dx, wantY, wantDX)
					}
				}
			}
		}
	})
}

func TestSubsample(t *testing.T) {
	backends(t, func(t *testing.T, n *Native) {
		for seed := range uint64(100) {
			l := newLab(t, seed)
			batch, h, w, c, stride := 1+l.IntN(5), 1+l.IntN(9), 1+l.IntN(9), 1+l.IntN(40), 1+l.IntN(3)
			channels := c + l.IntN(40)
			inputs, outputs := checkSubsample(batch, h, w, c, stride, channels)
			in, out := l.read(inputs, c), l.write(outputs, channels)
			wantOut := wideWrite(out)
			truth.Subsample(batch, h, w, c, stride, channels, wideRead(in), wantOut)
			n.Subsample(batch, h, w, c, stride, channels, in, out)
			l.close("y", out.Y, wantOut.Y)
			l.sums(out.Sums, wantOut.Sums, wantOut.Y, nil)
			g, dx := l.readGrad(outputs, channels), l.empty("dx", inputs)
			wantG, wantDX := wideReadGrad(g), make([]float64, inputs)
			truth.SubsampleGrad(batch, h, w, c, stride, channels, wantG, wantDX)
			n.SubsampleGrad(batch, h, w, c, stride, channels, g, dx)
			l.intact()
			l.close("dx", dx, wantDX)
			l.close("joined", g.Joined, wantG.Joined)
		}
	})
}

// Which elements are dropped is the same everywhere, to the bit.
func TestDropout(t *testing.T) {
	backends(t, func(t *testing.T, n *Native) {
		for _, size := range []int{1, 15, 16, 17, 1000, 70001} {
			l := newLab(t, uint64(size))
			x, y, want := l.random("x", size), l.empty("y", size), make([]float32, size)
			const rate, key = 0.25, 0x123456789abcdef
			Reference[float32]{}.Dropout(x, rate, key, want)
			n.Dropout(x, rate, key, y)
			l.intact()
			for i, v := range want {
				if y[i] != v {
					t.Fatalf("y[%d] of %d is %v, not %v", i, size, y[i], v)
				}
			}
		}
	})
}

// A quarter is dropped, another key drops others, and the mean stays.
func TestDropoutIsFair(t *testing.T) {
	const size, rate = 1 << 18, 0.25
	ones, y, z := make([]float32, size), make([]float32, size), make([]float32, size)
	for i := range ones {
		ones[i] = 1
	}
	Reference[float32]{}.Dropout(ones, rate, 1, y)
	Reference[float32]{}.Dropout(ones, rate, 1<<32, z)
	dropped, both := 0, 0
	for i := range y {
		if y[i] == 0 {
			dropped++
			if z[i] == 0 {
				both++
			}
		}
	}
	if math.Abs(float64(dropped)/size-rate) > 0.005 {
		t.Errorf("%d of %d are dropped", dropped, size)
	}
	if math.Abs(float64(both)/size-rate*rate) > 0.005 {
		t.Errorf("%d of %d are dropped by both keys", both, size)
	}
}

func TestDense(t *testing.T) {
	backends(t, func(t *testing.T, n *Native) {
		for seed := range uint64(50) {
			l := newLab(t, seed)
			rows, in, out := 1+l.IntN(40), 1+l.IntN(300), 1+l.IntN(40)
			x, w, bias := l.random("x", rows*in), l.random("w", in*out), l.maybe("bias", out)
			y, g := l.empty("y", rows*out), l.random("g", rows*out)
			dx, dw, db := l.empty("dx", rows*in), l.empty("dw", in*out), l.empty("db", out)
			wantY, wantDX, wantDW, wantDB := make([]float64, rows*out), make([]float64, rows*in), make([]float64, in*out), make([]float64, out)
			truth.Dense(rows, in, out, wide(x), wide(w), wide(bias), wantY)
			truth.DenseGradData(rows, in, out, wide(w), wide(g), wantDX)
			truth.DenseGradWeights(rows, in, out, wide(x), wide(g), wantDW, wantDB)
			n.Dense(rows, in, out, x, w, bias, y)
			n.DenseGradData(rows, in, out, w, g, dx)
			n.DenseGradWeights(rows, in, out, x, g, dw, db)
			l.intact()
			l.close("y", y, wantY)
			l.close("dx", dx, wantDX)
			l.close("dw", dw, wantDW)
			l.close("db", db, wantDB)
		}
	})
}

func TestSoftmaxCrossEntropy(t *testing.T) {
	backends(t, func(t *testing.T, n *Native) {
		for seed := range uint64(30) {
			l := newLab(t, seed)
			rows, k := 1+l.IntN(70), 1+l.IntN(30)
			logits, labels := l.random("logits", rows*k), make([]int32, rows)
			for i := range labels {
				labels[i] = int32(l.IntN(k))
			}
			logits[0] = 1000 // exp overflows without care
			loss, grad, correct := l.empty("loss", rows), l.empty("grad", rows*k), make([]int32, rows)
			wantLoss, wantGrad, wantCorrect := make([]float64, rows), make([]float64, rows*k), make([]int32, rows)
			smoothing := float64(seed%3) / 5
			truth.SoftmaxCrossEntropy(rows, k, wide(logits), labels, smoothing, wantLoss, wantGrad, wantCorrect)
			n.SoftmaxCrossEntropy(rows, k, logits, labels, smoothing, loss, grad, correct)
			l.intact()
			l.close("loss", loss, wantLoss)
			l.close("grad", grad, wantGrad)
			if fmt.Sprint(correct) != fmt.Sprint(wantCorrect) {
				t.Fatalf("correct is %v, not %v", correct, wantCorrect)
			}
			n.SoftmaxCrossEntropy(rows, k, logits, labels, smoothing, nil, nil, nil)
		}
	})
}

// TestSoftmaxCrossEntropyIsPyTorchs holds the loss and its gradient against what scripts/pytorch/golden.py computed.
func TestSoftmaxCrossEntropyIsPyTorchs(t *testing.T) {
	const tolerance = 1e-12 // relative, in float64
	text, err := os.ReadFile("testdata/smoothing.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Smoothing    float64
		Rows, K      int
		Logits, Grad []float64
		Labels       []int32
		Loss         []float64
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		loss, grad := make([]float64, c.Rows), make([]float64, c.Rows*c.K)
		truth.SoftmaxCrossEntropy(c.Rows, c.K, c.Logits, c.Labels, c.Smoothing, loss, grad, nil)
		for name, pair := range map[string][2][]float64{"loss": {loss, c.Loss}, "gradient": {grad, c.Grad}} {
			for i, want := range pair[1] {
				if got := pair[0][i]; !(math.Abs(got-want) <= tolerance*(1+math.Abs(want))) {
					t.Errorf("smoothing %v: %s %d is %v, PyTorch has %v", c.Smoothing, name, i, got, want)
				}
			}
		}
	}
}

func TestUpdates(t *testing.T) {
	defer func() { _ = Select("") }()
	for _, isa := range []string{"avx512", "avx2", "generic"} {
		if Select(isa) != nil {
			continue
		}
		for _, size := range []int{1, 3, 16, 70, 1001} {
			for _, nesterov := range []bool{false, true} {
				l := newLab(t, uint64(size))
				w, m := l.random("w", size), l.random("m", size)
				g := l.random("g", size)
				wantW, wantM := wide(w), wide(m)
				truth.SGD(wantW, wide(g), wantM, 0.125, 0.5, 0.25, nesterov)
				SGD(w, g, m, 0.125, 0.5, 0.25, nesterov)
				l.close("w", w, wantW)
				l.close("m", m, wantM)
				truth.SGD(wantW, wide(g), nil, 0.125, 0, 0.25, nesterov)
				SGD(w, g, nil, 0.125, 0, 0.25, nesterov)
				l.close("w", w, wantW)
				l.intact()
			}
			l := newLab(t, uint64(size))
			w, m, v, g := l.random("w", size), l.random("m", size), l.random("v", size), l.random("g", size)
			for i := range v {
				v[i] *= v[i]
			}
			a := AdamStep{Beta1: 0.9, Beta2: 0.999, Rate: 0.01, Eps: 0.001, Decay: 0.1}
			wantW, wantM, wantV := wide(w), wide(m), wide(v)
			truth.Adam(wantW, wide(g), wantM, wantV, a)
			Adam(w, g, m, v, a)
			l.intact()
			l.close("w", w, wantW)
			l.close("m", m, wantM)
			l.close("v", v, wantV)
			average, wantAverage := l.random("average", size), make([]float64, size)
			copy(wantAverage, wide(average))
			truth.Average(wantAverage, wide(w), 0.125)
			Average(average, w, 0.125)
			l.intact()
			l.close("average", average, wantAverage)
		}
	}
}
