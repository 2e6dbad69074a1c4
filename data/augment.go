package data

import (
	"math/rand/v2"

	"exp/registry"
)

// Augments are the augmentations by name.
var Augments = registry.NewKind[Augment]("augmentation", "a random change to each training picture, new in every epoch")

// Augment changes one training example at random. Its parameters are read-only: it may be called from anywhere.
type Augment interface {
	// Apply writes the changed src to dst, both [h,w,c] of normalised values, both whole, and never the same memory.
	Apply(dst, src []float32, h, w, c int, r *rand.Rand)
}

// Visit says which picture is changed, and when.
type Visit struct {
	Epoch   int    // as in Order: counts from 1 by custom
	Picture uint64 // the picture's own number, spread over all 64 bits; the same in every epoch of a seed
}

// visitor is an Augment that changes a picture in one epoch as it did not in another: it is given the visit too.
type visitor interface {
	Augment
	Visit(dst, src []float32, h, w, c int, r *rand.Rand, v Visit)
}

// mixer is an Augment that mixes the examples of a batch when all else has been done to them.
type mixer interface {
	Augment
	// Mix mixes b.X in place and sets b.Others and b.Share; spare has room for one example, and b.Others for all labels.
	Mix(b *Batch, spare []float32, r *rand.Rand)
}

// fitter is an Augment that cannot work on pictures of every size: Fits says why not. It is asked before anything is read.
type fitter interface {
	Fits(h, w, c int) error
}
