package main

import (
	"testing"

	"exp/runner/metric"
	"exp/tracking"
)

func TestRunsAreComparedWhereAllWereEvaluated(t *testing.T) {
	of := func(status string, epochs int64, every int) entry {
		e := entry{run: tracking.Record{Status: status, EpochsDone: epochs}, epochs: map[int]map[string]float64{}}
		for n := range int(epochs) + 1 {
			e.epochs[n] = map[string]float64{metric.TrainLoss: 1}
			if n%every == 0 {
				e.epochs[n][metric.ValAcc] = 0.5
			}
		}
		return e
	}
	for name, c := range map[string]struct {
		entries []entry
		want    int
	}{
		"every epoch":                  {[]entry{of(tracking.Done, 5, 1), of(tracking.Done, 7, 1)}, 5},
		"one of them seldom":           {[]entry{of(tracking.Done, 5, 1), of(tracking.Interrupted, 7, 3)}, 3},
		"in no epoch after the start":  {[]entry{of(tracking.Done, 5, 1), of(tracking.Interrupted, 7, 9)}, 5},
		"one that diverged is no hold": {[]entry{of(tracking.Done, 6, 2), of(tracking.Diverged, 3, 5)}, 6},
		"nothing but broken runs":      {[]entry{of(tracking.Diverged, 3, 5), of(tracking.Failed, 4, 1)}, 3},
	} {
		if got := lastCommonEpoch(c.entries); got != c.want {
			t.Errorf("%s: at epoch %d, want %d", name, got, c.want)
		}
	}
}
