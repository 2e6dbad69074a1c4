package blocks

// Projection adds the Unit's input where the shapes are equal, and a 1x1 convolution of it where they differ
// (He 2015, option B). It strides over the un-pooled input. Its convolution is like those of its Unit unless told otherwise:
// with batch normalisation after it in `postact` (He 2015), without in `preact` (He 2016).
type Projection struct {
	Norm *bool `yaml:"norm" doc:"batch normalisation after the 1x1 convolution; as the Unit does when absent"`
	Bias *bool `yaml:"bias" doc:"add a learned constant to each output channel of the 1x1 convolution; as the Unit does when absent"`
}

func init() {
	Shortcuts.Add("projection", "a 1x1 convolution where the shapes differ, else the input as it is (He 2015, option B)", &Projection{})
}

// Join implements Shortcut.
func (p *Projection) Join(b *Builder, x, f *Layer) *Layer {
	if x.Shape.Equal(f.Shape) {
		return b.Add("add", x, f)
	}
	return b.Add("add", p.project(b, "projection", x, f), f)
}

// project adds the 1x1 convolution that gives x the shape of f.
func (p *Projection) project(b *Builder, shortcut string, x, f *Layer) *Layer {
	s, habit := b.Shortcut(), b.habit
	if p.Norm != nil {
		habit.Norm = *p.Norm
	}
	if p.Bias != nil {
		habit.Bias = *p.Bias
	}
	stride := strideTo(b, shortcut, x, f)
	y := s.Conv("conv", b.source(x), Convolution{Filters: f.Shape.channels(), Kernel: 1, Stride: stride, Bias: habit.Bias})
	if habit.Norm {
		y = s.BatchNorm("bn", y)
	}
	return y
}
