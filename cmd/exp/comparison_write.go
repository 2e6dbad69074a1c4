package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"exp/internal/term"
	"exp/runner/metric"
)

// bookkeeping are metrics that matter only where they differ.
var bookkeeping = []string{metric.LR, metric.Steps, metric.Examples}

// table has a row for each thing and a column for each side.
func (c *comparison) table() *term.Table {
	two := len(c.sides) == 2
	t := &term.Table{Columns: []term.Column{{Name: " "}}}
	for _, s := range c.sides {
		t.Columns = append(t.Columns, term.Column{Name: s.label, Right: true})
	}
	if two {
		t.Columns = append(t.Columns, term.Column{Name: "difference", Right: true})
	}
	add := func(what string, of func(side) any, difference any) {
		row := []any{what}
		for _, s := range c.sides {
			row = append(row, of(s))
		}
		if two {
			row = append(row, cmp.Or(difference, any("")))
		}
		t.Rows = append(t.Rows, row)
	}
	text := func(f func(side) string) func(side) any { return func(s side) any { return f(s) } }
	add("run", text(func(s side) string {
		if n := len(s.entries); n > 1 {
			return fmt.Sprintf("%d runs", n)
		}
		return s.entries[0].run.ID
	}), nil)
	add("status", text(side.standing), nil)
	if !same(c.sides, func(s side) any { return strings.Join(s.seeds(), " ") }) {
		add("seed", text(func(s side) string { return strings.Join(s.seeds(), " ") }), nil)
	}
	for _, key := range c.differs {
		add(key, func(s side) any { return s.entries[0].settings[key] }, nil)
	}
	for _, f := range c.facts {
		add(f, func(s side) any {
			if v, ok := s.fact(f).(int64); ok {
				return term.Count(v)
			}
			return short(s.fact(f))
		}, nil)
	}
	for _, name := range c.metrics {
		values := func(s side) any { return s.metrics[name].mean }
		if !c.chosen && slices.Contains(bookkeeping, name) && same(c.sides, values) {
			continue
		}
		f := metricText(name)
		var difference any
		if d, ok := c.difference(name); ok {
			difference = signed(f(d.mean))
			if !math.IsNaN(d.low) {
				text := fmt.Sprintf("%s [%s, %s]", signed(f(d.mean)), signed(f(d.low)), signed(f(d.high)))
				if d.n != len(c.pairs) {
					text += fmt.Sprintf(" (%d pairs)", d.n)
				}
				difference = text
			}
		}
		add(name, func(s side) any { return s.value(name) }, difference)
	}
	return t
}

// value is a metric of a side as a person reads it: its mean, its spread and of how
// many runs, nil without it.
func (s side) value(name string) any {
	m, f := s.metrics[name], metricText(name)
	switch {
	case len(m.values) == 0:
		return nil
	case len(s.entries) == 1:
		return f(m.mean)
	case len(m.values) == 1:
		return fmt.Sprintf("%s (1/%d)", f(m.mean), len(s.entries))
	case len(m.values) < len(s.entries):
		return fmt.Sprintf("%s ± %s (%d/%d)", f(m.mean), f(m.sd), len(m.values), len(s.entries))
	}
	return fmt.Sprintf("%s ± %s (%d)", f(m.mean), f(m.sd), len(m.values))
}

// mostColumns is up to how many sides stand beside one another.
const mostColumns = 4

// mainMetrics are those that are written when the sides are rows.
var mainMetrics = []string{metric.CleanTrainErr, metric.TrainLoss, metric.TrainAcc, metric.ValLoss, metric.ValAcc, bestValAcc, totalSeconds}

// rows has a row for each side.
func (c *comparison) rows() *term.Table {
	t := &term.Table{Columns: []term.Column{{Name: "name"}, {Name: "runs", Right: true}, {Name: "status"}}}
	var facts []string
	for _, f := range c.facts {
		if c.chosen || f == "depth" || f == "params_trainable" {
			facts = append(facts, f)
		}
	}
	for _, name := range append(slices.Clone(c.differs), facts...) {
		t.Columns = append(t.Columns, term.Column{Name: name, Right: slices.Contains(facts, name), Text: term.Plain})
	}
	var metrics []string
	for _, name := range c.metrics {
		if c.chosen || slices.Contains(mainMetrics, name) {
			metrics = append(metrics, name)
			t.Columns = append(t.Columns, term.Column{Name: name, Right: true})
		}
	}
	for _, s := range c.sides {
		row := []any{s.label, len(s.entries), s.standing()}
		for _, key := range c.differs {
			row = append(row, s.entries[0].settings[key])
		}
		for _, f := range facts {
			row = append(row, term.Count(s.fact(f)))
		}
		for _, name := range metrics {
			row = append(row, s.value(name))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func signed(text string) string {
	if strings.HasPrefix(text, "-") || text == "nan" || strings.HasPrefix(text, "+") {
		return text
	}
	return "+" + text
}

// write tells the comparison to a person.
func (c *comparison) write(w io.Writer, f term.Format, color bool) error {
	head, end := func(s string) string { return term.Paint(fmt.Sprintf("%-9s ", s), term.Cyan, color) }, "\n"
	if f == term.Markdown {
		head, end = func(s string) string { return "**" + s + "** " }, "\n\n"
	}
	var constant []string
	for _, p := range c.constant {
		if !c.all && dull(p, c.sides[0].entries[0].settings) {
			continue
		}
		value := shown(term.Plain, p.Value)
		if value == "" {
			continue
		}
		if strings.HasSuffix(p.Key, "_hash") || p.Key == "git_commit" {
			value = short(p.Value)
		}
		constant = append(constant, p.Key+" "+value)
	}
	lines := []struct{ head, text string }{
		{"epoch", strconv.Itoa(c.epoch)},
		{"constant", strings.Join(constant, " · ")},
		{"differs", strings.Join(c.differs, ", ")},
	}
	for _, l := range lines {
		if l.text != "" {
			fmt.Fprint(w, head(l.head), l.text, end)
		}
	}
	if f == term.Text {
		fmt.Fprintln(w)
	}
	table := c.table
	if len(c.sides) > mostColumns {
		table = c.rows
	}
	if err := table().Write(w, f, color); err != nil {
		return err
	}
	if len(c.notes) > 0 {
		fmt.Fprintln(w)
	}
	for _, n := range c.notes {
		if _, err := fmt.Fprint(w, head("note"), n, end); err != nil {
			return err
		}
	}
	return nil
}

// tidy has one row a side, for programs.
func (c *comparison) tidy() *term.Table {
	t := &term.Table{}
	for _, name := range append([]string{"label", "runs", "seeds", "n", "failed", "status", "epoch"}, append(c.differs, c.facts...)...) {
		t.Columns = append(t.Columns, term.Column{Name: name})
	}
	for _, name := range c.metrics {
		t.Columns = append(t.Columns, term.Column{Name: name}, term.Column{Name: name + "_sd"})
	}
	for _, s := range c.sides {
		row := []any{s.label, strings.Join(s.ids(), " "), strings.Join(s.seeds(), " "), len(s.entries), s.failed(), s.statuses(), c.epoch}
		for _, key := range c.differs {
			row = append(row, s.entries[0].settings[key])
		}
		for _, f := range c.facts {
			row = append(row, s.fact(f))
		}
		for _, name := range c.metrics {
			m := s.metrics[name]
			mean, sd := any(nil), any(nil)
			if len(m.values) > 0 {
				mean = m.mean
			}
			if len(m.values) > 1 {
				sd = m.sd
			}
			row = append(row, mean, sd)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// object is the comparison as JSON.
func (c *comparison) object() term.Object {
	var sides []term.Object
	for _, s := range c.sides {
		var settings, facts, metrics term.Object
		for _, key := range c.differs {
			settings = append(settings, term.Pair{Key: key, Value: s.entries[0].settings[key]})
		}
		for _, f := range c.facts {
			facts = append(facts, term.Pair{Key: f, Value: s.fact(f)})
		}
		for _, name := range c.metrics {
			if m := s.metrics[name]; len(m.values) > 0 {
				metrics = append(metrics, term.Pair{Key: name, Value: term.Object{
					{Key: "mean", Value: m.mean}, {Key: "sd", Value: m.sd}, {Key: "n", Value: len(m.values)},
				}})
			}
		}
		var seeds []int64
		for _, e := range s.entries {
			seeds = append(seeds, e.run.Seed)
		}
		sides = append(sides, term.Object{
			{Key: "label", Value: s.label}, {Key: "runs", Value: s.ids()}, {Key: "seeds", Value: seeds}, {Key: "n", Value: len(s.entries)},
			{Key: "failed", Value: s.failed()}, {Key: "status", Value: s.statuses()}, {Key: "settings", Value: settings}, {Key: "facts", Value: facts},
			{Key: "metrics", Value: metrics},
		})
	}
	var differences term.Object
	for _, name := range c.metrics {
		if d, ok := c.difference(name); ok {
			differences = append(differences, term.Pair{Key: name, Value: term.Object{
				{Key: "mean", Value: d.mean}, {Key: "low", Value: d.low}, {Key: "high", Value: d.high}, {Key: "pairs", Value: d.n},
			}})
		}
	}
	return term.Object{
		{Key: "epoch", Value: c.epoch}, {Key: "constant", Value: term.Object(c.constant)},
		{Key: "differs", Value: append([]string{}, c.differs...)}, {Key: "sides", Value: sides}, {Key: "difference", Value: differences},
		{Key: "notes", Value: append([]string{}, c.notes...)},
	}
}
