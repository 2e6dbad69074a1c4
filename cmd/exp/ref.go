package main

import (
	"context"
	"errors"
	"fmt"

	"exp/registry"
	"exp/tracking"
)

// runHelp says how a run is named on the command line.
const runHelp = `RUN is an id or the start of one, a name (of several runs, the one started last),
@last, @last-2 (two before the last) or @best:val_acc.`

// find gives all runs that a reference stands for, newest first; when there is
// none, the error says which ones there are that look like it.
func find(ctx context.Context, s *tracking.Store, ref string) ([]tracking.Record, error) {
	runs, err := s.Find(ctx, ref)
	var missing *tracking.NotFoundError
	if !errors.As(err, &missing) {
		return runs, err
	}
	if near := registry.Nearest(ref, missing.Names); near != "" {
		return nil, fmt.Errorf("%w; did you mean %s?", err, near)
	}
	return nil, fmt.Errorf("%w; `exp ls` shows what there is", err)
}

// findOne gives the run that a reference stands for, and says so when a name
// stands for several.
func (a *app) findOne(ctx context.Context, s *tracking.Store, ref string) (tracking.Record, error) {
	runs, err := find(ctx, s, ref)
	if err != nil {
		return tracking.Record{}, err
	}
	if len(runs) > 1 {
		a.say("%s is the name of %d runs; this is the one started last, %s", ref, len(runs), runs[0].ID)
	}
	return runs[0], nil
}
