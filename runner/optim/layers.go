package optim

import (
	"path"
	"strings"

	"exp/registry"
)

// Layers gives some layers of a net a learning rate of their own: part of every optimizer.
type Layers struct {
	Rules []Layer `yaml:"layers" doc:"learning rates of single layers, such as {match: head, lr_factor: 10}; the first that matches counts"`
}

// Layer is the rule for the layers whose names match.
type Layer struct {
	Match    string  `yaml:"match" doc:"name of a layer or of a part of the net, or a pattern: stem, stages.3, stages.*.units.0, *.bn1, head; what lies below a name is meant too" check:"required"`
	LRFactor float64 `yaml:"lr_factor" doc:"factor of the learning rate; 0 keeps the weights as they are" check:"required,min=0"`
}

// Layered is an optimizer with Layers: all are.
type Layered interface {
	// Layer finds the rule for a parameter by its name (stages.0.units.1.conv1.weight): its number, -1 when there is none, and
	// the factor of the learning rate.
	Layer(name string) (rule int, factor float64)
}

// Validate finds patterns that cannot be read.
func (l Layer) Validate() error {
	if _, err := path.Match(l.Match, ""); err != nil {
		return registry.Bad("match", "%q is not a pattern: a [ has no ]", l.Match)
	}
	return nil
}

// matches says whether the pattern is that of a name, or of a part of the net that the name lies in.
func (l Layer) matches(name string) bool {
	for {
		if ok, _ := path.Match(l.Match, name); ok {
			return true
		}
		i := strings.LastIndexByte(name, '.')
		if i < 0 {
			return false
		}
		name = name[:i]
	}
}

// Layer implements Layered.
func (l *Layers) Layer(name string) (rule int, factor float64) {
	for i, r := range l.Rules {
		if r.matches(name) {
			return i, r.LRFactor
		}
	}
	return -1, 1
}
