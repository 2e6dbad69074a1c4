package data

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"
)

// pass reads a whole pass: the examples by their numbers (see uneven), and the sizes of the batches.
func pass(t *testing.T, s *Source, o Order) (numbers []int, sizes []int) {
	t.Helper()
	b := s.Batches(t.Context(), o)
	defer b.Close()
	for batch, ok := b.Next(); ok; batch, ok = b.Next() {
		sizes = append(sizes, batch.Rows)
		if len(batch.X) != 2*batch.Rows || len(batch.Labels) != batch.Rows {
			t.Fatalf("%d rows, %d values, %d labels", batch.Rows, len(batch.X), len(batch.Labels))
		}
		for row := range batch.Rows {
			n := int(batch.X[2*row]*255 + 0.5)
			if want := int32(batch.X[2*row+1]*255+0.5) / 40; batch.Labels[row] != want {
				t.Fatalf("example %d has label %d, not %d", n, batch.Labels[row], want)
			}
			numbers = append(numbers, n)
		}
	}
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	return numbers, sizes
}

func TestBatches(t *testing.T) {
	s := prepare(t, Config{Dataset: uneven{20, 20, 10}}, 1).Train
	upTo50 := make([]int, 50)
	for i := range upTo50 {
		upTo50[i] = i
	}
	for _, c := range []struct {
		name  string
		order Order
		sizes string
	}{
		{"a smaller last batch", Order{Batch: 16}, "[16 16 16 2]"},
		{"no smaller batch", Order{Batch: 25}, "[25 25]"},
		{"one batch", Order{Batch: 64}, "[50]"},
		{"one by one", Order{Batch: 1, Limit: 4}, "[1 1 1 1]"},
		{"a limit beyond the end", Order{Batch: 50, Limit: 51}, "[50]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			numbers, sizes := pass(t, s, c.order)
			if fmt.Sprint(sizes) != c.sizes {
				t.Errorf("batches of %v, not %s", sizes, c.sizes)
			}
			if c.order.Limit != 4 && !slices.Equal(numbers, upTo50) {
				t.Errorf("not in order: %v", numbers)
			}
		})
	}
	t.Run("shuffled, every example comes once", func(t *testing.T) {
		numbers, _ := pass(t, s, Order{Batch: 16, Shuffle: true})
		if slices.Equal(numbers, upTo50) {
			t.Error("not shuffled")
		}
		if slices.Sort(numbers); !slices.Equal(numbers, upTo50) {
			t.Errorf("gave %v", numbers)
		}
	})
	t.Run("the order hangs on seed and epoch alone", func(t *testing.T) {
		seventh, _ := pass(t, s, Order{Batch: 16, Shuffle: true, Epoch: 7, Seed: 1})
		eighth, _ := pass(t, s, Order{Batch: 16, Shuffle: true, Epoch: 8, Seed: 1})
		other, _ := pass(t, s, Order{Batch: 16, Shuffle: true, Epoch: 7, Seed: 2})
		again, _ := pass(t, s, Order{Batch: 7, Shuffle: true, Epoch: 7, Seed: 1})
		if slices.Equal(seventh, eighth) || slices.Equal(seventh, other) {
			t.Error("epochs or seeds share their order")
		}
		if !slices.Equal(seventh, again) {
			t.Error("the same epoch has another order")
		}
	})
	t.Run("a limit has the same share of every class, and contains all smaller ones", func(t *testing.T) {
		ten, _ := pass(t, s, Order{Batch: 16, Limit: 10, Seed: 1})
		five, _ := pass(t, s, Order{Batch: 16, Limit: 5, Seed: 2})
		classes := [3]int{}
		for _, n := range ten {
			classes[n/20]++
		}
		if classes != [3]int{4, 4, 2} || !slices.Equal(five, ten[:5]) {
			t.Errorf("gave %v and %v", ten, five)
		}
	})
}

// augmented is everything that a pass with augmentations serves.
func augmented(t *testing.T, s *Source, o Order) map[int32][]float32 {
	t.Helper()
	b := s.Batches(t.Context(), o)
	defer b.Close()
	all := map[int32][]float32{}
	for batch, ok := b.Next(); ok; batch, ok = b.Next() {
		for row := range batch.Rows {
			all[batch.Labels[row]] = slices.Clone(batch.X[row*len(batch.X)/batch.Rows:][:len(batch.X)/batch.Rows])
		}
	}
	return all
}

func TestAugmentationsHangOnSeedEpochAndExampleAlone(t *testing.T) {
	cfg := Defaults()
	cfg.Dataset = &Synthetic{Train: 10, Test: 10, Seed: 1, Noise: 10}
	s := prepare(t, cfg, 1).Train
	augment := []Augment{&Affine{Rotate: 10, Shift: 0.1}, &Flip{Probability: 0.5}, &Crop{4, "zero"}}
	base := augmented(t, s, Order{Batch: 3, Epoch: 1, Seed: 1, Augment: augment})
	same := augmented(t, s, Order{Batch: 10, Epoch: 1, Seed: 1, Augment: augment, Shuffle: true})
	for label := range base {
		if !slices.Equal(base[label], same[label]) {
			t.Errorf("example %d hangs on the order or the batch", label)
		}
	}
	for name, o := range map[string]Order{"epoch": {Batch: 3, Epoch: 2, Seed: 1}, "seed": {Batch: 3, Epoch: 1, Seed: 2}} {
		o.Augment = augment
		for label, x := range augmented(t, s, o) {
			if slices.Equal(base[label], x) {
				t.Errorf("example %d is the same in another %s", label, name)
			}
		}
	}
	alone := augmented(t, s, Order{Batch: 3, Epoch: 1, Seed: 1, Augment: augment[:1]})
	plain := augmented(t, s, Order{Batch: 3})
	want := make([]float32, len(plain[4]))
	m := newMaker(s, Order{Seed: 1, Epoch: 1, Augment: augment[:1]})
	m.example(want, 4, 32, 32, 3)
	if !slices.Equal(want, alone[4]) || slices.Equal(plain[4], alone[4]) {
		t.Error("an augmentation alone differs, or does nothing")
	}
}

func TestAlternatingFlipsShowBothSidesInTurn(t *testing.T) {
	const examples = 400
	cfg := Defaults()
	cfg.Dataset = &Synthetic{Train: examples, Test: 10, Seed: 1, Noise: 10}
	s := prepare(t, cfg, 1).Train
	flip := &Flip{Probability: 0.5, Alternate: true}
	sides := func(seed int64, epoch int) (mirrored []bool) {
		plain, turned := make([]float32, 3072), make([]float32, 3072)
		got := make([]float32, 3072)
		m := newMaker(s, Order{Seed: seed, Epoch: epoch, Augment: []Augment{flip}})
		for i := range examples {
			s.Example(plain, i)
			(&Flip{Probability: 1}).Apply(turned, plain, 32, 32, 3, random(1))
			m.example(got, i, 32, 32, 3)
			if !slices.Equal(got, plain) && !slices.Equal(got, turned) {
				t.Fatalf("example %d shows neither side", i)
			}
			mirrored = append(mirrored, slices.Equal(got, turned))
		}
		return mirrored
	}
	count := func(x []bool) (n int) {
		for _, v := range x {
			if v {
				n++
			}
		}
		return n
	}
	first := sides(1, 1)
	if n := count(first); n < 150 || n > 250 {
		t.Errorf("%d of %d are mirrored in the first epoch", n, examples)
	}
	for epoch := 2; epoch <= 5; epoch++ {
		for i, mirrored := range sides(1, epoch) {
			if mirrored != (first[i] == (epoch%2 == 1)) {
				t.Fatalf("example %d: mirrored in the first epoch %v, in epoch %d %v", i, first[i], epoch, mirrored)
			}
		}
	}
	same := 0
	for i, mirrored := range sides(2, 1) {
		if mirrored == first[i] {
			same++
		}
	}
	if same < 150 || same > 250 {
		t.Errorf("another seed has %d of %d sides in common", same, examples)
	}
}

func TestBatchesEndEarly(t *testing.T) {
	s := prepare(t, Config{Dataset: uneven{50, 50, 50}}, 1).Train
	before := runtime.NumGoroutine()
	t.Run("closed at any point", func(t *testing.T) {
		for n := range 8 {
			b := s.Batches(t.Context(), Order{Batch: 10})
			for range n {
				b.Next()
			}
			b.Close()
			b.Close()
			if _, ok := b.Next(); ok {
				t.Error("goes on after Close")
			}
			if b.Err() != nil {
				t.Error(b.Err())
			}
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b := s.Batches(ctx, Order{Batch: 1})
		defer b.Close()
		b.Next()
		cancel()
		n := 1
		for _, ok := b.Next(); ok; _, ok = b.Next() {
			n++
		}
		if n > 1+ahead || !errors.Is(b.Err(), context.Canceled) {
			t.Errorf("%d more batches, %v", n, b.Err())
		}
	})
	t.Run("asked why while it goes on", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b := s.Batches(ctx, Order{Batch: 1})
		b.Next()
		cancel()
		if err := b.Err(); err != nil {
			t.Errorf("%v, before the end was reached", err)
		}
		b.Close()
		if err := b.Err(); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%v, after Close", err)
		}
	})
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines are left", runtime.NumGoroutine()-before)
}

func TestBatchesTakeNoMoreMemoryThanTheExamples(t *testing.T) {
	s := prepare(t, Config{Dataset: uneven{20, 20, 10}}, 1).Train
	for limit, rows := range map[int]int{0: 50, 8: 8, 60: 50} {
		b := s.Batches(t.Context(), Order{Batch: 1000, Limit: limit})
		if batch, _ := b.Next(); batch.Rows != rows || cap(batch.Labels) != rows || cap(batch.X) != 2*rows {
			t.Errorf("limit %d: %d rows in room for %d", limit, batch.Rows, cap(batch.Labels))
		}
		b.Close()
	}
}

func TestBatchesAllocateNothing(t *testing.T) {
	cfg := Defaults()
	cfg.Dataset = &Synthetic{Train: 100, Test: 10, Seed: 1, Noise: 10}
	s := prepare(t, cfg, 1).Train
	o := Order{Batch: 10, Augment: []Augment{&Affine{Rotate: 10, Shift: 0.1}, &Flip{Probability: 0.5}, &Flip{Probability: 0.5, Alternate: true}, &Cutout{8}, &Crop{4, "reflect"}}}
	m, batch := newMaker(s, o), Batch{X: make([]float32, 10*3072), Labels: make([]int32, 10)}
	order := all(10)
	mixed := o
	mixed.Augment = append(slices.Clone(o.Augment), &Mixup{Alpha: 0.2})
	mixing, other := newMaker(s, mixed), Batch{X: make([]float32, 10*3072), Labels: make([]int32, 10), Others: make([]int32, 10)}
	if n := testing.AllocsPerRun(100, func() { mixing.fill(other, order) }); n != 0 {
		t.Errorf("%g allocations a mixed batch", n)
	}
	if n := testing.AllocsPerRun(100, func() { m.fill(batch, order) }); n != 0 {
		t.Errorf("%g allocations a batch", n)
	}
}

func BenchmarkBatches(b *testing.B) {
	cfg := Defaults()
	cfg.Dataset = &Synthetic{Train: 2000, Test: 10, Seed: 1, Noise: 48}
	p, err := Prepare(b.Context(), cfg, 1, Env{})
	if err != nil {
		b.Fatal(err)
	}
	order := all(128)
	for _, c := range []struct {
		name    string
		augment []Augment
	}{
		{"plain", nil},
		{"flip", []Augment{&Flip{Probability: 0.5}}},
		{"crop+flip", []Augment{&Crop{4, "zero"}, &Flip{Probability: 0.5}}},
		{"affine+flip", []Augment{&Affine{Rotate: 10, Shift: 0.15625}, &Flip{Probability: 0.5}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			m := newMaker(p.Train, Order{Augment: c.augment})
			batch := Batch{X: make([]float32, 128*3072), Labels: make([]int32, 128)}
			for b.Loop() {
				m.fill(batch, order)
			}
			b.ReportMetric(float64(b.N)*128/b.Elapsed().Seconds(), "images/s")
		})
	}
}
