package registry

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
)

type box struct {
	Held  shape   `yaml:"held" doc:"what is inside" check:"required"`
	Also  []shape `yaml:"also" doc:"what else is"`
	Label label   `yaml:"label" doc:"what is written on it"`
	Inner inner   `yaml:"inner" doc:"a box in it"`
}

type label struct {
	Text string `yaml:"text" doc:"its words" check:"required"`
}

type inner struct {
	Depth int `yaml:"depth" doc:"in pixels" check:"min=0"`
}

// schemaOf gives a schema as an editor reads it, definitions by name.
func schemaOf(t *testing.T, v any, strict bool) (root map[string]any, defs map[string]map[string]any) {
	t.Helper()
	r, d := Schema(v, strict)
	for from, to := range map[any]any{&r: &root, &d: &defs} {
		text, err := json.Marshal(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, to); err != nil {
			t.Fatal(err)
		}
	}
	return root, defs
}

func TestSchemaRequiresMapsThatMustHoldSomething(t *testing.T) {
	root, _ := schemaOf(t, box{}, true)
	if want := []any{"held", "label"}; !reflect.DeepEqual(root["required"], want) {
		t.Errorf("required: %v, want %v", root["required"], want)
	}
	root, _ = schemaOf(t, box{}, false)
	if root["required"] != nil {
		t.Errorf("a part requires %v", root["required"])
	}
}

// forms are the maps that a definition allows, by title.
func forms(def map[string]any) map[string]map[string]any {
	by := map[string]map[string]any{}
	for _, f := range def["anyOf"].([]any) {
		if f := f.(map[string]any); f["type"] == "object" {
			by[f["title"].(string)] = f
		}
	}
	return by
}

func TestSchemaOfAList(t *testing.T) {
	for _, strict := range []bool{true, false} { // a list replaces what is inherited
		root, defs := schemaOf(t, box{}, strict)
		items := root["properties"].(map[string]any)["also"].(map[string]any)["items"]
		if want := map[string]any{"$ref": "#/$defs/shape-item"}; !reflect.DeepEqual(items, want) {
			t.Fatalf("items: %v, want %v", items, want)
		}
		for title, f := range forms(defs["shape-item"]) {
			if !slices.Contains(f["required"].([]any), any("type")) {
				t.Errorf("an item may be a %s without type", title)
			}
		}
		if got := forms(defs["shape-item"])["square"]["required"]; !reflect.DeepEqual(got, []any{"type", "side"}) {
			t.Errorf("an item's square requires %v", got)
		}
	}
}

func TestSchemaOfAForm(t *testing.T) {
	_, defs := schemaOf(t, box{}, true)
	square := forms(defs["shape"])["square"]
	if square["description"] != nil { // editors would show it in place of what the field is
		t.Errorf("a square says %v", square["description"])
	}
	typ := square["properties"].(map[string]any)["type"]
	if want := map[string]any{"const": "square", "description": "four equal sides"}; !reflect.DeepEqual(typ, want) {
		t.Errorf("type: %v, want %v", typ, want)
	}
}
