package data

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// balanced orders all examples, at random within each class, so that every beginning of the order has the same share of
// every class as the whole, as nearly as whole examples allow: with classes of equal size, one of each in turn.
func balanced(labels []int32, index []int32, r *rand.Rand) []int32 {
	order := slices.Clone(index)
	r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	size := map[int32]int{}
	for _, e := range order {
		size[labels[e]]++
	}
	// the kth of a class with n examples has its place at (k+1/2)/n of the whole
	type place struct {
		k, n    int
		label   int32
		example int32
	}
	places := make([]place, len(order))
	seen := map[int32]int{}
	for i, e := range order {
		l := labels[e]
		places[i] = place{seen[l], size[l], l, e}
		seen[l]++
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare((2*a.k+1)*b.n, (2*b.k+1)*a.n), cmp.Compare(a.label, b.label))
	})
	for i, p := range places {
		order[i] = p.example
	}
	return order
}
