// Package checktest holds the suites that everything registered is put through.
package checktest

import (
	"math"
	"testing"

	G "gorgonia.org/gorgonia"

	"exp/blocks"
	"exp/internal/kernels"
	"exp/internal/ops"
	"exp/internal/stream"
)

// Twin is a net with its graph over T on the plain-Go kernels or any others: what a test compares with something else.
type Twin[T kernels.Float] struct {
	Net     *blocks.Net
	Graph   *ops.Graph[T]
	Values  map[string][]T
	Images  []T
	Loss    *G.Node
	Grads   map[string]*G.Node
	Entropy ops.CrossEntropy[T]
}

// NewTwin builds the train graph of a net for a batch of random images and labels, with its initial weights from seed 1 and
// all else (biases, gamma, beta) moved a little off its start, so that no gradient is zero by symmetry.
func NewTwin[T kernels.Float](net *blocks.Net, k kernels.Backend[T], batch int) (*Twin[T], error) {
	g := ops.New(k, &ops.Pool[T]{}, batch, true)
	t := &Twin[T]{Net: net, Graph: g, Values: map[string][]T{}, Grads: map[string]*G.Node{}}
	for _, p := range net.Params {
		w := make([]float32, p.Size())
		p.Init(1, w)
		r := stream.New(1, "nudge", p.Name)
		v := make([]T, len(w))
		for i := range w {
			v[i] = T(w[i])
			if p.Trainable && !p.Decay {
				v[i] += T(0.1 * r.NormFloat64())
			}
		}
		t.Values[p.Name] = v
	}
	r := stream.New(1, "images")
	t.Images = make([]T, batch*net.Input.Shape.Size())
	for i := range t.Images {
		t.Images[i] = T(r.NormFloat64())
	}
	for i := range g.Labels {
		g.Labels[i] = int32(r.IntN(net.Classes))
	}
	params, err := t.lower(g)
	if err != nil {
		return nil, err
	}
	t.Loss = t.Entropy.Loss
	grads, err := g.Gradients(t.Loss, params)
	if err != nil {
		return nil, err
	}
	for i, p := range params {
		t.Grads[p.Name()] = grads[i]
	}
	if err := g.Compile(append(grads, t.Loss)...); err != nil {
		return nil, err
	}
	return t, nil
}

// lower adds the net and its loss to a graph of a batch, which becomes Entropy, and returns the parameters' nodes.
func (t *Twin[T]) lower(g *ops.Graph[T]) (G.Nodes, error) {
	x := g.Input("images", t.Images, append([]int{len(g.Labels)}, t.Net.Input.Shape...)...)
	low, err := blocks.Lower(t.Net, g, x, func(p *blocks.Param) []T { return t.Values[p.Name] })
	if err != nil {
		return nil, err
	}
	t.Entropy = g.SoftmaxCrossEntropy(low.Logits, 0)
	return low.Params, nil
}

// Step runs the graph and returns the loss.
func (t *Twin[T]) Step() (float64, error) {
	err := t.Graph.Run()
	return float64(t.Graph.Value(t.Loss)[0]), err
}

// Evaluation holds a net's evaluation against its training in float64: with the statistics of the very batch as moving averages
// both must give every example the same loss. What drops something in training has none to be held against, and is skipped.
func Evaluation(t *testing.T, net *blocks.Net) {
	t.Helper()
	const batch = 4
	net.Norm.Momentum = 0
	twin, err := NewTwin(net, kernels.Reference[float64]{}, batch)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := twin.Step(); err != nil {
		t.Fatal(err)
	}
	for _, layer := range net.Layers {
		switch layer.Kind {
		case "Dropout", "StochasticDepth":
			t.Skip(layer.Kind)
		case "BatchNormalization": // moving averages are of the unbiased variance, a batch is divided by the biased one
			count := float64(batch * layer.Shape.Size() / layer.Shape[len(layer.Shape)-1])
			v := twin.Values[layer.Name+".running_var"]
			for i := range v {
				v[i] *= (count - 1) / count
			}
		}
	}
	g := ops.New(kernels.Reference[float64]{}, &ops.Pool[float64]{}, batch, false)
	copy(g.Labels, twin.Graph.Labels)
	trained := twin.Entropy.PerRow
	if _, err := twin.lower(g); err != nil {
		t.Fatal(err)
	}
	if err := g.Compile(twin.Entropy.Loss); err != nil {
		t.Fatal(err)
	}
	if err := g.Run(); err != nil {
		t.Fatal(err)
	}
	for i, want := range trained {
		if got := twin.Entropy.PerRow[i]; math.Abs(got-want) > 1e-9*(1+want) {
			t.Errorf("example %d: loss %.12f in evaluation, %.12f in training", i, got, want)
		}
	}
}

// Gradients compares the gradient of every parameter of a net with central differences of the loss in float64:
// <gradient, v> against (L(w+hv) - L(w-hv))/2h for a random direction v. All but the last rows of the batch count.
func Gradients(t *testing.T, net *blocks.Net) {
	t.Helper()
	const batch = 4
	twin, err := NewTwin(net, kernels.Reference[float64]{}, batch)
	if err != nil {
		t.Fatal(err)
	}
	twin.Graph.Rows = batch - 1
	loss := func() float64 {
		l, err := twin.Step()
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	loss()
	got := map[string]float64{}
	directions := map[string][]float64{}
	norm := 0.0
	for name, node := range twin.Grads {
		r := stream.New(2, "direction", name)
		v := make([]float64, len(twin.Values[name]))
		for i, d := range twin.Graph.Value(node) {
			v[i] = r.NormFloat64()
			got[name] += d * v[i]
			norm += d * d
		}
		directions[name] = v
	}
	norm = math.Sqrt(norm)
	for name, v := range directions {
		w := twin.Values[name]
		old := append([]float64(nil), w...)
		at := func(h float64) float64 {
			for i := range w {
				w[i] = old[i] + h*v[i]
			}
			return loss()
		}
		// A ReLU or a maximum may change sides within a step; then a shorter one decides, by fewer digits.
		var want float64
		right := false
		for _, step := range []struct{ h, tolerance float64 }{{1e-7, 1e-6}, {1e-9, 1e-4}} {
			want = (at(step.h) - at(-step.h)) / (2 * step.h)
			if right = math.Abs(got[name]-want) <= step.tolerance*(norm+math.Abs(want)); right {
				break
			}
		}
		copy(w, old)
		if !right {
			t.Errorf("%s: gradient along a direction is %g, central differences say %g", name, got[name], want)
		}
	}
}
