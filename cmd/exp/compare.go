package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"gonum.org/v1/gonum/stat"

	"exp/internal/term"
	"exp/runner/metric"
	"exp/tracking"
)

// CompareOptions are what `exp compare` was asked.
type CompareOptions struct {
	output
	Refs []string
	At   int  // epoch; -1: the last one that all runs have
	Each bool // no grouping over seeds
}

func newCompareCmd(a *app) *cobra.Command {
	o := &CompareOptions{}
	cmd := &cobra.Command{
		Use:   "compare RUN...",
		Short: "Compare runs: what is constant, what differs, what came out",
		Long: `Compare runs side by side, all at the same epoch: what is constant on one line,
only what differs as rows, then the metrics. Runs that differ only in their seed
become one column: mean ± sample standard deviation (number of runs; 2/3 when one
of three did not come so far).

` + runHelp + `
Here a name also stands for the ended runs of the same experiment with other seeds.

` + exitCodes,
		Example: "  exp compare @last-1 @last\n  exp compare plain-cifar resnet-cifar --at 10\n  exp compare plain-cifar resnet-cifar --each --csv",
		Args:    cobra.MinimumNArgs(1),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			o.Refs = args
			return compareRun(cmd.Context(), a, o)
		}),
	}
	cmd.Flags().IntVar(&o.At, "at", -1, "compare at this epoch (default: the last that every run has and has evaluated)")
	cmd.Flags().Lookup("at").DefValue = "0" // said in the text above
	cmd.Flags().BoolVar(&o.Each, "each", false, "one column a run: no means over seeds")
	o.flags(cmd)
	return cmd
}

func compareRun(ctx context.Context, a *app, o *CompareOptions) error {
	format, err := o.format()
	if err != nil {
		return err
	}
	if o.At < -1 {
		return usage("--at: %d is below 0", o.At)
	}
	store, err := a.openReader(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	runs, err := a.findForCompare(ctx, store, o)
	if err != nil {
		return err
	}
	entries := make([]entry, len(runs))
	for i, r := range runs {
		if entries[i], err = readEntry(ctx, store, r); err != nil {
			return err
		}
	}
	at := o.At
	if at < 0 {
		at = lastCommonEpoch(entries)
	}
	c := newComparison(entries, at, o.Each)
	switch format {
	case term.JSON:
		return term.WriteJSON(a.out, c.object())
	case term.CSV:
		return c.tidy().Write(a.out, format, false)
	}
	return c.write(a.out, format, a.color(a.outTTY))
}

// findForCompare resolves the references; a name brings the ended runs of its
// newest run's experiment under other seeds along.
func (a *app) findForCompare(ctx context.Context, store *tracking.Store, o *CompareOptions) ([]tracking.Record, error) {
	var runs []tracking.Record
	for _, ref := range o.Refs {
		found, err := find(ctx, store, ref)
		if err != nil {
			return nil, err
		}
		if len(found) > 1 {
			all := len(found)
			found = siblings(found)
			a.say("%s is the name of %d runs; taken: %s", ref, all, strings.Join(ids(found), " "))
		}
		for _, r := range found {
			if !slices.ContainsFunc(runs, func(have tracking.Record) bool { return have.ID == r.ID }) {
				runs = append(runs, r)
			}
		}
	}
	return runs, nil
}

// siblings gives, of the runs of one name with the newest first, the newest
// finished one (or else the newest) and those that differ from it only in their
// seed: one a seed, by seed, a finished one before one that diverged or failed.
func siblings(runs []tracking.Record) []tracking.Record {
	isDone := func(r tracking.Record) bool { return r.Status == tracking.Done }
	first := runs[max(0, slices.IndexFunc(runs, isDone))]
	bySeed := map[int64]tracking.Record{first.Seed: first}
	for _, r := range runs {
		ended := isDone(r) || r.Status == tracking.Diverged || r.Status == tracking.Failed
		have, ok := bySeed[r.Seed]
		if ended && r.GroupHash == first.GroupHash && r.GroupHash != "" && (!ok || isDone(r) && !isDone(have)) {
			bySeed[r.Seed] = r
		}
	}
	return slices.SortedFunc(maps.Values(bySeed), func(a, b tracking.Record) int { return cmp.Compare(a.Seed, b.Seed) })
}

func ids(runs []tracking.Record) []string {
	list := make([]string, len(runs))
	for i, r := range runs {
		list[i] = r.ID
	}
	return list
}

// sortedKeys gives the keys of a map in an order.
func sortedKeys[K comparable, V any](m map[K]V, order func(a, b K) int) []K {
	return slices.SortedFunc(maps.Keys(m), order)
}

// entry is one run with what a comparison reads of it.
type entry struct {
	run      tracking.Record
	settings map[string]any             // by dotted path, without seed and name
	epochs   map[int]map[string]float64 // metrics by epoch and name
}

func readEntry(ctx context.Context, store *tracking.Store, r tracking.Record) (entry, error) {
	e := entry{run: r, settings: map[string]any{}, epochs: map[int]map[string]float64{}}
	params, err := store.Params(ctx, r.ID)
	if err != nil {
		return e, err
	}
	for _, p := range params {
		if p.Key != "seed" && p.Key != "name" {
			e.settings[p.Key] = p.Value
		}
	}
	points, err := store.Metrics(ctx, r.ID)
	if err != nil {
		return e, err
	}
	for _, p := range points {
		if e.epochs[p.Epoch] == nil {
			e.epochs[p.Epoch] = map[string]float64{}
		}
		e.epochs[p.Epoch][p.Name] = p.Value
	}
	return e, nil
}

// broke says whether a run will never come further, and not by plan.
func (e entry) broke() bool {
	return e.run.Status == tracking.Diverged || e.run.Status == tracking.Failed
}

// lastCommonEpoch is the last epoch that all runs have, and have evaluated; runs that diverged or
// failed do not hold the others back, unless there are no others.
func lastCommonEpoch(entries []entry) int {
	least := int64(math.MaxInt64)
	for _, e := range entries {
		if !e.broke() {
			least = min(least, e.run.EpochsDone)
		}
	}
	if least < math.MaxInt64 {
		return lastEvaluated(entries, int(least))
	}
	for _, e := range entries {
		least = min(least, e.run.EpochsDone)
	}
	return int(least)
}

// lastEvaluated is the last epoch after which all runs that did not break were
// evaluated, up to the given one; that itself when there is none.
func lastEvaluated(entries []entry, epoch int) int {
	for n := epoch; n > 0; n-- {
		if !slices.ContainsFunc(entries, func(e entry) bool {
			_, evaluated := e.epochs[n][metric.ValAcc]
			return !evaluated && !e.broke()
		}) {
			return n
		}
	}
	return epoch
}

// at gives the metrics at an epoch, with what has come together until then.
func (e entry) at(epoch int) map[string]float64 {
	metrics := maps.Clone(e.epochs[epoch])
	if metrics == nil {
		return nil
	}
	best, total := math.NaN(), 0.0
	for n, m := range e.epochs {
		if n > epoch {
			continue
		}
		if v, ok := m[metric.ValAcc]; ok && !(v <= best) && !math.IsInf(v, 0) && !math.IsNaN(v) {
			best = v
		}
		total += m[metric.Seconds]
	}
	if !math.IsNaN(best) {
		metrics[bestValAcc] = best
	}
	if total > 0 {
		metrics[totalSeconds] = total
	}
	return metrics
}

// side is one column of a comparison: a run, or runs that differ only in their seed.
type side struct {
	label   string
	entries []entry
	metrics map[string]spread
}

// spread is a metric over the runs of a side.
type spread struct {
	values   []float64
	mean, sd float64 // sd of the sample; NaN for one run
}

func newSpread(values []float64) spread {
	s := spread{values: values, mean: stat.Mean(values, nil), sd: math.NaN()}
	if len(values) > 1 {
		s.sd = stat.StdDev(values, nil)
	}
	return s
}

// comparison is what the formats write.
type comparison struct {
	epoch    int
	sides    []side
	constant []term.Pair // settings and circumstances that all sides share
	differs  []string    // settings that do not
	facts    []string    // circumstances and consequences that do not: columns of runs
	metrics  []string
	notes    []string
}

func newComparison(entries []entry, epoch int, each bool) *comparison {
	c := &comparison{epoch: epoch, sides: group(entries, each)}
	names := map[string]bool{}
	for i := range c.sides {
		s := &c.sides[i]
		values := map[string][]float64{}
		for _, e := range s.entries {
			for name, v := range e.at(epoch) {
				values[name] = append(values[name], v)
				names[name] = true
			}
		}
		s.metrics = map[string]spread{}
		for name, v := range values {
			s.metrics[name] = newSpread(v)
		}
	}
	c.metrics = sortedKeys(names, compareMetrics)
	c.sortSettings()
	c.makeNotes(entries)
	return c
}

// group puts runs of one group hash into one side.
func group(entries []entry, each bool) []side {
	var sides []side
	for _, e := range entries {
		i := slices.IndexFunc(sides, func(s side) bool {
			return !each && e.run.GroupHash != "" && s.entries[0].run.GroupHash == e.run.GroupHash
		})
		if i < 0 {
			sides = append(sides, side{label: e.run.Name})
			i = len(sides) - 1
		}
		sides[i].entries = append(sides[i].entries, e)
	}
	labels := map[string]int{}
	for _, s := range sides {
		labels[s.label]++
	}
	for i := range sides {
		if s := &sides[i]; labels[s.label] > 1 {
			s.label += " " + s.entries[0].run.ID
		}
	}
	return sides
}

// facts are the columns of runs that a comparison looks at beside the settings.
var factNames = []string{"depth", "params_total", "params_trainable", "macs", "data_hash", "threads", "cpu", "host", "version", "git_commit"}

// fact gives a side's value of a column of runs; several when its runs disagree.
func (s side) fact(name string) any {
	value := fieldsByName(s.entries[0].run)[name]
	for _, e := range s.entries[1:] {
		if v := fieldsByName(e.run)[name]; v != value {
			return "several"
		}
	}
	return value
}

func (s side) seeds() []string {
	var seeds []string
	for _, e := range s.entries {
		seeds = append(seeds, strconv.FormatInt(e.run.Seed, 10))
	}
	return seeds
}

func (s side) ids() []string {
	var list []string
	for _, e := range s.entries {
		list = append(list, e.run.ID)
	}
	return list
}

func (s side) statuses() string {
	var list []string
	for _, e := range s.entries {
		if !slices.Contains(list, e.run.Status) {
			list = append(list, e.run.Status)
		}
	}
	return strings.Join(list, ", ")
}

func (c *comparison) sortSettings() {
	keys := map[string]bool{}
	for _, s := range c.sides {
		for key := range s.entries[0].settings {
			keys[key] = true
		}
	}
	for _, key := range sortedKeys(keys, strings.Compare) {
		if same(c.sides, func(s side) any { return s.entries[0].settings[key] }) {
			c.constant = append(c.constant, term.Pair{Key: key, Value: c.sides[0].entries[0].settings[key]})
		} else {
			c.differs = append(c.differs, key)
		}
	}
	for _, name := range factNames {
		if !same(c.sides, func(s side) any { return s.fact(name) }) {
			c.facts = append(c.facts, name)
		} else if v := c.sides[0].fact(name); v != nil {
			c.constant = append(c.constant, term.Pair{Key: name, Value: v})
		}
	}
	if seeds := func(s side) any { return strings.Join(s.seeds(), " ") }; same(c.sides, seeds) {
		c.constant = append(c.constant, term.Pair{Key: "seed", Value: seeds(c.sides[0])})
	}
}

func same(sides []side, of func(side) any) bool {
	first := of(sides[0])
	return !slices.ContainsFunc(sides[1:], func(s side) bool { return of(s) != first })
}

// makeNotes says plainly what keeps the numbers from showing one setting's effect.
func (c *comparison) makeNotes(entries []entry) {
	note := func(format string, args ...any) { c.notes = append(c.notes, fmt.Sprintf(format, args...)) }
	among := func(of func(side) string) string {
		var list []string
		for _, s := range c.sides {
			list = append(list, of(s))
		}
		return strings.Join(list, " / ")
	}
	switch n := len(c.differs); {
	case len(c.sides) == 1:
	case n == 0:
		note("no setting differs but the seed")
	case n > 1:
		note("%d settings differ: no difference below is the effect of one of them alone", n)
	}
	for _, f := range c.facts {
		switch f {
		case "params_trainable", "macs":
			what := map[string]string{"params_trainable": "trainable parameters", "macs": "multiply-adds"}[f]
			note("%s differ: %s", what, among(func(s side) string { return shown(term.Count, s.fact(f)) })+c.percent(f))
		case "data_hash":
			note("the data differ: %s", among(func(s side) string { return short(s.fact(f)) }))
		case "version", "git_commit":
			note("the programs differ (%s): %s", f, among(func(s side) string { return short(s.fact(f)) }))
		case "threads", "cpu", "host":
			note("%s differs: speeds cannot be compared", f)
		}
	}
	if len(c.differs) > 0 && !same(c.sides, func(s side) any { return strings.Join(s.seeds(), " ") }) {
		note("not paired by seed: %s", among(func(s side) string { return strings.Join(s.seeds(), ", ") }))
	}
	for _, s := range c.sides {
		seeds := s.seeds()
		slices.Sort(seeds)
		if len(slices.Compact(seeds)) < len(s.entries) {
			note("%s: a seed comes twice; the same seed gives the same numbers, so n counts too much", s.label)
		}
	}
	var reached []string
	for _, e := range entries {
		r, missing := e.run, ""
		if e.epochs[c.epoch] == nil {
			missing = fmt.Sprintf("; it has no epoch %d and is not in the numbers", c.epoch)
		}
		if r.Status != tracking.Done || missing != "" {
			note("%s (%s): %s after epoch %d%s", r.Name, r.ID, r.Status, r.EpochsDone, missing)
		}
		if n := strconv.FormatInt(r.EpochsDone, 10); !e.broke() && !slices.Contains(reached, n) {
			reached = append(reached, n)
		}
	}
	if len(reached) > 1 {
		note("the runs have come to epochs %s: all numbers are of epoch %d", strings.Join(reached, ", "), c.epoch)
	}
}

// percent is by how much the second of two counts differs from the first.
func (c *comparison) percent(fact string) string {
	if len(c.sides) != 2 {
		return ""
	}
	a, okA := c.sides[0].fact(fact).(int64)
	b, okB := c.sides[1].fact(fact).(int64)
	if !okA || !okB || a == 0 {
		return ""
	}
	return fmt.Sprintf(" (%+.2g %%)", 100*float64(b-a)/float64(a))
}

func short(v any) string {
	text := shown(term.Plain, v)
	if len(text) > 12 {
		return text[:12]
	}
	return text
}

func shown(text func(any) string, v any) string {
	if v == nil {
		return "–"
	}
	return text(v)
}

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
	add("status", text(side.statuses), nil)
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
		if slices.Contains(bookkeeping, name) && same(c.sides, values) {
			continue
		}
		f := metricText(name)
		var difference any
		if a, b := c.sides[0], c.sides[len(c.sides)-1]; two && len(a.metrics[name].values) > 0 && len(b.metrics[name].values) > 0 {
			difference = signed(f(b.metrics[name].mean - a.metrics[name].mean))
		}
		add(name, func(s side) any {
			m := s.metrics[name]
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
		}, difference)
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
	if err := c.table().Write(w, f, color); err != nil {
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
	for _, name := range append([]string{"label", "runs", "seeds", "n", "status", "epoch"}, append(c.differs, c.facts...)...) {
		t.Columns = append(t.Columns, term.Column{Name: name})
	}
	for _, name := range c.metrics {
		t.Columns = append(t.Columns, term.Column{Name: name}, term.Column{Name: name + "_sd"})
	}
	for _, s := range c.sides {
		row := []any{s.label, strings.Join(s.ids(), " "), strings.Join(s.seeds(), " "), len(s.entries), s.statuses(), c.epoch}
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
			{Key: "status", Value: s.statuses()}, {Key: "settings", Value: settings}, {Key: "facts", Value: facts},
			{Key: "metrics", Value: metrics},
		})
	}
	return term.Object{
		{Key: "epoch", Value: c.epoch}, {Key: "constant", Value: term.Object(c.constant)},
		{Key: "differs", Value: append([]string{}, c.differs...)}, {Key: "sides", Value: sides},
		{Key: "notes", Value: append([]string{}, c.notes...)},
	}
}
