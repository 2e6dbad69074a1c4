package data

import "context"

// Source serves normalised examples.
type Source struct {
	split Split
	index []int32
}

// Len is the number of examples.
func (s *Source) Len() int { return len(s.index) }

// Order says which batches of a Source are wanted.
type Order struct {
	Batch   int       // examples a batch; the last one may be smaller
	Epoch   int       // with Seed, the key of the shuffle and of the augmentations
	Seed    int64     //
	Shuffle bool      // in random order; else as they are stored
	Augment []Augment // applied in this order
	Limit   int       // only so many examples, with the same share of every class; 0 = all
}

// Batch is some examples. It is valid until the following Next or Close.
type Batch struct {
	X      []float32 // [Rows,H,W,C]
	Labels []int32   // [Rows]
	Rows   int
}

// Batches is one pass over a Source.
type Batches struct{}

// Batches starts a pass: batches are made ahead in a goroutine of their own, until the pass is over, closed, or ctx is done.
func (s *Source) Batches(ctx context.Context, o Order) *Batches { return &Batches{} }

// Next returns the next batch, or false at the end of the pass or when it was stopped (see Err).
func (b *Batches) Next() (Batch, bool) { return Batch{}, false }

// Close stops the pass and waits until its goroutine has gone. It may be called twice.
func (b *Batches) Close() {}

// Err is why the pass ended early, nil if it did not.
func (b *Batches) Err() error { return nil }
