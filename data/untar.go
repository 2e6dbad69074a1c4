package data

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
)

// entry is a file wanted from an archive: so many bytes, or at most so many.
type entry struct {
	name   string
	size   int64
	atMost bool
}

// slack is how much an archive may hold besides the wanted files, in bytes.
const slack = 1 << 20

// untar gives the wanted files in a folder of a .tar.gz to use, in the archive's order. Nothing is written by the names
// in the archive; other entries are skipped, and sizes are checked before anything is read.
func untar(r io.Reader, folder string, want []entry, use func(name string, content []byte) error) error {
	left := int64(slack)
	missing := map[string]entry{}
	for _, e := range want {
		missing[path.Join(folder, e.name)] = e
		left += e.size
	}
	unzipped, err := gzip.NewReader(r)
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	archive := tar.NewReader(&io.LimitedReader{R: unzipped, N: left})
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("unpack: %w", err)
		}
		e, wanted := missing[path.Clean(header.Name)]
		if !wanted || header.Typeflag != tar.TypeReg {
			continue
		}
		if header.Size > e.size || header.Size < e.size && !e.atMost {
			return fmt.Errorf("unpack %s: it has %d bytes, not %d", e.name, header.Size, e.size)
		}
		content := make([]byte, header.Size)
		if _, err := io.ReadFull(archive, content); err != nil {
			return fmt.Errorf("unpack %s: %w", e.name, err)
		}
		if err := use(e.name, content); err != nil {
			return err
		}
		delete(missing, path.Clean(header.Name))
	}
	for _, e := range want {
		if _, ok := missing[path.Join(folder, e.name)]; ok {
			return fmt.Errorf("unpack: there is no %s", path.Join(folder, e.name))
		}
	}
	return nil
}
