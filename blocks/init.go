package blocks

import (
	"math/rand/v2"

	"exp/registry"
)

// Initializer fills the weights of a convolution [kernel kernel in out] or dense layer [in out] before training.
type Initializer interface {
	Fill(w []float32, shape []int, fanIn, fanOut int, r *rand.Rand)
}

// Initializers are what `model.init` can name.
var Initializers = registry.NewKind[Initializer]("initializer", "initial weights of convolutions and dense layers")

// uniform draws from U(-a, a).
func uniform(w []float32, a float64, r *rand.Rand) {
	for i := range w {
		w[i] = float32(a * (2*r.Float64() - 1))
	}
}

// normal draws from N(0, s²).
func normal(w []float32, s float64, r *rand.Rand) {
	for i := range w {
		w[i] = float32(s * r.NormFloat64())
	}
}

// zeros starts weights at zero.
type zeros struct{}

func (zeros) Fill(w []float32, _ []int, _, _ int, _ *rand.Rand) { clear(w) }
