package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"exp/runner"
	"exp/tracking"
)

func newResumeCmd(a *app) *cobra.Command {
	o := &RunOptions{}
	force := false
	cmd := &cobra.Command{
		Use:   "resume RUN",
		Short: "Go on with a run that was interrupted, killed or failed",
		Long: `Go on with a run that was interrupted, killed or failed, after its last finished epoch. The
run stays the same one, and its numbers become those that it would have had without the
break: weights, the optimizer's memory and moving averages are read from its folder, and
what is drawn at random depends on the epoch alone. Another build may round otherwise; that
is then noted among the run's events. The data must be the same.

Whether a run's process is dead cannot be seen from another computer, or one that has another
name now (status unknown): if you know that it is, --force goes on with it.

` + runHelp + `

` + exitCodes,
		Example:           "  exp resume @last",
		Args:              takes(1, "one RUN"),
		ValidArgsFunction: a.completeRuns(1),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			return resumeRun(cmd.Context(), a, o, args[0], force)
		}),
	}
	o.cmd = cmd // without the flags that change an experiment
	cmd.Flags().BoolVar(&force, "force", false, "go on with a run whose status is unknown: its process is dead")
	cmd.Flags().BoolVar(&o.JSON, "json", false, "end with a line of JSON: the run's row in the store")
	return cmd
}

func resumeRun(ctx context.Context, a *app, o *RunOptions, ref string, force bool) error {
	old, text, err := a.recorded(ctx, ref)
	if err != nil {
		return err
	}
	unknown := old.Status == tracking.Unknown
	switch old.Status {
	case tracking.Interrupted, tracking.Failed:
	case tracking.Unknown:
		if !force {
			why := "its folder or its lock cannot be looked at"
			if here := a.env().Host; old.Host != here {
				why = fmt.Sprintf("on %s, and this is %s", old.Host, here)
			}
			return fmt.Errorf("run %s is recorded as running, but %s; if no process works on it any more, `exp resume --force %s` goes on with it", old.ID, why, old.ID)
		}
	case tracking.Running:
		return fmt.Errorf("run %s is under way", old.ID)
	default:
		return fmt.Errorf("run %s is %s: there is nothing to go on with; `exp rerun %s` trains it again", old.ID, old.Status, old.ID)
	}
	file := recordedFile(old)
	o.texts = map[string]string{file: text}
	if old.EpochsDone > 0 { // the weights that it began with are read no more, and may be gone
		o.set = append(o.set, `init.from=""`)
	}
	loaded, plans, err := a.planAll(&o.experimentFlags, []string{file})
	if err != nil {
		return err
	}
	store, err := tracking.Open(ctx, a.settings.DB, a.env())
	if err != nil {
		return err
	}
	defer store.Close()
	points, err := store.Metrics(ctx, old.ID)
	if err != nil {
		return err
	}
	note := changed(old, newRun(loaded[0], o, a.threads()))
	run, err := store.Resume(ctx, old.ID, note, unknown)
	if err != nil {
		return err
	}
	if note != "" {
		a.say("warning: run %s: %s", old.ID, note)
	}
	a.say("run %s: %s goes on after epoch %d of %d", old.ID, old.Name, old.EpochsDone, old.EpochsPlanned)
	status, err := a.train(ctx, store, o, loaded[0], plans[0], recorder{run: run, data: old.DataHash}, pastOf(points))
	if err != nil {
		return err
	}
	return exit(status)
}

// pastOf puts recorded metrics together by their epochs.
func pastOf(points []tracking.Point) *runner.Past {
	past := &runner.Past{}
	for _, p := range points {
		if n := len(past.Epochs); n == 0 || past.Epochs[n-1].N != p.Epoch {
			past.Epochs = append(past.Epochs, runner.Epoch{N: p.Epoch})
		}
		e := &past.Epochs[len(past.Epochs)-1]
		e.Metrics = append(e.Metrics, runner.Metric(p.Metric))
	}
	return past
}

// changed says what computes a run now and did not when it began, "" if nothing that matters to its numbers.
func changed(old tracking.Record, now tracking.NewRun) string {
	var list []string
	for _, c := range []struct{ what, was, is string }{
		{"version", old.Version, now.Version}, {"commit", old.GitCommit, now.GitCommit}, {"processor", old.CPU, now.CPU},
	} {
		if c.was != c.is {
			list = append(list, fmt.Sprintf("its %s was %s and is %s", c.what, c.was, c.is))
		}
	}
	if len(list) == 0 {
		return ""
	}
	return strings.Join(list, "; ") + ": the numbers may differ from those of one build in the last digits"
}
