package blocks

import (
	"math"
	"math/rand/v2"
)

// HeUniform draws from U(-a, a), a = sqrt(6/fan in) (He 2015b, "Delving Deep into Rectifiers").
type HeUniform struct{}

func init() {
	Initializers.Add("he-uniform", "uniform in ±sqrt(6/fan in); He 2015b", &HeUniform{})
}

// Fill implements Initializer.
func (*HeUniform) Fill(w []float32, _ []int, fanIn, _ int, r *rand.Rand) {
	uniform(w, math.Sqrt(6/float64(fanIn)), r)
}
