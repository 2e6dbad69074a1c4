package blocks

import (
	"fmt"

	"exp/internal/kernels"
	"exp/internal/ops"
	"exp/internal/stream"
)

// Builder adds layers to a net. Its methods refuse shapes that do not fit by leaving the block's Build; New returns the error.
type Builder struct {
	net      *Net
	init     Initializer
	scope    string // "stages.0.units.1"
	path     string // configuration path of the block being built
	shortcut bool
	habit    Habit
	place    float64 // of the Unit being built among all Units of the net: 1 for the last
}

// Habit is what a shortcut needs to know of its Unit. Its convolutions follow the Unit's unless told otherwise.
type Habit struct {
	Bias bool // convolutions add a learned constant to each output channel
	Norm bool // batch normalisation after each convolution
	Down Down // how the branch makes the image smaller

	// Source is what the layers of the shortcut read instead of the Unit's input, nil for the input itself; an input that is
	// added as it is stays as it is.
	Source *Layer
}

// With returns a builder for the shortcut of such a Unit.
func (b *Builder) With(h Habit) *Builder {
	c := *b
	c.habit = h
	return &c
}

// In returns a builder for a part: its layers and parameters are named scope.name.
func (b *Builder) In(name string) *Builder {
	c := *b
	if c.scope != "" {
		name = c.scope + "." + name
	}
	c.scope = name
	return &c
}

func (b *Builder) at(path string) *Builder {
	c := *b
	c.path = path
	return &c
}

// Shortcut returns the builder for the layers of a shortcut; they do not count into the depth.
func (b *Builder) Shortcut() *Builder {
	c := b.In("shortcut")
	c.shortcut = true
	return c
}

// Fail leaves the block's Build with a mistake in the field of the block's own map.
func (b *Builder) Fail(field, problem, help string) {
	path := b.path
	if field != "" {
		path += "." + field
	}
	ops.Bail(&Error{Path: path, Problem: problem, Help: help})
}

func (b *Builder) add(l *Layer) *Layer {
	b.net.Layers = append(b.net.Layers, l)
	return l
}

func (b *Builder) name(part string) string { return b.In(part).scope }

func (b *Builder) param(p *Param) *Param {
	b.net.Params = append(b.net.Params, p)
	return p
}

// weight adds an array that is initialised by the model's initializer. Its stream is keyed by its name alone, so that
// nets that share a layer share its initial weights.
func (b *Builder) weight(name string, init Initializer, fanIn, fanOut int, shape ...int) *Param {
	return b.param(&Param{Name: name, Shape: shape, Trainable: true, Decay: true, Init: func(seed int64, w []float32) {
		init.Fill(w, shape, fanIn, fanOut, stream.New(seed, "init", name))
	}})
}

func (b *Builder) vector(name string, n int, value float32, trainable bool) *Param {
	return b.param(&Param{Name: name, Shape: []int{n}, Trainable: trainable, Init: func(_ int64, w []float32) {
		for i := range w {
			w[i] = value
		}
	}})
}

// What a layer computes.
type (
	source      struct{}
	convolution struct {
		kernels.Conv
		weight, bias *Param
		shortcut     bool
	}
	normalisation struct {
		gamma, beta, mean, variance *Param
	}
	rectifier struct{}
	addition  struct{}
	survival  struct{ p float64 }
	blending  struct{ kernels.Blend } // inputs: what comes past the branch, the branch and, with a gate, what opens it
	exciting  struct{}                // inputs: a map, and what opens the gate of each channel
	pooling   struct {
		kernels.Pool
		average bool
	}
	flattening struct{}
	subsample  struct{ stride int }
	dropout    struct{ rate float64 }
	dense      struct{ weight, bias *Param }
)

// Convolution is what [Builder.Conv] can be told.
type Convolution struct {
	Filters int
	Kernel  int // side of the window
	Stride  int
	Bias    bool
	Zero    bool    // the weights start at zero
	Start   float64 // what the biases start at
}

// Conv adds a two-dimensional convolution, padded by half its kernel on each side: [H W C] -> [ceil(H/stride) ceil(W/stride) filters].
func (b *Builder) Conv(name string, x *Layer, c Convolution) *Layer {
	h, w, in := b.image(name, x)
	name = b.name(name)
	k := kernels.Conv{N: 1, H: h, W: w, C: in, O: c.Filters, K: c.Kernel, Stride: c.Stride}
	window := c.Kernel * c.Kernel
	op := convolution{Conv: k, shortcut: b.shortcut}
	init := b.init
	if c.Zero {
		init = zeros{}
	}
	op.weight = b.weight(name+".weight", init, window*in, window*c.Filters, c.Kernel, c.Kernel, in, c.Filters)
	params := []*Param{op.weight}
	if c.Bias {
		op.bias = b.vector(name+".bias", c.Filters, float32(c.Start), true)
		params = append(params, op.bias)
	}
	return b.add(&Layer{Name: name, Kind: "Conv2D", Inputs: []*Layer{x}, Shape: Shape{k.OutH(), k.OutW(), c.Filters},
		Params: params, MACs: k.MACs(), op: op})
}

// BatchNorm adds a batch normalisation with the model's momentum and epsilon.
func (b *Builder) BatchNorm(name string, x *Layer) *Layer { return b.batchNorm(name, x, 1) }

// batchNorm adds a batch normalisation whose gamma starts at a value.
func (b *Builder) batchNorm(name string, x *Layer, gamma float32) *Layer {
	name = b.name(name)
	n := x.Shape.channels()
	beta := func() *Param {
		p := b.vector(name+".bias", n, 0, true)
		p.Shift = true
		return p
	}
	op := normalisation{
		gamma:    b.vector(name+".weight", n, gamma, true),
		beta:     beta(),
		mean:     b.vector(name+".running_mean", n, 0, false),
		variance: b.vector(name+".running_var", n, 1, false),
	}
	return b.add(&Layer{Name: name, Kind: "BatchNormalization", Inputs: []*Layer{x}, Shape: x.Shape,
		Params: []*Param{op.gamma, op.beta, op.mean, op.variance}, op: op})
}

// ReLU adds max(0, x).
func (b *Builder) ReLU(name string, x *Layer) *Layer {
	return b.add(&Layer{Name: b.name(name), Kind: "Activation", Inputs: []*Layer{x}, Shape: x.Shape, op: rectifier{}})
}

// Add adds x + y, which must have one shape.
func (b *Builder) Add(name string, x, y *Layer) *Layer {
	if !x.Shape.Equal(y.Shape) {
		b.Fail("", fmt.Sprintf("%s cannot add %v to %v", b.name(name), x.Shape, y.Shape), "")
	}
	return b.add(&Layer{Name: b.name(name), Kind: "Add", Inputs: []*Layer{x, y}, Shape: x.Shape, op: addition{}})
}

// Pool adds pooling over size x size windows that do not overlap, "max" or "average"; rows and columns that fill no window are dropped.
func (b *Builder) Pool(name string, x *Layer, kind string, size int) *Layer {
	h, w, c := b.image(name, x)
	if h < size || w < size {
		b.Fail("pool", fmt.Sprintf("a %dx%d image cannot be pooled %dx%d", h, w, size, size), "use fewer stages that make the image smaller")
	}
	op := pooling{kernels.Pool{N: 1, H: h, W: w, C: c, Size: size, Stride: size}, kind == "average"}
	keras := "MaxPooling2D"
	if op.average {
		keras = "AveragePooling2D"
	}
	return b.add(&Layer{Name: b.name(name), Kind: keras, Inputs: []*Layer{x}, Shape: Shape{op.OutH(), op.OutW(), c}, op: op})
}

// GlobalPool adds the average over all pixels, and flattens it: [H W C] -> [C].
func (b *Builder) GlobalPool(name string, x *Layer) *Layer {
	h, w, c := b.image(name, x)
	op := pooling{kernels.Pool{N: 1, H: h, W: w, C: c}, true} // a window of the whole image
	x = b.add(&Layer{Name: b.name(name), Kind: "AveragePooling2D", Inputs: []*Layer{x}, Shape: Shape{1, 1, c}, op: op})
	return b.add(&Layer{Name: b.name("flatten"), Kind: "Flatten", Inputs: []*Layer{x}, Shape: Shape{c}, op: flattening{}})
}

// Subsample adds the shortcut without parameters of He 2015 (option A): every stride-th pixel, and channels of zeros
// after the given ones: [H W C] -> [ceil(H/stride) ceil(W/stride) channels].
func (b *Builder) Subsample(name string, x *Layer, stride, channels int) *Layer {
	h, w, _ := b.image(name, x)
	return b.add(&Layer{Name: b.name(name), Kind: "ZeroPadding", Inputs: []*Layer{x},
		Shape: Shape{(h + stride - 1) / stride, (w + stride - 1) / stride, channels}, op: subsample{stride}})
}

// Dropout adds inverted dropout (Srivastava 2014): in training each value is zeroed with probability rate and the others are
// divided by 1-rate. A rate of 0 adds nothing.
func (b *Builder) Dropout(name string, x *Layer, rate float64) *Layer {
	if rate == 0 {
		return x
	}
	return b.add(&Layer{Name: b.name(name), Kind: "Dropout", Inputs: []*Layer{x}, Shape: x.Shape, op: dropout{rate}})
}

// Survival adds stochastic depth (Huang et al. 2016, "Deep Networks with Stochastic Depth", section 3): in a step of training
// all of f is kept or left out, and what is left out is not computed, neither forward nor backward; in evaluation f is scaled
// by the probability with which it is kept. That falls in a line over the Units of the net, from 1 before the first to last
// at the last (eq. 4). A last of 1 adds nothing.
func (b *Builder) Survival(name string, f *Layer, last float64) *Layer {
	if last == 0 || last == 1 {
		return f
	}
	p := 1 - b.place*(1-last)
	return b.add(&Layer{Name: b.name(name), Kind: "StochasticDepth", Inputs: []*Layer{f}, Shape: f.Shape, op: survival{p}})
}

// Scaled adds a s + b f, of one shape.
func (b *Builder) Scaled(name string, s, f *Layer, factorS, factorF float64) *Layer {
	return b.blend(name, "ScaledAdd", kernels.Blend{A: factorS, B: factorF}, s, f)
}

// Gated adds (1-g) s + g f if the gate is exclusive, else (1-g) s + f, where g = 1/(1+exp(-z)); all are of one shape.
func (b *Builder) Gated(name string, s, f, z *Layer, exclusive bool) *Layer {
	return b.blend(name, "GatedAdd", kernels.Blend{Gate: true, Exclusive: exclusive}, s, f, z)
}

// Excite scales each channel of x by a gate: [H W C] and [C] -> [H W C], y = x g[c], g = 1/(1+exp(-z)).
func (b *Builder) Excite(name string, x, z *Layer) *Layer {
	_, _, c := b.image(name, x)
	if !z.Shape.Equal(Shape{c}) {
		b.Fail("", fmt.Sprintf("%s needs one gate for each of %d channels, got %v", b.name(name), c, z.Shape), "")
	}
	return b.add(&Layer{Name: b.name(name), Kind: "Excite", Inputs: []*Layer{x, z}, Shape: x.Shape, op: exciting{}})
}

func (b *Builder) blend(name, kind string, how kernels.Blend, inputs ...*Layer) *Layer {
	for _, l := range inputs[1:] {
		if !l.Shape.Equal(inputs[0].Shape) {
			b.Fail("", fmt.Sprintf("%s cannot join %v to %v", b.name(name), inputs[0].Shape, l.Shape), "")
		}
	}
	return b.add(&Layer{Name: b.name(name), Kind: kind, Inputs: inputs, Shape: inputs[0].Shape, op: blending{how}})
}

// Dense adds y = x W + b: [in] -> [out].
func (b *Builder) Dense(name string, x *Layer, out int) *Layer {
	in := x.Shape.Size()
	name = b.name(name)
	op := dense{weight: b.weight(name+".weight", b.init, in, out, in, out)}
	op.bias = b.vector(name+".bias", out, 0, true)
	return b.add(&Layer{Name: name, Kind: "Dense", Inputs: []*Layer{x}, Shape: Shape{out},
		Params: []*Param{op.weight, op.bias}, MACs: int64(in) * int64(out), op: op})
}

func (b *Builder) image(name string, x *Layer) (h, w, c int) {
	if len(x.Shape) != 3 {
		b.Fail("", fmt.Sprintf("%s needs an image, got %v", b.name(name), x.Shape), "")
	}
	return x.Shape[0], x.Shape[1], x.Shape[2]
}
