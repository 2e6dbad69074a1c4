package stream

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestStreamsAreTheSameEverywhere(t *testing.T) {
	for _, c := range []struct {
		seed  int64
		parts []any
		want  uint64
	}{
		{1, []any{"init", "stem.conv.weight"}, 0x7bce2a58624b495f},
		{1, []any{"shuffle", 7}, 0xc6b60c7c01930c09},
		{-1, []any{"shuffle", 7}, 0x2aac8250e12d051},
		{1, nil, 0x5ca6bbcbb1e85355},
	} {
		if got := Key(c.seed, c.parts...); got != c.want {
			t.Errorf("%d, %v: %#x, not %#x", c.seed, c.parts, got, c.want)
		}
	}
}

func TestNothingSharesAStream(t *testing.T) {
	seen := map[uint64]string{}
	see := func(v uint64, name string) {
		if other, ok := seen[v]; ok {
			t.Errorf("%s begins as %s", name, other)
		}
		seen[v] = name
	}
	for seed := range int64(3) {
		for _, parts := range [][]any{{}, {"a"}, {"a", "b"}, {"ab"}, {"a", 1}, {"a", 11}, {"a", 1, 1}} {
			see(New(seed, parts...).Uint64(), fmt.Sprint(seed, parts))
			p, key := &rand.PCG{}, Key(seed, parts...)
			for i := range 100 {
				Reseed(p, key, i)
				see(p.Uint64(), fmt.Sprint(seed, parts, " example ", i))
			}
		}
	}
}

func TestReseedForgetsWhatWasDrawn(t *testing.T) {
	p := &rand.PCG{}
	Reseed(p, 5, 3)
	first := p.Uint64()
	Reseed(p, 5, 4)
	Reseed(p, 5, 3)
	if again := p.Uint64(); again != first {
		t.Errorf("%#x, then %#x", first, again)
	}
	if n := testing.AllocsPerRun(10, func() { Reseed(p, 5, 3) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}
