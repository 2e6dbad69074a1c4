package blocks

// Postact is the original residual Unit of He et al. 2015, "Deep Residual Learning for Image Recognition", section 4.2:
// branch = bn(conv3x3(relu(bn(conv3x3(x))))), output = relu(shortcut(x) + branch).
type Postact struct {
	Shortcut Shortcut `yaml:"shortcut" doc:"how the input is joined with the branch"`
	Bias     bool     `yaml:"bias" doc:"add a learned constant to each output channel of the convolutions"`
	Dropout  float64  `yaml:"dropout" doc:"share of the values zeroed between the two convolutions in training" check:"min=0,lt=1"`
	ZeroInit bool     `yaml:"zero_init" doc:"the second normalisation's gamma starts at zero, so that the Unit starts as its shortcut (Goyal 2017)"`
}

func init() {
	Units.Add("postact", "conv3x3-BN-ReLU-conv3x3-BN, the addition, then ReLU (He 2015)", &Postact{Shortcut: &Identity{}})
}

// Validate refuses a start from which nothing could be learnt.
func (u *Postact) Validate() error { return checkZeroInit(u.ZeroInit, u.Shortcut) }

// Build implements Unit.
func (u *Postact) Build(b *Builder, x *Layer, filters int, d Down) *Layer {
	f := x
	if d.Pool != "none" {
		f = b.Pool("pool", f, d.Pool, 2)
	}
	f = b.Conv("conv1", f, Convolution{Filters: filters, Kernel: 3, Stride: d.Stride, Bias: u.Bias})
	f = b.ReLU("relu1", b.BatchNorm("bn1", f))
	f = b.Dropout("dropout", f, u.Dropout)
	f = b.Conv("conv2", f, Convolution{Filters: filters, Kernel: 3, Stride: 1, Bias: u.Bias})
	gamma := float32(1)
	if u.ZeroInit {
		gamma = 0
	}
	f = b.batchNorm("bn2", f, gamma)
	return b.ReLU("relu2", u.Shortcut.Join(b.With(Habit{Bias: u.Bias, Norm: true, Down: d}), x, f))
}
