package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newConfigCmd(a *app) *cobra.Command {
	e := &experimentFlags{}
	diff := false
	cmd := &cobra.Command{
		Use:   "config FILE",
		Short: "Show an experiment as it is resolved, with every default filled in",
		Long: `Show an experiment as it is resolved, with every default filled in.

` + experimentHelp + `

` + exitCodes,
		Example: "  exp config resnet-cifar\n  exp config --diff plain-cifar",
		Args:    oneFile,
		RunE: a.run(func(_ *cobra.Command, files []string) error {
			loaded, err := a.loadAll(e, files)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(a.out, loaded[0].YAML(diff))
			return err
		}),
	}
	cmd.Flags().BoolVar(&diff, "diff", false, "mark what differs from the file it extends, or what --set changed in one that extends nothing")
	e.flags(cmd)
	return cmd
}
