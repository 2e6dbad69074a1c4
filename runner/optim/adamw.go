package optim

import "exp/internal/kernels"

func init() {
	Optimizers.Add("adamw", "Adam whose weight decay is apart from the gradient",
		&AdamW{LR: 0.001, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.01})
}

// AdamW is the optimizer of Loshchilov and Hutter 2019 ("Decoupled weight decay regularization"), as PyTorch does it. With
// step t counted from 1:
//
//	w -= lr*weight_decay*w
//	m  = beta1*m + (1-beta1)*g
//	v  = beta2*v + (1-beta2)*g*g
//	w -= lr/(1-beta1^t) * m/(sqrt(v/(1-beta2^t)) + epsilon)
//
// The decay is not divided by the gradient's spread, as it is in `adam`, where it is a part of the gradient. A schedule acts
// on it too.
type AdamW struct {
	LR          float64 `yaml:"lr" doc:"learning rate" check:"gt=0"`
	Beta1       float64 `yaml:"beta1" doc:"memory of the gradient's mean" check:"min=0,lt=1"`
	Beta2       float64 `yaml:"beta2" doc:"memory of the gradient's mean square" check:"min=0,lt=1"`
	Epsilon     float64 `yaml:"epsilon" doc:"keeps the division from exploding" check:"gt=0"`
	WeightDecay float64 `yaml:"weight_decay" doc:"part of the weight that a step takes away, times the learning rate" check:"min=0"`
	DecayAll    bool    `yaml:"decay_all" doc:"weight decay on batch normalisation and biases too"`
	Layers
}

// Rate is the learning rate.
func (o *AdamW) Rate() float64 { return o.LR }

// Slots are the running mean and mean square of the gradient.
func (o *AdamW) Slots() []string { return []string{"m", "v"} }

// Validate finds parameters that could have no effect.
func (o *AdamW) Validate() error { return checkDecayAll(o.DecayAll, o.WeightDecay) }

// Step is the numbers of one step at learning rate lr, for a parameter that decays or not; steps count from 1.
func (o *AdamW) Step(lr float64, step int, decays bool) kernels.AdamStep {
	a := (&Adam{Beta1: o.Beta1, Beta2: o.Beta2, Epsilon: o.Epsilon, EpsilonMode: "pytorch"}).Step(lr, step, false)
	a.Decay = lr * decay(decays, o.WeightDecay, o.DecayAll)
	return a
}

// Update makes one step.
func (o *AdamW) Update(p Param, lr float64, step int) {
	kernels.AdamW(p.W, p.Grad, p.Slots[0], p.Slots[1], o.Step(lr, step, p.Decay))
}
