package data

import (
	"fmt"
	"math/rand/v2"
)

func init() {
	Augments.Add("cutout", "blanks a square at a random place, parts of which may lie outside", &Cutout{Size: 8})
}

// Cutout sets a square to zero, which is the mean where a mean is subtracted: DeVries and Taylor 2017, "Improved
// Regularization of Convolutional Neural Networks with Cutout". The centre is uniform over the picture's pixels; what lies
// outside the picture is cut off.
type Cutout struct {
	Size int `yaml:"size" doc:"side of the square in pixels" check:"min=1"`
}

// Fits refuses squares that are larger than the picture.
func (a *Cutout) Fits(h, w, c int) error {
	if a.Size > min(h, w) {
		return fmt.Errorf("size %d is too much for pictures of %dx%d: at most %d", a.Size, h, w, min(h, w))
	}
	return nil
}

// Apply draws the centre's row and column, in this order: with them (y,x), rows y-Size/2 to y-Size/2+Size-1 are blanked, and
// columns likewise.
func (a *Cutout) Apply(dst, src []float32, h, w, c int, r *rand.Rand) {
	copy(dst, src)
	top, bottom := a.span(r.IntN(h), h)
	left, right := a.span(r.IntN(w), w)
	for y := top; y < bottom; y++ {
		clear(dst[(y*w+left)*c : (y*w+right)*c])
	}
}

// span is the part of a side of n pixels that a square around its pixel at covers.
func (a *Cutout) span(at, n int) (from, to int) {
	from = at - a.Size/2
	return max(0, from), min(n, from+a.Size)
}
