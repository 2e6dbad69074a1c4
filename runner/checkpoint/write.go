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
func Write(path string, tensors []Tensor, meta map[string]string) error {
	return WriteAll([]File{{path, tensors}}, meta)
}

// File is one of the files that belong together.
type File struct {
	Path    string
	Tensors []Tensor
}

// WriteAll is Write for files of one folder that belong together: none is renamed before all are on the disk, so that hardly
// any time is left in which a death leaves some of them old and some new.
func WriteAll(files []File, meta map[string]string) (err error) {
	var left []string // files that are still beside their place
	defer func() {
		for _, path := range left {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	for _, f := range files {
		made, err := writeBeside(f, meta)
		if made {
			left = append(left, beside(f.Path))
		}
		if err != nil {
			return fmt.Errorf("write checkpoint %s: %w", f.Path, err)
		}
	}
	for _, f := range files {
		if err := os.Rename(left[0], f.Path); err != nil {
			return fmt.Errorf("write checkpoint %s: %w", f.Path, err)
		}
		left = left[1:]
	}
	return syncDir(filepath.Dir(files[0].Path))
}

// beside is where a file is written before it is renamed.
func beside(path string) string { return fmt.Sprintf("%s.%d.tmp", path, os.Getpid()) }

// writeBeside writes a whole file and waits until it is on the disk; made says whether there is a file now.
func writeBeside(file File, meta map[string]string) (made bool, err error) {
	head, err := header(file.Tensors, meta)
	if err != nil {
		return false, err
	}
	f, err := os.Create(beside(file.Path))
	if err != nil {
		return false, err
	}
	return true, errors.Join(encode(f, head, file.Tensors), f.Close())
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
