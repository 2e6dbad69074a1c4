package registry

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"exp/internal/source"
)

// Decode reads a map into a struct, whose values are the defaults; into points at it. All mistakes go to p. What names
// the thing that is read in messages: "an experiment".
func Decode(n *source.Node, what string, into any, p *source.Problems) {
	decoder{p}.fields(n, n.Pairs, "", what, reflect.ValueOf(into).Elem())
}

// fieldError is a mistake in one parameter, found by a Validate method.
type fieldError struct{ field, problem string }

func (e *fieldError) Error() string { return e.field + ": " + e.problem }

// Bad is what a Validate method returns about one parameter: the mark goes under its value.
func Bad(field, format string, args ...any) error {
	return &fieldError{field, fmt.Sprintf(format, args...)}
}

type decoder struct{ p *source.Problems }

// value reads n into v, which holds the default.
func (d decoder) value(n *source.Node, path string, v reflect.Value) {
	t := v.Type()
	if readsItself(t) {
		d.own(n, path, v)
		return
	}
	if k := kindOf(t); k != nil {
		d.pick(n, path, v, k)
		return
	}
	var err error
	switch t.Kind() {
	case reflect.Bool:
		var x bool
		x, err = n.Bool()
		v.SetBool(x)
	case reflect.Int, reflect.Int64:
		var x int64
		x, err = n.Int()
		v.SetInt(x)
	case reflect.Float64:
		var x float64
		x, err = n.Float()
		v.SetFloat(x)
	case reflect.String:
		var x string
		x, err = n.Str()
		v.SetString(x)
	case reflect.Pointer:
		if n.Kind == source.Null {
			v.SetZero()
			return
		}
		target := defaultOf(t.Elem())
		if !v.IsNil() {
			target.Set(v.Elem())
		}
		d.value(n, path, target)
		v.Set(target.Addr())
	case reflect.Slice:
		d.list(n, path, v)
	case reflect.Struct:
		if n.Kind != source.Map {
			d.p.Add(source.Diagnostic{Span: n.Span, Path: path, Problem: "a map goes here, not " + n.Written(), Help: takes(noun(path), fieldsOf(t))})
			return
		}
		d.fields(n, n.Pairs, path, noun(path), v)
	}
	if err != nil {
		d.p.Addf(n.Span, path, "%v", err)
	}
}

// own lets a type read itself.
func (d decoder) own(n *source.Node, path string, v reflect.Value) {
	switch u := v.Addr().Interface().(type) {
	case NodeUnmarshaler:
		u.UnmarshalNode(n, path, d.p)
	case encoding.TextUnmarshaler:
		text, err := n.Str()
		if err == nil {
			err = u.UnmarshalText([]byte(text))
		}
		if err != nil {
			d.p.Addf(n.Span, path, "%v", err)
		}
	}
}

func (d decoder) list(n *source.Node, path string, v reflect.Value) {
	if n.Kind != source.List {
		d.p.Addf(n.Span, path, "a list goes here, not %s; write [ ] around it", n.Written())
		return
	}
	list := reflect.MakeSlice(v.Type(), 0, len(n.Items))
	for i, item := range n.Items {
		x := defaultOf(v.Type().Elem())
		d.value(item, join(path, strconv.Itoa(i)), x)
		list = reflect.Append(list, x)
	}
	v.Set(list)
}

// pick reads NAME or {type: NAME, parameters...}. Without a type the default is picked, where there is one.
func (d decoder) pick(n *source.Node, path string, v reflect.Value, k *kind) {
	name, at := n, n
	var pairs []source.Pair
	switch n.Kind {
	case source.Null, source.List:
		d.p.Add(source.Diagnostic{Span: n.Span, Path: path, Problem: fmt.Sprintf("the name of %s goes here, not %s", article(k.name), n.Kind), Help: k.legal()})
		return
	case source.Map:
		name = n.Get("type")
		for _, pair := range n.Pairs {
			if pair.Key != "type" {
				pairs = append(pairs, pair)
			}
		}
		if name == nil {
			d.untyped(n, pairs, path, v, k)
			return
		}
		at = name
	}
	if s, err := name.Str(); err != nil {
		d.p.Add(source.Diagnostic{Span: name.Span, Path: join(path, "type"), Problem: err.Error(), Help: k.legal()})
	} else if e, ok := k.entries[s]; !ok {
		d.p.Add(source.Diagnostic{Span: at.Span, Path: path, Problem: fmt.Sprintf("unknown %s %q%s", k.name, s, suggest(s, k.sorted())), Help: k.legal()})
	} else {
		d.params(n, pairs, path, s, clone(e.defaults), v)
	}
}

// untyped reads the parameters of the default, or says that a type is missing.
func (d decoder) untyped(n *source.Node, pairs []source.Pair, path string, v reflect.Value, k *kind) {
	var known []field
	if !v.IsNil() {
		known = fieldsOf(indirect(v.Elem().Type()))
	}
	for _, pair := range pairs {
		if find(known, pair.Key) == nil && Nearest(pair.Key, []string{"type"}) != "" {
			d.p.Add(source.Diagnostic{Span: pair.At, Path: join(path, pair.Key), Problem: `unknown key; did you mean "type"?`, Help: k.legal()})
			return
		}
	}
	if !v.IsNil() {
		d.params(n, pairs, path, k.names[v.Elem().Type()], clone(v.Elem()), v)
		return
	}
	d.p.Add(source.Diagnostic{Span: n.Span, Path: path, Problem: fmt.Sprintf("has no type: it does not say which %s", k.name), Help: k.legal()})
}

// params reads the parameters of a registered thing into x, a copy of its defaults, and sets v to it.
func (d decoder) params(n *source.Node, pairs []source.Pair, path, name string, x, v reflect.Value) {
	if x.Kind() == reflect.Pointer {
		d.fields(n, pairs, path, name, x.Elem())
		v.Set(x)
		return
	}
	s := reflect.New(x.Type()).Elem()
	s.Set(x)
	d.fields(n, pairs, path, name, s)
	v.Set(s)
}

// fields reads the pairs of the map n (without `type`) into a struct.
func (d decoder) fields(n *source.Node, pairs []source.Pair, path, what string, v reflect.Value) {
	before := d.p.Len()
	fields := fieldsOf(v.Type())
	meant := map[string]bool{} // parameters that a misspelt key stands for
	for _, pair := range pairs {
		if find(fields, pair.Key) == nil {
			meant[d.unknown(pair, n, pairs, path, what, fields)] = true
		}
	}
	for _, f := range fields {
		x, at := v.FieldByIndex(f.index), join(path, f.name)
		node := pairOf(pairs, f.name)
		switch {
		case node != nil:
			already := d.p.Len()
			d.value(node, at, x)
			if d.p.Len() == already {
				f.check.value(node, at, x, d.p)
			}
		case meant[f.name]:
		case f.check.required && x.IsZero():
			missing := source.Diagnostic{Span: n.Span, Path: at, Problem: "is missing: " + f.doc, Missing: true}
			if k := kindOf(f.typ); k != nil {
				missing.Help = k.legal()
			}
			d.p.Add(missing)
		case f.typ.Kind() == reflect.Struct && !readsItself(f.typ): // may have required parameters
			d.fields(n, nil, at, noun(at), x)
		}
	}
	if d.p.Len() == before {
		validate(v, n, path, d.p)
	}
}

// unknown reports a key that is no parameter, and returns the parameter that was probably meant, "" when there is none.
// What the same text sets already is not suggested.
func (d decoder) unknown(pair source.Pair, n *source.Node, pairs []source.Pair, path, what string, fields []field) string {
	var unused []string
	for _, f := range fields {
		if !slices.ContainsFunc(pairs, func(o source.Pair) bool { return o.Key == f.name && o.At.File == pair.At.File }) {
			unused = append(unused, f.name)
		}
	}
	help := takes(what, fields)
	if n.Get("type") != nil && pair.At.File != n.Span.File && !pair.At.File.Override {
		help += fmt.Sprintf("\nit is inherited; `!replace` before the map at %v drops what is inherited", n.Span)
	}
	d.p.Add(source.Diagnostic{Span: pair.At, Path: join(path, pair.Key), Problem: "unknown key" + suggest(pair.Key, unused), Help: help})
	return Nearest(pair.Key, unused)
}

// takes lists the keys of a map.
func takes(what string, fields []field) string {
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	if len(names) == 0 {
		return what + " takes no parameters"
	}
	return what + " takes: " + sortedList(names)
}

// validate calls the Validate method of a struct, if it has one.
func validate(v reflect.Value, n *source.Node, path string, p *source.Problems) {
	c := reflect.New(v.Type())
	c.Elem().Set(v)
	if checked, ok := c.Interface().(interface{ Validate() error }); ok {
		report(checked.Validate(), n, path, p)
	}
}

// report adds an error of a Validate method, each of its parts at the parameter it is about.
func report(err error, n *source.Node, path string, p *source.Problems) {
	var bad *fieldError
	joined, several := err.(interface{ Unwrap() []error })
	switch {
	case err == nil:
	case several:
		for _, e := range joined.Unwrap() {
			report(e, n, path, p)
		}
	case errors.As(err, &bad):
		p.Addf(n.At(bad.field), join(path, bad.field), "%s", bad.problem)
	default:
		p.Addf(n.Span, path, "%v", err)
	}
}

func find(fields []field, name string) *field {
	for i := range fields {
		if fields[i].name == name {
			return &fields[i]
		}
	}
	return nil
}

func pairOf(pairs []source.Pair, key string) *source.Node {
	for _, p := range pairs {
		if p.Key == key {
			return p.Value
		}
	}
	return nil
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// noun names the struct at a path: "train" for "train", "a stage" for "model.stages.1".
func noun(path string) string {
	dir, last, _ := cutLast(path)
	if _, err := strconv.Atoi(last); err != nil {
		return last
	}
	_, list, _ := cutLast(dir)
	return article(strings.TrimSuffix(list, "s"))
}

func cutLast(path string) (dir, last string, found bool) {
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		return path[:i], path[i+1:], true
	}
	return "", path, false
}

// article puts "a" or "an" before a noun.
func article(noun string) string {
	if strings.ContainsRune("aeio", rune(noun[0])) { // "a unit"
		return "an " + noun
	}
	return "a " + noun
}

// legal lists the names of a kind.
func (k *kind) legal() string { return k.name + "s: " + strings.Join(k.sorted(), ", ") }
