package tracking

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var ctx = context.Background()

func testEnv() Env { return Env{Host: "here", Now: time.Now} }

func open(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(ctx, path, testEnv())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func reader(t testing.TB, path string) *Store {
	t.Helper()
	s, err := OpenReader(ctx, path, testEnv())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func start(t testing.TB, s *Store, n NewRun) *Run {
	t.Helper()
	if n.Experiment == "" {
		n.Experiment = "quickstart"
	}
	r, err := s.Start(ctx, n)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestMain lets the test binary be the other process that a test needs.
func TestMain(m *testing.M) {
	if path := os.Getenv("EXP_TEST_WRITER"); path != "" {
		if err := writer(path, os.Getenv("EXP_TEST_FOREVER") != ""); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// writer is another process: it records a run and says on standard output which
// epochs the store has acknowledged.
func writer(path string, forever bool) error {
	s, err := Open(ctx, path, testEnv())
	if err != nil {
		return err
	}
	r, err := s.Start(ctx, NewRun{Experiment: "other", Epochs: writerEpochs})
	if err != nil {
		return err
	}
	fmt.Println(r.ID)
	for n := 0; n < writerEpochs || forever; n++ {
		if err := r.Epoch(ctx, n, []Metric{{"train_loss", 1 / float64(n+1)}, {"val_acc", float64(n)}}); err != nil {
			return err
		}
		fmt.Println(n)
	}
	return r.Finish(ctx, Done, nil)
}

const writerEpochs = 25

func otherProcess(path string, env ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), append(env, "EXP_TEST_WRITER="+path)...)
	return cmd
}

func TestEightProcessesWriteOneStoreFromItsFirstMomentOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs", "exp.db")
	const processes = 8
	done := make(chan error, processes)
	for range processes {
		go func() {
			out, err := otherProcess(path).CombinedOutput()
			if err != nil {
				err = fmt.Errorf("%w: %s", err, out)
			}
			done <- err
		}()
	}
	for range processes {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	s := reader(t, path)
	got, err := s.Query(ctx, `SELECT status, count(*), sum(epochs_done) FROM runs GROUP BY status`)
	ok(t, err)
	want := [][]any{{"done", int64(processes), int64(processes * (writerEpochs - 1))}}
	if !reflect.DeepEqual(got.Rows, want) {
		t.Errorf("runs: %v, want %v", got.Rows, want)
	}
	got, err = s.Query(ctx, `SELECT count(*) FROM metrics`)
	ok(t, err)
	if n := got.Rows[0][0]; n != int64(processes*writerEpochs*2) {
		t.Errorf("%v metrics, want %d", n, processes*writerEpochs*2)
	}
}

func TestAKilledRunKeepsItsEpochsAndIsSeenAsInterrupted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "exp.db")
	cmd := otherProcess(path, "EXP_TEST_FOREVER=1")
	out, err := cmd.StdoutPipe()
	ok(t, err)
	ok(t, cmd.Start())
	var id string
	var epoch int
	if _, err := fmt.Fscanln(out, &id); err != nil {
		t.Fatal(err)
	}
	for epoch < 10 {
		if _, err := fmt.Fscanln(out, &epoch); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := reader(t, path).Run(ctx, id); err != nil || r.Status != Running {
		t.Errorf("while it runs: status %q, %v", r.Status, err)
	}
	ok(t, cmd.Process.Kill())
	for { // what it had acknowledged before the kill reached it
		if _, err := fmt.Fscanln(out, &epoch); err != nil {
			break
		}
	}
	cmd.Wait()

	look := reader(t, path)
	r, err := look.Run(ctx, id)
	ok(t, err)
	if r.Status != Interrupted || r.EpochsDone < int64(epoch) {
		t.Errorf("a look: status %q after %d epochs, want interrupted after at least %d", r.Status, r.EpochsDone, epoch)
	}
	points, err := look.Metrics(ctx, id)
	ok(t, err)
	if len(points) < 2*(epoch+1) {
		t.Errorf("%d numbers of %d acknowledged epochs", len(points), epoch+1)
	}
	for query, want := range map[string]string{
		`SELECT status FROM runs`:                      Interrupted, // to anybody who looks through exp
		`SELECT status FROM main.runs`:                 Running,     // a look writes nothing
		`SELECT count(*) || '' FROM events`:            "1",
		`SELECT quick_check FROM pragma_quick_check()`: "ok",
	} {
		if got, err := look.Query(ctx, query); err != nil || got.Rows[0][0] != want {
			t.Errorf("%s: %v, %v; want %s", query, got, err, want)
		}
	}
	if got, err := look.List(ctx, Filter{Statuses: []string{Interrupted}}); err != nil || len(got) != 1 {
		t.Errorf("listing the interrupted: %v, %v", got, err)
	}

	open(t, path) // a writer records it
	got, err := reader(t, path).Query(ctx, `SELECT status, error, ended_at FROM main.runs`)
	ok(t, err)
	if want := [][]any{{Interrupted, "its process died", nil}}; !reflect.DeepEqual(got.Rows, want) {
		t.Errorf("after a writer came: %v, want %v", got.Rows, want)
	}
}

func TestOnlyARunThatStoppedGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "exp.db")
	now := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	s, err := Open(ctx, path, Env{Host: "here", Now: func() time.Time { return now }})
	ok(t, err)
	defer s.Close()
	r, err := s.Start(ctx, NewRun{Name: "cut", Epochs: 3})
	ok(t, err)
	if _, err := s.Resume(ctx, r.ID, "", false); err == nil || !strings.Contains(err.Error(), "is it under way") {
		t.Errorf("while it runs: %v", err)
	}
	now = now.Add(10 * time.Second)
	ok(t, r.Epoch(ctx, 1, []Metric{{"val_acc", 0.5}}))
	ok(t, r.Finish(ctx, Interrupted, errors.New("Ctrl-C")))
	now = now.Add(time.Hour) // counts for nothing
	r, err = s.Resume(ctx, r.ID, "its version was v1 and is v2", false)
	ok(t, err)
	now = now.Add(5 * time.Second)
	ok(t, r.Epoch(ctx, 2, []Metric{{"val_acc", 0.4}}))
	ok(t, r.Finish(ctx, Done, nil))
	if _, err := s.Resume(ctx, r.ID, "", false); err == nil || !strings.Contains(err.Error(), "neither interrupted nor failed") {
		t.Errorf("a run that is done: %v", err)
	}
	got, err := s.Query(ctx, `SELECT status, seconds, epochs_done, error FROM runs`)
	ok(t, err)
	if want := [][]any{{Done, 15.0, int64(2), nil}}; !reflect.DeepEqual(got.Rows, want) {
		t.Errorf("%v, want %v", got.Rows, want)
	}
	got, err = s.Query(ctx, `SELECT kind, text FROM events ORDER BY id`)
	ok(t, err)
	if want := [][]any{{"started", ""}, {Interrupted, "Ctrl-C"}, {"resumed", "its version was v1 and is v2"}, {Done, ""}}; !reflect.DeepEqual(got.Rows, want) {
		t.Errorf("%v, want %v", got.Rows, want)
	}
}

func TestARunElsewhereIsNotCalledDead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "exp.db")
	s := open(t, path)
	r := start(t, s, NewRun{})
	there, err := OpenReader(ctx, path, Env{Host: "there", Now: time.Now})
	ok(t, err)
	defer there.Close()
	if got, err := there.Run(ctx, r.ID); err != nil || got.Status != Unknown {
		t.Errorf("seen from another host: %q, %v", got.Status, err)
	}
	ok(t, os.RemoveAll(r.Dir))
	if got, err := reader(t, path).Run(ctx, r.ID); err != nil || got.Status != Unknown {
		t.Errorf("without its folder: %q, %v", got.Status, err)
	}
	open(t, path)
	if got, err := s.Query(ctx, `SELECT status FROM runs`); err != nil || got.Rows[0][0] != Running {
		t.Errorf("after another writer came: %v, %v", got, err)
	}
}

func TestARunIsRecordedWhole(t *testing.T) {
	now := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	env := Env{Host: "here", Now: func() time.Time { now = now.Add(time.Second); return now }}
	path := filepath.Join(t.TempDir(), "exp.db")
	s, err := Open(ctx, path, env)
	ok(t, err)
	defer s.Close()
	r, err := s.Start(ctx, NewRun{
		Name: "mine", Experiment: "resnet-cifar", Config: "name: resnet-cifar\n", Seed: 7, Epochs: 2,
		Shortcut: "projection", Depth: 26, ParamsTotal: 4374538, ParamsTrainable: 4368714, MACs: 123,
		ConfigHash: "c", GroupHash: "g", Threads: 2, CPU: "a cpu", Version: "v1", GitCommit: "abc", GitDirty: false,
		Params: []Param{{"train.epochs", 2}, {"optimizer.lr", 0.001}, {"model.bias", true}, {"data.dataset", "cifar10"}, {"seed", int64(7)}},
		Tags:   []string{"b", "a", "b"},
	})
	ok(t, err)
	ok(t, r.SetDataHash(ctx, "d"))
	ok(t, r.Epoch(ctx, 0, []Metric{{"val_acc", 0.1}}))
	ok(t, r.Epoch(ctx, 1, []Metric{{"val_acc", 0.5}}))
	weights := filepath.Join(r.Dir, "best.safetensors")
	ok(t, os.WriteFile(weights, []byte("hello"), 0o666))
	ok(t, r.Artifact(ctx, "weights", weights))
	ok(t, os.WriteFile(weights, []byte("hello again"), 0o666))
	ok(t, r.Artifact(ctx, "weights", weights))
	ok(t, r.LayerStats(ctx, 1, []LayerStat{{"stem.conv", 0, "grad_norm", 0.5}, {"head", 9, "grad_norm", math.NaN()}}))
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	ok(t, r.Finish(cancelled, Interrupted, errors.New("Ctrl-C")))

	got, err := s.Run(ctx, r.ID)
	ok(t, err)
	var row strings.Builder
	for _, f := range got.Fields()[1:] {
		fmt.Fprintf(&row, "%s=%v ", f.Name, f.Value)
	}
	want := "name=mine experiment=resnet-cifar status=interrupted started_at=2026-02-03T04:05:07.000Z ended_at=2026-02-03T04:05:17.000Z " +
		"seconds=12 seed=7 epochs_done=1 epochs_planned=2 shortcut=projection depth=26 params_total=4374538 " +
		"params_trainable=4368714 macs=123 config_hash=c group_hash=g data_hash=d threads=2 cpu=a cpu version=v1 " +
		"git_commit=abc git_dirty=0 host=here parent_id=<nil> error=Ctrl-C "
	if row.String() != want {
		t.Errorf("row\n%s\nwant\n%s", row.String(), want)
	}
	params, err := s.Params(ctx, r.ID)
	ok(t, err)
	if want := []Param{{"data.dataset", "cifar10"}, {"model.bias", "true"}, {"optimizer.lr", 0.001}, {"seed", int64(7)}, {"train.epochs", int64(2)}}; !reflect.DeepEqual(params, want) {
		t.Errorf("params %v, want %v", params, want)
	}
	artifacts, err := s.Artifacts(ctx, r.ID)
	ok(t, err)
	const sum = "3908c567feda72bc0dbdb2dff040fe0d3470dcd51b942374378a476930dbf6b3"
	if len(artifacts) != 1 || artifacts[0].Path != "best.safetensors" || artifacts[0].Bytes != 11 || artifacts[0].SHA256 != sum {
		t.Errorf("artifacts %v", artifacts)
	}
	tags, err := s.Tags(ctx, r.ID)
	ok(t, err)
	if !reflect.DeepEqual(tags, []string{"a", "b"}) {
		t.Errorf("tags %v", tags)
	}
	events, err := s.Events(ctx, r.ID)
	ok(t, err)
	if len(events) != 2 || events[0].Kind != "started" || events[1].Text != "Ctrl-C" {
		t.Errorf("events %v", events)
	}
	if config, err := s.Config(ctx, r.ID); err != nil || config != "name: resnet-cifar\n" {
		t.Errorf("config %q, %v", config, err)
	}
	layers, err := s.Query(ctx, `SELECT layer, position, name, value FROM layer_stats ORDER BY position`)
	ok(t, err)
	if want := [][]any{{"stem.conv", int64(0), "grad_norm", 0.5}, {"head", int64(9), "grad_norm", nil}}; !reflect.DeepEqual(layers.Rows, want) {
		t.Errorf("layer_stats %v, want %v", layers.Rows, want)
	}
}

func TestWhatCannotBeRecordedIsRefused(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "exp.db"))
	r := start(t, s, NewRun{})
	ok(t, r.Epoch(ctx, 1, []Metric{{"val_acc", 0.5}}))
	for what, err := range map[string]error{
		"an epoch twice":      r.Epoch(ctx, 1, []Metric{{"val_acc", 0.9}}),
		"a metric twice":      r.Epoch(ctx, 2, []Metric{{"val_acc", 0.9}, {"val_acc", 0.9}}),
		"a missing file":      r.Artifact(ctx, "weights", filepath.Join(r.Dir, "nothing")),
		"a status of its own": r.Finish(ctx, "finished", nil),
	} {
		if err == nil {
			t.Errorf("%s was recorded", what)
		}
		if errors.As(err, new(*UnavailableError)) {
			t.Errorf("%s is blamed on the store: %v", what, err)
		}
	}
	if _, err := s.Start(ctx, NewRun{Experiment: "x", Params: []Param{{"a", []int{1}}}}); err == nil {
		t.Error("a list was taken as a parameter's value")
	}
	got, err := s.Query(ctx, `SELECT (SELECT count(*) FROM runs), epochs_done, last, max, (SELECT count(*) FROM metrics) FROM runs JOIN summary ON run_id = id`)
	ok(t, err)
	if want := [][]any{{int64(1), int64(1), 0.5, 0.5, int64(1)}}; !reflect.DeepEqual(got.Rows, want) {
		t.Errorf("left behind: %v, want %v", got.Rows, want)
	}
}

func TestNaNAndInfinityAreKept(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "exp.db"))
	r := start(t, s, NewRun{})
	for epoch, v := range []float64{2, math.NaN(), 1, math.Inf(1), math.Inf(-1)} {
		ok(t, r.Epoch(ctx, epoch, []Metric{{"train_loss", v}, {"never", math.NaN()}}))
	}
	got, err := s.Query(ctx, `SELECT value, kind FROM metrics WHERE name = 'train_loss' ORDER BY epoch`)
	ok(t, err)
	want := [][]any{{2.0, "finite"}, {nil, "nan"}, {1.0, "finite"}, {nil, "+inf"}, {nil, "-inf"}}
	if !reflect.DeepEqual(got.Rows, want) {
		t.Errorf("stored %v, want %v", got.Rows, want)
	}
	points, err := s.Metrics(ctx, r.ID)
	ok(t, err)
	var back []string
	for _, p := range points {
		if p.Name == "train_loss" {
			back = append(back, fmt.Sprint(p.Value))
		}
	}
	if got := strings.Join(back, " "); got != "2 NaN 1 +Inf -Inf" {
		t.Errorf("read back %s", got)
	}
	sums, err := s.Summaries(ctx, []string{r.ID})
	ok(t, err)
	loss := sums[r.ID]["train_loss"]
	if value, epoch := loss.Best(); value != 1 || epoch != 2 || loss.Max != 2 || !math.IsInf(loss.Last, -1) || loss.LastEpoch != 4 {
		t.Errorf("summary %+v", loss)
	}
	if never := sums[r.ID]["never"]; !math.IsNaN(never.Min) || !math.IsNaN(never.Max) || !math.IsNaN(never.Last) {
		t.Errorf("summary %+v", never)
	}
	rows, err := s.Query(ctx, `SELECT epoch, train_loss FROM epochs ORDER BY epoch`)
	ok(t, err)
	if want := [][]any{{int64(0), 2.0}, {int64(1), nil}, {int64(2), 1.0}, {int64(3), nil}, {int64(4), nil}}; !reflect.DeepEqual(rows.Rows, want) {
		t.Errorf("view epochs %v", rows.Rows)
	}
}

func TestTheSummaryIsWhatTheMetricsSay(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "exp.db"))
	for seed := range 5 {
		r := start(t, s, NewRun{Seed: int64(seed)})
		for epoch := range 20 {
			wave := math.Round(10*math.Sin(float64(epoch*(seed+3)))) / 10 // with ties
			ok(t, r.Epoch(ctx, epoch, []Metric{{"val_acc", wave}, {"train_loss", -wave * wave}}))
		}
		ok(t, r.Finish(ctx, Done, nil))
	}
	got, err := s.Query(ctx, `
		SELECT s.run_id, s.name FROM summary s
		JOIN (SELECT run_id, name, min(value) AS least, max(value) AS most, max(epoch) AS final FROM metrics GROUP BY run_id, name) m
			ON m.run_id = s.run_id AND m.name = s.name
		WHERE s.min <> least OR s.max <> most OR s.last_epoch <> final
			OR s.last <> (SELECT value FROM metrics WHERE run_id = s.run_id AND name = s.name AND epoch = final)
			OR s.min_epoch <> (SELECT min(epoch) FROM metrics WHERE run_id = s.run_id AND name = s.name AND value = least)
			OR s.max_epoch <> (SELECT min(epoch) FROM metrics WHERE run_id = s.run_id AND name = s.name AND value = most)`)
	ok(t, err)
	if len(got.Rows) > 0 {
		t.Errorf("summaries that disagree: %v", got.Rows)
	}
	if got, err := s.Query(ctx, `SELECT count(*) FROM summary`); err != nil || got.Rows[0][0] != int64(10) {
		t.Errorf("%v summaries, want 10 (%v)", got.Rows, err)
	}
}

func TestDegradationViewComparesGroups(t *testing.T) {
	path := filepath.Join(t.TempDir(), "exp.db")
	s := open(t, path)
	add := func(group, shortcut string, depth int, status string, metrics ...Metric) {
		r := start(t, s, NewRun{GroupHash: group, Shortcut: shortcut, Depth: depth, Epochs: 1})
		ok(t, r.Epoch(ctx, 1, metrics))
		ok(t, r.Finish(ctx, status, nil))
	}
	add("p56", "none", 56, Done, Metric{"clean_train_err", 0.10}, Metric{"train_acc", 0.5}, Metric{"val_acc", 0.8})
	add("p56", "none", 56, Done, Metric{"clean_train_err", 0.14}, Metric{"train_acc", 0.5}, Metric{"val_acc", 0.9})
	add("p56", "none", 56, Diverged, Metric{"clean_train_err", 0.9})
	add("p20", "none", 20, Done, Metric{"train_acc", 0.75}, Metric{"val_acc", 0.7})
	add("r20", "zero-pad", 20, Failed)
	const query = `SELECT shortcut, depth, n, unfinished, train_err_measure, round(train_err_mean, 6), round(train_err_sd, 6),
		round(val_acc_mean, 6), round(val_acc_sd, 6) FROM degradation ORDER BY group_hash`
	got, err := s.Query(ctx, query)
	ok(t, err)
	want := [][]any{
		{"none", int64(20), int64(1), int64(0), "1 - train_acc", 0.25, nil, 0.7, nil},
		{"none", int64(56), int64(2), int64(1), "clean_train_err", 0.12, 0.028284, 0.85, 0.070711},
		{"zero-pad", int64(20), int64(0), int64(1), nil, nil, nil, nil, nil},
	}
	if !reflect.DeepEqual(got.Rows, want) {
		t.Errorf("degradation %v, want %v", got.Rows, want)
	}
	if look, err := reader(t, path).Query(ctx, query); err != nil || !reflect.DeepEqual(look.Rows, want) {
		t.Errorf("read-only %v, %v", look, err)
	}
	if tool, err := exec.LookPath("sqlite3"); err == nil {
		out, err := exec.Command(tool, path, query).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "none|56|2|1|clean_train_err|0.12|0.028284|0.85|0.070711") {
			t.Errorf("the sqlite3 program says %s (%v)", out, err)
		}
	}
}

func TestReferencesToRuns(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	path := filepath.Join(t.TempDir(), "exp.db")
	s, err := Open(ctx, path, Env{Host: "here", Now: func() time.Time { return now }})
	ok(t, err)
	defer s.Close()
	var ids []string
	for i, name := range []string{"plain", "residual", "plain"} {
		now = now.Add(time.Hour)
		r := start(t, s, NewRun{Name: name})
		ok(t, r.Epoch(ctx, 1, []Metric{{"val_acc", []float64{0.3, 0.9, math.NaN()}[i]}, {"val_loss", float64(3 - i)}}))
		ok(t, r.Finish(ctx, Done, nil))
		ids = append(ids, r.ID)
	}
	if !(ids[0] < ids[1] && ids[1] < ids[2]) {
		t.Errorf("ids do not sort by time: %v", ids)
	}
	for _, c := range []struct{ ref, want string }{
		{ids[1], ids[1]},
		{ids[1][:9], ids[1]},
		{strings.ToUpper(ids[1]), ids[1]},
		{"residual", ids[1]},
		{"plain", ids[2] + " " + ids[0]},
		{"@last", ids[2]},
		{"@last-2", ids[0]},
		{"@best:val_acc", ids[1]},
		{"@best:val_loss", ids[2]},
		{"@last-3", `@last-3: there are only 3 runs`},
		{"@first", `@first: neither`},
		{"@best:val_ac", `@best:val_ac: no run has a metric "val_ac"`},
		{"plane", `no run "plane"`},
		{"%", `no run "%"`},
		{"", `no run ""`},
		{ids[0][:2], `"` + ids[0][:2] + `" is the start of 3 ids; write more of it:`},
	} {
		found, err := s.Find(ctx, c.ref)
		got := make([]string, len(found))
		for i, r := range found {
			got[i] = r.ID
		}
		said := strings.Join(got, " ")
		if err != nil {
			said = err.Error()
		}
		if !strings.HasPrefix(said, c.want) {
			t.Errorf("%q: %s, want %s", c.ref, said, c.want)
		}
	}
}

func TestAUsersQueryCannotChangeAnything(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "exp.db")
	s := open(t, path)
	r := start(t, s, NewRun{Name: "kept"})
	ok(t, r.Finish(ctx, Done, nil))
	look := reader(t, path)
	const refused = "the store can only be read here"
	for query, want := range map[string]string{
		`DELETE FROM runs`:                        refused,
		`INSERT INTO tags VALUES ('a', 'b')`:      refused,
		`UPDATE runs SET name = 'x' RETURNING id`: refused,
		`WITH x AS (SELECT 1) DELETE FROM runs`:   refused,
		`DROP TABLE runs`:                         refused,
		`CREATE TABLE t (x)`:                      refused,
		`CREATE TEMP TABLE t (x)`:                 refused,
		`ATTACH '` + dir + `/new.db' AS n`:        refused,
		`VACUUM INTO '` + dir + `/new.db'`:        refused,
		`VACUUM`:                                  refused,
		`PRAGMA query_only = 0`:                   refused,
		`PRAGMA writable_schema = 1`:              refused,
		`PRAGMA journal_mode = DELETE`:            refused,
		`PRAGMA user_version = 9`:                 refused,
		`PRAGMA wal_checkpoint(TRUNCATE)`:         refused,
		`REINDEX`:                                 refused,
		`BEGIN IMMEDIATE`:                         refused,
		`SELECT load_extension('x')`:              "not authorized",
		`SELECT 1; DELETE FROM runs`:              "one statement at a time",
		`SELECT ';' /* ; */; -- over`:             "",
		`SELECT nme FROM runs`:                    "no such column: nme",
		`SELEC 1`:                                 `near "SELEC": syntax error`,
		` -- nothing`:                             "the query is empty",
		`EXPLAIN QUERY PLAN SELECT * FROM runs`:   "",
		`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT max(i) FROM n`: "",
		`SELECT name FROM pragma_table_info('runs')`:                                                       "",
		`PRAGMA table_info(runs)`:                                "",
		`SELECT name, row_number() OVER (ORDER BY id) FROM runs`: "",
		`SELECT * FROM degradation`:                              "",
	} {
		_, err := look.Query(ctx, query)
		said := ""
		if err != nil {
			said = err.Error()
		}
		if want == "" && err != nil || !strings.HasPrefix(said, want) {
			t.Errorf("%s: %q, want %q", query, said, want)
		}
		if err != nil && !errors.As(err, new(*QueryError)) {
			t.Errorf("%s: not the query's own mistake: %T", query, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "new.db")); err == nil {
		t.Error("a query made a file")
	}
	if got, err := s.Query(ctx, `SELECT name FROM runs`); err != nil || got.Rows[0][0] != "kept" {
		t.Errorf("the run is gone: %v, %v", got, err)
	}
}

func TestStoresThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	make := func(name string, statements ...string) string {
		path := filepath.Join(dir, name)
		db := connect(dsn(path))
		defer db.Close()
		for _, q := range statements {
			if _, err := db.Exec(q); err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	text := filepath.Join(dir, "notes.txt")
	ok(t, os.WriteFile(text, []byte(strings.Repeat("not a database\n", 100)), 0o666))
	newer := filepath.Join(dir, "newer.db")
	open(t, newer).Close()
	make("newer.db", `PRAGMA user_version = 99`)
	for _, c := range []struct{ path, want string }{
		{text, "not an SQLite file"},
		{make("music.db", `CREATE TABLE songs (x)`), "the SQLite file of another program"},
		{make("maps.db", `PRAGMA application_id = 5`, `CREATE TABLE runs (x)`), "the SQLite file of another program"},
		{newer, "its schema 99 is newer than this program's"},
		{filepath.Join(text, "exp.db"), ""},
	} {
		before, _ := os.ReadFile(c.path)
		for how, open := range map[string]func(context.Context, string, Env) (*Store, error){"writing": Open, "reading": OpenReader} {
			_, err := open(ctx, c.path, testEnv())
			if !errors.As(err, new(*UnavailableError)) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s %s: %v, want %q", how, filepath.Base(c.path), err, c.want)
			}
		}
		if after, _ := os.ReadFile(c.path); string(before) != string(after) {
			t.Errorf("%s was changed", filepath.Base(c.path))
		}
	}
	_, err := OpenReader(ctx, filepath.Join(dir, "none.db"), testEnv())
	if err == nil || !strings.Contains(err.Error(), "there is no such file") {
		t.Errorf("a store that is not there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "none.db")); err == nil {
		t.Error("looking made a store")
	}
}

func TestAnOlderStoreIsCopiedAsideAndMigrated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "exp.db")
	s := open(t, path)
	r := start(t, s, NewRun{Name: "old"})
	ok(t, r.Finish(ctx, Done, nil))
	steps := append(migrations(), `ALTER TABLE runs ADD COLUMN mood TEXT; UPDATE runs SET mood = 'good'`)
	if err := s.migrate(ctx, append(migrations(), `ALTER TABLE runs ADD COLUMN half TEXT; SELECT nonsense`)); err == nil {
		t.Fatal("a migration that fails was taken for good")
	}
	ok(t, s.migrate(ctx, steps))
	ok(t, s.migrate(ctx, steps)) // nothing left to do
	got, err := s.Query(ctx, `SELECT name, mood, (SELECT user_version FROM pragma_user_version()), (SELECT count(*) FROM pragma_table_info('runs') WHERE name = 'half') FROM runs`)
	ok(t, err)
	if want := [][]any{{"old", "good", int64(len(steps)), int64(0)}}; !reflect.DeepEqual(got.Rows, want) {
		t.Errorf("migrated %v, want %v", got.Rows, want)
	}
	copies, _ := filepath.Glob(path + ".schema*")
	if len(copies) == 0 {
		t.Fatal("no copy of the older store")
	}
	db := connect(dsn(copies[len(copies)-1], "mode", "ro"))
	defer db.Close()
	var name string
	var version, columns int
	ok(t, db.QueryRow(`SELECT name, (SELECT user_version FROM pragma_user_version()), (SELECT count(*) FROM pragma_table_info('runs') WHERE name = 'mood') FROM runs`).Scan(&name, &version, &columns))
	if name != "old" || version != len(migrations()) || columns != 0 {
		t.Errorf("the copy holds %s, schema %d, %d new columns", name, version, columns)
	}
}

func TestTheSchemaIsAsPublished(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "exp.db"))
	rows, err := collect(ctx, s, "", func(r *sql.Rows) (text string, err error) {
		err = r.Scan(&text)
		return text, err
	}, `SELECT type || ' ' || name || char(10) || sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type, name`)
	ok(t, err)
	got := strings.Join(rows, "\n\n") + "\n"
	const golden = "testdata/schema.golden"
	if *update {
		ok(t, os.WriteFile(golden, []byte(got), 0o666))
	}
	want, err := os.ReadFile(golden)
	ok(t, err)
	if got != string(want) {
		t.Errorf("the schema differs from %s; a change needs a new migration (and -update)\n%s", golden, got)
	}
}

func TestPathsWithOddNames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "100% of #1? é", "my runs.db")
	s := open(t, path)
	ok(t, start(t, s, NewRun{Name: "a"}).Finish(ctx, Done, nil))
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	if got, err := reader(t, path).List(ctx, Filter{}); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestIdsDoNotMeetInOneSecond(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "exp.db"))
	at := time.Now()
	seen := map[string]bool{}
	for range 500 {
		id, err := s.newFolder(at)
		if err != nil || seen[id] || len(id) != 10 {
			t.Fatalf("id %q: %v", id, err)
		}
		seen[id] = true
	}
}

// BenchmarkList holds the listing of 2,000 runs of 100 epochs under 0.3 s: what
// exp ls does, from opening the store on.
func BenchmarkList(b *testing.B) {
	path := filepath.Join(b.TempDir(), "exp.db")
	fill(b, path, 2000, 100)
	b.ResetTimer()
	for b.Loop() {
		s, err := OpenReader(ctx, path, testEnv())
		if err != nil {
			b.Fatal(err)
		}
		runs, err := s.List(ctx, Filter{})
		if err != nil || len(runs) != 2000 {
			b.Fatal(len(runs), err)
		}
		ids := make([]string, len(runs))
		for i, r := range runs {
			ids[i] = r.ID
		}
		if _, err := s.Summaries(ctx, ids, "val_acc", "clean_train_err", "train_acc"); err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
	if perOp := b.Elapsed() / time.Duration(b.N); perOp > 300*time.Millisecond {
		b.Errorf("%v for a listing", perOp)
	}
}

// fill makes many runs in one transaction, by SQL: through Start and Epoch it
// would take minutes of fsync.
func fill(b *testing.B, path string, runs, epochs int) {
	s := open(b, path)
	names, err := json.Marshal([]string{"train_loss", "train_acc", "val_loss", "val_acc", "lr", "grad_norm", "seconds", "examples_per_second", "steps", "examples", "clean_train_loss", "clean_train_err"})
	ok(b, err)
	ok(b, s.tx(ctx, func(tx *tx) error {
		for _, q := range []string{
			`INSERT INTO runs (id, name, experiment, status, started_at, seconds, seed, epochs_done, epochs_planned)
				WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
				SELECT printf('r%09d', i), 'many', 'many', 'done', strftime('%Y-%m-%dT%H:%M:%S.000Z', 1800000000 + i, 'unixepoch'), 1, i, $2, $2 FROM n WHERE $3 <> ''`,
			`INSERT INTO metrics (run_id, epoch, name, value)
				WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $2)
				SELECT runs.id, i, name.value, abs(random() % 1000) / 1000.0 FROM runs, n, json_each($3) name WHERE $1 > 0`,
			`INSERT INTO summary SELECT run_id, name, max(value), $2, 'finite', min(value), 1, max(value), 1, sum(value) FROM metrics WHERE $1 > 0 AND $3 <> '' GROUP BY run_id, name`,
		} {
			if _, err := tx.exec(q, runs, epochs, string(names)); err != nil {
				return err
			}
		}
		return nil
	}))
	s.Close()
}

func TestALongQueryStopsWhenTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "exp.db")
	open(t, path)
	look := reader(t, path)
	soon, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	_, err := look.Query(soon, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n`)
	if err == nil || errors.As(err, new(*UnavailableError)) {
		t.Errorf("%v", err)
	}
}

func TestARunOfAnotherComputerGoesOnOnlyIfForced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "exp.db")
	r := start(t, open(t, path), NewRun{Epochs: 3})
	elsewhere, err := Open(ctx, path, Env{Host: "elsewhere", Now: time.Now})
	ok(t, err)
	defer elsewhere.Close()
	if got, err := elsewhere.Run(ctx, r.ID); err != nil || got.Status != Running {
		t.Errorf("a writer marked it as %s, %v", got.Status, err)
	}
	if _, err := elsewhere.Resume(ctx, r.ID, "", true); err == nil || !strings.Contains(err.Error(), "is it under way") {
		t.Errorf("while its lock is held: %v", err)
	}
	ok(t, r.lock.Close())
	if _, err := elsewhere.Resume(ctx, r.ID, "", false); err == nil || !strings.Contains(err.Error(), "neither interrupted nor failed") {
		t.Errorf("not forced: %v", err)
	}
	on, err := elsewhere.Resume(ctx, r.ID, "", true)
	ok(t, err)
	ok(t, on.Finish(ctx, Done, nil))
	if got, err := elsewhere.Run(ctx, r.ID); err != nil || got.Status != Done || got.Host != "elsewhere" {
		t.Errorf("in the end it is %+v, %v", got, err)
	}
}

func TestALinkToAStoreFindsTheFoldersOfItsRuns(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "exp.db"), filepath.Join(t.TempDir(), "link.db")
	r := start(t, open(t, path), NewRun{})
	ok(t, os.Symlink(path, link))
	ok(t, os.Symlink("nowhere", link+"2"))
	if got := reader(t, link).RunDir(r.ID); got != r.Dir {
		t.Errorf("the folder is %s, not %s", got, r.Dir)
	}
	if got := open(t, link).RunDir(r.ID); got != r.Dir {
		t.Errorf("for a writer the folder is %s, not %s", got, r.Dir)
	}
	if _, err := OpenReader(ctx, link+"2", Env{}); err == nil {
		t.Error("a link to nothing is a store")
	}
}

func TestTheUntrainedNetIsNotTheBestSoFar(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "exp.db"))
	ids := func(values ...float64) []string {
		r := start(t, s, NewRun{})
		for n, v := range values {
			ok(t, r.Epoch(ctx, n, []Metric{{"val_acc", v}, {"seconds", 1}}))
		}
		return []string{r.ID}
	}
	for _, c := range []struct {
		values []float64
		until  int
		want   float64
	}{
		{[]float64{0.5, 0.1, 0.3, 0.2}, 3, 0.3},
		{[]float64{0.5, 0.1, 0.3, 0.2}, 1, 0.1},
		{[]float64{0.1, 0.2, 0.4, 0.3}, 3, 0.4},
		{[]float64{0.1, 0.2, 0.4, 0.3}, 1, 0.2},
	} {
		run := ids(c.values...)
		most, total, err := s.Until(ctx, run, c.until, "val_acc", "seconds")
		if err != nil || most[run[0]] != c.want || total[run[0]] != float64(c.until+1) {
			t.Errorf("%v until epoch %d: %v, %v, %v", c.values, c.until, most, total, err)
		}
	}
	run := ids(0.5)
	if most, _, err := s.Until(ctx, run, 0, "val_acc", "seconds"); err != nil || len(most) > 0 {
		t.Errorf("without a trained epoch: %v, %v", most, err)
	}
}
