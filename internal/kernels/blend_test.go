package kernels

import (
	"fmt"
	"math"
	"testing"
)

var blends = []Blend{{A: 0.5, B: 0.25}, {A: 1, B: 0.75}, {Gate: true}, {Gate: true, Exclusive: true}}

// Everything that a blend can read and write, for sizes that vectors like and others.
func TestBlend(t *testing.T) {
	backends(t, func(t *testing.T, n *Native) {
		for seed := range uint64(160) {
			l := newLab(t, seed)
			how, channels := blends[seed%4], 1+l.IntN(40)
			if l.IntN(2) == 0 {
				channels = 16 * (1 + l.IntN(3))
			}
			size := channels * (1 + l.IntN(1000))
			in, out := l.read(size, channels), l.write(size, channels)
			out.Bias, out.Residual = nil, nil
			s := l.maybe("s", size)
			if how.Gate || s == nil && l.IntN(2) == 0 {
				s = l.random("s", size)
			}
			var z []float32
			if how.Gate {
				z = l.random("z", size)
				for i := range z {
					z[i] *= 8 // to where the gate is open or shut
				}
			}
			wantOut := wideWrite(out)
			truth.Blend(how, channels, wide(s), wideRead(in), wide(z), wantOut)
			n.Blend(how, channels, s, in, z, out)
			l.intact()
			l.close(fmt.Sprintf("y of %+v", how), out.Y, wantOut.Y)
			l.sums(out.Sums, wantOut.Sums, wantOut.Y, nil)

			g := l.readGrad(size, channels)
			for _, of := range []BlendPart{OfShortcut, OfBranch, OfGate} {
				if of == OfGate && !how.Gate {
					continue
				}
				dx := l.empty("dx", size)
				wantG, wantDX := wideReadGrad(g), make([]float64, size)
				truth.BlendGrad(how, of, channels, wide(s), wideRead(in), wide(z), wantG, wantDX)
				g.Joined = nil
				n.BlendGrad(how, of, channels, s, in, z, g, dx)
				l.intact()
				l.close(fmt.Sprintf("gradient of part %d of %+v", of, how), dx, wantDX)
			}
		}
	})
}

// A gate far open or far shut neither overflows nor loses its small side, and NaN stays NaN.
func TestGates(t *testing.T) {
	backends(t, func(t *testing.T, n *Native) {
		nan := float32(math.NaN())
		z := []float32{0, 1e-3, -1, 6, -6, 20, -20, 80, -80, 1000, -1000, float32(math.Inf(1)), float32(math.Inf(-1)), nan}
		one, zero, y := make([]float32, len(z)), make([]float32, len(z)), make([]float32, len(z))
		for i := range one {
			one[i] = 1
		}
		how := Blend{Gate: true, Exclusive: true}
		for _, side := range []float64{1, -1} {
			s, v := zero, one
			if side < 0 {
				s, v = one, zero
			}
			n.Blend(how, 1, s, Read[float32]{X: v}, z, Write[float32]{Y: y})
			for i, x := range z {
				want := 1 / (1 + math.Exp(-side*float64(x)))
				if d := math.Abs(float64(y[i]) - want); d > 4e-7*want+1e-37 || math.IsNaN(want) != math.IsNaN(float64(y[i])) {
					t.Errorf("a gate at %v lets %v pass on side %v, not %v", x, y[i], side, want)
				}
			}
		}
	})
}

// The bits of a blend do not depend on the number of threads, and it allocates nothing.
func TestBlendOnThreads(t *testing.T) {
	for _, isa := range []string{"avx512", "avx2", "generic"} {
		if named(isa) == nil {
			continue
		}
		var first string
		for _, threads := range []int{1, 2, 3} {
			l, n := newLab(t, 1), nativeOf(t, isa, threads)
			const channels, size = 24, 24 * 5000
			in, s, z := Read[float32]{X: l.random("x", size)}, l.random("s", size), l.random("z", size)
			out := Write[float32]{Y: l.empty("y", size), Sums: make([]float64, 2*channels)}
			g, dz := ReadGrad[float32]{G: l.random("g", size)}, l.empty("dz", size)
			how := Blend{Gate: true, Exclusive: true}
			var b Backend[float32] = n
			if a := testing.AllocsPerRun(100, func() {
				b.Blend(how, channels, s, in, z, out)
				b.BlendGrad(how, OfGate, channels, s, in, z, g, dz)
			}); a != 0 {
				t.Errorf("%v allocations", a)
			}
			got := fmt.Sprint(out.Y, out.Sums, dz)
			if first == "" {
				first = got
			}
			if got != first {
				t.Errorf("%s: %d threads give other bits than one", isa, threads)
			}
		}
	}
}
