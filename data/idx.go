package data

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// idx is a data set in the IDX format of LeCun's MNIST: four files, pictures and labels for training and for test, each
// plain or compressed.
type idx struct {
	title  string
	files  [4]remote // pictures and labels to train on, to test on, compressed
	subs   []string  // sub-folders in which people and programs keep it; the first is used in the cache
	system string    // a folder of the operating system's package
	hash   string    // Set.Hash of the official files; "" = known by the checksums of the compressed files only
	info   Info
}

const gzipped = ".gz"

// load reads the files from the first folder that has them, or else downloads them into the cache.
func (f *idx) load(ctx context.Context, env Env) (*Set, error) {
	at, names, err := f.look(env)
	if err != nil {
		return nil, err
	}
	if at == nil {
		own := filepath.Join(env.Cache, f.subs[0])
		if err := download(ctx, env, own, f.files[:]); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			var urls []string
			for _, file := range f.files {
				urls = append(urls, file.url)
			}
			return nil, absent(f.title, "these four files", f.folders(env), urls, err)
		}
		if at, err = lookup([]string{own}, nil, names, idxSuffixes); err != nil || at == nil {
			return nil, fmt.Errorf("read %s: the download into %s is gone (%w)", f.title, own, err)
		}
	}
	return f.loadFolder(ctx, env, at, names)
}

var idxSuffixes = []string{"", gzipped}

// folders are all places to look in.
func (f *idx) folders(env Env) []string {
	dirs := env.folders()
	if f.system != "" {
		dirs = append(dirs[:len(dirs):len(dirs)], f.system)
	}
	return dirs
}

// look finds the first folder that has the files, whose names it gives too, nil when there is none, or only one in which a
// download was cut between two files.
func (f *idx) look(env Env) (at *found, names []string, err error) {
	for _, file := range f.files {
		name := file.name()
		names = append(names, name[:len(name)-len(gzipped)])
	}
	at, err = lookup(f.folders(env), f.subs, names, idxSuffixes)
	if partial := (*incomplete)(nil); errors.As(err, &partial) && env.Cache != "" && partial.folder == filepath.Join(env.Cache, f.subs[0]) {
		return nil, names, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", f.title, err)
	}
	return at, names, nil
}

// find is Finder's Find.
func (f *idx) find(env Env) (string, error) {
	at, _, err := f.look(env)
	if at == nil {
		return "", err
	}
	return at.folder, nil
}

func (f *idx) loadFolder(ctx context.Context, env Env, at *found, names []string) (*Set, error) {
	set := &Set{Info: f.info, From: at.folder}
	for i, part := range []*Split{&set.Train, &set.Test} {
		n := []int{f.info.Train, f.info.Test}[i]
		*part = Split{N: n, H: f.info.H, W: f.info.W, C: 1}
		err := readFile(ctx, at.paths[names[2*i]], func(r io.Reader) (err error) {
			part.Pixels, err = readIDX(r, n, f.info.H, f.info.W)
			return err
		})
		if err == nil {
			err = readFile(ctx, at.paths[names[2*i+1]], func(r io.Reader) (err error) {
				part.Labels, err = readIDXLabels(r, n, len(f.info.Classes))
				return err
			})
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", f.title, err)
		}
	}
	set.Hash = set.hash()
	switch {
	case f.hash == "" && !f.official(at, names):
		env.warn(fmt.Sprintf("%s: the files in %s are laid out like the official ones, but may hold other pictures; they are used as they are (contents %.12s)", f.title, at.folder, set.Hash))
	case f.hash != "" && f.hash != set.Hash:
		env.warn(fmt.Sprintf("%s: the files in %s are laid out like the official ones but hold other pictures; they are used as they are (contents %.12s)", f.title, at.folder, set.Hash))
	}
	return set, nil
}

// official says whether all files are compressed and have the checksums of the official ones.
func (f *idx) official(at *found, names []string) bool {
	for i, name := range names {
		content, err := os.ReadFile(at.paths[name])
		if err != nil || checksum(content) != f.files[i].sum {
			return false
		}
	}
	return true
}

// readFile gives the contents of a file, compressed or not, to use, unless ctx is done. Its error names the
// file.
func readFile(ctx context.Context, path string, use func(io.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	var r io.Reader = bufio.NewReaderSize(file, 1<<16)
	if filepath.Ext(path) == gzipped {
		if r, err = gzip.NewReader(r); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if err := use(r); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// readIDX reads an IDX file of unsigned bytes that has these dimensions and no others: two zero bytes, the type 8, the
// number of dimensions, each dimension in four bytes (big-endian), the values.
func readIDX(r io.Reader, dims ...int) ([]uint8, error) {
	header := make([]byte, 4+4*len(dims))
	if _, err := io.ReadFull(r, header[:4]); err != nil {
		return nil, fmt.Errorf("it ends within its header (%w)", err)
	}
	if want := [4]byte{0, 0, 8, byte(len(dims))}; [4]byte(header[:4]) != want {
		return nil, fmt.Errorf("it begins with % x, not % x: it is not an IDX file of bytes in %d dimensions", header[:4], want, len(dims))
	}
	if _, err := io.ReadFull(r, header[4:]); err != nil {
		return nil, fmt.Errorf("it ends within its header (%w)", err)
	}
	size := 1
	for i, want := range dims {
		if is := binary.BigEndian.Uint32(header[4+4*i:]); int64(is) != int64(want) {
			return nil, fmt.Errorf("dimension %d is %d, not %d", i, is, want)
		}
		size *= want
	}
	values := make([]uint8, size)
	if n, err := io.ReadFull(r, values); err != nil {
		record := size / dims[0]
		return nil, fmt.Errorf("it ends in record %d of %d, counted from 0 (%w)", n/record, dims[0], err)
	}
	if n, err := io.ReadFull(r, header[:1]); n > 0 {
		return nil, fmt.Errorf("it goes on after its %d records", dims[0])
	} else if !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("after its %d records: %w", dims[0], err)
	}
	return values, nil
}

// readIDXLabels reads n labels from 0 to classes-1.
func readIDXLabels(r io.Reader, n, classes int) ([]int32, error) {
	values, err := readIDX(r, n)
	if err != nil {
		return nil, err
	}
	labels := make([]int32, n)
	for i, v := range values {
		if int(v) >= classes {
			return nil, fmt.Errorf("record %d, counted from 0: the label is %d; there are 0 to %d", i, v, classes-1)
		}
		labels[i] = int32(v)
	}
	return labels, nil
}
