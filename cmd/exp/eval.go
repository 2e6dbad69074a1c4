package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"exp/configs"
	"exp/data"
	"exp/internal/term"
	"exp/runner"
	"exp/tracking"
)

// weightsFlag chooses between the weights that a run leaves.
type weightsFlag struct{ weights string }

var weightFiles = map[string]string{"best": runner.BestWeights, "last": runner.LastWeights}

func (w *weightsFlag) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&w.weights, "weights", "best", "`best` (of the epoch with the highest val_acc, the untrained net aside) or last")
	completeFlag(cmd, "weights", func(*app, *cobra.Command, string) []string { return []string{"best", "last"} })
}

// EvalOptions are what `exp eval` was asked.
type EvalOptions struct {
	output
	weightsFlag
	Ref  string
	On   string
	Data string
	TTA  string
	Set  []string
}

func newEvalCmd(a *app) *cobra.Command {
	o := &EvalOptions{}
	cmd := &cobra.Command{
		Use:   "eval RUN",
		Short: "Evaluate a run's net: accuracy by class, and what is taken for what",
		Long: `Evaluate the net of a run with the weights that it left: loss, accuracy, accuracy by class and
the confusion matrix (rows: what a picture shows; columns: what the net says).

It is evaluated on what the run was validated on, or with --on train on what it was trained
on, without augmentation. --data names another data set with pictures of the same shape and
with the same classes, or a folder with files like those of the run's; --set changes the data
in any way (data.…). The pictures are normalised as they were in the run.

Where the experiment has other views of each picture (train.tta), or --tta asks for them,
loss and accuracy by the mean of the logits of all views are added.

` + runHelp + "\n\n" + exitCodes,
		Example:           "  exp eval @last\n  exp eval @best:val_acc --on train --weights last --json\n  exp eval @last --data ~/other-pictures\n  exp eval @last --set 'data.dataset={type: synthetic, seed: 7}'",
		Args:              takes(1, "one RUN"),
		ValidArgsFunction: a.completeRuns(1),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			o.Ref = args[0]
			return evalRun(cmd.Context(), a, o)
		}),
	}
	cmd.Flags().StringVar(&o.On, "on", "val", "`val` or train: which examples")
	cmd.Flags().StringVar(&o.Data, "data", "", "`NAME` of another data set, or a folder with another of the same kind")
	completeFlag(cmd, "data", func(*app, *cobra.Command, string) []string { return data.Datasets.Names() })
	cmd.Flags().StringArrayVarP(&o.Set, "set", "s", nil, "change the data: `PATH=VALUE`, as in data.validation=test (repeatable)")
	cmd.Flags().StringVar(&o.TTA, "tta", "", "other `VIEWS` of each picture, as train.tta has them: "+strings.Join(runner.TTAs(), ", ")+" (default: as in the run)")
	completeFlag(cmd, "tta", func(*app, *cobra.Command, string) []string { return runner.TTAs() })
	completeFlag(cmd, "on", func(*app, *cobra.Command, string) []string { return []string{"val", "train"} })
	completeFlag(cmd, "set", completeSet(true, "data."))
	o.weightsFlag.flags(cmd)
	o.output.flags(cmd)
	return cmd
}

func evalRun(ctx context.Context, a *app, o *EvalOptions) error {
	format, err := o.format()
	if err != nil {
		return err
	}
	if o.On != "val" && o.On != "train" {
		return usage("--on: %q is not val or train", o.On)
	}
	if known := runner.TTAs(); o.TTA != "" && !slices.Contains(known, o.TTA) {
		return usage("--tta: %q is not one of %s%s", o.TTA, strings.Join(known, ", "), didYouMean(o.TTA, known))
	}
	for _, set := range o.Set {
		if !strings.HasPrefix(set, "data.") {
			return usage("--set: only the data can be changed here (data.…), not %s", set)
		}
	}
	if o.Data != "" {
		key := "dataset"
		if known := data.Datasets.Names(); !slices.Contains(known, o.Data) {
			if info, err := os.Stat(o.Data); err != nil || !info.IsDir() {
				return usage("--data: no data set and no folder is called %s%s", o.Data, didYouMean(o.Data, known))
			}
			key = "dir"
			a.settings.Data = strings.TrimPrefix(a.settings.Data+string(os.PathListSeparator)+o.Data, string(os.PathListSeparator)) // perhaps the run's own are there now
		}
		o.Set = slices.Insert(o.Set, 0, "data."+key+"="+o.Data)
	}
	t, err := a.openTrained(ctx, o.Ref, o.weights, o.TTA)
	if err != nil {
		return err
	}
	defer t.Close()
	examples := t.data.Val
	if o.On == "train" {
		examples = t.data.Train
	}
	if len(o.Set) > 0 {
		other, err := a.otherData(ctx, t, o)
		if err != nil {
			return err
		}
		from := other.Val
		if o.On == "train" {
			from = other.Train
		}
		examples = from.NormalisedAs(t.data.Train)
	}
	bar := newJobBar(a)
	e, err := t.Evaluate(ctx, examples, func(done, total int) { bar.Set(int64(done), int64(total), o.On) })
	bar.Clear()
	if err != nil {
		return fmt.Errorf("evaluate run %s: %w", t.run.ID, err)
	}
	return a.writeEvaluation(t, o, e, examples.Len(), format)
}

// trained is a run's net with weights, and its data.
type trained struct {
	*runner.Trained
	run    tracking.Record
	loaded *configs.Loaded
	data   *data.Prepared
}

// openTrained finds a run and reads its weights and its data: a net is of no use
// without the statistics that its pictures are normalised by. tta takes the place
// of the experiment's train.tta, unless it is empty.
func (a *app) openTrained(ctx context.Context, ref, weights, tta string) (*trained, error) {
	file, ok := weightFiles[weights]
	if !ok {
		return nil, usage("--weights: %q is not best or last", weights)
	}
	run, text, err := a.recorded(ctx, ref)
	if err != nil {
		return nil, err
	}
	l, err := configs.LoadText(recordedFile(run), text, configs.Options{Env: a.dataEnv()})
	if err != nil {
		return nil, fmt.Errorf("read the experiment of run %s: %w", run.ID, err)
	}
	if tta != "" {
		l.Train.TTA = tta
	}
	dir := tracking.RunDir(a.settings.DB, run.ID)
	path := filepath.Join(dir, file)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		why := fmt.Sprintf("no weights: there is no %s (the run is %s after epoch %d)", path, run.Status, run.EpochsDone)
		if _, err := os.Stat(filepath.Join(dir, runner.LastWeights)); err == nil {
			why += "; --weights last takes those of its last epoch"
		}
		return nil, &tracking.NotFoundError{Ref: run.ID, Store: a.settings.DB, Why: why}
	}
	prepared, err := a.prepare(ctx, l)
	if err != nil {
		return nil, err
	}
	if run.DataHash != "" && prepared.Hash != run.DataHash {
		a.say("warning: these are not the data that the run was trained on")
	}
	net, err := runner.Open(&runner.Plan{Experiment: l.Experiment, Net: l.Net}, path, a.threads())
	if err != nil {
		return nil, fmt.Errorf("open the net of run %s: %w", run.ID, err)
	}
	return &trained{net, run, l, prepared}, nil
}

func (a *app) prepare(ctx context.Context, l *configs.Loaded) (*data.Prepared, error) {
	bar := newJobBar(a)
	defer bar.Clear()
	env := a.dataEnv()
	env.Progress = func(what string, done, total int64) { bar.Set(done, total, what) }
	prepared, err := data.Prepare(ctx, l.Data, l.Seed, env)
	if err != nil {
		return nil, fmt.Errorf("prepare the data: %w", err)
	}
	return prepared, nil
}

// otherData are the data of the run's experiment with changes.
func (a *app) otherData(ctx context.Context, t *trained, o *EvalOptions) (*data.Prepared, error) {
	_, text, err := a.recorded(ctx, t.run.ID)
	if err != nil {
		return nil, err
	}
	l, err := configs.LoadText(recordedFile(t.run), text, configs.Options{Set: o.Set, Env: a.dataEnv()})
	if err != nil {
		return nil, usageError{err}
	}
	was, is := t.loaded.Info, l.Info
	if was.H != is.H || was.W != is.W || was.C != is.C || len(was.Classes) != len(is.Classes) {
		return nil, usage("%s has pictures of %dx%dx%d in %d classes; the net of %s takes %dx%dx%d in %d",
			is.Name, is.H, is.W, is.C, len(is.Classes), t.run.ID, was.H, was.W, was.C, len(was.Classes))
	}
	for i, name := range was.Classes {
		if is.Classes[i] != name {
			return nil, usage("%s calls class %d %s; the net of %s learned it as %s, and classes are told apart by their names",
				is.Name, i, term.Printable(is.Classes[i]), t.run.ID, term.Printable(name))
		}
	}
	return a.prepare(ctx, l)
}

// jobBar is a bar where there is a terminal.
type jobBar struct{ bar *term.Bar }

func newJobBar(a *app) jobBar {
	if !a.color(a.errTTY) || !a.errTTY {
		return jobBar{}
	}
	return jobBar{term.NewBar(a.err)}
}

// Set shows done of total.
func (b jobBar) Set(done, total int64, text string) {
	if b.bar != nil {
		b.bar.Set(done, total, text)
	}
}

// Clear removes the bar.
func (b jobBar) Clear() {
	if b.bar != nil {
		b.bar.Clear()
	}
}

// mostClasses is up to how many classes a person is shown the whole matrix.
const mostClasses = 20

func (a *app) writeEvaluation(t *trained, o *EvalOptions, e runner.Evaluation, examples int, format term.Format) error {
	names := t.loaded.Info.Classes
	byClass := &term.Table{Columns: []term.Column{
		{Name: "class"}, {Name: "n"}, {Name: "right"}, {Name: "accuracy", Text: term.Fixed(4)},
		{Name: "mostly_taken_for", Head: "mostly taken for"}, {Name: "times"},
	}}
	for label, row := range e.Confusion {
		n, wrong := 0, -1
		for class, times := range row {
			n += times
			if class != label && times > 0 && (wrong < 0 || times > row[wrong]) {
				wrong = class
			}
		}
		var accuracy, other, times any
		if n > 0 {
			accuracy = float64(row[label]) / float64(n)
		}
		if wrong >= 0 {
			other, times = names[wrong], row[wrong]
		}
		byClass.Add(names[label], n, row[label], accuracy, other, times)
	}
	tta := t.loaded.Train.TTA
	var ttaLoss, ttaAcc any // null without other views
	if tta != "none" {
		ttaLoss, ttaAcc = e.TTALoss, e.TTAAcc
	}
	switch format {
	case term.JSON:
		return term.WriteJSON(a.out, term.Object{
			{Key: "run", Value: t.run.ID}, {Key: "weights", Value: o.weights}, {Key: "on", Value: o.On}, {Key: "examples", Value: examples},
			{Key: "loss", Value: e.Loss}, {Key: "acc", Value: e.Acc}, {Key: "tta", Value: tta}, {Key: "tta_loss", Value: ttaLoss}, {Key: "tta_acc", Value: ttaAcc},
			{Key: "classes", Value: byClass}, {Key: "names", Value: names}, {Key: "confusion", Value: e.Confusion},
		})
	case term.CSV:
		return byClass.Write(a.out, format, false)
	}
	color := a.color(a.outTTY)
	fmt.Fprintf(a.out, "%s (%s), %s weights, %s %s: loss %.4f, accuracy %.4f\n",
		term.Printable(t.run.Name), t.run.ID, o.weights, term.Count(int64(examples)), map[string]string{"val": "validation examples", "train": "training examples"}[o.On], e.Loss, e.Acc)
	if tta != "none" {
		fmt.Fprintf(a.out, "in all views (%s): loss %.4f, accuracy %.4f\n", tta, e.TTALoss, e.TTAAcc)
	}
	fmt.Fprintln(a.out)
	if err := byClass.Write(a.out, format, color); err != nil || len(names) > mostClasses {
		return err
	}
	matrix := &term.Table{Columns: []term.Column{{Name: "is", Head: `is \ taken for`}}}
	for _, name := range names {
		matrix.Columns = append(matrix.Columns, term.Column{Name: name, Right: true, Text: func(v any) string {
			if v == 0 {
				return "·"
			}
			return term.Plain(v)
		}})
	}
	for label, row := range e.Confusion {
		cells := []any{names[label]}
		for _, n := range row {
			cells = append(cells, n)
		}
		matrix.Rows = append(matrix.Rows, slices.Clip(cells))
	}
	fmt.Fprintln(a.out)
	return matrix.Write(a.out, format, color)
}
