package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"exp/blocks"
	"exp/configs"
	"exp/data"
	"exp/internal/source"
	"exp/runner"
)

// experimentHelp says how an experiment is named and changed on the command line.
const experimentHelp = `FILE is an experiment file, or the name of a shipped experiment (exp list experiments).
--set changes one value: a dotted path, items of lists by number, last, all or their
name; the value is YAML. Files first, then --set-file, then --set: later wins.`

// experimentFlags change experiments from the command line.
type experimentFlags struct {
	set, setFiles []string
	seed          int64
	cmd           *cobra.Command    // tells whether a seed was given
	texts         map[string]string // experiments that are in no file, by the name they go by
	ofRun         bool              // the verb's argument is a RUN, whose recorded experiment is changed
}

func (e *experimentFlags) flags(cmd *cobra.Command) {
	e.cmd = cmd
	cmd.Flags().StringArrayVarP(&e.set, "set", "s", nil, "change a value: `PATH=VALUE`, as in optimizer.lr=0.05 (repeatable)")
	cmd.Flags().StringArrayVar(&e.setFiles, "set-file", nil, "`FILE` of changes (repeatable)")
	cmd.Flags().Int64Var(&e.seed, "seed", 0, "change the seed")
	completeFlag(cmd, "set", completeSet(e.ofRun, ""))
}

// dataEnv is where data sets are looked for.
func (a *app) dataEnv() data.Env {
	env := data.NewEnv(func(key string) string {
		if key == "EXP_DATA_DIR" {
			return a.settings.Data
		}
		return a.getenv(key)
	}, a.cache)
	env.Warn = func(text string) { a.say("warning: %s", text) }
	return env
}

// load reads experiments, nil where there are mistakes; all mistakes of all of
// them come in one list.
func (a *app) load(e *experimentFlags, files []string) ([]*configs.Loaded, *source.Problems, error) {
	o := configs.Options{Set: e.set, SetFiles: e.setFiles, Env: a.dataEnv()}
	if e.cmd.Flags().Changed("seed") {
		o.Seed = &e.seed
	}
	loaded, all := make([]*configs.Loaded, len(files)), &joined{files: map[string]*source.File{}}
	for i, file := range files {
		read := configs.Load
		if text, ok := e.texts[file]; ok {
			read = func(name string, o configs.Options) (*configs.Loaded, error) { return configs.LoadText(name, text, o) }
		}
		l, err := read(file, o)
		switch problems := err.(type) {
		case nil:
			loaded[i] = l
		case *source.Problems:
			all.add(problems)
		default:
			return nil, nil, fmt.Errorf("load %s: %w", file, err)
		}
	}
	return loaded, &all.Problems, nil
}

// plan is load, and checks what only a run needs: the weights it starts from.
func (a *app) plan(e *experimentFlags, files []string) ([]*configs.Loaded, []*runner.Plan, *source.Problems, error) {
	loaded, problems, err := a.load(e, files)
	if err != nil {
		return nil, nil, nil, err
	}
	plans := make([]*runner.Plan, len(loaded))
	for i, l := range loaded {
		if l == nil {
			continue
		}
		plan, err := runner.NewPlan(l)
		var fault *blocks.Error
		switch {
		case err == nil:
			plans[i] = plan
		case errors.As(err, &fault):
			problems.Add(source.Diagnostic{Span: l.Where(fault.Path), Path: fault.Path, Problem: fault.Problem, Help: fault.Help})
			loaded[i] = nil
		default:
			return nil, nil, nil, fmt.Errorf("plan %s: %w", files[i], err)
		}
	}
	return loaded, plans, problems, nil
}

// planAll is plan for verbs that do nothing when there is a mistake.
func (a *app) planAll(e *experimentFlags, files []string) ([]*configs.Loaded, []*runner.Plan, error) {
	loaded, plans, problems, err := a.plan(e, files)
	if err != nil {
		return nil, nil, err
	}
	return loaded, plans, a.refuse(problems)
}

// loadAll is load for verbs that do nothing when there is a mistake.
func (a *app) loadAll(e *experimentFlags, files []string) ([]*configs.Loaded, error) {
	loaded, problems, err := a.load(e, files)
	if err != nil {
		return nil, err
	}
	return loaded, a.refuse(problems)
}

// refuse shows mistakes, if there are any.
func (a *app) refuse(problems *source.Problems) error {
	if problems.Len() == 0 {
		return nil
	}
	fmt.Fprint(a.err, problems.Render())
	return &silentError{2}
}

// joined collects the mistakes of several experiments in their order; what they
// share (a base, a --set) is shown once.
type joined struct {
	source.Problems
	files map[string]*source.File
}

func (j *joined) add(p *source.Problems) {
	for _, d := range p.List() {
		if f := d.Span.File; f != nil {
			key := f.Name + "\x00" + f.Text
			if j.files[key] == nil {
				same := *f
				same.Order = len(j.files)
				j.files[key] = &same
			}
			d.Span.File = j.files[key]
		}
		j.Add(d)
	}
}
