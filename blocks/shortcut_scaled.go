package blocks

// Scaled multiplies shortcut and branch by constants (He 2016, section 3.1, "constant scaling").
type Scaled struct {
	Shortcut float64 `yaml:"shortcut" doc:"factor on the shortcut" check:"min=-1000,max=1000"`
	Branch   float64 `yaml:"branch" doc:"factor on the branch" check:"min=-1000,max=1000"`
	Transform
}

func init() {
	Shortcuts.Add("scaled", "constant factors on shortcut and branch (He 2016, Table 1)", &Scaled{0.5, 0.5, Transform{"zero-pad"}})
}

// Join implements Shortcut.
func (s *Scaled) Join(b *Builder, x, f *Layer) *Layer {
	return b.Scaled("add", s.transformed(b, "scaled", x, f), f, s.Shortcut, s.Branch)
}
