package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"exp/internal/term"
	"exp/tracking"
)

// output are the flags that every reading verb has.
type output struct{ json, csv, md bool }

func (o *output) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.json, "json", false, "write JSON")
	cmd.Flags().BoolVar(&o.csv, "csv", false, "write CSV")
	cmd.Flags().BoolVar(&o.md, "md", false, "write Markdown")
}

func (o *output) format() (term.Format, error) {
	chosen, n := term.Text, 0
	for _, f := range []struct {
		on     bool
		format term.Format
	}{{o.json, term.JSON}, {o.csv, term.CSV}, {o.md, term.Markdown}} {
		if f.on {
			chosen = f.format
			n++
		}
	}
	if n > 1 {
		return 0, usage("--json, --csv and --md exclude each other")
	}
	return chosen, nil
}

// toFile has something written to a file, whole or not at all, or to standard output.
func (a *app) toFile(path string, write func(io.Writer) error) (err error) {
	if path == "" {
		return write(a.out)
	}
	for _, ending := range []string{"", "-wal", "-shm"} {
		if sameFile(path, a.settings.DB+ending) {
			return usage("%s is the store of the runs, or a part of it; choose another file", path)
		}
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	buffer := bufio.NewWriter(f)
	err = errors.Join(write(buffer), buffer.Flush(), f.Chmod(0o644), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// sameFile says whether two paths lead to one file or folder.
func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// ending is the one of some endings that a flag's file has, in any case of letters.
func ending(flag, file string, endings ...string) (string, error) {
	for _, e := range endings {
		if strings.EqualFold(filepath.Ext(file), e) {
			return e, nil
		}
	}
	return "", usage("%s: %q does not end in %s", flag, file, strings.Join(endings, " or "))
}

// statusStyle colours how a run stands.
func statusStyle(v any) term.Style {
	switch v {
	case tracking.Done:
		return term.Green
	case tracking.Failed, tracking.Diverged:
		return term.Red
	case tracking.Interrupted, tracking.Unknown, tracking.Pruned:
		return term.Yellow
	case tracking.Running:
		return term.Cyan
	}
	return ""
}

// resultTable shows rows as they came from the store.
func resultTable(r *tracking.Result) *term.Table {
	t := &term.Table{Rows: r.Rows}
	for _, name := range r.Columns {
		t.Columns = append(t.Columns, term.Column{Name: name})
	}
	return t
}

// count is a number with its noun: 1 run, 2 runs.
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return term.Count(int64(n)) + " " + noun
}
