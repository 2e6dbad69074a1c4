package data

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"
)

// golden holds what NumPy and SciPy gave: scripts/golden_data.py.
type golden struct {
	Affine []struct {
		H, W, C             int
		Degrees, Rows, Cols float64
		Src, Want           []float32
	}
	Normalize []struct {
		Mean, Std    string
		N, H, W, C   int
		Pixels, Want []float64
	}
}

func readGolden(t *testing.T) golden {
	text, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func TestAffineIsSciPys(t *testing.T) {
	for _, c := range readGolden(t).Affine {
		t.Run(fmt.Sprintf("%dx%dx%d by %g degrees, %g, %g", c.H, c.W, c.C, c.Degrees, c.Rows, c.Cols), func(t *testing.T) {
			got := make([]float32, len(c.Src))
			resample(got, c.Src, c.H, c.W, c.C, c.Degrees*math.Pi/180, c.Rows, c.Cols)
			for i, want := range c.Want {
				if math.Abs(float64(got[i]-want)) > 1e-5 {
					t.Fatalf("value %d is %g, not %g", i, got[i], want)
				}
			}
		})
	}
}

func TestNormalizeIsNumPys(t *testing.T) {
	for _, c := range readGolden(t).Normalize {
		t.Run(fmt.Sprintf("mean %s, std %s", c.Mean, c.Std), func(t *testing.T) {
			s := Split{N: c.N, H: c.H, W: c.W, C: c.C}
			for _, v := range c.Pixels {
				s.Pixels = append(s.Pixels, uint8(v))
			}
			n := newNormaliser(Normalize{Mean: Statistic{Over: c.Mean}, Std: Statistic{Over: c.Std}}, s, all(c.N))
			size := c.H * c.W * c.C
			got := make([]float32, size)
			for e := range c.N {
				n.apply(got, s.Pixels[e*size:][:size])
				for i, v := range got {
					if want := c.Want[e*size+i]; math.Abs(float64(v)-want) > 2e-6 {
						t.Fatalf("example %d, value %d is %g, not %g", e, i, v, want)
					}
				}
			}
		})
	}
}
