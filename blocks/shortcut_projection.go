package blocks

// Projection adds the Unit's input where the shapes are equal, and a 1x1 convolution of it where they differ
// (He 2015, option B). It strides over the un-pooled input.
type Projection struct {
	Norm bool `yaml:"norm" doc:"batch normalisation after the 1x1 convolution, as in He 2015"`
	Bias bool `yaml:"bias" doc:"add a learned constant to each output channel of the 1x1 convolution"`
}

func init() {
	Shortcuts.Add("projection", "a 1x1 convolution where the shapes differ, else the input as it is (He 2015, option B)", &Projection{Bias: true})
}

// Join implements Shortcut.
func (p *Projection) Join(b *Builder, x, f *Layer) *Layer {
	if x.Shape.Equal(f.Shape) {
		return b.Add("add", x, f)
	}
	s := b.Shortcut()
	stride := strideTo(b, "projection", x, f)
	y := s.Conv("conv", x, Convolution{Filters: f.Shape.channels(), Kernel: 1, Stride: stride, Bias: p.Bias})
	if p.Norm {
		y = s.BatchNorm("bn", y)
	}
	return b.Add("add", y, f)
}
