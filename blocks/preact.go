package blocks

// Preact is the pre-activation Unit of He et al. 2016, "Identity Mappings in Deep Residual Networks", Fig. 4(e):
// branch = conv3x3(relu(bn(conv3x3(relu(bn(x)))))), output = shortcut(x) + branch. The shortcut reads x as it is, before
// any pooling of the main path.
type Preact struct {
	Shortcut Shortcut `yaml:"shortcut" doc:"how the input is joined with the branch"`
	Bias     bool     `yaml:"bias" doc:"add a learned constant to each output channel of the convolutions"`
	Dropout  float64  `yaml:"dropout" doc:"share of the values zeroed between the two convolutions in training" check:"min=0,lt=1"`
	ZeroInit bool     `yaml:"zero_init" doc:"the second convolution's weights start at zero, so that the Unit starts as its shortcut (Goyal 2017)"`
}

func init() {
	Units.Add("preact", "BN-ReLU-conv3x3 twice, then the addition (He 2016)", &Preact{Shortcut: &Identity{}, Bias: true})
}

// Validate refuses a start from which nothing could be learnt.
func (u *Preact) Validate() error { return checkZeroInit(u.ZeroInit, u.Shortcut) }

// Build implements Unit.
func (u *Preact) Build(b *Builder, x *Layer, filters int, d Down) *Layer {
	f := x
	if d.Pool != "none" {
		f = b.Pool("pool", f, d.Pool, 2)
	}
	f = b.ReLU("relu1", b.BatchNorm("bn1", f))
	f = b.Conv("conv1", f, Convolution{Filters: filters, Kernel: 3, Stride: d.Stride, Bias: u.Bias})
	f = b.ReLU("relu2", b.BatchNorm("bn2", f))
	f = b.Dropout("dropout", f, u.Dropout)
	f = b.Conv("conv2", f, Convolution{Filters: filters, Kernel: 3, Stride: 1, Bias: u.Bias, Zero: u.ZeroInit})
	return u.Shortcut.Join(b.With(Habit{Bias: u.Bias, Down: d}), x, f)
}
