package main

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"exp/configs"
	"exp/registry"
	"exp/runner/metric"
	"exp/tracking"
)

// What shells are told when the tab key is pressed. Completion must never speak, and
// never write: without a store there is simply nothing to offer.

const mostCompletions = 50 // runs that are offered

// quiet readies the app for a completion; false when there are mistakes in its settings.
func (a *app) quiet() bool {
	a.err = io.Discard
	return a.reread() == nil
}

// peek opens the store for a completion, nil when there is none.
func (a *app) peek(ctx context.Context) *tracking.Store {
	if !a.quiet() {
		return nil
	}
	s, err := a.openReader(ctx)
	if err != nil {
		return nil
	}
	return s
}

// completeRuns offers run names, ids and special references for the first most
// arguments; -1: for all.
func (a *app) completeRuns(most int) cobra.CompletionFunc { return a.completeRunsOf(false, most) }

// completeRunsOf is completeRuns, or with trashed the same of the runs in the trash.
func (a *app) completeRunsOf(trashed bool, most int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, start string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if most >= 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx := cmd.Context()
		store := a.peek(ctx)
		if store == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer store.Close()
		runs, err := store.List(ctx, tracking.Filter{Trashed: trashed, Limit: mostCompletions})
		if err != nil || len(runs) == 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var offers []cobra.Completion
		offer := func(ref, doc string) {
			known := slices.ContainsFunc(offers, func(o string) bool { return strings.HasPrefix(o, ref+"\t") })
			if strings.HasPrefix(ref, start) && !slices.Contains(args, ref) && !known {
				offers = append(offers, cobra.CompletionWithDesc(ref, doc))
			}
		}
		offer("@last", "the run started last")
		offer("@best:"+metric.ValAcc, "the run with the best validation accuracy")
		for _, r := range runs {
			offer(r.Name, r.Status+", "+when(tracking.Timestamp(r.StartedAt), a.now()))
		}
		for _, r := range runs {
			offer(r.ID, r.Name+", "+r.Status)
		}
		return offers, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// completeFiles offers shipped experiments beside the files that the shell finds.
func completeFiles(_ *cobra.Command, args []string, start string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var offers []cobra.Completion
	for _, name := range configs.Shipped() {
		if strings.HasPrefix(name, start) && !slices.Contains(args, name) {
			offers = append(offers, name)
		}
	}
	if len(offers) > 0 && start != "" {
		return offers, cobra.ShellCompDirectiveNoFileComp
	}
	return append(offers, "yaml", "yml"), cobra.ShellCompDirectiveFilterFileExt
}

// oneFileOnly is completeFiles for verbs that take one.
func oneFileOnly(cmd *cobra.Command, args []string, start string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return completeFiles(cmd, args, start)
}

// completeFlag has a flag's value completed; the app is the one of the command's context.
func completeFlag(cmd *cobra.Command, flag string, offers func(a *app, cmd *cobra.Command, start string) []string) {
	cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, start string) ([]cobra.Completion, cobra.ShellCompDirective) {
		a, _ := cmd.Root().Context().Value(appKey{}).(*app)
		if a == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return offers(a, cmd, start), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	})
}

// appKey is where the context of a command has its app.
type appKey struct{}

// completeTags offers the tags in use.
func completeTags(a *app, cmd *cobra.Command, start string) []string {
	store := a.peek(cmd.Context())
	if store == nil {
		return nil
	}
	defer store.Close()
	return goingOn("", start, tagsOf(cmd.Context(), store))
}

func tagsOf(ctx context.Context, store *tracking.Store) []string {
	tags, err := store.AllTags(ctx)
	if err != nil {
		return nil
	}
	return firsts(tags.Rows)
}

// goingOn gives the words that begin with start, each after what stands before it.
func goingOn(before, start string, words []string) []string {
	var offers []string
	for _, w := range words {
		if strings.HasPrefix(w, start) {
			offers = append(offers, before+w)
		}
	}
	return offers
}

// firsts gives what stands first in rows, each once.
func firsts(rows [][]any) []string {
	var words []string
	for _, row := range rows {
		if row[0] != nil {
			words = append(words, fmt.Sprint(row[0]))
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}

// compared is the end of a condition after an operator: the name on its left, and the
// beginning of a value.
var compared = regexp.MustCompile(`([^\s,=!<>~]+)(?:\s*[=!<>~]+|(?:\s+(?i:not))?\s+(?i:in)\s*\((?:[^()]*,)?)\s*(["'][^"']*|[^\s(),=!<>~]*)$`)

// completeWhere offers the names that a condition can begin with, or go on with after
// its last word; after an operator, the values that runs have.
func completeWhere(a *app, cmd *cobra.Command, start string) []string {
	store := a.peek(cmd.Context())
	if store == nil {
		return nil
	}
	defer store.Close()
	if m := compared.FindStringSubmatch(start); m != nil {
		name, value := strings.TrimLeft(m[1], "("), m[2]
		return goingOn(strings.TrimSuffix(start, value), value, valuesOf(cmd.Context(), store, name))
	}
	names, err := store.FilterNames(cmd.Context())
	if err != nil {
		return nil
	}
	cut := strings.LastIndexAny(start, " (,-") + 1
	return goingOn(start[:cut], start[cut:], names)
}

// valuesOf gives the values that runs have of a name in a condition; none of metrics, and
// none that would need quotes within those of the shell.
func valuesOf(ctx context.Context, store *tracking.Store, name string) []string {
	var values []string
	if name == "tag" {
		values = tagsOf(ctx, store)
	} else {
		runs, err := store.Select(ctx, tracking.Filter{}, name)
		if err != nil || runs.Columns[0].Metric {
			return nil
		}
		values = firsts(runs.Rows)
	}
	return slices.DeleteFunc(values, func(v string) bool {
		return v == "" || strings.ContainsAny(v, " \t\n(),=!<>~@'\"")
	})
}

// completeSet offers the paths of an experiment that begin with under, and after = the
// names of blocks and whatever else can be picked there. The experiment is that of the
// first argument: a file, or with ofRun a run.
func completeSet(ofRun bool, under string) func(a *app, cmd *cobra.Command, start string) []string {
	return func(a *app, cmd *cobra.Command, start string) []string {
		args := cmd.Flags().Args()
		if len(args) == 0 || !a.quiet() {
			return nil
		}
		load := configs.Load
		if ofRun {
			load = func(ref string, o configs.Options) (*configs.Loaded, error) {
				run, text, err := a.recorded(cmd.Context(), ref)
				if err != nil {
					return nil, err
				}
				return configs.LoadText(recordedFile(run), text, o)
			}
		}
		o := configs.Options{Env: a.dataEnv()}
		o.Set, _ = cmd.Flags().GetStringArray("set")           // those before this one
		o.SetFiles, _ = cmd.Flags().GetStringArray("set-file") // none where there is no such flag
		l, _ := load(args[0], o)
		if l == nil { // mistakes alone do not matter: what is missing may be what is typed now
			return nil
		}
		path, value, hasValue := strings.Cut(start, "=")
		var offers []string
		for _, p := range l.Params() {
			switch {
			case !strings.HasPrefix(p.Key, under):
			case !hasValue && strings.HasPrefix(p.Key, path):
				offers = append(offers, p.Key+"=")
			case hasValue && p.Key == strings.TrimSuffix(path, ".type"):
				offers = append(offers, goingOn(path+"=", value, siblingNames(p.Value))...)
			}
		}
		return offers
	}
}

// siblingNames are all names of the kinds that have one of that name.
func siblingNames(v any) []string {
	name, _ := v.(string)
	var all []string
	for _, k := range registry.Kinds() {
		if slices.Contains(k.Names(), name) {
			all = append(all, k.Names()...)
		}
	}
	return all
}
