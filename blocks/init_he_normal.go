package blocks

import (
	"math"
	"math/rand/v2"
)

// HeNormal draws from N(0, 2/fan in) (He 2015b, "Delving Deep into Rectifiers", eq. 10); the classifier's dense layer too.
type HeNormal struct{}

func init() {
	Initializers.Add("he-normal", "normal with standard deviation sqrt(2/fan in); He 2015b", &HeNormal{})
}

// Fill implements Initializer.
func (*HeNormal) Fill(w []float32, _ []int, fanIn, _ int, r *rand.Rand) {
	normal(w, math.Sqrt(2/float64(fanIn)), r)
}
