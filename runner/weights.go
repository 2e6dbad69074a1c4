package runner

import (
	"errors"
	"fmt"
	"strings"

	"exp/blocks"
	"exp/runner/checkpoint"
)

// Weights are the net's parameters and running statistics as other tools know them: convolutions [out in kh kw], dense
// layers [out in].
func (m *Model) Weights() []checkpoint.Tensor { return m.exportAll(m.arrays) }

// exportAll copies arrays of the net's parameters and running statistics to the layout of files.
func (m *Model) exportAll(arrays map[*blocks.Param][]float32) []checkpoint.Tensor {
	var ts []checkpoint.Tensor
	for _, p := range m.plan.Net.Params {
		ts = append(ts, export(p.Name, p.Shape, arrays[p]))
	}
	return ts
}

// setWeights replaces the net's parameters and running statistics by arrays that fit, before training.
func (m *Model) setWeights(arrays map[string][]float32) {
	for _, p := range m.plan.Net.Params {
		imported(m.arrays[p], p.Shape, arrays[p.Name])
		if m.ema != nil {
			copy(m.ema.arrays[p], m.arrays[p])
		}
	}
}

// fitting finds the array of each parameter of a net in a file, read from path. The error lists every name that is missing,
// too many or of another shape.
func fitting(path string, net *blocks.Net, ts []checkpoint.Tensor) (map[string][]float32, error) {
	have := map[string]checkpoint.Tensor{}
	for _, t := range ts {
		have[t.Name] = t
	}
	arrays := map[string][]float32{}
	var faults []error
	for _, p := range net.Params {
		t, ok := have[p.Name]
		delete(have, p.Name)
		if want := exportShape(p.Shape); !ok {
			faults = append(faults, fmt.Errorf("%s is missing", p.Name))
		} else if !blocks.Shape(t.Shape).Equal(want) {
			faults = append(faults, fmt.Errorf("%s is %v, the net needs %v", p.Name, t.Shape, want))
		}
		arrays[p.Name] = t.F32
	}
	for _, t := range ts {
		_, left := have[t.Name]
		if left && !strings.HasSuffix(t.Name, ".num_batches_tracked") { // PyTorch's counter, which nothing here needs
			faults = append(faults, fmt.Errorf("%s is not in the net", t.Name))
		}
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("the weights in %s do not fit the net:\n%w", path, errors.Join(faults...))
	}
	return arrays, nil
}

// optimizerState are the optimizer's slots, named NAME.SLOT.
func (m *Model) optimizerState() (ts []checkpoint.Tensor) {
	m.eachSlot(func(name string, shape []int, slot []float32) error {
		ts = append(ts, export(name, shape, slot))
		return nil
	})
	return ts
}

// setOptimizerState replaces the optimizer's slots by those of a file.
func (m *Model) setOptimizerState(path string, ts []checkpoint.Tensor) error {
	have := map[string]checkpoint.Tensor{}
	for _, t := range ts {
		have[t.Name] = t
	}
	return m.eachSlot(func(name string, shape []int, slot []float32) error {
		t, ok := have[name]
		if !ok || !blocks.Shape(t.Shape).Equal(exportShape(shape)) {
			return fmt.Errorf("%s does not fit the optimizer: %s", path, name)
		}
		imported(slot, shape, t.F32)
		return nil
	})
}

// eachSlot calls f for every slot of the optimizer, until there is an error.
func (m *Model) eachSlot(f func(name string, shape []int, slot []float32) error) error {
	i := 0
	for _, p := range m.plan.Net.Params {
		if !p.Trainable {
			continue
		}
		for s, slot := range m.plan.Experiment.Optimizer.Slots() {
			if err := f(p.Name+"."+slot, p.Shape, m.params[i].Slots[s]); err != nil {
				return err
			}
		}
		i++
	}
	return nil
}

// setAverages replaces the moving averages of the weights by arrays that fit.
func (m *Model) setAverages(arrays map[string][]float32) {
	for _, p := range m.plan.Net.Params {
		imported(m.ema.arrays[p], p.Shape, arrays[p.Name])
	}
}

// exportShape is a parameter's shape in files: a convolution's [kh kw in out] becomes [out in kh kw], a dense layer's
// [in out] becomes [out in].
func exportShape(s []int) []int {
	switch len(s) {
	case 4:
		return []int{s[3], s[2], s[0], s[1]}
	case 2:
		return []int{s[1], s[0]}
	}
	return s
}

// export copies a parameter to the layout of files.
func export(name string, shape []int, w []float32) checkpoint.Tensor {
	t := checkpoint.Tensor{Name: name, Shape: exportShape(shape), F32: make([]float32, len(w))}
	transpose(shape, func(inside, outside int) { t.F32[outside] = w[inside] })
	return t
}

// imported copies a parameter from the layout of files.
func imported(w []float32, shape []int, from []float32) {
	transpose(shape, func(inside, outside int) { w[inside] = from[outside] })
}

// transpose calls f with the place of each value inside and in files: there the output comes first and then the input.
func transpose(shape []int, f func(inside, outside int)) {
	size := blocks.Shape(shape).Size()
	if len(shape) < 2 {
		for i := range size {
			f(i, i)
		}
		return
	}
	in, out := shape[len(shape)-2], shape[len(shape)-1]
	window := size / (in * out)
	for k := range window {
		for c := range in {
			for o := range out {
				f((k*in+c)*out+o, (o*in+c)*window+k)
			}
		}
	}
}

// initialWeights reads `init.from` for a net: the array of each parameter, in the layout of files.
func initialWeights(path string, net *blocks.Net) (map[string][]float32, error) {
	ts, _, err := checkpoint.Read(path)
	if err != nil {
		return nil, fmt.Errorf("read the initial weights: %w", err)
	}
	return fitting(path, net, ts)
}
