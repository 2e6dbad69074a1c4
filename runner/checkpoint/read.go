package checkpoint

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"unicode/utf8"
)

// Read gives the tensors of the safetensors file at path, in the order of its header, and its metadata without the checksum.
// Anything that is not as the format says is an error: lengths and places that do not fit the file, overlaps and gaps, names
// that come twice, other types than F32, shapes that do not fit their data, and data that does not fit the checksum.
func Read(path string) (tensors []Tensor, meta map[string]string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("read checkpoint %s: %w", path, err)
		}
	}()
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, errors.New("not a file")
	}
	return decode(bufio.NewReader(f), info.Size())
}

// decode reads a file of the given size. It allocates no more than size says, and the sizes in the header are checked before.
func decode(r io.Reader, size int64) ([]Tensor, map[string]string, error) {
	var word [lengthSize]byte
	if _, err := io.ReadFull(r, word[:]); err != nil {
		return nil, nil, fmt.Errorf("%d bytes are too short for a safetensors file", size)
	}
	length := binary.LittleEndian.Uint64(word[:])
	if length > maxHeader || int64(length) > size-lengthSize {
		return nil, nil, fmt.Errorf("the header should have %d bytes, but the file has %d; cut off, or not a safetensors file", length, size)
	}
	head := make([]byte, length)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	names, entries, meta, err := parse(head)
	if err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	order, err := layout(names, entries, size-lengthSize-int64(length))
	if err != nil {
		return nil, nil, err
	}
	tensors := make([]Tensor, len(names))
	sum := sha256.New()
	data := io.TeeReader(r, sum)
	for _, i := range order {
		e := entries[i]
		t := Tensor{names[i], make([]int, len(e.Shape)), make([]float32, (e.Offsets[1]-e.Offsets[0])/elementSize)}
		for k, s := range e.Shape {
			t.Shape[k] = int(s)
		}
		if err := readFloats(data, t.F32); err != nil {
			return nil, nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		tensors[i] = t
	}
	if want, has := meta[checksumKey]; has && want != hexSum(sum) {
		return nil, nil, fmt.Errorf("the data is damaged: its SHA-256 is %s, but %s was written", hexSum(sum), want)
	}
	delete(meta, checksumKey)
	return tensors, meta, nil
}

// layout checks every entry against the length of the data, and that together they fill it; it gives the order in the data.
func layout(names []string, entries []entry, data int64) ([]int, error) {
	order := make([]int, len(names))
	for i, e := range entries {
		order[i] = i
		if e.Dtype != dtype {
			return nil, fmt.Errorf("tensor %q has the type %q; only %s is read", names[i], e.Dtype, dtype)
		}
		if e.Shape == nil || len(e.Offsets) != 2 {
			return nil, fmt.Errorf("tensor %q needs shape and two data_offsets", names[i])
		}
		begin, end := e.Offsets[0], e.Offsets[1]
		if begin < 0 || end < begin || end > data {
			return nil, fmt.Errorf("tensor %q should be at bytes %d to %d of the data, which has %d; the file is cut off or damaged", names[i], begin, end, data)
		}
		if n, ok := count(e.Shape); !ok || n*elementSize != end-begin {
			return nil, fmt.Errorf("tensor %q: shape %v does not fit %d bytes", names[i], e.Shape, end-begin)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return slices.Compare(entries[a].Offsets, entries[b].Offsets) })
	var at int64
	for _, i := range order {
		if begin := entries[i].Offsets[0]; begin != at {
			return nil, fmt.Errorf("tensor %q begins at byte %d of the data; the one before it ends at %d", names[i], begin, at)
		}
		at = entries[i].Offsets[1]
	}
	if at != data {
		return nil, fmt.Errorf("%d bytes of data belong to no tensor", data-at)
	}
	return order, nil
}

// parse reads the header: names and entries in their order, and the metadata, never nil.
func parse(head []byte) (names []string, entries []entry, meta map[string]string, err error) {
	meta = map[string]string{}
	if !utf8.Valid(head) {
		return nil, nil, nil, errors.New("not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(head))
	err = members(dec, func(name string) error {
		if name == metadataKey {
			return members(dec, func(key string) error {
				var text *string
				if err := dec.Decode(&text); err != nil {
					return err
				}
				if text == nil {
					return errors.New("null is not a text")
				}
				meta[key] = *text
				return nil
			})
		}
		var e entry
		fields := map[string]any{"dtype": &e.Dtype, "shape": &e.Shape, "data_offsets": &e.Offsets}
		err := members(dec, func(field string) error {
			if fields[field] == nil {
				return errors.New("not a field of the format")
			}
			return dec.Decode(fields[field])
		})
		if err != nil {
			return err
		}
		names, entries = append(names, name), append(entries, e)
		return nil
	})
	if err != nil {
		return nil, nil, nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, nil, nil, errors.New("more text after the JSON object")
	}
	return names, entries, meta, nil
}

// members reads a JSON object, calling value for the value of each name. No name may come twice.
func members(dec *json.Decoder, value func(name string) error) error {
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return errors.New("a JSON object was expected")
	}
	seen := map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		name := token.(string) // in an object nothing else can stand here
		if seen[name] {
			return fmt.Errorf("%q comes twice", name)
		}
		seen[name] = true
		if err := value(name); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
	}
	_, err := dec.Token()
	return err
}
