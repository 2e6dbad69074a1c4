// Package optim holds the optimizers: how a weight moves when its gradient is known. One file each.
package optim

import "exp/registry"

// Optimizer changes weights by their gradients. It holds parameters only, never state: what it has to remember of a weight
// is in the weight's slots, so that checkpoints can save it. Every optimizer here works element by element: a weight may be
// updated in pieces, in any order, by any number of goroutines, with the same bits.
type Optimizer interface {
	// Slots names the memory that every weight needs, as many numbers each as the weight has, zero before the first step.
	Slots() []string
	// Rate is the base learning rate, which a schedule's factor is multiplied with.
	Rate() float64
	// Update moves p.W by one step with learning rate lr. Steps count from 1.
	Update(p Param, lr float64, step int)
}

// Param is a weight, or a piece of one, at a step. All slices have the same length.
type Param struct {
	W, Grad []float32
	Slots   [][]float32 // in the order of Optimizer.Slots
	Decay   bool        // a weight of a convolution or dense layer: weight decay is meant for it. Not so for BN and biases
	Shift   bool        // the shift (beta) of a batch normalisation
}

// Optimizers is what `optimizer:` can name.
var Optimizers = registry.NewKind[Optimizer]("optimizer", "how weights follow their gradients")

// decay is the weight decay of a parameter that decays, or of any where all do.
func decay(decays bool, weightDecay float64, all bool) float64 {
	if decays || all {
		return weightDecay
	}
	return 0
}

// checkDecayAll finds a decay_all that could have no effect.
func checkDecayAll(all bool, weightDecay float64) error {
	if all && weightDecay == 0 {
		return registry.Bad("decay_all", "has no effect without weight_decay")
	}
	return nil
}
