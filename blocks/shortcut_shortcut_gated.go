package blocks

// ShortcutGated lets a gate act on the shortcut only (He 2016, section 3.1, "shortcut-only gating"):
// g = sigmoid(conv1x1(x) + b), output = (1-g) shortcut + branch.
type ShortcutGated struct {
	gating
}

func init() {
	Shortcuts.Add("shortcut-gated", "a learned gate on the shortcut alone (He 2016, Table 1, shortcut-only gating)",
		&ShortcutGated{gating{-6, Transform{"zero-pad"}}})
}

// Join implements Shortcut.
func (g *ShortcutGated) Join(b *Builder, x, f *Layer) *Layer {
	return g.join(b, "shortcut-gated", x, f, false)
}
