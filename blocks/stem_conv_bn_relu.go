package blocks

// ConvBNReLUStem is a convolution, batch normalisation and ReLU, as post-activation nets begin (He 2015, section 4.2).
type ConvBNReLUStem struct {
	ConvStem
}

func init() {
	Stems.Add("conv-bn-relu", "a convolution, batch normalisation and ReLU (He 2015)", &ConvBNReLUStem{ConvStem{Kernel: 3, Stride: 1}})
}

// Build implements Stem.
func (s *ConvBNReLUStem) Build(b *Builder, x *Layer) *Layer {
	return b.ReLU("relu", b.BatchNorm("bn", s.ConvStem.Build(b, x)))
}
