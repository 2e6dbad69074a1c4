package blocks

import (
	"math"
	"math/rand/v2"
)

// GlorotNormal draws from N(0, 2/(fan in + fan out)) (Glorot and Bengio 2010, eq. 12), as PyTorch does; Keras cuts it off at two standard deviations.
type GlorotNormal struct{}

func init() {
	Initializers.Add("glorot-normal", "normal with standard deviation sqrt(2/(fan in + fan out)); Glorot and Bengio 2010", &GlorotNormal{})
}

// Fill implements Initializer.
func (*GlorotNormal) Fill(w []float32, _ []int, fanIn, fanOut int, r *rand.Rand) {
	normal(w, math.Sqrt(2/float64(fanIn+fanOut)), r)
}
