package main

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"exp/internal/term"
	"exp/runner"
)

// BenchOptions are what `exp bench` was asked.
type BenchOptions struct {
	experimentFlags
	Steps, Warmup int
	Eval, Fixed   bool
	Phases, JSON  bool
}

func newBenchCmd(a *app) *cobra.Command {
	o := &BenchOptions{}
	cmd := &cobra.Command{
		Use:   "bench FILE",
		Short: "Measure the train step of an experiment",
		Long: `Measure the train step of an experiment, or with --eval its evaluation: whole batches;
nothing is recorded. GFLOP/s count the multiply-adds of the layers' definitions, two
operations each, three times the forward pass's when training, whatever fewer a kernel
makes. --phases shows them for every operation beside the most this processor can do.

` + experimentHelp + `

` + exitCodes,
		Example:           "  exp bench resnet-cifar --steps 50\n  exp bench resnet-cifar --fixed --phases\n  exp bench resnet-cifar --eval\n  exp bench quickstart --json",
		Args:              oneFile,
		ValidArgsFunction: oneFileOnly,
		RunE: a.run(func(cmd *cobra.Command, files []string) error {
			if o.Steps < 1 || o.Warmup < 0 {
				return usage("--steps must be at least 1, --warmup at least 0")
			}
			return a.bench(cmd.Context(), o, files)
		}),
	}
	o.flags(cmd)
	cmd.Flags().IntVar(&o.Steps, "steps", 20, "measured steps")
	cmd.Flags().IntVar(&o.Warmup, "warmup", 3, "steps before them")
	cmd.Flags().BoolVar(&o.Eval, "eval", false, "the evaluation instead of the train step")
	cmd.Flags().BoolVar(&o.Fixed, "fixed", false, "one batch of random numbers instead of the experiment's data")
	cmd.Flags().BoolVar(&o.Phases, "phases", false, "time every operation too; costs a little speed")
	cmd.Flags().BoolVar(&o.JSON, "json", false, "write JSON")
	return cmd
}

func (a *app) bench(ctx context.Context, o *BenchOptions, files []string) error {
	_, plans, err := a.planAll(&o.experimentFlags, files)
	if err != nil {
		return err
	}
	plan := plans[0]
	show := newProgress(a, 0, 1)
	env := a.dataEnv()
	env.Progress = show.download
	r, err := runner.Bench(ctx, plan, runner.BenchOptions{
		Threads: a.threads(), Steps: o.Steps, Warmup: o.Warmup, Eval: o.Eval, Fixed: o.Fixed, Phases: o.Phases, Env: env, Now: a.now, Started: a.started,
	})
	show.clear()
	if err != nil {
		return fmt.Errorf("measure %s: %w", plan.Experiment.Name, err)
	}
	if r.PeakRSSBytes, err = peakRSS(); err != nil {
		return err
	}
	if o.JSON {
		return term.WriteJSON(a.out, r)
	}
	return a.printBench(r)
}

func (a *app) printBench(r runner.BenchResult) error {
	color := a.color(a.outTTY)
	steps := "steps"
	if r.Mode == runner.EvalStep {
		steps = "evaluations"
	}
	fmt.Fprintf(a.out, "%.0f examples/s, %.1f GFLOP/s; batch %d, %d %s, %d threads, %s\n", r.ExamplesPerSecond, r.GFLOPS, r.Batch, r.Steps, steps, r.Threads, r.ISA)
	fmt.Fprintf(a.out, "At most %s MB of memory, %s MB of them buffers; %.0f allocations of %.0f bytes a step\n",
		term.Count(r.PeakRSSBytes/1e6), term.Count(r.BufferBytes/1e6), r.AllocsPerStep, r.AllocBytesPerStep)
	if r.PeakGFLOPS > 0 {
		fmt.Fprintf(a.out, "The peak is %.1f GFLOP/s: multiply-adds in registers alone\n", r.PeakGFLOPS)
	}
	fmt.Fprintln(a.out)
	if len(r.Ops) == 0 {
		t := &term.Table{Columns: []term.Column{{Name: "phase"}, {Name: "ms", Head: "ms a step", Text: term.Fixed(2)}}}
		phases := slices.SortedFunc(maps.Keys(r.StepMS), func(a, b string) int { return int(r.StepMS[a]*1e6) - int(r.StepMS[b]*1e6) })
		for _, phase := range phases {
			t.Add(phase, r.StepMS[phase])
		}
		return t.Write(a.out, term.Text, color)
	}
	speed := []term.Column{
		{Name: "ms", Head: "ms a step", Text: term.Fixed(3)}, {Name: "share", Text: term.Fixed(3)},
		{Name: "gflops", Head: "GFLOP/s", Text: term.Fixed(1)}, {Name: "peak_share", Head: "of the peak", Text: term.Fixed(2)},
	}
	groups := &term.Table{Columns: append([]term.Column{{Name: "group", Head: "what"}}, speed...)}
	for _, g := range r.Groups {
		groups.Add(append([]any{g.Group}, speedCells(g.Speed)...)...)
	}
	groups.Add("total", r.StepMS["total"], 1.0, r.GFLOPS, r.GFLOPS/r.PeakGFLOPS)
	ops := &term.Table{Columns: append([]term.Column{{Name: "operation"}, {Name: "layer"}}, speed...)}
	for _, op := range r.Ops {
		ops.Add(append([]any{op.Kind, op.Layer}, speedCells(op.Speed)...)...)
	}
	if err := groups.Write(a.out, term.Text, color); err != nil {
		return err
	}
	fmt.Fprintln(a.out)
	return ops.Write(a.out, term.Text, color)
}

// speedCells are the last cells of a row; what has no multiply-adds has no GFLOP/s.
func speedCells(s runner.Speed) []any {
	if s.GFLOPS == 0 {
		return []any{s.MS, s.Share, nil, nil}
	}
	return []any{s.MS, s.Share, s.GFLOPS, s.PeakShare}
}

// peakRSS is the most memory that this process has had, in bytes.
func peakRSS() (int64, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("read the peak memory: %w", err)
	}
	if runtime.GOOS == "darwin" {
		return int64(u.Maxrss), nil
	}
	return int64(u.Maxrss) * 1024, nil // Linux counts kilobytes
}
