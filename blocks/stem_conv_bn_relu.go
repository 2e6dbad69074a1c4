package blocks

import "exp/registry"

// ConvBNReLUStem is a convolution, batch normalisation and ReLU, as post-activation nets begin (He 2015, section 4.2).
type ConvBNReLUStem struct {
	Filters int  `yaml:"filters" doc:"output channels" check:"required,min=1,max=65536"`
	Kernel  int  `yaml:"kernel" doc:"side of the window, odd" check:"min=1,max=15"`
	Stride  int  `yaml:"stride" doc:"step between windows" check:"min=1,max=8"`
	Bias    bool `yaml:"bias" doc:"add a learned constant to each output channel of the convolution"`
}

func init() {
	Stems.Add("conv-bn-relu", "a convolution, batch normalisation and ReLU (He 2015)", &ConvBNReLUStem{Kernel: 3, Stride: 1})
}

// Validate implements the registry's check.
func (s *ConvBNReLUStem) Validate() error { return oddKernel(s.Kernel) }

// Build implements Stem.
func (s *ConvBNReLUStem) Build(b *Builder, x *Layer) *Layer {
	y := b.Conv("conv", x, Convolution{Filters: s.Filters, Kernel: s.Kernel, Stride: s.Stride, Bias: s.Bias})
	return b.ReLU("relu", b.BatchNorm("bn", y))
}

func oddKernel(k int) error {
	if k%2 == 0 {
		return registry.Bad("kernel", "%d is even; the padding is the same on both sides only for odd kernels", k)
	}
	return nil
}
