package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newManCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual pages of all verbs",
		Long: `Write the manual pages of all verbs into a folder: exp.1, exp-run.1 and so on. With the folder
man1 below one of MANPATH, ` + "`man exp-run`" + ` shows them.

` + exitCodes,
		Example: "  exp man ~/.local/share/man/man1",
		Args:    takes(1, "one DIR"),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o777); err != nil {
				return err
			}
			root := cmd.Root()
			root.InitDefaultCompletionCmd()
			root.DisableAutoGenTag = true // the same program writes the same pages
			made := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "exp " + readBuild().version, Manual: "exp", Date: &made}, args[0])
		}),
	}
}
