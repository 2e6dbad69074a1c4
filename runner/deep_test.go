package runner

import (
	"math"
	"testing"
)

func TestANetOfAThousandUnitsAndOneOfNoneTrain(t *testing.T) {
	if testing.Short() {
		t.Skip("Gorgonia compiles 20,000 operations in some seconds")
	}
	for _, set := range [][]string{{"model.units=333", "model.stages.all.filters=4", "model.stem.filters=4"}, {"model.units=0"}} {
		p := load(t, "he2015", append(set, "train.batch=2")...)
		m := newModel(t, p, 2)
		loss, _ := step(t, m, images(2, p.Net.Input.Shape, 10), 0.01, 1)
		if math.IsNaN(loss) {
			t.Errorf("%v: the loss is NaN", set)
		}
	}
}
