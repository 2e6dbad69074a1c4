package tracking

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"exp/tracking/filter"
)

// filterRun is a run as an evaluator in Go sees it.
type filterRun struct {
	letter string
	NewRun
	status string
	epochs []map[string]float64
}

var inf = math.Inf(1)

// filterRuns are the runs a to f of the store that expressions are tried on; they
// start a day apart from 2026-03-01 09:30 on.
var filterRuns = []filterRun{
	{"a", NewRun{Name: "resnet", Experiment: "res", Seed: 1, Epochs: 3, Shortcut: "projection", Depth: 20, MACs: 1000, GitCommit: "abc", Tags: []string{"deg1", "keep"},
		Params: []Param{{"optimizer.lr", 0.1}, {"train.batch", 128}, {"model.unit", "preact"}, {"model.unit.bias", true}, {"data.validation", "test"}}}, Done,
		[]map[string]float64{{"val_acc": 0.1, "val_loss": 2.3}, {"val_acc": 0.8, "val_loss": 0.7, "train_acc": 0.7}, {"val_acc": 0.9, "val_loss": 0.5, "train_acc": 0.85}, {"val_acc": 0.85, "val_loss": 0.6, "train_acc": 0.9}}},
	{"b", NewRun{Name: "resnet", Experiment: "res", Seed: 2, Epochs: 3, Shortcut: "projection", Depth: 56, MACs: 3000, GitCommit: "abc", GitDirty: true, Tags: []string{"deg1"},
		Params: []Param{{"optimizer.lr", 0.05}, {"train.batch", 64}, {"model.unit", "preact"}, {"model.unit.bias", false}, {"data.validation", 0.1}}}, Done,
		[]map[string]float64{{"val_acc": 0.1, "val_loss": 2.3, "clean_train_err": 0.9}, {"val_acc": 0.7, "val_loss": 0.9, "clean_train_err": 0.2}, {"val_acc": 0.95, "val_loss": 0.3, "clean_train_err": 0.05}}},
	{"c", NewRun{Name: "plain", Experiment: "plain", Seed: 1, Epochs: 3, Shortcut: "none", Depth: 20, MACs: 900, Tags: []string{"deg1", "odd, one"},
		Params: []Param{{"optimizer.lr", 0.1}, {"train.batch", 128}, {"model.unit", "postact"}, {"model.unit.bias", true}}}, Done,
		[]map[string]float64{{"val_acc": 0.1, "val_loss": 2.4}, {"val_acc": 0.5, "val_loss": 1.4}, {"val_acc": 0.6, "val_loss": 1.1}, {"val_acc": 0.65, "val_loss": 1.0}}},
	{"d", NewRun{Name: "plain", Experiment: "plain", Seed: 2, Epochs: 3, Shortcut: "none", Depth: 56, MACs: 2900,
		Params: []Param{{"optimizer.lr", 1}, {"train.batch", 128}, {"model.unit", "postact"}, {"train.clean_eval", "all"}}}, Diverged,
		[]map[string]float64{{"val_acc": 0.1, "val_loss": 2.3}, {"val_acc": 0.2, "val_loss": math.NaN(), "train_loss": inf}}},
	{"e", NewRun{Name: "it's \"odd\"", Experiment: "5", Seed: 10, Epochs: 200, Tags: []string{"5"},
		Params: []Param{{"optimizer.lr", 1e-4}, {"model.unit", "5"}, {"train.clean_eval", 100}}}, Failed, nil},
	{"f", NewRun{Name: "naïve 100%", Experiment: "x", Seed: -3, Epochs: 3, Shortcut: "identity", Depth: 44,
		Params: []Param{{"optimizer.lr", 3}, {"train.batch", 5}}}, Interrupted,
		[]map[string]float64{{"val_acc": 0.3, "val_loss": -inf, "train_loss": math.NaN()}, {"val_acc": 0.3, "val_loss": 1.5, "train_loss": 2}}},
}

// filterStore is a store of filterRuns, with the letters of their ids.
func filterStore(t testing.TB) (*Store, map[string]string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "exp.db")
	now := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	s, err := Open(ctx, path, Env{Host: "here", Now: func() time.Time { return now }})
	ok(t, err)
	letters := map[string]string{}
	for _, f := range filterRuns {
		r := start(t, s, f.NewRun)
		letters[r.ID] = f.letter
		for n, metrics := range f.epochs {
			var list []Metric
			for name, v := range metrics {
				list = append(list, Metric{name, v})
			}
			ok(t, r.Epoch(ctx, n, list))
		}
		ok(t, r.Finish(ctx, f.status, nil))
		now = now.Add(24 * time.Hour)
	}
	ok(t, s.Close())
	return reader(t, path), letters
}

// chosen are the letters of the runs that a filter gives, in its order.
func chosen(t testing.TB, s *Store, letters map[string]string, f Filter) string {
	t.Helper()
	runs, err := s.List(ctx, f)
	if err != nil {
		t.Errorf("%+v: %v", f, err)
		return "?"
	}
	var b strings.Builder
	for _, r := range runs {
		b.WriteString(letters[r.ID])
	}
	return b.String()
}

func sortedLetters(s string) string {
	letters := strings.Split(s, "")
	slices.Sort(letters)
	return strings.Join(letters, "")
}

func TestConditionsChooseRuns(t *testing.T) {
	s, letters := filterStore(t)
	for _, c := range []struct{ where, want string }{
		// columns of text
		{"shortcut = none", "cd"},
		{"shortcut != none", "abef"}, // e has none: it is not equal
		{"shortcut = 'none'", "cd"},
		{`shortcut = "none"`, "cd"},
		{"shortcut in (none, identity)", "cdf"},
		{"shortcut not in (none, identity)", "abe"},
		{"shortcut ~ ^p", "ab"},
		{"shortcut ~ '(none|identity)$'", "cdf"},
		{"not shortcut ~ ^p", "cdef"},
		{"shortcut > none", "ab"},
		{"name = 'it''s \"odd\"'", "e"},
		{`name = "it's ""odd"""`, "e"},
		{"name ~ odd", "e"},
		{"name = 'naïve 100%'", "f"},
		{"name ~ 'ïve'", "f"},
		{"name = nothing", ""},
		{"experiment = 5", "e"},
		{"experiment ~ 5", "e"},
		{"status = diverged", "d"},
		{"status in (failed, diverged)", "de"},
		{"status != done", "def"},
		// columns of numbers
		{"depth = 20", "ac"},
		{"depth = 20.0", "ac"},
		{"depth >= 44", "bdf"},
		{"depth > 44", "bd"},
		{"depth < 44", "ac"},
		{"depth <= 44", "acf"},
		{"depth > 4.4e1", "bd"},
		{"depth != 20", "bdef"},
		{"not depth > 44", "acef"},
		{"depth in (20, 44)", "acf"},
		{"seed = -3", "f"},
		{"seed < 0", "f"},
		{"seed in (1, 10, -3)", "acef"},
		{"epochs_planned > 100", "e"},
		{"macs >= 1000 and macs < 3000", "ad"},
		{"seconds < inf", "abcdef"},
		{"seconds = nan", ""},
		// true or false
		{"git_dirty = true", "b"},
		{"git_dirty = false", "a"},
		{"git_dirty != true", "acdef"},
		// times
		{"started_at >= 2026-03-04", "def"},
		{"started_at > 2026-03-04", "ef"},
		{"started_at <= 2026-03-02", "ab"},
		{"started_at = 2026-03-02", "b"},
		{"started_at = 2026-03", "abcdef"},
		{"started_at > 2026", ""},
		{"started_at = '2026-03-02 09:30'", "b"},
		{"started_at < 2026-03-02T09:30Z", "a"},
		{"started_at in (2026-03-01, 2026-03-06)", "af"},
		{"ended_at ~ ^2026-03-05", "e"},
		// parameters
		{"optimizer.lr = 0.1", "ac"},
		{"optimizer.lr = 1e-1", "ac"},
		{"optimizer.lr = 1", "d"},
		{"optimizer.lr = 1.0", "d"},
		{"optimizer.lr < 0.1", "be"},
		{"optimizer.lr > 0.5", "df"},
		{"optimizer.lr in (0.0001, 3)", "ef"},
		{"train.batch = 128", "acd"},
		{"train.batch != 128", "bef"},
		{"train.batch < 100", "bf"}, // as numbers, not as text
		{"model.unit = preact", "ab"},
		{"model.unit = 5", "e"},
		{"model.unit ~ act$", "abcd"},
		{"model.unit < postact", "e"},
		{"model.unit.bias = true", "ac"},
		{"model.unit.bias != true", "bdef"},
		{"data.validation = test", "a"},
		{"data.validation = 0.1", "b"},
		{"data.validation > 0", "b"}, // text is not a number
		{"data.validation ~ .", "a"},
		{"data.validation in (test, 0.1)", "ab"},
		{"train.clean_eval = all", "d"},
		{"train.clean_eval >= 100", "e"},
		// metrics
		{"val_acc.last = 0.85", "a"},
		{"val_acc.max > 0.85", "ab"},
		{"val_acc.best > 0.85", "ab"},
		{"val_loss.best < 0.6", "ab"},
		{"val_loss.best = val_loss.min", "!"},
		{"val_loss.min <= 1.0", "abc"},
		{"val_acc.min = 0.3", "f"},
		{"val_acc.first = 0.1", "abcd"},
		{"val_acc.at(1) >= 0.5", "abc"},
		{"val_acc.at( 1 ) >= 0.5", "abc"},
		{"val_acc.at(3) > 0", "ac"},
		{"val_acc.at(3) != 0.85", "bcdef"},
		{"train_acc.first = 0.7", "a"},
		{"train_acc.at(0) > 0", ""},
		{"val_acc.max@epoch = 2", "ab"},
		{"val_acc.max@epoch < 2", "df"},
		{"val_loss.best@epoch = 2", "ab"},
		{"val_acc.last@epoch >= 3", "ac"},
		{"train_acc.first@epoch = 1", "a"},
		{"val_loss.last = nan", "d"},
		{"val_loss.last != nan", "abcef"},
		{"val_loss.last > 0", "abcf"}, // nan is not
		{"val_loss.first = -inf", "f"},
		{"val_loss.first < -1000", "f"},
		{"val_loss.min < 0", ""}, // of finite values
		{"train_loss.last = inf", "d"},
		{"train_loss.last >= 1e300", "d"},
		{"train_loss.first = nan", "f"},
		{"train_loss.last in (nan, 2, inf)", "df"},
		{"val_acc.last < inf", "abcdf"},
		{"train_err <= 0.1", "ab"},
		{"train_err = 0.05", "b"},
		// tags
		{"tag = deg1", "abc"},
		{"tag != deg1", "def"},
		{"tag = deg1 and tag = keep", "a"},
		{"tag in (keep, 5)", "ae"},
		{"tag = 5", "e"},
		{"tag = 'odd, one'", "c"},
		{"tag ~ ^deg", "abc"},
		{"not tag ~ .", "df"},
		// and, or, not
		{"shortcut = none and depth >= 44 and (val_acc.max > 0.85 or status = diverged)", "d"},
		{"shortcut = none or shortcut = projection and depth = 56", "bcd"}, // and binds tighter
		{"(shortcut = none or shortcut = projection) and depth = 56", "bd"},
		{"not shortcut = none and depth = 56", "b"}, // not binds tightest
		{"not (shortcut = none and depth = 56)", "abcef"},
		{"not not depth = 20", "ac"},
		{"((((depth = 20))))", "ac"},
		{"DEPTH = 20", "!"},
		{"depth = 20 AND NOT shortcut = none", "a"},
		{"depth=20and", "!"},
		{"depth=20 and shortcut!=none", "a"},
		{"\tdepth\n=\n20 ", "ac"},
	} {
		if c.want == "!" {
			if runs, err := s.List(ctx, Filter{Where: c.where}); !errors.As(err, new(*filter.Error)) {
				t.Errorf("%s: %d runs and the error %v", c.where, len(runs), err)
			}
			continue
		}
		if got := sortedLetters(chosen(t, s, letters, Filter{Where: c.where})); got != c.want {
			t.Errorf("%s: %q, want %q", c.where, got, c.want)
		}
		if n, err := s.Count(ctx, Filter{Where: c.where}); err != nil || n != len(c.want) {
			t.Errorf("%s: %d counted (%v), want %d", c.where, n, err, len(c.want))
		}
	}
}

func TestSortsPutWhatIsMissingLast(t *testing.T) {
	s, letters := filterStore(t)
	for sort, want := range map[string]string{
		"":                                "fedcba",
		"depth":                           "cafdbe",
		"-depth":                          "dbfcae",
		"seed,-depth":                     "fcadbe",
		"-val_acc.max":                    "bacfde",
		"val_loss.last":                   "bacfed", // nan is no number
		"-val_loss.first":                 "cdbafe",
		"name , started_at":               "efcdab",
		"-optimizer.lr":                   "fdcabe",
		"val_acc.max@epoch, -val_acc.max": "fdbace",
		"train_err":                       "bafedc",
		"status, -seed":                   "dbcaef",
	} {
		if got := chosen(t, s, letters, Filter{Sort: sort}); got != want {
			t.Errorf("%s: %s, want %s", sort, got, want)
		}
	}
}

func TestColumnsAreShownAsTheyAreKept(t *testing.T) {
	s, _ := filterStore(t)
	got, err := s.Select(ctx, Filter{Where: "depth >= 20", Sort: "started_at"},
		"name, depth as d, tag, model.unit.bias, val_loss.last, val_acc.max @ epoch, val_acc.at(1) as 'one epoch', git_dirty, data.validation")
	ok(t, err)
	var heads []string
	for _, c := range got.Columns {
		heads = append(heads, c.Name)
	}
	if want := []string{"name", "d", "tag", "model.unit.bias", "val_loss.last", "val_acc.max @ epoch", "one epoch", "git_dirty", "data.validation"}; !slices.Equal(heads, want) {
		t.Errorf("columns %q, want %q", heads, want)
	}
	want := [][]any{
		{"resnet", int64(20), "deg1,keep", "true", 0.6, int64(2), 0.8, int64(0), "test"},
		{"resnet", int64(56), "deg1", "false", 0.3, int64(2), 0.7, int64(1), 0.1},
		{"plain", int64(20), "deg1,odd, one", "true", 1.0, int64(3), 0.5, nil, nil},
		{"plain", int64(56), nil, nil, math.NaN(), int64(1), 0.2, nil, nil},
		{"naïve 100%", int64(44), nil, nil, 1.5, int64(0), 0.3, nil, nil},
	}
	if fmt.Sprint(got.Rows) != fmt.Sprint(want) {
		t.Errorf("rows\n%v, want\n%v", got.Rows, want)
	}
}

func TestMistakesInConditionsAreShownWithTheirPlace(t *testing.T) {
	s, _ := filterStore(t)
	for _, c := range []struct{ text, marked, says string }{
		{"shortcutt = none", "shortcutt", `unknown name "shortcutt"`},
		{"depth >= 44 and lr = 0.1", "lr", `lr is a metric; say which value of it: .last`},
		{"batch = 128", "batch", `unknown name "batch"`},
		{"val_acc > 0.9", "val_acc", "val_acc is a metric; say which value of it"},
		{"val_acc.maximum > 0.9", "val_acc.maximum", `"maximum" is no value of a metric`},
		{"val_acc.at > 0.9", ">", "after val_acc.at goes an epoch: .at(10)"},
		{"val_acc.at(x) > 0.9", "x", "an epoch goes here, a whole number from 0"},
		{"val_acc.at(1 > 0.9", ">", "a ) goes here"},
		{"depth@epoch = 1", "@", "only .last .best .max .min and .first of a metric have an epoch"},
		{"val_acc.max@time = 1", "time", "after @ goes `epoch`"},
		{"depth = deep", "deep", `depth is a number, and "deep" is none`},
		{"optimizer.lr = fast", "fast", `optimizer.lr is a number, and "fast" is none`},
		{"val_acc.max > good", "good", `val_acc.max is a number, and "good" is none`},
		{"val_acc.last > nan", "nan", "nan is not less or greater than anything; write = nan"},
		{"val_acc.max = nan", "nan", "val_acc.max is of finite values; val_acc.last can be nan"},
		{"model.unit > 5", "5", "model.unit is text, and 5 a number; quote it to compare as text"},
		{"depth ~ 5", "5", "depth is a number: ~ looks into text"},
		{"name ~ '('", "'('", "not a regular expression: missing closing ): `(`"},
		{"status = finished", "finished", "status is one of queued, running, done"},
		{"git_dirty = maybe", "maybe", `git_dirty is true or false, not "maybe"`},
		{"started_at > yesterday", "yesterday", `started_at is a time (UTC), not "yesterday"; write 2026-01-31`},
		{"tag > a", "a", "tags have no order; write = != ~ or in"},
		{"  ", "", "the condition is empty"},
		{"depth", "", "after depth goes one of = != < <= > >= ~ in"},
		{"depth 20", "20", "after depth goes one of"},
		{"depth =", "", "a value goes here"},
		{"depth = and", "and", "a value goes here; quote"},
		{"depth = (20)", "(", `a value goes here, not "("; quote one that has it`},
		{"depth == 20", "==", "write ="},
		{"depth <> 20", "<>", "write !="},
		{"depth = 20 && seed = 1", "&&", "write `and`"},
		{"depth = 20 || seed = 1", "||", "write `or`"},
		{"!depth = 20", "!", "write `not`"},
		{"depth = 20 seed = 1", "seed", "`and` or `or` goes here"},
		{"depth = 20)", ")", "nothing was opened for this )"},
		{"(depth = 20", "(", "this ( is not closed"},
		{"depth in 20", "20", "after `in` goes a list: (VALUE, VALUE)"},
		{"depth in (20 44)", "44", "a comma or ) goes here"},
		{"depth in ()", ")", "a value goes here"},
		{"'depth' = 20", "'depth'", "a name goes here, without quotes"},
		{"= 20", "=", "a name goes here"},
		{"name = 'open", "'open", "the quote does not end"},
		{"depth = 20; DROP TABLE runs", ";", `";" does not go here`},
		{"name = \x01", "\x01", "there is an invisible character here"},
		{strings.Repeat("(", 60) + "depth = 20" + strings.Repeat(")", 60), "(", "more than 50 levels of ( and not"},
		{strings.Repeat("not ", 60) + "depth = 20", "not", "more than 50 levels of ( and not"},
		{"seed in (1" + strings.Repeat(", 1", 600) + ")", "1", "more than 500 values"},
		{strings.Repeat("x", 1<<17), "", "an expression of more than 64 kB"},
		{"name = \xff", "", "this is not UTF-8"},
	} {
		_, err := s.List(ctx, Filter{Where: c.text})
		var fault *filter.Error
		if !errors.As(err, &fault) {
			t.Errorf("%.80s: the error is %v", c.text, err)
			continue
		}
		if !strings.HasPrefix(fault.Problem, c.says) || fault.Text != "" && fault.Text[fault.At:fault.At+fault.Len] != c.marked && fault.Text == c.text {
			t.Errorf("%.80s: marked %q: %s", c.text, fault.Text[fault.At:fault.At+fault.Len], fault.Problem)
		}
	}
}

// Values and names that would be SQL, if they became part of a statement.
func TestSQLCannotBeInjected(t *testing.T) {
	s, letters := filterStore(t)
	attacks := []string{`' OR 1=1 --`, `"; DROP TABLE runs; --`, `x') OR ('1'='1`, `$1`, `?`, `:a`, "`", `[id]`, `' UNION SELECT * FROM runs --`, "\x00", `\`, `%`, `_`}
	for _, a := range attacks {
		value := `'` + strings.ReplaceAll(a, `'`, `''`) + `'`
		for _, where := range []string{"name = " + value, "tag = " + value, "model.unit = " + value, "name in (" + value + ")"} {
			if got := chosen(t, s, letters, Filter{Where: where}); got != "" {
				t.Errorf("%s: chose %s", where, got)
			}
		}
		for _, f := range []Filter{{Where: a + " = 1"}, {Where: "depth = " + a}, {Sort: a}, {Sort: "depth " + a}} {
			if runs, err := s.List(ctx, f); err == nil && len(runs) > 0 {
				t.Errorf("%+v: gave %d runs", f, len(runs))
			} else if err != nil && !errors.As(err, new(*filter.Error)) {
				t.Errorf("%+v: %v", f, err)
			}
		}
		if _, err := s.Select(ctx, Filter{}, "depth as "+value); err != nil && a != "" && !errors.As(err, new(*filter.Error)) {
			t.Errorf("as %s: %v", value, err)
		}
	}
	if got := chosen(t, s, letters, Filter{}); got != "fedcba" {
		t.Errorf("left are %s", got)
	}
}

// has is what a name stands for in a run: nothing, one value, or several (tags).
func (f filterRun) has(name string) []any {
	series := func(metric string) (epochs []int, values []float64) {
		for n, m := range f.epochs {
			if v, ok := m[metric]; ok {
				epochs, values = append(epochs, n), append(values, v)
			}
		}
		return epochs, values
	}
	switch name {
	case "name":
		return []any{f.Name}
	case "experiment":
		return []any{f.Experiment}
	case "status":
		return []any{f.status}
	case "seed":
		return []any{float64(f.Seed)}
	case "shortcut":
		if f.Shortcut == "" {
			return nil
		}
		return []any{f.Shortcut}
	case "depth":
		if f.Depth == 0 {
			return nil
		}
		return []any{float64(f.Depth)}
	case "tag":
		var all []any
		for _, tag := range f.Tags {
			all = append(all, tag)
		}
		return all
	}
	if metric, rest, ok := strings.Cut(name, "."); ok && strings.HasPrefix(metric, "val_") || strings.HasPrefix(metric, "train_l") {
		rest, epoch := strings.CutSuffix(rest, "@epoch")
		epochs, values := series(metric)
		at := -1
		for i, v := range values {
			finite := !math.IsNaN(v) && !math.IsInf(v, 0)
			switch {
			case rest == "last", rest == "first" && at < 0,
				rest == fmt.Sprintf("at(%d)", epochs[i]),
				rest == "min" && finite && (at < 0 || v < values[at]),
				rest == "max" && finite && (at < 0 || v > values[at]):
				at = i
			}
		}
		switch {
		case at < 0:
			return nil
		case epoch:
			return []any{float64(epochs[at])}
		}
		return []any{values[at]}
	}
	for _, p := range f.Params {
		if p.Key != name {
			continue
		}
		switch v := p.Value.(type) {
		case int:
			return []any{float64(v)}
		case bool:
			return []any{strconv.FormatBool(v)}
		default:
			return []any{v}
		}
	}
	return nil
}

// holds compares a value of a run with one that was written.
func holds(have any, op, written string) bool {
	number, err := strconv.ParseFloat(written, 64)
	switch h := have.(type) {
	case float64:
		if err != nil || op == "~" {
			return false
		}
		switch op {
		case "=":
			return h == number || math.IsNaN(h) && math.IsNaN(number)
		case "<":
			return h < number
		case "<=":
			return h <= number
		case ">":
			return h > number
		case ">=":
			return h >= number
		}
	case string:
		switch op {
		case "=":
			return h == written
		case "~":
			return regexp.MustCompile(written).MatchString(h)
		case "<":
			return h < written
		case "<=":
			return h <= written
		case ">":
			return h > written
		case ">=":
			return h >= written
		}
	}
	panic("holds " + op)
}

// randomCondition makes an expression and its meaning.
func randomCondition(r *rand.Rand, depth int) (string, func(filterRun) bool) {
	if depth > 0 && r.IntN(3) > 0 {
		a, isA := randomCondition(r, depth-1)
		b, isB := randomCondition(r, depth-1)
		switch r.IntN(4) {
		case 0:
			return "(" + a + ") and (" + b + ")", func(f filterRun) bool { return isA(f) && isB(f) }
		case 1:
			return "(" + a + ") or (" + b + ")", func(f filterRun) bool { return isA(f) || isB(f) }
		case 2:
			return "not (" + a + ")", func(f filterRun) bool { return !isA(f) }
		}
		c, isC := randomCondition(r, 0)
		d, isD := randomCondition(r, 0)
		e, isE := randomCondition(r, 0)
		return "not " + c + " or " + d + " and " + e, func(f filterRun) bool { return !isC(f) || isD(f) && isE(f) }
	}
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	var name, op string
	values := []string{"none", "preact", "resnet", "plain", "deg1", "keep", "done", "a", "'it''s \"odd\"'", "true", "test", "5"}
	ops := []string{"=", "=", "!=", "in", "~"}
	switch r.IntN(4) {
	case 0: // text
		name = pick("name", "experiment", "shortcut", "tag", "model.unit", "model.unit.bias")
	case 1:
		name, values = "status", []string{"done", "diverged", "failed", "queued"}
	case 2: // numbers
		name = pick("seed", "depth", "optimizer.lr", "train.batch")
		values, ops = []string{"1", "2", "-3", "20", "44.5", "56", "0.1", "1e-4", "128", "inf", "-inf"}, []string{"=", "!=", "<", "<=", ">", ">=", "in"}
	case 3:
		name = pick("val_acc", "val_loss", "train_loss") + "." + pick("last", "first", "min", "max", "at(0)", "at(1)", "at(2)", "last@epoch", "first@epoch", "min@epoch", "max@epoch")
		values, ops = []string{"0", "0.1", "0.3", "0.5", "0.85", "2.3", "1", "2", "3", "inf", "-inf"}, []string{"=", "!=", "<", "<=", ">", ">=", "in"}
	}
	op = pick(ops...)
	written := []string{pick(values...)}
	text := name + " " + op + " " + written[0]
	if op == "in" {
		for range r.IntN(3) {
			written = append(written, pick(values...))
		}
		text = name + " in (" + strings.Join(written, ", ") + ")"
	}
	if op == "~" {
		written = []string{pick("^p", "a", "t$", "e.d", "5", "[0-9]", "'^(none|resnet)$'")}
		text = name + " ~ " + written[0]
	}
	return text, func(f filterRun) bool {
		found := false
		for _, have := range f.has(name) {
			for _, w := range written {
				if strings.HasPrefix(w, "'") {
					w = strings.ReplaceAll(w[1:len(w)-1], "''", "'")
				}
				compare := map[string]string{"in": "=", "!=": "="}[op]
				if compare == "" {
					compare = op
				}
				found = found || holds(have, compare, w)
			}
		}
		return found != (op == "!=")
	}
}

func TestRandomConditionsMeanWhatAnEvaluatorSays(t *testing.T) {
	s, letters := filterStore(t)
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		text, holds := randomCondition(r, 3)
		want := ""
		for _, f := range filterRuns {
			if holds(f) {
				want += f.letter
			}
		}
		if got := sortedLetters(chosen(t, s, letters, Filter{Where: text})); got != want {
			t.Fatalf("seed %d: %s: %q, want %q", seed, text, got, want)
		}
	}
}

func FuzzFilter(f *testing.F) {
	s, _ := filterStore(f)
	for _, text := range []string{
		"shortcut = none and depth >= 44 and (val_acc.max > 0.85 or status = diverged)", "name ~ '^(a|b)$' or not tag in (x, 'y z')",
		"val_loss.at(3)@epoch = nan", "-val_acc.max, depth as \"d\"", "started_at > 2026-03-01", "((", "'", "$1", "optimizer.lr in (0.1, text)",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, do := range []func() error{
			func() error { _, err := s.List(ctx, Filter{Where: text}); return err },
			func() error { _, err := s.List(ctx, Filter{Sort: text}); return err },
			func() error { _, err := s.Select(ctx, Filter{}, text); return err },
		} {
			err := do()
			var fault *filter.Error
			if text == "" || err == nil {
				continue
			}
			if !errors.As(err, &fault) {
				t.Fatalf("%q: %v", text, err)
			}
			_ = fault.Error()
		}
	})
}
