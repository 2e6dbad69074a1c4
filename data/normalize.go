package data

import (
	"math"
	"runtime"
	"sync"

	"exp/registry"
)

// Normalize is the `normalize:` map: pixels are first scaled to [0,1] (x/255), then y = (x - mean) / std.
//
// Means and standard deviations (of the population: divided by n, not n-1) are computed in float64 over the examples
// that are trained on, after the validation split and the limit. A deviation under one grey level (1/255) counts as 1:
// dividing by the deviation of a pixel that is (almost) always the same would blow up the few examples where it is not.
//
// Numbers can be given instead, as for torchvision's Normalize: `mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616]`,
// or `mean: 0.5, std: 0.5` for values from -1 to 1. They are on the scale of [0,1] too.
type Normalize struct {
	Mean Statistic `yaml:"mean" doc:"what is subtracted: none, or the mean of the training examples over all values (scalar), of each channel, or of each pixel and channel; or a number, or a list of one for each channel"`
	Std  Statistic `yaml:"std" doc:"what is divided by: none, or the standard deviation, as for mean; or numbers above 0"`
	Test string    `yaml:"test" doc:"whose statistics the evaluated examples are normalised by: those of training, or their own" check:"oneof=train|own"`
}

// Validate finds numbers that cannot be divided by, and a test without effect.
func (n Normalize) Validate() error {
	for _, v := range n.Std.Values {
		if v <= 0 {
			return registry.Bad("std", "%v cannot be divided by; it must be more than 0", v)
		}
	}
	if n.Test == "own" && !n.Mean.computed() && !n.Std.computed() {
		return registry.Bad("test", "own has no effect: neither mean nor std is computed from examples")
	}
	return nil
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
	var mean, std []float64
	if how.Mean.computed() || how.Std.computed() {
		sum, squares := sums(s, index)
		mean, _ = moments(how.Mean.Over, sum, squares, len(index), s.C)
		_, std = moments(how.Std.Over, sum, squares, len(index), s.C)
	}
	n := &normaliser{make([]float32, size), make([]float32, size)}
	for i := range size {
		m, d := how.Mean.of(i, s.C, mean, 0), how.Std.of(i, s.C, std, 1)
		if how.Std.computed() && d < leastStd {
			d = 1
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

// undo writes the pixels that give a normalised example, as nearly as there are any: what a person can look at.
func (n *normaliser) undo(dst []uint8, example []float32) {
	for i, y := range example[:len(dst)] {
		x := (float64(y) - float64(n.shift[i])) / float64(n.scale[i])
		dst[i] = uint8(math.Round(min(max(x, 0), 255)))
	}
}
