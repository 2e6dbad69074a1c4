package blocks_test

import (
	"math"
	"slices"
	"testing"

	"exp/blocks"
	"exp/internal/stream"
)

// What torch.nn.init of PyTorch 2.15.0 gives a convolution of 3x3x32 to 64 ([64, 32, 3, 3] there) and a dense layer of 256 to 10:
// the bound of xavier_uniform_ and kaiming_uniform_(nonlinearity="relu"), the standard deviation of xavier_normal_ and
// kaiming_normal_(nonlinearity="relu").
var initial = map[string]struct {
	bounded     bool
	conv, dense float64
}{
	"glorot-uniform": {true, 0.0833333333, 0.1501878523},
	"glorot-normal":  {false, 0.0481125224, 0.0867109970},
	"he-uniform":     {true, 0.1443375673, 0.1530931089},
	"he-normal":      {false, 0.0833333333, 0.0883883476},
}

func fill(t *testing.T, name string, shape ...int) []float32 {
	t.Helper()
	i, ok := blocks.Initializers.New(name)
	if !ok {
		t.Fatalf("there is no %s", name)
	}
	in, out, size := shape[len(shape)-2], shape[len(shape)-1], 1
	for _, d := range shape {
		size *= d
	}
	window := size / in / out
	w := make([]float32, size)
	i.Fill(w, shape, window*in, window*out, stream.New(1, name))
	return w
}

func TestInitialWeightsAreSpreadAsThoseOfPyTorch(t *testing.T) {
	for name, want := range initial {
		for _, c := range []struct {
			shape []int
			want  float64
		}{{[]int{3, 3, 32, 64}, want.conv}, {[]int{256, 10}, want.dense}} {
			w := fill(t, name, c.shape...)
			largest, mean, square := 0.0, 0.0, 0.0
			for _, v := range w {
				largest = max(largest, math.Abs(float64(v)))
				mean += float64(v) / float64(len(w))
				square += float64(v) * float64(v) / float64(len(w))
			}
			deviation := c.want
			if want.bounded {
				deviation /= math.Sqrt(3)
				if largest > c.want*(1+1e-6) || largest < 0.99*c.want {
					t.Errorf("%s %v: the largest is %v, the bound %v", name, c.shape, largest, c.want)
				}
			}
			within := 4 / math.Sqrt(float64(len(w))) // four times the standard error of a mean
			if math.Abs(mean) > within*deviation || math.Abs(math.Sqrt(square)/deviation-1) > within {
				t.Errorf("%s %v: mean %v and standard deviation %v, PyTorch has 0 and %v", name, c.shape, mean, math.Sqrt(square), deviation)
			}
		}
	}
	for _, name := range blocks.Initializers.Names() {
		if _, known := initial[name]; !known && name != "dirac" {
			t.Errorf("%s is in no test", name)
		}
	}
}

// Filters that have a channel copy it, as those of torch.nn.init.dirac_; the others and dense layers are He's.
func TestDirac(t *testing.T) {
	for _, size := range []struct{ kernel, in, out int }{{3, 4, 4}, {3, 5, 3}, {1, 2, 2}, {3, 3, 8}, {5, 1, 2}} {
		w := fill(t, "dirac", size.kernel, size.kernel, size.in, size.out)
		for o := range size.out {
			var others []float32
			for i := o; i < len(w); i += size.out {
				if centre := ((size.kernel/2*size.kernel+size.kernel/2)*size.in+o)*size.out + o; o < size.in && i == centre {
					if w[i] != 1 {
						t.Errorf("%+v: filter %d has %v in its centre", size, o, w[i])
					}
					continue
				}
				others = append(others, w[i])
			}
			if zero := !slices.ContainsFunc(others, func(v float32) bool { return v != 0 }); zero != (o < size.in) {
				t.Errorf("%+v: filter %d has %v beside its centre", size, o, others)
			}
		}
	}
	if w := fill(t, "dirac", 4, 3); slices.Contains(w, 0) {
		t.Errorf("a dense layer starts with %v", w)
	}
}
