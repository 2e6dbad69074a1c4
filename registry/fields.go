package registry

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"exp/internal/source"
)

// Entry describes one registered thing.
type Entry struct {
	Name, Doc string
	Fields    []Field
}

// Field describes one parameter.
type Field struct {
	Name     string // dotted for a parameter in a nested struct: "normalize.mean"
	Doc      string
	Type     string // "whole number", "number", "text", "true or false", the name of a kind, "list of ..."
	Default  string // as in YAML; "" when there is none
	Bounds   string // in words: "at least 1", "one of none, max, average"; "" when there are none
	Required bool
}

// NodeUnmarshaler is a type that reads itself from a node of any form; mistakes go to p.
type NodeUnmarshaler interface {
	UnmarshalNode(n *source.Node, path string, p *source.Problems)
}

// NodeMarshaler is the way back of [NodeUnmarshaler]; every NodeUnmarshaler must have it.
type NodeMarshaler interface {
	MarshalNode() *source.Node
}

var (
	nodeUnmarshaler = reflect.TypeFor[NodeUnmarshaler]()
	nodeMarshaler   = reflect.TypeFor[NodeMarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
)

// readsItself says whether values of a type decode by a method of their own.
func readsItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(nodeUnmarshaler) && p.Implements(nodeMarshaler) ||
		p.Implements(textUnmarshaler) && p.Implements(textMarshaler)
}

// field is a parameter as the decoder needs it.
type field struct {
	name, doc string
	index     []int
	typ       reflect.Type
	check     check
}

var fieldCache sync.Map // reflect.Type -> []field

// fieldsOf lists the parameters of a struct type. It panics when a tag is missing or a type cannot be read.
func fieldsOf(t reflect.Type) []field {
	if known, ok := fieldCache.Load(t); ok {
		return known.([]field)
	}
	var fields []field
	for i := range t.NumField() {
		sf := t.Field(i)
		name, tagged := sf.Tag.Lookup("yaml")
		switch {
		case sf.Anonymous && !tagged: // its fields count as fields of t
			for _, f := range fieldsOf(sf.Type) {
				f.index = append([]int{i}, f.index...)
				fields = append(fields, f)
			}
			continue
		case name == "-", !sf.IsExported():
			continue
		}
		where := fmt.Sprintf("registry: field %s of %v", sf.Name, t)
		if name == "" || name == "type" || strings.ContainsAny(name, ",. ") {
			panic(fmt.Sprintf("%s: yaml:%q is no parameter's name", where, name))
		}
		f := field{name, sf.Tag.Get("doc"), sf.Index, sf.Type, parseCheck(where, sf.Tag.Get("check"))}
		if f.doc == "" {
			panic(where + " has no doc tag")
		}
		if typeName(f.typ) == "" {
			panic(fmt.Sprintf("%s: a %v cannot be read", where, f.typ))
		}
		if slices.ContainsFunc(fields, func(g field) bool { return g.name == name }) {
			panic(fmt.Sprintf("%s: %q is there twice", where, name))
		}
		fields = append(fields, f)
	}
	fieldCache.Store(t, fields)
	return fields
}

// typeName says in words what is written for a type, "" when it cannot be read.
func typeName(t reflect.Type) string {
	if readsItself(t) {
		return "value"
	}
	if k := kindOf(t); k != nil {
		return k.name
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "whole number"
	case reflect.Float64:
		return "number"
	case reflect.String:
		return "text"
	case reflect.Struct:
		fieldsOf(t)
		return "map"
	case reflect.Pointer:
		return typeName(t.Elem())
	case reflect.Slice:
		if item := typeName(t.Elem()); item != "" {
			return "list of " + item
		}
	}
	return ""
}

// Fields describes the parameters of a struct, or of what a pointer to one points at, in their order; the values are the
// defaults. Parameters of nested structs follow with dotted names; those of an optional one come after it, a "map".
func Fields(v any) []Field {
	var all []Field
	s := reflect.Indirect(reflect.ValueOf(v))
	for _, f := range fieldsOf(s.Type()) {
		x := s.FieldByIndex(f.index)
		if f.typ.Kind() != reflect.Struct || readsItself(f.typ) {
			d := Field{Name: f.name, Doc: f.doc, Type: typeName(f.typ), Bounds: f.check.String(), Required: f.check.required}
			if n := encode(x); n != nil && !(f.check.required && x.IsZero()) {
				d.Default = source.Inline(n)
			}
			all = append(all, d)
			if d.Type != "map" {
				continue
			}
			x = defaultOf(f.typ.Elem())
		}
		for _, inner := range Fields(x.Interface()) {
			inner.Name = f.name + "." + inner.Name
			all = append(all, inner)
		}
	}
	return all
}

// check is what a check tag demands.
type check struct {
	required bool
	bounds   []bound
	oneof    []string
}

// bound is a limit of a number.
type bound struct {
	word  string // min, max, gt, lt
	limit float64
}

func parseCheck(where, tag string) check {
	var c check
	for _, word := range strings.Split(tag, ",") {
		name, arg, _ := strings.Cut(word, "=")
		switch name {
		case "":
		case "required":
			c.required = true
		case "oneof":
			c.oneof = strings.Split(arg, "|")
		case "min", "max", "gt", "lt":
			limit, err := strconv.ParseFloat(arg, 64)
			if err != nil {
				panic(fmt.Sprintf("%s: check %q: %v", where, word, err))
			}
			c.bounds = append(c.bounds, bound{name, limit})
		default:
			panic(fmt.Sprintf("%s: check %q is unknown", where, word))
		}
	}
	return c
}

// boundWords says what each bound demands of a number.
var boundWords = map[string]string{"min": "at least", "max": "at most", "gt": "more than", "lt": "less than"}

// String gives the bounds in words: "at least 0, less than 1".
func (c check) String() string {
	var words []string
	for _, b := range c.bounds {
		words = append(words, boundWords[b.word]+" "+strconv.FormatFloat(b.limit, 'f', -1, 64))
	}
	if len(c.oneof) > 0 {
		words = append(words, "one of "+strings.Join(c.oneof, ", "))
	}
	return strings.Join(words, " and ")
}

// value checks a decoded value that was written at n.
func (c check) value(n *source.Node, path string, v reflect.Value, p *source.Problems) {
	switch v.Kind() {
	case reflect.Slice:
		for i := range v.Len() {
			at := n
			if i < len(n.Items) {
				at = n.Items[i]
			}
			c.value(at, fmt.Sprintf("%s.%d", path, i), v.Index(i), p)
		}
	case reflect.Int, reflect.Int64:
		c.number(n, path, float64(v.Int()), p)
	case reflect.Float64:
		c.number(n, path, v.Float(), p)
	case reflect.String:
		if len(c.oneof) > 0 && !slices.Contains(c.oneof, v.String()) {
			p.Add(source.Diagnostic{
				Span: n.Span, Path: path,
				Problem: strconv.Quote(v.String()) + " is not one of its values" + suggest(v.String(), c.oneof),
				Help:    "one of " + strings.Join(c.oneof, ", "),
			})
		} else if c.required && v.String() == "" {
			p.Addf(n.Span, path, "must not be empty")
		}
	}
}

func (c check) number(n *source.Node, path string, x float64, p *source.Problems) {
	for _, b := range c.bounds {
		within := map[string]bool{"min": x >= b.limit, "max": x <= b.limit, "gt": x > b.limit, "lt": x < b.limit}
		if !within[b.word] {
			p.Addf(n.Span, path, "%v is out of range; it must be %s", number(x), check{bounds: c.bounds})
			return
		}
	}
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
