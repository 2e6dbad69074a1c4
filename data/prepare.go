package data

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"

	"exp/internal/stream"
)

// Prepared is the data of an experiment, ready to be served.
type Prepared struct {
	Train, Val *Source
	Info       Info   // of the whole data set
	Hash       string // of the whole data set
}

// Prepare loads the data set of an experiment, splits off what it is validated on, and normalises.
// The same config, seed and files give the same examples.
func Prepare(ctx context.Context, cfg Config, seed int64, env Env) (*Prepared, error) {
	if cfg.Dir != "" {
		if _, err := os.Stat(cfg.Dir); err != nil {
			return nil, fmt.Errorf("look into data.dir: %w", err)
		}
	}
	set, err := cfg.Dataset.Load(ctx, cfg.env(env))
	if err != nil {
		return nil, err
	}
	debug.FreeOSMemory() // files and pictures as they were read: as much again as the set, before training takes its own
	if cfg.Dir != "" && !set.Info.Made && !within(cfg.Dir, set.From) {
		env.warn(fmt.Sprintf("data.dir: %s has no files of %s; those of %s are used", cfg.Dir, set.Info.Name, set.From))
	}
	if err := cfg.Check(set.Info); err != nil {
		return nil, err
	}
	train, val := all(set.Train.N), all(set.Test.N)
	valSplit := set.Test
	if n := cfg.Validation.of(set.Train.N); n > 0 {
		order := balanced(set.Train.Labels, train, stream.New(seed, "split"))
		val, train = sorted(order[:n]), sorted(order[n:])
		valSplit = set.Train
	}
	if cfg.Limit > 0 {
		train = sorted(balanced(set.Train.Labels, train, stream.New(seed, "limit"))[:cfg.Limit])
	}
	norm := newNormaliser(cfg.Normalize, set.Train, train)
	valNorm := norm
	if cfg.Normalize.Test == "own" {
		valNorm = newNormaliser(cfg.Normalize, valSplit, val)
	}
	return &Prepared{
		Train: &Source{set.Train, train, norm},
		Val:   &Source{valSplit, val, valNorm},
		Info:  set.Info,
		Hash:  set.Hash,
	}, nil
}

// within says whether a path is dir or lies below it.
func within(dir, path string) bool {
	inside, err := filepath.Rel(dir, path)
	return err == nil && path != "" && filepath.IsLocal(inside)
}

// all is 0, 1, … n-1.
func all(n int) []int32 {
	index := make([]int32, n)
	for i := range index {
		index[i] = int32(i)
	}
	return index
}

func sorted(index []int32) []int32 {
	index = slices.Clone(index)
	slices.Sort(index)
	return index
}

// Source serves normalised examples.
type Source struct {
	split Split
	index []int32 // the examples of the split that are served
	norm  *normaliser
}

// Len is the number of examples.
func (s *Source) Len() int { return len(s.index) }

// Shape is the rows, columns and channels of an example.
func (s *Source) Shape() (h, w, c int) { return s.split.H, s.split.W, s.split.C }

// Label is the label of an example.
func (s *Source) Label(i int) int32 { return s.split.Labels[s.index[i]] }

// Example writes example i, normalised, to dst [H,W,C].
func (s *Source) Example(dst []float32, i int) {
	size := s.split.H * s.split.W * s.split.C
	s.norm.apply(dst[:size], s.split.Pixels[int(s.index[i])*size:][:size])
}

// NormalisedAs serves the same examples, normalised as those of another source.
func (s *Source) NormalisedAs(as *Source) *Source { return &Source{s.split, s.index, as.norm} }

// Normalise writes the pixels of a picture of the source's shape to dst as the source would.
func (s *Source) Normalise(dst []float32, pixels []uint8) { s.norm.apply(dst, pixels) }

// Pixels writes the pixels [H,W,C] that a normalised and perhaps augmented example stands for: what a person can look at.
func (s *Source) Pixels(dst []uint8, example []float32) { s.norm.undo(dst, example) }
