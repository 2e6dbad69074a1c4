package kernels

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// The bits of a result do not depend on the number of threads.
func TestThreads(t *testing.T) {
	for _, isa := range []string{"avx512", "avx2", "generic"} {
		if named(isa) == nil {
			continue
		}
		t.Run(isa, func(t *testing.T) {
			for _, c := range []Conv{
				{N: 20, H: 16, W: 16, C: 32, O: 32, K: 3, Stride: 1},
				{N: 40, H: 8, W: 8, C: 128, O: 64, K: 3, Stride: 1},
				{N: 20, H: 13, W: 14, C: 3, O: 20, K: 3, Stride: 1},
				{N: 20, H: 16, W: 16, C: 16, O: 32, K: 3, Stride: 2},
				{N: 20, H: 15, W: 16, C: 16, O: 32, K: 3, Stride: 2},
				{N: 50, H: 7, W: 8, C: 20, O: 40, K: 1, Stride: 1},
				{N: 7, H: 12, W: 12, C: 32, O: 32, K: 3, Stride: 1},
			} {
				for _, how := range []struct {
					algorithm Algorithm
					products  Products
					there     bool
				}{
					{Winograd4, FP32, true},
					{Winograd4, BF16, hasBF16(named(isa))},
					{Direct, FP32, true},
					{Direct, BF16, hasMatrices(named(isa))},
				} {
					if !how.there {
						continue
					}
					var first []float32
					for _, threads := range []int{1, 2, 3, 2} {
						n := nativeOf(t, isa, threads)
						n.Algorithm, n.Products = how.algorithm, how.products
						got := everything(t, n, c)
						if first == nil {
							first = got
						}
						for i := range first {
							if math.Float32bits(got[i]) != math.Float32bits(first[i]) {
								t.Fatalf("%+v, %+v: number %d is %v with %d threads, %v with one", c, how, i, got[i], threads, first[i])
							}
						}
					}
				}
			}
		})
	}
}

// everything is all numbers that come out of a convolution, its gradients and the maps of its result.
func everything(t *testing.T, n *Native, c Conv) []float32 {
	l := newLab(t, 1)
	w := l.random("w", c.weights())
	in := Read[float32]{X: l.random("x", c.inputs()), Scale: l.random("scale", c.C), Shift: l.random("shift", c.C), ReLU: true}
	out := Write[float32]{Y: l.empty("y", c.outputs()), Sums: make([]float64, 2*c.O)}
	g := ReadGrad[float32]{G: l.random("g", c.outputs())}
	dx := WriteGrad[float32]{G: l.empty("dx", c.inputs()), Residual: l.random("residual", c.inputs()), Through: in, Sums: make([]float64, 2*c.C)}
	dw, dbias := l.empty("dw", c.weights()), l.empty("dbias", c.O)
	n.Conv(c, w, in, out)
	n.ConvGradData(c, w, g, dx)
	n.ConvGradWeights(c, in, g, dw, dbias)
	both := WriteGrad[float32]{G: l.empty("both dx", c.inputs()), Through: in, Sums: make([]float64, 2*c.C)}
	bothDW := l.empty("both dw", c.weights())
	n.ConvGrads(c, w, in, g, both, bothDW, nil)
	stats := make([]float64, 2*c.O)
	n.Stats(out.Y, c.O, stats)
	all := slices.Concat(out.Y, dx.G, dw, dbias, both.G, bothDW)
	for _, sums := range [][]float64{out.Sums, dx.Sums, both.Sums, stats} {
		for _, s := range sums {
			bits := math.Float64bits(s)
			all = append(all, math.Float32frombits(uint32(bits)), math.Float32frombits(uint32(bits>>32)))
		}
	}
	return all
}

// After the first call of a size nothing is allocated, whoever owns the memory.
// A hundred calls: the runtime allocates some dozen objects of its own when a helper makes it start a thread.
func TestNoAllocations(t *testing.T) {
	n := nativeOf(t, "generic", 2)
	c := Conv{N: 2, H: 8, W: 8, C: 16, O: 16, K: 3, Stride: 1}
	l := newLab(t, 1)
	w, in := l.random("w", c.weights()), Read[float32]{X: l.random("x", c.inputs()), Scale: l.random("s", c.C), Shift: l.random("t", c.C), ReLU: true}
	out := Write[float32]{Y: l.empty("y", c.outputs()), Sums: make([]float64, 2*c.O), Bias: l.random("b", c.O), Residual: l.random("r", c.outputs())}
	g := ReadGrad[float32]{G: l.random("g", c.outputs()), R: l.random("r", c.outputs()), Joined: l.empty("j", c.outputs())}
	dw, db := l.empty("dw", c.weights()), l.empty("db", c.O)
	var b Backend[float32] = n
	if a := testing.AllocsPerRun(100, func() {
		b.Conv(c, w, in, out)
		b.ConvGradData(c, w, g, WriteGrad[float32]{G: in.X, Through: in})
		b.ConvGradWeights(c, in, g, dw, db)
	}); a != 0 {
		t.Errorf("%v allocations", a)
	}
}

func TestPeakCounts(t *testing.T) {
	for _, isa := range []string{"avx512", "avx2", "generic"} {
		if named(isa) == nil {
			continue
		}
		n := nativeOf(t, isa, 2)
		if one, three := n.Peak(1), n.Peak(3); one < 1e6 || three != 3*one {
			t.Errorf("%s: %d and %d multiply-adds", isa, one, three)
		}
	}
}

func TestFrozenWeights(t *testing.T) {
	backends(t, func(t *testing.T, n *Native) {
		for i := range 6 {
			n.Algorithm = []Algorithm{Winograd4, Winograd2, Direct}[i%3]
			c := Conv{N: 2, H: 8, W: 8, C: 16, O: 32, K: 3, Stride: 1 + i/3}
			l := newLab(t, 1)
			w, x := l.random("w", c.weights()), l.random("x", c.inputs())
			conv := func(c Conv) []float32 {
				y := make([]float32, c.outputs())
				n.Conv(c, w, Read[float32]{X: x[:c.inputs()]}, Write[float32]{Y: y})
				return y
			}
			fewer := c
			fewer.N = 1
			want, wantFewer := conv(c), conv(fewer)
			n.Freeze()
			for range 2 {
				if !slices.Equal(conv(c), want) || !slices.Equal(conv(fewer), wantFewer) {
					t.Error("frozen weights give another result")
				}
			}
			n.Thaw()
			for i := range w {
				w[i]++
			}
			if slices.Equal(conv(c), want) {
				t.Error("other weights give the same result after Thaw")
			}
		}
	})
}

func TestSelect(t *testing.T) {
	t.Cleanup(func() { _ = Select("") }) // after Setenv is undone
	if err := Select("mmx"); err == nil || !strings.Contains(err.Error(), `"mmx"`) {
		t.Errorf("mmx: %v", err)
	}
	t.Setenv("EXP_ISA", "sse9")
	if err := Select(""); err == nil || !strings.Contains(err.Error(), `EXP_ISA: no instruction set is called "sse9"`) {
		t.Errorf("EXP_ISA=sse9: %v", err)
	}
	t.Setenv("EXP_ISA", "generic")
	if err := Select(""); err != nil {
		t.Fatal(err)
	}
	n := NewNative(1)
	defer n.Close()
	if n.ISA() != "generic" {
		t.Errorf("EXP_ISA=generic gave %s", n.ISA())
	}
}

// Faults of the program are found before C sees them.
func TestFaults(t *testing.T) {
	n := nativeOf(t, "generic", 1)
	c := Conv{N: 1, H: 4, W: 4, C: 1, O: 1, K: 3, Stride: 1}
	x := make([]float32, 16)
	for name, call := range map[string]func(){
		"w has 8 elements":      func() { n.Conv(c, x[:8], Read[float32]{X: x}, Write[float32]{Y: x}) },
		"Read.X has 15":         func() { n.Conv(c, x[:9], Read[float32]{X: x[:15]}, Write[float32]{Y: x}) },
		"Read.Shift has 0":      func() { n.Conv(c, x[:9], Read[float32]{X: x, Scale: x[:1]}, Write[float32]{Y: x}) },
		"no such convolution":   func() { n.Conv(Conv{}, x[:9], Read[float32]{X: x}, Write[float32]{Y: x}) },
		"label 10 of row 0":     func() { n.SoftmaxCrossEntropy(1, 10, x[:10], []int32{10}, 0, nil, nil, nil) },
		"smoothing 1":           func() { n.SoftmaxCrossEntropy(1, 10, x[:10], []int32{1}, 1, nil, nil, nil) },
		"no pixels of 3":        func() { n.Stats(x, 3, make([]float64, 6)) },
		"no such pooling":       func() { n.MaxPool(Pool{N: 1, H: 1, W: 1, C: 1, Size: 2, Stride: 2}, Read[float32]{}, Write[float32]{}) },
		"pooling: {N:1 H:0 W:1": func() { n.AvgPool(Pool{N: 1, W: 1, C: 1}, Read[float32]{}, Write[float32]{}) },
		"no such dropout":       func() { n.Dropout(x, 1, 0, x) },
		"Residual has 1 elemen": func() { n.Map(Read[float32]{X: x}, 1, Write[float32]{Y: x, Residual: x[:1]}) },
	} {
		func() {
			defer func() {
				got, _ := recover().(string)
				if !strings.HasPrefix(got, "kernels: ") || !strings.Contains(got, name) {
					t.Errorf("want a panic about %q, got %q", name, got)
				}
			}()
			call()
		}()
	}
}

func TestAlloc(t *testing.T) {
	for _, n := range []int{0, 1, 1000, 1 << 20} {
		x := Alloc(n)
		if len(x) != n {
			t.Errorf("%d of %d", len(x), n)
		}
		for i := range x {
			if x[i] != 0 {
				t.Fatalf("x[%d] of %d is %v", i, n, x[i])
			}
			x[i] = 1
		}
		Free(x)
	}
}

// Random shapes and options against the truth.
func FuzzConv(f *testing.F) {
	f.Add(uint64(1), 2, 8, 8, 16, 16, 1, 1)
	f.Add(uint64(2), 1, 5, 7, 3, 33, 2, 2)
	f.Fuzz(func(t *testing.T, seed uint64, n, h, w, c, o, half, stride int) {
		within := func(v, most int) int { return 1 + int(uint(v)%uint(most)) }
		conv := Conv{N: within(n, 9), H: within(h, 40), W: within(w, 40), C: within(c, 70), O: within(o, 70), K: 2*within(half, 4) - 1, Stride: within(stride, 6)}
		if conv.MACs() > mostMACs {
			t.Skip("too much work")
		}
		checkConv(t, nativeOf(t, "", 2), seed, conv)
	})
}
