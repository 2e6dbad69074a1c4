package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"exp/runner/metric"
	"exp/tracking"
)

const tiny = `
name: tiny
data: {dataset: {type: synthetic, train: 64, test: 20}}
model:
  stem: {type: conv, filters: 2}
  unit: {type: preact, shortcut: none}
  stages: [{filters: 2}]
  head: {type: classifier}
optimizer: {type: sgd, lr: 0.05}
train: {epochs: 3, batch: 32}
`

// program is `exp`, as a process of its own in an empty folder with tiny.yaml.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	exe := filepath.Join(dir, "exp") // the name under which TestMain runs main
	if err := os.Symlink(self, exe); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "tiny.yaml"), tiny)
	cmd := exec.Command(exe, args...)
	cmd.Dir = dir
	t.Cleanup(func() {
		if cmd.Process != nil {
			cmd.Process.Kill()
		}
	})
	return cmd
}

// again is `exp` once more where a process is, to its end.
func again(cmd *exec.Cmd, args ...string) (string, error) {
	next := exec.Command(cmd.Path, args...)
	next.Dir = cmd.Dir
	out, err := next.CombinedOutput()
	return string(out), err
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// watch gives what a process writes, and closes seen when a text is in it.
type watch struct {
	all, text string
	seen      chan struct{}
}

func (w *watch) Write(p []byte) (int, error) {
	w.all += string(p)
	if w.text != "" && strings.Contains(w.all, w.text) {
		w.text = ""
		close(w.seen)
	}
	return len(p), nil
}

// started starts a process and waits until it has written a text to standard error.
func started(t *testing.T, cmd *exec.Cmd, text string) *watch {
	t.Helper()
	w := &watch{text: text, seen: make(chan struct{})}
	cmd.Stderr = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-w.seen:
	case <-time.After(time.Minute):
		t.Fatalf("%q was not written within a minute", text)
	}
	return w
}

// onlyRun is the one run in a process's store.
func onlyRun(t *testing.T, cmd *exec.Cmd) tracking.Record {
	t.Helper()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	s, err := tracking.OpenReader(ctx, filepath.Join(cmd.Dir, "runs", "exp.db"), tracking.Env{Host: host, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	runs, err := s.List(ctx, tracking.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) != 1 {
		t.Fatalf("there are %d runs, not one", len(runs))
	}
	return runs[0]
}

func TestStoppedFromOutside(t *testing.T) {
	for _, c := range []struct {
		name   string
		signal syscall.Signal
		code   int // -1: ended by the signal itself
		says   string
	}{
		{"Ctrl-C", syscall.SIGINT, 130, "interrupted after "},
		{"the end of a job", syscall.SIGTERM, 130, "interrupted after "},
		{"kill -9", syscall.SIGKILL, -1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := program(t, "run", "tiny.yaml", "tiny.yaml", "-s", "train.epochs=1000000")
			out := started(t, cmd, "\nepoch       2/1000000")
			if err := cmd.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
			err := cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != c.code {
				t.Errorf("exit code %d, not %d (%v):\n%s", code, c.code, err, out.all)
			}
			if !strings.Contains(out.all, c.says) || strings.ContainsAny(out.all, "\r\x1b") {
				t.Errorf("it said\n%s", out.all)
			}
			if c.says != "" && !strings.Contains(out.all, "`exp resume ") {
				t.Errorf("it did not say how to go on:\n%s", out.all)
			}
			if c.says != "" && !strings.HasSuffix(out.all, "not run: tiny.yaml\n") {
				t.Errorf("it did not say what was left out:\n%s", out.all)
			}
			r := onlyRun(t, cmd)
			if r.Status != tracking.Interrupted || r.EpochsDone < 2 || r.DataHash == "" || !strings.HasPrefix(r.Error, c.says) {
				t.Errorf("recorded as %+v", r)
			}
		})
	}
}

// TestAKilledRunGoesOn compares one that is killed again and again with one that was left alone; what is measured by the clock aside, they are the same.
func TestAKilledRunGoesOn(t *testing.T) {
	cmd := program(t, "run", "tiny.yaml", "-s", "train.epochs=100", "--name", "cut")
	started(t, cmd, "\nepoch   3/100")
	if out, err := again(cmd, "resume", "cut"); err == nil || !strings.Contains(out, "is under way") {
		t.Errorf("while it runs: %v\n%s", err, out)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	for range 8 { // at moments that nobody chose
		next := exec.Command(cmd.Path, "resume", "cut")
		next.Dir = cmd.Dir
		out := started(t, next, "\nepoch ")
		next.Process.Kill()
		if next.Wait(); next.ProcessState.Exited() {
			t.Fatalf("it has ended by itself:\n%s", out.all)
		}
	}
	cut := onlyRun(t, cmd)
	if cut.Status != tracking.Interrupted || cut.EpochsDone < 3 || cut.EpochsDone >= 100 {
		t.Fatalf("killed, it is %+v", cut)
	}
	if out, err := again(cmd, "resume", "cut"); err != nil || !strings.Contains(out, "goes on after epoch ") || !strings.HasSuffix(strings.Split(out, "  done  ")[0], "cut") {
		t.Fatalf("%v\n%s", err, out)
	}
	whole := onlyRun(t, cmd)
	if whole.ID != cut.ID || whole.Status != tracking.Done || whole.EpochsDone != 100 || whole.Error != "" {
		t.Errorf("in the end it is %+v", whole)
	}
	if out, err := again(cmd, "run", "tiny.yaml", "-s", "train.epochs=100", "--name", "whole"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := again(cmd, "query", "--csv", `SELECT count(*) AS same, count(*) FILTER (WHERE a.value IS NOT DISTINCT FROM b.value) AS of
		FROM metrics a JOIN metrics b ON a.epoch = b.epoch AND a.name = b.name JOIN runs x ON x.id = a.run_id JOIN runs y ON y.id = b.run_id
		WHERE x.name = 'cut' AND y.name = 'whole' AND a.name NOT IN ('seconds', 'examples_per_second')`)
	if want := "same,of\n802,802\n"; err != nil || out != want {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = again(cmd, "query", "--csv", "SELECT count(DISTINCT sha256) AS files FROM artifacts WHERE path = 'last.safetensors'")
	if err != nil || out != "files\n1\n" {
		t.Errorf("the weights are not the same: %v\n%s", err, out)
	}
	if out, err := again(cmd, "resume", "whole"); err == nil || !strings.Contains(out, "is done: there is nothing to go on with; `exp rerun ") {
		t.Errorf("a run that is done: %v\n%s", err, out)
	}
}

func TestARunOutlivesWhoReadsAlong(t *testing.T) {
	cmd := program(t, "run", "tiny.yaml", "-s", "train.epochs=20")
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = writer, writer
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	if _, err := bufio.NewReaderSize(reader, 16).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	reader.Close()
	cmd.Wait() // it says that its last line was not read
	if r := onlyRun(t, cmd); r.Status != tracking.Done || r.EpochsDone != 20 {
		t.Errorf("it is %+v", r)
	}
}

// A run whose process cannot be looked for, here for want of its lock, is left alone until somebody says that it is dead.
func TestARunThatCannotBeSeenIsForced(t *testing.T) {
	cmd := program(t, "run", "tiny.yaml", "-s", "train.epochs=100")
	started(t, cmd, "\nepoch   3/100")
	cmd.Process.Kill()
	cmd.Wait()
	if err := os.Remove(filepath.Join(cmd.Dir, "runs", onlyRun(t, cmd).ID, "lock")); err != nil {
		t.Fatal(err)
	}
	if r := onlyRun(t, cmd); r.Status != tracking.Unknown {
		t.Fatalf("it is %s", r.Status)
	}
	id := onlyRun(t, cmd).ID
	for want, args := range map[string][]string{
		"`exp resume --force ":              {"resume", id},
		"if it is dead, --force removes it": {"rm", id, "--yes"},
	} {
		if out, err := again(cmd, args...); err == nil || !strings.Contains(out, want) {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	for _, args := range [][]string{{"rm", "@last", "--yes", "--force"}, {"restore", id}, {"resume", "@last", "--force"}} {
		if out, err := again(cmd, args...); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	if r := onlyRun(t, cmd); r.Status != tracking.Done {
		t.Errorf("in the end it is %+v", r)
	}
}

func TestARunGoesOnWithoutTheWeightsItBeganWith(t *testing.T) {
	cmd := program(t, "run", "tiny.yaml", "-s", "train.epochs=100", "-s", "init.from=first.safetensors")
	if out, err := again(cmd, "run", "tiny.yaml", "--db", "first/exp.db"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	found, err := filepath.Glob(filepath.Join(cmd.Dir, "first", "*", "last.safetensors"))
	if err != nil || len(found) != 1 {
		t.Fatalf("weights in %q, %v", found, err)
	}
	first := filepath.Join(cmd.Dir, "first.safetensors")
	if err := os.Rename(found[0], first); err != nil {
		t.Fatal(err)
	}
	started(t, cmd, "\nepoch   3/100")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	if out, err := again(cmd, "resume", onlyRun(t, cmd).ID); err != nil || !strings.Contains(out, "  done  100 of 100 epochs") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := again(cmd, "query", "--csv", "SELECT value FROM params WHERE key = 'init.from'"); err != nil || out != "value\nfirst.safetensors\n" {
		t.Errorf("how it began is no longer recorded: %v\n%s", err, out)
	}
}

func TestSecondInterruptEndsAtOnce(t *testing.T) {
	// One training step takes seconds, so that there is a time between the two.
	cmd := program(t, "run", "tiny.yaml", "--threads", "1", "-s", "model.stem.filters=96", "-s", "model.stages.0.filters=96", "-s", "train.batch=64")
	cmd.Env = append(os.Environ(), "EXP_ISA=generic")
	out := started(t, cmd, "\nepoch 0/")
	stop := time.After(time.Minute)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGINT {
				t.Errorf("ended with %v:\n%s", err, out.all)
			}
			if status := onlyRun(t, cmd).Status; status != tracking.Interrupted {
				t.Errorf("recorded as %s", status)
			}
			return
		case <-stop:
			t.Fatal("still running")
		case <-time.After(100 * time.Millisecond):
			cmd.Process.Signal(os.Interrupt)
		}
	}
}

// inside is `exp` within the test, in an empty folder with tiny.yaml.
func inside(t *testing.T, ctx context.Context, args ...string) (code int, out, talk string) {
	t.Helper()
	t.Chdir(t.TempDir())
	write(t, "tiny.yaml", tiny)
	if err := os.Mkdir("cifar", 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, "cifar/data_batch_1.bin", "cut") // a data set that cannot be read
	var o, e bytes.Buffer
	a := &app{out: &o, err: &e, getenv: func(string) string { return "" }, now: time.Now, host: "here"}
	code = a.main(ctx, args)
	return code, o.String(), e.String()
}

func TestHowItEnds(t *testing.T) {
	live := context.Background()
	stopped, stop := context.WithCancel(live)
	stop()
	for _, c := range []struct {
		name string
		ctx  context.Context
		args string
		code int
	}{
		{"a run that is done", live, "run tiny.yaml", 0},
		{"a run that diverges", live, "run tiny.yaml -s optimizer.lr=1e30", 1},
		{"a run that fails", live, "run tiny.yaml -s data.dataset=cifar10 -s data.dir=cifar", 1},
		{"initial weights that are not there", live, "run tiny.yaml -s init.from=missing.safetensors", 2},
		{"an interrupted run", stopped, "run tiny.yaml", 130},
		{"an experiment with a mistake", live, "run tiny.yaml -s train.epochs=0", 2},
		{"no such experiment", live, "run nosuch", 2},
		{"nothing to run", live, "run", 2},
		{"an unknown verb", live, "rnu tiny.yaml", 2},
		{"an unknown flag", live, "check --sat seed=1 tiny.yaml", 2},
		{"an unknown kind", live, "list nosuch", 2},
		{"a store that cannot be made", live, "run tiny.yaml --db tiny.yaml/exp.db", 4},
		{"a store that is not there", live, "ls", 4},
		{"a check without mistakes", live, "check tiny.yaml", 0},
		{"a measurement that cannot be made", live, "bench tiny.yaml -s train.batch=65", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, _, talk := inside(t, c.ctx, strings.Fields(c.args)...)
			if code != c.code {
				t.Errorf("exit code %d, not %d:\n%s", code, c.code, talk)
			}
			if code != 0 && talk == "" {
				t.Error("it did not say why")
			}
		})
	}
}

func TestNamesThatCouldNotBeShown(t *testing.T) {
	for _, c := range []struct{ flag, text, says string }{
		{"--name", "\x1b[31mred", `--name: there is an invisible character in "\x1b[31mred"`},
		{"--name", "two\nlines", `--name: there is an invisible character in "two\nlines"`},
		{"--name", " ", "--name: the name is empty"},
		{"--name", "@last", `--name: "@last" would be read as a choice of runs, as @last is: it may not begin with @`},
		{"--tag", "a\rb", `--tag: there is an invisible character in "a\rb"`},
		{"--tag", "", "--tag: the label is empty"},
	} {
		code, out, talk := inside(t, context.Background(), "run", "tiny.yaml", c.flag, c.text)
		if code != 2 || out != "" || talk != "exp: "+c.says+"\n" {
			t.Errorf("%s %q: exit code %d\n%q", c.flag, c.text, code, talk)
		}
	}
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestOutputThatCannotBeWritten(t *testing.T) {
	for _, args := range []string{"list", "list --csv", "check tiny.yaml", "config tiny.yaml", "describe tiny.yaml", "version", "help", "run tiny.yaml other.yaml"} {
		t.Run(args, func(t *testing.T) {
			t.Chdir(t.TempDir())
			write(t, "tiny.yaml", tiny)
			write(t, "other.yaml", tiny)
			var talk bytes.Buffer
			a := &app{out: full{}, err: &talk, getenv: func(string) string { return "" }, now: time.Now, host: "here"}
			if code := a.main(context.Background(), strings.Fields(args)); code != 1 || !strings.Contains(talk.String(), "no space left") || strings.Contains(args, " other.yaml") != strings.Contains(talk.String(), "not run: other.yaml") {
				t.Errorf("exit code %d, and it said %q", code, &talk)
			}
		})
	}
}

func TestRunThatIsNotInTheStore(t *testing.T) {
	if code, _, talk := inside(t, context.Background(), "run", "tiny.yaml"); code != 0 {
		t.Fatal(talk)
	}
	var talk bytes.Buffer
	a := &app{out: &talk, err: &talk, getenv: func(string) string { return "" }, now: time.Now, host: "here"}
	if code := a.main(context.Background(), []string{"show", "nosuch"}); code != 3 {
		t.Errorf("exit code %d, not 3:\n%s", code, &talk)
	}
}

func TestDescribeForPrograms(t *testing.T) {
	code, out, talk := inside(t, context.Background(), "describe", "tiny.yaml", "--json")
	var net struct {
		Total        int64 `json:"total_params"`
		Trainable    int64 `json:"trainable_params"`
		NonTrainable int64 `json:"non_trainable_params"`
		MACs         int64 `json:"macs"`
		Layers       []struct {
			Name, Kind   string
			Shape        []int
			Params, MACs int64
			Inputs       []string
		}
	}
	if err := json.Unmarshal([]byte(out), &net); code != 0 || err != nil {
		t.Fatalf("exit code %d, %v:\n%s%s", code, err, out, talk)
	}
	var params, macs int64
	for i, l := range net.Layers {
		params, macs = params+l.Params, macs+l.MACs
		if l.Name == "" || l.Kind == "" || len(l.Shape) == 0 || len(l.Inputs) == 0 != (i == 0) {
			t.Errorf("layer %d is %+v", i, l)
		}
	}
	if net.Total != 186 || net.Trainable != 174 || net.NonTrainable != 12 || params != net.Total || macs != net.MACs {
		t.Errorf("totals %d = %d + %d, %d multiply-adds; the layers have %d and %d",
			net.Total, net.Trainable, net.NonTrainable, net.MACs, params, macs)
	}
}

// fashion writes files in the layout of Fashion-MNIST, with black pictures.
func fashion(t *testing.T, dir string) {
	t.Helper()
	for name, n := range map[string]uint32{"train": 60_000, "t10k": 10_000} {
		labels := make([]byte, n)
		for i := range labels {
			labels[i] = byte(i % 10)
		}
		for file, parts := range map[string][]any{
			"images-idx3-ubyte.gz": {[]byte{0, 0, 8, 3}, []uint32{n, 28, 28}, make([]byte, 28*28*int(n))},
			"labels-idx1-ubyte.gz": {[]byte{0, 0, 8, 1}, []uint32{n}, labels},
		} {
			var packed bytes.Buffer
			z := gzip.NewWriter(&packed)
			for _, part := range parts {
				if err := binary.Write(z, binary.BigEndian, part); err != nil {
					t.Fatal(err)
				}
			}
			if err := z.Close(); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, name+"-"+file), packed.String())
		}
	}
}

func TestWarningsAreSaidAndRecorded(t *testing.T) {
	dir := t.TempDir()
	fashion(t, dir)
	code, _, talk := inside(t, context.Background(), "run", "tiny.yaml", "--data", dir,
		"-s", "data.dataset=fashion-mnist", "-s", "data.limit=60", "-s", "data.validation=20", "-s", "train.epochs=1")
	const warning = "Fashion-MNIST: the files in "
	if code != 0 || !strings.Contains(talk, "\nwarning: "+warning) {
		t.Errorf("exit code %d, and it said\n%s", code, talk)
	}
	ctx := context.Background()
	s, err := tracking.OpenReader(ctx, "runs/exp.db", tracking.Env{Host: "here", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	runs, err := s.Find(ctx, "@last")
	if err != nil {
		t.Fatal(err)
	}
	events, err := s.Events(ctx, runs[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != 3 || events[1].Kind != "warning" || !strings.HasPrefix(events[1].Text, warning) {
		t.Errorf("recorded %+v", events)
	}
}

func TestTerminal(t *testing.T) {
	for _, c := range []struct {
		name     string
		terminal bool
		env      map[string]string
		has, not []string
	}{
		{"on a terminal: bar, lines and a curve in colour", true, nil,
			[]string{"\r\x1b", "| ", "3/3 train  ", " images/s  loss ", "0:00 left", "epoch 0/3  val_loss", "epoch 3/3  train_loss ", "loss by epoch", "\x1b[94m"}, nil},
		{"without colour", true, map[string]string{"NO_COLOR": "1"},
			[]string{"3/3 train  ", "loss by epoch   * train_loss   o val_loss"}, []string{"\x1b[94m"}},
		{"a terminal that knows no codes", true, map[string]string{"TERM": "dumb"},
			[]string{"\nepoch 3/3  train_loss "}, []string{"\x1b", "\r", "loss by epoch"}},
		{"without a terminal", false, nil,
			[]string{"\nepoch 0/3  val_loss", "\nepoch 3/3  train_loss "}, []string{"\x1b", "\r", "loss by epoch", "left"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			write(t, "tiny.yaml", tiny)
			var out, talk bytes.Buffer
			began, looks := time.Now(), atomic.Int64{}
			clock := func() time.Time { return began.Add(time.Duration(looks.Add(1)) * time.Millisecond) } // as fast on any machine
			a := &app{out: &out, err: &talk, errTTY: c.terminal, getenv: func(k string) string { return c.env[k] }, now: clock, host: "here"}
			if code := a.main(context.Background(), []string{"run", "tiny.yaml", "--json"}); code != 0 {
				t.Fatalf("exit code %d:\n%s", code, &talk)
			}
			for _, text := range c.has {
				if !strings.Contains(talk.String(), text) {
					t.Errorf("%q is missing in\n%q", text, &talk)
				}
			}
			for _, text := range c.not {
				if strings.Contains(talk.String(), text) {
					t.Errorf("%q is in\n%q", text, &talk)
				}
			}
			if lines := strings.Split(out.String(), "\n"); len(lines) != 2 || !strings.HasPrefix(lines[0], `{"id":`) {
				t.Errorf("standard output is\n%q", &out)
			}
		})
	}
}

// TestEveryMetricHasItsPlaceAndItsColumn records a run that has all of them.
func TestEveryMetricHasItsPlaceAndItsColumn(t *testing.T) {
	for _, name := range metric.Names {
		if !slices.Contains(metricOrder, name) {
			t.Errorf("%s is shown in no order of ours", name)
		}
	}
	t.Chdir(t.TempDir())
	write(t, "tiny.yaml", tiny)
	write(t, "recipe.yaml", `
extends: tiny.yaml
data: {augment: [{type: flip, alternate: true}, {type: cutout, size: 8}]}
model: {unit: {shortcut: identity, zero_init: true}}
optimizer: {norm_bias_lr: 8}
train: {label_smoothing: 0.1, eval_every: 2, clean_eval: all, tta: flip, ema: {every: 2}}
`)
	var out, talk bytes.Buffer
	a := &app{out: &out, err: &talk, getenv: func(string) string { return "" }, now: time.Now, host: "here"}
	ctx := context.Background()
	if code := a.main(ctx, []string{"run", "recipe.yaml"}); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, &talk)
	}
	for _, text := range []string{"\nepoch 1/3  train_loss ", "\nepoch 3/3  train_loss ", "  tta_val_acc 0.", "  ema_val_acc 0.", "  ema_tta_val_acc 0."} {
		if !strings.Contains(talk.String(), text) {
			t.Errorf("%q is missing in\n%s", text, &talk)
		}
	}
	store, err := tracking.OpenReader(ctx, "runs/exp.db", a.env())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	got, err := store.Query(ctx, "SELECT "+strings.Join(metric.Names, ", ")+" FROM epochs ORDER BY epoch")
	if err != nil || len(got.Rows) != 4 {
		t.Fatalf("%d epochs, %v", len(got.Rows), err)
	}
	for epoch, row := range got.Rows {
		for i, name := range metric.Names {
			want := epoch > 0
			if strings.Contains(name, "val_") || strings.HasPrefix(name, "clean_") {
				want = epoch != 1
			}
			if strings.Contains(name, "tta_") {
				want = epoch > 1
			}
			if (row[i] != nil) != want {
				t.Errorf("epoch %d: %s is %v", epoch, name, row[i])
			}
		}
	}
}
