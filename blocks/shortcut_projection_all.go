package blocks

// ProjectionAll adds a 1x1 convolution of the Unit's input in every Unit, those that keep the shape included (He 2015,
// option C; He 2016, section 3.1, "1x1 convolutional shortcut").
type ProjectionAll struct {
	Projection
}

func init() {
	Shortcuts.Add("projection-all", "a 1x1 convolution in every Unit (He 2015, option C)", &ProjectionAll{})
}

// Join implements Shortcut.
func (p *ProjectionAll) Join(b *Builder, x, f *Layer) *Layer {
	return b.Add("add", p.project(b, "projection-all", x, f), f)
}
