package blocks

// SqueezeExcitation is the Unit of He 2015 whose branch weighs its channels by what they hold on average over the image
// (Hu, Shen and Sun 2018, "Squeeze-and-Excitation Networks", Fig. 3 and section 6.1):
//
//	f = bn(conv3x3(relu(bn(conv3x3(x)))))           [H W C]
//	s = average of f over its pixels                [C]
//	z = W2 relu(W1 s + b1) + b2                     [C] -> [C/r] -> [C]
//	y = relu(shortcut(x) + f sigmoid(z))
type SqueezeExcitation struct {
	Shortcut  Shortcut `yaml:"shortcut" doc:"how the input is joined with the branch"`
	Reduction int      `yaml:"reduction" doc:"channels for each feature of the bottleneck between the two dense layers" check:"min=1"`
}

func init() {
	Units.Add("squeeze-excitation", "conv3x3-BN-ReLU-conv3x3-BN, its channels weighed, the addition, then ReLU (Hu 2018)",
		&SqueezeExcitation{Shortcut: &Identity{}, Reduction: 16})
}

// Build implements Unit.
func (u *SqueezeExcitation) Build(b *Builder, x *Layer, filters int, d Down) *Layer {
	f := x
	if d.Pool != "none" {
		f = b.Pool("pool", f, d.Pool, 2)
	}
	f = b.Conv("conv1", f, Convolution{Filters: filters, Kernel: 3, Stride: d.Stride})
	f = b.ReLU("relu1", b.BatchNorm("bn1", f))
	f = b.Conv("conv2", f, Convolution{Filters: filters, Kernel: 3, Stride: 1})
	f = b.BatchNorm("bn2", f)

	s := b.GlobalPool("squeeze", f)
	z := b.ReLU("relu2", b.Dense("reduce", s, max(1, filters/u.Reduction)))
	f = b.Excite("excite", f, b.Dense("expand", z, filters))

	y := u.Shortcut.Join(b.With(Habit{Norm: true, Down: d}), x, f)
	return b.ReLU("relu3", y)
}
