package runner

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"exp/blocks"
	"exp/data"
	"exp/internal/ops"
	"exp/internal/stream"
)

// BenchOptions say what to measure.
type BenchOptions struct {
	Threads int
	Steps   int              // measured steps, at least 1
	Warmup  int              // steps before them
	Eval    bool             // the evaluation instead of the train step
	Fixed   bool             // one batch of random numbers instead of the experiment's data and augmentation
	Phases  bool             // time every operation too; costs a little
	Env     data.Env         // where data sets are
	Now     func() time.Time // the clock; required
	Started time.Time        // when the program was; zero = not known
}

// What a step is.
const (
	TrainStep = "train" // forward, backward, update
	EvalStep  = "eval"  // forward in evaluation mode
)

// BenchResult is the speed of a step. Means are over the measured steps; GFLOP/s count the multiply-adds of the layers'
// definitions, two operations each, whatever fewer a kernel makes.
type BenchResult struct {
	Mode              string             `json:"mode"`
	ExamplesPerSecond float64            `json:"examples_per_second"`
	StepMS            map[string]float64 `json:"step_ms"`        // mean by phase: data (waiting for the batch), graph (forward and backward), update; and total
	MedianStepMS      float64            `json:"median_step_ms"` // of the totals: what a disturbance now and then leaves alone
	GFLOPS            float64            `json:"gflops"`         // of the forward pass, three times it when training, by total time
	PeakRSSBytes      int64              `json:"peak_rss_bytes"`
	BufferBytes       int64              `json:"buffer_bytes"` // of the operations' results
	AllocsPerStep     float64            `json:"allocs_per_step"`
	AllocBytesPerStep float64            `json:"alloc_bytes_per_step"`
	StartMS           float64            `json:"start_ms,omitempty"` // from the program's start to the first step's
	Threads           int                `json:"threads"`
	Batch             int                `json:"batch"`
	Steps             int                `json:"steps"`
	ISA               string             `json:"isa"`

	// With Phases:
	PeakGFLOPS float64     `json:"peak_gflops,omitempty"` // what this processor can do in registers alone, with the same threads
	GraphMS    float64     `json:"graph_ms,omitempty"`    // of the phase graph, what no operation has taken
	GraphShare float64     `json:"graph_share,omitempty"` // the same as a share of the total
	Groups     []GroupTime `json:"groups,omitempty"`      // they add up to the total
	Ops        []OpTime    `json:"ops,omitempty"`         // slowest first
}

// Speed is the time that something takes in a step, and how fast it is.
type Speed struct {
	MS        float64 `json:"ms"`
	Share     float64 `json:"share"`                // of the step
	GFLOPS    float64 `json:"gflops,omitempty"`     // where there are multiply-adds
	PeakShare float64 `json:"peak_share,omitempty"` // GFLOPS / PeakGFLOPS
}

// OpTime is one operation of a layer.
type OpTime struct {
	Kind  string `json:"kind"`
	Layer string `json:"layer"`
	Speed
}

// GroupTime is all operations of a group, or what else a step spends its time on.
type GroupTime struct {
	Group string `json:"group"`
	Speed
}

// The phases of a step; two of them are groups too.
const (
	waiting   = "data"
	computing = "graph" // the operations, and overhead
	updating  = "update"
	wholeStep = "total"
)

// overhead is the group of what no operation takes: Gorgonia's machine, and the way of a batch into it.
const overhead = "graph overhead"

// Bench measures the step of a plan: whole batches only. PeakRSSBytes is left to the caller.
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
	if o.Eval {
		defer m.freeze()()
	}
	b := &bench{BenchOptions: o, plan: p, model: m, next: next, totals: make([]time.Duration, 0, o.Steps), work: map[ops.Work]*time.Duration{}}
	r := BenchResult{Mode: TrainStep, Threads: o.Threads, Batch: e.Train.Batch, Steps: o.Steps, ISA: m.ISA()}
	if o.Eval {
		r.Mode = EvalStep
	}
	if o.Phases {
		m.Profile(b.add)
		r.PeakGFLOPS = m.peak(o.Now)
	}
	if !o.Started.IsZero() {
		r.StartMS = o.Now().Sub(o.Started).Seconds() * 1000
	}
	for n := range o.Warmup {
		if err := b.step(ctx, n); err != nil {
			return BenchResult{}, err
		}
	}
	b.forget()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for n := range o.Steps {
		if err := b.step(ctx, o.Warmup+n); err != nil {
			return BenchResult{}, err
		}
	}
	runtime.ReadMemStats(&after)
	r.AllocsPerStep = float64(after.Mallocs-before.Mallocs) / float64(o.Steps)
	r.AllocBytesPerStep = float64(after.TotalAlloc-before.TotalAlloc) / float64(o.Steps)
	r.BufferBytes = m.buffers.Bytes()
	if o.Phases {
		r.PeakGFLOPS = max(r.PeakGFLOPS, m.peak(o.Now)) // clocks rise and fall
	}
	b.report(&r)
	return r, nil
}

// bench is a measurement under way.
type bench struct {
	BenchOptions
	plan                *Plan
	model               *Model
	next                func() (data.Batch, error)
	data, graph, update time.Duration
	totals              []time.Duration
	work                map[ops.Work]*time.Duration
}

// add counts the time of an operation.
func (b *bench) add(w ops.Work, d time.Duration) {
	sum := b.work[w]
	if sum == nil {
		sum = new(time.Duration)
		b.work[w] = sum
	}
	*sum += d
}

// forget sets what was measured to nothing.
func (b *bench) forget() {
	b.data, b.graph, b.update, b.totals = 0, 0, 0, b.totals[:0]
	for _, sum := range b.work {
		*sum = 0
	}
}

// step makes a step, the n-th from 0.
func (b *bench) step(ctx context.Context, n int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	start := b.Now()
	batch, err := b.next()
	if err != nil {
		return err
	}
	got := b.Now()
	if b.Eval {
		_, _, err = b.model.Evaluate(batch)
	} else {
		_, _, err = b.model.Forward(batch, 1, n)
	}
	if err != nil {
		return err
	}
	computed := b.Now()
	end := computed
	if !b.Eval {
		e := b.plan.Experiment
		if e.Train.Accumulate > 1 {
			b.model.Accumulate()
		}
		if (n+1)%e.Train.Accumulate == 0 {
			b.model.Update(e.Optimizer.Rate()*e.Schedule.At(n, b.Steps, b.Warmup+b.Steps), n+1)
		}
		end = b.Now()
	}
	b.data += got.Sub(start)
	b.graph += computed.Sub(got)
	b.update += end.Sub(computed)
	b.totals = append(b.totals, end.Sub(start))
	return nil
}

// report works out the speeds.
func (b *bench) report(r *BenchResult) {
	ms := func(d time.Duration) float64 { return d.Seconds() * 1000 / float64(b.Steps) }
	total := b.data + b.graph + b.update
	r.StepMS = map[string]float64{waiting: ms(b.data), computing: ms(b.graph), wholeStep: ms(total)}
	passes := 1.0
	if !b.Eval {
		r.StepMS[updating] = ms(b.update)
		passes = 3
	}
	slices.Sort(b.totals)
	middle := len(b.totals) / 2
	r.MedianStepMS = (b.totals[(len(b.totals)-1)/2] + b.totals[middle]).Seconds() * 1000 / 2
	r.ExamplesPerSecond = float64(r.Batch*b.Steps) / total.Seconds()
	r.GFLOPS = passes * 2 * float64(b.plan.Net.MACs()) * r.ExamplesPerSecond / 1e9
	if !b.Phases {
		return
	}
	speed := func(d time.Duration, macs int64) Speed {
		s := Speed{MS: ms(d), Share: d.Seconds() / total.Seconds()}
		if macs > 0 && d > 0 {
			s.GFLOPS = 2 * float64(macs) * float64(b.Steps) / d.Seconds() / 1e9
			s.PeakShare = s.GFLOPS / r.PeakGFLOPS
		}
		return s
	}
	times, macs := map[string]time.Duration{}, map[string]int64{}
	rest := b.graph
	for w, d := range b.work {
		r.Ops = append(r.Ops, OpTime{w.Kind, w.Layer, speed(*d, w.MACs)})
		times[w.Group()] += *d
		macs[w.Group()] += w.MACs
		rest -= *d
	}
	slices.SortFunc(r.Ops, func(a, b OpTime) int { return cmp.Compare(b.MS, a.MS) })
	for _, g := range ops.Groups {
		if d, ok := times[g]; ok {
			r.Groups = append(r.Groups, GroupTime{g, speed(d, macs[g])})
		}
	}
	if !b.Eval {
		r.Groups = append(r.Groups, GroupTime{updating, speed(b.update, 0)})
	}
	r.Groups = append(r.Groups, GroupTime{waiting, speed(b.data, 0)}, GroupTime{overhead, speed(rest, 0)})
	r.GraphMS, r.GraphShare = ms(rest), rest.Seconds()/total.Seconds()
}

// benchBatches gives whole batches without end: of the experiment's data, pass after pass, or one of random numbers.
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
	source, order, what := prepared.Train, p.order, "training"
	if o.Eval {
		source, order, what = prepared.Val, func(int) data.Order { return data.Order{Batch: e.Train.Batch} }, "validation"
	}
	if source.Len() < e.Train.Batch {
		return nil, nil, fmt.Errorf("%d %s examples are not one batch of %d", source.Len(), what, e.Train.Batch)
	}
	pass := 0
	var batches *data.Batches
	stop = func() {
		if batches != nil {
			batches.Close()
		}
	}
	next = func() (data.Batch, error) {
		for {
			if batches == nil {
				pass++
				batches = source.Batches(ctx, order(pass))
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
