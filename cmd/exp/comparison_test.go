package main

import (
	"fmt"
	"math"
	"strings"
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
		// scipy.stats.ttest_ind(b, a, equal_var=False).confidence_interval(0.95)
		{"no shared seeds", map[int64]float64{7: 7, 8: 9, 10: 14}, -210, -751.5669468896621, 331.5669468896621, 0},
		{"one shared seed", map[int64]float64{1: 0, 8: 0}, -220, -761.584743520187, 321.584743520187, 0},
		{"a single run", map[int64]float64{1: 0}, -220, math.NaN(), math.NaN(), 0},
	} {
		got, ok := newComparison(append(groupOf("a", a), groupOf("b", c.b)...), 3, false).difference("val_acc")
		near := func(x, y float64) bool { return math.Abs(x-y) < 1e-5 || math.IsNaN(x) && math.IsNaN(y) }
		if !ok || !near(got.mean, c.mean) || !near(got.low, c.low) || !near(got.high, c.high) || got.n != c.pairs {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

func TestNotesSayWhatKeepsNumbersFromShowingAnEffect(t *testing.T) {
	settings := func(pairs ...string) map[string]any {
		m := map[string]any{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	two := map[int64]float64{1: 1, 2: 2}
	for _, c := range []struct {
		name    string
		b       map[int64]float64
		sa, sb  map[string]any
		change  func(b []entry)
		want    string
		without string
	}{
		{"other data within the columns", two, settings("x", "1"), settings("x", "2"),
			func(b []entry) { b[1].run.DataHash = "other" }, "the data differ: – / several", ""},
		{"another program for one seed", two, settings("x", "1"), settings("x", "2"),
			func(b []entry) { b[0].run.GitCommit = "c0ffee" }, "the programs differ (git_commit): – / several", ""},
		{"a seed without numbers", map[int64]float64{1: 1, 2: 2, 3: 3}, settings("x", "1"), settings("x", "2"),
			func(b []entry) { b[1].metrics = nil }, "paired by seed (1, 3)", ""},
		{"two settings", two, settings("x", "1", "y", "1"), settings("x", "2", "y", "2"), nil, "2 settings differ (x, y): no difference below", ""},
		{"a block with its parameters", two, settings("unit", "scaled", "unit.scale", "0.5"), settings("unit", "gated", "unit.bias", "1"),
			nil, "paired by seed", "settings differ"},
		{"what is measured", two, settings("train.eval_every", "1"), settings("train.eval_every", "2"), nil, "no setting differs but the seed and what is measured", ""},
		{"what is watched", two, settings("train.eval_every", "1", "schedule.metric", "val_acc"), settings("train.eval_every", "2"), nil, "2 settings differ", ""},
		{"a single run", map[int64]float64{1: 1}, settings("x", "1"), settings("x", "2"), nil, "what a single run shows may be chance", ""},
		{"several runs", two, settings("x", "1"), settings("x", "2"), nil, "paired by seed", "may be chance"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := groupOf("a", map[int64]float64{1: 1, 2: 2, 3: 3}), groupOf("b", c.b)
			for i := range a {
				a[i].settings = c.sa
			}
			for i := range b {
				b[i].settings = c.sb
			}
			if c.change != nil {
				c.change(b)
			}
			notes := strings.Join(newComparison(append(a, b...), 3, false).notes, "\n")
			if !strings.Contains(notes, c.want) || c.without != "" && strings.Contains(notes, c.without) {
				t.Errorf("the notes are\n%s", notes)
			}
		})
	}
}
