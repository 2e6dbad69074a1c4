package data

import (
	"math"
	"runtime"
	"sync"
)

// Normalize is the `normalize:` map: pixels are first scaled to [0,1] (x/255), then y = (x - mean) / std.
//
// Means and standard deviations (of the population: divided by n, not n-1) are computed in float64 over the examples
// that are trained on, after the validation split and the limit. A deviation under one grey level (1/255) counts as 1:
// dividing by the deviation of a pixel that is (almost) always the same would blow up the few examples where it is not.
type Normalize struct {
	Mean string `yaml:"mean" doc:"what is subtracted: nothing, one mean of all, one per channel, or one per pixel and channel" check:"oneof=none|scalar|channel|pixel"`
	Std  string `yaml:"std" doc:"the standard deviation divided by: none, one of all, one per channel, or one per pixel and channel" check:"oneof=none|scalar|channel|pixel"`
	Test string `yaml:"test" doc:"whose statistics the evaluated examples are normalised by: those of training, or their own" check:"oneof=train|own"`
}

// leastStd is the smallest standard deviation that is divided by, on the scale of [0,1].
const leastStd = 1.0 / 255

// normaliser is y[i] = x[i]*scale[i] + shift[i] for the pixel values x (0 to 255) of one example [H,W,C].
type normaliser struct {
	scale, shift []float32
}

// newNormaliser takes the statistics of the listed examples of a split.
func newNormaliser(how Normalize, s Split, index []int32) *normaliser {
	size := s.H * s.W * s.C
	sum, squares := sums(s, index)
	mean, _ := moments(how.Mean, sum, squares, len(index), s.C)
	_, std := moments(how.Std, sum, squares, len(index), s.C)
	n := &normaliser{make([]float32, size), make([]float32, size)}
	for i := range size {
		m, d := 0.0, 1.0
		if how.Mean != "none" {
			m = mean[i]
		}
		if how.Std != "none" && std[i] >= leastStd {
			d = std[i]
		}
		n.scale[i] = float32(1 / (255 * d))
		n.shift[i] = float32(-m / d)
	}
	return n
}

// sums adds up the pixel values and their squares over the listed examples, exactly, so in any order; both [H*W*C].
func sums(s Split, index []int32) (sum, squares []uint64) {
	size := s.H * s.W * s.C
	parts := make([][2][]uint64, runtime.GOMAXPROCS(0))
	var wait sync.WaitGroup
	for p := range parts {
		wait.Go(func() {
			sum, squares := make([]uint64, size), make([]uint64, size)
			for _, e := range index[len(index)*p/len(parts) : len(index)*(p+1)/len(parts)] {
				addUp(sum, squares, s.Pixels[int(e)*size:][:size])
			}
			parts[p] = [2][]uint64{sum, squares}
		})
	}
	wait.Wait()
	sum, squares = parts[0][0], parts[0][1]
	for _, part := range parts[1:] {
		for i := range size {
			sum[i] += part[0][i]
			squares[i] += part[1][i]
		}
	}
	return sum, squares
}

// addUp adds the values of an example to sums, and their squares.
func addUp(sum, squares []uint64, pixels []uint8) {
	sum, squares = sum[:len(pixels)], squares[:len(pixels)]
	for i, v := range pixels {
		x := uint64(v)
		sum[i] += x
		squares[i] += x * x
	}
}

// moments gives the mean and the standard deviation of each of the H*W*C values, on the scale of [0,1], where all values
// that share them (the whole example, a channel, or none) have been pooled.
func moments(over string, sum, squares []uint64, examples, channels int) (mean, std []float64) {
	groups, shared := len(sum), 1
	switch over {
	case "scalar":
		groups, shared = 1, len(sum)
	case "channel":
		groups, shared = channels, len(sum)/channels
	}
	s, q := make([]uint64, groups), make([]uint64, groups)
	for i := range sum {
		s[i%groups] += sum[i]
		q[i%groups] += squares[i]
	}
	n := float64(examples * shared)
	mean, std = make([]float64, len(sum)), make([]float64, len(sum))
	for i := range sum {
		m := float64(s[i%groups]) / n
		variance := float64(q[i%groups])/n - float64(m*m)
		mean[i], std[i] = m/255, math.Sqrt(max(0, variance))/255
	}
	return mean, std
}

// apply writes the normalised pixels of one example.
func (n *normaliser) apply(dst []float32, pixels []uint8) {
	dst = dst[:len(pixels)]
	scale, shift := n.scale[:len(pixels)], n.shift[:len(pixels)]
	for i, x := range pixels {
		dst[i] = float32(float32(x)*scale[i]) + shift[i] // the conversion keeps compilers from fusing: the same bits everywhere
	}
}
