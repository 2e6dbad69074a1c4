package main

import (
	"bufio"
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"exp/internal/term"
	"exp/registry"
	"exp/tracking"
)

// RmOptions are what `exp rm` was asked.
type RmOptions struct {
	choice
	Yes   bool
	Force bool
}

func newRmCmd(a *app) *cobra.Command {
	o := &RmOptions{}
	cmd := &cobra.Command{
		Use:   "rm [RUN...]",
		Short: "Move runs to the trash",
		Long: `Move runs to the trash: they are out of every list, and exp restore brings them back. Only
exp gc deletes them and their files. It shows which runs and asks; a run under way, or one
that is tagged "keep", is refused, and nothing is done then.

` + runHelp + `
Here a name stands for all its runs.

` + whereHelp + "\n\n" + exitCodes,
		Example:           "  exp rm @last\n  exp rm --where 'status = failed and started_at < 2026-03' --yes",
		ValidArgsFunction: a.completeRuns(-1),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			o.refs = args
			if err := o.some(cmd); err != nil {
				return err
			}
			return rmRun(cmd.Context(), a, o)
		}),
	}
	cmd.Flags().BoolVarP(&o.Yes, "yes", "y", false, "do not ask")
	cmd.Flags().BoolVar(&o.Force, "force", false, "also runs whose status is unknown: their processes are dead")
	o.flags(cmd)
	colsFlag(cmd, &o.cols, "`NAMES` of the columns to show the runs with")
	return cmd
}

func rmRun(ctx context.Context, a *app, o *RmOptions) error {
	reader, err := a.openReader(ctx)
	if err != nil {
		return err
	}
	defer reader.Close()
	runs, err := a.choose(ctx, reader, o.choice)
	if err != nil {
		return err
	}
	if err := a.confirm(ctx, reader, runs, o.cols, "move "+count(len(runs), "run")+" of "+reader.Path()+" to the trash", o.Yes); err != nil {
		return err
	}
	store, err := a.openWriter(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	if err := store.Trash(ctx, runs, o.Force); err != nil {
		return err
	}
	a.say("%s in the trash; exp restore brings back, exp gc deletes", count(len(runs), "run"))
	return nil
}

// confirm shows columns of runs and asks, unless that was answered on the command line.
func (a *app) confirm(ctx context.Context, store *tracking.Store, runs []tracking.Record, cols, what string, yes bool) error {
	table, err := choiceTable(ctx, a, store, runs, cols)
	if err != nil {
		return err
	}
	if err := table.Write(a.err, term.Text, a.color(a.errTTY)); err != nil {
		return err
	}
	if yes {
		return nil
	}
	if !a.inTTY {
		return usage("to %s, add --yes: there is no terminal to ask on", what)
	}
	a.ask("%s? [y/N] ", what)
	answer, _ := bufio.NewReader(a.in).ReadString('\n') // no answer is no
	if word := strings.ToLower(strings.TrimSpace(answer)); word != "y" && word != "yes" {
		a.say("nothing was done")
		return &silentError{1}
	}
	return nil
}

func newRestoreCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "restore RUN...",
		Short: "Bring runs back from the trash",
		Long: `Bring runs back from the trash; exp ls --trash lists it.

` + runHelp + `
Here a name stands for all its runs in the trash.

` + exitCodes,
		Example:           "  exp ls --trash\n  exp restore 6fhq3zbqwf",
		Args:              needs(1, "a RUN"),
		ValidArgsFunction: a.completeRunsOf(true, -1),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			return restoreRun(cmd.Context(), a, args)
		}),
	}
}

func restoreRun(ctx context.Context, a *app, refs []string) error {
	store, err := a.openWriter(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	var runs []tracking.Record
	for _, ref := range refs {
		found, err := store.FindTrashed(ctx, ref)
		var missing *tracking.NotFoundError
		if errors.As(err, &missing) {
			missing.Why = "no such run in the trash"
			if near := registry.Nearest(ref, missing.Names); near != "" {
				missing.Why += " (did you mean " + near + "?)"
			}
		}
		if err != nil {
			return err
		}
		for _, r := range found {
			if !hasRun(runs, r) {
				runs = append(runs, r)
			}
		}
	}
	if err := store.Restore(ctx, runs); err != nil {
		return err
	}
	a.say("restored: %s", strings.Join(ids(runs), " "))
	return nil
}
