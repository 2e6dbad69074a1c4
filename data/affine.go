package data

import (
	"math"
	"math/rand/v2"
)

func init() {
	Augments.Add("affine", "rotates and shifts, by one bilinear resampling with the edges continued", &Affine{})
}

// Affine rotates a picture about its centre and shifts it, both at random, in one bilinear resampling. What comes from
// outside takes the value of the nearest edge. It is the transformation of Keras' ImageDataGenerator with
// rotation_range, height_shift_range and width_shift_range and fill_mode "nearest".
type Affine struct {
	Rotate float64 `yaml:"rotate" doc:"largest angle in degrees; the angle is uniform between minus and plus that" check:"min=0,max=180"`
	Shift  float64 `yaml:"shift" doc:"largest shift as a fraction of the side; both shifts are uniform between minus and plus that, in parts of pixels" check:"min=0,max=1"`
}

// Apply draws the angle, the shift by rows and the shift by columns, in this order.
func (a *Affine) Apply(dst, src []float32, h, w, c int, r *rand.Rand) {
	uniform := func(limit float64) float64 { return limit * (2*r.Float64() - 1) }
	angle := uniform(a.Rotate * math.Pi / 180)
	rows, cols := uniform(a.Shift*float64(h)), uniform(a.Shift*float64(w))
	resample(dst, src, h, w, c, angle, rows, cols)
}

// resample turns by angle (radians) and shifts by rows and cols (pixels): for each pixel "out" of dst it reads src at
//
//	in = m + R(out - m + t),  R = [cos -sin; sin cos],  t = (rows, cols),  m = ((h-1)/2, (w-1)/2)
//
// in (row, column) coordinates, clamped to the picture, by bilinear interpolation.
func resample(dst, src []float32, h, w, c int, angle, rows, cols float64) {
	sin, cos := math.Sincos(angle)
	my, mx := float64(h-1)/2, float64(w-1)/2
	top, left := float32(h-1), float32(w-1)
	dy, dx := float32(-sin), float32(cos) // how far in moves when out moves by one column
	for y := range h {
		oy, ox := float64(y)-my+rows, cols-mx
		y0, x0 := float32(my+cos*oy-sin*ox), float32(mx+sin*oy+cos*ox)
		to := dst[y*w*c:][:w*c]
		for x := range w {
			iy := min(max(y0+float32(x)*dy, 0), top)
			ix := min(max(x0+float32(x)*dx, 0), left)
			ry, rx := int(iy), int(ix)
			fy, fx := iy-float32(ry), ix-float32(rx)
			below, right := 0, 0 // steps to the neighbours; none at the last row and column
			if ry < h-1 {
				below = w * c
			}
			if rx < w-1 {
				right = c
			}
			at := (ry*w + rx) * c
			p, q := src[at:][:right+c], src[at+below:][:right+c]
			out := to[x*c:][:c]
			for k := range out {
				u := p[k] + fx*(p[right+k]-p[k])
				v := q[k] + fx*(q[right+k]-q[k])
				out[k] = u + fy*(v-u)
			}
		}
	}
}
