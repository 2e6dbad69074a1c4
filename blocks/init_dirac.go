package blocks

import "math/rand/v2"

// Dirac starts convolutions as the identity (Zagoruyko and Komodakis 2017, "DiracNets"; torch.nn.init.dirac_): filter i
// copies channel i. Filters that no channel is left for, and dense layers, are filled by another initializer:
// torch.nn.init.dirac_ leaves such filters at zero, from where those before a ReLU would never move.
type Dirac struct {
	Rest Initializer `yaml:"rest" doc:"the weights of filters beyond the input's channels, and of dense layers"`
}

func init() {
	Initializers.Add("dirac", "convolutions that copy their input, as far as there are channels for their filters; Zagoruyko 2017", &Dirac{&HeNormal{}})
}

// Fill implements Initializer.
func (d *Dirac) Fill(w []float32, shape []int, fanIn, fanOut int, r *rand.Rand) {
	d.Rest.Fill(w, shape, fanIn, fanOut, r)
	if len(shape) != 4 {
		return
	}
	kernel, in, out := shape[0], shape[2], shape[3]
	centre := (kernel/2*kernel + kernel/2) * in * out
	for o := range min(in, out) {
		for i := o; i < len(w); i += out {
			w[i] = 0
		}
		w[centre+o*out+o] = 1
	}
}
