package blocks

// DropoutShortcut drops values of the shortcut in training (He 2016, section 3.1, "dropout shortcut"): a scaling that is
// right on average, and fails.
type DropoutShortcut struct {
	Rate float64 `yaml:"rate" doc:"share of the shortcut's values zeroed in training" check:"gt=0,lt=1"`
	Transform
}

func init() {
	Shortcuts.Add("dropout", "dropout on the shortcut (He 2016, Table 1)", &DropoutShortcut{0.5, Transform{"zero-pad"}})
}

// Join implements Shortcut.
func (d *DropoutShortcut) Join(b *Builder, x, f *Layer) *Layer {
	return b.Add("add", b.Shortcut().Dropout("dropout", d.transformed(b, "dropout", x, f), d.Rate), f)
}
