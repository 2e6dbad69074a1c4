package data

import (
	"context"
	"math/rand/v2"
	"sync"

	"exp/internal/stream"
)

// Order says which batches of a Source are wanted.
type Order struct {
	Batch   int       // examples a batch, at least 1; the last one may be smaller
	Epoch   int       // counts from 1 by custom; see Seed
	Seed    int64     // with Epoch the key of the shuffle and of the augmentations: the same pair gives the same batches
	Shuffle bool      // in random order; otherwise as they are stored
	Augment []Augment // applied in this order
	Limit   int       // only so many examples, the same ones always, with the same share of every class; 0 = all
}

// Batch is some examples. It is valid until the following Next or Close.
type Batch struct {
	X      []float32 // [Rows,H,W,C]
	Labels []int32   // [Rows]
	Rows   int

	Others []int32 // [Rows]: the labels that were mixed in; nil where nothing is mixed
	Share  float64 // of Labels in what is mixed; Others have the rest
}

// ahead is how many batches there are: one in use, the others being made or ready.
const ahead = 3

// Batches is one pass over a Source.
type Batches struct {
	ready chan Batch    // made, in order; closed at the end
	free  chan Batch    // used, to be made again
	stop  chan struct{} // closed by Close
	once  sync.Once
	last  Batch // what the latest Next gave
	over  bool  // ready is known to be closed
	err   error // set before ready is closed, so not to be read before over
}

// Batches starts a pass: batches are made ahead in a goroutine of their own, until the pass is over, closed, or ctx is done.
func (s *Source) Batches(ctx context.Context, o Order) *Batches {
	b := &Batches{ready: make(chan Batch, ahead), free: make(chan Batch, ahead), stop: make(chan struct{})}
	h, w, c := s.Shape()
	rows := min(o.Batch, s.Len())
	if o.Limit > 0 {
		rows = min(rows, o.Limit)
	}
	for range ahead {
		batch := Batch{X: make([]float32, rows*h*w*c), Labels: make([]int32, rows)}
		if mixing(o.Augment) != nil {
			batch.Others = make([]int32, rows)
		}
		b.free <- batch
	}
	go b.make(ctx, s, o)
	return b
}

// Next returns the next batch, or false at the end of the pass or when it was stopped (see Err).
func (b *Batches) Next() (Batch, bool) {
	if b.last.X != nil {
		b.free <- b.last
		b.last = Batch{}
	}
	batch, ok := <-b.ready
	b.last, b.over = batch, !ok
	return batch, ok
}

// Close stops the pass and waits until its goroutine has gone. It may be called twice.
func (b *Batches) Close() {
	b.once.Do(func() { close(b.stop) })
	for range b.ready {
	}
	b.last, b.over = Batch{}, true
}

// Err is why the pass ended before its end: the error of its context. It is nil until Next has returned false or Close
// has been called.
func (b *Batches) Err() error {
	if !b.over {
		return nil
	}
	return b.err
}

// make fills batches until the examples are used up or nobody wants them any more.
func (b *Batches) make(ctx context.Context, s *Source, o Order) {
	defer close(b.ready)
	order := s.order(o)
	maker := newMaker(s, o)
	for len(order) > 0 {
		var batch Batch
		select {
		case <-ctx.Done():
			b.err = ctx.Err()
			return
		case <-b.stop:
			return
		case batch = <-b.free:
		}
		if err := ctx.Err(); err != nil {
			b.err = err
			return
		}
		n := min(o.Batch, len(order))
		batch = maker.fill(batch, order[:n])
		order = order[n:]
		b.ready <- batch // never blocks: there are no more batches than places
	}
}

// order is the examples of a pass, one after another.
func (s *Source) order(o Order) []int32 {
	order := all(s.Len())
	if o.Limit > 0 && o.Limit < len(order) {
		labels := make([]int32, s.Len())
		for i := range labels {
			labels[i] = s.Label(i)
		}
		order = balanced(labels, order, stream.New(0, "limit"))[:o.Limit]
	}
	if o.Shuffle {
		stream.New(o.Seed, "shuffle", o.Epoch).Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	}
	return order
}

// maker makes examples with memory of its own.
type maker struct {
	source  *Source
	augment []Augment
	key     uint64 // of the augmentations in this epoch
	own     uint64 // of the pictures' numbers, the same in every epoch
	epoch   int
	pcg     *rand.PCG  // the stream of one example, set anew for each
	rand    *rand.Rand // reads pcg
	a, b    []float32  // an example between two augmentations
	mixer   mixer      // nil = mix nothing
	mixKey  uint64
	batches int   // made so far
	mixed   Batch // here, so that it is not allocated each time
}

// mixing is the augmentation that mixes whole examples, which is the last one; nil when there is none.
func mixing(augment []Augment) mixer {
	if len(augment) == 0 {
		return nil
	}
	m, _ := augment[len(augment)-1].(mixer)
	return m
}

func newMaker(s *Source, o Order) *maker {
	h, w, c := s.Shape()
	m := &maker{source: s, augment: o.Augment, key: stream.Key(o.Seed, "augment", o.Epoch), own: stream.Key(o.Seed, "picture"), epoch: o.Epoch, pcg: &rand.PCG{}}
	if m.mixer = mixing(o.Augment); m.mixer != nil {
		m.augment = o.Augment[:len(o.Augment)-1]
		m.mixKey = stream.Key(o.Seed, "mix", o.Epoch)
	}
	m.rand = rand.New(m.pcg)
	m.a, m.b = make([]float32, h*w*c), make([]float32, h*w*c)
	return m
}

// fill makes the listed examples.
func (m *maker) fill(batch Batch, order []int32) Batch {
	h, w, c := m.source.Shape()
	size := h * w * c
	batch = Batch{X: batch.X[:len(order)*size], Labels: batch.Labels[:len(order)], Rows: len(order), Others: batch.Others}
	for row, i := range order {
		batch.Labels[row] = m.source.Label(int(i))
		m.example(batch.X[row*size:][:size], int(i), h, w, c)
	}
	if m.mixer != nil {
		m.mixed = batch
		m.mixed.Others = batch.Others[:len(order)]
		stream.Reseed(m.pcg, m.mixKey, m.batches)
		m.mixer.Mix(&m.mixed, m.a, m.rand)
		batch = m.mixed
	}
	m.batches++
	return batch
}

// example makes one example: normalised, then augmented by one after another, the last of which writes to dst.
func (m *maker) example(dst []float32, i, h, w, c int) {
	if len(m.augment) == 0 {
		m.source.Example(dst, i)
		return
	}
	stream.Reseed(m.pcg, m.key, i)
	m.source.Example(m.a, i)
	last := len(m.augment) - 1
	visit := Visit{m.epoch, stream.Item(m.own, i)}
	for _, a := range m.augment[:last] {
		m.change(a, m.b, h, w, c, visit)
		m.a, m.b = m.b, m.a
	}
	m.change(m.augment[last], dst, h, w, c, visit)
}

// change applies an augmentation to the example in m.a.
func (m *maker) change(a Augment, dst []float32, h, w, c int, visit Visit) {
	if a, ok := a.(visitor); ok {
		a.Visit(dst, m.a, h, w, c, m.rand, visit)
		return
	}
	a.Apply(dst, m.a, h, w, c, m.rand)
}
