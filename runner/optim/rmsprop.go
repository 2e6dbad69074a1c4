package optim

import "exp/internal/kernels"

func init() {
	Optimizers.Add("rmsprop", "steps scaled by the gradient's own size",
		&RMSProp{LR: 0.001, Alpha: 0.99, Epsilon: 1e-8, EpsilonMode: "pytorch"})
}

// RMSProp is the optimizer of Tieleman and Hinton 2012 ("Lecture 6.5, rmsprop: Divide the gradient by a running average of its
// recent magnitude"), with the centred form of Graves 2013 ("Generating sequences with recurrent neural networks", section 4.2):
//
//	g += weight_decay*w
//	v  = alpha*v + (1-alpha)*g*g
//	a  = alpha*a + (1-alpha)*g;  q = v - a*a            q = v when it is not centered
//	pytorch:  m = momentum*m + g/(sqrt(q) + epsilon);     w -= lr*m
//	keras:    m = momentum*m + lr*g/sqrt(q + epsilon);    w -= m
//
// The two differ in where epsilon stands, and in what a change of the rate acts on: with Keras' form the steps that are
// remembered keep their rate. Keras calls alpha rho; its defaults are alpha 0.9 and epsilon 1e-7.
type RMSProp struct {
	LR          float64 `yaml:"lr" doc:"learning rate" check:"gt=0"`
	Alpha       float64 `yaml:"alpha" doc:"memory of the gradient's mean square" check:"min=0,lt=1"`
	Momentum    float64 `yaml:"momentum" doc:"part of the last step that is kept" check:"min=0,lt=1"`
	Centered    bool    `yaml:"centered" doc:"scale by the gradient's spread about its mean, not about zero"`
	Epsilon     float64 `yaml:"epsilon" doc:"keeps the division from exploding" check:"gt=0"`
	EpsilonMode string  `yaml:"epsilon_mode" doc:"epsilon outside the root and the rate outside the momentum (pytorch), or both inside (keras)" check:"oneof=pytorch|keras"`
	WeightDecay float64 `yaml:"weight_decay" doc:"added to the gradient, times the weight" check:"min=0"`
	DecayAll    bool    `yaml:"decay_all" doc:"weight decay on batch normalisation and biases too"`
	Layers
}

// Rate is the learning rate.
func (o *RMSProp) Rate() float64 { return o.LR }

// Slots are the running mean square of the gradient, its mean when centered, and the running step when there is momentum.
func (o *RMSProp) Slots() []string {
	slots := []string{"v"}
	if o.Centered {
		slots = append(slots, "a")
	}
	if o.Momentum != 0 {
		slots = append(slots, "momentum")
	}
	return slots
}

// Validate finds parameters that could have no effect.
func (o *RMSProp) Validate() error { return checkDecayAll(o.DecayAll, o.WeightDecay) }

// Step is the numbers of one step at learning rate lr, for a parameter that decays or not.
func (o *RMSProp) Step(lr float64, decays bool) kernels.RMSPropStep {
	s := kernels.RMSPropStep{Alpha: o.Alpha, Momentum: o.Momentum, Rate: lr, Before: 1, Eps: o.Epsilon, Decay: decay(decays, o.WeightDecay, o.DecayAll)}
	if o.EpsilonMode == "keras" {
		s.Rate, s.Before, s.Inside = 1, lr, true
	}
	return s
}

// Update makes one step.
func (o *RMSProp) Update(p Param, lr float64, _ int) {
	var a, m []float32
	rest := p.Slots[1:]
	if o.Centered {
		a, rest = rest[0], rest[1:]
	}
	if o.Momentum != 0 {
		m = rest[0]
	}
	kernels.RMSProp(p.W, p.Grad, p.Slots[0], a, m, o.Step(lr, p.Decay))
}
