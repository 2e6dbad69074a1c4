package optim

import "testing"

func TestTheFirstRuleThatMatchesCounts(t *testing.T) {
	l := Layers{[]Layer{{"head", 10}, {"stages.1", 0.5}, {"stages.*.units.0.conv1", 0.25}, {"*.bn2", 0}, {"stages.1*.weight", 3}}}
	for name, want := range map[string]struct {
		rule   int
		factor float64
	}{
		"head.dense.weight":             {0, 10},
		"header.weight":                 {-1, 1},
		"stages.1.units.0.conv1.weight": {1, 0.5},
		"stages.0.units.0.conv1.weight": {2, 0.25},
		"stages.0.units.0.conv2.weight": {-1, 1},
		"stages.0.units.3.bn2.bias":     {3, 0},
		"stages.10.units.1.bn1.weight":  {4, 3},
		"stem.conv.weight":              {-1, 1},
	} {
		if rule, factor := l.Layer(name); rule != want.rule || factor != want.factor {
			t.Errorf("%s: rule %d, factor %v; want %d, %v", name, rule, factor, want.rule, want.factor)
		}
	}
	if err := (Layer{Match: "stages.[0"}).Validate(); err == nil || err.Error() != `match: "stages.[0" is not a pattern: a [ has no ]` {
		t.Error(err)
	}
}

func TestEveryOptimizerHasLayers(t *testing.T) {
	for _, name := range Optimizers.Names() {
		o, _ := Optimizers.New(name)
		if _, ok := o.(Layered); !ok {
			t.Errorf("%s has no learning rates of single layers", name)
		}
	}
}
