package main

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var (
	aLoop    = regexp.MustCompile(`for (\w) in (.*); do`)
	aRun     = regexp.MustCompile(`exp (?:run|check) (examples/\S+)(.*)`)
	aSetting = regexp.MustCompile(`--set (\S+)`)
)

// TestExamplesPassTheirChecks holds every file of examples to `exp check`, as it is and as each command in its comment has it.
func TestExamplesPassTheirChecks(t *testing.T) {
	pictures := t.TempDir()
	for _, class := range []string{"train/cat", "train/dog", "test/cat", "test/dog"} {
		if err := os.MkdirAll(filepath.Join(pictures, class), 0o777); err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		if err := png.Encode(&file, image.NewGray(image.Rect(0, 0, 32, 32))); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(pictures, class, "1.png"), file.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	check := func(t *testing.T, args ...string) {
		var out, said bytes.Buffer
		a := &app{out: &out, err: &said, getenv: func(string) string { return "" }, now: time.Now, host: "h"}
		if code := a.main(context.Background(), append([]string{"check"}, args...)); code != 0 {
			t.Errorf("exp check %s: exit code %d\n%s", strings.Join(args, " "), code, &said)
		}
	}
	files, err := filepath.Glob("../../examples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			args := []string{path}
			if strings.Contains(string(text), "dataset: images") {
				args = append(args, "--set", "data.dir="+pictures)
			}
			check(t, args...)
			values, runs := map[string][]string{}, 0
			for _, line := range strings.Split(string(text), "\n") {
				if m := aLoop.FindStringSubmatch(line); m != nil {
					values[m[1]] = strings.Fields(m[2])
				}
				m := aRun.FindStringSubmatch(line)
				if m == nil {
					continue
				}
				runs++
				if !strings.HasSuffix(path, m[1]) {
					t.Errorf("%s is not this file", m[1])
				}
				commands := [][]string{args}
				for _, set := range aSetting.FindAllStringSubmatch(m[2], -1) {
					key, value, _ := strings.Cut(strings.ReplaceAll(set[1], "'", ""), "=")
					if key == "data.dir" || key == "init.from" { // of the reader's own
						continue
					}
					choices := []string{value}
					if strings.HasPrefix(value, "$") {
						choices = values[value[1:]]
					}
					var more [][]string
					for _, c := range commands {
						for _, v := range choices {
							more = append(more, append(append([]string(nil), c...), "--set", key+"="+v))
						}
					}
					commands = more
				}
				if len(commands) == 0 {
					t.Errorf("a loop is missing: %s", line)
				}
				for _, c := range commands {
					check(t, c...)
				}
			}
			if runs == 0 {
				t.Error("its comment does not say how to run it")
			}
		})
	}
}
