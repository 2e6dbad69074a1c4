package optim

import (
	"exp/internal/kernels"
	"exp/registry"
)

func init() {
	Optimizers.Add("sgd", "stochastic gradient descent with momentum", &SGD{LR: 0.1, Momentum: 0.9, NormBiasLR: 1})
}

// SGD is stochastic gradient descent with momentum (Polyak 1964) or Nesterov's momentum (Sutskever et al. 2013, "On the
// importance of initialization and momentum in deep learning"), in the order in which PyTorch does it:
//
//	g += weight_decay*w
//	m  = momentum*m + g
//	w -= lr*m                  or, with nesterov, w -= lr*(g + momentum*m)
//
// The learning rate is outside the momentum, so a change of it acts on the whole next step. The shifts of batch
// normalisation may have another: lr*norm_bias_lr (Jordan 2024, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU"). Where
// decay_all has them decay, they do so as fast as all else: by weight_decay/norm_bias_lr at that rate.
type SGD struct {
	LR          float64 `yaml:"lr" doc:"learning rate" check:"gt=0"`
	Momentum    float64 `yaml:"momentum" doc:"part of the last step's direction that is kept" check:"min=0,lt=1"`
	Nesterov    bool    `yaml:"nesterov" doc:"look ahead by one momentum step"`
	WeightDecay float64 `yaml:"weight_decay" doc:"added to the gradient, times the weight" check:"min=0"`
	DecayAll    bool    `yaml:"decay_all" doc:"weight decay on batch normalisation and biases too"`
	NormBiasLR  float64 `yaml:"norm_bias_lr" doc:"factor of the learning rate for the shifts (beta) of batch normalisation; their weight decay stays as it is" check:"gt=0"`
	Layers
}

// Rate is the learning rate.
func (o *SGD) Rate() float64 { return o.LR }

// Slots is the running direction, when there is momentum.
func (o *SGD) Slots() []string {
	if o.Momentum == 0 {
		return nil
	}
	return []string{"momentum"}
}

// Validate finds parameters that could have no effect.
func (o *SGD) Validate() error {
	if o.Nesterov && o.Momentum == 0 {
		return registry.Bad("nesterov", "has no effect without momentum")
	}
	return checkDecayAll(o.DecayAll, o.WeightDecay)
}

// Update makes one step.
func (o *SGD) Update(p Param, lr float64, _ int) {
	var m []float32
	if o.Momentum != 0 {
		m = p.Slots[0]
	}
	d := decay(p.Decay, o.WeightDecay, o.DecayAll)
	if p.Shift {
		lr *= o.NormBiasLR
		d /= o.NormBiasLR
	}
	kernels.SGD(p.W, p.Grad, m, float32(lr), float32(o.Momentum), float32(d), o.Nesterov)
}
