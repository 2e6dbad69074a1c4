package runner

import (
	"maps"
	"slices"

	"exp/data"
)

// view is how a picture is shown to the net beside itself: moved by whole pixels, where its outermost ones are repeated, and
// mirrored.
type view struct {
	dy, dx   int
	mirrored bool
}

// views are the values of train.tta: those beside the picture as it is.
var views = map[string][]view{
	"flip":       {{0, 0, true}},
	"flip-shift": {{0, 0, true}, {1, 1, false}, {1, 1, true}, {-1, -1, false}, {-1, -1, true}},
}

// TTAs are the values of train.tta, none first.
func TTAs() []string { return append([]string{"none"}, slices.Sorted(maps.Keys(views))...) }

// Views computes the batch of the last Evaluate again in every other view that the experiment asks for (train.tta), and returns
// the mean loss and the number of hits of the mean of the logits of all.
func (m *Model) Views(b data.Batch) (loss float64, correct int, err error) {
	p, s, classes := &m.eval, m.plan.Net.Input.Shape, m.plan.Net.Classes
	n, size := b.Rows*classes, s.Size()
	others := views[m.plan.Experiment.Train.TTA]
	if m.logits == nil {
		m.logits = make([]float32, len(p.graph.Value(p.logits)))
		m.losses = make([]float32, len(p.loss.PerRow))
	}
	logits, losses := m.logits[:n], m.losses[:b.Rows]
	copy(logits, p.graph.Value(p.logits))
	for _, v := range others {
		for row := range b.Rows {
			v.show(p.images[row*size:][:size], b.X[row*size:][:size], s[0], s[1], s[2])
		}
		if _, _, err := p.again(b); err != nil {
			return 0, 0, err
		}
		for i, l := range p.graph.Value(p.logits)[:n] {
			logits[i] += l
		}
	}
	for i := range logits {
		logits[i] /= float32(1 + len(others))
	}
	m.kernels.SoftmaxCrossEntropy(b.Rows, classes, logits, b.Labels, 0, losses, nil, p.loss.Correct[:b.Rows])
	sum := 0.0
	for i, l := range losses {
		sum += float64(l)
		correct += int(p.loss.Correct[i])
	}
	return sum / float64(b.Rows), correct, nil
}

// show writes the view of a picture [h w c] to dst.
func (v view) show(dst, src []float32, h, w, c int) {
	for y := range h {
		to, from := dst[y*w*c:][:w*c], src[inside(y+v.dy, h)*w*c:][:w*c]
		for x := range w {
			at := inside(x+v.dx, w)
			if v.mirrored {
				at = w - 1 - at
			}
			copy(to[x*c:][:c], from[at*c:])
		}
	}
}

// inside is the place below n that is nearest to i.
func inside(i, n int) int { return min(max(i, 0), n-1) }
