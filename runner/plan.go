// Package runner trains: an experiment becomes a plan, the plan two graphs on the same weights, and these run epoch by epoch.
package runner

import (
	"exp/blocks"
	"exp/configs"
	"exp/data"
	"exp/internal/kernels"
)

// Plan is an experiment that can be run: checked, with every size known and nothing allocated.
type Plan struct {
	Experiment configs.Experiment
	Net        *blocks.Net
}

// NewPlan plans a loaded experiment. Initial weights that it names must be there and fit, and this processor must have the
// products it asks for: else the error is a *blocks.Error.
func NewPlan(l *configs.Loaded) (*Plan, error) {
	if problem := cannotMultiply(l.Train.Precision); problem != "" {
		return nil, &blocks.Error{Path: "train.precision.products", Problem: problem}
	}
	if from := l.Experiment.Init.From; from != "" {
		if _, err := initialWeights(from, l.Net); err != nil {
			return nil, &blocks.Error{Path: "init.from", Problem: err.Error()}
		}
	}
	return &Plan{Experiment: l.Experiment, Net: l.Net}, nil
}

// cannotMultiply says why this processor has no such products, or nothing if it has.
func cannotMultiply(p configs.Precision) string {
	switch {
	case p.Products != "bf16":
	case !kernels.HasBF16():
		return "bf16 needs a processor with AVX512_BF16 (and EXP_ISA, if set, to be avx512); take fp32"
	case p.Conv == "direct" && !kernels.HasMatrices():
		return "bf16 with direct convolutions needs Linux on a processor with AMX_BF16; take fp32, or conv: winograd4"
	}
	return ""
}

// steps is the number of batches in so many examples.
func (p *Plan) steps(examples int) int {
	return (examples + p.Experiment.Train.Batch - 1) / p.Experiment.Train.Batch
}

// updates is the number of weight updates in so many examples.
func (p *Plan) updates(examples int) int {
	n := p.Experiment.Train.Accumulate
	return (p.steps(examples) + n - 1) / n
}

// evaluated says whether the net is evaluated after an epoch.
func (p *Plan) evaluated(epoch int) bool {
	t := p.Experiment.Train
	return epoch%t.EvalEvery == 0 || epoch == t.Epochs
}

// order is how the training examples of an epoch come.
func (p *Plan) order(epoch int) data.Order {
	e := p.Experiment
	return data.Order{Batch: e.Train.Batch, Epoch: epoch, Seed: e.Seed, Shuffle: true, Augment: e.Data.Augment}
}
