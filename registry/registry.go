// Package registry keeps things by name with their typed parameters. It knows nothing of nets.
//
// A thing is registered with a value whose fields are its parameters and their defaults:
//
//	var Optimizers = registry.NewKind[Optimizer]("optimizer", "how weights follow their gradients")
//
//	func init() { Optimizers.Add("sgd", "gradient descent", &SGD{LR: 0.1}) }
//
//	type SGD struct {
//		LR float64 `yaml:"lr" doc:"learning rate" check:"gt=0"`
//	}
//
// From that one struct come decoding with all mistakes at their places, encoding, the documentation of `exp list`, and
// the bounds. Struct tags: yaml names the parameter, doc explains it, check bounds it (required, min=, max=, gt=, lt=,
// oneof=a|b|c; for a list they hold for each item). A field may be a bool, a whole number, a float64, a string, a type
// that reads itself ([NodeUnmarshaler], [encoding.TextUnmarshaler]), a registered kind, a struct of such fields, a
// pointer to one of these (optional), or a list of them. A `Validate() error` method checks what tags cannot say; it
// returns [Bad] errors, joined when there are several.
//
// Mistakes of the user become diagnostics. Mistakes of the program (a missing doc tag, a name taken twice, a default
// outside its own bounds) panic when the program starts.
package registry

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"exp/internal/source"
)

// Kind is a set of things of one sort, by name.
type Kind[T any] struct{ k *kind }

// AnyKind is a Kind whose type is not known, as [Kinds] lists them.
type AnyKind struct{ k *kind }

type kind struct {
	name, doc string
	typ       reflect.Type
	entries   map[string]entry
	names     map[reflect.Type]string // of the entries, by the type of their parameters
}

type entry struct {
	doc      string
	defaults reflect.Value
}

var (
	mu       sync.RWMutex
	kinds    = map[reflect.Type]*kind{}
	defaults = map[reflect.Type]reflect.Value{} // of list items
)

// NewKind makes an empty kind. Name is singular: "unit". From then on a field of type T, or []T, decodes by itself.
func NewKind[T any](name, doc string) Kind[T] {
	mu.Lock()
	defer mu.Unlock()
	t := reflect.TypeFor[T]()
	if t.Kind() != reflect.Interface {
		panic(fmt.Sprintf("registry: kind %q: %v is not an interface", name, t))
	}
	if kinds[t] != nil {
		panic(fmt.Sprintf("registry: %v has a kind already, %q", t, kinds[t].name))
	}
	k := &kind{name, doc, t, map[string]entry{}, map[reflect.Type]string{}}
	kinds[t] = k
	return Kind[T]{k}
}

// Add registers a thing. Defaults is a struct, or a pointer to one, of a type of its own; its fields are the
// parameters and their defaults. The value is copied for each use, shallowly: parameters are read-only once decoded.
func (k Kind[T]) Add(name, doc string, defaults T) {
	v := reflect.ValueOf(defaults)
	where := fmt.Sprintf("%s %q", k.k.name, name)
	switch {
	case !v.IsValid() || indirect(v.Type()).Kind() != reflect.Struct:
		panic(fmt.Sprintf("registry: %s: the defaults are no struct", where))
	case name == "" || doc == "":
		panic(fmt.Sprintf("registry: %s needs a name and a doc text", where))
	case k.k.entries[name].doc != "":
		panic(fmt.Sprintf("registry: %s is registered twice", where))
	case k.k.names[v.Type()] != "":
		panic(fmt.Sprintf("registry: %s has the type of %q; each thing needs a type of its own", where, k.k.names[v.Type()]))
	}
	mustBeSound(reflect.Indirect(v), where)
	k.k.entries[name] = entry{doc, v}
	k.k.names[v.Type()] = name
}

// Default sets the values that an item of type T in a list has before it is decoded.
func Default[T any](item T) {
	v := reflect.ValueOf(item)
	mustBeSound(v, v.Type().String())
	mu.Lock()
	defer mu.Unlock()
	defaults[v.Type()] = v
}

// mustBeSound panics when the tags of a struct are faulty, or a default is outside its own bounds.
func mustBeSound(v reflect.Value, where string) {
	var p source.Problems
	complete := true
	for _, f := range fieldsOf(v.Type()) {
		x := v.FieldByIndex(f.index)
		if f.check.required && x.IsZero() {
			complete = false
		} else {
			f.check.value(&source.Node{}, f.name, x, &p)
		}
	}
	if complete && p.Len() == 0 {
		validate(v, &source.Node{}, "", &p)
	}
	for _, d := range p.List() {
		panic(fmt.Sprintf("registry: %s: the default of %s: %s", where, d.Path, d.Problem))
	}
}

// New returns a fresh copy of the defaults registered under name.
func (k Kind[T]) New(name string) (T, bool) {
	e, ok := k.k.entries[name]
	if !ok {
		var none T
		return none, false
	}
	return clone(e.defaults).Interface().(T), true
}

// Names lists what is registered, sorted.
func (k Kind[T]) Names() []string { return AnyKind(k).Names() }

// Entries describes what is registered, sorted by name.
func (k Kind[T]) Entries() []Entry { return AnyKind(k).Entries() }

// Decode reads a value written as NAME or as {type: NAME, parameters...}. After a mistake, which goes to p, the result
// may be nil or incomplete.
func (k Kind[T]) Decode(n *source.Node, path string, p *source.Problems) T {
	var v T
	decoder{p}.pick(n, path, reflect.ValueOf(&v).Elem(), k.k)
	return v
}

// Kinds lists every kind of the program, sorted by name.
func Kinds() []AnyKind {
	mu.RLock()
	defer mu.RUnlock()
	var all []AnyKind
	for _, k := range kinds {
		all = append(all, AnyKind{k})
	}
	slices.SortFunc(all, func(a, b AnyKind) int { return strings.Compare(a.k.name, b.k.name) })
	return all
}

// Name is the singular name of the kind: "unit".
func (k AnyKind) Name() string { return k.k.name }

// Doc says what the kind is.
func (k AnyKind) Doc() string { return k.k.doc }

// Names lists what is registered, sorted.
func (k AnyKind) Names() []string { return k.k.sorted() }

// Entries describes what is registered, sorted by name.
func (k AnyKind) Entries() []Entry {
	var all []Entry
	for _, name := range k.k.sorted() {
		e := k.k.entries[name]
		all = append(all, Entry{name, e.doc, Fields(e.defaults.Interface())})
	}
	return all
}

func (k *kind) sorted() []string { return slices.Sorted(maps.Keys(k.entries)) }

// kindOf returns the kind that a type picks from, nil when there is none.
func kindOf(t reflect.Type) *kind {
	mu.RLock()
	defer mu.RUnlock()
	return kinds[t]
}

// defaultOf returns a settable value of a type with the defaults that a list item has.
func defaultOf(t reflect.Type) reflect.Value {
	mu.RLock()
	defer mu.RUnlock()
	v := reflect.New(t).Elem()
	if d, ok := defaults[t]; ok {
		v.Set(d)
	}
	return v
}

// clone copies a struct, or what a pointer to one points at.
func clone(v reflect.Value) reflect.Value {
	if v.Kind() != reflect.Pointer {
		return v
	}
	c := reflect.New(v.Type().Elem())
	c.Elem().Set(v.Elem())
	return c
}

func indirect(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}
