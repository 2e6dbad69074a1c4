package data

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// cifar is a data set in the binary format of Krizhevsky's CIFAR: files of records, each of one or more label bytes and
// the red, green and blue plane of a picture, row by row.
type cifar struct {
	title       string
	archive     remote
	folder      string   // in the archive
	train, test []string // files; each has its part's share of the records
	side        int      // of a picture
	labels      int      // label bytes of a record
	label       int      // which of them counts, from 0
	names       string   // the file of class names, one a line; may be absent
	others      []string // files that are kept beside these when the archive is unpacked
	info        Info
}

func (f *cifar) recordSize() int { return f.labels + 3*f.side*f.side }

func (f *cifar) files() []string { return append(f.train[:len(f.train):len(f.train)], f.test...) }

// records is how many records a file has.
func (f *cifar) records(name string) int {
	if slices.Contains(f.train, name) {
		return f.info.Train / len(f.train)
	}
	return f.info.Test / len(f.test)
}

// verified is a file beside unpacked ones: the checksum of each file that the official archive gave.
const verified = "exp-verified.txt"

// checksums are those of files of records, as `sha256sum -c` reads them.
func (f *cifar) checksums(sums map[string]string) string {
	var b strings.Builder
	for _, name := range f.files() {
		fmt.Fprintf(&b, "%s  %s\n", sums[name], name)
	}
	return b.String()
}

func checksum(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// load reads the files from the first folder that has them or their archive, or else downloads the archive, and unpacks
// it into the cache.
func (f *cifar) load(ctx context.Context, env Env) (*Set, error) {
	at, archive, err := f.look(env)
	switch {
	case err != nil:
		return nil, err
	case at != nil:
		return f.loadFolder(ctx, env, at)
	case archive != "":
		return f.loadArchive(ctx, env, archive, "")
	}
	if err := download(ctx, env, env.Cache, []remote{f.archive}); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, absent(f.title, f.archive.name()+", or the folder "+f.folder+" that is in it,", env.folders(), []string{f.archive.url}, err)
	}
	path := filepath.Join(env.Cache, f.archive.name())
	set, err := f.loadArchive(ctx, env, path, filepath.Join(env.Cache, f.folder))
	if err == nil {
		os.Remove(path)
	}
	return set, err
}

// look finds the first folder that has the files, or their archive.
func (f *cifar) look(env Env) (at *found, archive string, err error) {
	for _, dir := range env.folders() {
		at, err := lookup([]string{dir}, []string{f.folder}, f.files(), []string{""})
		if err != nil {
			return nil, "", fmt.Errorf("read %s: %w", f.title, err)
		}
		if at != nil {
			return at, "", nil
		}
		if at, _ = lookup([]string{dir}, nil, []string{f.archive.name()}, []string{""}); at != nil {
			return nil, at.paths[f.archive.name()], nil
		}
	}
	return nil, "", nil
}

// find is Finder's Find.
func (f *cifar) find(env Env) (string, error) {
	at, archive, err := f.look(env)
	if at != nil {
		return at.folder, nil
	}
	return archive, err
}

// loadFolder reads unpacked files.
func (f *cifar) loadFolder(ctx context.Context, env Env, at *found) (*Set, error) {
	set, sums := f.empty(), map[string]string{}
	files := f.files()
	errs, checks := make([]error, len(files)), make([]string, len(files))
	known, unknown := os.ReadFile(filepath.Join(at.folder, verified))
	var wait sync.WaitGroup
	for i, name := range files { // together: a run starts sooner
		wait.Go(func() {
			var content []byte
			content, errs[i] = f.loadFile(ctx, set, name, at.paths[name])
			if errs[i] == nil && unknown == nil { // else there is nothing to hold a checksum against
				checks[i] = checksum(content)
			}
		})
	}
	wait.Wait()
	for i, err := range errs {
		if err != nil {
			return nil, err
		}
		sums[files[i]] = checks[i]
	}
	path := filepath.Join(at.folder, f.names)
	if content, err := os.ReadFile(path); err == nil {
		if err := f.parse(set, f.names, content); err != nil {
			return nil, fmt.Errorf("read %s: %s: %w", f.title, path, err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read %s: %w", f.title, err)
	}
	set.From, set.Hash = at.folder, set.hash()
	if unknown != nil || string(known) != f.checksums(sums) {
		env.warn(fmt.Sprintf("%s: the files in %s are laid out like the official ones, but may hold other pictures; they are used as they are (contents %.12s)", f.title, at.folder, set.Hash))
	}
	return set, nil
}

// loadFile reads one unpacked file into its place in the set, and gives its content.
func (f *cifar) loadFile(ctx context.Context, set *Set, name, path string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.title, err)
	}
	if err := f.parse(set, name, content); err != nil {
		return nil, fmt.Errorf("read %s: %s: %w", f.title, path, err)
	}
	return content, nil
}

// loadArchive reads the archive. If it is the official one and unpacked is not "", it leaves the files there.
func (f *cifar) loadArchive(ctx context.Context, env Env, path, unpacked string) (*Set, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.title, err)
	}
	defer file.Close()
	temporary := ""
	if unpacked != "" {
		if temporary, err = os.MkdirTemp(filepath.Dir(unpacked), f.folder+".*"); err != nil {
			return nil, fmt.Errorf("unpack %s: %w", f.title, err)
		}
		defer os.RemoveAll(temporary)
	}
	want := []entry{{name: f.names, size: slack, atMost: true}}
	for _, name := range f.others {
		want = append(want, entry{name: name, size: slack, atMost: true})
	}
	for _, name := range f.files() {
		want = append(want, entry{name: name, size: int64(f.records(name) * f.recordSize())})
	}
	set, sums := f.empty(), map[string]string{}
	sum := sha256.New()
	all := io.TeeReader(bufio.NewReaderSize(file, 1<<20), sum)
	err = untar(all, f.folder, want, func(name string, content []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f.parse(set, name, content); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if temporary == "" {
			return nil
		}
		sums[name] = checksum(content)
		return os.WriteFile(filepath.Join(temporary, name), content, 0o666)
	})
	if err == nil {
		_, err = io.Copy(io.Discard, all) // the checksum is of the whole file
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w; it is cut off or damaged: get it again", err)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %s: %w", f.title, path, err)
	}
	set.From, set.Hash = path, set.hash()
	if is := hex.EncodeToString(sum.Sum(nil)); is != f.archive.sum {
		env.warn(fmt.Sprintf("%s: %s is not the official archive (SHA-256 %s, not %s); it is used as it is", f.title, path, is, f.archive.sum))
		return set, nil
	}
	if temporary == "" {
		return set, nil
	}
	if err := os.WriteFile(filepath.Join(temporary, verified), []byte(f.checksums(sums)), 0o666); err != nil {
		return nil, fmt.Errorf("unpack %s: %w", f.title, err)
	}
	if err := os.Chmod(temporary, 0o755); err != nil {
		return nil, fmt.Errorf("unpack %s: %w", f.title, err)
	}
	if err := os.Rename(temporary, unpacked); err != nil && !errors.Is(err, fs.ErrExist) { // another process was faster
		return nil, fmt.Errorf("unpack %s: %w", f.title, err)
	}
	return set, nil
}

// empty makes room for all pictures.
func (f *cifar) empty() *Set {
	room := func(n int) Split {
		return Split{n, f.side, f.side, 3, make([]uint8, n*3*f.side*f.side), make([]int32, n)}
	}
	return &Set{Info: f.info, Train: room(f.info.Train), Test: room(f.info.Test)}
}

// parse reads one of the files into its place in the set.
func (f *cifar) parse(set *Set, name string, content []byte) error {
	if name == f.names {
		return f.parseNames(set, content)
	}
	n := f.records(name)
	if i := slices.Index(f.train, name); i >= 0 {
		return f.parseRecords(content, set.Train, i*n, n)
	}
	if i := slices.Index(f.test, name); i >= 0 {
		return f.parseRecords(content, set.Test, i*n, n)
	}
	return nil
}

// parseRecords reads the n records of one file into a split, from its given example on.
func (f *cifar) parseRecords(content []byte, into Split, first, n int) error {
	size, plane := f.recordSize(), f.side*f.side
	if len(content) != n*size {
		return fmt.Errorf("it has %d bytes, not %d (%d records of %d): it ends in record %d, counted from 0", len(content), n*size, n, size, len(content)/size)
	}
	for i := range n {
		record := content[i*size:][:size]
		label := int32(record[f.label])
		if int(label) >= len(f.info.Classes) {
			return fmt.Errorf("record %d, counted from 0: the label is %d; there are 0 to %d", i, label, len(f.info.Classes)-1)
		}
		into.Labels[first+i] = label
		pixels := record[f.labels:]
		red, green, blue := pixels[:plane], pixels[plane:][:plane], pixels[2*plane:][:plane]
		to := into.Pixels[(first+i)*3*plane:][:3*plane]
		for p, r := range red {
			pixel := to[3*p:][:3]
			pixel[0], pixel[1], pixel[2] = r, green[p], blue[p]
		}
	}
	return nil
}

// parseNames reads the class names, one a line.
func (f *cifar) parseNames(set *Set, content []byte) error {
	var names []string
	for line := range bytes.Lines(content) {
		if name := strings.TrimSpace(string(line)); name != "" {
			names = append(names, name)
		}
	}
	if len(names) != len(f.info.Classes) {
		return fmt.Errorf("it names %d classes, not %d", len(names), len(f.info.Classes))
	}
	set.Info.Classes = names
	return nil
}
