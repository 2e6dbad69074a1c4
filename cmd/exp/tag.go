package main

import (
	"context"

	"github.com/spf13/cobra"

	"exp/internal/term"
)

// TagOptions are what `exp tag` was asked.
type TagOptions struct {
	output
	choice
	Add, Remove []string
}

func newTagCmd(a *app) *cobra.Command {
	o := &TagOptions{}
	cmd := &cobra.Command{
		Use:   "tag [RUN...]",
		Short: "Label runs, take labels away, or list them",
		Long: `Label runs with --add and take labels away with --remove. Without either, list the labels
of the runs, or all labels that are in use. --cols shows the runs themselves too, with those
columns. A run tagged "keep" is not removed by exp rm.

` + runHelp + `
Here a name stands for all its runs.

` + whereHelp + "\n\n" + exitCodes,
		Example:           "  exp tag @last --add deg1\n  exp tag --where 'depth >= 44' --add deep --remove todo\n  exp tag",
		ValidArgsFunction: a.completeRuns(-1),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			o.refs = args
			if len(o.Add)+len(o.Remove) > 0 {
				if err := o.some(cmd); err != nil {
					return err
				}
			}
			return tagRun(cmd.Context(), a, o)
		}),
	}
	cmd.Flags().StringArrayVarP(&o.Add, "add", "a", nil, "`LABEL` to add (repeatable)")
	cmd.Flags().StringArrayVarP(&o.Remove, "remove", "r", nil, "`LABEL` to take away (repeatable)")
	completeFlag(cmd, "add", completeTags)
	completeFlag(cmd, "remove", completeTags)
	o.choice.flags(cmd)
	colsFlag(cmd, &o.cols, "`NAMES` of the columns to show the runs with, such as name,tag")
	o.output.flags(cmd)
	return cmd
}

func tagRun(ctx context.Context, a *app, o *TagOptions) error {
	if err := checkTags("--add", o.Add); err != nil {
		return err
	}
	format, err := o.format()
	if err != nil {
		return err
	}
	store, err := a.openReader(ctx) // the choice is made before anything is opened to write
	if err != nil {
		return err
	}
	defer store.Close()
	if len(o.refs) == 0 && o.where == "" && o.sort == "" && o.cols == "" {
		tags, err := store.AllTags(ctx)
		if err != nil {
			return err
		}
		return resultTable(tags).Write(a.out, format, a.color(a.outTTY))
	}
	runs, err := a.choose(ctx, store, o.choice)
	if err != nil {
		return err
	}
	if len(o.Add)+len(o.Remove) > 0 {
		writer, err := a.openWriter(ctx)
		if err != nil {
			return err
		}
		defer writer.Close()
		n, err := writer.Tag(ctx, ids(runs), o.Add, o.Remove)
		if err != nil {
			return err
		}
		a.say("%s in %s: %s changed", count(len(runs), "run"), store.Path(), count(n, "tag"))
		if o.cols == "" {
			return nil
		}
	}
	if o.cols != "" {
		t, err := choiceTable(ctx, a, store, runs, o.cols)
		if err != nil {
			return err
		}
		return t.Write(a.out, format, a.color(a.outTTY))
	}
	t := &term.Table{Columns: []term.Column{{Name: "id"}, {Name: "name"}, {Name: "tag"}}}
	for _, r := range runs {
		tags, err := store.Tags(ctx, r.ID)
		if err != nil {
			return err
		}
		for _, tag := range tags {
			t.Add(r.ID, r.Name, tag)
		}
	}
	return t.Write(a.out, format, a.color(a.outTTY))
}

// checkTags refuses labels that a list could not show as they are.
func checkTags(flag string, tags []string) error {
	for _, tag := range tags {
		switch {
		case tag == "":
			return usage("%s: the label is empty", flag)
		case term.Printable(tag) != tag:
			return usage("%s: there is an invisible character in %q", flag, tag)
		}
	}
	return nil
}
