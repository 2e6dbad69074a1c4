package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"exp/internal/term"
	"exp/tracking"
)

// ExportOptions are what `exp export` was asked.
type ExportOptions struct {
	choice
	Format string
	Out    string
}

var exportFormats = []string{"csv", "jsonl", "sqlite"}

func newExportCmd(a *app) *cobra.Command {
	o := &ExportOptions{}
	cmd := &cobra.Command{
		Use:   "export [RUN...]",
		Short: "Write runs as CSV, JSON lines or a store of their own",
		Long: `Write runs for other programs; all of them when none is named.

  csv     a line a run: its columns, its parameters, and each metric's last, min and max
  jsonl   a line of JSON a run: all that exp show --json tells, epochs included
  sqlite  a store with only these runs, as --db takes it; their files are not in it

` + runHelp + `
Here a name stands for all its runs.

` + whereHelp + "\n\n" + exitCodes,
		Example:           "  exp export -o runs.csv\n  exp export --where 'tag = deg1' -o deg1.db\n  exp export @last --format jsonl",
		ValidArgsFunction: a.completeRuns(-1),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			o.refs = args
			return exportRun(cmd.Context(), a, o)
		}),
	}
	cmd.Flags().StringVar(&o.Format, "format", "", "csv, jsonl or sqlite (default: by the file's ending, or csv)")
	cmd.Flags().StringVarP(&o.Out, "output", "o", "", "`FILE` to write (default: standard output)")
	completeFlag(cmd, "format", func(*app, *cobra.Command, string) []string { return exportFormats })
	o.flags(cmd)
	return cmd
}

// exportFormat is the format that was asked for, or that the file's ending says.
func (o *ExportOptions) exportFormat() (string, error) {
	switch ending := strings.ToLower(filepath.Ext(o.Out)); {
	case o.Format != "" && !slices.Contains(exportFormats, o.Format):
		return "", usage("--format: %q is not one of %s%s", o.Format, strings.Join(exportFormats, ", "), didYouMean(o.Format, exportFormats))
	case o.Format == "sqlite" && o.Out == "":
		return "", usage("a store needs a file: add -o FILE")
	case o.Format != "":
		return o.Format, nil
	case ending == ".db" || ending == ".sqlite" || ending == ".sqlite3":
		return "sqlite", nil
	case ending == ".jsonl" || ending == ".ndjson" || ending == ".json":
		return "jsonl", nil
	case ending != "" && ending != ".csv":
		return "", usage("-o: %s does not say the format; add --format", o.Out)
	}
	return "csv", nil
}

func exportRun(ctx context.Context, a *app, o *ExportOptions) error {
	format, err := o.exportFormat()
	if err != nil {
		return err
	}
	store, err := a.openReader(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	var runs []tracking.Record
	if len(o.refs) == 0 && o.where == "" { // none at all is no mistake
		runs, err = store.List(ctx, tracking.Filter{Sort: o.sort})
	} else {
		runs, err = a.choose(ctx, store, o.choice)
	}
	if err != nil {
		return err
	}
	if format == "sqlite" {
		if _, err := os.Stat(o.Out); !errors.Is(err, fs.ErrNotExist) {
			return usage("-o: %s is there already; a store is made anew", o.Out)
		}
		if sameFile(filepath.Dir(o.Out), filepath.Dir(store.Path())) {
			return usage("-o: %s is beside %s: stores in one folder would share the files of their runs, and exp gc of one delete those of the other; choose another folder", o.Out, store.Path())
		}
		if err := store.Export(ctx, o.Out, ids(runs)); err != nil {
			return err
		}
	} else if err := a.toFile(o.Out, func(w io.Writer) error {
		if format == "csv" {
			return exportCSV(ctx, store, runs, w)
		}
		return exportLines(ctx, store, runs, w)
	}); err != nil {
		return err
	}
	if o.Out != "" {
		a.say("%s of %s in %s", count(len(runs), "run"), store.Path(), o.Out)
	}
	return nil
}

func exportCSV(ctx context.Context, store *tracking.Store, runs []tracking.Record, w io.Writer) error {
	sums, err := store.Summaries(ctx, ids(runs))
	if err != nil {
		return err
	}
	params, err := store.ParamsOf(ctx, ids(runs))
	if err != nil {
		return err
	}
	keys, metrics := map[string]bool{}, map[string]bool{}
	for _, r := range runs {
		for key := range params[r.ID] {
			keys[key] = true
		}
		for name := range sums[r.ID] {
			metrics[name] = true
		}
	}
	t := &term.Table{}
	for _, f := range new(tracking.Record).Fields() {
		t.Columns = append(t.Columns, term.Column{Name: f.Name})
	}
	for _, key := range sortedKeys(keys, strings.Compare) {
		t.Columns = append(t.Columns, term.Column{Name: "param:" + key})
	}
	for _, name := range sortedKeys(metrics, compareMetrics) {
		for _, of := range []string{"last", "min", "max"} {
			t.Columns = append(t.Columns, term.Column{Name: name + "." + of})
		}
	}
	for _, r := range runs {
		var row []any
		for _, f := range r.Fields() {
			row = append(row, f.Value)
		}
		for _, key := range sortedKeys(keys, strings.Compare) {
			row = append(row, params[r.ID][key])
		}
		for _, name := range sortedKeys(metrics, compareMetrics) {
			if s, ok := sums[r.ID][name]; ok {
				row = append(row, s.Last, s.Min, s.Max)
			} else {
				row = append(row, nil, nil, nil)
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t.Write(w, term.CSV, false)
}

func exportLines(ctx context.Context, store *tracking.Store, runs []tracking.Record, w io.Writer) error {
	for _, r := range runs {
		s, err := readStory(ctx, store, r)
		if err != nil {
			return err
		}
		text, err := json.Marshal(s.object())
		if err != nil {
			return fmt.Errorf("write run %s as JSON: %w", r.ID, err)
		}
		if _, err := fmt.Fprintf(w, "%s\n", text); err != nil {
			return err
		}
	}
	return nil
}
