package data

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

func TestFlip(t *testing.T) {
	src := []float32{1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60} // 2x3x2
	flipped := []float32{3, 30, 2, 20, 1, 10, 6, 60, 5, 50, 4, 40}
	for _, c := range []struct {
		name        string
		probability float64
		want        []float32
	}{
		{"never", 0, src},
		{"always", 1, flipped},
	} {
		t.Run(c.name, func(t *testing.T) {
			dst := make([]float32, len(src))
			(&Flip{Probability: c.probability}).Apply(dst, src, 2, 3, 2, random(1))
			if !slices.Equal(dst, c.want) {
				t.Errorf("gave %v, not %v", dst, c.want)
			}
		})
	}
	t.Run("every other time", func(t *testing.T) {
		r, dst, n := random(1), make([]float32, len(src)), 0
		for range 1000 {
			(&Flip{Probability: 0.5}).Apply(dst, src, 2, 3, 2, r)
			if dst[0] == 3 {
				n++
			}
		}
		if n < 450 || n > 550 {
			t.Errorf("%d of 1000", n)
		}
	})
}

func TestCropGivesEveryPieceOfThePaddedPicture(t *testing.T) {
	src := []float32{1, 2, 3, 4, 5, 6, 7, 8, 9} // 3x3
	for _, c := range []struct {
		mode   string
		padded []float32 // 5x5
	}{
		{"zero", []float32{
			0, 0, 0, 0, 0,
			0, 1, 2, 3, 0,
			0, 4, 5, 6, 0,
			0, 7, 8, 9, 0,
			0, 0, 0, 0, 0,
		}},
		{"reflect", []float32{
			5, 4, 5, 6, 5,
			2, 1, 2, 3, 2,
			5, 4, 5, 6, 5,
			8, 7, 8, 9, 8,
			5, 4, 5, 6, 5,
		}},
	} {
		t.Run(c.mode, func(t *testing.T) {
			var pieces [][]float32
			for y := range 3 {
				for x := range 3 {
					var piece []float32
					for row := range 3 {
						piece = append(piece, c.padded[(y+row)*5+x:][:3]...)
					}
					pieces = append(pieces, piece)
				}
			}
			seen := map[int]bool{}
			r, dst := random(2), make([]float32, 9)
			for range 500 {
				(&Crop{1, c.mode}).Apply(dst, src, 3, 3, 1, r)
				at := slices.IndexFunc(pieces, func(p []float32) bool { return slices.Equal(p, dst) })
				if at < 0 {
					t.Fatalf("%v is no piece of the padded picture", dst)
				}
				seen[at] = true
			}
			if c.mode == "zero" && len(seen) != 9 {
				t.Errorf("only %d of 9 places", len(seen))
			}
		})
	}
}

// blanked is the rectangle of zeros in a picture of ones, or false if the zeros are no rectangle.
func blanked(dst []float32, h, w, c int) (top, bottom, left, right int, ok bool) {
	top, left = h, w
	zeros := 0
	for i, v := range dst {
		if y, x := i/(w*c), i/c%w; v == 0 {
			top, bottom, left, right = min(top, y), max(bottom, y+1), min(left, x), max(right, x+1)
			zeros++
		}
	}
	return top, bottom, left, right, zeros == (bottom-top)*(right-left)*c
}

func TestCutoutBlanksOneSquareAnywhere(t *testing.T) {
	const h, w, c = 6, 9, 2
	src, dst := make([]float32, h*w*c), make([]float32, h*w*c)
	for i := range src {
		src[i] = 1
	}
	for _, size := range []int{1, 3, 4, 6} {
		r := random(6)
		seen := map[[4]int]int{}
		for range 54 * 100 {
			(&Cutout{size}).Apply(dst, src, h, w, c, r)
			top, bottom, left, right, ok := blanked(dst, h, w, c)
			if !ok {
				t.Fatalf("size %d: no square of zeros: %v", size, dst)
			}
			seen[[4]int{top, bottom, left, right}]++
		}
		want := map[[4]int]int{} // as in DeVries' code where size is even
		for y := range h {
			for x := range w {
				want[[4]int{max(0, y-size/2), min(h, y-size/2+size), max(0, x-size/2), min(w, x-size/2+size)}] += 100
			}
		}
		for at, n := range want {
			if seen[at] < n/2 || seen[at] > 2*n {
				t.Errorf("size %d: rows %d to %d, columns %d to %d are blanked %d times, not some %d", size, at[0], at[1], at[2], at[3], seen[at], n)
			}
		}
		if len(seen) != len(want) {
			t.Errorf("size %d: %d places, want %d", size, len(seen), len(want))
		}
	}
}

func TestAffineStaysWithinItsLimits(t *testing.T) {
	// a ramp: the value at the centre tells the shift by rows, as long as no edge is near
	const side = 33
	src, dst := make([]float32, side*side), make([]float32, side*side)
	for y := range side {
		for x := range side {
			src[y*side+x] = float32(y)
		}
	}
	a, r := &Affine{Shift: 0.1}, random(3)
	low, high := float32(side), float32(0)
	for range 2000 {
		a.Apply(dst, src, side, side, 1, r)
		v := dst[side/2*side+side/2]
		low, high = min(low, v), max(high, v)
	}
	if low < 16-3.3001 || high > 16+3.3001 || low > 16-3.2 || high < 16+3.2 {
		t.Errorf("shifts by %g to %g pixels, not by ±3.3", low-16, high-16)
	}
}

func TestEveryAugmentation(t *testing.T) {
	for _, name := range Augments.Names() {
		for _, shape := range [][3]int{{32, 32, 3}, {28, 28, 1}, {9, 14, 2}, {6, 5, 1}} {
			a, _ := Augments.New(name)
			h, w, c := shape[0], shape[1], shape[2]
			src, r := make([]float32, h*w*c), random(4)
			for i := range src {
				src[i] = float32(r.NormFloat64())
			}
			before := slices.Clone(src)
			once, twice := make([]float32, len(src)), make([]float32, len(src))
			a.Apply(once, src, h, w, c, random(5))
			for i := range twice {
				twice[i] = 99
			}
			a.Apply(twice, src, h, w, c, random(5))
			if !slices.Equal(once, twice) {
				t.Errorf("%s, %v: the same stream gives different pictures, or not all is written", name, shape)
			}
			if !slices.Equal(src, before) {
				t.Errorf("%s, %v: changes its source", name, shape)
			}
		}
	}
}

func TestConfigsThatCannotWork(t *testing.T) {
	info := Info{Name: "made-up", H: 4, W: 8, C: 1, Train: 100, Test: 10}
	for _, c := range []struct {
		config Config
		want   string
	}{
		{Config{Augment: []Augment{&Flip{}, &Crop{Pad: 4}}}, "data.augment.1: pad 4 is too much for pictures of 4x8: at most 3"},
		{Config{Augment: []Augment{&Crop{Pad: 3}}}, ""},
		{Config{Augment: []Augment{&Cutout{Size: 5}}}, "data.augment.0: size 5 is too much for pictures of 4x8: at most 4"},
		{Config{Augment: []Augment{&Cutout{Size: 4}}}, ""},
		{Config{Augment: []Augment{&Mixup{Alpha: 1}, &Flip{}}}, "data.augment.0: mixes whole examples: it must be the last in the list"},
		{Config{Normalize: Normalize{Mean: Statistic{Values: []float64{1, 2}}, Std: Statistic{Values: []float64{1, 2, 3}}}},
			"data.normalize.mean: 2 numbers for pictures of 1 channels; give one for all, or one for each\n" +
				"data.normalize.std: 3 numbers for pictures of 1 channels; give one for all, or one for each"},
		{Config{Dir: "x"}, "data.dir: made-up is made, not read from files"},
		{Config{Limit: 100}, ""},
		{Config{Limit: 101}, "data.limit: 101 is more than the 100 training examples there are"},
		{Config{Limit: 91, Validation: Validation{Count: 10}}, "data.limit: 91 is more than the 90 training examples there are"},
		{Config{Validation: Validation{Count: 100}}, "data.validation: 100 of 100 training examples leave nothing to train on"},
		{Config{Validation: Validation{Fraction: 0.999}}, "data.validation: 100 of 100 training examples leave nothing to train on"},
	} {
		got := ""
		info.Made = c.config.Dir != ""
		if err := c.config.Check(info); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q, not %q", got, c.want)
		}
	}
}
