package configs

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"exp/internal/source"
)

var update = flag.Bool("update", false, "rewrite the expected messages")

// option finds the command line that a test file asks for in its comments: "# set: path=value".
var option = regexp.MustCompile(`(?m)^# (set|set-file): (.*)$`)

func optionsOf(t *testing.T, path string) Options {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var o Options
	for _, m := range option.FindAllStringSubmatch(string(text), -1) {
		if m[1] == "set" {
			o.Set = append(o.Set, m[2])
		} else {
			o.SetFiles = append(o.SetFiles, m[2])
		}
	}
	return o
}

// TestBadFiles holds every file in testdata/bad against the message beside it.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			_, err := Load(path, optionsOf(t, path))
			problems, ok := err.(*source.Problems)
			if !ok {
				t.Fatalf("Load gives %v, no mistakes", err)
			}
			golden := strings.TrimSuffix(path, ".yaml") + ".txt"
			got := problems.Render()
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%swant\n%s", got, want)
			}
			for _, d := range problems.List() {
				inside(t, d.Span)
			}
		})
	}
}

// inside checks that a span lies in its file.
func inside(t *testing.T, s source.Span) {
	t.Helper()
	if s.File == nil || s.Line == 0 {
		return
	}
	lines := strings.Split(s.File.Text, "\n")
	if s.Line > len(lines) {
		t.Fatalf("%v: the file has %d lines", s, len(lines))
	}
	if width := len([]rune(lines[s.Line-1])); s.Col < 1 || s.Len < 1 || s.Col+s.Len-1 > width+1 {
		t.Fatalf("%v, %d long: the line has %d characters", s, s.Len, width)
	}
}
