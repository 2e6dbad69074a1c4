package blocks

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"exp/internal/kernels"
	"exp/internal/ops"
)

// Lowered is a net as nodes of a graph.
type Lowered struct {
	Logits *G.Node
	Params G.Nodes // of the trainable parameters, in the net's order
}

// Lower adds the operations of a net to a graph. x is a batch of images; values gives the array of each parameter, which the
// graph reads at each run.
//
// Normalisation and ReLU become part of the operation that reads them, an addition part of the convolution before it,
// wherever that operation can do so. In evaluation all of them become part of the convolution before them.
func Lower[T kernels.Float](n *Net, g *ops.Graph[T], x *G.Node, values func(*Param) []T) (Lowered, error) {
	l := &lowering[T]{g: g, net: n, values: values, nodes: map[*Param]*G.Node{}, views: map[*Layer]ops.View{n.Input: {Node: x}},
		readers: map[*Layer][]*Layer{}, chances: map[*Layer]*ops.Chance{}, branches: map[*Layer]*ops.Chance{}}
	for _, layer := range n.Layers {
		for _, in := range layer.Inputs {
			l.readers[in] = append(l.readers[in], layer)
		}
	}
	l.chance()
	var out Lowered
	err := ops.Build(func() {
		for _, p := range n.Params {
			if p.Trainable {
				node := g.Param(p.Name, values(p), p.Shape...)
				l.nodes[p] = node
				out.Params = append(out.Params, node)
			}
		}
		out.Logits = l.node(n.Output)
	})
	if err != nil {
		return Lowered{}, fmt.Errorf("build the graph of the net: %w", err)
	}
	return out, nil
}

type lowering[T kernels.Float] struct {
	g        *ops.Graph[T]
	net      *Net
	values   func(*Param) []T
	nodes    map[*Param]*G.Node
	views    map[*Layer]ops.View
	readers  map[*Layer][]*Layer
	chances  map[*Layer]*ops.Chance // of the layers that not every step of training computes
	branches map[*Layer]*ops.Chance // by the layers that end them
}

// chance finds what stochastic depth leaves out: the layers that are only read for a branch.
func (l *lowering[T]) chance() {
	of := func(r *Layer) *ops.Chance {
		op, ok := r.op.(survival)
		if ok && l.branches[r] == nil {
			l.branches[r] = ops.NewChance(r.Name, op.p)
		}
		if ok {
			return l.branches[r]
		}
		return l.chances[r]
	}
	for i := len(l.net.Layers) - 1; i >= 0; i-- {
		layer := l.net.Layers[i]
		readers := l.readers[layer]
		if len(readers) == 0 {
			continue
		}
		c := of(readers[0])
		for _, r := range readers[1:] {
			if of(r) != c {
				c = nil
			}
		}
		l.chances[layer] = c
	}
}

// node is the output of a layer as an array.
func (l *lowering[T]) node(layer *Layer) *G.Node {
	v := l.view(layer)
	defer l.g.Under(l.chances[layer])()
	n := l.g.Map(layer.Name, v, nil)
	l.views[layer] = ops.View{Node: n}
	return n
}

// view is the output of a layer as its readers see it.
func (l *lowering[T]) view(layer *Layer) ops.View {
	v, ok := l.views[layer]
	if !ok {
		defer l.g.Under(l.chances[layer])()
		v = l.lower(layer)
		l.views[layer] = v
	}
	return v
}

func (l *lowering[T]) lower(layer *Layer) ops.View {
	array := func(n *G.Node) ops.View { return ops.View{Node: n} }
	if y := l.ended(layer); y != nil {
		return array(y)
	}
	switch op := layer.op.(type) {
	case convolution:
		return array(l.conv(layer, op, ops.Ending{}))
	case normalisation:
		x := l.node(layer.Inputs[0])
		return ops.View{Node: x, Norm: l.norm(layer, op, x)}
	case rectifier:
		if y := l.addReLU(layer); y != nil {
			return array(y)
		}
		v := l.view(layer.Inputs[0])
		v.ReLU = true
		if len(l.readers[layer]) > 1 && !l.allReadViews(layer) {
			return array(l.g.Map(layer.Name, v, nil))
		}
		return v
	case addition:
		return array(l.add(layer))
	case survival:
		return array(l.g.Survive(layer.Name, l.branches[layer], l.view(layer.Inputs[0]), nil))
	case blending:
		return array(l.blend(layer, op))
	case exciting:
		return array(l.g.Excite(layer.Name, l.view(layer.Inputs[0]), l.node(layer.Inputs[1])))
	case pooling:
		if op.average {
			return array(l.g.AvgPool(layer.Name, op.Pool, l.view(layer.Inputs[0])))
		}
		return array(l.g.MaxPool(layer.Name, op.Pool, l.view(layer.Inputs[0])))
	case flattening:
		return array(l.node(layer.Inputs[0]))
	case subsample:
		return array(l.g.Subsample(layer.Name, l.view(layer.Inputs[0]), op.stride, layer.Shape.channels()))
	case dropout:
		if !l.g.Train() {
			return l.view(layer.Inputs[0])
		}
		return array(l.g.Dropout(layer.Name, l.node(layer.Inputs[0]), op.rate))
	case dense:
		return array(l.g.Dense(layer.Name, l.node(layer.Inputs[0]), l.nodes[op.weight], l.nodes[op.bias]))
	}
	panic(fmt.Sprintf("blocks: no operation for layer %s", layer.Name))
}

// norm adds a normalisation of x; in evaluation, which does not read x, that may be nil.
func (l *lowering[T]) norm(layer *Layer, op normalisation, x *G.Node) *G.Node {
	return l.g.BatchNorm(x, ops.BatchNorm[T]{
		Name: layer.Name, Momentum: l.net.Norm.Momentum, Epsilon: l.net.Norm.Epsilon,
		Gamma: l.nodes[op.gamma], Beta: l.nodes[op.beta], Mean: l.values(op.mean), Variance: l.values(op.variance),
	})
}

// conv adds a convolution, with what is done with its result.
func (l *lowering[T]) conv(layer *Layer, op convolution, end ops.Ending) *G.Node {
	var bias *G.Node
	if op.bias != nil {
		bias = l.nodes[op.bias]
	}
	return l.g.Conv(layer.Name, op.Conv, l.view(layer.Inputs[0]), l.nodes[op.weight], bias, end)
}

// absorbable says whether a layer can become part of its reader's operation: it has no other reader, and no node yet.
func (l *lowering[T]) absorbable(layer *Layer) bool {
	_, lowered := l.views[layer]
	return !lowered && len(l.readers[layer]) == 1
}

// ended makes a layer, in evaluation, the end of a convolution: a normalisation, an addition and a ReLU, or some of them, of which
// nothing else reads the one before. It is nil where no convolution is at their start.
func (l *lowering[T]) ended(layer *Layer) *G.Node {
	if l.g.Train() {
		return nil
	}
	var norm, sum *Layer
	at, relu := layer, false
	for {
		from := at.Inputs
		switch op := at.op.(type) {
		case rectifier:
			if at != layer {
				return nil
			}
			relu = true
		case addition:
			if norm != nil || sum != nil {
				return nil
			}
			sum, from = at, from[1:]
		case normalisation:
			if norm != nil {
				return nil
			}
			norm = at
		case convolution:
			if at == layer {
				return nil
			}
			end := ops.Ending{ReLU: relu}
			if norm != nil {
				end.Norm = l.norm(norm, norm.op.(normalisation), nil)
			}
			if sum != nil {
				end.Residual = l.node(sum.Inputs[0])
			}
			return l.conv(at, op, end)
		default:
			return nil
		}
		if at = from[0]; !l.absorbable(at) {
			return nil
		}
	}
}

// add makes an addition part of a convolution whose only reader it is, else of a view made plain.
func (l *lowering[T]) add(layer *Layer) *G.Node {
	if carrier, other := l.carrier(layer); carrier != nil {
		return l.conv(carrier, carrier.op.(convolution), ops.Ending{Residual: l.node(other)})
	}
	residual, f := l.node(layer.Inputs[0]), layer.Inputs[1]
	if l.survives(f) {
		return l.g.Survive(layer.Name, l.branches[f], l.view(f.Inputs[0]), residual)
	}
	return l.g.Map(layer.Name, l.view(f), residual)
}

// survives says whether a layer is the end of a branch that may be left out, and an addition its only reader.
func (l *lowering[T]) survives(f *Layer) bool {
	_, ok := f.op.(survival)
	return ok && len(l.readers[f]) == 1
}

// carrier is the input of an addition that is a convolution and can do the addition of the other input while it stores; or nil.
func (l *lowering[T]) carrier(addition *Layer) (carrier, other *Layer) {
	x, f := addition.Inputs[0], addition.Inputs[1]
	for _, pair := range [][2]*Layer{{f, x}, {x, f}} {
		if _, ok := pair[0].op.(convolution); ok && l.absorbable(pair[0]) {
			return pair[0], pair[1]
		}
	}
	return nil, nil
}

// addReLU makes an addition and the ReLU that alone reads it one operation; nil where that is of no use.
func (l *lowering[T]) addReLU(layer *Layer) *G.Node {
	sum := layer.Inputs[0]
	if _, ok := sum.op.(addition); !ok || !l.absorbable(sum) {
		return nil
	}
	if carrier, _ := l.carrier(sum); carrier != nil || l.survives(sum.Inputs[1]) {
		return nil
	}
	v := l.view(sum.Inputs[1])
	if v.ReLU {
		return nil
	}
	return l.g.AddReLU(layer.Name, v, l.node(sum.Inputs[0]))
}

// blend adds what joins a shortcut and a branch by factors or a gate.
func (l *lowering[T]) blend(layer *Layer, op blending) *G.Node {
	s, f := l.node(layer.Inputs[0]), l.view(layer.Inputs[1])
	var gate *G.Node
	if op.Gate {
		gate = l.node(layer.Inputs[2])
	}
	return l.g.Blend(layer.Name, op.Blend, s, f, gate)
}

// allReadViews says whether every reader of a layer can normalise and rectify while it loads.
func (l *lowering[T]) allReadViews(layer *Layer) bool {
	for _, r := range l.readers[layer] {
		switch op := r.op.(type) {
		case convolution, subsample:
		case pooling:
			if !op.average {
				return false
			}
		default:
			return false
		}
	}
	return true
}
