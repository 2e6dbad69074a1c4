package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
)

// Write puts tensors and meta into the file at path, all of it or nothing: whatever happens, path holds the old contents or
// the new. The same tensors and meta give the same bytes. A name may not come twice, and meta may not have the key "sha256",
// which Write adds.
func Write(path string, tensors []Tensor, meta map[string]string) error {
	return WriteAll(filepath.Dir(path), []File{{filepath.Base(path), tensors}}, meta)
}

// File is one of the files that belong together.
type File struct {
	Name    string // in their folder
	Tensors []Tensor
}

// Folders in the folder of the files.
const (
	unsaved = "save.tmp" // files that are being written: nothing yet
	saved   = "saved"    // all of them, on the disk, on their way to their places
)

// WriteAll is Write for files of one folder that belong together: all are replaced or none. They are written into a folder of
// their own; when they are on the disk, its new name says so, and they move to their places. A death on the way leaves
// some of them old and some new until Finish or the next WriteAll moves the rest.
func WriteAll(dir string, files []File, meta map[string]string) error {
	if err := Finish(dir); err != nil {
		return err
	}
	work := filepath.Join(dir, unsaved)
	if err := os.Mkdir(work, 0o777); err != nil {
		return fmt.Errorf("write checkpoints: %w", err)
	}
	for _, f := range files {
		if err := writeFile(filepath.Join(work, f.Name), f.Tensors, meta); err != nil {
			return errors.Join(fmt.Errorf("write checkpoint %s: %w", filepath.Join(dir, f.Name), err), os.RemoveAll(work))
		}
	}
	err := syncDir(work)
	if err == nil {
		err = os.Rename(work, filepath.Join(dir, saved))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write checkpoints: %w", err), os.RemoveAll(work))
	}
	return Finish(dir)
}

// Finish clears up in dir after a WriteAll that has died: if all of its files were on the disk they move to their places, else
// they are deleted. There is mostly nothing to do. Only one process at a time may write into dir.
func Finish(dir string) error {
	err := os.RemoveAll(filepath.Join(dir, unsaved))
	if err == nil {
		err = move(filepath.Join(dir, saved), dir)
	}
	if err != nil {
		return fmt.Errorf("put checkpoints into their places: %w", err)
	}
	return nil
}

// move moves the files of a folder, if it is there, and deletes it.
func move(from, to string) error {
	files, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = syncDir(to) // the name of the folder before what it promises
	}
	for _, f := range files {
		if err == nil {
			err = os.Rename(filepath.Join(from, f.Name()), filepath.Join(to, f.Name()))
		}
	}
	if err == nil {
		err = syncDir(to)
	}
	if err == nil {
		err = os.Remove(from)
	}
	return err
}

// writeFile writes a whole file and waits until it is on the disk.
func writeFile(path string, tensors []Tensor, meta map[string]string) error {
	head, err := header(tensors, meta)
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(encode(f, head, tensors), f.Close())
}

// encode writes all of a file and waits until it is on the disk.
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
