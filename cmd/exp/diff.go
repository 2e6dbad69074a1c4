package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"exp/internal/term"
	"exp/tracking"
)

// DiffOptions are what `exp diff` was asked.
type DiffOptions struct {
	output
	Refs []string
}

func newDiffCmd(a *app) *cobra.Command {
	o := &DiffOptions{}
	cmd := &cobra.Command{
		Use:   "diff RUN RUN",
		Short: "Show where the experiments of two runs differ, as paths for --set",
		Long: `Show where the resolved experiments of two runs differ: a dotted path, as --set takes it, and
both values. What one of them does not have is –. exp compare shows what came out.

` + runHelp + "\n\n" + exitCodes,
		Example:           "  exp diff @last-1 @last\n  exp diff plain-cifar resnet-cifar --json",
		Args:              takes(2, "two RUNs"),
		ValidArgsFunction: a.completeRuns(2),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			o.Refs = args
			return diffRun(cmd.Context(), a, o)
		}),
	}
	o.flags(cmd)
	return cmd
}

func diffRun(ctx context.Context, a *app, o *DiffOptions) error {
	format, err := o.format()
	if err != nil {
		return err
	}
	store, err := a.openReader(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	var runs [2]tracking.Record
	var params [2]map[string]any
	keys := map[string]bool{}
	for i, ref := range o.Refs {
		if runs[i], err = a.findOne(ctx, store, ref); err != nil {
			return err
		}
		list, err := store.Params(ctx, runs[i].ID)
		if err != nil {
			return err
		}
		params[i] = map[string]any{}
		for _, p := range list {
			params[i][p.Key] = p.Value
			keys[p.Key] = true
		}
	}
	columns := []term.Column{{Name: "path"}, {Name: runs[0].Name}, {Name: runs[1].Name}}
	for i, r := range runs {
		if runs[0].Name == runs[1].Name || format == term.JSON || format == term.CSV {
			columns[1+i].Name = r.ID
		}
	}
	t := &term.Table{Columns: columns}
	for _, key := range sortedKeys(keys, strings.Compare) {
		if x, y := params[0][key], params[1][key]; x != y {
			t.Add(key, x, y)
		}
	}
	if len(t.Rows) == 0 && format.ForPeople() {
		a.say("%s and %s are runs of the same experiment, with the same seed", runs[0].ID, runs[1].ID)
		return nil
	}
	return t.Write(a.out, format, a.color(a.outTTY))
}
