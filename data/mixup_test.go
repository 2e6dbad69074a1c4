package data

import (
	"math"
	"slices"
	"testing"
)

func TestMixupMixesABatchWithAPermutationOfItself(t *testing.T) {
	for seed := range uint64(50) {
		const size = 3
		n := 1 + int(seed)%9
		b := Batch{X: make([]float32, n*size), Labels: make([]int32, n), Others: make([]int32, n), Rows: n}
		r := random(seed)
		for i := range b.X {
			b.X[i] = float32(r.NormFloat64())
		}
		for i := range b.Labels {
			b.Labels[i] = int32(i) // so that the label tells the example
		}
		before := slices.Clone(b.X)
		(&Mixup{Alpha: 0.7}).Mix(&b, make([]float32, size), r)
		if b.Share < 0.5 || b.Share > 1 {
			t.Fatalf("a share of %v", b.Share)
		}
		for i := range n {
			for k := range size {
				want := b.Share*float64(before[i*size+k]) + (1-b.Share)*float64(before[int(b.Others[i])*size+k])
				if got := float64(b.X[i*size+k]); math.Abs(got-want) > 1e-6 {
					t.Fatalf("%d examples: number %d of %d is %v, not %v", n, k, i, got, want)
				}
			}
		}
		partners := slices.Sorted(slices.Values(b.Others))
		if !slices.Equal(partners, b.Labels) {
			t.Fatalf("the partners are %v", partners)
		}
	}
}

func TestMixupHangsOnSeedEpochAndStepAlone(t *testing.T) {
	cfg := Defaults()
	cfg.Dataset = &Synthetic{Train: 40, Test: 10, Seed: 1, Noise: 10}
	s := prepare(t, cfg, 1).Train
	shares := func(seed int64, epoch int) (all []float64, last []float32) {
		b := s.Batches(t.Context(), Order{Batch: 16, Epoch: epoch, Seed: seed, Shuffle: true, Augment: []Augment{&Flip{Probability: 0.5}, &Mixup{Alpha: 1}}})
		defer b.Close()
		for batch, ok := b.Next(); ok; batch, ok = b.Next() {
			if len(batch.Others) != batch.Rows {
				t.Fatalf("%d other labels for %d rows", len(batch.Others), batch.Rows)
			}
			all, last = append(all, batch.Share), slices.Clone(batch.X)
		}
		return all, last
	}
	one, x := shares(1, 1)
	again, y := shares(1, 1)
	if !slices.Equal(one, again) || !slices.Equal(x, y) {
		t.Error("the same epoch is mixed in another way")
	}
	second, _ := shares(1, 2)
	other, _ := shares(2, 1)
	if one[0] == one[1] || slices.Equal(one, second) || slices.Equal(one, other) {
		t.Errorf("steps, epochs or seeds share their shares: %v, %v, %v", one, second, other)
	}
}

// TestBetaHasItsMoments draws: Beta(a, a) has the mean 1/2 and the variance 1/(4(2a+1)).
func TestBetaHasItsMoments(t *testing.T) {
	for _, alpha := range []float64{0.001, 0.2, 1, 1.5, 40} {
		const n = 200_000
		r := random(5)
		var sum, squares float64
		for range n {
			x := beta(alpha, r)
			if !(x >= 0 && x <= 1) {
				t.Fatalf("alpha %v: drew %v", alpha, x)
			}
			sum += x
			squares += (x - 0.5) * (x - 0.5)
		}
		want := 1 / (4 * (2*alpha + 1))
		if mean, variance := sum/n, squares/n; math.Abs(mean-0.5) > 0.005 || math.Abs(variance-want) > 0.02*want {
			t.Errorf("alpha %v: mean %v, variance %v; want 0.5, %v", alpha, mean, variance, want)
		}
	}
}

func TestNumbersToNormaliseBy(t *testing.T) {
	s := Split{N: 1, H: 1, W: 2, C: 2, Pixels: []uint8{0, 255, 51, 102}}
	n := newNormaliser(Normalize{Mean: Statistic{Values: []float64{0.1, 0.5}}, Std: Statistic{Values: []float64{0.5}}}, s, all(1))
	got := make([]float32, 4)
	n.apply(got, s.Pixels)
	for i, want := range []float64{-0.2, 1, 0.2, -0.2} {
		if math.Abs(float64(got[i])-want) > 1e-6 {
			t.Errorf("value %d is %v, not %v", i, got[i], want)
		}
	}
	pixels := make([]uint8, 4)
	if n.undo(pixels, got); !slices.Equal(pixels, s.Pixels) {
		t.Errorf("%v became %v", s.Pixels, pixels)
	}
	for _, c := range []struct {
		normalize Normalize
		want      string
	}{
		{Normalize{Mean: Statistic{Values: []float64{0.5}}, Std: Statistic{Values: []float64{0.5, 0}}, Test: "train"}, "std: 0 cannot be divided by; it must be more than 0"},
		{Normalize{Mean: Statistic{Values: []float64{0.5}}, Std: Statistic{Over: "none"}, Test: "own"}, "test: own has no effect: neither mean nor std is computed from examples"},
		{Normalize{Mean: Statistic{Over: "pixel"}, Std: Statistic{Over: "none"}, Test: "own"}, ""},
	} {
		got := ""
		if err := c.normalize.Validate(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q, not %q", got, c.want)
		}
	}
}
