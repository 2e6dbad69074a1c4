package blocks

// Wide is the Unit of Zagoruyko and Komodakis 2016, "Wide Residual Networks", Fig. 1(d): the pre-activation Unit with
// dropout between its two convolutions, and a projection that reads the first BN-ReLU where the shape changes. How wide it
// is, the filters of its stage say: k times 16, 32 and 64 for WRN-d-k.
type Wide struct {
	Options
}

func init() {
	Units.Add("wide", "BN-ReLU-conv3x3, BN-ReLU-dropout-conv3x3, then the addition (Zagoruyko 2016)",
		&Wide{Options{Shortcut: &Projection{}, Survival: 1}})
}

// Build implements Unit.
func (u *Wide) Build(b *Builder, x *Layer, filters int, d Down) *Layer {
	return branch{&u.Options, fullPreact, true, basic(filters, d)}.build(b, x, d)
}
