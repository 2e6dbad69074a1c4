// Package data finds, checks and reads data sets, and serves them as batches of normalised, augmented examples.
//
// A data set or an augmentation is one file with one registration: its parameters are the fields of a struct, their
// defaults the values registered.
package data

import (
	"context"
	"net/http"
	"path/filepath"

	"exp/registry"
)

// Datasets are the data sets by name.
var Datasets = registry.NewKind[Dataset]("dataset", "pictures with labels, in a training and a test part")

// Dataset is a set of labelled pictures and the way to get it.
type Dataset interface {
	// Info tells names and sizes, without reading the pictures where they are known beforehand.
	Info(env Env) (Info, error)
	// Load finds the files (or makes the pictures) and reads them all.
	Load(ctx context.Context, env Env) (*Set, error)
}

// Finder is a Dataset that is read from files of known names: Find says in which folder or archive they are, "" when they
// are nowhere and must be downloaded. Its error tells of files that are there in part.
type Finder interface {
	Dataset
	Find(env Env) (string, error)
}

// Info is what is known of a data set before a picture is read.
type Info struct {
	Name        string
	Classes     []string // the name of each label
	H, W, C     int      // rows, columns and channels of every picture
	Train, Test int      // number of pictures
	Made        bool     // by a procedure: there are no files
}

// Env is the outside world as data sets see it. The zero value looks nowhere and may use the network.
type Env struct {
	Dir      string                               // the folder that the experiment names; see Config.Info
	Dirs     []string                             // folders to look in, first to last
	Cache    string                               // where downloads go; also looked in, after Dirs; "" = none
	Offline  bool                                 // never download
	Client   *http.Client                         // for downloads; nil = http.DefaultClient
	Warn     func(text string)                    // told what a person should know; may be nil
	Progress func(what string, done, total int64) // told how far a long job is, in bytes; may be nil
}

// NewEnv makes the Env of a command from its environment variables and the user's cache folder (as os.UserCacheDir gives
// it, "" if there is none): EXP_DATA_DIR, a list of folders, is looked in first; the folder exp in the cache folder gets
// the downloads.
func NewEnv(getenv func(string) string, cache string) Env {
	env := Env{Dirs: filepath.SplitList(getenv("EXP_DATA_DIR"))}
	if cache != "" {
		env.Cache = filepath.Join(cache, "exp")
	}
	return env
}

func (e Env) warn(text string) {
	if e.Warn != nil {
		e.Warn(text)
	}
}

func (e Env) progress(what string, done, total int64) {
	if e.Progress != nil {
		e.Progress(what, done, total)
	}
}

// folders are all places to look in, in order.
func (e Env) folders() []string {
	if e.Cache == "" {
		return e.Dirs
	}
	return append(e.Dirs[:len(e.Dirs):len(e.Dirs)], e.Cache)
}

// Set is a data set in memory.
type Set struct {
	Info        Info
	Train, Test Split
	From        string // the folder or archive it was read from; "" if it was made
	Hash        string // SHA-256 of sizes, labels and pixels, in hexadecimal: the same data have the same hash, whatever file they came from
}

// Split is one part of a data set: N pictures of H rows, W columns and C channels.
type Split struct {
	N, H, W, C int
	Pixels     []uint8 // [N,H,W,C]
	Labels     []int32 // [N], from 0
}
