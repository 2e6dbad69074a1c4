package data

import (
	"fmt"
	"math/rand/v2"
)

func init() {
	Augments.Add("crop", "shifts by whole pixels: pads on all sides, then cuts a piece of the old size out", &Crop{Pad: 4, Mode: "zero"})
}

// Crop pads a picture on all sides and cuts a piece of its old size out, at a place that is uniform over all there are:
// He et al. 2015, section 4.2, with 4 pixels of zeros.
type Crop struct {
	Pad  int    `yaml:"pad" doc:"pixels added on every side" check:"min=0"`
	Mode string `yaml:"mode" doc:"what is added: zero (of the normalised picture, so the mean; black if no mean is subtracted), or reflect: the picture mirrored at its outermost pixels, which are not repeated" check:"oneof=zero|reflect"`
}

// Fits refuses pads that would leave nothing to mirror, or nothing of the picture.
func (a *Crop) Fits(h, w, c int) error {
	if a.Pad >= min(h, w) {
		return fmt.Errorf("pad %d is too much for pictures of %dx%d: at most %d", a.Pad, h, w, min(h, w)-1)
	}
	return nil
}

// Apply is dst[y,x] = padded[y+dy,x+dx]; dy and dx uniform over 0 to 2*Pad.
func (a *Crop) Apply(dst, src []float32, h, w, c int, r *rand.Rand) {
	dy, dx := r.IntN(2*a.Pad+1)-a.Pad, r.IntN(2*a.Pad+1)-a.Pad
	for y := range h {
		to := dst[y*w*c:][:w*c]
		from, inside := a.place(y+dy, h)
		if !inside {
			clear(to)
			continue
		}
		row := src[from*w*c:][:w*c]
		for x := range w {
			if from, inside := a.place(x+dx, w); inside {
				copy(to[x*c:][:c], row[from*c:])
			} else {
				clear(to[x*c:][:c])
			}
		}
	}
}

// place is where pixel i of a padded line of n comes from, and whether it comes from the picture at all.
func (a *Crop) place(i, n int) (int, bool) {
	switch {
	case i >= 0 && i < n:
		return i, true
	case a.Mode == "zero":
		return 0, false
	case i < 0:
		return -i, true
	}
	return 2*(n-1) - i, true
}
