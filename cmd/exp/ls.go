package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"exp/internal/term"
	"exp/registry"
	"exp/runner/metric"
	"exp/tracking"
)

// lsLimit is how many runs a person is shown without asking; programs get all.
const lsLimit = 20

// LsOptions are what `exp ls` was asked.
type LsOptions struct {
	output
	Limit    int // -1: lsLimit for people, all for programs; 0: all
	Statuses []string
	Where    string
	Sort     string
	Cols     string
	Trash    bool
}

func newLsCmd(a *app) *cobra.Command {
	o := &LsOptions{}
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List runs, the newest first",
		Long: `List runs, the newest first.

val_acc is that of the last epoch, best the highest, that of the untrained net included;
train err is the last clean_train_err where it was measured, otherwise 1 - train_acc.

` + whereHelp + `
--cols takes such names too, each perhaps with "as NAME".

` + exitCodes,
		Example: `  exp ls --status failed,diverged
  exp ls --where 'shortcut = none and depth >= 44' --sort -val_acc.max
  exp ls --cols 'name, optimizer.lr as lr, val_acc.max, val_acc.max@epoch as at' -n 0 --csv`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("ls takes no RUN: `exp show %s` shows one, --where chooses some", args[0])
			}
			return nil
		},
		RunE: a.run(func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("limit") && o.Limit < 0 {
				return usage("-n: %d is below 0", o.Limit)
			}
			return lsRun(cmd.Context(), a, o)
		}),
	}
	cmd.Flags().IntVarP(&o.Limit, "limit", "n", -1, "number of runs, 0 for all (default 20; all with --json and --csv)")
	cmd.Flags().Lookup("limit").DefValue = "0" // said in the text above
	cmd.Flags().StringSliceVar(&o.Statuses, "status", nil, "only runs of this status: "+strings.Join(tracking.Statuses, ", "))
	filterFlags(cmd, &o.Where, &o.Sort)
	colsFlag(cmd, &o.Cols, "`NAMES` of the columns to show")
	cmd.Flags().BoolVar(&o.Trash, "trash", false, "the runs in the trash instead")
	completeFlag(cmd, "status", func(*app, *cobra.Command, string) []string { return tracking.Statuses })
	o.flags(cmd)
	return cmd
}

func lsRun(ctx context.Context, a *app, o *LsOptions) error {
	format, err := o.format()
	if err != nil {
		return err
	}
	for _, s := range o.Statuses {
		if !slices.Contains(tracking.Statuses, s) {
			return usage("--status: %q is not one of %s%s", s, strings.Join(tracking.Statuses, ", "), didYouMean(s, tracking.Statuses))
		}
	}
	filter := tracking.Filter{Statuses: o.Statuses, Where: o.Where, Sort: o.Sort, Trashed: o.Trash, Limit: o.Limit}
	switch {
	case o.Limit == -1 && format.ForPeople():
		filter.Limit = lsLimit
	case o.Limit == -1:
		filter.Limit = 0
	}
	store, err := a.openReader(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	table, err := lsTable(ctx, a, store, filter, o.Cols)
	if err != nil {
		return err
	}
	if err := table.Write(a.out, format, a.color(a.outTTY)); err != nil {
		return err
	}
	shown := len(table.Rows)
	if shown > 0 && (filter.Limit == 0 || shown < filter.Limit) {
		return nil // these are all
	}
	total, err := store.Count(ctx, filter)
	first := "newest"
	if o.Sort != "" {
		first = "first"
	}
	switch {
	case err != nil:
		return err
	case total == 0 && o.Trash:
		a.say("no runs in the trash of %s", store.Path())
	case total == 0 && (o.Where != "" || len(o.Statuses) > 0):
		a.say("no such runs in %s", store.Path())
	case total == 0:
		a.say("no runs in %s", store.Path())
	case shown < total:
		a.say("the %s %d of %d runs (-n 0 shows all)", first, shown, total)
	}
	return nil
}

// lsTable has the usual columns, or the ones that were asked for.
func lsTable(ctx context.Context, a *app, store *tracking.Store, filter tracking.Filter, cols string) (*term.Table, error) {
	if cols == "" {
		runs, err := store.List(ctx, filter)
		if err != nil {
			return nil, err
		}
		return runsTable(ctx, a, store, runs)
	}
	chosen, err := store.Select(ctx, filter, cols)
	if err != nil {
		return nil, err
	}
	return selectionTable(a, chosen), nil
}

// choiceTable has the usual columns of runs, or the ones that were asked for.
func choiceTable(ctx context.Context, a *app, store *tracking.Store, runs []tracking.Record, cols string) (*term.Table, error) {
	if cols == "" {
		return runsTable(ctx, a, store, runs)
	}
	chosen, err := store.Select(ctx, tracking.Filter{IDs: ids(runs)}, cols)
	if err != nil {
		return nil, err
	}
	t := selectionTable(a, chosen)
	t.Rows = nil
	for _, r := range runs { // in their order
		if i := slices.Index(chosen.IDs, r.ID); i >= 0 {
			t.Rows = append(t.Rows, chosen.Rows[i])
		}
	}
	return t, nil
}

func selectionTable(a *app, chosen *tracking.Selection) *term.Table {
	t := &term.Table{Rows: chosen.Rows}
	for _, c := range chosen.Columns {
		column := term.Column{Name: c.Name}
		switch {
		case c.Metric:
			column.Text = metricText(c.Of)
		case c.Of == "train_err":
			column.Text = term.Fixed(4)
		case c.Of == "seconds":
			column.Text, column.Right = term.Duration, true
		case c.Of == "status":
			column.Style = statusStyle
		case strings.HasPrefix(c.Of, "params_") || c.Of == "macs":
			column.Text = term.Count
		case c.Of == "started_at" || c.Of == "ended_at":
			now := a.now()
			column.Text = func(v any) string { return when(v, now) }
		}
		t.Columns = append(t.Columns, column)
	}
	return t
}

func didYouMean(written string, names []string) string {
	if name := registry.Nearest(written, names); name != "" {
		return fmt.Sprintf("; did you mean %q?", name)
	}
	return ""
}

func runsTable(ctx context.Context, a *app, store *tracking.Store, runs []tracking.Record) (*term.Table, error) {
	ids := make([]string, len(runs))
	for i, r := range runs {
		ids[i] = r.ID
	}
	sums, err := store.Summaries(ctx, ids, metric.ValAcc, metric.CleanTrainErr, metric.TrainAcc)
	if err != nil {
		return nil, err
	}
	now := a.now()
	t := &term.Table{Columns: []term.Column{
		{Name: "id"},
		{Name: "name"},
		{Name: "status", Style: statusStyle},
		{Name: "shortcut"},
		{Name: "depth"},
		{Name: "seed"},
		{Name: "epochs", Only: term.People, Right: true},
		{Name: "epochs_done", Only: term.Programs},
		{Name: "epochs_planned", Only: term.Programs},
		{Name: "val_acc", Text: term.Fixed(4)},
		{Name: "val_acc_max", Head: "best", Text: term.Fixed(4)},
		{Name: "val_acc_max_epoch", Only: term.Programs},
		{Name: "train_err", Head: "train err", Text: term.Fixed(4)},
		{Name: "seconds", Head: "time", Text: term.Duration, Right: true},
		{Name: "started_at", Head: "started", Text: func(v any) string { return when(v, now) }},
	}}
	for _, r := range runs {
		row := fieldsByName(r)
		sum := sums[r.ID]
		var last, best, bestEpoch any
		if s, ok := sum[metric.ValAcc]; ok {
			last, best, bestEpoch = s.Last, s.Max, s.MaxEpoch
		}
		t.Add(r.ID, r.Name, r.Status, row["shortcut"], row["depth"], r.Seed,
			fmt.Sprintf("%d/%d", r.EpochsDone, r.EpochsPlanned), r.EpochsDone, r.EpochsPlanned,
			last, best, bestEpoch, trainErr(sum), r.Seconds, row["started_at"])
	}
	return t, nil
}

// fieldsByName gives a record's columns by name, nil where nothing is known.
func fieldsByName(r tracking.Record) map[string]any {
	m := map[string]any{}
	for _, f := range r.Fields() {
		m[f.Name] = f.Value
	}
	return m
}

// trainErr is the training error that lists show: measured on clean data where
// it was, otherwise one minus the running accuracy.
func trainErr(sum map[string]tracking.Summary) any {
	if s, ok := sum[metric.CleanTrainErr]; ok {
		return s.Last
	}
	if s, ok := sum[metric.TrainAcc]; ok {
		return 1 - s.Last
	}
	return nil
}

// when writes a time as a person says it: how long ago today, the date before.
func when(v any, now time.Time) string {
	t, err := time.Parse(time.RFC3339, fmt.Sprint(v))
	if err != nil {
		return fmt.Sprint(v)
	}
	switch ago := now.Sub(t); {
	case ago < 0 || ago >= 24*time.Hour:
		return t.Local().Format("2006-01-02 15:04")
	case ago < time.Minute:
		return fmt.Sprintf("%d s ago", int(ago.Seconds()))
	case ago < time.Hour:
		return fmt.Sprintf("%d min ago", int(ago.Minutes()))
	default:
		return fmt.Sprintf("%d h ago", int(ago.Hours()))
	}
}
