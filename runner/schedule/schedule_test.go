package schedule

import (
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"
)

func TestFactorsAreThoseOfPyTorch(t *testing.T) {
	text, err := os.ReadFile("testdata/factors.json") // made by scripts/pytorch/golden.py
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name, Type    string
		Params        json.RawMessage
		StepsPerEpoch int `json:"steps_per_epoch"`
		TotalSteps    int `json:"total_steps"`
		Factors       []float64
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			s, ok := Schedules.New(c.Type)
			if !ok {
				t.Fatalf("no schedule %q", c.Type)
			}
			if err := json.Unmarshal(c.Params, s); err != nil {
				t.Fatal(err)
			}
			for step, want := range c.Factors {
				if got := s.At(step, c.StepsPerEpoch, c.TotalSteps); !(math.Abs(got-want) < 1e-9) {
					t.Errorf("step %d: %v, want %v", step, got, want)
				}
			}
		})
	}
}

func TestPlateausAreThoseOfPyTorch(t *testing.T) {
	text, err := os.ReadFile("testdata/plateaus.json") // made by scripts/pytorch/golden.py
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name    string
		Params  Plateau
		Values  []string
		Factors []float64
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		var values []float64
		fell := false
		for i, text := range c.Values {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, v)
			want := c.Factors[i]
			fell = fell || want < 1
			if got := c.Params.After(values); !(math.Abs(got-want) < 1e-12) {
				t.Errorf("%s: after epoch %d %v, want %v", c.Name, i+1, got, want)
			}
		}
		if !fell {
			t.Errorf("%s: never fell", c.Name)
		}
	}
}

func TestEpochsThatAreNotReached(t *testing.T) {
	c := &MultiStep{After: []int{3, 6}}
	if _, problem, _ := c.Fits(7); problem != "" {
		t.Error(problem)
	}
	if parameter, problem, _ := c.Fits(6); parameter != "after" || problem != "6 has no effect: there are 6 epochs" {
		t.Error(parameter, problem)
	}
}

func TestEveryScheduleIsFiniteHoweverShortTheTraining(t *testing.T) {
	for _, name := range Schedules.Names() {
		for _, c := range []struct{ perEpoch, total int }{{1, 1}, {1, 2}, {2, 2}, {391, 391}} {
			s, _ := Schedules.New(name)
			for step := range c.total {
				if f := s.At(step, c.perEpoch, c.total); math.IsNaN(f) || f < 0 || f > 1 {
					t.Errorf("%s: step %d of %d: %v", name, step, c.total, f)
				}
			}
		}
	}
}

func TestWarmUpLongerThanTheTraining(t *testing.T) {
	for _, s := range []Schedule{&Constant{WarmUp{Epochs: 4}}, &Cosine{WarmUp: WarmUp{Epochs: 4}}, &Step{Points: []float64{0.5}, Factor: 0.1, WarmUp: WarmUp{Epochs: 4}}} {
		last := -1.0
		for step := range 20 {
			f := s.At(step, 10, 20)
			if math.IsNaN(f) || f <= last || f > 0.5 {
				t.Errorf("%T: step %d: %v after %v; want it to rise to less than half", s, step, f, last)
			}
			last = f
		}
	}
}

func TestParametersThatMakeNoSense(t *testing.T) {
	for _, c := range []struct {
		schedule interface{ Validate() error }
		want     string
	}{
		{&Constant{WarmUp{From: 0.1}}, "warmup_from: has no effect without warmup"},
		{&Cosine{WarmUp: WarmUp{Hold: true}}, "warmup_hold: has no effect without warmup"},
		{&Step{Points: []float64{0.5}, WarmUp: WarmUp{From: 0.1}}, "warmup_from: has no effect without warmup"},
		{&MultiStep{After: []int{3, 3}}, "after: 3 does not come after 3"},
		{&Polynomial{WarmUp: WarmUp{Hold: true}}, "warmup_hold: has no effect without warmup"},
		{&Piecewise{Points: []float64{0, 0}, Factors: []float64{0, 1}}, "at: 0 does not come after 0"},
		{&Piecewise{Points: []float64{0, 1}, Factors: []float64{1}}, "factors: 1 factors for 2 points; each point has one"},
		{&Plateau{Factor: 0.1, WarmUp: WarmUp{From: 0.1}}, "warmup_from: has no effect without warmup"},
		{&Step{}, "at: no points; `constant` is the schedule without any"},
		{&Step{Points: []float64{80, 120}}, "at: 80 is out of place; points are fractions of the training, between 0 and 1, each larger than the one before"},
		{&Step{Points: []float64{0.75, 0.5}}, "at: 0.5 is out of place; points are fractions of the training, between 0 and 1, each larger than the one before"},
	} {
		if err := c.schedule.Validate(); err == nil || err.Error() != c.want {
			t.Errorf("%+v: %v, want %s", c.schedule, err, c.want)
		}
	}
}

func TestDefaultsAreFine(t *testing.T) {
	for _, name := range Schedules.Names() {
		s, _ := Schedules.New(name)
		if v, ok := s.(interface{ Validate() error }); ok && v.Validate() != nil {
			t.Errorf("%s: %v", name, v.Validate())
		}
	}
}
