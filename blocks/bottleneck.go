package blocks

import (
	"errors"
	"fmt"
)

// Bottleneck is the Unit of the deeper nets of He et al. 2015, "Deep Residual Learning for Image Recognition", Fig. 5 (right):
// a 1x1 convolution to fewer channels, which also strides, a 3x3 one, and a 1x1 one back; or the same layers in another
// order of He et al. 2016, Table 2. The filters of its stage are its output channels.
type Bottleneck struct {
	Options
	Order
	Expansion
}

func init() {
	Units.Add("bottleneck", "conv1x1-BN-ReLU-conv3x3-BN-ReLU-conv1x1-BN, the addition, then ReLU (He 2015)",
		&Bottleneck{Options{Shortcut: &Projection{}, Survival: 1}, Order{original}, Expansion{4}})
}

// Validate refuses a start from which nothing could be learnt.
func (u *Bottleneck) Validate() error {
	return errors.Join(u.Options.Validate(), u.Order.check(u.ZeroInit))
}

// Build implements Unit.
func (u *Bottleneck) Build(b *Builder, x *Layer, filters int, d Down) *Layer {
	return branch{&u.Options, u.Order.Order, false, u.bottleneck(b, filters, d)}.build(b, x, d)
}

// Expansion is how much narrower the middle of a bottleneck is.
type Expansion struct {
	Factor int `yaml:"expansion" doc:"output channels are so many times those of the 3x3 convolution" check:"min=1,max=65536"`
}

// bottleneck are the three convolutions.
func (e Expansion) bottleneck(b *Builder, filters int, d Down) []Convolution {
	if filters%e.Factor != 0 {
		b.Fail("filters", fmt.Sprintf("%d filters are not a multiple of the Unit's expansion, %d", filters, e.Factor),
			"give the output channels of the Unit: its 3x3 convolution has filters/expansion of them")
	}
	inner := filters / e.Factor
	return []Convolution{{Filters: inner, Kernel: 1, Stride: d.Stride}, {Filters: inner, Kernel: 3, Stride: 1}, {Filters: filters, Kernel: 1, Stride: 1}}
}
