package kernels

import (
	"fmt"
	"testing"
)

// Everything that an excitation can read and write, for sizes that vectors like and others.
func TestExcite(t *testing.T) {
	backends(t, func(t *testing.T, n *Native) {
		for seed := range uint64(100) {
			l := newLab(t, seed)
			images, pixels, channels := 1+l.IntN(5), 1+l.IntN(70), 1+l.IntN(40)
			if l.IntN(2) == 0 {
				channels = 16 * (1 + l.IntN(3))
			}
			size := images * pixels * channels
			in, out := l.read(size, channels), l.write(size, channels)
			out.Bias, out.Residual = nil, nil
			z := l.random("z", images*channels)
			for i := range z {
				z[i] *= 8 // to where the gate is open or shut
			}
			wantOut := wideWrite(out)
			truth.Excite(images, pixels, channels, wideRead(in), wide(z), wantOut)
			n.Excite(images, pixels, channels, in, z, out)
			l.intact()
			l.close("y", out.Y, wantOut.Y)
			l.sums(out.Sums, wantOut.Sums, wantOut.Y, nil)

			g := l.readGrad(size, channels)
			for of, count := range map[BlendPart]int{OfBranch: size, OfGate: images * channels} {
				dx := l.empty("dx", count)
				wantG, wantDX := wideReadGrad(g), make([]float64, count)
				truth.ExciteGrad(of, images, pixels, channels, wideRead(in), wide(z), wantG, wantDX)
				g.Joined = nil
				n.ExciteGrad(of, images, pixels, channels, in, z, g, dx)
				l.intact()
				l.close(fmt.Sprintf("gradient of part %d", of), dx, wantDX)
			}
		}
	})
}

// The bits of an excitation do not depend on the number of threads, and it allocates nothing.
func TestExciteOnThreads(t *testing.T) {
	for _, isa := range []string{"avx512", "avx2", "generic"} {
		if named(isa) == nil {
			continue
		}
		var first string
		for _, threads := range []int{1, 2, 3} {
			l, n := newLab(t, 1), nativeOf(t, isa, threads)
			const images, pixels, channels, size = 70, 64, 24, 70 * 64 * 24
			in, z := Read[float32]{X: l.random("x", size)}, l.random("z", images*channels)
			out := Write[float32]{Y: l.empty("y", size), Sums: make([]float64, 2*channels)}
			g, dx, dz := ReadGrad[float32]{G: l.random("g", size)}, l.empty("dx", size), l.empty("dz", images*channels)
			var b Backend[float32] = n
			if a := testing.AllocsPerRun(100, func() {
				b.Excite(images, pixels, channels, in, z, out)
				b.ExciteGrad(OfBranch, images, pixels, channels, in, z, g, dx)
				b.ExciteGrad(OfGate, images, pixels, channels, in, z, g, dz)
			}); a != 0 {
				t.Errorf("%v allocations", a)
			}
			got := fmt.Sprint(out.Y, out.Sums, dx, dz)
			if first == "" {
				first = got
			}
			if got != first {
				t.Errorf("%s: %d threads give other bits than one", isa, threads)
			}
		}
	}
}
