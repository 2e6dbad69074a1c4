package runner

import (
	"math"
	"slices"
	"testing"
)

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
