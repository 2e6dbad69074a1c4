package blocks

import (
	"os"
	"strings"
	"testing"
)

// TestTheDocumentedUnitIsTheTestedOne: squeeze_excitation_test.go is compiled into the tests alone, where it is registered and
// goes through the shared suites like every Unit; what docs/add-a-block.md shows must be that file.
func TestTheDocumentedUnitIsTheTestedOne(t *testing.T) {
	document, err := os.ReadFile("../docs/add-a-block.md")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("squeeze_excitation_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, part := range strings.Split(string(document), "```go\n")[1:] {
		code, _, closed := strings.Cut(part, "```\n")
		if !closed {
			t.Fatal("a block of code has no end")
		}
		blocks = append(blocks, code)
	}
	if len(blocks) == 0 || blocks[0] != string(want) {
		t.Errorf("the first Go code of docs/add-a-block.md is not squeeze_excitation_test.go: copy that file into it")
	}
}

// TestTheDocumentedUnitCostsWhatItsFormulaSays: over conv3x3 twice and their normalisations, W1, b1, W2 and b2.
func TestTheDocumentedUnitCostsWhatItsFormulaSays(t *testing.T) {
	head, _ := Heads.New("classifier")
	stem, _ := Stems.New("conv")
	m := DefaultModel()
	m.Stem, m.Head, m.Unit = stem, head, &SqueezeExcitation{Shortcut: &None{}, Reduction: 4}
	count := func(units int) int {
		m.Stages = []Stage{{Filters: 32, Units: units, Pool: "none", Stride: 1}}
		net, err := New(m, Shape{8, 8, 3}, 10)
		if err != nil {
			t.Fatal(err)
		}
		_, trainable, _ := net.Count()
		return int(trainable)
	}
	const c, small = 32, 8
	want := 2*(9*c*c+2*c) + c*small + small + small*c + c
	if got := count(3) - count(2); got != want {
		t.Errorf("a Unit has %d trainable parameters, not %d", got, want)
	}
}
