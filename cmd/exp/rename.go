package main

import (
	"context"

	"github.com/spf13/cobra"

	"exp/internal/term"
)

func newRenameCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "rename RUN NAME",
		Short: "Give a run another name",
		Long: `Give a run another name. Its id stays, and so does what it is compared with: runs are
grouped by their experiment, not by their name.

` + runHelp + "\n\n" + exitCodes,
		Example:           "  exp rename @last plain-56",
		Args:              takes(2, "a RUN and a name"),
		ValidArgsFunction: a.completeRuns(1),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			return renameRun(cmd.Context(), a, args[0], args[1])
		}),
	}
}

func renameRun(ctx context.Context, a *app, ref, name string) error {
	switch {
	case name == "":
		return usage("rename: the name is empty")
	case term.Printable(name) != name:
		return usage("rename: there is an invisible character in %q", name)
	}
	store, err := a.openWriter(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	run, err := a.findOne(ctx, store, ref)
	if err != nil {
		return err
	}
	if err := store.Rename(ctx, run, name); err != nil {
		return err
	}
	a.say("%s: %s is %s now", run.ID, term.Printable(run.Name), name)
	return nil
}
