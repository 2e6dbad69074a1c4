package blocks

// None is no shortcut: the Unit's output is its branch. It makes the plain nets that residual ones are compared with.
type None struct{}

func init() {
	Shortcuts.Add("none", "no shortcut: a plain net", &None{})
}

// Join implements Shortcut.
func (*None) Join(_ *Builder, _, f *Layer) *Layer { return f }
