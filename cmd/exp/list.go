package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"exp/configs"
	"exp/internal/term"
	"exp/registry"
)

// ListOptions are what `exp list` was asked.
type ListOptions struct {
	output
	Long bool
}

func newListCmd(a *app) *cobra.Command {
	o := &ListOptions{}
	var all []string
	for _, g := range parts() {
		all = append(all, g.name)
	}
	cmd := &cobra.Command{
		Use:   "list [" + strings.Join(all, "|") + "]",
		Short: "List what can be named in an experiment, with parameters, defaults and bounds",
		Long: `List what can be named in an experiment, with parameters, defaults and bounds. With --long,
also how each is written with all its defaults, and every field of an experiment file; with
--long --md that is a document.

` + exitCodes,
		Example:   "  exp list\n  exp list shortcuts\n  exp list optimizers --json\n  exp list --long --md > experiments.md",
		ValidArgs: all,
		Args:      cobra.MaximumNArgs(1),
		RunE: a.run(func(_ *cobra.Command, args []string) error {
			format, err := o.format()
			if err != nil {
				return err
			}
			if o.Long && (format == term.Text || format == term.Markdown) {
				return a.listLong(args, all, format)
			}
			return a.list(args, all, format)
		}),
	}
	cmd.Flags().BoolVarP(&o.Long, "long", "l", false, "also how each is written, and the fields of a file")
	o.flags(cmd)
	return cmd
}

// part is a part of the list.
type part struct {
	name, doc string
	entries   func(a *app) ([]registry.Entry, error)
}

// parts are the registered kinds, and the experiments that come with the program.
func parts() []part {
	var all []part
	for _, k := range registry.Kinds() {
		all = append(all, part{plural(k.Name()), k.Doc(), func(*app) ([]registry.Entry, error) { return k.Entries(), nil }})
	}
	all = append(all, part{"experiments", "shipped with the program, and known by name everywhere", (*app).shipped})
	slices.SortFunc(all, func(a, b part) int { return strings.Compare(a.name, b.name) })
	return all
}

// plural is what `exp list` calls a kind.
func plural(kind string) string {
	if kind == "unit" {
		return "blocks"
	}
	return kind + "s"
}

// shipped describes the experiments that come with the program.
func (a *app) shipped() (all []registry.Entry, err error) {
	for _, name := range configs.Shipped() {
		l, err := configs.Load(name, configs.Options{Env: a.dataEnv()})
		if err != nil {
			return nil, fmt.Errorf("load %s: %w", name, err)
		}
		all = append(all, registry.Entry{Name: name, Doc: l.Info.Name + ", " + size(l.Net)})
	}
	return all, nil
}

func (a *app) list(args, all []string, format term.Format) error {
	t := &term.Table{}
	for _, name := range []string{"kind", "name", "parameter", "type", "default", "bounds", "doc"} {
		t.Columns = append(t.Columns, term.Column{Name: name})
	}
	if len(args) > 0 && args[0] == "units" { // as messages about experiments call them
		args = []string{plural("unit")}
	}
	found := false
	for _, g := range parts() {
		if len(args) > 0 && g.name != args[0] {
			continue
		}
		entries, err := g.entries(a)
		if err != nil {
			return err
		}
		if format == term.Text {
			a.printPart(g, entries, found)
		}
		found = true
		for _, e := range entries {
			t.Add(g.name, e.Name, nil, nil, nil, nil, e.Doc)
			for _, f := range e.Fields {
				t.Add(g.name, e.Name, f.Name, f.Type, initial(f), known(f.Bounds), f.Doc)
			}
		}
	}
	if !found {
		return usage("list: %q is not one of %s%s", args[0], strings.Join(all, ", "), didYouMean(args[0], all))
	}
	if format == term.Text {
		return nil
	}
	return t.Write(a.out, format, false)
}

// initial is a parameter's default, nil where there is none.
func initial(f registry.Field) any {
	if f.Required {
		return nil
	}
	return f.Default
}

// known is nil for a zero value.
func known[T comparable](v T) any {
	if v == *new(T) {
		return nil
	}
	return v
}

// printPart writes a part of the list for a person.
func (a *app) printPart(g part, entries []registry.Entry, further bool) {
	color := a.color(a.outTTY)
	if further {
		fmt.Fprintln(a.out)
	}
	fmt.Fprintf(a.out, "%s: %s\n", term.Paint(g.name, term.Bold, color), g.doc)
	wide := 0
	for _, e := range entries {
		wide = max(wide, len(e.Name))
		for _, f := range e.Fields {
			wide = max(wide, 2+len(f.Name))
		}
	}
	for _, e := range entries {
		name := term.Paint(fmt.Sprintf("%-*s", wide, e.Name), term.Cyan, color)
		fmt.Fprintf(a.out, "  %s  %s\n", name, e.Doc)
		for _, f := range e.Fields {
			fmt.Fprintf(a.out, "    %-*s  %s (%s)\n", wide-2, f.Name, f.Doc, traits(f))
		}
	}
}

// traits are a parameter's type, bounds and default in words.
func traits(f registry.Field) string {
	words := []string{f.Type}
	if f.Bounds != "" {
		words = append(words, f.Bounds)
	}
	switch {
	case f.Required:
		words = append(words, "required")
	case f.Default != "":
		words = append(words, "default "+f.Default)
	}
	return strings.Join(words, "; ")
}
