package blocks

import (
	"math"
	"math/rand/v2"

	"exp/registry"
)

// Initializer fills the weights of a convolution [kernel kernel in out] or dense layer [in out] before training.
type Initializer interface {
	Fill(w []float32, shape []int, fanIn, fanOut int, r *rand.Rand)
}

// Initializers are what `model.init` can name.
var Initializers = registry.NewKind[Initializer]("initializer", "initial weights of convolutions and dense layers")

func init() {
	Initializers.Add("glorot-uniform", "uniform in ±sqrt(6/(fan in + fan out)); Glorot and Bengio 2010, Keras' default", &GlorotUniform{})
	Initializers.Add("he-normal", "normal with standard deviation sqrt(2/fan in); He 2015b", &HeNormal{})
}

// GlorotUniform draws from U(-a, a), a = sqrt(6/(fan in + fan out)) (Glorot and Bengio 2010).
type GlorotUniform struct{}

// Fill implements Initializer.
func (*GlorotUniform) Fill(w []float32, _ []int, fanIn, fanOut int, r *rand.Rand) {
	a := math.Sqrt(6 / float64(fanIn+fanOut))
	for i := range w {
		w[i] = float32(a * (2*r.Float64() - 1))
	}
}

// HeNormal draws from N(0, 2/fan in) (He 2015b, "Delving Deep into Rectifiers"); the classifier's dense layer too.
type HeNormal struct{}

// Fill implements Initializer.
func (*HeNormal) Fill(w []float32, _ []int, fanIn, _ int, r *rand.Rand) {
	s := math.Sqrt(2 / float64(fanIn))
	for i := range w {
		w[i] = float32(s * r.NormFloat64())
	}
}

// zeros starts weights at zero.
type zeros struct{}

func (zeros) Fill(w []float32, _ []int, _, _ int, _ *rand.Rand) { clear(w) }
