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

// fitter is an Augment that cannot work on pictures of every size: Fits says why not. It is asked before anything is read.
type fitter interface {
	Fits(h, w, c int) error
}
