package blocks

import "exp/registry"

// None is no shortcut: the Unit's output is its branch. It makes the plain nets that residual ones are compared with.
type None struct{}

func init() {
	Shortcuts.Add("none", "no shortcut: a plain net", &None{})
}

// Join implements Shortcut.
func (*None) Join(_ *Builder, _, f *Layer) *Layer { return f }

// checkZeroInit refuses a branch that starts as nothing where nothing goes around it (Goyal et al. 2017, "Accurate, Large
// Minibatch SGD", section 5.1, has it in residual nets).
func checkZeroInit(zero bool, s Shortcut) error {
	if _, plain := s.(*None); zero && plain {
		return registry.Bad("zero_init", "without a shortcut the branch is the whole Unit: no signal would pass it, and a plain net would learn nothing")
	}
	return nil
}
