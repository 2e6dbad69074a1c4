package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// QueryOptions are what `exp query` was asked.
type QueryOptions struct {
	output
	SQL string
}

func newQueryCmd(a *app) *cobra.Command {
	o := &QueryOptions{}
	cmd := &cobra.Command{
		Use:   "query SQL",
		Short: "Read the store with SQL",
		Long: `Read the store with one SQL statement; nothing can be changed by it.

Tables: runs, params, metrics, summary, layer_stats, events, artifacts, tags.
Views: epochs (a wide row per run and epoch) and degradation (a row per experiment,
over its seeds). In JSON, numbers keep their type and NaN is null.

` + exitCodes,
		Example: `  exp query "SELECT shortcut, depth, n, train_err_mean, train_err_sd FROM degradation ORDER BY depth"
  exp query --csv "SELECT epoch, train_loss, val_acc FROM epochs WHERE run_id = '2yxk3a9d7q'"
  exp query "SELECT name FROM pragma_table_info('runs')"`,
		Args: takes(1, "one statement of SQL, in quotes"),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			o.SQL = args[0]
			return queryRun(cmd.Context(), a, o)
		}),
	}
	o.flags(cmd)
	return cmd
}

// whereColumnsAre adds to a complaint about a name where the names there are can be seen.
func whereColumnsAre(err error) error {
	switch text := err.Error(); {
	case strings.HasPrefix(text, "no such column"):
		return fmt.Errorf("%w\n  the columns of a table: exp query \"SELECT name FROM pragma_table_info('runs')\"", err)
	case strings.HasPrefix(text, "no such table"):
		return fmt.Errorf("%w\n  `exp query --help` lists the tables and views", err)
	}
	return err
}

func queryRun(ctx context.Context, a *app, o *QueryOptions) error {
	format, err := o.format()
	if err != nil {
		return err
	}
	store, err := a.openReader(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	result, err := store.Query(ctx, o.SQL)
	if err != nil {
		return whereColumnsAre(err)
	}
	return resultTable(result).Write(a.out, format, a.color(a.outTTY))
}
