package checktest_test

import (
	"fmt"
	"reflect"
	"testing"

	"exp/blocks"
	"exp/internal/checktest"
	"exp/internal/source"
	"exp/registry"
)

// TestBlocksAreReadBackAsTheyWereWritten holds every block, with each of its options changed, against what its own YAML gives.
func TestBlocksAreReadBackAsTheyWereWritten(t *testing.T) {
	readBack(t, blocks.Units)
	readBack(t, blocks.Shortcuts)
	readBack(t, blocks.Stems)
	readBack(t, blocks.Heads)
	readBack(t, blocks.Initializers)
}

func readBack[T any](t *testing.T, k registry.Kind[T]) {
	for _, e := range k.Entries() {
		required := ""
		for _, f := range e.Fields {
			if f.Doc == "" || f.Type == "" {
				t.Errorf("%s: %s is not documented", e.Name, f.Name)
			}
			if f.Required {
				required += fmt.Sprintf(", %s: 7", f.Name)
			}
		}
		for _, text := range append(checktest.Variants(k.Entries(), e.Name), fmt.Sprintf("{type: %s}", e.Name)) {
			text = text[:len(text)-1] + required + "}"
			var p source.Problems
			first := k.Decode(source.Parse(source.NewFile("first", text), &p), "", &p)
			if p.Err() != nil {
				t.Logf("%s: %v", text, p.Err())
				continue
			}
			// A struct around it has it encoded as a pick.
			written := source.Inline(registry.Encode(struct {
				Picked T `yaml:"picked" doc:"what is tried"`
			}{first}).Get("picked"))
			again := k.Decode(source.Parse(source.NewFile("again", written), &p), "", &p)
			if p.Err() != nil || !reflect.DeepEqual(first, again) {
				t.Errorf("%s was written as %s and read as %+v, not %+v; %v", text, written, again, first, p.Err())
			}
		}
	}
}
