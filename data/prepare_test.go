package data

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// uneven is a data set of so many training examples in each class, class after class, and as many to test; the first
// pixel of an example is its number.
type uneven []int

func (u uneven) Info(Env) (Info, error) {
	n := 0
	for _, k := range u {
		n += k
	}
	return Info{Name: "uneven", Classes: make([]string, len(u)), H: 2, W: 1, C: 1, Train: n, Test: n}, nil
}

func (u uneven) Load(context.Context, Env) (*Set, error) {
	info, _ := u.Info(Env{})
	s := Split{N: info.Train, H: 2, W: 1, C: 1}
	for label, n := range u {
		for range n {
			s.Labels = append(s.Labels, int32(label))
			s.Pixels = append(s.Pixels, uint8(len(s.Labels)-1), uint8(label*40))
		}
	}
	test := s
	test.Pixels = slices.Clone(s.Pixels)
	for i := range test.Pixels {
		test.Pixels[i] += 9
	}
	return &Set{Info: info, Train: s, Test: test, From: "/elsewhere"}, nil
}

func prepare(t *testing.T, cfg Config, seed int64) *Prepared {
	t.Helper()
	if cfg.Normalize.Mean.Over == "" {
		cfg.Normalize = Normalize{Statistic{Over: "none"}, Statistic{Over: "none"}, "train"}
	}
	p, err := Prepare(t.Context(), cfg, seed, Env{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// count tells how many examples of each class there are.
func count(s *Source) string {
	n := make([]int, 3)
	for i := range s.Len() {
		n[s.Label(i)]++
	}
	return fmt.Sprint(n)
}

func TestSplitsKeepTheShareOfEveryClass(t *testing.T) {
	for _, c := range []struct {
		name       string
		classes    uneven
		validation string
		limit      int
		train, val string
	}{
		{"the test part", uneven{20, 20, 20}, "test", 0, "[20 20 20]", "[20 20 20]"},
		{"a fraction", uneven{20, 20, 20}, "0.1", 0, "[18 18 18]", "[2 2 2]"},
		{"a number", uneven{20, 20, 20}, "9", 0, "[17 17 17]", "[3 3 3]"},
		{"a number that is not shared evenly", uneven{20, 20, 20}, "4", 0, "[18 19 19]", "[2 1 1]"},
		{"a limit", uneven{20, 20, 20}, "test", 30, "[10 10 10]", "[20 20 20]"},
		{"a limit on what a split has left", uneven{20, 20, 20}, "6", 54, "[18 18 18]", "[2 2 2]"},
		{"classes of different sizes", uneven{40, 20, 10}, "7", 21, "[12 6 3]", "[4 2 1]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := Config{Dataset: c.classes, Limit: c.limit}
			if err := cfg.Validation.UnmarshalText([]byte(c.validation)); err != nil {
				t.Fatal(err)
			}
			p := prepare(t, cfg, 1)
			if got := count(p.Train); got != c.train {
				t.Errorf("trains on %s, not %s", got, c.train)
			}
			if got := count(p.Val); got != c.val {
				t.Errorf("validates on %s, not %s", got, c.val)
			}
			if c.validation != "test" {
				for _, i := range p.Val.index {
					if slices.Contains(p.Train.index, i) {
						t.Errorf("example %d is trained and validated on", i)
					}
				}
			}
			if again := prepare(t, cfg, 1); !slices.Equal(again.Train.index, p.Train.index) || !slices.Equal(again.Val.index, p.Val.index) {
				t.Error("the same seed gives another split")
			}
			if c.validation != "test" || c.limit > 0 {
				if other := prepare(t, cfg, 2); slices.Equal(other.Train.index, p.Train.index) {
					t.Error("another seed gives the same split")
				}
			}
		})
	}
}

func TestValidationIsWrittenAsItIsRead(t *testing.T) {
	for text, want := range map[string]string{
		"test": "test", "0.1": "0.1", "5000": "5000", "1e-2": "0.01",
		"0": "", "1.5": "", "-3": "", "nan": "", "train": "", "": "", "1.0": "",
	} {
		var v Validation
		err := v.UnmarshalText([]byte(text))
		if want == "" {
			if err == nil {
				t.Errorf("%q is read as %v", text, v)
			}
			continue
		}
		if err != nil || v.String() != want {
			t.Errorf("%q is read as %v, %v", text, v, err)
		}
	}
}

func TestStatisticsAreOfWhatIsTrainedOn(t *testing.T) {
	mean := func(s *Source) (m float64) {
		x := make([]float32, 2)
		for i := range s.Len() {
			s.Example(x, i)
			m += float64(x[0]) / float64(s.Len())
		}
		return m
	}
	for _, c := range []struct {
		name     string
		cfg      Config
		val      bool // validation examples have their own mean 0 too
		validate Validation
	}{
		{"by training", Config{Normalize: Normalize{Statistic{Over: "pixel"}, Statistic{Over: "pixel"}, "train"}}, false, Validation{}},
		{"the test part by its own", Config{Normalize: Normalize{Statistic{Over: "pixel"}, Statistic{Over: "pixel"}, "own"}}, true, Validation{}},
		{"with a limit", Config{Normalize: Normalize{Statistic{Over: "pixel"}, Statistic{Over: "pixel"}, "train"}, Limit: 12}, false, Validation{}},
		{"a split by training", Config{Normalize: Normalize{Statistic{Over: "pixel"}, Statistic{Over: "pixel"}, "train"}}, false, Validation{Count: 10}},
		{"a split by its own", Config{Normalize: Normalize{Statistic{Over: "pixel"}, Statistic{Over: "pixel"}, "own"}}, true, Validation{Count: 10}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cfg.Dataset, c.cfg.Validation = uneven{20, 20, 20}, c.validate
			p := prepare(t, c.cfg, 3)
			if m := mean(p.Train); math.Abs(m) > 1e-6 {
				t.Errorf("the mean of the training examples is %g", m)
			}
			if m := mean(p.Val); (math.Abs(m) < 1e-6) != c.val {
				t.Errorf("the mean of the validation examples is %g", m)
			}
		})
	}
}

func TestDataDir(t *testing.T) {
	t.Run("that is not there", func(t *testing.T) {
		_, err := Prepare(t.Context(), Config{Dataset: uneven{5}, Dir: filepath.Join(t.TempDir(), "no")}, 1, Env{})
		if err == nil || !strings.Contains(err.Error(), "look into data.dir: ") {
			t.Error(err)
		}
	})
	t.Run("that is of no use", func(t *testing.T) {
		var said []string
		dir := t.TempDir()
		_, err := Prepare(t.Context(), Config{Dataset: uneven{5}, Dir: dir}, 1, Env{Warn: func(s string) { said = append(said, s) }})
		want := []string{"data.dir: " + dir + " has no files of uneven; those of /elsewhere are used"}
		if err != nil || !slices.Equal(said, want) {
			t.Errorf("%v, %q", err, said)
		}
	})
}

func TestSyntheticIsTheSameEverywhere(t *testing.T) {
	d, _ := Datasets.New("synthetic")
	set, err := d.Load(t.Context(), Env{})
	if err != nil {
		t.Fatal(err)
	}
	const want = "3af9bdb9be19141f42c2071a73196eb58b80782870d11c42b713584621e7e370"
	if set.Hash != want {
		t.Errorf("its hash is %s, not %s", set.Hash, want)
	}
	more, err := (&Synthetic{Train: 30, Test: 10, Seed: 1, Noise: 48}).Load(t.Context(), Env{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(more.Train.Pixels, set.Train.Pixels[:len(more.Train.Pixels)]) {
		t.Error("the number of pictures changes the pictures")
	}
	if other, _ := (&Synthetic{Train: 30, Test: 10, Seed: 2, Noise: 48}).Load(t.Context(), Env{}); slices.Equal(other.Train.Pixels, more.Train.Pixels) {
		t.Error("the seed changes nothing")
	}
}

func TestEveryDatasetIsWhatItsInfoSays(t *testing.T) {
	env := Env{Offline: true, Dir: picturesFolder(t), Dirs: filepath.SplitList(os.Getenv("EXP_TEST_CIFAR10"))}
	for _, name := range Datasets.Names() {
		t.Run(name, func(t *testing.T) {
			d, _ := Datasets.New(name)
			info, err := d.Info(env)
			if err != nil {
				t.Fatal(err)
			}
			set, err := d.Load(t.Context(), env)
			if err != nil {
				t.Skip(err) // its files are not on this machine
			}
			if info.Name != name || fmt.Sprint(set.Info) != fmt.Sprint(info) {
				t.Errorf("read %v, said %v", set.Info, info)
			}
			for i, s := range []Split{set.Train, set.Test} {
				if n := []int{info.Train, info.Test}[i]; s.N != n || len(s.Labels) != n || len(s.Pixels) != n*info.H*info.W*info.C {
					t.Errorf("part %d has %d examples, %d labels, %d pixels", i, s.N, len(s.Labels), len(s.Pixels))
				}
				if last := slices.Max(s.Labels); int(last) != len(info.Classes)-1 || slices.Min(s.Labels) != 0 {
					t.Errorf("part %d has labels up to %d", i, last)
				}
			}
		})
	}
}
