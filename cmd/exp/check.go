package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"exp/blocks"
	"exp/internal/term"
)

func newCheckCmd(a *app) *cobra.Command {
	e := &experimentFlags{}
	cmd := &cobra.Command{
		Use:   "check FILE...",
		Short: "Check experiments down to the shapes of their nets; nothing is run",
		Long: `Check experiments down to the shapes of their nets; nothing is run.

` + experimentHelp + `

` + exitCodes,
		Example: "  exp check configs/*.yaml\n  exp check he2015 --set model.units=18",
		Args:    someFiles,
		RunE: a.run(func(_ *cobra.Command, files []string) error {
			loaded, problems, err := a.load(e, files)
			if err != nil {
				return err
			}
			for i, l := range loaded {
				if l != nil {
					fmt.Fprintf(a.out, "%s: OK, %s\n", files[i], size(l.Net))
				}
			}
			return a.refuse(problems)
		}),
	}
	e.flags(cmd)
	return cmd
}

// size is what a net costs, in words.
func size(n *blocks.Net) string {
	total, trainable, _ := n.Count()
	return fmt.Sprintf("depth %d, %s parameters (%s trainable), %s multiply-adds",
		n.Depth(), term.Count(total), term.Count(trainable), term.Count(n.MACs()))
}
