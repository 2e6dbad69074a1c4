package blocks_test

import (
	"errors"
	"strings"
	"testing"

	"exp/blocks"
	"exp/internal/checktest"
	"exp/internal/source"
)

func TestEveryUnitHasTheGradientOfCentralDifferences(t *testing.T) {
	checktest.EveryUnit(t, 3, func(t *testing.T, _ blocks.Model, net *blocks.Net) {
		t.Parallel()
		checktest.Gradients(t, net)
	})
}

func TestEveryUnitIsTheSameInEvaluation(t *testing.T) {
	checktest.EveryUnit(t, 3, func(t *testing.T, _ blocks.Model, net *blocks.Net) {
		t.Parallel()
		checktest.Evaluation(t, net)
	})
}

func TestIdentityJoinsEqualShapesOnly(t *testing.T) {
	for _, d := range []blocks.Down{{Pool: "max", Stride: 1}, {Pool: "none", Stride: 2}} {
		_, err := blocks.New(checktest.Model(&blocks.Preact{Options: blocks.Options{Shortcut: &blocks.Identity{}}}, 4, d), blocks.Shape{8, 8, 3}, 3)
		var e *blocks.Error
		if !errors.As(err, &e) || e.Path != "model.stages.1.unit.shortcut" || !strings.Contains(e.Problem, "cannot join 8x8x4 to 4x4x4") {
			t.Errorf("%+v: %v", d, err)
		}
	}
}

func TestOblongImages(t *testing.T) {
	unit := &blocks.Preact{Options: blocks.Options{Shortcut: &blocks.Projection{}, Bias: true}}
	net, err := blocks.New(checktest.Model(unit, 6, blocks.Down{Pool: "max", Stride: 1}), blocks.Shape{6, 10, 3}, 3)
	if err != nil {
		t.Fatal(err)
	}
	checktest.Gradients(t, net)
}

// Dropout on either side of the pooling, with and without a final BN-ReLU; stems of every kind.
func TestHeadsAndStemsHaveTheGradientOfCentralDifferences(t *testing.T) {
	texts := []string{"{type: classifier, dropout: 0.3, dropout_after_pool: true}"}
	for _, name := range blocks.Heads.Names() {
		texts = append(texts, "{type: "+name+"}")
		texts = append(texts, checktest.Variants(blocks.Heads.Entries(), name, "dropout_after_pool")...)
	}
	for _, text := range texts {
		for _, stem := range blocks.Stems.Names() {
			t.Run(stem+" "+text, func(t *testing.T) {
				var p source.Problems
				decode := func(text string) *source.Node { return source.Parse(source.NewFile("part", text), &p) }
				m := checktest.Model(&blocks.Preact{Options: blocks.Options{Shortcut: &blocks.Projection{}}}, 6, blocks.Down{Pool: "max", Stride: 1})
				m.Head = blocks.Heads.Decode(decode(text), "", &p)
				m.Stem = blocks.Stems.Decode(decode("{type: "+stem+", filters: 4}"), "", &p)
				if err := p.Err(); err != nil {
					t.Fatal(err)
				}
				net, err := blocks.New(m, blocks.Shape{8, 8, 3}, 3)
				if err != nil {
					t.Fatal(err)
				}
				checktest.Gradients(t, net)
			})
		}
	}
}
