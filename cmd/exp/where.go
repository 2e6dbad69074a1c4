package main

import (
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
them is its epoch. Operators: = != < <= > >= ~ (regular expression) in (A, B); and or not ( ).`

// choice names runs on the command line: by references, by a condition, or the ones
// of the references that meet the condition.
type choice struct {
	refs  []string
	where string
}

func (c *choice) flags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&c.where, "where", "w", "", "runs that meet a `CONDITION`")
	completeFlag(cmd, "where", completeWhere)
}

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

// choose gives the chosen runs, each once: in the order of the references, or the
// newest first. A name stands for all its runs.
func (a *app) choose(ctx context.Context, store *tracking.Store, c choice) ([]tracking.Record, error) {
	var meet []tracking.Record
	if c.where != "" {
		var err error
		if meet, err = store.List(ctx, tracking.Filter{Where: c.where}); err != nil {
			return nil, err
		}
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
	}
	if len(runs) == 0 {
		return nil, &tracking.NotFoundError{Ref: "--where", Store: store.Path(), Why: "no run meets " + c.where}
	}
	return runs, nil
}

func hasRun(runs []tracking.Record, r tracking.Record) bool {
	return slices.ContainsFunc(runs, func(have tracking.Record) bool { return have.ID == r.ID })
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
