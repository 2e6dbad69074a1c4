package blocks

import "exp/registry"

// ConvStem is one convolution, as pre-activation nets begin (He 2016; the first Unit normalises).
type ConvStem struct {
	Filters int  `yaml:"filters" doc:"output channels" check:"required,min=1,max=65536"`
	Kernel  int  `yaml:"kernel" doc:"side of the window, odd" check:"min=1,max=15"`
	Stride  int  `yaml:"stride" doc:"step between windows" check:"min=1,max=8"`
	Bias    bool `yaml:"bias" doc:"add a learned constant to each output channel"`
}

func init() {
	Stems.Add("conv", "one convolution", &ConvStem{Kernel: 3, Stride: 1, Bias: true})
}

// Validate refuses even kernels.
func (s *ConvStem) Validate() error {
	if s.Kernel%2 == 0 {
		return registry.Bad("kernel", "%d is even; the padding is the same on both sides only for odd kernels", s.Kernel)
	}
	return nil
}

// Build implements Stem.
func (s *ConvStem) Build(b *Builder, x *Layer) *Layer {
	return b.Conv("conv", x, Convolution{Filters: s.Filters, Kernel: s.Kernel, Stride: s.Stride, Bias: s.Bias})
}
