package blocks

import (
	"errors"
	"fmt"
	"strconv"

	"exp/internal/ops"
)

// Net is a model as a list of layers in the order in which they run.
type Net struct {
	Layers  []*Layer
	Params  []*Param
	Input   *Layer
	Output  *Layer // the logits
	Norm    Norm
	Classes int
}

// Layer is one step of a net: what it computes, from what, and what it costs for one example.
type Layer struct {
	Name   string // stages.0.units.1.conv1
	Kind   string // in Keras' words: Conv2D, BatchNormalization, Activation, ...
	Inputs []*Layer
	Shape  Shape
	Params []*Param
	MACs   int64 // multiply-adds of the forward pass for one example

	op any // what it computes: convolution, normalisation, ...
}

// Param is an array of a net: weights that are trained, or running statistics that are kept.
type Param struct {
	Name      string // as PyTorch names it: stages.0.units.1.conv1.weight
	Shape     []int  // convolutions [kernel kernel in out], dense layers [in out], else [channels]
	Trainable bool
	Decay     bool // a weight of a convolution or dense layer: weight decay applies
	Shift     bool // the beta of a batch normalisation
	Init      func(seed int64, w []float32)
}

// Size is the number of values.
func (p *Param) Size() int { return Shape(p.Shape).Size() }

// New builds the net of a model for images [height width channels] of so many classes. It allocates no arrays.
// What cannot be built is an error made of *Error values, joined.
func New(m Model, input Shape, classes int) (*Net, error) {
	net := &Net{Norm: m.Norm, Classes: classes}
	b := &Builder{net: net, init: m.Init}
	if len(m.Stages) > 0 && m.Unit == nil {
		for i, s := range m.Stages {
			if s.Unit == nil {
				return nil, &Error{Path: fmt.Sprintf("model.stages.%d.unit", i), Problem: "no Unit is named", Help: "give model.unit or the stage's own"}
			}
		}
	}
	if err := ops.Build(func() { b.model(m, input, classes) }); err != nil {
		return nil, err
	}
	return net, net.check()
}

func (b *Builder) model(m Model, input Shape, classes int) {
	net := b.net
	net.Input = b.add(&Layer{Name: "input", Kind: "InputLayer", Shape: input, op: source{}})
	x := m.Stem.Build(b.In("stem").at("model.stem"), net.Input)
	for i, s := range m.Stages {
		unit := s.Unit
		if unit == nil {
			unit = m.Unit
		}
		stage := b.In("stages." + strconv.Itoa(i))
		down := Down{Pool: s.Pool, Stride: s.Stride}
		if down.Pool == "" {
			down.Pool = "none"
		}
		down.Stride = max(1, down.Stride)
		for u := range s.Units {
			x = unit.Build(stage.In("units."+strconv.Itoa(u)).at(fmt.Sprintf("model.stages.%d", i)), x, s.Filters, down)
			down = Down{Pool: "none", Stride: 1}
		}
	}
	net.Output = m.Head.Build(b.In("head").at("model.head"), x, classes)
}

// Count is the number of values in all parameters, those that are trained and those that are not.
func (n *Net) Count() (total, trainable, nonTrainable int64) {
	for _, p := range n.Params {
		if p.Trainable {
			trainable += int64(p.Size())
		} else {
			nonTrainable += int64(p.Size())
		}
	}
	return trainable + nonTrainable, trainable, nonTrainable
}

// MACs is the number of multiply-adds of the forward pass for one example.
func (n *Net) MACs() int64 {
	var sum int64
	for _, l := range n.Layers {
		sum += l.MACs
	}
	return sum
}

// Depth is the number of weighted layers on the main path, as papers count it: convolutions and dense layers
// without those of shortcuts.
func (n *Net) Depth() int {
	depth := 0
	for _, l := range n.Layers {
		switch op := l.op.(type) {
		case convolution:
			if !op.shortcut {
				depth++
			}
		case dense:
			depth++
		}
	}
	return depth
}

// check looks for what a block of ours must never do: name two parameters alike, or end without logits.
func (n *Net) check() error {
	var errs []error
	seen := map[string]bool{}
	for _, p := range n.Params {
		if seen[p.Name] {
			errs = append(errs, fmt.Errorf("two parameters are named %s", p.Name))
		}
		seen[p.Name] = true
	}
	if !n.Output.Shape.Equal(Shape{n.Classes}) {
		errs = append(errs, fmt.Errorf("the head gives %v instead of %d logits", n.Output.Shape, n.Classes))
	}
	return errors.Join(errs...)
}
