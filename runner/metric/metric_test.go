package metric

import (
	"math"
	"testing"
)

func TestALastSmallerBatchCountsByItsRows(t *testing.T) {
	var s Score
	s.Add(2, 64, 128)
	s.Add(1, 80, 80)
	if got, want := s.Loss(), (2*128+1*80)/208.0; got != want {
		t.Errorf("loss %v, want %v", got, want)
	}
	if got, want := s.Acc(), 144/208.0; got != want {
		t.Errorf("accuracy %v, want %v", got, want)
	}
	if s.Examples() != 208 {
		t.Errorf("%d examples, want 208", s.Examples())
	}
}

func TestNothingHasNoMean(t *testing.T) {
	var m Mean
	var s Score
	for _, v := range []float64{m.Value(), s.Loss(), s.Acc()} {
		if !math.IsNaN(v) {
			t.Errorf("%v, want NaN", v)
		}
	}
}

func TestANaNStays(t *testing.T) {
	var m Mean
	m.Add(1, 1)
	m.Add(math.NaN(), 1)
	m.Add(1, 1)
	if !math.IsNaN(m.Value()) {
		t.Errorf("%v, want NaN", m.Value())
	}
}

func TestNorm(t *testing.T) {
	for n := range 10 {
		x := make([]float32, n)
		var want float64
		for i := range x {
			x[i] = float32(i) - 3.5
			want += float64(x[i]) * float64(x[i])
		}
		if got := SumSquares(x); got != want {
			t.Errorf("%d numbers: %v, want %v", n, got, want)
		}
	}
	if got := Norm([]float32{3}, nil, []float32{0, 4}); got != 5 {
		t.Errorf("%v, want 5", got)
	}
	if got := Norm([]float32{3e38, 3e38}); math.IsInf(got, 0) {
		t.Error("large gradients overflow")
	}
}
