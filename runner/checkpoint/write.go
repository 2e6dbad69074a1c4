package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
)

// Write puts tensors and meta into the file at path, all of it or nothing: it writes a file beside it, waits until that is
// on the disk, and then renames it, so that whatever happens path holds the old contents or the new. The same tensors and
// meta give the same bytes. A name may not come twice, and meta may not have the key "sha256", which Write adds.
func Write(path string, tensors []Tensor, meta map[string]string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write checkpoint %s: %w", path, err)
		}
	}()
	head, err := header(tensors, meta)
	if err != nil {
		return err
	}
	temp := fmt.Sprintf("%s.%d.tmp", path, os.Getpid())
	f, err := os.Create(temp)
	if err != nil {
		return err
	}
	err = errors.Join(encode(f, head, tensors), f.Close())
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return syncDir(filepath.Dir(path))
}

// encode writes a whole file and waits until it is on the disk.
func encode(f *os.File, head []byte, tensors []Tensor) error {
	if err := write(f, head, tensors); err != nil {
		return err
	}
	return f.Sync()
}

// write writes length, header and data.
func write(w io.Writer, head []byte, tensors []Tensor) error {
	if _, err := w.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(head)))); err != nil {
		return err
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	for _, t := range tensors {
		if err := writeFloats(w, t.F32); err != nil {
			return err
		}
	}
	return nil
}

// header is the JSON text for tensors and meta: metadata first, sorted, then the tensors in their order.
func header(tensors []Tensor, meta map[string]string) ([]byte, error) {
	if _, taken := meta[checksumKey]; taken {
		return nil, fmt.Errorf("metadata %q is the checksum's own", checksumKey)
	}
	all := maps.Clone(meta)
	if all == nil {
		all = map[string]string{}
	}
	all[checksumKey] = Sum(tensors)
	var b bytes.Buffer
	b.WriteByte('{')
	if err := member(&b, metadataKey, all); err != nil { // maps are written with sorted keys
		return nil, err
	}
	seen := map[string]bool{metadataKey: true}
	var at int64
	for _, t := range tensors {
		if seen[t.Name] {
			return nil, fmt.Errorf("tensor %q: the name is taken", t.Name)
		}
		seen[t.Name] = true
		n, ok := count(t.Shape)
		if !ok || n != int64(len(t.F32)) {
			return nil, fmt.Errorf("tensor %q: shape %v does not hold %d numbers", t.Name, t.Shape, len(t.F32))
		}
		shape := make([]int64, len(t.Shape))
		for i, s := range t.Shape {
			shape[i] = int64(s)
		}
		end := at + n*elementSize
		b.WriteByte(',')
		if err := member(&b, t.Name, entry{dtype, shape, []int64{at, end}}); err != nil {
			return nil, err
		}
		at = end
	}
	b.WriteByte('}')
	for b.Len()%alignment != 0 {
		b.WriteByte(' ')
	}
	if b.Len() > maxHeader {
		return nil, fmt.Errorf("a header of %d bytes; the format allows %d", b.Len(), maxHeader)
	}
	return b.Bytes(), nil
}

// member writes "name":value.
func member(b *bytes.Buffer, name string, value any) error {
	key, err := json.Marshal(name)
	if err != nil {
		return err
	}
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	b.Write(key)
	b.WriteByte(':')
	b.Write(text)
	return nil
}

// syncDir waits until a rename in dir is on the disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
