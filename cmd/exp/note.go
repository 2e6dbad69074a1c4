package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"exp/internal/term"
)

func newNoteCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "note RUN TEXT...",
		Short: "Write a remark on a run; exp show has it among the events",
		Long: `Write a remark on a run; exp show has it among the events, with its time.

` + runHelp + "\n\n" + exitCodes,
		Example:           `  exp note @last "looks overfitted; try dropout"`,
		Args:              needs(2, "a RUN and a remark"),
		ValidArgsFunction: a.completeRuns(1),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			return noteRun(cmd.Context(), a, args[0], strings.Join(args[1:], " "))
		}),
	}
}

func noteRun(ctx context.Context, a *app, ref, text string) error {
	if strings.TrimSpace(text) == "" {
		return usage("note: the remark is empty")
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
	if err := store.AddEvent(ctx, run.ID, "note", text); err != nil {
		return err
	}
	a.say("%s %s: noted", run.ID, term.Printable(run.Name))
	return nil
}
