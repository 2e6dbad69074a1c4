package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestGradientsAndSteps holds every instruction set against plain Go, for all lengths of a tail.
func TestGradientsAndSteps(t *testing.T) {
	defer func() { _ = Select("") }()
	for _, isa := range []string{"avx512", "avx2", "generic"} {
		if Select(isa) != nil {
			continue
		}
		for _, size := range []int{1, 3, 16, 31, 70, 1001} {
			l := newLab(t, uint64(size))
			w, m, v, g := l.random("w", size), l.random("m", size), l.random("v", size), l.random("g", size)
			for i := range v {
				v[i] *= v[i]
			}
			step := AdamStep{Beta1: 0.9, Beta2: 0.999, Rate: 0.01, Eps: 0.001, Decay: 0.1}
			wantW, wantM, wantV := wide(w), wide(m), wide(v)
			truth.AdamW(wantW, wide(g), wantM, wantV, step)
			AdamW(w, g, m, v, step)
			l.intact()
			l.close("w of AdamW", w, wantW)
			l.close("m of AdamW", m, wantM)
			l.close("v of AdamW", v, wantV)

			for _, s := range []RMSPropStep{
				{Alpha: 0.9, Rate: 0.01, Before: 1, Eps: 0.001, Decay: 0.1},
				{Alpha: 0.9, Rate: 1, Before: 0.01, Eps: 0.001, Momentum: 0.8, Inside: true},
			} {
				for _, centred := range []bool{false, true} {
					var a []float32
					var wantA []float64
					l := newLab(t, uint64(size))
					w, v, m, g := l.random("w", size), l.random("v", size), l.random("m", size), l.random("g", size)
					if centred {
						a = l.random("a", size)
					}
					for i := range v {
						v[i] = 1 + v[i]*v[i]
						if centred {
							v[i] += a[i] * a[i]
						}
					}
					if s.Momentum == 0 {
						m = nil
					}
					wantW, wantV, wantM := wide(w), wide(v), wide(m)
					if centred {
						wantA = wide(a)
					}
					if m == nil {
						wantM = nil
					}
					truth.RMSProp(wantW, wide(g), wantV, wantA, wantM, s)
					RMSProp(w, g, v, a, m, s)
					l.intact()
					what := fmt.Sprintf(" of RMSProp, %+v, centred %v", s, centred)
					l.close("w"+what, w, wantW)
					l.close("v"+what, v, wantV)
					l.close("a"+what, a, wantA)
					l.close("m"+what, m, wantM)
				}
			}

			y, x := l.random("y", size), l.random("x", size)
			want := wide(y)
			truth.Scale(want, 0.3)
			Scale(y, 0.3)
			l.close("scaled", y, want)
			truth.Accumulate(want, wide(x), 0.7)
			Accumulate(y, x, 0.7)
			l.close("accumulated", y, want)
			truth.Clamp(want, 0.25)
			Clamp(y, 0.25)
			l.close("clamped", y, want)
			l.intact()
			y[size/2] = float32(math.NaN())
			if Clamp(y, 0.25); !math.IsNaN(float64(y[size/2])) {
				t.Errorf("%s: NaN is clamped to %v", isa, y[size/2])
			}
		}
	}
}

// TestSumSquares: the same bits as in plain Go, whatever the instruction set.
func TestSumSquares(t *testing.T) {
	defer func() { _ = Select("") }()
	for _, isa := range []string{"avx512", "avx2", "generic"} {
		if Select(isa) != nil {
			continue
		}
		r := rand.New(rand.NewPCG(1, 2))
		for _, size := range []int{0, 1, 3, 15, 16, 17, 70, 1001} {
			x := normal(r, size)
			if got, want := SumSquares(x), (Reference[float32]{}).SumSquares(x); got != want {
				t.Errorf("%s, %d numbers: %v, not %v", isa, size, got, want)
			}
		}
		if got := SumSquares([]float32{3e38, 4, 3e38}); math.IsInf(got, 0) {
			t.Errorf("%s: large numbers overflow", isa)
		}
		if got := SumSquares([]float32{3, float32(math.NaN())}); !math.IsNaN(got) {
			t.Errorf("%s: the sum with NaN is %v", isa, got)
		}
		if got := SumSquares([]float32{3, 0, -4}); got != 25 {
			t.Errorf("%s: %v, not 25", isa, got)
		}
	}
}

// TestASpreadIsNeverNegative has a mean square that rounding left below the square of the mean.
func TestASpreadIsNeverNegative(t *testing.T) {
	w, g, v, a := []float32{1}, []float32{1}, []float32{0.9}, []float32{1}
	if RMSProp(w, g, v, a, nil, RMSPropStep{Alpha: 0.99, Rate: 0.01, Before: 1, Eps: 0.1}); !(w[0] < 1 && w[0] > 0.8) {
		t.Errorf("the weight is %v", w[0])
	}
}
