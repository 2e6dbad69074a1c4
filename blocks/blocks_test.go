package blocks_test

import (
	"errors"
	"strings"
	"testing"

	"exp/blocks"
	"exp/internal/checktest"
)

func TestEveryUnitHasTheGradientOfCentralDifferences(t *testing.T) {
	checktest.EveryUnit(t, 3, func(t *testing.T, _ blocks.Model, net *blocks.Net) { checktest.Gradients(t, net) })
}

func TestIdentityJoinsEqualShapesOnly(t *testing.T) {
	for _, d := range []blocks.Down{{Pool: "max", Stride: 1}, {Pool: "none", Stride: 2}} {
		_, err := blocks.New(checktest.Model(&blocks.Preact{Shortcut: &blocks.Identity{}}, 4, d), blocks.Shape{8, 8, 3}, 3)
		var e *blocks.Error
		if !errors.As(err, &e) || e.Path != "model.stages.1.unit.shortcut" || !strings.Contains(e.Problem, "cannot join 8x8x4 to 4x4x4") {
			t.Errorf("%+v: %v", d, err)
		}
	}
}

func TestOblongImages(t *testing.T) {
	unit := &blocks.Preact{Shortcut: &blocks.Projection{}, Bias: true}
	net, err := blocks.New(checktest.Model(unit, 6, blocks.Down{Pool: "max", Stride: 1}), blocks.Shape{6, 10, 3}, 3)
	if err != nil {
		t.Fatal(err)
	}
	checktest.Gradients(t, net)
}

func TestUnitsWithAZeroInitHaveTheGradientOfCentralDifferences(t *testing.T) {
	for name, unit := range map[string]blocks.Unit{
		"preact":  &blocks.Preact{Shortcut: &blocks.Projection{}, ZeroInit: true},
		"postact": &blocks.Postact{Shortcut: &blocks.Projection{}, ZeroInit: true},
	} {
		t.Run(name, func(t *testing.T) {
			net, err := blocks.New(checktest.Model(unit, 6, blocks.Down{Pool: "max", Stride: 1}), blocks.Shape{8, 8, 3}, 3)
			if err != nil {
				t.Fatal(err)
			}
			checktest.Gradients(t, net)
		})
	}
}
