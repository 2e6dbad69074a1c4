package main

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"exp/internal/term"
	"exp/runner/metric"
	"exp/tracking"
)

// CompareOptions are what `exp compare` was asked.
type CompareOptions struct {
	output
	choice
	At   int  // epoch; -1: the last one that all runs have
	Each bool // no grouping over seeds
	All  bool // every constant setting, defaults and circumstances too
}

func newCompareCmd(a *app) *cobra.Command {
	o := &CompareOptions{}
	cmd := &cobra.Command{
		Use:   "compare [RUN...]",
		Short: "Compare runs: what is constant, what differs, what came out",
		Long: `Compare runs side by side, all at the same epoch: what is constant on one line,
only what differs as rows, then the metrics. Runs that differ only in their seed
become one column: mean ± sample standard deviation (number of runs; 2/3 when one
of three did not come so far). More than four columns are written as rows.

Two columns that share seeds are compared seed by seed: the difference is the mean
over the pairs, with its 95 % interval by Student's t; without shared seeds it is that of
the means, with Welch's interval. Constant settings that are their defaults are not
written; --all writes them.

` + runHelp + `
Here a name also stands for the ended runs of the same experiment with other seeds.

` + whereHelp + "\n\n" + exitCodes,
		Example:           "  exp compare @last-1 @last\n  exp compare plain-cifar resnet-cifar --at 10\n  exp compare --where 'tag = deg1 and depth = 56' --csv",
		ValidArgsFunction: a.completeRuns(-1),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			o.refs = args
			if err := o.some(cmd); err != nil {
				return err
			}
			return compareRun(cmd.Context(), a, o)
		}),
	}
	cmd.Flags().IntVar(&o.At, "at", -1, "compare at this epoch (default: the last that every run has and has evaluated)")
	cmd.Flags().Lookup("at").DefValue = "0" // said in the text above
	cmd.Flags().BoolVar(&o.Each, "each", false, "one column a run: no means over seeds")
	cmd.Flags().BoolVar(&o.All, "all", false, "every constant, also what is a default")
	colsFlag(cmd, &o.cols, "`NAMES` of the settings and metrics to show, as in val_acc,optimizer.lr (default: all that differ)")
	o.choice.flags(cmd)
	o.output.flags(cmd)
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
	at := o.At
	if at < 0 {
		at, err = lastEvaluated(runs, lastCommonEpoch(runs), func(epoch int) (map[string]map[string]float64, error) {
			return store.MetricsAt(ctx, ids(runs), epoch)
		})
		if err != nil {
			return err
		}
	}
	entries, err := readEntries(ctx, store, runs, at)
	if err != nil {
		return err
	}
	if o.At >= 0 && !slices.ContainsFunc(entries, func(e entry) bool { return e.metrics != nil }) {
		most := slices.MaxFunc(runs, func(x, y tracking.Record) int { return cmp.Compare(x.EpochsDone, y.EpochsDone) })
		return usage("--at: no run has an epoch %d; the last one is %d", o.At, most.EpochsDone)
	}
	c := newComparison(entries, at, o.Each)
	c.all = o.All
	if err := c.keep(o.cols); err != nil {
		return err
	}
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
	if len(o.refs) == 0 {
		runs, err := a.choose(ctx, store, o.choice)
		if o.sort == "" {
			slices.Reverse(runs) // as they were made
		}
		return runs, err
	}
	meet, err := o.meeting(ctx, store)
	if err != nil {
		return nil, err
	}
	var runs []tracking.Record
	for _, ref := range o.refs {
		found, err := find(ctx, store, ref)
		if err != nil {
			return nil, err
		}
		if o.where != "" {
			found = slices.DeleteFunc(found, func(r tracking.Record) bool { return !hasRun(meet, r) })
			if len(found) == 0 {
				return nil, &tracking.NotFoundError{Ref: ref, Store: store.Path(), Why: "no such run meets " + o.where}
			}
		}
		if len(found) > 1 {
			all := len(found)
			found = siblings(found)
			a.say("%s is the name of %d runs; taken: %s", ref, all, strings.Join(ids(found), " "))
		}
		for _, r := range found {
			if !hasRun(runs, r) {
				runs = append(runs, r)
			}
		}
	}
	o.inOrder(runs, meet)
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
	fields   map[string]any     // its columns
	settings map[string]any     // by dotted path, without seed and name; nil where another run of the group has the same
	metrics  map[string]float64 // at the epoch in question, with what has come together until then; nil without that epoch
}

func readEntries(ctx context.Context, store *tracking.Store, runs []tracking.Record, at int) ([]entry, error) {
	list := ids(runs)
	var firsts []string // of each group, whose settings are the same
	groups := map[string]bool{}
	for _, r := range runs {
		if r.GroupHash == "" || !groups[r.GroupHash] {
			groups[r.GroupHash] = true
			firsts = append(firsts, r.ID)
		}
	}
	params, err := store.ParamsOf(ctx, firsts)
	if err != nil {
		return nil, err
	}
	metrics, err := store.MetricsAt(ctx, list, at)
	if err != nil {
		return nil, err
	}
	best, total, err := store.Until(ctx, list, at, metric.ValAcc, metric.Seconds)
	if err != nil {
		return nil, err
	}
	entries := make([]entry, len(runs))
	for i, r := range runs {
		e := entry{run: r, settings: params[r.ID], metrics: metrics[r.ID]}
		delete(e.settings, "seed")
		delete(e.settings, "name")
		if v, ok := best[r.ID]; ok && e.metrics != nil {
			e.metrics[bestValAcc] = v
		}
		if v, ok := total[r.ID]; ok && v > 0 && e.metrics != nil {
			e.metrics[totalSeconds] = v
		}
		entries[i] = e
	}
	return entries, nil
}

// broke says whether a run will never come further, and not by plan.
func broke(r tracking.Record) bool {
	return r.Status == tracking.Diverged || r.Status == tracking.Failed
}

// lastEvaluated is the last epoch up to the given one after which all runs that did not break were evaluated; that itself
// when there is none.
func lastEvaluated(runs []tracking.Record, epoch int, metricsAt func(epoch int) (map[string]map[string]float64, error)) (int, error) {
	for n := epoch; n > 0; n-- {
		metrics, err := metricsAt(n)
		if err != nil {
			return 0, err
		}
		if !slices.ContainsFunc(runs, func(r tracking.Record) bool {
			_, evaluated := metrics[r.ID][metric.ValAcc]
			return !evaluated && !broke(r)
		}) {
			return n, nil
		}
	}
	return epoch, nil
}

// lastCommonEpoch is the last epoch that all runs have; runs that diverged or
// failed do not hold the others back, unless there are no others.
func lastCommonEpoch(runs []tracking.Record) int {
	least := int64(math.MaxInt64)
	for _, r := range runs {
		if !broke(r) {
			least = min(least, r.EpochsDone)
		}
	}
	if least < math.MaxInt64 {
		return int(least)
	}
	for _, r := range runs {
		least = min(least, r.EpochsDone)
	}
	return int(least)
}
