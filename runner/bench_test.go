package runner

import (
	"context"
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
