package data

import "math/rand/v2"

func init() {
	Augments.Add("flip", "mirrors left and right, every other picture by default", &Flip{Probability: 0.5})
}

// Flip mirrors a picture left and right with some probability.
type Flip struct {
	Probability float64 `yaml:"probability" doc:"how often a picture is mirrored" check:"min=0,max=1"`
}

// Apply is dst[y,x] = src[y,w-1-x] with the probability, or else dst = src.
func (f *Flip) Apply(dst, src []float32, h, w, c int, r *rand.Rand) {
	if r.Float64() >= f.Probability {
		copy(dst, src)
		return
	}
	for y := range h {
		from, to := src[y*w*c:][:w*c], dst[y*w*c:][:w*c]
		for x := range w {
			copy(to[x*c:][:c], from[(w-1-x)*c:])
		}
	}
}
