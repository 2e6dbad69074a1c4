package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"exp/internal/term"
	"exp/runner/metric"
	"exp/tracking"
)

// ShowOptions are what `exp show` was asked.
type ShowOptions struct {
	output
	Ref string
}

func newShowCmd(a *app) *cobra.Command {
	o := &ShowOptions{}
	cmd := &cobra.Command{
		Use:   "show RUN",
		Short: "Show one run: its parameters, epochs, events and files",
		Long: `Show one run: its parameters, epochs, events and files. With --csv, its epochs.

` + runHelp + "\n\n" + exitCodes,
		Example: "  exp show @last\n  exp show @best:val_acc --json\n  exp show plain-cifar --csv",
		Args:    takes(1, "one RUN"),

		ValidArgsFunction: a.completeRuns(1),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			o.Ref = args[0]
			return showRun(cmd.Context(), a, o)
		}),
	}
	o.flags(cmd)
	return cmd
}

// story is all that is known of one run.
type story struct {
	run       tracking.Record
	dir       string
	params    []tracking.Param
	points    []tracking.Point
	summary   map[string]tracking.Summary
	events    []tracking.Event
	artifacts []tracking.Artifact
	tags      []string
	config    string
}

func readStory(ctx context.Context, store *tracking.Store, run tracking.Record) (s story, err error) {
	s = story{run: run, dir: store.RunDir(run.ID)}
	read := func(f func() error) {
		if err == nil {
			err = f()
		}
	}
	read(func() error { s.params, err = store.Params(ctx, run.ID); return err })
	read(func() error { s.points, err = store.Metrics(ctx, run.ID); return err })
	read(func() error { s.events, err = store.Events(ctx, run.ID); return err })
	read(func() error { s.artifacts, err = store.Artifacts(ctx, run.ID); return err })
	read(func() error { s.tags, err = store.Tags(ctx, run.ID); return err })
	read(func() error { s.config, err = store.Config(ctx, run.ID); return err })
	read(func() error {
		all, err := store.Summaries(ctx, []string{run.ID})
		s.summary = all[run.ID]
		return err
	})
	return s, err
}

func showRun(ctx context.Context, a *app, o *ShowOptions) error {
	format, err := o.format()
	if err != nil {
		return err
	}
	store, err := a.openReader(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	run, err := a.findOne(ctx, store, o.Ref)
	if err != nil {
		return err
	}
	s, err := readStory(ctx, store, run)
	if err != nil {
		return err
	}
	switch format {
	case term.JSON:
		return term.WriteJSON(a.out, s.object())
	case term.CSV:
		return epochsTable(s.points).Write(a.out, format, false)
	}
	return s.write(a.out, format, a.color(a.outTTY))
}

// object is the run as JSON: the columns of its row, then what belongs to it.
func (s story) object() term.Object {
	var o, params, summary term.Object
	for _, f := range s.run.Fields() {
		o = append(o, term.Pair{Key: f.Name, Value: f.Value})
	}
	for _, p := range s.params {
		params = append(params, term.Pair{Key: p.Key, Value: p.Value})
	}
	for _, name := range sortedKeys(s.summary, compareMetrics) {
		m := s.summary[name]
		summary = append(summary, term.Pair{Key: name, Value: term.Object{
			{Key: "last", Value: m.Last}, {Key: "last_epoch", Value: m.LastEpoch},
			{Key: "min", Value: m.Min}, {Key: "min_epoch", Value: m.MinEpoch},
			{Key: "max", Value: m.Max}, {Key: "max_epoch", Value: m.MaxEpoch},
		}})
	}
	return append(o,
		term.Pair{Key: "dir", Value: s.dir},
		term.Pair{Key: "tags", Value: append([]string{}, s.tags...)},
		term.Pair{Key: "params", Value: params},
		term.Pair{Key: "summary", Value: summary},
		term.Pair{Key: "epochs", Value: epochsTable(s.points)},
		term.Pair{Key: "not_finite", Value: notFinite(s.points)},
		term.Pair{Key: "events", Value: s.eventsTable()},
		term.Pair{Key: "artifacts", Value: s.artifactsTable()},
		term.Pair{Key: "config", Value: s.config},
	)
}

func (s story) eventsTable() *term.Table {
	t := &term.Table{Columns: []term.Column{{Name: "at"}, {Name: "kind"}, {Name: "text"}}}
	for _, e := range s.events {
		t.Add(tracking.Timestamp(e.At), e.Kind, e.Text)
	}
	return t
}

func (s story) artifactsTable() *term.Table {
	t := &term.Table{Columns: []term.Column{{Name: "path"}, {Name: "kind"}, {Name: "bytes", Text: term.Count}, {Name: "sha256"}}}
	for _, a := range s.artifacts {
		t.Add(a.Path, a.Kind, a.Bytes, a.SHA256)
	}
	return t
}

// write tells the run to a person, in sections.
func (s story) write(w io.Writer, f term.Format, color bool) error {
	sections := []struct {
		title string
		table *term.Table
	}{
		{"run", s.about()},
		{"parameters", s.paramsTable()},
		{"epochs", epochsTable(s.points)},
		{"events", s.eventsTable()},
		{"files in " + s.dir, s.artifactsTable()},
	}
	first := true
	for _, section := range sections {
		if len(section.table.Rows) == 0 {
			continue
		}
		if !first {
			fmt.Fprintln(w)
		}
		first = false
		if f == term.Markdown {
			fmt.Fprintf(w, "## %s\n\n", section.title)
		} else {
			fmt.Fprintln(w, term.Paint(section.title, term.Cyan, color))
		}
		if err := section.table.Write(w, f, color); err != nil {
			return err
		}
	}
	return nil
}

func (s story) paramsTable() *term.Table {
	t := &term.Table{Columns: []term.Column{{Name: "parameter"}, {Name: "value"}}}
	for _, p := range s.params {
		t.Add(p.Key, p.Value)
	}
	return t
}

// about is what a person wants to know of a run first.
func (s story) about() *term.Table {
	r, columns := s.run, fieldsByName(s.run)
	t := &term.Table{Columns: []term.Column{{Name: "what"}, {Name: "value", Style: statusStyle}}}
	add := func(what string, value any, text func(any) string) {
		if value == nil || value == "" {
			return
		}
		t.Add(what, text(value))
	}
	add("id", r.ID, term.Plain)
	add("name", r.Name, term.Plain)
	if r.Experiment != r.Name {
		add("experiment", r.Experiment, term.Plain)
	}
	add("status", r.Status, term.Plain)
	add("error", columns["error"], term.Plain)
	add("tags", strings.Join(s.tags, ", "), term.Plain)
	if !r.StartedAt.IsZero() {
		add("started", r.StartedAt.Local().Format("2006-01-02 15:04:05"), term.Plain)
	}
	add("time", r.Seconds, term.Duration)
	add("epochs", fmt.Sprintf("%d of %d", r.EpochsDone, r.EpochsPlanned), term.Plain)
	for _, name := range []string{metric.ValAcc, metric.CleanTrainErr} {
		if m, ok := s.summary[name]; ok {
			best, at := m.Best()
			add(name, fmt.Sprintf("%s, best %s at epoch %d", term.Fixed(4)(m.Last), term.Fixed(4)(best), at), term.Plain)
		}
	}
	add("seed", r.Seed, term.Plain)
	add("shortcut", columns["shortcut"], term.Plain)
	add("depth", columns["depth"], term.Plain)
	add("parameters", columns["params_total"], func(v any) string {
		return term.Count(v) + ", " + term.Count(r.ParamsTrainable) + " trained"
	})
	add("multiply-adds", columns["macs"], term.Count)
	add("threads", columns["threads"], term.Plain)
	add("cpu", columns["cpu"], term.Plain)
	add("host", columns["host"], term.Plain)
	add("version", columns["version"], term.Plain)
	add("git", columns["git_commit"], func(v any) string {
		if r.GitDirty {
			return term.Plain(v) + " with changes"
		}
		return term.Plain(v)
	})
	add("config hash", columns["config_hash"], term.Plain)
	add("group hash", columns["group_hash"], term.Plain)
	add("data hash", columns["data_hash"], term.Plain)
	add("continues", columns["parent_id"], term.Plain)
	return t
}
