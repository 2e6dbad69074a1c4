package source

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func parse(text string) (*Node, *Problems) {
	var p Problems
	return Parse(NewFile("x.yaml", text), &p), &p
}

// TestRender holds the form of messages: the one that the design shows, and what it does not.
func TestRender(t *testing.T) {
	file := NewFile("configs/r56.yaml", strings.Repeat("# comment\n", 13)+"    learning_rate: 0.1\n\tx: 1\n"+strings.Repeat("a", 300)+"\n")
	set := &File{Name: "--set #2", Text: "model.stages.7.units=3", Order: 2, Override: true}
	all := &File{Name: "--set #3", Text: "model.stages.all.unitz=3", Order: 3, Override: true}
	var p Problems
	p.Add(Diagnostic{Span: set.At(0, 20), Path: "model.stages.7.units", Problem: "there are 4 stages (0 to 3)"})
	p.Add(Diagnostic{Span: all.At(17, 5), Path: "model.stages.0.unitz", Problem: `unknown key; did you mean "units"?`})
	p.Add(Diagnostic{Span: all.At(17, 5), Path: "model.stages.1.unitz", Problem: `unknown key; did you mean "units"?`})
	p.Add(Diagnostic{Span: Span{file, 16, 200, 5}, Path: "name", Problem: "is long"})
	p.Add(Diagnostic{Span: Span{file, 15, 2, 1}, Path: "x", Problem: "stands behind a tab"})
	p.Add(Diagnostic{Span: Span{File: file}, Problem: "the whole file is strange"})
	p.Add(Diagnostic{
		Span: Span{file, 14, 5, 13}, Path: "optimizer.learning_rate", Problem: `unknown key; did you mean "lr"?`,
		Help: "adam takes: beta1, beta2, epsilon, lr, weight_decay",
	})
	want := `configs/r56.yaml: the whole file is strange
configs/r56.yaml:14:5: optimizer.learning_rate: unknown key; did you mean "lr"?
   14 |     learning_rate: 0.1
      |     ^^^^^^^^^^^^^
   adam takes: beta1, beta2, epsilon, lr, weight_decay
configs/r56.yaml:15:2: x: stands behind a tab
   15 |  x: 1
      |  ^
configs/r56.yaml:16:200: name: is long
   16 | ` + strings.Repeat("a", 110) + `
      | ` + strings.Repeat(" ", 36) + `^^^^^
--set #2: model.stages.7.units: there are 4 stages (0 to 3)
--set #3: model.stages.0.unitz: unknown key; did you mean "units"?
      | model.stages.all.unitz=3
      |                  ^^^^^
6 mistakes; nothing was run
`
	if got := p.Render(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if new(Problems).Err() != nil {
		t.Error("no mistakes make an error")
	}
}

func TestSpansCoverWhatWasWritten(t *testing.T) {
	text := "a: 12 # comment\nb: {c: \"x, y\", d: [1, 'it''s']}\n\"e f\":\n  - &g plain text\n  - *g\n  - !replace {h: 1}\ni: |\n  block\né: ü\n"
	n, p := parse(text)
	if p.Len() > 0 {
		t.Fatal(p)
	}
	got := map[string]string{}
	lines := strings.Split(text, "\n")
	cut := func(s Span) string { return string([]rune(lines[s.Line-1])[s.Col-1 : s.Col-1+s.Len]) }
	var walk func(n *Node, path string)
	walk = func(n *Node, path string) {
		got[path] = cut(n.Span)
		for _, pair := range n.Pairs {
			got[path+"/"+pair.Key+"="] = cut(pair.At)
			walk(pair.Value, path+"/"+pair.Key)
		}
		for i, item := range n.Items {
			walk(item, fmt.Sprint(path, "/", i))
		}
	}
	walk(n, "")
	want := map[string]string{
		"": "a", "/a=": "a", "/a": "12", "/b=": "b", "/b": `{c: "x, y", d: [1, 'it''s']}`, "/b/c=": "c", "/b/c": `"x, y"`,
		"/b/d=": "d", "/b/d": `[1, 'it''s']`, "/b/d/0": "1", "/b/d/1": `'it''s'`, "/e f=": `"e f"`, "/e f": "-",
		"/e f/0": "&g", "/e f/1": "&g", "/e f/2": "!replace", "/e f/2/h=": "h", "/e f/2/h": "1", "/i=": "i", "/i": "|", "/é=": "é", "/é": "ü",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	if got := n.At("b.d.1").String(); got != "x.yaml:2:23" {
		t.Errorf("b.d.1 was written at %s", got)
	}
	if got := n.At("b.d.7.x").String(); got != "x.yaml:2:19" {
		t.Errorf("the list around b.d.7.x was written at %s", got)
	}
}

func TestScalars(t *testing.T) {
	const bad = "bad"
	for _, test := range []struct{ text, whole, real, boolean, str string }{
		{"12", "12", "12", bad, "12"},
		{"-3", "-3", "-3", bad, "-3"},
		{"+50_000", "50000", "50000", bad, "+50_000"},
		{"2.5", bad, "2.5", bad, "2.5"},
		{"2.0", bad, "2", bad, "2.0"},
		{"1e-3", bad, "0.001", bad, "1e-3"},
		{".5", bad, "0.5", bad, ".5"},
		{"012", bad, bad, bad, "012"},
		{"0x1F", bad, bad, bad, "0x1F"},
		{"1_", bad, bad, bad, "1_"},
		{".nan", bad, bad, bad, ".nan"},
		{"-.inf", bad, bad, bad, "-.inf"},
		{"1e999", bad, bad, bad, "1e999"},
		{"9223372036854775808", bad, "9.223372036854776e+18", bad, "9223372036854775808"},
		{"'12'", bad, bad, bad, "12"},
		{"true", bad, bad, "true", "true"},
		{"False", bad, bad, "false", "False"},
		{"yes", bad, bad, bad, "yes"},
		{"'true'", bad, bad, bad, "true"},
		{"some text", bad, bad, bad, "some text"},
		{"2026-01-01", bad, bad, bad, "2026-01-01"},
		{"~", bad, bad, bad, bad},
		{"null", bad, bad, bad, bad},
		{"''", bad, bad, bad, ""},
		{"[1]", bad, bad, bad, bad},
		{"{}", bad, bad, bad, bad},
	} {
		n, p := parse("x: " + test.text)
		if p.Len() > 0 {
			t.Errorf("%s: %v", test.text, p)
			continue
		}
		n = n.Get("x")
		show := func(x any, err error) string {
			if err != nil {
				return bad
			}
			return fmt.Sprint(x)
		}
		i, iErr := n.Int()
		f, fErr := n.Float()
		b, bErr := n.Bool()
		s, sErr := n.Str()
		got := []string{show(i, iErr), show(f, fErr), show(b, bErr), show(s, sErr)}
		if want := []string{test.whole, test.real, test.boolean, test.str}; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: as a whole number, a number, true or false, text: got %q, want %q", test.text, got, want)
		}
	}
}

// TestWrite reads back what is written, and holds the form that people see.
func TestWrite(t *testing.T) {
	text := `name: net
seed: 1
list: [1, 2.5, x]
none: []
empty: {}
model:
  stages:
    - {filters: 32, pool: max}
    - {filters: 64, unit: {type: preact}}
  text: "yes"
`
	n, p := parse(text)
	if p.Len() > 0 {
		t.Fatal(p)
	}
	if got := Write(n); got != text {
		t.Errorf("got\n%s\nwant\n%s", got, text)
	}
	long := &Node{Kind: Map}
	for i := range 12 {
		long.Set(fmt.Sprintf("parameter%d", i), Span{}, Scalar(Text, "value"))
	}
	list := &Node{Kind: List, Items: []*Node{long, Scalar(Int, "1"), {Kind: List, Items: []*Node{long}}}}
	got := Write(list)
	if !strings.HasPrefix(got, "- parameter0: value\n  parameter1: value\n") {
		t.Errorf("a long item is written as\n%s", got)
	}
	again, p := parse(got)
	if p.Len() > 0 || Write(again) != got {
		t.Errorf("%v\n%s", p.Err(), Write(again))
	}
}

// FuzzParse reads any text. It may complain, but not panic; every span lies inside the file; and what it reads without
// complaint is the same after it was written.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"", "a: 1", "a: [1, {b: c}]\n---\nb", "&a [*a]", "a: &x {b: 1}\nc: {<<: *x}", "!replace {a: !t b}", "\tx", "a:\n\t- b", "\xff",
		"? [a]\n: b", "a: |\n  b\n c", "'a\n\n b'", "\"\\x7f\\u2028\"", "é: \"ü\"", "a: b: c", "- - - a\n  - b", "%YAML 1.1\n---\na", "012", "<<: [a]", "{}", "[]", "- []\n- {}",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, p := parse(text)
		for _, d := range p.List() {
			inside(t, d.Span)
		}
		p.Render()
		if n == nil {
			return
		}
		walk(t, n)
		if p.Len() > 0 {
			return
		}
		written := Write(n)
		again, p := parse(written)
		if p.Len() > 0 {
			t.Fatalf("what is written cannot be read: %v\n%s", p, written)
		}
		if Write(again) != written {
			t.Fatalf("written twice, it differs:\n%s\n%s", written, Write(again))
		}
	})
}

func walk(t *testing.T, n *Node) {
	inside(t, n.Span)
	for _, pair := range n.Pairs {
		inside(t, pair.At)
		walk(t, pair.Value)
	}
	for _, item := range n.Items {
		walk(t, item)
	}
}

// inside checks that a span lies in its file.
func inside(t *testing.T, s Span) {
	if s.Line == 0 {
		return
	}
	lines := strings.Split(s.File.Text, "\n")
	if s.Line < 1 || s.Line > len(lines) {
		t.Fatalf("%v: the file has %d lines", s, len(lines))
	}
	if width := len([]rune(lines[s.Line-1])); s.Col < 1 || s.Len < 1 || s.Col+s.Len-1 > width+1 {
		t.Fatalf("%v, %d long: the line has %d characters", s, s.Len, width)
	}
}
