package main

import (
	"context"
	"strings"

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
	if err := checkName("rename", name); err != nil {
		return err
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

// checkName refuses names that a list could not show as they are, or that nothing could be found by.
func checkName(of, name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return usage("%s: the name is empty", of)
	case term.Printable(name) != name:
		return usage("%s: there is an invisible character in %q", of, name)
	case strings.HasPrefix(name, "@"):
		return usage("%s: %q would be read as a choice of runs, as @last is: it may not begin with @", of, name)
	}
	return nil
}
