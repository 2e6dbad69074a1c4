package blocks

// PreactBottleneck is the Unit of the deep nets of He et al. 2016, "Identity Mappings in Deep Residual Networks", section 5
// and appendix: BN-ReLU before each of a 1x1, which also strides, a 3x3 and a 1x1 convolution. The filters of its stage are
// its output channels; where the shape changes, the projection reads the first BN-ReLU.
type PreactBottleneck struct {
	Options
	Expansion
}

func init() {
	Units.Add("preact-bottleneck", "BN-ReLU-conv1x1, BN-ReLU-conv3x3, BN-ReLU-conv1x1, then the addition (He 2016)",
		&PreactBottleneck{Options{Shortcut: &Projection{}, Survival: 1}, Expansion{4}})
}

// Build implements Unit.
func (u *PreactBottleneck) Build(b *Builder, x *Layer, filters int, d Down) *Layer {
	return branch{&u.Options, fullPreact, true, u.bottleneck(b, filters, d)}.build(b, x, d)
}
