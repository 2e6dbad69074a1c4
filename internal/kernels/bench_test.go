package kernels

import (
	"fmt"
	"testing"
	"time"
)

// The convolutions of the nets we ship, at batch 128; the last two numbers of a name are the channels in and out.
var benchConvs = []Conv{
	{N: 128, H: 32, W: 32, C: 32, O: 32, K: 3, Stride: 1},
	{N: 128, H: 16, W: 16, C: 64, O: 64, K: 3, Stride: 1},
	{N: 128, H: 8, W: 8, C: 128, O: 128, K: 3, Stride: 1},
	{N: 128, H: 4, W: 4, C: 256, O: 256, K: 3, Stride: 1},
	{N: 128, H: 16, W: 16, C: 32, O: 64, K: 3, Stride: 1},
	{N: 128, H: 8, W: 8, C: 64, O: 128, K: 3, Stride: 1},
	{N: 128, H: 4, W: 4, C: 128, O: 256, K: 3, Stride: 1},
	{N: 128, H: 32, W: 32, C: 16, O: 16, K: 3, Stride: 1},
	{N: 128, H: 16, W: 16, C: 32, O: 32, K: 3, Stride: 1},
	{N: 128, H: 8, W: 8, C: 64, O: 64, K: 3, Stride: 1},
	{N: 128, H: 32, W: 32, C: 3, O: 32, K: 3, Stride: 1},
	{N: 128, H: 32, W: 32, C: 3, O: 16, K: 3, Stride: 1},
	{N: 128, H: 32, W: 32, C: 32, O: 64, K: 1, Stride: 2},
	{N: 128, H: 16, W: 16, C: 64, O: 128, K: 1, Stride: 2},
	{N: 128, H: 8, W: 8, C: 128, O: 256, K: 1, Stride: 2},
	{N: 128, H: 32, W: 32, C: 16, O: 32, K: 3, Stride: 2},
	{N: 128, H: 16, W: 16, C: 32, O: 64, K: 3, Stride: 2},
	{N: 128, H: 32, W: 32, C: 64, O: 64, K: 1, Stride: 1},
	{N: 128, H: 32, W: 32, C: 16, O: 64, K: 1, Stride: 1},
	{N: 128, H: 32, W: 32, C: 64, O: 16, K: 1, Stride: 1},
	{N: 128, H: 16, W: 16, C: 32, O: 128, K: 1, Stride: 1},
	{N: 128, H: 16, W: 16, C: 128, O: 32, K: 1, Stride: 1},
	{N: 128, H: 8, W: 8, C: 64, O: 256, K: 1, Stride: 1},
	{N: 128, H: 8, W: 8, C: 256, O: 64, K: 1, Stride: 1},
	{N: 128, H: 14, W: 14, C: 33, O: 65, K: 3, Stride: 1},
}

// BenchmarkConv/ISA/threads/what/HxW xK/stride CxO: everything fused as in a train step.
func BenchmarkConv(b *testing.B) {
	for _, isa := range []string{"avx512", "avx2", "generic"} {
		if named(isa) == nil {
			continue
		}
		for _, threads := range []int{1, 2} {
			for _, c := range benchConvs {
				for _, what := range []string{"forward", "data", "weights", "both"} {
					if what == "both" && (c.K != 1 || c.Stride != 1) {
						continue // is one after the other
					}
					b.Run(fmt.Sprintf("%s/%d/%s/%dx%dx%d_%dto%d_s%d", isa, threads, what, c.H, c.W, c.K, c.C, c.O, c.Stride), func(b *testing.B) {
						benchConv(b, nativeOf(b, isa, threads), what, c)
					})
				}
			}
		}
	}
}

func benchConv(b *testing.B, n *Native, what string, c Conv) {
	buffer := func(n int) []float32 {
		x := Alloc(n)
		b.Cleanup(func() { Free(x) })
		for i := range x {
			x[i] = float32(i*7919%255-127) / 100
		}
		return x
	}
	ones := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = 1
		}
		return x
	}
	w, x, y, r := buffer(c.weights()), buffer(c.inputs()), buffer(c.outputs()), buffer(max(c.inputs(), c.outputs()))
	dw, dx := buffer(c.weights()), buffer(c.inputs())
	in := Read[float32]{X: x, Scale: ones(c.C), Shift: make([]float32, c.C), ReLU: true}
	grad := ReadGrad[float32]{G: y, X: r[:c.outputs()], A: ones(c.O), B: ones(c.O), C: ones(c.O)}
	run := map[string]func(){
		"forward": func() {
			n.Conv(c, w, in, Write[float32]{Y: y, Residual: r[:c.outputs()], Sums: make([]float64, 2*c.O)})
		},
		"data": func() {
			n.ConvGradData(c, w, grad, WriteGrad[float32]{G: dx, Through: in, Sums: make([]float64, 2*c.C)})
		},
		"weights": func() { n.ConvGradWeights(c, in, grad, dw, nil) },
		"both": func() {
			n.ConvGrads(c, w, in, grad, WriteGrad[float32]{G: dx, Through: in, Sums: make([]float64, 2*c.C)}, dw, nil)
		},
	}[what]
	run()
	best := time.Hour
	for b.Loop() {
		start := time.Now()
		run()
		best = min(best, time.Since(start))
	}
	flops := 2 * float64(c.MACs()) / 1e9
	if what == "both" {
		flops *= 2
	}
	b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds(), "GFLOP/s")
	b.ReportMetric(flops/best.Seconds(), "best-GFLOP/s")
	b.ReportMetric(best.Seconds()*1e3, "best-ms")
}

// BenchmarkMaps/ISA/what: the passes that are no convolutions, on [128,32,32,32], with the bytes that have to move.
func BenchmarkMaps(b *testing.B) {
	const rows, c = 128 * 32 * 32, 32
	x, y, z := Alloc(rows*c), Alloc(rows*c), Alloc(rows*c)
	defer Free(x)
	defer Free(y)
	defer Free(z)
	coef := Alloc(c)
	defer Free(coef)
	sums := make([]float64, 2*c)
	in := Read[float32]{X: x, Scale: coef, Shift: coef, ReLU: true}
	p := Pool{N: 128, H: 32, W: 32, C: c, Size: 2, Stride: 2}
	quarter := rows * c / 4
	for _, isa := range []string{"avx512", "avx2", "generic"} {
		if named(isa) == nil {
			continue
		}
		n := nativeOf(b, isa, 1)
		for _, what := range []struct {
			name   string
			floats int
			run    func()
		}{
			{"stats", rows * c, func() { n.Stats(x, c, sums) }},
			{"normalise", 2 * rows * c, func() { n.Map(in, c, Write[float32]{Y: y}) }},
			{"mask and sum", 3 * rows * c, func() { n.MapGrad(ReadGrad[float32]{G: y}, c, WriteGrad[float32]{G: z, Through: in, Sums: sums}) }},
			{"max pool", rows*c + quarter, func() { n.MaxPool(p, Read[float32]{X: x}, Write[float32]{Y: y[:quarter], Sums: sums}) }},
			{"max pool in evaluation", rows*c + quarter, func() { n.MaxPool(p, Read[float32]{X: x}, Write[float32]{Y: y[:quarter]}) }},
			{"max pool gradient", 2*rows*c + quarter, func() {
				n.MaxPoolGrad(p, Read[float32]{X: x}, y[:quarter], ReadGrad[float32]{G: y[:quarter], X: y[:quarter], A: coef, B: coef, C: coef}, z)
			}},
			{"subsample", 3 * quarter, func() { n.Subsample(128, 32, 32, c, 2, 2*c, Read[float32]{X: x}, Write[float32]{Y: y[:2*quarter]}) }},
			{"subsample gradient", rows*c + quarter, func() { n.SubsampleGrad(128, 32, 32, c, 2, 2*c, ReadGrad[float32]{G: y[:2*quarter]}, z) }},
			{"dropout", 2 * rows * c, func() { n.Dropout(x, 0.5, 1, y) }},
		} {
			b.Run(isa+"/"+what.name, func(b *testing.B) {
				b.SetBytes(int64(what.floats) * 4)
				best := time.Hour
				for b.Loop() {
					start := time.Now()
					what.run()
					best = min(best, time.Since(start))
				}
				b.ReportMetric(best.Seconds()*1e3, "best-ms")
			})
		}
	}
}
