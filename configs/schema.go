package configs

import (
	"encoding/json"
	"maps"
	"slices"

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
		pairPrecision(property(property(s, "train"), "precision"))
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

// property is the schema of a field of a map.
func property(s map[string]any, name string) map[string]any {
	return s["properties"].(map[string]any)[name].(map[string]any)
}

// pairPrecision has the schema of a [Precision] refuse convolutions that do not go with the products, where a file says both.
func pairPrecision(s map[string]any) {
	words := func(name string) []string { return property(s, name)["enum"].([]string) }
	var rules []any
	for _, products := range words("products") {
		convs := slices.DeleteFunc(slices.Clone(words("conv")), func(conv string) bool {
			return Precision{Conv: conv, Products: products}.Validate() != nil
		})
		if len(convs) == len(words("conv")) {
			continue
		}
		rules = append(rules, map[string]any{
			"if":   map[string]any{"properties": map[string]any{"products": map[string]any{"const": products}}, "required": []string{"products"}},
			"then": map[string]any{"properties": map[string]any{"conv": map[string]any{"enum": convs}}},
		})
	}
	s["allOf"] = rules
}
