package runner

import (
	"context"
	"math"
	"testing"
	"time"
)

// BenchmarkTrainStep is the whole train step on one fixed batch.
func BenchmarkTrainStep(b *testing.B) {
	for _, name := range []string{"resnet-cifar", "plain-cifar", "he2015"} {
		b.Run(name, func(b *testing.B) {
			p := load(b, name)
			for b.Loop() {
				r, err := Bench(context.Background(), p, BenchOptions{Threads: 2, Steps: 5, Warmup: 2, Fixed: true, Now: time.Now})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(r.ExamplesPerSecond, "examples/s")
				b.ReportMetric(r.GFLOPS, "GFLOP/s")
			}
		})
	}
}

// The groups of a measurement add up to the step, and its operations to the multiply-adds of the net.
func TestBenchAddsUp(t *testing.T) {
	p := load(t, "resnet-cifar", "model.units=1", "train.batch=4")
	for _, eval := range []bool{false, true} {
		o := BenchOptions{Threads: 1, Steps: 2, Warmup: 1, Eval: eval, Fixed: true, Phases: true, Now: time.Now, Started: time.Now()}
		r, err := Bench(context.Background(), p, o)
		if err != nil {
			t.Fatal(err)
		}
		var ms, share, flops float64
		for _, g := range r.Groups {
			ms += g.MS
			share += g.Share
		}
		for _, op := range r.Ops {
			flops += op.GFLOPS * op.MS * 1e6
		}
		macs, mode := p.Net.MACs(), EvalStep
		if !eval {
			macs, mode = 3*macs-p.Net.Layers[1].MACs, TrainStep // the stem has no gradient of its input
		}
		if want := 2 * float64(macs) * 4; math.Abs(flops/want-1) > 1e-6 {
			t.Errorf("%s: %v operations on numbers, want %v", r.Mode, flops, want)
		}
		if math.Abs(ms/r.StepMS["total"]-1) > 1e-6 || math.Abs(share-1) > 1e-6 {
			t.Errorf("%s: the groups add up to %v of %v ms, their shares to %v", r.Mode, ms, r.StepMS["total"], share)
		}
		if r.PeakGFLOPS <= 0 || r.GraphMS <= 0 || r.MedianStepMS <= 0 || r.StartMS <= 0 || r.AllocsPerStep <= 0 || r.Mode != mode {
			t.Errorf("%s: %+v", r.Mode, r)
		}
	}
}
