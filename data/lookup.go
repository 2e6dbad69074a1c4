package data

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// found is the folder that has the files of a data set, and the path of each by its name.
type found struct {
	folder string
	paths  map[string]string
}

// lookup finds the first folder that has files of these names, with one of the suffixes: each of dirs is tried with its
// sub-folders subs, then by itself. It returns nil if none has any, and an error if one has some but not all.
func lookup(dirs, subs, names, suffixes []string) (*found, error) {
	for _, dir := range dirs {
		for _, sub := range append(subs[:len(subs):len(subs)], "") {
			at := found{filepath.Join(dir, sub), map[string]string{}}
			var missing []string
			for _, name := range names {
				if path := at.find(name, suffixes); path != "" {
					at.paths[name] = path
				} else {
					missing = append(missing, name)
				}
			}
			switch len(missing) {
			case 0:
				return &at, nil
			case len(names):
				continue
			}
			return nil, &incomplete{at.folder, missing}
		}
	}
	return nil, nil
}

// incomplete is the error for a folder that has some of the files.
type incomplete struct {
	folder  string
	missing []string
}

func (e *incomplete) Error() string {
	return fmt.Sprintf("%s has some of the files but not %s", e.folder, strings.Join(e.missing, ", "))
}

func (f *found) find(name string, suffixes []string) string {
	for _, suffix := range suffixes {
		path := filepath.Join(f.folder, name+suffix)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

// absent is the error for a data set that is nowhere.
func absent(title, files string, looked, urls []string, cause error) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s was not found and could not be downloaded: %v\n", title, cause)
	fmt.Fprintf(&b, "  get %s\n  and put %s into ", strings.Join(urls, "\n      "), files)
	if len(looked) == 0 {
		b.WriteString("a folder of your choice")
	} else {
		b.WriteString("one of these folders, which were looked in:\n    " + strings.Join(looked, "\n    ") + "\n  or into another")
	}
	b.WriteString(", named by EXP_DATA_DIR or by data.dir in the experiment")
	return fmt.Errorf("%s", b.String())
}

// mayDownload says why there can be no download, nil if there can.
func mayDownload(env Env) error {
	switch {
	case env.Offline:
		return fmt.Errorf("downloads are switched off")
	case env.Cache == "":
		return fmt.Errorf("there is no cache folder to keep a download in")
	}
	return nil
}

// download gets files into a folder of the cache, those that are not there yet.
func download(ctx context.Context, env Env, folder string, files []remote) error {
	if err := mayDownload(env); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return fmt.Errorf("make the cache folder: %w", err)
	}
	f := fetcher{env: env, patience: fetchPatience, pause: fetchPause}
	for _, file := range files {
		if err := f.fetch(ctx, file, filepath.Join(folder, file.name())); err != nil {
			return err
		}
	}
	return nil
}

// hash is Set.Hash.
func (s *Set) hash() string {
	h := sha256.New()
	for _, part := range []Split{s.Train, s.Test} {
		fmt.Fprintf(h, "%d %d %d %d\n", part.N, part.H, part.W, part.C)
		labels := make([]byte, 0, 4*part.N)
		for _, l := range part.Labels {
			labels = binary.LittleEndian.AppendUint32(labels, uint32(l))
		}
		h.Write(labels)
		h.Write(part.Pixels)
	}
	return hex.EncodeToString(h.Sum(nil))
}
