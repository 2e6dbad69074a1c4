package blocks

import "exp/registry"

// Classifier pools the image to one vector and multiplies it to one logit a class (He 2015, section 4.2):
// [BN-ReLU, as pre-activation nets end (He 2016),] dropout before the pooling, global average pooling, dropout after it, dense.
type Classifier struct {
	NormReLU  bool    `yaml:"norm_relu" doc:"batch normalisation and ReLU first, as pre-activation nets need"`
	Dropout   float64 `yaml:"dropout" doc:"share of the values zeroed in training" check:"min=0,lt=1"`
	DropAfter bool    `yaml:"dropout_after_pool" doc:"drop after the pooling instead of before it"`
}

func init() {
	Heads.Add("classifier", "average pooling and a dense layer", &Classifier{NormReLU: true})
}

// Validate refuses a place for dropout that there is not.
func (c *Classifier) Validate() error {
	if c.DropAfter && c.Dropout == 0 {
		return registry.Bad("dropout_after_pool", "has no effect without dropout")
	}
	return nil
}

// Build implements Head.
func (c *Classifier) Build(b *Builder, x *Layer, classes int) *Layer {
	if c.NormReLU {
		x = b.ReLU("relu", b.BatchNorm("bn", x))
	}
	if !c.DropAfter {
		x = b.Dropout("dropout", x, c.Dropout)
	}
	x = b.GlobalPool("pool", x)
	if c.DropAfter {
		x = b.Dropout("dropout", x, c.Dropout)
	}
	return b.Dense("dense", x, classes)
}
