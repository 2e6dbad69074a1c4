package runner

import (
	"exp/blocks"
	"exp/configs"
	"exp/internal/kernels"
)

// averages are the moving averages of a net's arrays, and who works on them: each piece is averaged element by element, so
// that the bits are the same for any number of threads.
type averages struct {
	configs.EMA
	arrays  map[*blocks.Param][]float32
	pieces  []averaged
	workers []func() // one a thread
	first   bool     // of the averaging under way: it copies
}

// averaged is a piece of an array and of its average.
type averaged struct{ average, w []float32 }

// averageFrom starts the averages as the weights are.
func (m *Model) averageFrom(ema configs.EMA) {
	a := &averages{EMA: ema, arrays: map[*blocks.Param][]float32{}}
	m.ema = a
	for _, p := range m.plan.Net.Params {
		w := m.arrays[p]
		average := kernels.Alloc(len(w))
		copy(average, w)
		a.arrays[p] = average
		for lo := 0; lo < len(w); lo += piece {
			hi := min(lo+piece, len(w))
			a.pieces = append(a.pieces, averaged{average[lo:hi], w[lo:hi]})
		}
	}
	a.workers = m.share(len(a.pieces), func(i int) {
		if p := a.pieces[i]; a.first {
			copy(p.average, p.w)
		} else {
			kernels.Average(p.average, p.w, float32(1-a.Decay))
		}
	})
}

// close frees the averages.
func (a *averages) close() {
	for _, w := range a.arrays {
		kernels.Free(w)
	}
}

// average is what a step, counted from 1, does to the averages.
func (m *Model) average(step int) {
	if m.ema == nil || step%m.ema.Every != 0 {
		return
	}
	m.ema.first = step == m.ema.Every
	m.together(m.ema.workers)
}

// swapAverages exchanges the weights and their averages in place, so that the graphs read the averages. Done twice, all is as
// it was.
func (m *Model) swapAverages() {
	for _, p := range m.ema.pieces {
		for i, w := range p.w {
			p.w[i], p.average[i] = p.average[i], w
		}
	}
}
