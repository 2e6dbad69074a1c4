package registry

import (
	"encoding"
	"reflect"
	"strconv"

	"exp/internal/source"
)

// Encode writes a decoded struct back as a map with every parameter, in the order of the fields; Decode reads it to an
// equal value. Things picked from a kind become {type: NAME, parameters...}, or NAME when they have none.
func Encode(v any) *source.Node { return encode(reflect.ValueOf(v)) }

// encode returns nil for a value that is not there: a nil pointer or a nil pick.
func encode(v reflect.Value) *source.Node {
	t := v.Type()
	if readsItself(t) {
		return encodeOwn(v)
	}
	switch t.Kind() {
	case reflect.Bool:
		return source.Scalar(source.Bool, strconv.FormatBool(v.Bool()))
	case reflect.Int, reflect.Int64:
		return source.Scalar(source.Int, strconv.FormatInt(v.Int(), 10))
	case reflect.Float64:
		return source.Scalar(source.Float, number(v.Float()))
	case reflect.String:
		return source.Scalar(source.Text, v.String())
	case reflect.Slice:
		list := &source.Node{Kind: source.List}
		for i := range v.Len() {
			if item := encode(v.Index(i)); item != nil {
				list.Items = append(list.Items, item)
			}
		}
		return list
	case reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return encodePick(v.Elem(), kindOf(t))
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return encode(v.Elem())
	}
	return encodeFields(v)
}

func encodePick(v reflect.Value, k *kind) *source.Node {
	name := source.Scalar(source.Text, k.names[v.Type()])
	params := encodeFields(reflect.Indirect(v))
	if len(params.Pairs) == 0 {
		return name
	}
	params.Pairs = append([]source.Pair{{Key: "type", Value: name}}, params.Pairs...)
	return params
}

func encodeFields(v reflect.Value) *source.Node {
	m := &source.Node{Kind: source.Map}
	for _, f := range fieldsOf(v.Type()) {
		if x := encode(v.FieldByIndex(f.index)); x != nil {
			m.Pairs = append(m.Pairs, source.Pair{Key: f.name, Value: x})
		}
	}
	return m
}

func encodeOwn(v reflect.Value) *source.Node {
	p := reflect.New(v.Type())
	p.Elem().Set(v)
	if m, ok := p.Interface().(NodeMarshaler); ok {
		return m.MarshalNode()
	}
	text, err := p.Interface().(encoding.TextMarshaler).MarshalText()
	if err != nil {
		panic("registry: " + v.Type().String() + ": " + err.Error()) // it was decoded, so it can be written
	}
	return source.Plain(string(text))
}
