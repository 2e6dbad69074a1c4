package blocks

import "errors"

// Postact is the original residual Unit of He et al. 2015, "Deep Residual Learning for Image Recognition", section 4.2:
// branch = bn(conv3x3(relu(bn(conv3x3(x))))), output = relu(shortcut(x) + branch); or the same layers in another order of
// He et al. 2016, Table 2.
type Postact struct {
	Options
	Order
}

func init() {
	Units.Add("postact", "conv3x3-BN-ReLU-conv3x3-BN, the addition, then ReLU (He 2015)",
		&Postact{Options{Shortcut: &Identity{}, Survival: 1}, Order{original}})
}

// Validate refuses a start from which nothing could be learnt.
func (u *Postact) Validate() error {
	return errors.Join(u.Options.Validate(), u.Order.check(u.ZeroInit))
}

// Build implements Unit.
func (u *Postact) Build(b *Builder, x *Layer, filters int, d Down) *Layer {
	return branch{&u.Options, u.Order.Order, false, basic(filters, d)}.build(b, x, d)
}
