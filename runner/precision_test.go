package runner

import (
	"errors"
	"math"
	"slices"
	"testing"

	"exp/blocks"
	"exp/configs"
	"exp/internal/kernels"
)

func TestPrecisionChoosesTheProducts(t *testing.T) {
	for conv, have := range map[string]bool{"winograd4": kernels.HasBF16(), "winograd2": kernels.HasBF16(), "direct": kernels.HasMatrices()} {
		t.Run(conv, func(t *testing.T) {
			set := []string{"model.units=1", "train.batch=8", "optimizer=sgd", "train.precision.conv=" + conv}
			l, err := configs.Load("quickstart", configs.Options{Set: append(set, "train.precision.products=bf16")})
			if err != nil {
				t.Fatal(err)
			}
			p, err := NewPlan(l)
			if !have {
				if problem := (*blocks.Error)(nil); !errors.As(err, &problem) || problem.Path != "train.precision.products" {
					t.Fatalf("the error is %v", err)
				}
				t.Skip("this processor has no such products of bf16")
			}
			if err != nil {
				t.Fatal(err)
			}
			rounded := newModel(t, p, 2)
			loss, _ := step(t, rounded, images(8, p.Net.Input.Shape, 10), 0.01, 1)
			exact, _ := step(t, newModel(t, load(t, "quickstart", set...), 2), images(8, p.Net.Input.Shape, 10), 0.01, 1)
			if loss == exact || math.Abs(loss-exact) > 0.01 {
				t.Errorf("the loss is %v in bf16 and %v in fp32", loss, exact)
			}
		})
	}
}

func TestPrecisionChoosesTheAlgorithmOfConvolutions(t *testing.T) {
	losses, stems := map[string]float64{}, map[string][]float32{}
	for name := range algorithms {
		p := load(t, "quickstart", "model.units=1", "train.batch=8", "optimizer=sgd", "train.precision.conv="+name)
		m := newModel(t, p, 2)
		losses[name], _ = step(t, m, images(8, p.Net.Input.Shape, 10), 0.01, 1)
		stems[name] = m.Weights()[0].F32
	}
	for a, x := range losses {
		for b, y := range losses {
			if math.Abs(x-y) > 1e-5 {
				t.Errorf("the loss is %v with %s and %v with %s", x, a, y, b)
			}
			if a != b && slices.Equal(stems[a], stems[b]) {
				t.Errorf("%s and %s give the same gradients to the last bit", a, b)
			}
		}
	}
}
