package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"exp/configs"
	"exp/internal/term"
	"exp/runner"
	"exp/tracking"
)

// RunOptions are what `exp run` was asked.
type RunOptions struct {
	experimentFlags
	Name string
	Tags []string
	JSON bool

	parent string // the run that is repeated
}

func newRunCmd(a *app) *cobra.Command {
	o := &RunOptions{}
	cmd := &cobra.Command{
		Use:   "run FILE...",
		Short: "Train experiments, one after another, and record the runs",
		Long: `Train experiments, one after another, and record the runs. Nothing is run while there is
a mistake in any of them; a run that fails does not stop the next. Interrupted (Ctrl-C), a
run finishes its step and is recorded; a second Ctrl-C ends it at once.

` + experimentHelp + `

` + exitCodes,
		Example: "  exp run quickstart\n  exp run he2015 he2015-plain --set model.units=9 --seed 3 --tag degradation",
		Args:    someFiles,
		RunE: a.run(func(cmd *cobra.Command, files []string) error {
			return a.runAll(cmd.Context(), o, files)
		}),
	}
	cmd.ValidArgsFunction = completeFiles
	o.runFlags(cmd)
	return cmd
}

func (o *RunOptions) runFlags(cmd *cobra.Command) {
	o.flags(cmd)
	cmd.Flags().StringVar(&o.Name, "name", "", "what the runs are called in lists (default: the experiment's name)")
	cmd.Flags().StringArrayVar(&o.Tags, "tag", nil, "`LABEL` of the runs (repeatable)")
	completeFlag(cmd, "tag", completeTags)
	cmd.Flags().BoolVar(&o.JSON, "json", false, "end with a line of JSON for each run: its row in the store")
}

// check refuses names and labels that a list could not show as they are.
func (o *RunOptions) check() error {
	if o.Name != "" {
		if err := checkName("--name", o.Name); err != nil {
			return err
		}
	}
	return checkTags("--tag", o.Tags)
}

func (a *app) runAll(ctx context.Context, o *RunOptions, files []string) error {
	if err := o.check(); err != nil {
		return err
	}
	loaded, plans, err := a.planAll(&o.experimentFlags, files)
	if err != nil {
		return err
	}
	store, err := tracking.Open(ctx, a.settings.DB, a.env())
	if err != nil {
		return err
	}
	defer store.Close()
	var failed error
	for i, l := range loaded {
		var err error
		status, rest := runner.Interrupted, files[i:]
		if ctx.Err() == nil {
			status, err = a.runOne(ctx, store, o, l, plans[i])
			rest = files[i+1:]
		}
		if err == nil && status != runner.Interrupted {
			failed = cmp.Or(exit(status), failed)
			continue
		}
		if len(rest) > 0 {
			a.say("not run: %s", strings.Join(rest, ", "))
		}
		return cmp.Or(err, exit(status))
	}
	return failed
}

// exit is the exit code of a run that ended so, which has told why; nil when it is done.
func exit(status string) error {
	switch status {
	case runner.Done:
		return nil
	case runner.Interrupted:
		return &silentError{130}
	}
	return &silentError{1}
}

// runOne trains and records one experiment, and tells how it ended. The error is
// one of the store: without it, nothing can be recorded.
func (a *app) runOne(ctx context.Context, store *tracking.Store, o *RunOptions, l *configs.Loaded, plan *runner.Plan) (status string, err error) {
	run, err := store.Start(ctx, newRun(l, o, a.threads()))
	if err != nil {
		return "", err
	}
	a.say("run %s: %s, %s", run.ID, term.Printable(cmp.Or(o.Name, l.Name)), size(l.Net))
	return a.train(ctx, store, o, l, plan, recorder{run: run}, nil)
}

// train trains a run that is recorded as running, from its start or after what is past.
func (a *app) train(ctx context.Context, store *tracking.Store, o *RunOptions, l *configs.Loaded, plan *runner.Plan, keep recorder, past *runner.Past) (status string, err error) {
	signal.Ignore(syscall.SIGPIPE) // whoever reads along may go; the run stays
	run := keep.run
	show := newProgress(a, l.Train.Epochs, l.Train.EvalEvery)
	var unrecorded error // what the store refused without the runner knowing
	env := a.dataEnv()
	env.Progress = show.download
	env.Warn = func(text string) {
		show.say("warning: %s", text)
		unrecorded = errors.Join(unrecorded, run.Event(ctx, "warning", text))
	}
	result, err := runner.Run(ctx, plan, runner.Options{
		Threads: a.threads(), Dir: run.Dir, Past: past, Env: env, Recorder: keep, Progress: show, Now: a.now,
	})
	show.end()
	if result.Stopped != "" {
		a.say("run %s: %s", run.ID, result.Stopped)
	}
	switch {
	case result.Status == runner.Interrupted:
		err = fmt.Errorf("interrupted after %d of %d epochs", result.EpochsDone, l.Train.Epochs)
	case err == nil && result.Reason != "":
		err = errors.New(result.Reason)
	}
	if err != nil {
		a.say("run %s: %v", run.ID, err)
	}
	switch {
	case result.Status == runner.Interrupted:
		a.say("  `exp resume %s` goes on with it", run.ID)
	case result.Status == runner.Failed && result.EpochsDone > 0:
		a.say("  when the cause is gone, `exp resume %s` goes on with it", run.ID)
	}
	if err := errors.Join(unrecorded, run.Finish(ctx, result.Status, err)); err != nil {
		return "", err
	}
	record, err := store.Run(context.WithoutCancel(ctx), run.ID)
	if err != nil {
		return "", err
	}
	return result.Status, a.printRun(record, o.JSON)
}

// newRun is what is known of a run before it starts.
func newRun(l *configs.Loaded, o *RunOptions, threads int) tracking.NewRun {
	b := readBuild()
	params := l.Params()
	total, trainable, _ := l.Net.Count()
	n := tracking.NewRun{
		Name: o.Name, Experiment: l.Name, Config: l.YAML(false), Seed: l.Seed, Epochs: l.Train.Epochs,
		Shortcut: shortcut(params), Depth: l.Net.Depth(), ParamsTotal: total, ParamsTrainable: trainable, MACs: l.Net.MACs(),
		ConfigHash: l.Hash(), GroupHash: l.GroupHash(),
		Threads: threads, CPU: cpuModel() + ", " + kernelISA(), Version: b.version, GitCommit: b.commit, GitDirty: b.modified,
		ParentID: o.parent, Tags: o.Tags,
	}
	for _, p := range params {
		n.Params = append(n.Params, tracking.Param(p))
	}
	return n
}

// shortcut names the shortcuts of a net: one, or several where stages differ.
func shortcut(params []configs.Param) string {
	var all []string
	for _, p := range params {
		if name, ok := p.Value.(string); ok && strings.HasSuffix(p.Key, ".unit.shortcut") && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return strings.Join(all, ",")
}

// threads is how many to compute with.
func (a *app) threads() int {
	if a.settings.Threads > 0 {
		return a.settings.Threads
	}
	return runtime.GOMAXPROCS(0) // the processors that this process may use
}

// printRun writes the outcome of a run for a person, or its row for a program.
func (a *app) printRun(r tracking.Record, asJSON bool) error {
	if !asJSON {
		_, err := fmt.Fprintf(a.out, "%s  %s  %s  %d of %d epochs  %s\n", r.ID, term.Printable(r.Name), r.Status, r.EpochsDone, r.EpochsPlanned, term.Duration(r.Seconds))
		return err
	}
	row := term.Object{}
	for _, f := range r.Fields() {
		row = append(row, term.Pair{Key: f.Name, Value: f.Value})
	}
	text, err := json.Marshal(row)
	if err != nil {
		return fmt.Errorf("write run %s as JSON: %w", r.ID, err)
	}
	_, err = fmt.Fprintf(a.out, "%s\n", text)
	return err
}

// recorder keeps what the runner tells in the store.
type recorder struct {
	run  *tracking.Run
	data string // the hash that the data must have; "" = any
}

var (
	_ runner.DataRecorder  = recorder{}
	_ runner.EventRecorder = recorder{}
)

// Data implements runner.DataRecorder.
func (r recorder) Data(ctx context.Context, hash string) error {
	if r.data != "" && hash != r.data {
		return fmt.Errorf("the data are not those that the run began with: %.12s, not %.12s", hash, r.data)
	}
	return r.run.SetDataHash(ctx, hash)
}

// Event implements runner.EventRecorder.
func (r recorder) Event(ctx context.Context, kind, text string) error {
	return r.run.Event(ctx, kind, text)
}

// Epoch implements runner.Recorder.
func (r recorder) Epoch(ctx context.Context, e runner.Epoch) error {
	metrics := make([]tracking.Metric, len(e.Metrics))
	for i, m := range e.Metrics {
		metrics[i] = tracking.Metric(m)
	}
	return r.run.Epoch(ctx, e.N, metrics)
}

// Artifact implements runner.Recorder.
func (r recorder) Artifact(ctx context.Context, kind, path string) error {
	return r.run.Artifact(ctx, kind, path)
}
