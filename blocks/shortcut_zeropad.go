package blocks

import "fmt"

// ZeroPad adds the Unit's input where the shapes are equal; where they differ, every stride-th pixel of it, with channels of
// zeros after its own (He 2015, option A). It has no parameters, so that plain and residual nets have equally many.
type ZeroPad struct{}

func init() {
	Shortcuts.Add("zero-pad", "every stride-th pixel, with channels of zeros appended: no parameters (He 2015, option A)", &ZeroPad{})
}

// Join implements Shortcut.
func (z *ZeroPad) Join(b *Builder, x, f *Layer) *Layer {
	return b.Add("add", pad(b, "zero-pad", x, f), f)
}

// pad gives x the shape of f for a shortcut of that name; an x that has it stays as it is.
func pad(b *Builder, shortcut string, x, f *Layer) *Layer {
	if x.Shape.Equal(f.Shape) {
		return x
	}
	stride := strideTo(b, shortcut, x, f)
	if f.Shape.channels() < x.Shape.channels() {
		problem, help := "zero-pad", "use `projection`"
		if shortcut != problem {
			problem, help = "zero-pad of "+shortcut, fmt.Sprintf("use `shortcut: {type: %s, transform: projection}`", shortcut)
		}
		b.Fail("unit.shortcut", fmt.Sprintf("%s cannot join %v to %v in %s: it only adds channels", problem, x.Shape, f.Shape, b.scope), help)
	}
	return b.Shortcut().Subsample("pad", b.source(x), stride, f.Shape.channels())
}

// strideTo is the stride of a shortcut beside a branch that makes the image smaller by the Unit's Down.
func strideTo(b *Builder, shortcut string, x, f *Layer) int {
	stride := b.habit.Down.Factor()
	h, w := (x.Shape[0]+stride-1)/stride, (x.Shape[1]+stride-1)/stride
	if h != f.Shape[0] || w != f.Shape[1] {
		b.Fail("unit.shortcut", fmt.Sprintf("%s cannot join %v to %v in %s: a stride of %d gives %dx%d", shortcut, x.Shape, f.Shape, b.scope, stride, h, w),
			"choose an image side that every pooling divides, `stride` instead of `pool`, or `shortcut: none`")
	}
	return stride
}

// source is what the layers of a shortcut of x read.
func (b *Builder) source(x *Layer) *Layer {
	if b.habit.Source != nil {
		return b.habit.Source
	}
	return x
}

// Transform is the choice of shortcuts that say nothing of Units that change the shape.
type Transform struct {
	Transform string `yaml:"transform" doc:"what gives the input the branch's shape where they differ: zero-pad (He 2015, option A) or a projection (option B)" check:"oneof=zero-pad|projection"`
}

// transformed is x in the shape of f.
func (t Transform) transformed(b *Builder, shortcut string, x, f *Layer) *Layer {
	if t.Transform == "projection" && !x.Shape.Equal(f.Shape) {
		return (&Projection{}).project(b, shortcut, x, f)
	}
	return pad(b, shortcut, x, f)
}
