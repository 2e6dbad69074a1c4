package blocks

// Gated lets a gate choose between shortcut and branch, as in Highway nets (He 2016, section 3.1, "exclusive gating"):
// g = sigmoid(conv1x1(x) + b), output = (1-g) shortcut + g branch. Where the branch makes the image smaller, the gate's
// convolution strides as a projection does.
type Gated struct {
	gating
}

func init() {
	Shortcuts.Add("gated", "a learned gate chooses between shortcut and branch (He 2016, Table 1, exclusive gating)",
		&Gated{gating{-6, Transform{"zero-pad"}}})
}

// Join implements Shortcut.
func (g *Gated) Join(b *Builder, x, f *Layer) *Layer { return g.join(b, "gated", x, f, true) }

// gating is what `gated` and `shortcut-gated` have in common.
type gating struct {
	BiasInit float64 `yaml:"bias_init" doc:"what the gate's biases start at: the lower, the more of the shortcut passes; 0 to -5 fail at depth 110, -6 works (He 2016)" check:"min=-100,max=100"`
	Transform
}

func (g gating) join(b *Builder, shortcut string, x, f *Layer, exclusive bool) *Layer {
	stride := 1
	if !x.Shape.Equal(f.Shape) {
		stride = strideTo(b, shortcut, x, f)
	}
	gate := b.Shortcut().Conv("gate", b.source(x), Convolution{Filters: f.Shape.channels(), Kernel: 1, Stride: stride, Bias: true, Start: g.BiasInit})
	return b.Gated("add", g.transformed(b, shortcut, x, f), f, gate, exclusive)
}
