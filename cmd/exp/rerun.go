package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"exp/tracking"
)

// RerunOptions are what `exp rerun` was asked.
type RerunOptions struct {
	RunOptions
	Ref string
}

func newRerunCmd(a *app) *cobra.Command {
	o := &RerunOptions{}
	o.ofRun = true
	cmd := &cobra.Command{
		Use:   "rerun RUN",
		Short: "Train the experiment of a run again, as a new run",
		Long: `Train the experiment of a run again, from its start, as a new run whose parent_id is the old
one. The experiment is the one that was recorded, whatever its file says now; --set and
--seed change it.

` + runHelp + `

` + exitCodes,
		Example:           "  exp rerun @last --seed 2\n  exp rerun @best:val_acc --set train.epochs=100",
		Args:              takes(1, "one RUN"),
		ValidArgsFunction: a.completeRuns(1),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			o.Ref = args[0]
			return rerunRun(cmd.Context(), a, o)
		}),
	}
	o.runFlags(cmd)
	return cmd
}

func rerunRun(ctx context.Context, a *app, o *RerunOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	old, text, err := a.recorded(ctx, o.Ref)
	if err != nil {
		return err
	}
	if o.Name == "" {
		o.Name = old.Name
	}
	o.parent = old.ID
	file := recordedFile(old)
	o.texts = map[string]string{file: text}
	return a.runAll(ctx, &o.RunOptions, []string{file})
}

// recordedFile is what a recorded experiment is called in messages.
func recordedFile(r tracking.Record) string { return fmt.Sprintf("run %s", r.ID) }

// recorded finds a run and the experiment that it recorded.
func (a *app) recorded(ctx context.Context, ref string) (tracking.Record, string, error) {
	store, err := a.openReader(ctx)
	if err != nil {
		return tracking.Record{}, "", err
	}
	defer store.Close()
	run, err := a.findOne(ctx, store, ref)
	if err != nil {
		return run, "", err
	}
	text, err := store.Config(ctx, run.ID)
	if err == nil && text == "" {
		err = fmt.Errorf("run %s has no recorded experiment", run.ID)
	}
	return run, text, err
}
