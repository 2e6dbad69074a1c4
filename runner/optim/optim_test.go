package optim

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// sequence is what scripts/pytorch/golden.py computed: six weights over some steps.
type sequence struct {
	Name, Type string
	Params     json.RawMessage
	Decay      bool
	Shift      bool
	LR         []float64
	Start      []float64
	Gradients  [][]float64
	Weights    [][]float64
}

func sequences(t *testing.T) []sequence {
	t.Helper()
	text, err := os.ReadFile("testdata/sequences.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []sequence
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// start makes the optimizer and the weights as they are before the first step.
func (s sequence) start(t *testing.T) (Optimizer, Param) {
	t.Helper()
	o, ok := Optimizers.New(s.Type)
	if !ok {
		t.Fatalf("no optimizer %q", s.Type)
	}
	if err := json.Unmarshal(s.Params, o); err != nil {
		t.Fatal(err)
	}
	p := Param{W: floats(s.Start), Grad: make([]float32, len(s.Start)), Decay: s.Decay, Shift: s.Shift}
	for range o.Slots() {
		p.Slots = append(p.Slots, make([]float32, len(s.Start)))
	}
	return o, p
}

func floats(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}

func TestStepsAreThoseOfPyTorchAndKeras(t *testing.T) {
	const tolerance = 2e-6 // of weights around 1, after twelve steps in float32
	for _, s := range sequences(t) {
		t.Run(s.Name, func(t *testing.T) {
			o, p := s.start(t)
			if got := o.Rate(); got != s.LR[0] {
				t.Errorf("the base rate is %v, want %v", got, s.LR[0])
			}
			for k, want := range s.Weights {
				copy(p.Grad, floats(s.Gradients[k]))
				o.Update(p, s.LR[k], k+1)
				for i := range want {
					if d := math.Abs(float64(p.W[i]) - want[i]); !(d <= tolerance) {
						t.Errorf("step %d, weight %d: %v, want %v", k+1, i, p.W[i], want[i])
					}
				}
			}
		})
	}
}

func TestPiecesGiveTheSameBits(t *testing.T) {
	for _, s := range sequences(t) {
		t.Run(s.Name, func(t *testing.T) {
			o, whole := s.start(t)
			_, cut := s.start(t)
			for k := range s.Gradients {
				copy(whole.Grad, floats(s.Gradients[k]))
				o.Update(whole, s.LR[k], k+1)
				copy(cut.Grad, floats(s.Gradients[k]))
				for _, span := range [][2]int{{4, 6}, {0, 1}, {1, 4}} {
					o.Update(cut.piece(span[0], span[1]), s.LR[k], k+1)
				}
			}
			for i := range whole.W {
				if math.Float32bits(whole.W[i]) != math.Float32bits(cut.W[i]) {
					t.Errorf("weight %d: %v whole, %v in pieces", i, whole.W[i], cut.W[i])
				}
			}
		})
	}
}

func (p Param) piece(from, to int) Param {
	q := p
	q.W, q.Grad, q.Slots = p.W[from:to], p.Grad[from:to], nil
	for _, s := range p.Slots {
		q.Slots = append(q.Slots, s[from:to])
	}
	return q
}

func TestParametersWithoutEffect(t *testing.T) {
	for _, c := range []struct {
		optimizer interface{ Validate() error }
		want      string
	}{
		{&SGD{Nesterov: true}, "nesterov: has no effect without momentum"},
		{&SGD{DecayAll: true}, "decay_all: has no effect without weight_decay"},
		{&Adam{DecayAll: true}, "decay_all: has no effect without weight_decay"},
		{&AdamW{DecayAll: true}, "decay_all: has no effect without weight_decay"},
		{&RMSProp{DecayAll: true}, "decay_all: has no effect without weight_decay"},
	} {
		if err := c.optimizer.Validate(); err == nil || err.Error() != c.want {
			t.Errorf("%+v: %v, want %s", c.optimizer, err, c.want)
		}
	}
}
