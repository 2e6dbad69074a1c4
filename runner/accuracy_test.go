package runner

import (
	"fmt"
	"math"
	"testing"

	"exp/internal/checktest"
	"exp/internal/kernels"
	"exp/internal/stream"
)

// TestAStepIsThatOfItsFloat64Twin holds the whole net of the memo against the same in float64 plain Go: the statistics of every
// normalisation on the way forward, and every gradient. A ReLU or a maximum that a rounding error decides the other way is
// no error of the kernels, but changes gradients by far more than rounding does; so several images are tried, and one on which
// nothing flips is enough.
func TestAStepIsThatOfItsFloat64Twin(t *testing.T) {
	if testing.Short() {
		t.Skip("a second an image in plain Go")
	}
	const batch, most, tries = 6, 1e-5, 4
	for _, algorithm := range []kernels.Algorithm{kernels.Winograd4, kernels.Winograd2, kernels.Direct} {
		t.Run(fmt.Sprint("algorithm ", algorithm), func(t *testing.T) {
			net := load(t, "resnet-cifar").Net
			native := kernels.NewNative(2)
			defer native.Close()
			native.Algorithm = algorithm
			ours, err := checktest.NewTwin(net, native, batch)
			if err != nil {
				t.Fatal(err)
			}
			truth, err := checktest.NewTwin(net, kernels.Reference[float64]{}, batch)
			if err != nil {
				t.Fatal(err)
			}
			best, where := math.Inf(1), ""
			for try := 0; try < tries && best > most; try++ {
				r := stream.New(int64(try), "images")
				for i := range ours.Images {
					ours.Images[i] = float32(r.NormFloat64())
					truth.Images[i] = float64(ours.Images[i])
				}
				for name, w := range ours.Values {
					copy(truth.Values[name], widened(w))
				}
				if _, err := ours.Step(); err != nil {
					t.Fatal(err)
				}
				if _, err := truth.Step(); err != nil {
					t.Fatal(err)
				}
				worst, at := 0.0, ""
				compare := func(what string, got []float32, want []float64) {
					var d, s float64
					for i, v := range want {
						d += (float64(got[i]) - v) * (float64(got[i]) - v)
						s += v * v
					}
					if e := math.Sqrt(d / s); s > 1e-12 && e > worst { // the gradients of biases before a normalisation are zero
						worst, at = e, what
					}
				}
				for _, p := range net.Params {
					if p.Trainable {
						compare("gradient of "+p.Name, ours.Graph.Value(ours.Grads[p.Name]), truth.Graph.Value(truth.Grads[p.Name]))
					} else {
						compare(p.Name, ours.Values[p.Name], truth.Values[p.Name])
					}
				}
				t.Logf("image %d: the largest relative error is %.2g, of %s", try, worst, at)
				if worst < best {
					best, where = worst, at
				}
			}
			if best > most {
				t.Errorf("on every image something is more than %g off; at best %s, by %.2g", most, where, best)
			}
		})
	}
}

// onePass makes both gradients of every convolution in one call, as [kernels.Native] does of some.
type onePass struct{ kernels.Reference[float64] }

func (onePass) OnePass(kernels.Conv) bool { return true }

func TestGradientsInOnePassAreTheSame(t *testing.T) {
	for _, unit := range []string{"preact", "postact", "bottleneck", "preact-bottleneck"} {
		for _, shortcut := range []string{"projection", "zero-pad", "none"} {
			t.Run(unit+" "+shortcut, func(t *testing.T) {
				net := load(t, "quickstart", "model.units=2", "model.unit.type="+unit, "model.unit.shortcut="+shortcut).Net
				var grads [2]map[string][]float64
				for i, backend := range []kernels.Backend[float64]{kernels.Reference[float64]{}, onePass{}} {
					twin, err := checktest.NewTwin(net, backend, 2)
					if err != nil {
						t.Fatal(err)
					}
					r := stream.New(1, "images")
					for j := range twin.Images {
						twin.Images[j] = r.NormFloat64()
					}
					if _, err := twin.Step(); err != nil {
						t.Fatal(err)
					}
					grads[i] = map[string][]float64{}
					for name, g := range twin.Grads {
						grads[i][name] = twin.Graph.Value(g)
					}
				}
				for name, want := range grads[0] {
					for j, v := range want {
						if got := grads[1][name][j]; math.Abs(got-v) > 1e-12*(1+math.Abs(v)) {
							t.Fatalf("gradient of %s: number %d is %v in one pass, %v in two", name, j, got, v)
						}
					}
				}
			})
		}
	}
}
