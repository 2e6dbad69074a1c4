// Package blocks describes nets: residual Units, the shortcuts around them, stems and heads, each in one file.
//
// A block adds its layers to a [Net] through a [Builder]. A Net knows every shape, parameter and multiply-add before
// anything is allocated; [Lower] turns it into the operations that train or evaluate it.
package blocks

import (
	"fmt"
	"strings"

	"exp/registry"
)

// Shape is the shape of one example: [height width channels], or [features].
type Shape []int

// String is the sizes with crosses between them: 32x32x3.
func (s Shape) String() string {
	words := make([]string, len(s))
	for i, d := range s {
		words[i] = fmt.Sprint(d)
	}
	return strings.Join(words, "x")
}

// Equal says whether two shapes are the same.
func (s Shape) Equal(t Shape) bool {
	if len(s) != len(t) {
		return false
	}
	for i := range s {
		if s[i] != t[i] {
			return false
		}
	}
	return true
}

// Size is the number of values of one example.
func (s Shape) Size() int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}

// channels is the last dimension.
func (s Shape) channels() int { return s[len(s)-1] }

// Unit is the repeated part of a net: a branch of layers with a shortcut around it.
type Unit interface {
	// Build adds the Unit to the net and returns its output of the given filters, smaller where d says so.
	Build(b *Builder, x *Layer, filters int, d Down) *Layer
}

// Down says how the first Unit of a stage makes the image smaller.
type Down struct {
	Pool   string // "none", "max" or "average": the main path is pooled 2x2 before its first layer
	Stride int    // of the first convolution of the main path
}

// Factor is the ratio of the sides of input and output.
func (d Down) Factor() int {
	if d.Pool != "none" && d.Pool != "" {
		return 2 * d.Stride
	}
	return d.Stride
}

// Shortcut joins the input x of a Unit with the output f of its branch. The builder carries the Unit's [Habit].
type Shortcut interface {
	Join(b *Builder, x, f *Layer) *Layer
}

// Stem is what comes before the first stage.
type Stem interface {
	Build(b *Builder, x *Layer) *Layer
}

// Head turns the last stage's output into one logit a class.
type Head interface {
	Build(b *Builder, x *Layer, classes int) *Layer
}

// What an experiment can name.
var (
	Units     = registry.NewKind[Unit]("unit", "the repeated part of a net, with a shortcut around it")
	Shortcuts = registry.NewKind[Shortcut]("shortcut", "how a Unit's input is joined with its branch")
	Stems     = registry.NewKind[Stem]("stem", "what comes before the first stage")
	Heads     = registry.NewKind[Head]("head", "what turns the last stage's output into one logit a class")
)

// Model is the `model:` map of an experiment.
type Model struct {
	Stem   Stem        `yaml:"stem" doc:"what comes before the first stage" check:"required"`
	Units  int         `yaml:"units" doc:"Units in every stage that does not say otherwise" check:"min=0,max=10000"`
	Unit   Unit        `yaml:"unit" doc:"what every Unit is, unless its stage says otherwise"`
	Stages []Stage     `yaml:"stages" doc:"the stages, from the image to the head"`
	Head   Head        `yaml:"head" doc:"what turns the last stage's output into classes" check:"required"`
	Norm   Norm        `yaml:"norm" doc:"batch normalisation"`
	Init   Initializer `yaml:"init" doc:"initial weights of convolutions and dense layers"`
}

// DefaultModel holds the defaults of a model: one Unit a stage, Keras' batch normalisation and Glorot's weights.
func DefaultModel() Model {
	return Model{Units: 1, Norm: Norm{Momentum: 0.99, Epsilon: 1e-3}, Init: &GlorotUniform{}}
}

// Stage is a run of Units with the same number of filters. Its first Unit may make the image smaller.
type Stage struct {
	Name    string `yaml:"name" doc:"a name for --set; not part of the net"`
	Filters int    `yaml:"filters" doc:"output channels of every Unit" check:"required,min=1,max=65536"`
	Units   int    `yaml:"units" doc:"number of Units; model.units when absent" check:"min=0,max=10000"`
	Pool    string `yaml:"pool" doc:"pooling 2x2 of the first Unit's main path" check:"oneof=none|max|average"`
	Stride  int    `yaml:"stride" doc:"stride of the first Unit's first convolution" check:"min=1,max=8"`
	Unit    Unit   `yaml:"unit" doc:"what its Units are; model.unit, with what this map changes"`
}

// DefaultStage holds the defaults of a stage.
func DefaultStage() Stage { return Stage{Pool: "none", Stride: 1} }

// Norm is batch normalisation (Ioffe and Szegedy 2015): y = gamma (x - mean) / sqrt(variance + epsilon) + beta per channel,
// with the batch's biased variance in training. In evaluation the moving averages are used:
// moving = momentum*moving + (1-momentum)*batch, the variance unbiased.
type Norm struct {
	Momentum float64 `yaml:"momentum" doc:"share of the old moving average kept at each step (Keras' meaning; PyTorch's momentum is one minus it)" check:"min=0,lt=1"`
	Epsilon  float64 `yaml:"epsilon" doc:"added to the variance" check:"gt=0,max=1"`
}

// Error is a model that cannot be built: where it was written, what is wrong and what to do.
type Error struct {
	Path    string // configuration path: model.stages.1.unit.shortcut
	Problem string
	Help    string // may be empty
}

// Error is one line: the path, the problem and what to do.
func (e *Error) Error() string {
	if e.Help == "" {
		return e.Path + ": " + e.Problem
	}
	return e.Path + ": " + e.Problem + "; " + e.Help
}
