package blocks_test

import (
	"errors"
	"reflect"
	"testing"

	"exp/blocks"
	"exp/internal/checktest"
)

// everyUnit calls f with every registered Unit with every registered shortcut and each way to shrink the image.
func everyUnit(t *testing.T, f func(t *testing.T, net *blocks.Net)) {
	for _, u := range blocks.Units.Names() {
		for _, s := range blocks.Shortcuts.Names() {
			for _, d := range []blocks.Down{{Pool: "max", Stride: 1}, {Pool: "average", Stride: 1}, {Pool: "none", Stride: 2}} {
				t.Run(checktest.UnitName(u, s, d), func(t *testing.T) {
					unit, _ := blocks.Units.New(u)
					shortcut, _ := blocks.Shortcuts.New(s)
					reflect.ValueOf(unit).Elem().FieldByName("Shortcut").Set(reflect.ValueOf(shortcut))
					net, err := blocks.New(checktest.Model(unit, d), blocks.Shape{8, 8, 3}, 3)
					if s == "identity" {
						var e *blocks.Error
						if !errors.As(err, &e) {
							t.Fatalf("identity over two shapes: %v", err)
						}
						t.Log(err)
						return
					}
					if err != nil {
						t.Fatal(err)
					}
					f(t, net)
				})
			}
		}
	}
}

func TestEveryUnitHasTheGradientOfCentralDifferences(t *testing.T) {
	everyUnit(t, checktest.Gradients)
}
