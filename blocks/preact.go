package blocks

import (
	"errors"

	"exp/registry"
)

// Preact is the pre-activation Unit of He et al. 2016, "Identity Mappings in Deep Residual Networks", Fig. 4(e):
// branch = conv3x3(relu(bn(conv3x3(relu(bn(x)))))), output = shortcut(x) + branch. The shortcut reads x as it is, before
// any pooling of the main path, unless it is to read the pre-activated input.
type Preact struct {
	Options
	Preactivated bool `yaml:"preactivated" doc:"what the shortcut computes from the input (1x1 convolutions, gates, zero-padding), it computes from the first BN-ReLU, which then comes before any pooling (He 2016, appendix); an input that is added as it is stays as it is"`
}

func init() {
	Units.Add("preact", "BN-ReLU-conv3x3 twice, then the addition (He 2016)", &Preact{Options: Options{Shortcut: &Identity{}, Bias: true, Survival: 1}})
}

// Validate refuses a start from which nothing could be learnt, and what has no effect.
func (u *Preact) Validate() error {
	return errors.Join(u.Options.Validate(), u.checkPreactivated())
}

func (u *Preact) checkPreactivated() error {
	switch u.Shortcut.(type) {
	case *None, *Identity:
		if u.Preactivated {
			return registry.Bad("preactivated", "has no effect: the shortcut computes nothing from the input")
		}
	}
	return nil
}

// Build implements Unit.
func (u *Preact) Build(b *Builder, x *Layer, filters int, d Down) *Layer {
	return branch{&u.Options, fullPreact, u.Preactivated, basic(filters, d)}.build(b, x, d)
}

// basic are the two convolutions of a Unit that is no bottleneck.
func basic(filters int, d Down) []Convolution {
	return []Convolution{{Filters: filters, Kernel: 3, Stride: d.Stride}, {Filters: filters, Kernel: 3, Stride: 1}}
}
