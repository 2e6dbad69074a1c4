package main

import (
	"testing"

	"exp/runner/metric"
	"exp/tracking"
)

func TestRunsAreComparedWhereAllWereEvaluated(t *testing.T) {
	type history struct {
		status string
		epochs int64
		every  int // epochs from one evaluation to the next
	}
	for name, c := range map[string]struct {
		runs []history
		want int
	}{
		"every epoch":                  {[]history{{tracking.Done, 5, 1}, {tracking.Done, 7, 1}}, 5},
		"one of them seldom":           {[]history{{tracking.Done, 5, 1}, {tracking.Interrupted, 7, 3}}, 3},
		"in no epoch after the start":  {[]history{{tracking.Done, 5, 1}, {tracking.Interrupted, 7, 9}}, 5},
		"one that diverged is no hold": {[]history{{tracking.Done, 6, 2}, {tracking.Diverged, 3, 5}}, 6},
		"nothing but broken runs":      {[]history{{tracking.Diverged, 3, 5}, {tracking.Failed, 4, 1}}, 3},
	} {
		var runs []tracking.Record
		for i, h := range c.runs {
			runs = append(runs, tracking.Record{ID: string(rune('a' + i)), Status: h.status, EpochsDone: h.epochs})
		}
		got, err := lastEvaluated(runs, lastCommonEpoch(runs), func(epoch int) (map[string]map[string]float64, error) {
			metrics := map[string]map[string]float64{}
			for i, h := range c.runs {
				if epoch > int(h.epochs) {
					continue
				}
				metrics[runs[i].ID] = map[string]float64{metric.TrainLoss: 1}
				if epoch%h.every == 0 {
					metrics[runs[i].ID][metric.ValAcc] = 0.5
				}
			}
			return metrics, nil
		})
		if err != nil || got != c.want {
			t.Errorf("%s: at epoch %d (%v), want %d", name, got, err, c.want)
		}
	}
}
