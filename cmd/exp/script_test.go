package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"exp/tracking"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"exp": main})
}

// TestScripts runs testdata/*.txtar: what a person types and what comes back.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("EXP_TEST_UPDATE") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv("TZ", "UTC")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"store": makeStore, "picture": makePicture},
	})
}

func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	store := filepath.Join(dir, "exp.db")
	s, err := tracking.Open(context.Background(), store, tracking.Env{Host: "h", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	for _, c := range []struct {
		args []string
		want int
	}{
		{[]string{"ls"}, 0},
		{[]string{"ls", "--help"}, 0},
		{[]string{"ls", "--no-such-flag"}, 2},
		{[]string{"ls", "too", "many"}, 2},
		{[]string{"ls", "--status", "finished"}, 2},
		{[]string{"ls", "--csv", "--md"}, 2},
		{[]string{"lss"}, 2},
		{[]string{"ls", "--threads", "-1"}, 2},
		{[]string{"ls", "--color", "red"}, 2},
		{[]string{"show", "nothing"}, 3},
		{[]string{"show", "@last"}, 3},
		{[]string{"compare", "@best:val_acc"}, 3},
		{[]string{"query", "SELEC 1"}, 2},
		{[]string{"query", "DROP TABLE runs"}, 2},
		{[]string{"ls", "--db", filepath.Join(dir, "nothing.db")}, 4},
		{[]string{"ls", "--db", dir}, 4},
	} {
		var out, said bytes.Buffer
		a := &app{out: &out, err: &said, getenv: func(string) string { return "" }, now: time.Now, host: "h"}
		if got := a.main(context.Background(), append([]string{"--db", store}, c.args...)); got != c.want {
			t.Errorf("exp %q: exit code %d, want %d; said %s", c.args, got, c.want, &said)
		}
		if (c.want == 0) != (said.Len() == 0 || c.args[0] == "ls" && len(c.args) == 1) {
			t.Errorf("exp %q said %q", c.args, &said)
		}
	}
}

func TestTimesAreSaidAsPeopleSayThem(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.Local)
	for ago, want := range map[time.Duration]string{
		5 * time.Second:  "5 s ago",
		90 * time.Second: "1 min ago",
		3 * time.Hour:    "3 h ago",
		48 * time.Hour:   "2026-02-27 12:00",
		-time.Hour:       "2026-03-01 13:00",
	} {
		if got := when(now.Add(-ago).Format(time.RFC3339), now); got != want {
			t.Errorf("%v ago: %q, want %q", ago, got, want)
		}
	}
}

// makePicture is the script command `picture FILE WIDTH HEIGHT`: a PNG of a gradient.
func makePicture(ts *testscript.TestScript, _ bool, args []string) {
	width, err := strconv.Atoi(args[1])
	ts.Check(err)
	height, err := strconv.Atoi(args[2])
	ts.Check(err)
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			m.Set(x, y, color.RGBA{uint8(255 * x / width), uint8(255 * y / height), 100, 255})
		}
	}
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(png.Encode(f, m))
	ts.Check(f.Close())
}

// TestTheDocumentOfExperimentsIsCurrent holds docs/experiments.md to what the registry
// says; EXP_TEST_UPDATE writes it.
func TestTheDocumentOfExperimentsIsCurrent(t *testing.T) {
	const path = "../../docs/experiments.md"
	var out, said bytes.Buffer
	a := &app{out: &out, err: &said, getenv: func(string) string { return "" }, now: time.Now, host: "h"}
	if code := a.main(context.Background(), []string{"list", "--long", "--md"}); code != 0 {
		t.Fatalf("exit code %d: %s", code, &said)
	}
	if os.Getenv("EXP_TEST_UPDATE") != "" {
		if err := os.WriteFile(path, out.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(have, out.Bytes()) {
		t.Errorf("docs/experiments.md is not what `exp list --long --md` writes (%v); EXP_TEST_UPDATE=1 go test ./cmd/exp -run Document", err)
	}
}

// makeStore is the script command `store FILE`: a store of some runs with known
// ids, made as a training would make it.
//
//	2025-03-01  done      resnet  projection, seeds 1 and 2, 3 epochs
//	2025-03-01  done      plain   none, seeds 1 and 2, 3 epochs
//	2025-03-02  diverged  plain   none, seed 3, NaN in epoch 2
//	2025-03-02  failed    deep    none, no epoch
//
// Ids end at random: scripts have them as $ID0 to $ID5.
func makeStore(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: store FILE")
	}
	now := time.Date(2025, 3, 1, 10, 0, 0, 0, time.UTC)
	clock := func() time.Time { now = now.Add(500 * time.Millisecond); return now }
	ctx := context.Background()
	s, err := tracking.Open(ctx, ts.MkAbs(args[0]), tracking.Env{Host: "testhost", Now: clock})
	ts.Check(err)
	defer s.Close()

	n := 0
	train := func(name, shortcut string, seed int64, params, epochs int, status string, cause error) {
		now = now.Add(4 * time.Hour)
		r, err := s.Start(ctx, tracking.NewRun{
			Experiment: name, Config: "name: " + name + "\n", Seed: seed, Epochs: 3,
			Shortcut: shortcut, Depth: 20, ParamsTotal: int64(params) + 1376, ParamsTrainable: int64(params), MACs: 40_000_000 + int64(params)/10,
			ConfigHash: fmt.Sprintf("config-%s-%d", name, seed), GroupHash: "group-" + name, DataHash: "9f3c0000000000000000",
			Threads: 2, CPU: "a cpu", Version: "v0.1.0",
			Params: []tracking.Param{
				{Key: "name", Value: name}, {Key: "seed", Value: seed}, {Key: "model.unit.shortcut", Value: shortcut},
				{Key: "optimizer.lr", Value: 0.1}, {Key: "train.batch", Value: int64(128)}, {Key: "model.unit.bias", Value: true},
			},
			Tags: []string{"demo"},
		})
		ts.Check(err)
		ts.Setenv(fmt.Sprintf("ID%d", n), r.ID)
		n++
		gain := map[string]float64{"projection": 0.2, "none": 0.1}[shortcut]
		for e := range epochs {
			progress := gain * float64(e)
			loss := 2.3 - progress - float64(seed)/100
			if status == tracking.Diverged && e == epochs-1 {
				loss = math.NaN()
			}
			metrics := []tracking.Metric{
				{Name: "val_acc", Value: 0.1 + progress + float64(seed)/100}, {Name: "val_loss", Value: 2.3 - progress},
				{Name: "clean_train_err", Value: 0.9 - progress - float64(seed)/50},
			}
			if e > 0 {
				metrics = append(metrics, tracking.Metric{Name: "train_loss", Value: loss},
					tracking.Metric{Name: "lr", Value: 0.1}, tracking.Metric{Name: "seconds", Value: 30 + gain*10},
					tracking.Metric{Name: "examples_per_second", Value: 12345.6})
			}
			for i := range metrics {
				metrics[i].Value = math.Round(1e4*metrics[i].Value) / 1e4
			}
			ts.Check(r.Epoch(ctx, e, metrics))
			now = now.Add(30 * time.Second)
		}
		if status == tracking.Done {
			weights := filepath.Join(r.Dir, "last.safetensors")
			ts.Check(os.WriteFile(weights, []byte("weights"), 0o666))
			ts.Check(r.Artifact(ctx, "weights", weights))
		}
		ts.Check(r.Finish(ctx, status, cause))
	}
	train("resnet", "projection", 1, 272_474, 4, tracking.Done, nil)
	train("resnet", "projection", 2, 272_474, 4, tracking.Done, nil)
	train("plain", "none", 1, 269_722, 4, tracking.Done, nil)
	train("plain", "none", 2, 269_722, 4, tracking.Done, nil)
	train("plain", "none", 3, 269_722, 3, tracking.Diverged, errors.New("loss is nan in epoch 2"))
	train("deep", "none", 1, 853_018, 0, tracking.Failed, errors.New("out of memory"))
}
