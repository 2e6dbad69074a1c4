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
