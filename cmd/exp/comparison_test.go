package main

import (
	"fmt"
	"math"
	"testing"

	"exp/tracking"
)

// side makes a group of runs with a metric by seed.
func groupOf(name string, values map[int64]float64) (entries []entry) {
	for seed := int64(1); seed < 20; seed++ {
		if v, ok := values[seed]; ok {
			entries = append(entries, entry{
				run:     tracking.Record{ID: fmt.Sprint(name, seed), Name: name, GroupHash: name, Seed: seed, Status: tracking.Done},
				metrics: map[string]float64{"val_acc": v},
			})
		}
	}
	return entries
}

func TestDifferencesArePairedBySeed(t *testing.T) {
	a := map[int64]float64{1: 10, 2: 20, 3: 30, 4: 40, 9: 1000}
	for _, c := range []struct {
		name            string
		b               map[int64]float64
		mean, low, high float64
		pairs           int
	}{
		// t(0.975, 2) = 4.302653, t(0.975, 1) = 12.706205 (tables of Student's t)
		{"three pairs", map[int64]float64{1: 11, 2: 22, 3: 33}, 2, 2 - 4.302653/math.Sqrt(3), 2 + 4.302653/math.Sqrt(3), 3},
		{"two pairs, other seeds left out", map[int64]float64{1: 11, 2: 23, 7: -500}, 2, 2 - 12.706205, 2 + 12.706205, 2},
		{"no shared seeds", map[int64]float64{7: 0, 8: 0}, -220, math.NaN(), math.NaN(), 0},
		{"one shared seed", map[int64]float64{1: 0, 8: 0}, -220, math.NaN(), math.NaN(), 0},
	} {
		got, ok := newComparison(append(groupOf("a", a), groupOf("b", c.b)...), 3, false).difference("val_acc")
		near := func(x, y float64) bool { return math.Abs(x-y) < 1e-5 || math.IsNaN(x) && math.IsNaN(y) }
		if !ok || !near(got.mean, c.mean) || !near(got.low, c.low) || !near(got.high, c.high) || got.n != c.pairs {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}
