package registry

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"exp/internal/source"
)

// Schema describes what [Decode] reads into a struct as a JSON Schema (draft 2020-12) for editors: its root, and the
// definitions of all kinds that it refers to, for "$defs". With strict, what is required must be there; without it, a part
// that is merged over something else may leave it out.
//
// What is picked is its NAME, or a map with its `type` and the parameters of that type; a map without `type` changes what
// it is merged over, so it may have the parameters of any. Only what is picked in a list must have a `type`: lists are
// not merged.
func Schema(v any, strict bool) (root, defs map[string]any) {
	s := schema{defs: map[string]any{}}
	root = s.object(reflect.Indirect(reflect.ValueOf(v)), strict, false)
	return root, s.defs
}

type schema struct{ defs map[string]any }

// object describes a struct, whose values are the defaults. Things picked in an item of a list may be merged over others.
func (s schema) object(v reflect.Value, strict, item bool) map[string]any {
	properties, required := map[string]any{}, []string{}
	for _, f := range fieldsOf(v.Type()) {
		x := v.FieldByIndex(f.index)
		p := s.value(f.typ, f.check, x, strict, item)
		p["description"] = f.doc
		if n := encode(x); n != nil && !(f.check.required && x.IsZero()) && f.typ.Kind() != reflect.Struct {
			if def, ok := plain(n); ok {
				p["default"] = def
			}
		}
		properties[f.name] = p
		_, needs := p["required"] // a map that must hold something must be there
		if f.check.required && x.IsZero() || f.typ.Kind() == reflect.Struct && needs {
			required = append(required, f.name)
		}
	}
	o := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if strict && len(required) > 0 {
		o["required"] = required
	}
	return o
}

func (s schema) value(t reflect.Type, c check, x reflect.Value, strict, item bool) map[string]any {
	if readsItself(t) {
		if reflect.PointerTo(t).Implements(nodeUnmarshaler) {
			return map[string]any{}
		}
		return map[string]any{"type": []string{"string", "number", "boolean"}}
	}
	if k := kindOf(t); k != nil {
		if strict && !item {
			return s.kind(k, whole)
		}
		return s.kind(k, part)
	}
	switch t.Kind() {
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return c.limit(map[string]any{"type": "integer"})
	case reflect.Float64:
		return c.limit(map[string]any{"type": "number"})
	case reflect.String:
		if len(c.oneof) > 0 {
			return map[string]any{"enum": c.oneof}
		}
		return map[string]any{"type": []string{"string", "number", "boolean"}} // as Node.Str reads it
	case reflect.Pointer:
		return map[string]any{"anyOf": []any{map[string]any{"type": "null"}, s.value(t.Elem(), c, defaultOf(t.Elem()), strict, item)}}
	case reflect.Slice:
		if k := kindOf(t.Elem()); k != nil {
			return map[string]any{"type": "array", "items": s.kind(k, listed)}
		}
		return map[string]any{"type": "array", "items": s.value(t.Elem(), c, defaultOf(t.Elem()), strict, true)}
	}
	return s.object(x, strict, item)
}

// limit adds the bounds of a number.
func (c check) limit(to map[string]any) map[string]any {
	words := map[string]string{"min": "minimum", "max": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
	for _, b := range c.bounds {
		to[words[b.word]] = b.limit
	}
	return to
}

// use is where a thing is picked.
type use string

const (
	whole  use = ""      // where nothing but its default is below
	part   use = "-part" // over another, which may have what is required
	listed use = "-item" // in a list, over nothing
)

// kind defines a kind for a use, once, and refers to it.
//
// What an editor shows decides the words' place: forms have titles, so that a list of them can be told apart, but their
// descriptions stand at `type`, lest they hide that of the field; and a parameter that several types share is described once.
func (s schema) kind(k *kind, u use) map[string]any {
	name := k.name + string(u)
	ref := map[string]any{"$ref": "#/$defs/" + name}
	if s.defs[name] != nil {
		return ref
	}
	s.defs[name] = map[string]any{} // a kind may hold another of itself
	names, forms := []any{}, []any{}
	of := map[string][]any{} // what every parameter may be in any type
	for _, n := range k.sorted() {
		e := k.entries[n]
		o := s.object(reflect.Indirect(e.defaults), u != part, false)
		properties := o["properties"].(map[string]any)
		for key, p := range properties {
			p := maps.Clone(p.(map[string]any))
			delete(p, "default") // of one type
			if !slices.ContainsFunc(of[key], func(q any) bool { return reflect.DeepEqual(p, q) }) {
				of[key] = append(of[key], p)
			}
		}
		needed, _ := o["required"].([]string)
		if len(needed) == 0 {
			names = append(names, map[string]any{"const": n, "description": e.doc})
		}
		properties["type"] = map[string]any{"const": n, "description": e.doc}
		o["required"] = append([]string{"type"}, needed...)
		o["title"] = n
		forms = append(forms, o)
	}
	if u != listed {
		properties := map[string]any{}
		for key, list := range of {
			properties[key] = list[0]
			if len(list) > 1 {
				properties[key] = map[string]any{"anyOf": list}
			}
		}
		forms = append(forms, map[string]any{"type": "object", "properties": properties, "additionalProperties": false,
			"title": k.name, "description": "changes what is inherited, or the default"})
	}
	s.defs[name] = map[string]any{"description": k.doc, "anyOf": append(names, forms...)}
	return ref
}

// plain is a default as a JSON value.
func plain(n *source.Node) (any, bool) {
	switch n.Kind {
	case source.Text:
		return n.Value, n.Value != ""
	case source.Int, source.Float, source.Bool:
		return json.RawMessage(n.Value), json.Valid([]byte(n.Value))
	}
	return nil, false
}
