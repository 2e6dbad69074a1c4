// Package registry keeps things by name with their typed parameters. It knows nothing of nets.
package registry

import (
	"fmt"
	"reflect"
	"slices"
)

// Kind is a set of things of one sort, by name.
type Kind[T any] struct{ k *kind }

type kind struct {
	name, doc string
	entries   map[string]entry
}

type entry struct {
	doc      string
	defaults any
}

// NewKind makes an empty kind. Name is singular: "unit".
func NewKind[T any](name, doc string) Kind[T] {
	return Kind[T]{&kind{name: name, doc: doc, entries: map[string]entry{}}}
}

// Add registers a thing; the fields of defaults are its parameters and their defaults.
func (k Kind[T]) Add(name, doc string, defaults T) {
	if _, taken := k.k.entries[name]; taken {
		panic(fmt.Sprintf("registry: %s %q is registered twice", k.k.name, name))
	}
	k.k.entries[name] = entry{doc, defaults}
}

// New returns a fresh copy of the defaults registered under name.
func (k Kind[T]) New(name string) (T, bool) {
	e, ok := k.k.entries[name]
	if !ok {
		var none T
		return none, false
	}
	v := reflect.ValueOf(e.defaults)
	if v.Kind() != reflect.Pointer {
		return e.defaults.(T), true
	}
	c := reflect.New(v.Type().Elem())
	c.Elem().Set(v.Elem())
	return c.Interface().(T), true
}

// Names lists what is registered, sorted.
func (k Kind[T]) Names() []string {
	names := make([]string, 0, len(k.k.entries))
	for n := range k.k.entries {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
