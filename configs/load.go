package configs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"exp/blocks"
	"exp/data"
	"exp/internal/source"
	"exp/registry"
	"exp/runner/optim"
)

// Options is what the command line changes in an experiment file.
type Options struct {
	SetFiles []string // files of overrides, applied first
	Set      []string // "path=value"
	Seed     *int64   // replaces the seed
	Name     string   // replaces the name, if not empty
	Env      data.Env // for what only the data set knows: the size of its pictures
}

// Loaded is an experiment that was read and checked.
type Loaded struct {
	Experiment
	Net  *blocks.Net // its layers and shapes; nothing is allocated
	Info data.Info   // of its data set

	tree *source.Node
	base Experiment // what it inherits, or the file without the command line's changes
}

// Where returns the place where the value at a dotted path was written, or the nearest value around it.
func (l *Loaded) Where(path string) source.Span { return l.tree.At(path) }

// Load reads an experiment: a file, or the name of a shipped one. The error is a *source.Problems with every mistake;
// with it comes what could be read, nil when that is nothing.
func Load(path string, o Options) (*Loaded, error) {
	return newLoader(readFile).load(path, o)
}

// LoadText is Load for an experiment that is in no file; its mistakes are shown under the name.
func LoadText(name, text string, o Options) (*Loaded, error) {
	return newLoader(func(path string) ([]byte, error) {
		if path == name {
			return []byte(text), nil
		}
		return readFile(path)
	}).load(name, o)
}

// loader reads the files of one experiment.
type loader struct {
	read  func(path string) ([]byte, error)
	p     *source.Problems
	files map[string]*source.Node // by path
	order int                     // of the next file, for sorting mistakes

	incomplete bool // a base could not be read: what is missing may be there
}

func newLoader(read func(string) ([]byte, error)) *loader {
	return &loader{read: read, p: &source.Problems{}, files: map[string]*source.Node{}}
}

// readFile reads a file up to just over what is accepted.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, source.MaxSize+1))
}

func (l *loader) load(path string, o Options) (*Loaded, error) {
	tree, base := l.main(path)
	if tree == nil {
		return nil, l.p
	}
	if base == nil {
		base = tree
	}
	tree = l.override(tree, o)
	out := &Loaded{Experiment: Default(), base: Default(), tree: fill(tree, l.p)}
	var decoding source.Problems
	registry.Decode(out.tree, "an experiment", &out.Experiment, &decoding)
	for _, d := range decoding.List() {
		if !d.Missing || !l.incomplete {
			l.p.Add(d)
		}
	}
	registry.Decode(fill(base, &source.Problems{}), "an experiment", &out.base, &source.Problems{})
	if !l.incomplete {
		out.check(o.Env, l.p)
	}
	return out, l.p.Err()
}

// maxUnits is how many Units a net may have.
const maxUnits = 10_000

// check finds what only the data set and the shapes can tell, as far as the parts concerned were read without mistakes.
func (l *Loaded) check(env data.Env, p *source.Problems) {
	wrong := func(part string) bool {
		return slices.ContainsFunc(p.List(), func(d source.Diagnostic) bool {
			return d.Path == "" || d.Path == part || strings.HasPrefix(d.Path, part+".") || strings.HasPrefix(part, d.Path+".")
		})
	}
	if wrong("data.dataset") || wrong("data.dir") || l.Data.Dataset == nil {
		return
	}
	info, err := l.Data.Info(env)
	if fault := (*data.Fault)(nil); errors.As(err, &fault) {
		l.report(fault, p)
		return
	}
	if err != nil {
		p.Addf(l.Where("data.dataset"), "data.dataset", "%v", err)
		return
	}
	l.Info = info
	if !wrong("data") {
		l.report(l.Data.Check(info), p)
	}
	if n := int(l.Train.CleanEval); n > info.Train {
		p.Addf(l.Where("train.clean_eval"), "train.clean_eval", "%d is more than the %d training examples there are", n, info.Train)
	}
	if ema := l.Train.EMA; ema != nil && !wrong("data") && !wrong("train") {
		group := l.Train.Batch * l.Train.Accumulate
		steps := l.Train.Epochs * ((l.Data.TrainExamples(info) + group - 1) / group)
		if ema.Every > steps {
			p.Addf(l.Where("train.ema.every"), "train.ema.every", "%d steps are more than the %d that there are in all: write a number up to that", ema.Every, steps)
		}
	}
	if !wrong("train") && !wrong("schedule") {
		l.checkTraining(p)
	}
	if batches := (l.Data.TrainExamples(info) + l.Train.Batch - 1) / max(1, l.Train.Batch); !wrong("data") && l.Train.Accumulate > max(1, batches) {
		p.Addf(l.Where("train.accumulate"), "train.accumulate", "%d is more than the %d batches of an epoch", l.Train.Accumulate, batches)
	}
	if wrong("model") || l.Model.Stem == nil || l.Model.Head == nil {
		return
	}
	units := 0
	for _, s := range l.Model.Stages {
		units += s.Units
	}
	if units > maxUnits {
		p.Addf(l.Where("model.stages"), "model.stages", "there are %d Units; a net may have %d", units, maxUnits)
		return
	}
	net, err := blocks.New(l.Model, blocks.Shape{info.H, info.W, info.C}, len(info.Classes))
	l.report(err, p)
	l.Net = net
	if !wrong("optimizer") && net != nil {
		l.checkLayers(p)
	}
	if sgd, ok := l.Optimizer.(*optim.SGD); ok && net != nil && sgd.NormBiasLR != 1 &&
		!slices.ContainsFunc(net.Params, func(p *blocks.Param) bool { return p.Shift }) {
		p.Addf(l.Where("optimizer.norm_bias_lr"), "optimizer.norm_bias_lr", "has no effect: the net has no batch normalisation")
	}
}

// report adds the errors of other packages that know a path.
func (l *Loaded) report(err error, p *source.Problems) {
	var shape *blocks.Error
	var fault *data.Fault
	joined, several := err.(interface{ Unwrap() []error })
	switch {
	case err == nil:
	case several:
		for _, e := range joined.Unwrap() {
			l.report(e, p)
		}
	case errors.As(err, &shape):
		p.Add(source.Diagnostic{Span: l.Where(shape.Path), Path: shape.Path, Problem: shape.Problem, Help: shape.Help})
	case errors.As(err, &fault):
		path := "data." + fault.Path
		p.Addf(l.Where(path), path, "%s", fault.Problem)
	default:
		p.Addf(l.tree.Span, "", "%v", err)
	}
}

// noSuch reports a file that cannot be read.
func (l *loader) noSuch(at source.Span, path, name string, err error, chain []string) {
	d := source.Diagnostic{Span: at, Path: path}
	reason := "cannot be read: " + reason(err)
	if errors.Is(err, os.ErrNotExist) {
		reason = "there is no such file"
		d.Help = "shipped experiments: " + strings.Join(Shipped(), ", ")
		if near := registry.Nearest(shippedName(filepath.Base(name)), Shipped()); near != "" {
			reason += fmt.Sprintf("; did you mean %q?", near)
		}
	}
	d.Problem = reason
	if len(chain) > 0 {
		d.Problem = fmt.Sprintf("%s: %s (read %s)", name, reason, strings.Join(append(chain, name), " -> "))
	}
	l.p.Add(d)
}

// reason is an error without the operation and the path.
func reason(err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
