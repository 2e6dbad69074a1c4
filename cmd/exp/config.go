package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"exp/internal/source"
	"exp/internal/term"
)

func newConfigCmd(a *app) *cobra.Command {
	e := &experimentFlags{}
	diff, asJSON := false, false
	cmd := &cobra.Command{
		Use:   "config FILE",
		Short: "Show an experiment as it is resolved, with every default filled in",
		Long: `Show an experiment as it is resolved, with every default filled in.

` + experimentHelp + `

` + exitCodes,
		Example:           "  exp config resnet-cifar\n  exp config --diff plain-cifar",
		Args:              oneFile,
		ValidArgsFunction: oneFileOnly,
		RunE: a.run(func(_ *cobra.Command, files []string) error {
			if diff && asJSON {
				return usage("--diff and --json exclude each other")
			}
			loaded, err := a.loadAll(e, files)
			if err != nil {
				return err
			}
			if asJSON {
				var problems source.Problems
				tree := source.Parse(source.NewFile(loaded[0].Name, loaded[0].YAML(false)), &problems)
				if err := problems.Err(); err != nil {
					return fmt.Errorf("write %s as JSON: %w", loaded[0].Name, err)
				}
				return term.WriteJSON(a.out, value(tree))
			}
			_, err = fmt.Fprint(a.out, loaded[0].YAML(diff))
			return err
		}),
	}
	cmd.Flags().BoolVar(&diff, "diff", false, "mark what differs from the file it extends, or what --set changed in one that extends nothing")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	e.flags(cmd)
	return cmd
}

// value is a resolved node as JSON has it.
func value(n *source.Node) any {
	switch n.Kind {
	case source.Map:
		o := term.Object{}
		for _, p := range n.Pairs {
			o = append(o, term.Pair{Key: p.Key, Value: value(p.Value)})
		}
		return o
	case source.List:
		items := []any{}
		for _, item := range n.Items {
			items = append(items, value(item))
		}
		return items
	case source.Int, source.Float:
		if v, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
			return v
		}
		if v, err := strconv.ParseFloat(n.Value, 64); err == nil {
			return v
		}
	case source.Bool:
		return n.Value == "true"
	case source.Null:
		return nil
	}
	return n.Value
}
