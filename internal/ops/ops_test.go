package ops_test

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"exp/internal/kernels"
	"exp/internal/ops"
	"exp/internal/stream"
)

const batch = 3

// bench is a graph over float64 with named random parameters, whose loss is the cross-entropy of what an operation gives.
type bench struct {
	*ops.Graph[float64]
	params G.Nodes
	values [][]float64

	smoothing float64 // of the loss
}

// param adds a random parameter.
func (b *bench) param(name string, shape ...int) *G.Node {
	n := 1
	for _, d := range shape {
		n *= d
	}
	v := make([]float64, n)
	r := stream.New(3, name)
	for i := range v {
		v[i] = r.NormFloat64()
	}
	node := b.Param(name, v, shape...)
	b.params = append(b.params, node)
	b.values = append(b.values, v)
	return node
}

// norm adds a batch normalisation of x.
func (b *bench) norm(name string, x *G.Node, channels int) *G.Node {
	return b.BatchNorm(x, ops.BatchNorm[float64]{Name: name, Momentum: 0.9, Epsilon: 1e-3, Gamma: b.param(name+".gamma", channels),
		Beta: b.param(name+".beta", channels), Mean: make([]float64, channels), Variance: make([]float64, channels)})
}

// operations has, for every method of a graph that adds operations, uses of it. Each makes an array from parameters.
var operations = map[string]map[string]func(b *bench) *G.Node{
	"Map": {
		"relu": func(b *bench) *G.Node {
			return b.Map("m", ops.View{Node: b.param("x", batch, 4, 4, 3), ReLU: true}, nil)
		},
		"norm and add": func(b *bench) *G.Node {
			x := b.param("x", batch, 4, 4, 3)
			return b.Map("m", ops.View{Node: x, Norm: b.norm("n", x, 3)}, b.param("y", batch, 4, 4, 3))
		},
		"norm, relu and itself": func(b *bench) *G.Node {
			x := b.param("x", batch, 4, 4, 3)
			return b.Map("m", ops.View{Node: x, Norm: b.norm("n", x, 3), ReLU: true}, x)
		},
		"norm and relu, read by a branch and its shortcut": func(b *bench) *G.Node {
			c := kernels.Conv{H: 4, W: 4, C: 2, O: 2, K: 3, Stride: 1}
			x := b.Conv("c1", c, ops.View{Node: b.param("x", batch, 4, 4, 2)}, b.param("w1", 3, 3, 2, 2), nil, ops.Ending{})
			y := b.Map("m", ops.View{Node: x, Norm: b.norm("n1", x, 2), ReLU: true}, nil)
			z := b.Conv("c2", c, ops.View{Node: y}, b.param("w2", 3, 3, 2, 2), nil, ops.Ending{})
			return b.AddReLU("a", ops.View{Node: z, Norm: b.norm("n2", z, 2)}, y)
		},
		"relu, read by two convolutions": func(b *bench) *G.Node {
			y := ops.View{Node: b.Map("m", ops.View{Node: b.param("x", batch, 4, 4, 2), ReLU: true}, nil)}
			c := kernels.Conv{H: 4, W: 4, C: 2, O: 3, K: 3, Stride: 2}
			return b.Conv("c2", c, y, b.param("w2", 3, 3, 2, 3), nil, ops.Ending{Residual: b.Conv("c1", c, y, b.param("w1", 3, 3, 2, 3), nil, ops.Ending{})})
		},
	},
	"AddReLU": {
		"of arrays": func(b *bench) *G.Node {
			return b.AddReLU("a", ops.View{Node: b.param("x", batch, 4, 4, 3)}, b.param("r", batch, 4, 4, 3))
		},
		"of a view, read by a branch and its shortcut": func(b *bench) *G.Node {
			x := b.param("x", batch, 4, 4, 2)
			c := kernels.Conv{H: 4, W: 4, C: 2, O: 2, K: 3, Stride: 1}
			y := b.Conv("c1", c, ops.View{Node: x}, b.param("w1", 3, 3, 2, 2), nil, ops.Ending{})
			y = b.AddReLU("a1", ops.View{Node: y, Norm: b.norm("n1", y, 2)}, x)
			z := b.Conv("c2", c, ops.View{Node: y}, b.param("w2", 3, 3, 2, 2), nil, ops.Ending{})
			return b.AddReLU("a2", ops.View{Node: z, Norm: b.norm("n2", z, 2)}, y)
		},
		"of arrays, read by two convolutions": func(b *bench) *G.Node {
			y := ops.View{Node: b.AddReLU("a", ops.View{Node: b.param("x", batch, 4, 4, 2)}, b.param("r", batch, 4, 4, 2))}
			c := kernels.Conv{H: 4, W: 4, C: 2, O: 3, K: 3, Stride: 2}
			return b.Conv("c2", c, y, b.param("w2", 3, 3, 2, 3), nil, ops.Ending{Residual: b.Conv("c1", c, y, b.param("w1", 3, 3, 2, 3), nil, ops.Ending{})})
		},
		"read by a branch that is left out, and its shortcut": func(b *bench) *G.Node {
			y := b.AddReLU("a", ops.View{Node: b.param("x", batch, 4, 4, 2)}, b.param("r", batch, 4, 4, 2))
			never := ops.NewChance("never", 0)
			end := b.Under(never)
			z := b.Conv("c", kernels.Conv{H: 4, W: 4, C: 2, O: 2, K: 3, Stride: 1}, ops.View{Node: y}, b.param("w", 3, 3, 2, 2), nil, ops.Ending{})
			end()
			return b.Survive("s", never, ops.View{Node: z}, y)
		},
	},
	"BatchNorm": {
		"parameters of two": func(b *bench) *G.Node {
			x, y := b.param("x", batch, 4, 4, 3), b.param("y", batch, 4, 4, 3)
			gamma, beta := b.param("gamma", 3), b.param("beta", 3)
			norm := func(name string, x *G.Node) ops.View {
				return ops.View{Node: x, Norm: b.BatchNorm(x, ops.BatchNorm[float64]{Name: name, Momentum: 0.9, Epsilon: 1e-3, Gamma: gamma, Beta: beta,
					Mean: make([]float64, 3), Variance: make([]float64, 3)})}
			}
			return b.Map("m2", norm("n2", y), b.Map("m1", norm("n1", x), nil))
		},
		"of an operation": func(b *bench) *G.Node {
			x := b.Map("m", ops.View{Node: b.param("x", batch, 4, 4, 3), ReLU: true}, nil)
			return b.Map("o", ops.View{Node: x, Norm: b.norm("n", x, 3)}, nil)
		},
		"read twice": func(b *bench) *G.Node {
			x := b.param("x", batch, 4, 4, 3)
			v := ops.View{Node: x, Norm: b.norm("n", x, 3), ReLU: true}
			c := kernels.Conv{H: 4, W: 4, C: 3, O: 2, K: 1, Stride: 1}
			return b.Conv("c2", c, v, b.param("w2", 1, 1, 3, 2), nil, ops.Ending{Residual: b.Conv("c1", c, v, b.param("w1", 1, 1, 3, 2), nil, ops.Ending{})})
		},
	},
	"Conv": {
		"3x3":                                   conv(3, 1, false),
		"3x3 stride 2":                          conv(3, 2, false),
		"1x1":                                   conv(1, 1, false),
		"1x1 stride 2":                          conv(1, 2, false),
		"5x5 of a view, with bias and residual": conv(5, 1, true),
		"two after one another, with a shortcut": func(b *bench) *G.Node {
			x := b.param("x", batch, 4, 4, 2)
			c := kernels.Conv{H: 4, W: 4, C: 2, O: 2, K: 3, Stride: 1}
			y := b.Conv("c1", c, ops.View{Node: x, Norm: b.norm("n1", x, 2), ReLU: true}, b.param("w1", 3, 3, 2, 2), b.param("b1", 2), ops.Ending{})
			return b.Conv("c2", c, ops.View{Node: y, Norm: b.norm("n2", y, 2), ReLU: true}, b.param("w2", 3, 3, 2, 2), b.param("b2", 2), ops.Ending{Residual: x})
		},
		"1x1 Units": units(1),
		"3x3 Units": units(3),
	},
	"MaxPool": {
		"2x2": func(b *bench) *G.Node {
			return b.MaxPool("p", kernels.Pool{H: 4, W: 6, C: 2, Size: 2, Stride: 2}, ops.View{Node: b.param("x", batch, 4, 6, 2)})
		},
		"3x3 over 2": func(b *bench) *G.Node {
			return b.MaxPool("p", kernels.Pool{H: 5, W: 5, C: 2, Size: 3, Stride: 2}, ops.View{Node: b.param("x", batch, 5, 5, 2)})
		},
		"of a relu": func(b *bench) *G.Node {
			return b.MaxPool("p", kernels.Pool{H: 5, W: 5, C: 2, Size: 2, Stride: 2}, ops.View{Node: b.param("x", batch, 5, 5, 2), ReLU: true})
		},
	},
	"AvgPool": {
		"2x2": func(b *bench) *G.Node {
			return b.AvgPool("p", kernels.Pool{H: 4, W: 6, C: 2, Size: 2, Stride: 2}, ops.View{Node: b.param("x", batch, 4, 6, 2)})
		},
		"global, of a view": func(b *bench) *G.Node {
			x := b.param("x", batch, 4, 4, 2)
			return b.AvgPool("p", kernels.Pool{H: 4, W: 4, C: 2, Size: 4, Stride: 4}, ops.View{Node: x, Norm: b.norm("n", x, 2), ReLU: true})
		},
	},
	"Subsample": {
		"stride 2, more channels": func(b *bench) *G.Node { return b.Subsample("s", ops.View{Node: b.param("x", batch, 5, 5, 2)}, 2, 5) },
		"of a relu": func(b *bench) *G.Node {
			return b.Subsample("s", ops.View{Node: b.param("x", batch, 4, 4, 2), ReLU: true}, 2, 2)
		},
	},
	"Blend": {
		"by factors": func(b *bench) *G.Node {
			return b.Blend("b", kernels.Blend{A: 0.5, B: 2}, b.param("s", batch, 4, 4, 3), ops.View{Node: b.param("x", batch, 4, 4, 3)}, nil)
		},
		"by factors, the branch whole": func(b *bench) *G.Node {
			return b.Blend("b", kernels.Blend{A: 0.5, B: 1}, b.param("s", batch, 4, 4, 3), ops.View{Node: b.param("x", batch, 4, 4, 3), ReLU: true}, nil)
		},
		"by an exclusive gate": gated(true),
		"by a gate":            gated(false),
	},
	"Excite": {
		"an array": func(b *bench) *G.Node {
			return b.Excite("e", ops.View{Node: b.param("x", batch, 4, 2, 3)}, b.param("z", batch, 3))
		},
		"a view, by what it says itself": func(b *bench) *G.Node {
			x := b.param("x", batch, 4, 4, 3)
			v := ops.View{Node: x, Norm: b.norm("n", x, 3), ReLU: true}
			s := b.AvgPool("p", kernels.Pool{H: 4, W: 4, C: 3}, v)
			y := b.Excite("e", v, b.Dense("d", s, b.param("w", 3, 3), b.param("bias", 3)))
			return b.Map("m", ops.View{Node: y, Norm: b.norm("m", y, 3)}, x)
		},
	},
	"Survive": {
		"kept":                      survive(1, false),
		"kept, with a shortcut":     survive(1, true),
		"left out":                  survive(0, false),
		"left out, with a shortcut": survive(0, true),
	},
	"Dropout": {
		"half": func(b *bench) *G.Node { return b.Dropout("d", b.param("x", batch, 4, 4, 2), 0.5) },
	},
	"Dense": {
		"of features": func(b *bench) *G.Node {
			return b.Dense("d", b.param("x", batch, 7), b.param("w", 7, 5), b.param("bias", 5))
		},
	},
	"SoftmaxCrossEntropy": {
		"of logits": func(b *bench) *G.Node { return b.param("x", batch, 6) },
		"of two labels": func(b *bench) *G.Node {
			b.Others, b.Share, b.smoothing = []int32{2, 0, 1, 3, 2, 1, 0, 3}[:batch], 0.7, 0.1
			return b.param("x", batch, 6)
		},
		"smoothed": func(b *bench) *G.Node {
			b.smoothing = 0.2
			return b.param("x", batch, 6)
		},
	},
}

// units are pre-activation Units after a stem: one of them with a shortcut that reads the normalised input too.
// Every gradient but the first has others to be added to.
func units(k int) func(b *bench) *G.Node {
	return func(b *bench) *G.Node {
		conv := func(name string, k int, v ops.View, residual *G.Node) *G.Node {
			return b.Conv(name, kernels.Conv{H: 4, W: 4, C: 2, O: 2, K: k, Stride: 1}, v, b.param(name+".w", k, k, 2, 2), nil, ops.Ending{Residual: residual})
		}
		view := func(name string, x *G.Node) ops.View { return ops.View{Node: x, Norm: b.norm(name, x, 2), ReLU: true} }
		x := conv("stem", 3, ops.View{Node: b.param("x", batch, 4, 4, 2)}, nil)
		for i, shortcut := range []string{"", "projection", "", ""} {
			unit := string('1' + rune(i))
			v, residual := view(unit+".n", x), x
			if shortcut != "" {
				residual = conv(unit+".shortcut", 1, v, nil)
			}
			y := conv(unit+".c1", k, v, nil)
			x = conv(unit+".c2", k, view(unit+".m", y), residual)
		}
		return b.Map("end", view("n", x), nil)
	}
}

// gated joins two arrays of which one is a view; what comes past the branch is what opens the gate too.
func gated(exclusive bool) func(b *bench) *G.Node {
	return func(b *bench) *G.Node {
		s, x, z := b.param("s", batch, 4, 4, 3), b.param("x", batch, 4, 4, 3), b.param("z", batch, 4, 4, 3)
		y := b.Blend("b", kernels.Blend{Gate: true, Exclusive: exclusive}, s, ops.View{Node: x, Norm: b.norm("n", x, 3)}, z)
		return b.Blend("c", kernels.Blend{Gate: true, Exclusive: exclusive}, y, ops.View{Node: y, Norm: b.norm("m", y, 3), ReLU: true}, y)
	}
}

// survive is a branch of everything that has parameters, over an input that others read too.
func survive(kept float64, shortcut bool) func(b *bench) *G.Node {
	return func(b *bench) *G.Node {
		x := b.param("x", batch, 4, 4, 3)
		c := kernels.Conv{H: 4, W: 4, C: 3, O: 3, K: 3, Stride: 1}
		x = b.Conv("stem", c, ops.View{Node: x}, b.param("w0", 3, 3, 3, 3), nil, ops.Ending{})
		chance := ops.NewChance("branch", kept)
		end := b.Under(chance)
		y := b.Conv("c1", c, ops.View{Node: x, Norm: b.norm("n1", x, 3), ReLU: true}, b.param("w1", 3, 3, 3, 3), b.param("b1", 3), ops.Ending{})
		y = b.Conv("c2", c, ops.View{Node: y, Norm: b.norm("n2", y, 3), ReLU: true}, b.param("w2", 3, 3, 3, 3), b.param("b2", 3), ops.Ending{})
		v := ops.View{Node: y, Norm: b.norm("n3", y, 3)}
		end()
		if shortcut {
			return b.Survive("s", chance, v, x)
		}
		return b.Map("add", ops.View{Node: x, ReLU: true}, b.Survive("s", chance, v, nil))
	}
}

// TestABranchThatIsLeftOutHasNoGradient goes through steps with and without it: nothing of a step before may be left.
func TestABranchThatIsLeftOutHasNoGradient(t *testing.T) {
	b := &bench{Graph: ops.New[float64](kernels.Reference[float64]{}, &ops.Pool[float64]{}, batch, true)}
	var loss *G.Node
	if err := ops.Build(func() {
		y := survive(0.5, true)(b)
		y = b.Dense("logits", y, b.param("logits.weight", 4*4*3, 4), b.param("logits.bias", 4))
		loss = b.SoftmaxCrossEntropy(y, 0).Loss
	}); err != nil {
		t.Fatal(err)
	}
	grads, err := b.Gradients(loss, b.params)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Compile(append(grads, loss)...); err != nil {
		t.Fatal(err)
	}
	zero := func(values []float64) bool {
		return !slices.ContainsFunc(values, func(v float64) bool { return v != 0 })
	}
	with, without := 0, 0
	for b.Seed = range uint64(20) {
		if err := b.Run(); err != nil {
			t.Fatal(err)
		}
		left := false
		for i, p := range b.params {
			if p.Name() == "w1" {
				left = zero(b.Value(grads[i]))
			}
		}
		if !left {
			with++
			continue
		}
		without++
		for i, p := range b.params {
			outside := p.Name() == "x" || p.Name() == "w0" || strings.HasPrefix(p.Name(), "logits.")
			if !outside && !zero(b.Value(grads[i])) {
				t.Errorf("seed %d: %s has a gradient, and its branch is left out", b.Seed, p.Name())
			}
		}
	}
	if with == 0 || without == 0 {
		t.Errorf("%d steps with the branch, %d without", with, without)
	}
}

func conv(k, stride int, all bool) func(b *bench) *G.Node {
	return func(b *bench) *G.Node {
		c := kernels.Conv{H: 5, W: 4, C: 3, O: 2, K: k, Stride: stride}
		v := ops.View{Node: b.param("x", batch, 5, 4, 3)}
		w := b.param("w", k, k, 3, 2)
		if !all {
			return b.Conv("c", c, v, w, nil, ops.Ending{})
		}
		v.Norm, v.ReLU = b.norm("n", v.Node, 3), true
		return b.Conv("c", c, v, w, b.param("bias", 2), ops.Ending{Residual: b.param("residual", batch, c.OutH(), c.OutW(), 2)})
	}
}

// TestEveryOperationHasTheGradientOfCentralDifferences takes every parameter of every use, value by value.
func TestEveryOperationHasTheGradientOfCentralDifferences(t *testing.T) {
	for method, uses := range operations {
		for use, build := range uses {
			t.Run(method+" "+use, func(t *testing.T) { gradients(t, build) })
		}
	}
}

func gradients(t *testing.T, build func(b *bench) *G.Node) {
	b := &bench{Graph: ops.New[float64](kernels.Reference[float64]{}, &ops.Pool[float64]{}, batch, true)}
	b.Rows = batch - 1
	b.Seed = 5
	copy(b.Labels, []int32{1, 0, 2})
	var loss ops.CrossEntropy[float64]
	if err := ops.Build(func() {
		y := build(b)
		if shape := y.Shape(); len(shape) != 2 { // any array becomes logits
			n := shape.TotalSize() / batch
			y = b.Dense("logits", y, b.param("logits.weight", n, 4), b.param("logits.bias", 4))
		}
		loss = b.SoftmaxCrossEntropy(y, b.smoothing)
	}); err != nil {
		t.Fatal(err)
	}
	grads, err := b.Gradients(loss.Loss, b.params)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Compile(append(grads, loss.Loss)...); err != nil {
		t.Fatal(err)
	}
	run := func() float64 {
		if err := b.Run(); err != nil {
			t.Fatal(err)
		}
		return b.Value(loss.Loss)[0]
	}
	run()
	got := make([][]float64, len(grads))
	for i, g := range grads {
		got[i] = append([]float64(nil), b.Value(g)...)
	}
	const h, tolerance = 1e-6, 1e-7
	for p, values := range b.values {
		rows := len(values)
		if b.params[p].Shape()[0] == batch { // the last row is not valid, whatever the gradient's array holds there
			rows = len(values) / batch * b.Rows
		}
		for i := range rows {
			old := values[i]
			values[i] = old + h
			up := run()
			values[i] = old - h
			want := (up - run()) / (2 * h)
			values[i] = old
			if math.Abs(got[p][i]-want) > tolerance*(1+math.Abs(want)) {
				t.Errorf("%s[%d]: gradient %g, central differences say %g", b.params[p].Name(), i, got[p][i], want)
			}
		}
	}
}

// TestNoOperationIsForgotten holds the table above against the methods of a graph.
func TestNoOperationIsForgotten(t *testing.T) {
	node := reflect.TypeFor[*G.Node]()
	graph := reflect.TypeFor[*ops.Graph[float64]]()
	for i := range graph.NumMethod() {
		m := graph.Method(i)
		switch m.Name {
		case "Input", "Param": // what operations read
			continue
		}
		takes, gives := false, false
		for j := 1; j < m.Type.NumIn(); j++ {
			takes = takes || m.Type.In(j) == node || m.Type.In(j) == reflect.TypeFor[ops.View]()
		}
		for j := range m.Type.NumOut() {
			gives = gives || m.Type.Out(j) == node || m.Type.Out(j) == reflect.TypeFor[ops.CrossEntropy[float64]]()
		}
		if takes && gives && len(operations[m.Name]) == 0 {
			t.Errorf("Graph.%s adds operations and is in no gradient check", m.Name)
		}
	}
}

// TestASumGoesOverWhatNothingReadsLater: it needs a buffer of its own only where its shortcut is read again.
func TestASumGoesOverWhatNothingReadsLater(t *testing.T) {
	const array = batch * 4 * 4 * 2 * 8 // bytes
	for again, want := range map[bool]int64{false: 3 * array, true: 4 * array} {
		pool := &ops.Pool[float64]{}
		b := &bench{Graph: ops.New[float64](kernels.Reference[float64]{}, pool, batch, false)}
		relu := func(name string, x *G.Node) ops.View {
			return ops.View{Node: b.Map(name, ops.View{Node: x, ReLU: true}, nil), ReLU: true}
		}
		var y *G.Node
		if err := ops.Build(func() {
			x := b.param("x", batch, 4, 4, 2)
			shortcut := relu("shortcut", x).Node
			y = b.Map("sum", relu("branch", x), shortcut)
			if again {
				y = b.Map("again", ops.View{Node: shortcut, ReLU: true}, y)
			}
			y = b.Map("end", ops.View{Node: y, ReLU: true}, nil)
		}); err != nil {
			t.Fatal(err)
		}
		if err := b.Compile(y); err != nil {
			t.Fatal(err)
		}
		if err := b.Run(); err != nil {
			t.Fatal(err)
		}
		if got := pool.Bytes(); got != want {
			t.Errorf("read again %v: buffers of %d bytes, not %d", again, got, want)
		}
	}
}
