package tracking

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// degradationStore has plain and residual nets of depth 20 and 56, two seeds each: the
// deeper plain one is worse, the deeper residual one better; one more plain run
// diverged, and a run in the trash would spoil every answer.
func degradationStore(t *testing.T) *Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "exp.db")
	s := open(t, path)
	train := func(shortcut string, depth int, seed int64, end float64, status string) *Run {
		t.Helper()
		r := start(t, s, NewRun{
			Name: fmt.Sprintf("%s-%d", shortcut, depth), Experiment: "net", Seed: seed, Epochs: 10, Shortcut: shortcut, Depth: depth,
			ParamsTotal: int64(depth) * 14000, ParamsTrainable: int64(depth) * 13500, MACs: int64(depth) * 2_000_000,
			GroupHash: fmt.Sprint(shortcut, depth), DataHash: "d", Version: "v1", GitCommit: "c",
			Params: []Param{{"optimizer.lr", 0.1}, {"model.unit.shortcut", shortcut}, {"seed", seed}},
		})
		for e := range 11 {
			err := 0.9 + (end-0.9)*float64(e)/10 + float64(seed)/1000
			metrics := []Metric{{"clean_train_err", err}, {"val_acc", 0.95 - err}}
			if e > 0 {
				metrics = append(metrics, Metric{"train_loss", 2 * err}, Metric{"grad_norm", 1 / float64(depth)}, Metric{"train_acc", 1 - err})
			}
			ok(t, r.Epoch(ctx, e, metrics))
		}
		ok(t, r.Finish(ctx, status, nil))
		return r
	}
	for seed := int64(1); seed <= 2; seed++ {
		train("none", 20, seed, 0.20, Done)
		train("none", 56, seed, 0.30, Done)
		train("identity", 20, seed, 0.18, Done)
		train("identity", 56, seed, 0.10, Done)
	}
	train("none", 56, 3, 0.80, Diverged)
	spoiled, err := s.Run(ctx, train("identity", 56, 1, 0.99, Done).ID)
	ok(t, err)
	ok(t, s.Trash(ctx, []Record{spoiled}, false))
	ok(t, s.Close())
	return reader(t, path)
}

// What the queries of docs/store.md must answer: a row that is among theirs, as SQLite
// writes it, and how many rows there are.
var storeAnswers = []struct {
	rows int
	has  string
}{
	{4, "net none 56 10 2 1 0.3015 0.0007 clean_train_err"},
	{2, "56 0.3015 0.1015 0.2 2 2"},
	{4, "56 2 0.2"},
	{1, "none 20 56 0.2015 0.3015 0.1"},
	{4, "identity 20 0.1815 0.2315 0.05"},
	{8, "identity-56 56 1 0.181 0.101 -0.08"},
	{8, "identity-56 identity 56 1 6"},
	{1, "none-56 none 56 3 diverged 10 <nil>"},
	{2, "none 0.1 4 0.2515"},
	{4, "20 identity 270000 40000000"},
	{40, "none 56 1 3 0.0179"},
	{2, "model.unit.shortcut identity none"},
}

func TestTheQueriesOfTheDocumentAnswer(t *testing.T) {
	text, err := os.ReadFile("../docs/store.md")
	ok(t, err)
	queries := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(queries) != len(storeAnswers) {
		t.Fatalf("%d queries, %d answers", len(queries), len(storeAnswers))
	}
	s := degradationStore(t)
	for i, q := range queries {
		got, err := s.Query(ctx, q[1])
		if err != nil {
			t.Errorf("query %d: %v", i+1, err)
			continue
		}
		var all strings.Builder
		for _, row := range got.Rows {
			line := fmt.Sprintln(row...)
			all.WriteString(line)
		}
		if want := storeAnswers[i]; len(got.Rows) != want.rows || !strings.Contains(all.String(), want.has) {
			t.Errorf("query %d: not %d rows with %q:\n%s", i+1, want.rows, want.has, &all)
		}
	}
}

// A pair of different data would say nothing about the shortcut.
func TestTheQueriesPairRunsOfTheSameData(t *testing.T) {
	text, err := os.ReadFile("../docs/store.md")
	ok(t, err)
	queries := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	path := filepath.Join(t.TempDir(), "exp.db")
	s := open(t, path)
	for shortcut, data := range map[string]string{"none": "d", "identity": "e"} {
		r := start(t, s, NewRun{Name: shortcut, Seed: 1, Epochs: 1, Shortcut: shortcut, Depth: 20, GroupHash: shortcut, DataHash: data})
		ok(t, r.Epoch(ctx, 1, []Metric{{"clean_train_err", 0.5}}))
		ok(t, r.Finish(ctx, Done, nil))
	}
	ok(t, s.Close())
	for _, i := range []int{1, 2} {
		got, err := reader(t, path).Query(ctx, queries[i][1])
		ok(t, err)
		if len(got.Rows) > 0 {
			t.Errorf("query %d pairs them: %v", i+1, got.Rows)
		}
	}
}

// Every table, view and column of the document is there, and every one that is there
// is in the document.
func TestTheDocumentNamesTheSchema(t *testing.T) {
	text, err := os.ReadFile("../docs/store.md")
	ok(t, err)
	s := degradationStore(t)
	got, err := s.Query(ctx, `
		SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite_%'`)
	ok(t, err)
	for _, row := range got.Rows {
		table, column := row[0].(string), row[1].(string)
		line := regexp.MustCompile("(?m)^\\| `" + table + "` \\|.*$").FindString(string(text))
		if !strings.Contains(line, "`"+column+"`") {
			t.Errorf("%s.%s is not in the document", table, column)
		}
	}
}
