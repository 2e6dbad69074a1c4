package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"exp/tracking"
)

// GcOptions are what `exp gc` was asked.
type GcOptions struct {
	OlderThan string
	Yes       bool
}

func newGcCmd(a *app) *cobra.Command {
	o := &GcOptions{}
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Delete what is in the trash, with its files",
		Long: `Delete the runs that have been in the trash for some time, with their weights and other
files. This cannot be undone: it shows which runs and asks.

` + exitCodes,
		Example: "  exp gc\n  exp gc --older-than 0d --yes",
		Args:    cobra.NoArgs,
		RunE:    a.run(func(cmd *cobra.Command, _ []string) error { return gcRun(cmd.Context(), a, o) }),
	}
	cmd.Flags().StringVar(&o.OlderThan, "older-than", "30d", "how long in the trash: `TIME` as 30d, 12h or 90m")
	cmd.Flags().BoolVarP(&o.Yes, "yes", "y", false, "do not ask")
	return cmd
}

func gcRun(ctx context.Context, a *app, o *GcOptions) error {
	age, err := duration(o.OlderThan)
	if err != nil {
		return err
	}
	store, err := a.openWriter(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	runs, err := store.Old(ctx, a.now().Add(-age))
	if err != nil {
		return err
	}
	if len(runs) == 0 {
		younger, err := store.List(ctx, tracking.Filter{Trashed: true})
		if err != nil {
			return err
		}
		text := fmt.Sprintf("nothing has been in the trash of %s for %s", store.Path(), o.OlderThan)
		if len(younger) > 0 {
			text += fmt.Sprintf("; for less: %s, which `exp gc --older-than 0d` deletes", count(len(younger), "run"))
		}
		a.say("%s", text)
		return nil
	}
	var bytes int64
	for _, r := range runs {
		n, err := store.Bytes(r.ID)
		if err != nil {
			return fmt.Errorf("measure the files of run %s: %w", r.ID, err)
		}
		bytes += n
	}
	what := fmt.Sprintf("delete %s of %s for good, with %.1f MB of files", count(len(runs), "run"), store.Path(), float64(bytes)/1e6)
	if err := a.confirm(ctx, store, runs, "", what, o.Yes); err != nil {
		return err
	}
	deleted, err := store.Delete(ctx, runs)
	if len(deleted) > 0 {
		a.say("deleted: %s", strings.Join(deleted, " "))
	}
	return err
}

// duration reads 30d, 12h, 90m.
func duration(text string) (time.Duration, error) {
	const day = 24 * time.Hour
	units := map[string]time.Duration{"d": day, "h": time.Hour, "m": time.Minute}
	if text != "" {
		unit := units[text[len(text)-1:]]
		n, err := strconv.ParseFloat(text[:len(text)-1], 64)
		if err == nil && unit > 0 && n >= 0 && n < 1e5 {
			return time.Duration(n * float64(unit)), nil
		}
	}
	return 0, usage("--older-than: %q is no time; write 30d, 12h or 90m", text)
}
