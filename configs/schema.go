package configs

import (
	"encoding/json"
	"maps"

	"exp/registry"
)

// Schema is the JSON Schema of experiment files, for editors. A file that extends another may leave out whatever is
// required.
func Schema() ([]byte, error) {
	whole, defs := registry.Schema(Default(), true)
	part, partDefs := registry.Schema(Default(), false)
	maps.Copy(defs, partDefs)
	name := map[string]any{"type": "string", "minLength": 1}
	for _, s := range []map[string]any{whole, part} { // in whole, too, for editors to offer it
		s["properties"].(map[string]any)["extends"] = map[string]any{
			"description": "the file, or the files, whose values are inherited",
			"anyOf":       []any{name, map[string]any{"type": "array", "items": name, "minItems": 1}},
		}
	}
	defs["experiment"], defs["experiment-part"] = whole, part
	ref := func(name string) map[string]any { return map[string]any{"$ref": "#/$defs/" + name} }
	schema := map[string]any{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"title":       "an experiment of exp",
		"description": "`exp check FILE` knows more: shapes, what has no effect, and where each mistake is",
		"type":        "object",
		"if":          map[string]any{"required": []string{"extends"}},
		"then":        ref("experiment-part"),
		"else":        ref("experiment"),
		"$defs":       defs,
	}
	return json.MarshalIndent(schema, "", "  ")
}
