package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"exp/blocks"
	"exp/internal/source"
	"exp/internal/term"
)

func newCheckCmd(a *app) *cobra.Command {
	e, asJSON := &experimentFlags{}, false
	cmd := &cobra.Command{
		Use:   "check FILE...",
		Short: "Check experiments down to the shapes of their nets; nothing is run",
		Long: `Check experiments down to the shapes of their nets; nothing is run. With --json, the
mistakes are an array of objects on standard output, empty when all is well.

` + experimentHelp + `

` + exitCodes,
		Example:           "  exp check configs/*.yaml\n  exp check he2015 --set model.units=18",
		Args:              someFiles,
		ValidArgsFunction: completeFiles,
		RunE: a.run(func(_ *cobra.Command, files []string) error {
			loaded, _, problems, err := a.plan(e, files)
			if err != nil {
				return err
			}
			if asJSON {
				if err := mistakes(problems).Write(a.out, term.JSON, false); err != nil || problems.Len() == 0 {
					return err
				}
				return &silentError{2}
			}
			for i, l := range loaded {
				if l != nil {
					fmt.Fprintf(a.out, "%s: OK, %s\n", files[i], size(l.Net))
				}
			}
			return a.refuse(problems)
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the mistakes as JSON")
	e.flags(cmd)
	return cmd
}

// mistakes has a row for each; lines and columns count from 1, null where a
// mistake is one of a whole file.
func mistakes(problems *source.Problems) *term.Table {
	t := &term.Table{}
	for _, name := range []string{"file", "line", "column", "path", "problem", "help"} {
		t.Columns = append(t.Columns, term.Column{Name: name})
	}
	for _, d := range problems.List() {
		file := ""
		if d.Span.File != nil {
			file = d.Span.File.Name
		}
		t.Add(known(file), known(d.Span.Line), known(d.Span.Col), known(d.Path), d.Problem, known(d.Help))
	}
	return t
}

// size is what a net costs, in words.
func size(n *blocks.Net) string {
	total, trainable, _ := n.Count()
	return fmt.Sprintf("depth %d, %s parameters (%s trainable), %s multiply-adds",
		n.Depth(), term.Count(total), term.Count(trainable), term.Count(n.MACs()))
}
