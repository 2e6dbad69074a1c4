package main

import (
	"fmt"
	"io"
	"testing"
	"time"

	"exp/runner"
)

func TestTimeLeft(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	a := &app{err: io.Discard, getenv: func(string) string { return "" }, now: func() time.Time { return now }}
	p := newProgress(a, 4, 1)
	pass := func(d time.Duration) { now = now.Add(d) }
	at := func(phase string, epoch, step int) runner.Step {
		return runner.Step{Phase: phase, Epoch: epoch, Epochs: 4, Step: step, Steps: 10}
	}

	pass(time.Hour) // the download, and the untrained net: they say nothing about an epoch
	if left, ok := p.left(at("validate", 0, 5)); ok {
		t.Errorf("before any training: %v", left)
	}
	p.Epoch(runner.Epoch{N: 0})
	for _, c := range []struct {
		passes time.Duration
		step   runner.Step
		want   string
	}{
		{30 * time.Second, at("train", 1, 5), "3:30"}, // 30 s of this epoch, 60 s of each of three
		{30 * time.Second, at("train", 1, 10), "3:00"},
		{20 * time.Second, at("validate", 1, 10), "4:00"}, // an epoch takes 80 s
	} {
		pass(c.passes)
		if left, _ := p.left(c.step); clock(left) != c.want {
			t.Errorf("%+v: %s left, not %s", c.step, clock(left), c.want)
		}
	}
	p.Epoch(runner.Epoch{N: 1})
	pass(20 * time.Second)
	if left, _ := p.left(at("train", 2, 2)); clock(left) != "3:40" {
		t.Errorf("in the second epoch: %s left", clock(left))
	}
	pass(100 * time.Second) // slower than before
	if left, _ := p.left(at("train", 4, 9)); clock(left) != "0:00" {
		t.Errorf("in the last epoch: %s left", clock(left))
	}
}

func TestTimeLeftWhenNotEveryEpochIsEvaluated(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	a := &app{err: io.Discard, getenv: func(string) string { return "" }, now: func() time.Time { return now }}
	p := newProgress(a, 8, 2)
	for n, seconds := range []int{1, 60, 80, 60, 80} { // 70 each, on average
		now = now.Add(time.Duration(seconds) * time.Second)
		p.Epoch(runner.Epoch{N: n})
	}
	now = now.Add(10 * time.Second)
	if left, _ := p.left(runner.Step{Phase: "train", Epoch: 5, Epochs: 8, Step: 1, Steps: 10}); clock(left) != "4:30" {
		t.Errorf("in the fifth epoch: %s left", clock(left))
	}
}

func TestACurveIsALineBetweenItsValues(t *testing.T) {
	var c []float64
	c = extend(c, 1, 4) // of nothing before
	c = extend(c, 2, 3)
	c = extend(c, 5, 0)
	if got := fmt.Sprint(c); got != "[NaN 4 3 2 1 0]" {
		t.Error(got)
	}
}

func TestClock(t *testing.T) {
	for seconds, want := range map[float64]string{0: "0:00", 6.6: "0:07", 750: "12:30", 3599.6: "1:00:00", 90061: "25:01:01"} {
		if got := clock(time.Duration(seconds * float64(time.Second))); got != want {
			t.Errorf("%v s: %s, not %s", seconds, got, want)
		}
	}
}
