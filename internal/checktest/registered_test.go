package checktest_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"exp/blocks"
	"exp/data"
	"exp/internal/checktest"
	"exp/internal/source"
	"exp/registry"
	"exp/runner/optim"
	"exp/runner/schedule"
)

// TestTheRegisteredAreReadBackAsTheyWereWritten holds everything that is registered, with each of its options changed, against
// what its own YAML gives.
func TestTheRegisteredAreReadBackAsTheyWereWritten(t *testing.T) {
	readBack(t, blocks.Units)
	readBack(t, blocks.Shortcuts)
	readBack(t, blocks.Stems)
	readBack(t, blocks.Heads)
	readBack(t, blocks.Initializers)
	readBack(t, data.Datasets)
	readBack(t, data.Augments)
	readBack(t, optim.Optimizers)
	readBack(t, schedule.Schedules)
}

// TestEveryNumberOfAUnitIsTried keeps new parameters from being left out of the shared suites.
func TestEveryNumberOfAUnitIsTried(t *testing.T) {
	for _, entries := range [][]registry.Entry{blocks.Units.Entries(), blocks.Shortcuts.Entries()} {
		for _, e := range entries {
			all := strings.Join(checktest.Variants(entries, e.Name), "")
			for _, f := range e.Fields {
				if (f.Type == "number" || f.Type == "whole number") && !strings.Contains(all, ", "+f.Name+": ") {
					t.Errorf("%s: add a value of %s that is worth a try to trials", e.Name, f.Name)
				}
			}
		}
	}
}

// beside are options without which others may not be written.
var beside = map[string]string{
	"warmup_from": ", warmup: 3", "warmup_hold": ", warmup: 3", "decay_all": ", weight_decay: 0.5",
	"dropout_after_pool": ", dropout: 0.3", "preactivated": ", shortcut: projection",
}

func readBack[T any](t *testing.T, k registry.Kind[T]) {
	decode := func(text string) (T, error) {
		var p source.Problems
		v := k.Decode(source.Parse(source.NewFile("text", text), &p), "", &p)
		return v, p.Err()
	}
	write := func(v T) string { // a struct around it has it encoded as a pick
		return source.Inline(registry.Encode(struct {
			Picked T `yaml:"picked" doc:"what is tried"`
		}{v}).Get("picked"))
	}
	for _, e := range k.Entries() {
		required := checktest.Required(e)
		for _, f := range e.Fields {
			if f.Doc == "" || f.Type == "" {
				t.Errorf("%s: %s is not documented", e.Name, f.Name)
			}
			if f.Default == "[]" { // as it will be written: no list and an empty one are read as different values
				required += fmt.Sprintf(", %s: []", f.Name)
			}
		}
		text := func(option string) string {
			if option == "" {
				return fmt.Sprintf("{type: %s%s}", e.Name, required)
			}
			name, _, _ := strings.Cut(option, ":")
			return fmt.Sprintf("{type: %s, %s%s%s}", e.Name, option, beside[name], required)
		}
		options := []string{""}
		for _, f := range e.Fields {
			if f.Required || f.Type != "number" && f.Type != "whole number" {
				continue
			}
			changed := ""
			for _, v := range []string{"0.5", "0.25", "2", "3", "1", "100"} {
				option := f.Name + ": " + v
				if _, err := decode(text(option)); err == nil && v != f.Default {
					changed = option
					break
				}
			}
			if changed == "" {
				t.Errorf("%s: no other %s than %s can be read", e.Name, f.Name, f.Default)
			}
			options = append(options, changed)
		}
		for _, v := range checktest.Variants(k.Entries(), e.Name) {
			_, option, _ := strings.Cut(v[:len(v)-1], ", ")
			options = append(options, option)
		}
		for _, option := range options {
			first, err := decode(text(option))
			if err != nil {
				t.Errorf("%s: %v", text(option), err)
				continue
			}
			written := write(first)
			again, err := decode(written)
			if err != nil || !reflect.DeepEqual(first, again) || write(again) != written || !strings.Contains(written, option) {
				t.Errorf("%s was written as %s and read as %s; %v", text(option), written, write(again), err)
			}
		}
	}
}
