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
}

func newLsCmd(a *app) *cobra.Command {
	o := &LsOptions{}
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List runs, the newest first",
		Long: `List runs, the newest first.

val_acc is that of the last epoch, best the highest; train err is the last
clean_train_err where it was measured, otherwise 1 - train_acc.

` + exitCodes,
		Example: "  exp ls\n  exp ls --status failed,diverged\n  exp ls -n 0 --csv",
		Args:    cobra.NoArgs,
		RunE:    a.run(func(cmd *cobra.Command, _ []string) error { return lsRun(cmd.Context(), a, o) }),
	}
	cmd.Flags().IntVarP(&o.Limit, "limit", "n", -1, "number of runs, 0 for all (default 20; all with --json and --csv)")
	cmd.Flags().Lookup("limit").DefValue = "0" // said in the text above
	cmd.Flags().StringSliceVar(&o.Statuses, "status", nil, "only runs of this status: "+strings.Join(tracking.Statuses, ", "))
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
	filter := tracking.Filter{Statuses: o.Statuses, Limit: o.Limit}
	switch {
	case o.Limit < -1:
		return usage("-n: %d is below 0", o.Limit)
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
	runs, err := store.List(ctx, filter)
	if err != nil {
		return err
	}
	table, err := runsTable(ctx, a, store, runs)
	if err != nil {
		return err
	}
	if err := table.Write(a.out, format, a.color(a.outTTY)); err != nil {
		return err
	}
	total, err := store.Count(ctx, filter)
	switch {
	case err != nil:
		return err
	case total == 0:
		a.say("no runs in %s", store.Path())
	case len(runs) < total:
		a.say("the newest %d of %d runs (-n 0 shows all)", len(runs), total)
	}
	return nil
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
