package blocks

import (
	"fmt"

	"exp/registry"
)

// Options are what every Unit of this package takes.
type Options struct {
	Shortcut Shortcut `yaml:"shortcut" doc:"how the input is joined with the branch"`
	Bias     bool     `yaml:"bias" doc:"add a learned constant to each output channel of the convolutions"`
	Dropout  float64  `yaml:"dropout" doc:"share of the values zeroed before every convolution but the first, in training" check:"min=0,lt=1"`
	ZeroInit bool     `yaml:"zero_init" doc:"the last layer of the branch starts at zero (the convolution's weights, or gamma of the normalisation after it), so that the Unit starts as its shortcut (Goyal 2017)"`
	Survival float64  `yaml:"stochastic_depth" doc:"with what probability the branch of the net's last Unit takes part in a step; from 1 it falls to this in a line over all Units, and in evaluation branches are scaled by theirs (Huang 2016); 1: always" check:"gt=0,max=1"`
}

// Validate refuses what makes no sense without a shortcut.
func (o *Options) Validate() error {
	if _, plain := o.Shortcut.(*None); plain && o.Survival > 0 && o.Survival < 1 {
		return registry.Bad("stochastic_depth", "without a shortcut the branch is the whole Unit: nothing would pass it when it is left out")
	}
	return checkZeroInit(o.ZeroInit, o.Shortcut)
}

// The orders of He et al. 2016, Fig. 4 and Table 2, of convolutions (C), batch normalisations (B), ReLUs (R) and the addition (+).
const (
	original       = "original"         // CBR CB + R
	bnAfterAdd     = "bn-after-add"     // CBR C + BR
	reluBeforeAdd  = "relu-before-add"  // CBR CBR +
	reluOnlyPreact = "relu-only-preact" // RCB RCB +
	fullPreact     = "full-preact"      // BRC BRC +
)

// branch is a Unit as its convolutions in order.
type branch struct {
	*Options
	order        string
	preactivated bool // the shortcut's own layers read what the first convolution reads, before pooling
	convs        []Convolution
}

// build adds the Unit: its branch, and the shortcut around it.
func (u branch) build(b *Builder, x *Layer, d Down) *Layer {
	habit := Habit{Bias: u.Bias, Norm: u.order != bnAfterAdd && u.order != fullPreact, Down: d}
	norms, relus := 0, 0
	norm := func(f *Layer, gamma float32) *Layer {
		norms++
		return b.batchNorm(fmt.Sprintf("bn%d", norms), f, gamma)
	}
	relu := func(f *Layer) *Layer {
		relus++
		return b.ReLU(fmt.Sprintf("relu%d", relus), f)
	}
	f := x
	if d.Pool != "none" && !u.preactivated {
		f = b.Pool("pool", f, d.Pool, 2)
	}
	switch u.order {
	case fullPreact:
		f = relu(norm(f, 1))
	case reluOnlyPreact:
		f = relu(f)
	}
	if u.preactivated {
		habit.Source = f
		if d.Pool != "none" {
			f = b.Pool("pool", f, d.Pool, 2)
		}
	}
	last := len(u.convs) - 1
	gamma := float32(1)
	if u.ZeroInit && habit.Norm {
		gamma = 0
	}
	for i, c := range u.convs {
		c.Bias = u.Bias
		c.Zero = i == last && u.ZeroInit && !habit.Norm
		f = b.Conv(fmt.Sprintf("conv%d", i+1), f, c)
		if i == last {
			break
		}
		f = relu(norm(f, 1))
		name := "dropout"
		if len(u.convs) > 2 {
			name = fmt.Sprintf("dropout%d", i+1)
		}
		f = b.Dropout(name, f, u.Dropout)
	}
	switch u.order {
	case original, reluOnlyPreact:
		f = norm(f, gamma)
	case reluBeforeAdd:
		f = relu(norm(f, gamma))
	}
	y := u.Shortcut.Join(b.With(habit), x, b.Survival("survival", f, u.Survival))
	switch u.order {
	case original:
		y = relu(y)
	case bnAfterAdd:
		y = relu(norm(y, 1))
	}
	return y
}

// Order is the choice of Units that can be put together in other orders than their own.
type Order struct {
	Order string `yaml:"order" doc:"of convolutions, normalisations, ReLUs and the addition, as in He 2016, Table 2; after the last two the head needs norm_relu" check:"oneof=original|bn-after-add|relu-before-add|relu-only-preact|full-preact"`
}

// check refuses a start from which nothing could be learnt.
func (o Order) check(zeroInit bool) error {
	if zeroInit && o.Order == reluBeforeAdd {
		return registry.Bad("zero_init", "with `order: relu-before-add` a ReLU of nothing but zeros would follow, and let no gradient pass")
	}
	return nil
}
