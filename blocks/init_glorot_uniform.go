package blocks

import (
	"math"
	"math/rand/v2"
)

// GlorotUniform draws from U(-a, a), a = sqrt(6/(fan in + fan out)) (Glorot and Bengio 2010, eq. 16).
type GlorotUniform struct{}

func init() {
	Initializers.Add("glorot-uniform", "uniform in ±sqrt(6/(fan in + fan out)); Glorot and Bengio 2010, Keras' default", &GlorotUniform{})
}

// Fill implements Initializer.
func (*GlorotUniform) Fill(w []float32, _ []int, fanIn, fanOut int, r *rand.Rand) {
	uniform(w, math.Sqrt(6/float64(fanIn+fanOut)), r)
}
