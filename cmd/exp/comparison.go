package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"exp/internal/term"
	"exp/tracking"
)

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
	pairs    []int64 // seeds that both of two sides have, when they are compared by them
	notes    []string
	all      bool // write every constant
	chosen   bool // differs, facts and metrics are those that were asked for
}

func newComparison(entries []entry, epoch int, each bool) *comparison {
	c := &comparison{epoch: epoch, sides: group(entries, each)}
	names := map[string]bool{}
	for i := range c.sides {
		s := &c.sides[i]
		values := map[string][]float64{}
		for _, e := range s.entries {
			for name, v := range e.metrics {
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
	c.pairs = c.sharedSeeds()
	c.sortSettings()
	c.makeNotes(entries)
	return c
}

// alwaysShown are the columns of runs that no choice takes away.
var alwaysShown = []string{"id", "name", "status", "seed"}

// keep leaves those settings, columns of runs and metrics that were asked for, in that order; "" leaves all.
func (c *comparison) keep(cols string) error {
	if cols == "" {
		return nil
	}
	known := slices.Concat(c.differs, c.facts, c.metrics)
	var asked []string
	for _, name := range strings.Split(cols, ",") {
		name = strings.TrimSpace(name)
		switch {
		case slices.Contains(alwaysShown, name):
		case slices.ContainsFunc(c.constant, func(p term.Pair) bool { return p.Key == name }): // said in its line
		case !slices.Contains(known, name):
			return usage("--cols: nothing here is called %q%s; there are: %s", name, didYouMean(name, known), strings.Join(known, ", "))
		default:
			asked = append(asked, name)
		}
	}
	among := func(names []string) (kept []string) {
		for _, name := range asked {
			if slices.Contains(names, name) {
				kept = append(kept, name)
			}
		}
		return kept
	}
	c.chosen = true
	c.differs, c.facts, c.metrics = among(c.differs), among(c.facts), among(c.metrics)
	return nil
}

// group puts runs of one group hash into one side.
func group(entries []entry, each bool) []side {
	var sides []side
	place := map[string]int{} // of a group
	settings := map[string]map[string]any{}
	for _, e := range entries {
		hash := e.run.GroupHash
		e.fields = fieldsByName(e.run)
		if e.settings == nil {
			e.settings = settings[hash]
		}
		i, known := place[hash]
		if !known || each || hash == "" {
			sides = append(sides, side{label: e.run.Name})
			i = len(sides) - 1
			place[hash], settings[hash] = i, e.settings
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

// several is the fact of a side whose runs disagree.
const several = "several"

// fact gives a side's value of a column of runs.
func (s side) fact(name string) any {
	value := s.entries[0].fields[name]
	for _, e := range s.entries[1:] {
		if v := e.fields[name]; v != value {
			return several
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

// failed is how many runs of a side will never come further, and not by plan.
func (s side) failed() int {
	n := 0
	for _, e := range s.entries {
		if broke(e.run) {
			n++
		}
	}
	return n
}

// standing is how the runs of a side stand, with their numbers where that differs.
func (s side) standing() string {
	list := strings.Split(s.statuses(), ", ")
	for i, status := range list {
		n := 0
		for _, e := range s.entries {
			if e.run.Status == status {
				n++
			}
		}
		if len(list) > 1 {
			list[i] = fmt.Sprintf("%d %s", n, status)
		}
	}
	return strings.Join(list, ", ")
}

// sharedSeeds are the seeds that both of two sides have once, nil unless there are two
// or more: one pair has no spread.
func (c *comparison) sharedSeeds() []int64 {
	if len(c.sides) != 2 || len(c.sides[0].entries) < 2 && len(c.sides[1].entries) < 2 {
		return nil
	}
	var shared []int64
	for seed := range c.sides[0].bySeed() {
		if _, both := c.sides[1].bySeed()[seed]; both {
			shared = append(shared, seed)
		}
	}
	slices.Sort(shared)
	if len(shared) < 2 {
		return nil
	}
	return shared
}

// bySeed are the runs of a side whose seed comes once, of those that have numbers.
func (s side) bySeed() map[int64]entry {
	runs, times := map[int64]entry{}, map[int64]int{}
	for _, e := range s.entries {
		if e.metrics == nil {
			continue
		}
		runs[e.run.Seed] = e
		times[e.run.Seed]++
	}
	maps.DeleteFunc(runs, func(seed int64, _ entry) bool { return times[seed] > 1 })
	return runs
}

// difference is by how much the second of two sides is above the first.
type difference struct {
	mean      float64
	low, high float64 // of the 95 % interval of the mean; NaN where it is not known
	n         int     // pairs; 0: between the means
}

// confidence of the interval of a difference.
const confidence = 0.95

// difference compares a metric of two sides: seed by seed where they share seeds, or else their means.
func (c *comparison) difference(name string) (d difference, ok bool) {
	if len(c.sides) != 2 {
		return d, false
	}
	a, b := c.sides[0].metrics[name], c.sides[1].metrics[name]
	if len(a.values) == 0 || len(b.values) == 0 {
		return d, false
	}
	first, second := c.sides[0].bySeed(), c.sides[1].bySeed()
	var pairs []float64
	for _, seed := range c.pairs {
		x, okX := first[seed].metrics[name]
		y, okY := second[seed].metrics[name]
		if okX && okY {
			pairs = append(pairs, y-x)
		}
	}
	if len(pairs) < 2 {
		half := math.NaN()
		if c.pairs == nil {
			half = welch(a, b)
		}
		return difference{b.mean - a.mean, b.mean - a.mean - half, b.mean - a.mean + half, 0}, true
	}
	mean, sd := stat.MeanStdDev(pairs, nil)
	n := float64(len(pairs))
	half := student(n-1) * sd / math.Sqrt(n)
	return difference{mean, mean - half, mean + half, len(pairs)}, true
}

// hasInterval says whether an interval is known for the difference in a metric.
func (c *comparison) hasInterval(name string) bool {
	d, ok := c.difference(name)
	return ok && !math.IsNaN(d.low)
}

// student is the quantile of Student's t by which standard errors make an interval.
func student(freedom float64) float64 {
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: freedom}.Quantile((1 + confidence) / 2)
}

// welch is half of the interval of the difference of two means whose variances are unknown and unlike (Welch 1947); NaN where
// one is of a single run, or neither varies.
func welch(a, b spread) float64 {
	va, vb := a.sd*a.sd/float64(len(a.values)), b.sd*b.sd/float64(len(b.values)) // NaN for one run
	freedom := (va + vb) * (va + vb) / (va*va/float64(len(a.values)-1) + vb*vb/float64(len(b.values)-1))
	if math.IsNaN(freedom) {
		return math.NaN()
	}
	return student(freedom) * math.Sqrt(va+vb)
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
		mixed := func(s side) bool { return s.fact(name) == several }
		if slices.ContainsFunc(c.sides, mixed) || !same(c.sides, func(s side) any { return s.fact(name) }) {
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

// measuring are settings that change what is measured and nothing that is trained, unless the training watches a metric.
var measuring = []string{"train.eval_every", "train.clean_eval", "train.tta"}

// changes are the settings that differ by themselves: without the parameters of a block or an optimizer that is another one,
// and without what only measures.
func (c *comparison) changes() (list []string) {
	watches := func(s side) bool {
		settings := s.entries[0].settings
		return settings["schedule.metric"] != nil || settings["train.early_stop.metric"] != nil
	}
	watched := slices.ContainsFunc(c.sides, watches)
	for _, key := range c.differs {
		of := func(whole string) bool { return strings.HasPrefix(key, whole+".") }
		if !slices.ContainsFunc(c.differs, of) && (watched || !slices.Contains(measuring, key)) {
			list = append(list, key)
		}
	}
	return list
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
	changes := c.changes()
	switch {
	case len(c.sides) == 1:
	case len(c.differs) == 0:
		note("no setting differs but the seed")
	case len(changes) == 0:
		note("no setting differs but the seed and what is measured")
	case len(changes) > 1 && len(c.sides) == 2:
		note("%d settings differ (%s): no difference below is the effect of one of them alone", len(changes), strings.Join(changes, ", "))
	case len(changes) > 1:
		note("%d settings differ (%s): only runs that differ in a single one show its effect", len(changes), strings.Join(changes, ", "))
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
	sameSeeds := same(c.sides, func(s side) any { return strings.Join(s.seeds(), " ") })
	switch {
	case c.pairs != nil:
		var seeds []string
		for _, seed := range c.pairs {
			seeds = append(seeds, strconv.FormatInt(seed, 10))
		}
		left := ""
		if !sameSeeds {
			left = "; other seeds are in the means only"
		}
		note("difference: paired by seed (%s), with the 95 %% interval of its mean (Student's t)%s", strings.Join(seeds, ", "), left)
	case len(c.differs) > 0 && !sameSeeds:
		how := ""
		if slices.ContainsFunc(c.metrics, c.hasInterval) {
			how = "; with the 95 % interval of the difference of means (Welch's t)"
		}
		note("not paired by seed: %s%s", among(func(s side) string { return strings.Join(s.seeds(), ", ") }), how)
	}
	if single := func(s side) bool { return len(s.entries) == 1 }; len(c.sides) > 1 && len(changes) > 0 && slices.ContainsFunc(c.sides, single) {
		note("what a single run shows may be chance: runs under more seeds show how much")
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
		if e.metrics == nil {
			missing = fmt.Sprintf("; it has no epoch %d and is not in the numbers", c.epoch)
		}
		if r.Status != tracking.Done || missing != "" {
			note("%s (%s): %s after epoch %d%s", r.Name, r.ID, r.Status, r.EpochsDone, missing)
		}
		if n := strconv.FormatInt(r.EpochsDone, 10); !broke(e.run) && !slices.Contains(reached, n) {
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
