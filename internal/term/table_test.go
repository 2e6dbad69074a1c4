package term

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func sample() *Table {
	t := &Table{Columns: []Column{
		{Name: "name", Style: func(v any) Style { return map[any]Style{"bad": Red}[v] }},
		{Name: "n"},
		{Name: "acc", Head: "accuracy", Text: Fixed(2)},
		{Name: "both", Only: People},
		{Name: "exact", Only: Programs},
	}}
	t.Add("größe", 1, 0.5, "a|b", 0.1)
	t.Add("bad", int64(12), math.NaN(), "", math.Inf(-1))
	t.Add(nil, nil, nil, nil, []byte("raw"))
	return t
}

func TestOneTableInFourFormats(t *testing.T) {
	for format, want := range map[Format]string{
		Text: `
name    n  accuracy  both
größe   1      0.50  a|b
bad    12       nan
–       –         –  –
`,
		JSON: `
[
  {"name":"größe","n":1,"acc":0.5,"exact":0.1},
  {"name":"bad","n":12,"acc":null,"exact":null},
  {"name":null,"n":null,"acc":null,"exact":"raw"}
]
`,
		CSV: `
name,n,acc,exact
größe,1,0.5,0.1
bad,12,nan,-inf
,,,raw
`,
		Markdown: `
| name | n | accuracy | both |
|---|---:|---:|---|
| größe | 1 | 0.50 | a\|b |
| bad | 12 | nan |  |
| – | – | – | – |
`,
	} {
		var b bytes.Buffer
		if err := sample().Write(&b, format, false); err != nil || "\n"+b.String() != want {
			t.Errorf("format %d (%v):\n%s\nwant%s", format, err, b.String(), want)
		}
	}
}

func TestColourDoesNotMoveColumns(t *testing.T) {
	var plain, colour bytes.Buffer
	if err := sample().Write(&plain, Text, false); err != nil {
		t.Fatal(err)
	}
	if err := sample().Write(&colour, Text, true); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(colour.String(), "\x1b[31mbad\x1b[0m") {
		t.Errorf("no red in %q", colour.String())
	}
	stripped := strings.NewReplacer("\x1b[1m", "", "\x1b[31m", "", "\x1b[0m", "").Replace(colour.String())
	if stripped != plain.String() {
		t.Errorf("with colour\n%s\nwithout\n%s", stripped, plain.String())
	}
}

func TestAnEmptyTableIsStillJSONAndCSV(t *testing.T) {
	empty := &Table{Columns: []Column{{Name: "a"}}}
	for format, want := range map[Format]string{JSON: "[]\n", CSV: "a\n", Text: "a\n"} {
		var b bytes.Buffer
		if err := empty.Write(&b, format, false); err != nil || b.String() != want {
			t.Errorf("%q (%v), want %q", b.String(), err, want)
		}
	}
	if text, err := json.Marshal(Object{{"rows", empty}}); err != nil || string(text) != `{"rows":[]}` {
		t.Errorf("%s (%v)", text, err)
	}
}

func TestJSONKeepsWhatANumberIs(t *testing.T) {
	for _, c := range []struct {
		value any
		want  string
	}{
		{1, "1"}, {int64(-3), "-3"}, {1.0, "1.0"}, {0.1, "0.1"}, {1e30, "1e+30"}, {math.NaN(), "null"}, {math.Inf(1), "null"},
		{"a<b>&", `"a<b>&"`}, {[]byte{0xff}, `"/w=="`}, {nil, "null"}, {true, "true"}, {Object(nil), "{}"},
	} {
		if got, err := marshal(c.value); err != nil || string(got) != c.want {
			t.Errorf("%v: %s (%v), want %s", c.value, got, err, c.want)
		}
	}
}

func TestNumbersForPeople(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Digits(0, 4), "0"},
		{Digits(0.001, 4), "0.001"},
		{Digits(0.061239, 4), "0.06124"},
		{Digits(1.28853, 4), "1.289"},
		{Digits(12345.678, 4), "12346"},
		{Digits(-2.5, 4), "-2.5"},
		{Digits(3.2e-7, 4), "3.2e-07"},
		{Digits(5e12, 4), "5e+12"},
		{Digits(math.Inf(1), 4), "+inf"},
		{Count(999), "999"},
		{Count(int64(4374538)), "4,374,538"},
		{Count(int64(-1000)), "-1,000"},
		{Count("n/a"), "n/a"},
		{Duration(0.421), "0.42 s"},
		{Duration(9.97), "10 s"},
		{Duration(59.7), "1 min 0 s"},
		{Duration(200.0), "3 min 20 s"},
		{Duration(7500.0), "2 h 5 min"},
		{Duration(math.NaN()), "nan"},
		{Fixed(3)(0.12345), "0.123"},
		{Fixed(3)(math.Inf(-1)), "-inf"},
		{Fixed(3)("text"), "text"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

func TestControlCharactersAreWrittenOut(t *testing.T) {
	for in, want := range map[string]string{
		"plain ü":         "plain ü",
		"two\nlines\t":    `two\nlines\t`,
		"\x1b[31mred":     `\x1b[31mred`,
		"bad\xffbyte":     "bad\uFFFDbyte",
		"turn\u202Eround": `turn\u202eround`,
	} {
		if got := Printable(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
