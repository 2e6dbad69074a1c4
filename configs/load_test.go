package configs

import (
	"maps"
	"os"
	"reflect"
	"strings"
	"testing"

	"exp/data"
	"exp/internal/checktest"
	"exp/internal/source"
	"exp/runner/optim"
	"exp/runner/schedule"
)

// small is an experiment that the files of the tests extend.
const small = `
name: small
data: {dataset: synthetic}
model:
  stem: {type: conv, filters: 8}
  units: 2
  unit: {type: preact, shortcut: projection}
  stages:
    - {name: wide, filters: 8}
    - {name: deep, filters: 16, pool: max}
  head: classifier
optimizer: {type: adam, lr: 0.01, beta1: 0.8}
train: {epochs: 3}
`

// loadFiles loads x.yaml from files that are not on a disk; small.yaml is always among them.
func loadFiles(files map[string]string, o Options) (*Loaded, error) {
	all := map[string]string{"small.yaml": small}
	maps.Copy(all, files)
	return newLoader(func(path string) ([]byte, error) {
		if text, ok := all[path]; ok {
			return []byte(text), nil
		}
		return nil, &os.PathError{Op: "open", Path: path, Err: os.ErrNotExist}
	}).load("x.yaml", o)
}

func params(l *Loaded) map[string]any {
	all := map[string]any{}
	for _, p := range l.Params() {
		all[p.Key] = p.Value
	}
	return all
}

// absent marks a parameter that must not be there.
var absent = any(nil)

func TestWhatAnExperimentInherits(t *testing.T) {
	for _, test := range []struct {
		what  string
		files map[string]string
		want  map[string]any
	}{
		{
			"maps merge, scalars replace",
			map[string]string{"x.yaml": "extends: small.yaml\nname: heir\noptimizer: {lr: 0.5}"},
			map[string]any{"name": "heir", "optimizer": "adam", "optimizer.lr": 0.5, "optimizer.beta1": 0.8},
		},
		{
			"lists replace",
			map[string]string{"x.yaml": "extends: small.yaml\nmodel: {stages: [{filters: 4}]}"},
			map[string]any{"model.stages.0.filters": int64(4), "model.stages.1.filters": absent},
		},
		{
			"!replace drops what was inherited",
			map[string]string{"x.yaml": "extends: small.yaml\noptimizer: !replace {type: adam}"},
			map[string]any{"optimizer.lr": 0.001, "optimizer.beta1": 0.9},
		},
		{
			"a name replaces a map, and parameters merge into a name",
			map[string]string{
				"x.yaml":   "extends: mid.yaml\noptimizer: {lr: 0.5}",
				"mid.yaml": "extends: small.yaml\noptimizer: sgd",
			},
			map[string]any{"optimizer": "sgd", "optimizer.lr": 0.5, "optimizer.momentum": 0.9, "optimizer.beta1": absent},
		},
		{
			"a chain of files: the nearest wins",
			map[string]string{
				"x.yaml": "extends: a.yaml\ntrain: {epochs: 7}",
				"a.yaml": "extends: b.yaml\ntrain: {epochs: 5, batch: 16}",
				"b.yaml": "extends: small.yaml\ntrain: {epochs: 4, batch: 8}\nseed: 9",
			},
			map[string]any{"train.epochs": int64(7), "train.batch": int64(16), "seed": int64(9)},
		},
		{
			"a list of bases, each with its own keys",
			map[string]string{
				"x.yaml": "extends: [small.yaml, a.yaml]\nname: both",
				"a.yaml": "schedule: cosine\ndata: {limit: 100}",
			},
			map[string]any{"schedule": "cosine", "data.limit": int64(100), "train.epochs": int64(3)},
		},
		{
			"two bases with a common ancestor do not conflict over it",
			map[string]string{
				"x.yaml": "extends: [a.yaml, b.yaml]",
				"a.yaml": "extends: small.yaml\nseed: 5",
				"b.yaml": "extends: small.yaml\nschedule: cosine",
			},
			map[string]any{"seed": int64(5), "schedule": "cosine"},
		},
		{
			"files are looked for beside the one that names them",
			map[string]string{
				"x.yaml":     "extends: sub/a.yaml",
				"sub/a.yaml": "extends: b.yaml\nseed: 2",
				"sub/b.yaml": "extends: ../small.yaml\nseed: 1",
			},
			map[string]any{"name": "small", "seed": int64(2)},
		},
		{
			"a shipped experiment needs no file",
			map[string]string{"x.yaml": "extends: plain-cifar\nname: mine"},
			map[string]any{"name": "mine", "model.unit.shortcut": "none", "model.stem.filters": int64(32)},
		},
		{
			"a stage's Unit is merged over the model's",
			map[string]string{"x.yaml": "extends: small.yaml\nmodel: {stages: [{filters: 8}, {filters: 8, unit: {dropout: 0.5}}]}"},
			map[string]any{"model.unit.dropout": 0.0, "model.stages.0.unit": absent, "model.stages.1.unit": "preact", "model.stages.1.unit.dropout": 0.5, "model.stages.1.unit.shortcut": "projection"},
		},
		{
			"a stage's Unit of another type inherits what that type has too",
			map[string]string{"x.yaml": "extends: small.yaml\nmodel: {unit: {shortcut: none}, stages: [{filters: 8}, {filters: 8, unit: {type: postact}}]}"},
			map[string]any{"model.stages.1.unit": "postact", "model.stages.1.unit.shortcut": "none"},
		},
		{
			"a stage's Unit after !replace inherits nothing",
			map[string]string{"x.yaml": "extends: small.yaml\nmodel: {unit: {shortcut: none}, stages: [{filters: 8}, {filters: 8, unit: !replace {type: preact}}]}"},
			map[string]any{"model.stages.1.unit.shortcut": "identity"},
		},
		{
			"a stage's own number of Units, even none",
			map[string]string{"x.yaml": "extends: small.yaml\nmodel: {stages: [{filters: 8, units: 0}, {filters: 8}]}"},
			map[string]any{"model.units": int64(2), "model.stages.0.units": int64(0), "model.stages.1.units": absent},
		},
		{
			"anchors and merge keys",
			map[string]string{"x.yaml": "extends: small.yaml\nmodel: {stages: [&s {filters: 8, pool: max}, {<<: *s, filters: 12}, *s]}"},
			map[string]any{"model.stages.1.filters": int64(12), "model.stages.1.pool": "max", "model.stages.2.filters": int64(8)},
		},
		{
			"stages with Units of their own, instead of inherited ones",
			map[string]string{"x.yaml": "extends: small.yaml\nmodel: {stages: [{filters: 8, units: 1, unit: postact}]}"},
			map[string]any{"model.units": absent, "model.stages.0.units": int64(1), "model.stages.0.unit": "postact"},
		},
		{
			"no stages instead of inherited ones",
			map[string]string{"x.yaml": "extends: small.yaml\nmodel: {stages: []}"},
			map[string]any{"model.units": absent, "model.unit": absent},
		},
		{
			"a byte order mark and Windows line breaks",
			map[string]string{"x.yaml": "\uFEFFextends: small.yaml\r\nname: windows\r\n"},
			map[string]any{"name": "windows"},
		},
	} {
		t.Run(test.what, func(t *testing.T) {
			l, err := loadFiles(test.files, Options{})
			if err != nil {
				t.Fatal(err)
			}
			compare(t, l, test.want)
		})
	}
}

func TestOverrides(t *testing.T) {
	seed := int64(77)
	for _, test := range []struct {
		what    string
		options Options
		want    map[string]any
	}{
		{"a number", Options{Set: []string{"optimizer.lr=1e-3"}}, map[string]any{"optimizer.lr": 0.001, "optimizer.beta1": 0.8}},
		{"later wins", Options{Set: []string{"train.epochs=5", "train.epochs=6"}}, map[string]any{"train.epochs": int64(6)}},
		{"a name replaces parameters", Options{Set: []string{"optimizer=sgd"}}, map[string]any{"optimizer": "sgd", "optimizer.lr": 0.1}},
		{"a map merges", Options{Set: []string{"optimizer={lr: 0.2}"}}, map[string]any{"optimizer.lr": 0.2, "optimizer.beta1": 0.8}},
		{"a type alone keeps the other parameters", Options{Set: []string{"model.unit.shortcut=none", "model.unit.type=postact"}}, map[string]any{"model.unit": "postact", "model.unit.shortcut": "none"}},
		{"parameters of what was named only", Options{Set: []string{"data.dataset.train=100"}}, map[string]any{"data.dataset": "synthetic", "data.dataset.train": int64(100)}},
		{"what the file does not mention", Options{Set: []string{"schedule.warmup=2", "data.normalize.std=pixel"}}, map[string]any{"schedule": "constant", "schedule.warmup": 2.0, "data.normalize.std": "pixel"}},
		{"an item by number", Options{Set: []string{"model.stages.1.filters=24"}}, map[string]any{"model.stages.0.filters": int64(8), "model.stages.1.filters": int64(24)}},
		{"the last item", Options{Set: []string{"model.stages.last.units=1"}}, map[string]any{"model.stages.0.units": absent, "model.stages.1.units": int64(1)}},
		{"all items", Options{Set: []string{"model.stages.all.filters=5"}}, map[string]any{"model.stages.0.filters": int64(5), "model.stages.1.filters": int64(5)}},
		{"the Units of every item, instead of the file's", Options{Set: []string{"model.stages.all.units=3"}}, map[string]any{"model.units": absent, "model.stages.0.units": int64(3)}},
		{"an item by its name", Options{Set: []string{"model.stages.deep.unit.dropout=0.25"}}, map[string]any{"model.stages.0.unit": absent, "model.stages.1.unit.dropout": 0.25}},
		{"a list", Options{Set: []string{"model.stages=[{filters: 8}]", "data.augment=[flip]"}}, map[string]any{"model.stages.1.filters": absent, "data.augment.0": "flip"}},
		{"an item that is a name", Options{Set: []string{"data.augment=[flip]", "data.augment.0.probability=1"}}, map[string]any{"data.augment.0": "flip", "data.augment.0.probability": 1.0}},
		{"seed and name", Options{Set: []string{"seed=5"}, Seed: &seed, Name: "mine: 1"}, map[string]any{"seed": int64(77), "name": "mine: 1"}},
		{"a file, before single ones", Options{SetFiles: []string{"patch.yaml"}, Set: []string{"seed=6"}}, map[string]any{"seed": int64(6), "train.epochs": int64(9), "model.stages.0.filters": int64(4), "model.stages.1.filters": int64(16)}},
	} {
		t.Run(test.what, func(t *testing.T) {
			l, err := loadFiles(map[string]string{
				"x.yaml":     "extends: small.yaml",
				"patch.yaml": "seed: 5\ntrain: {epochs: 9}\nmodel.stages.wide.filters: 4",
			}, test.options)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, l, test.want)
		})
	}
}

func compare(t *testing.T, l *Loaded, want map[string]any) {
	t.Helper()
	got := params(l)
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s is %v (%T), want %v (%T)", key, got[key], got[key], value, value)
		}
	}
}

// TestNumbers holds the shipped nets against the numbers of the papers and of the original log.
func TestNumbers(t *testing.T) {
	for _, test := range []struct {
		name             string
		set              string
		depth            int
		trainable, fixed int64
	}{
		{"resnet-cifar", "", 26, 4_368_714, 5_824},
		{"plain-cifar", "", 26, 4_325_258, 5_824},
		{"he2015", "model.units=3", 20, 269_722, 1_376},
		{"he2015", "model.units=5", 32, 464_154, 2_272},
		{"he2015", "model.units=7", 44, 658_586, 3_168},
		{"he2015", "model.units=9", 56, 853_018, 4_064},
		{"he2015", "model.units=18", 110, 1_727_962, 8_096},
		{"he2015-plain", "model.units=18", 110, 1_727_962, 8_096},
	} {
		o := Options{}
		if test.set != "" {
			o.Set = []string{test.set}
		}
		l, err := Load("configs/"+test.name+".yaml", o)
		if err != nil {
			t.Fatal(err)
		}
		if _, trainable, fixed := l.Net.Count(); trainable != test.trainable || fixed != test.fixed || l.Net.Depth() != test.depth {
			t.Errorf("%s %s: depth %d, %d trainable, %d not; want %d, %d, %d", test.name, test.set, l.Net.Depth(), trainable, fixed, test.depth, test.trainable, test.fixed)
		}
	}
}

func TestTheResolvedFormIsTheSameExperiment(t *testing.T) {
	texts := map[string]string{
		"stages that differ": "extends: small.yaml\nmodel: {stages: [{name: a, filters: 8, units: 0}, {filters: 8, unit: {type: postact}}]}",
		"no stages":          "extends: small.yaml\nmodel: !replace {stem: {type: conv, filters: 4}, stages: [], head: classifier}",
		"odd text":           "extends: small.yaml\nname: \"a \\\"b\\\" \\u00e9: #\\x7f\\n\"\ninit: {from: 'yes'}",
		"odd numbers":        "extends: small.yaml\nseed: -9_223_372_036_854_775_808\noptimizer: {lr: 1e+300, epsilon: .5e-7}\ndata: {validation: 0.1}\ntrain: {clean_eval: 12}",
	}
	texts["all of training"] = "extends: small.yaml\ntrain: {epochs: 9, clip: {norm: 1.5}, accumulate: 2, early_stop: {patience: 3, metric: val_acc}}"
	texts["rates of layers"] = "extends: small.yaml\noptimizer: {layers: [{match: stem, lr_factor: 0}, {match: 'stages.*.bn1', lr_factor: 2}]}"
	texts["numbers to normalise by"] = "extends: small.yaml\ndata: {normalize: {mean: [0.5, 0.25, 1e-3], std: 0.5}}"
	for _, name := range Shipped() {
		texts[name] = "extends: " + name
	}
	for _, name := range optim.Optimizers.Names() {
		texts["optimizer "+name] = "extends: small.yaml\noptimizer: !replace {type: " + name + "}"
	}
	for _, name := range data.Augments.Names() {
		texts["augmentation "+name] = "extends: small.yaml\ndata: {augment: [" + name + "]}"
	}
	for _, e := range schedule.Schedules.Entries() {
		texts["schedule "+e.Name] = "extends: small.yaml\ntrain: {epochs: 3}\nschedule: !replace {type: " + e.Name + checktest.Required(e) + "}"
	}
	for what, text := range texts {
		t.Run(what, func(t *testing.T) {
			first, err := loadFiles(map[string]string{"x.yaml": text}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			again, err := loadFiles(map[string]string{"x.yaml": first.YAML(false)}, Options{})
			if err != nil {
				t.Fatalf("%v\n%s", err, first.YAML(false))
			}
			if first.Hash() != again.Hash() || first.YAML(false) != again.YAML(false) || !reflect.DeepEqual(first.Model.Stages, again.Model.Stages) {
				t.Errorf("read again, it is another experiment:\n%s\n%s", first.YAML(false), again.YAML(false))
			}
		})
	}
}

func TestHash(t *testing.T) {
	load := func(text string, set ...string) *Loaded {
		t.Helper()
		l, err := loadFiles(map[string]string{"x.yaml": text}, Options{Set: set})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	first := load("extends: small.yaml")
	for _, test := range []struct {
		what        string
		other       *Loaded
		same, group bool
	}{
		{"a default written out", load("extends: small.yaml\nschedule: constant"), true, true},
		{"the Units written at every stage", load(strings.ReplaceAll(strings.ReplaceAll(small, "  units: 2\n", ""), "filters: 8}\n    ", "filters: 8, units: 2}\n    "), "model.stages.1.units=2"), true, true},
		{"another seed", load("extends: small.yaml", "seed=2"), false, true},
		{"another name", load("extends: small.yaml", "name=other"), false, true},
		{"another stage's name", load("extends: small.yaml", "model.stages.0.name=other"), false, true},
		{"another learning rate", load("extends: small.yaml", "optimizer.lr=0.02"), false, false},
		{"another shortcut", load("extends: small.yaml", "model.unit.shortcut=none"), false, false},
	} {
		if same := first.Hash() == test.other.Hash(); same != test.same {
			t.Errorf("%s: same hash %v, want %v", test.what, same, test.same)
		}
		if group := first.GroupHash() == test.other.GroupHash(); group != test.group {
			t.Errorf("%s: same group %v, want %v", test.what, group, test.group)
		}
	}
}

func TestDiffMarksWhatDiffersFromTheBase(t *testing.T) {
	l, err := Load("plain-cifar", Options{Set: []string{"train.epochs=2"}})
	if err != nil {
		t.Fatal(err)
	}
	var marked []string
	for line := range strings.Lines(l.YAML(true)) {
		if !strings.HasPrefix(line, "  ") {
			marked = append(marked, strings.TrimSuffix(line, "\n"))
		}
	}
	want := []string{
		"- name: resnet-cifar", "+ name: plain-cifar",
		"-     shortcut: projection", "+     shortcut: none",
		"-   epochs: 50", "+   epochs: 2",
	}
	if !reflect.DeepEqual(marked, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(marked, "\n"), strings.Join(want, "\n"))
	}
}

func TestWhere(t *testing.T) {
	l, err := loadFiles(map[string]string{"x.yaml": "extends: small.yaml\nseed: 4"}, Options{Set: []string{"model.stages.deep.filters=32"}})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"seed":                         "x.yaml:2:7",
		"optimizer.lr":                 "small.yaml:12:29",
		"optimizer.epsilon":            "small.yaml:12:12", // not written: the map around it
		"model.stages.1.filters":       "--set #1",
		"model.stages.1.unit.shortcut": "small.yaml:7:34",
		"model.stages.0.filters":       "small.yaml:9:29",
	} {
		if got := l.Where(path).String(); got != want {
			t.Errorf("%s was written at %s, want %s", path, got, want)
		}
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	for _, test := range []struct{ path, text, want string }{
		{"x.yaml", strings.Repeat("# a line of a large file\n", 50_000), "x.yaml: the file is larger than 1024 KiB; this is no experiment\n1 mistake; nothing was run"},
		{"x.yaml", "a: [" + strings.Repeat("[],", 150_000) + "]", "the text holds more than 100000 values"},
		{"y.yaml", "", `there is no such file`},
	} {
		_, err := loadFiles(map[string]string{test.path: test.text}, Options{})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %.300v, want %s", err, test.want)
		}
	}
	_, err := Load("resnet_cifar", Options{})
	want := "resnet_cifar: there is no such file; did you mean \"resnet-cifar\"?\n   shipped experiments: best-cifar, fast-cifar, he2015, he2015-110, he2015-plain, he2016-preact-164, he2016-shortcuts, plain-cifar, quickstart, resnet-cifar, wrn-16-4, wrn-28-10\n1 mistake; nothing was run"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

// FuzzLoad puts any text, with any override, through the whole reader. It may complain, at places inside the texts, but
// not panic; and what it accepts, it accepts again in its resolved form.
func FuzzLoad(f *testing.F) {
	for _, name := range Shipped() {
		text, err := shipped.ReadFile(name + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), "model.stages.last.units=2")
	}
	entries, err := os.ReadDir("testdata/bad")
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".yaml") {
			text, err := os.ReadFile("testdata/bad/" + e.Name())
			if err != nil {
				f.Fatal(err)
			}
			set := "seed=1"
			if m := option.FindSubmatch(text); m != nil {
				set = string(m[2])
			}
			f.Add(string(text), set)
		}
	}
	f.Add(small, "model.stages.all.unit.shortcut=!replace {type: none}")
	f.Fuzz(func(t *testing.T, text, set string) {
		l, err := loadFiles(map[string]string{"x.yaml": text}, Options{Set: []string{set}})
		if err != nil {
			problems := err.(*source.Problems)
			for _, d := range problems.List() {
				inside(t, d.Span)
			}
			problems.Render()
			return
		}
		again, err := loadFiles(map[string]string{"x.yaml": l.YAML(false)}, Options{})
		if err != nil {
			t.Fatalf("%v\n%s", err, l.YAML(false))
		}
		if again.Hash() != l.Hash() {
			t.Fatalf("read again, it is another experiment:\n%s\n%s", l.YAML(false), again.YAML(false))
		}
	})
}
