package runner

import (
	"context"
	"fmt"
	"sort"
	"time"

	"exp/blocks"
	"exp/data"
	"exp/internal/stream"
)

// BenchOptions say what to measure.
type BenchOptions struct {
	Threads int
	Steps   int              // measured steps
	Warmup  int              // steps before them
	Fixed   bool             // one batch of random numbers instead of the experiment's data and augmentation
	Phases  bool             // time every operation too; costs a little
	Env     data.Env         // where data sets are
	Now     func() time.Time // the clock; required
}

// BenchResult is the speed of the train step.
type BenchResult struct {
	ExamplesPerSecond float64            `json:"examples_per_second"`
	StepMS            map[string]float64 `json:"step_ms"` // mean by phase: data (waiting for the batch), graph (forward and backward), update; and total
	GFLOPS            float64            `json:"gflops"`  // 3 x 2 x multiply-adds of the forward pass, by total time
	PeakRSSBytes      int64              `json:"peak_rss_bytes"`
	BufferBytes       int64              `json:"buffer_bytes"` // of the operations' results
	Threads           int                `json:"threads"`
	Batch             int                `json:"batch"`
	Steps             int                `json:"steps"`
	ISA               string             `json:"isa"`
	Ops               []OpTime           `json:"ops,omitempty"`
}

// OpTime is the time that one operation of a layer takes in a step.
type OpTime struct {
	Kind  string  `json:"kind"`
	Layer string  `json:"layer"`
	MS    float64 `json:"ms"`
}

// Bench measures the train step of a plan: whole batches only, no evaluation. PeakRSSBytes is left to the caller.
func Bench(ctx context.Context, p *Plan, o BenchOptions) (BenchResult, error) {
	e := p.Experiment
	next, stop, err := benchBatches(ctx, p, o)
	if err != nil {
		return BenchResult{}, err
	}
	defer stop()
	m, err := NewModel(p, e.Train.Batch, o.Threads)
	if err != nil {
		return BenchResult{}, fmt.Errorf("build the net: %w", err)
	}
	defer m.Close()
	rate := e.Optimizer.Rate()
	phases := map[string]time.Duration{}
	ops := map[OpTime]time.Duration{}
	for step := range o.Warmup + o.Steps {
		if err := ctx.Err(); err != nil {
			return BenchResult{}, err
		}
		if step == o.Warmup {
			clear(phases)
			if o.Phases {
				m.Profile(func(kind, name string, d time.Duration) { ops[OpTime{Kind: kind, Layer: name}] += d })
			}
		}
		start := o.Now()
		batch, err := next()
		if err != nil {
			return BenchResult{}, err
		}
		got := o.Now()
		if _, _, err := m.Forward(batch, 1, step); err != nil {
			return BenchResult{}, err
		}
		computed := o.Now()
		if e.Train.Accumulate > 1 {
			m.Accumulate()
		}
		if (step+1)%e.Train.Accumulate == 0 {
			m.Update(rate*e.Schedule.At(step, o.Steps, o.Warmup+o.Steps), step+1)
		}
		end := o.Now()
		phases["data"] += got.Sub(start)
		phases["graph"] += computed.Sub(got)
		phases["update"] += end.Sub(computed)
		phases["total"] += end.Sub(start)
	}
	r := BenchResult{StepMS: map[string]float64{}, Threads: o.Threads, Batch: e.Train.Batch, Steps: o.Steps, ISA: m.ISA(), BufferBytes: m.buffers.Bytes()}
	mean := func(d time.Duration) float64 { return d.Seconds() * 1000 / float64(o.Steps) }
	for name, d := range phases {
		r.StepMS[name] = mean(d)
	}
	for op, d := range ops {
		op.MS = mean(d)
		r.Ops = append(r.Ops, op)
	}
	sort.Slice(r.Ops, func(i, j int) bool { return r.Ops[i].MS > r.Ops[j].MS })
	r.ExamplesPerSecond = float64(e.Train.Batch*o.Steps) / phases["total"].Seconds()
	r.GFLOPS = 6 * float64(p.Net.MACs()) * r.ExamplesPerSecond / 1e9
	return r, nil
}

// benchBatches gives whole batches without end: of the experiment's data, epoch after epoch, or one of random numbers.
func benchBatches(ctx context.Context, p *Plan, o BenchOptions) (next func() (data.Batch, error), stop func(), err error) {
	e := p.Experiment
	if o.Fixed {
		b := data.Batch{X: make([]float32, e.Train.Batch*blocks.Shape(p.Net.Input.Shape).Size()), Labels: make([]int32, e.Train.Batch), Rows: e.Train.Batch}
		r := stream.New(e.Seed, "bench")
		for i := range b.X {
			b.X[i] = float32(r.NormFloat64())
		}
		for i := range b.Labels {
			b.Labels[i] = int32(r.IntN(p.Net.Classes))
		}
		return func() (data.Batch, error) { return b, nil }, func() {}, nil
	}
	prepared, err := data.Prepare(ctx, e.Data, e.Seed, o.Env)
	if err != nil {
		return nil, nil, fmt.Errorf("prepare the data: %w", err)
	}
	if prepared.Train.Len() < e.Train.Batch {
		return nil, nil, fmt.Errorf("%d training examples are not one batch of %d", prepared.Train.Len(), e.Train.Batch)
	}
	epoch := 0
	var batches *data.Batches
	stop = func() {
		if batches != nil {
			batches.Close()
		}
	}
	next = func() (data.Batch, error) {
		for {
			if batches == nil {
				epoch++
				batches = prepared.Train.Batches(ctx, p.order(epoch))
			}
			b, ok := batches.Next()
			if ok && b.Rows == e.Train.Batch {
				return b, nil
			}
			if err := batches.Err(); err != nil {
				return data.Batch{}, err
			}
			stop()
			batches = nil
		}
	}
	return next, stop, nil
}
