// Package term writes what people and programs read: tables as aligned text,
// JSON, CSV and Markdown, and what a terminal adds to that. Nothing else in the
// project writes escape codes.
package term

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// Format is a way to write a table.
type Format int

// The formats of every reading verb.
const (
	Text Format = iota // aligned columns
	JSON               // an array with one object a row
	CSV                // RFC 4180 with a header
	Markdown
)

// ForPeople says whether a person reads the format, so that numbers are rounded.
func (f Format) ForPeople() bool { return f == Text || f == Markdown }

// Readers says who is shown a column.
type Readers int

// Who is shown a column; programs read JSON and CSV.
const (
	Everyone Readers = iota
	People
	Programs
)

// Column of a table.
type Column struct {
	Name  string             // key in JSON and CSV, heading otherwise
	Head  string             // heading for people; Name when empty
	Text  func(v any) string // how people see a value that is not nil; Plain when nil
	Style func(v any) Style  // on a terminal with colour
	Right bool               // to the right although not all are numbers
	Only  Readers
}

// Table is rows of values: nil, bool, int, int64, float64, string or []byte.
type Table struct {
	Columns []Column
	Rows    [][]any
}

// Add appends a row.
func (t *Table) Add(values ...any) { t.Rows = append(t.Rows, values) }

// Cells gives the texts of all rows, as people see them.
func (t *Table) Cells() [][]string {
	cells, _ := t.cells(t.shown(Text))
	return cells
}

// Style is an SGR parameter of a terminal; empty is plain.
type Style string

// Styles used for statuses and headings.
const (
	Bold   Style = "1"
	Red    Style = "31"
	Green  Style = "32"
	Yellow Style = "33"
	Cyan   Style = "36"
)

// Paint puts a text between escape codes when there is colour and a style.
func Paint(text string, s Style, color bool) string {
	if !color || s == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// Write writes the table; colour counts only for Text.
func (t *Table) Write(w io.Writer, f Format, color bool) error {
	switch f {
	case JSON:
		return t.writeJSON(w)
	case CSV:
		return t.writeCSV(w)
	case Markdown:
		return t.writeMarkdown(w)
	}
	return t.writeText(w, color)
}

// shown gives the indices of the columns that the format's readers see.
func (t *Table) shown(f Format) []int {
	hidden := People
	if f.ForPeople() {
		hidden = Programs
	}
	var columns []int
	for i, c := range t.Columns {
		if c.Only != hidden {
			columns = append(columns, i)
		}
	}
	return columns
}

func (c Column) head() string {
	if c.Head != "" {
		return c.Head
	}
	return c.Name
}

const gap = "  " // between columns

func (t *Table) writeText(w io.Writer, color bool) error {
	var b strings.Builder
	columns := t.shown(Text)
	cells, widths := t.cells(columns)
	for r, row := range append([][]string{t.heads(columns)}, cells...) {
		var line strings.Builder
		for i, text := range row {
			column := columns[i]
			pad := strings.Repeat(" ", widths[i]-runewidth.StringWidth(text))
			style := Bold
			if r > 0 {
				style = ""
				if f := t.Columns[column].Style; f != nil {
					style = f(t.Rows[r-1][column])
				}
			}
			if i > 0 {
				line.WriteString(gap)
			}
			text = Paint(text, style, color)
			if t.right(column) {
				line.WriteString(pad + text)
			} else {
				line.WriteString(text + pad)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) heads(columns []int) []string {
	heads := make([]string, len(columns))
	for i, c := range columns {
		heads[i] = Printable(t.Columns[c].head())
	}
	return heads
}

// cells gives the texts of the columns and the width of each, heading included.
func (t *Table) cells(columns []int) (cells [][]string, widths []int) {
	widths = make([]int, len(columns))
	for i, head := range t.heads(columns) {
		widths[i] = runewidth.StringWidth(head)
	}
	cells = make([][]string, len(t.Rows))
	for r, row := range t.Rows {
		cells[r] = make([]string, len(columns))
		for i, c := range columns {
			text := t.Columns[c].text(row[c])
			cells[r][i] = text
			widths[i] = max(widths[i], runewidth.StringWidth(text))
		}
	}
	return cells, widths
}

func (c Column) text(v any) string {
	switch {
	case v == nil:
		return "–"
	case c.Text != nil:
		return Printable(c.Text(v))
	}
	return Printable(Plain(v))
}

// right says whether a column is aligned to the right: numbers are.
func (t *Table) right(column int) bool {
	if t.Columns[column].Right {
		return true
	}
	numbers := 0
	for _, row := range t.Rows {
		switch row[column].(type) {
		case int, int64, float64:
			numbers++
		case nil:
		default:
			return false
		}
	}
	return numbers > 0
}

func (t *Table) writeMarkdown(w io.Writer) error {
	var b strings.Builder
	columns := t.shown(Markdown)
	cells, _ := t.cells(columns)
	line := func(cells []string) {
		for _, text := range cells {
			b.WriteString("| " + strings.ReplaceAll(text, "|", `\|`) + " ")
		}
		b.WriteString("|\n")
	}
	line(t.heads(columns))
	for _, c := range columns {
		if t.right(c) {
			b.WriteString("|---:")
		} else {
			b.WriteString("|---")
		}
	}
	b.WriteString("|\n")
	for _, row := range cells {
		line(row)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) writeCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	columns := t.shown(CSV)
	record := make([]string, len(columns))
	for i, c := range columns {
		record[i] = t.Columns[c].Name
	}
	out.Write(record)
	for _, row := range t.Rows {
		for i, c := range columns {
			record[i] = exact(row[c])
		}
		out.Write(record)
	}
	out.Flush()
	return out.Error()
}

func (t *Table) writeJSON(w io.Writer) error {
	var b bytes.Buffer
	b.WriteString("[")
	for i, row := range t.objects() {
		text, err := marshal(row)
		if err != nil {
			return err
		}
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n  ")
		b.Write(text)
	}
	if len(t.Rows) > 0 {
		b.WriteString("\n")
	}
	b.WriteString("]\n")
	_, err := w.Write(b.Bytes())
	return err
}

// objects gives the rows as JSON has them; a column name that comes again gets a
// number, so that no value is lost.
func (t *Table) objects() []Object {
	columns := t.shown(JSON)
	keys := make([]string, len(columns))
	seen := map[string]int{}
	for i, c := range columns {
		name := t.Columns[c].Name
		seen[name]++
		keys[i] = name
		if n := seen[name]; n > 1 {
			keys[i] = name + "_" + strconv.Itoa(n)
		}
	}
	objects := make([]Object, len(t.Rows))
	for r, row := range t.Rows {
		for i, c := range columns {
			objects[r] = append(objects[r], Pair{keys[i], row[c]})
		}
	}
	return objects
}

// MarshalJSON gives the table as an array of objects.
func (t *Table) MarshalJSON() ([]byte, error) {
	if len(t.Rows) == 0 {
		return []byte("[]"), nil
	}
	return json.Marshal(t.objects())
}

// Pair is a key of a JSON object and its value.
type Pair struct {
	Key   string
	Value any
}

// Object is a JSON object whose keys keep their order. Numbers keep their type
// (1 is an integer, 1.0 is not), NaN and the infinities are null.
type Object []Pair

// MarshalJSON implements json.Marshaler.
func (o Object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, p := range o {
		if i > 0 {
			b.WriteString(",")
		}
		key, err := marshal(p.Key)
		if err != nil {
			return nil, err
		}
		value, err := marshal(p.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Key, err)
		}
		b.Write(key)
		b.WriteString(":")
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func marshal(v any) ([]byte, error) {
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return []byte("null"), nil
		}
		text := strconv.FormatFloat(v, 'g', -1, 64)
		if !strings.ContainsAny(text, ".e") {
			text += ".0"
		}
		return []byte(text), nil
	case []byte:
		if utf8.Valid(v) {
			return marshal(string(v))
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

// WriteJSON writes a value as indented JSON.
func WriteJSON(w io.Writer, v any) error {
	text, err := marshal(v)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err = w.Write(b.Bytes())
	return err
}

// exact is a value for a program: all digits, NaN and infinities by name.
func exact(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return notFinite(v)
		}
		return strconv.FormatFloat(v, 'g', -1, 64)
	case []byte:
		return string(v)
	}
	return fmt.Sprint(v)
}

func notFinite(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "+inf"
	case math.IsInf(v, -1):
		return "-inf"
	}
	return "nan"
}

// Plain is a value for a person: reals to four digits.
func Plain(v any) string {
	if f, ok := v.(float64); ok {
		return Digits(f, 4)
	}
	return exact(v)
}

// Digits writes a real with that many significant digits, none of them a
// trailing zero, and with an exponent only far from one.
func Digits(v float64, digits int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return notFinite(v)
	}
	size := math.Abs(v)
	if size != 0 && (size < 1e-4 || size >= 1e9) {
		return strconv.FormatFloat(v, 'g', digits, 64)
	}
	decimals := 0
	if size != 0 {
		decimals = max(0, digits-1-int(math.Floor(math.Log10(size))))
	}
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// Fixed gives a Column.Text that writes reals with that many decimals.
func Fixed(decimals int) func(any) string {
	return func(v any) string {
		f, ok := v.(float64)
		if !ok || math.IsNaN(f) || math.IsInf(f, 0) {
			return Plain(v)
		}
		return strconv.FormatFloat(f, 'f', decimals, 64)
	}
}

// Count writes a whole number with commas between the thousands.
func Count(v any) string {
	text := Plain(v)
	digits := strings.TrimPrefix(text, "-")
	if strings.Trim(digits, "0123456789") != "" {
		return text
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if strings.HasPrefix(text, "-") {
		return "-" + digits
	}
	return digits
}

// Duration writes seconds as a person says them: 0.42 s, 12 s, 3 min 20 s, 2 h 5 min.
func Duration(v any) string {
	seconds, ok := v.(float64)
	whole := int(math.Round(seconds))
	switch {
	case !ok || math.IsNaN(seconds) || math.IsInf(seconds, 0):
		return Plain(v)
	case seconds < 9.95:
		return Digits(seconds, 2) + " s"
	case whole < 60:
		return strconv.Itoa(whole) + " s"
	case whole < 3600:
		return fmt.Sprintf("%d min %d s", whole/60, whole%60)
	}
	return fmt.Sprintf("%d h %d min", whole/3600, whole%3600/60)
}

// Printable makes a text safe for one line of a terminal: control characters,
// escape codes among them, are written out.
func Printable(s string) string {
	if strings.IndexFunc(s, isControl) < 0 && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		if isControl(r) {
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isControl(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }
