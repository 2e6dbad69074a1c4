package runner

import (
	"fmt"
	"os"
	"sort"
	"strings"
	"testing"

	"exp/blocks"
	"exp/configs"
)

// load reads a shipped experiment with overrides.
func load(t testing.TB, name string, set ...string) *Plan {
	t.Helper()
	l, err := configs.Load(name, configs.Options{Set: set})
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPlan(l)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestNetsHaveThePublishedNumbersOfParameters(t *testing.T) {
	const plain, projection = "model.unit.shortcut=none", "model.unit.shortcut=projection"
	for _, c := range []struct {
		experiment              string
		set                     []string
		depth                   int
		trainable, nonTrainable int64
		megaMACs                float64 // 0 = not published
	}{
		{"resnet-cifar", nil, 26, 4_368_714, 5_824, 214.80},
		{"plain-cifar", nil, 26, 4_325_258, 5_824, 213.22},
		{"resnet-cifar", []string{"model.units=9"}, 74, 13_786_314, 0, 667.78},
		{"resnet-cifar", []string{plain, "model.units=6"}, 50, 9_034_058, 0, 0},
		{"he2015", nil, 20, 269_722, 1_376, 40.55},
		{"he2015", []string{"model.units=5"}, 32, 464_154, 2_272, 68.86},
		{"he2015", []string{"model.units=7"}, 44, 658_586, 3_168, 97.17},
		{"he2015", []string{"model.units=9"}, 56, 853_018, 4_064, 125.49},
		{"he2015", []string{"model.units=18"}, 110, 1_727_962, 8_096, 252.89},
		{"he2015-plain", nil, 20, 269_722, 1_376, 0},
		{"he2015-plain", []string{"model.units=5"}, 32, 464_154, 2_272, 0},
		{"he2015-plain", []string{"model.units=7"}, 44, 658_586, 3_168, 0},
		{"he2015-plain", []string{"model.units=9"}, 56, 853_018, 4_064, 0},
		{"he2015-plain", []string{"model.units=18"}, 110, 1_727_962, 8_096, 0},
		{"he2015", []string{projection}, 20, 272_474, 1_568, 0},
		{"he2015", []string{projection, "model.units=5"}, 32, 466_906, 2_464, 0},
		{"he2015", []string{projection, "model.units=7"}, 44, 661_338, 3_360, 0},
		{"he2015", []string{projection, "model.units=9"}, 56, 855_770, 4_256, 0},
		{"he2015", []string{projection, "model.units=18"}, 110, 1_730_714, 8_288, 0},
		{"he2015", []string{projection, "model.unit.shortcut.norm=false"}, 20, 272_282, 1_376, 0},
		{"he2015", []string{"model.unit.shortcut=projection-all"}, 20, 283_962, 0, 0},
		{"he2015", []string{"model.unit.shortcut=projection-all", "model.units=5"}, 32, 489_594, 0, 0},
		{"he2015", []string{"model.unit.shortcut=projection-all", "model.units=7"}, 44, 695_226, 0, 0},
		{"he2015", []string{"model.unit.shortcut=projection-all", "model.units=9"}, 56, 900_858, 0, 0},
		{"he2015-110", nil, 110, 1_727_962, 8_096, 252.89},
		{"he2015-110", []string{"model.unit.shortcut=projection-all"}, 110, 1_826_202, 0, 0},
		{"he2016-shortcuts", nil, 110, 1_727_962, 8_096, 252.89},
		// The gate has as many weights as option C's convolutions, and biases instead of batch normalisations.
		{"he2016-shortcuts", []string{"model.unit.shortcut=gated"}, 110, 1_727_962 + (1_826_202 - 1_727_962) - 18*(16+32+64), 8_096, 0},
		{"he2016-shortcuts", []string{"model.unit.shortcut=scaled"}, 110, 1_727_962, 8_096, 252.89},
		{"he2016-preact-164", nil, 164, 1_703_258, 24_224, 244.50},
		{"he2016-preact-164", []string{"model.units=111"}, 1001, 10_327_706, 149_216, 1487.85},
		{"he2015", []string{"model.unit={type: bottleneck, shortcut: projection}", "model.stages.0.filters=64", "model.stages.1.filters=128", "model.stages.2.filters=256", "model.units=18"}, 164, 1_704_154, 25_120, 0},
		// Pre-activation basic Units: as many as post-activation ones, for the head has the normalisation that the stem lacks.
		{"he2015", []string{"model.unit={type: preact, shortcut: zero-pad, bias: false}", "model.stem={type: conv, filters: 16, bias: false}", "model.head=classifier"}, 20, 269_722, 1_376, 40.55},
		{"he2015", []string{"model.unit.order=full-preact", "model.stem={type: conv, filters: 16, bias: false}", "model.head=classifier"}, 20, 269_722, 1_376, 40.55},
		// Zagoruyko counts the three projections and not the dense layer: 2 more than the main path has.
		{"wrn-16-4", nil, 14, 2_748_890, 3_616, 392.61},
		{"wrn-28-10", nil, 26, 36_479_194, 17_952, 5243.33},
		{"wrn-16-4", []string{"model.units=6"}, 38, 8_949_210, 0, 1298.58},
		{"he2015", []string{"model.units=200"}, 1202, 19_421_274, 89_632, 2829.24},
	} {
		t.Run(c.experiment+" "+strings.Join(c.set, " "), func(t *testing.T) {
			net := load(t, c.experiment, c.set...).Net
			total, trainable, non := net.Count()
			if trainable != c.trainable || c.nonTrainable != 0 && (non != c.nonTrainable || total != c.trainable+c.nonTrainable) {
				t.Errorf("%d trainable and %d others, published are %d and %d", trainable, non, c.trainable, c.nonTrainable)
			}
			if net.Depth() != c.depth {
				t.Errorf("depth %d, published is %d", net.Depth(), c.depth)
			}
			if got := fmt.Sprintf("%.2f", float64(net.MACs())/1e6); c.megaMACs != 0 && got != fmt.Sprintf("%.2f", c.megaMACs) {
				t.Errorf("%s million multiply-adds, published are %.2f", got, c.megaMACs)
			}
		})
	}
}

// TestEveryRowIsAsKerasPrintedIt compares the layers of resnet-cifar with the summary that Keras printed of the same net:
// kind, output shape, parameters, and the same of the layers each is connected to.
func TestEveryRowIsAsKerasPrintedIt(t *testing.T) {
	text, err := os.ReadFile("testdata/keras-summary.tsv")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	var want, got []string
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		rows[f[0]] = strings.Join(f[1:4], " ")
		var from []string
		for _, in := range strings.Fields(f[4]) {
			from = append(from, rows[in])
		}
		sort.Strings(from)
		want = append(want, rows[f[0]]+" <- "+strings.Join(from, ", "))
	}
	row := func(l *blocks.Layer) string {
		params := 0
		for _, p := range l.Params {
			params += p.Size()
		}
		return fmt.Sprintf("%s %v %d", l.Kind, l.Shape, params)
	}
	for _, l := range load(t, "resnet-cifar").Net.Layers {
		var from []string
		for _, in := range l.Inputs {
			from = append(from, row(in))
		}
		sort.Strings(from)
		got = append(got, row(l)+" <- "+strings.Join(from, ", "))
	}
	sort.Strings(want)
	sort.Strings(got)
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("layers are\n%s\n\nKeras printed\n%s", g, w)
	}
}
