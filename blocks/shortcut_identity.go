package blocks

import "fmt"

// Identity adds the Unit's input as it is (He 2015, eq. 1). Where the shapes differ it cannot be added.
type Identity struct{}

func init() {
	Shortcuts.Add("identity", "adds the input as it is; the shapes must be equal", &Identity{})
}

// Join implements Shortcut.
func (*Identity) Join(b *Builder, x, f *Layer) *Layer {
	if !x.Shape.Equal(f.Shape) {
		b.Fail("unit.shortcut", fmt.Sprintf("identity cannot join %v to %v in %s", x.Shape, f.Shape, b.scope),
			"`projection` adds a 1x1 convolution, `zero-pad` takes every stride-th pixel and adds channels of zeros; `identity` needs equal shapes")
	}
	return b.Add("add", x, f)
}
