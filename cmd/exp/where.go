package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"exp/registry"
	"exp/tracking"
	"exp/tracking/filter"
)

// whereHelp says how runs are chosen by a condition.
const whereHelp = `--where chooses runs by a condition, such as
  shortcut = none and depth >= 44 and (val_acc.max > 0.85 or status = diverged)
A name is a column of runs, tag, train_err, the dotted path of a parameter, or a metric with
the value of it that is meant: .last .best .max .min .first .at(EPOCH); @epoch after one of
them is its epoch. Operators: = != < <= > >= ~ (regular expression) in (A, B); and or not ( ).
--sort takes such names, with - before one for the largest first; what a run does not have
comes last.`

// filterFlags are the flags that choose runs and their order, the same for every verb.
func filterFlags(cmd *cobra.Command, where, sort *string) {
	cmd.Flags().StringVarP(where, "where", "w", "", "only runs that meet a `CONDITION`")
	cmd.Flags().StringVar(sort, "sort", "", "`NAMES` to sort runs by, as in -val_acc.max,name")
	completeFlag(cmd, "where", completeWhere)
	completeFlag(cmd, "sort", completeWhere)
}

// colsFlag is for verbs that show runs.
func colsFlag(cmd *cobra.Command, cols *string, doc string) {
	cmd.Flags().StringVar(cols, "cols", "", doc)
	completeFlag(cmd, "cols", completeWhere)
}

// choice names runs on the command line: by references, by a condition, or the ones
// of the references that meet the condition; and their order.
type choice struct {
	refs              []string
	where, sort, cols string
}

func (c *choice) flags(cmd *cobra.Command) { filterFlags(cmd, &c.where, &c.sort) }

// some says that a verb needs at least one run.
func (c *choice) some(cmd *cobra.Command) error {
	if len(c.refs) == 0 && !cmd.Flags().Changed("where") {
		return usage("%s needs a RUN or --where; `%s --help` shows an example", cmd.Name(), cmd.CommandPath())
	}
	if cmd.Flags().Changed("where") && strings.TrimSpace(c.where) == "" {
		return usage("--where: the condition is empty")
	}
	return nil
}

// choose gives the chosen runs, each once: sorted as asked, or else in the order of the
// references, or else the newest first. A name stands for all its runs.
func (a *app) choose(ctx context.Context, store *tracking.Store, c choice) ([]tracking.Record, error) {
	meet, err := c.meeting(ctx, store)
	if err != nil {
		return nil, err
	}
	runs := meet
	if len(c.refs) > 0 {
		runs = nil
		for _, ref := range c.refs {
			found, err := find(ctx, store, ref)
			if err != nil {
				return nil, err
			}
			for _, r := range found {
				if !hasRun(runs, r) && (c.where == "" || hasRun(meet, r)) {
					runs = append(runs, r)
				}
			}
		}
		c.inOrder(runs, meet)
	}
	if len(runs) == 0 {
		return nil, &tracking.NotFoundError{Ref: "--where", Store: store.Path(), Why: "no run meets " + c.where}
	}
	return runs, nil
}

// meeting gives the runs that meet the condition, sorted: all without one, but nil if they are named and need no order.
func (c choice) meeting(ctx context.Context, store *tracking.Store) ([]tracking.Record, error) {
	if len(c.refs) > 0 && c.where == "" && c.sort == "" {
		return nil, nil
	}
	return store.List(ctx, tracking.Filter{Where: c.where, Sort: c.sort})
}

// inOrder sorts runs as they are in sorted, if an order was asked for.
func (c choice) inOrder(runs, sorted []tracking.Record) {
	if c.sort == "" {
		return
	}
	slices.SortStableFunc(runs, func(a, b tracking.Record) int { return cmp.Compare(rank(sorted, a), rank(sorted, b)) })
}

func rank(runs []tracking.Record, r tracking.Record) int {
	return slices.IndexFunc(runs, func(have tracking.Record) bool { return have.ID == r.ID })
}

func hasRun(runs []tracking.Record, r tracking.Record) bool {
	return rank(runs, r) >= 0
}

// explain gives an error the words that only the command line knows: the name that
// was probably meant in a filter.
func explain(err error) error {
	var fault *filter.Error
	if !errors.As(err, &fault) {
		return err
	}
	meant := fault.Suggest
	if meant == "" && fault.Written != "" {
		meant = registry.Nearest(fault.Written, fault.Names)
	}
	after := ""
	switch {
	case meant != "":
		after = fmt.Sprintf("; did you mean %q?", meant)
	case fault.Written != "" && strings.HasPrefix(fault.Problem, "unknown name"):
		after = "; `exp show @last` lists parameters and metrics, `exp query` columns of runs"
	}
	return errors.New(strings.Replace(err.Error(), fault.Error(), fault.Render(after), 1))
}
