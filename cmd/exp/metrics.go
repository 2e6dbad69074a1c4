package main

import (
	"cmp"
	"math"
	"slices"

	"exp/internal/term"
	"exp/runner/metric"
	"exp/tracking"
)

// metricOrder is the order in which metrics are shown; others follow by name.
var metricOrder = []string{
	metric.CleanTrainErr, metric.CleanTrainLoss, metric.TrainLoss, metric.TrainAcc, metric.ValLoss, metric.ValAcc, bestValAcc,
	metric.TTAValLoss, metric.TTAValAcc, metric.EMAValLoss, metric.EMAValAcc, metric.EMATTAValLoss, metric.EMATTAValAcc,
	metric.LR, metric.GradNorm, metric.Seconds, totalSeconds, metric.ExamplesPerSecond, metric.Steps, metric.Examples,
}

// What a comparison makes of a run's metrics up to an epoch.
const (
	bestValAcc   = "best_val_acc"
	totalSeconds = "total_seconds"
)

func compareMetrics(a, b string) int {
	place := func(name string) int {
		if i := slices.Index(metricOrder, name); i >= 0 {
			return i
		}
		return len(metricOrder)
	}
	return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a, b))
}

// metricText writes a metric's values with the digits that mean something.
func metricText(name string) func(any) string {
	switch name {
	case metric.CleanTrainErr, metric.CleanTrainLoss, metric.TrainLoss, metric.TrainAcc, metric.ValLoss, metric.ValAcc, bestValAcc,
		metric.TTAValLoss, metric.TTAValAcc, metric.EMAValLoss, metric.EMAValAcc, metric.EMATTAValLoss, metric.EMATTAValAcc:
		return term.Fixed(4)
	case metric.Seconds, totalSeconds:
		return term.Fixed(1)
	case metric.ExamplesPerSecond, metric.Steps, metric.Examples:
		return func(v any) string {
			if f, ok := v.(float64); ok && !math.IsNaN(f) && !math.IsInf(f, 0) {
				return term.Count(int64(math.Round(f)))
			}
			return term.Plain(v)
		}
	}
	return term.Plain
}

// epochsTable has one row an epoch and one column a metric.
func epochsTable(points []tracking.Point) *term.Table {
	var names []string
	for _, p := range points {
		if !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	slices.SortFunc(names, compareMetrics)
	t := &term.Table{Columns: []term.Column{{Name: "epoch"}}}
	for _, name := range names {
		t.Columns = append(t.Columns, term.Column{Name: name, Text: metricText(name)})
	}
	for _, p := range points { // in the order of epochs
		if n := len(t.Rows); n == 0 || t.Rows[n-1][0] != p.Epoch {
			row := make([]any, 1+len(names))
			row[0] = p.Epoch
			t.Rows = append(t.Rows, row)
		}
		t.Rows[len(t.Rows)-1][1+slices.Index(names, p.Name)] = p.Value
	}
	return t
}

// notFinite lists what JSON's null cannot say: which numbers were NaN or infinite.
func notFinite(points []tracking.Point) *term.Table {
	t := &term.Table{Columns: []term.Column{{Name: "epoch"}, {Name: "name"}, {Name: "kind"}}}
	for _, p := range points {
		if math.IsNaN(p.Value) || math.IsInf(p.Value, 0) {
			t.Add(p.Epoch, p.Name, term.Plain(p.Value))
		}
	}
	return t
}
