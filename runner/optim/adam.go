package optim

import (
	"math"

	"exp/internal/kernels"
)

func init() {
	Optimizers.Add("adam", "steps scaled by the gradient's own mean and spread",
		&Adam{LR: 0.001, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-7, EpsilonMode: "keras"})
}

// Adam is the optimizer of Kingma and Ba 2015 ("Adam: a method for stochastic optimization"). With step t counted from 1:
//
//	g += weight_decay*w
//	m  = beta1*m + (1-beta1)*g
//	v  = beta2*v + (1-beta2)*g*g
//	keras:    w -= lr*sqrt(1-beta2^t)/(1-beta1^t) * m/(sqrt(v) + epsilon)
//	pytorch:  w -= lr/(1-beta1^t) * m/(sqrt(v/(1-beta2^t)) + epsilon)
//
// The two differ in where epsilon stands: outside the bias correction as in Keras (the paper's "efficient" form, end of its
// section 2), or inside as in PyTorch (the paper's algorithm 1, with epsilon 1e-8).
type Adam struct {
	LR          float64 `yaml:"lr" doc:"learning rate" check:"gt=0"`
	Beta1       float64 `yaml:"beta1" doc:"memory of the gradient's mean" check:"min=0,lt=1"`
	Beta2       float64 `yaml:"beta2" doc:"memory of the gradient's mean square" check:"min=0,lt=1"`
	Epsilon     float64 `yaml:"epsilon" doc:"keeps the division from exploding" check:"gt=0"`
	EpsilonMode string  `yaml:"epsilon_mode" doc:"epsilon outside the bias correction (keras) or inside (pytorch)" check:"oneof=keras|pytorch"`
	WeightDecay float64 `yaml:"weight_decay" doc:"added to the gradient, times the weight" check:"min=0"`
	DecayAll    bool    `yaml:"decay_all" doc:"weight decay on batch normalisation and biases too"`
	Layers
}

// Rate is the learning rate.
func (o *Adam) Rate() float64 { return o.LR }

// Slots are the running mean and mean square of the gradient.
func (o *Adam) Slots() []string { return []string{"m", "v"} }

// Validate finds parameters that could have no effect.
func (o *Adam) Validate() error { return checkDecayAll(o.DecayAll, o.WeightDecay) }

// Step is the numbers of one step at learning rate lr, for a parameter that decays or not; steps count from 1.
func (o *Adam) Step(lr float64, step int, decays bool) kernels.AdamStep {
	root := math.Sqrt(1 - math.Pow(o.Beta2, float64(step)))
	a := kernels.AdamStep{
		Beta1: o.Beta1, Beta2: o.Beta2, Eps: o.Epsilon, Decay: decay(decays, o.WeightDecay, o.DecayAll),
		Rate: lr * root / (1 - math.Pow(o.Beta1, float64(step))),
	}
	if o.EpsilonMode == "pytorch" {
		a.Eps *= root
	}
	return a
}

// Update makes one step.
func (o *Adam) Update(p Param, lr float64, step int) {
	kernels.Adam(p.W, p.Grad, p.Slots[0], p.Slots[1], o.Step(lr, step, p.Decay))
}
