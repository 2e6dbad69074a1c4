package runner

import (
	"context"
	"fmt"
	"math"

	"exp/data"
	"exp/runner/checkpoint"
	"exp/runner/metric"
)

// Trained is a net with weights from a file, to be evaluated only.
type Trained struct {
	model   *Model
	classes int
	batch   int
	size    int // values of a picture
}

// Open reads the weights of a plan's net. Close frees them.
func Open(p *Plan, weights string, threads int) (*Trained, error) {
	ts, _, err := checkpoint.Read(weights)
	if err != nil {
		return nil, err
	}
	arrays, err := fitting(weights, p.Net, ts)
	if err != nil {
		return nil, err
	}
	batch := p.Experiment.Train.Batch
	m, err := NewModel(p, batch, threads)
	if err != nil {
		return nil, fmt.Errorf("build the net: %w", err)
	}
	m.setWeights(arrays)
	return &Trained{m, p.Net.Classes, batch, p.Net.Input.Shape.Size()}, nil
}

// Close frees the net.
func (t *Trained) Close() { t.model.Close() }

// Evaluation is what a net makes of examples.
type Evaluation struct {
	Loss, Acc float64
	Confusion [][]int // [label][predicted class]

	TTALoss, TTAAcc float64 // by the mean of the logits of all views of train.tta; 0 without any
}

// Evaluate classifies all examples of a source, with train.tta in all views too; progress is told how many are done.
func (t *Trained) Evaluate(ctx context.Context, s *data.Source, progress func(done, total int)) (Evaluation, error) {
	e := Evaluation{Confusion: make([][]int, t.classes)}
	for i := range e.Confusion {
		e.Confusion[i] = make([]int, t.classes)
	}
	tta := t.model.plan.Experiment.Train.TTA != "none"
	var score, viewed metric.Score
	batches := s.Batches(ctx, data.Order{Batch: t.batch})
	defer batches.Close()
	defer t.model.freeze()()
	for {
		b, ok := batches.Next()
		if !ok {
			break
		}
		loss, correct, err := t.model.Evaluate(b)
		if err != nil {
			return e, err
		}
		score.Add(loss, correct, b.Rows)
		for row := range b.Rows {
			e.Confusion[b.Labels[row]][largest(t.logits(row))]++
		}
		if tta {
			loss, correct, err := t.model.Views(b)
			if err != nil {
				return e, err
			}
			viewed.Add(loss, correct, b.Rows)
		}
		progress(score.Examples(), s.Len())
	}
	e.Loss, e.Acc = score.Loss(), score.Acc()
	if tta {
		e.TTALoss, e.TTAAcc = viewed.Loss(), viewed.Acc()
	}
	return e, batches.Err()
}

// Predict gives the probability of every class for pictures [n height width channels], normalised already.
func (t *Trained) Predict(pictures []float32) ([][]float64, error) {
	var all [][]float64
	for len(pictures) > 0 {
		rows := min(t.batch, len(pictures)/t.size)
		b := data.Batch{X: pictures[:rows*t.size], Labels: make([]int32, rows), Rows: rows}
		if _, _, err := t.model.Evaluate(b); err != nil {
			return nil, err
		}
		for row := range rows {
			all = append(all, softmax(t.logits(row)))
		}
		pictures = pictures[rows*t.size:]
	}
	return all, nil
}

// logits are those of a row of the last batch.
func (t *Trained) logits(row int) []float32 {
	return t.model.eval.graph.Value(t.model.eval.logits)[row*t.classes:][:t.classes]
}

// largest is the place of the largest value, the first of equals.
func largest(x []float32) int {
	at := 0
	for i, v := range x {
		if v > x[at] {
			at = i
		}
	}
	return at
}

// softmax is p[i] = exp(x[i] - max) / Σ exp(x[j] - max).
func softmax(x []float32) []float64 {
	most := float64(x[largest(x)])
	p, sum := make([]float64, len(x)), 0.0
	for i, v := range x {
		p[i] = math.Exp(float64(v) - most)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}
