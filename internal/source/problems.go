package source

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Diagnostic is one mistake of the user: what is wrong at which place.
type Diagnostic struct {
	Span    Span
	Path    string // dotted path of the value: "model.stages.1.filters"; "" for a file as a whole
	Problem string // lower case, no full stop: `unknown key; did you mean "lr"?`
	Help    string // what to do or the legal names; "" when the problem says it all
	Missing bool   // nothing was written where something has to be; Span is what is around it
}

// Problems collects mistakes, so that all of them can be shown at once. The zero value is ready to use.
type Problems struct {
	list []Diagnostic
	seen map[seenKey]bool
}

// seenKey is a mistake without its path: one place may stand for several values (a Unit inherited by four stages).
type seenKey struct {
	span    Span
	problem string
}

// Add records a mistake. The same mistake at the same place is kept once.
func (p *Problems) Add(d Diagnostic) {
	key := seenKey{d.Span, d.Problem}
	if p.seen[key] {
		return
	}
	if p.seen == nil {
		p.seen = map[seenKey]bool{}
	}
	p.seen[key] = true
	p.list = append(p.list, d)
}

// Addf records a mistake with no help text.
func (p *Problems) Addf(at Span, path, format string, args ...any) {
	p.Add(Diagnostic{Span: at, Path: path, Problem: fmt.Sprintf(format, args...)})
}

// Len returns the number of mistakes.
func (p *Problems) Len() int { return len(p.list) }

// Err returns p when it holds a mistake and nil otherwise.
func (p *Problems) Err() error {
	if len(p.list) == 0 {
		return nil
	}
	return p
}

// List returns the mistakes sorted by place.
func (p *Problems) List() []Diagnostic {
	list := slices.Clone(p.list)
	slices.SortStableFunc(list, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(order(a.Span), order(b.Span)), cmp.Compare(a.Span.Line, b.Span.Line), cmp.Compare(a.Span.Col, b.Span.Col))
	})
	return list
}

func order(s Span) int {
	if s.File == nil {
		return 0
	}
	return s.File.Order
}

// Error is Render without its last line break.
func (p *Problems) Error() string { return strings.TrimSuffix(p.Render(), "\n") }

// Render shows all mistakes, sorted by place, each with its source line and a caret, and closes with their number.
func (p *Problems) Render() string {
	var b strings.Builder
	for _, d := range p.List() {
		d.render(&b)
	}
	noun := "mistakes"
	if len(p.list) == 1 {
		noun = "mistake"
	}
	fmt.Fprintf(&b, "%d %s; nothing was run\n", len(p.list), noun)
	return b.String()
}

func (d Diagnostic) render(b *strings.Builder) {
	b.WriteString(d.Span.String())
	b.WriteString(": ")
	if d.Path != "" {
		b.WriteString(d.Path)
		b.WriteString(": ")
	}
	b.WriteString(d.Problem)
	b.WriteByte('\n')
	d.quote(b)
	if d.Help != "" {
		b.WriteString("   " + strings.ReplaceAll(d.Help, "\n", "\n   ") + "\n")
	}
}

// maxQuote is how many characters of a source line are shown.
const maxQuote = 110

// quote shows the source line and marks the place below it. An override that begins with the path is not repeated.
func (d Diagnostic) quote(b *strings.Builder) {
	s := d.Span
	if s.File == nil || s.Line == 0 || s.File.Override && strings.HasPrefix(s.File.Text, d.Path+"=") {
		return
	}
	line := []rune(strings.ReplaceAll(s.File.Line(s.Line), "\t", " "))
	col := min(s.Col-1, len(line))
	if len(line) > maxQuote { // a window with the place a third in
		from := max(0, min(col-maxQuote/3, len(line)-maxQuote))
		line, col = line[from:min(from+maxQuote, len(line))], col-from
	}
	number := fmt.Sprint(s.Line)
	if s.File.Override {
		number = ""
	}
	carets := strings.Repeat("^", max(1, min(s.Len, len(line)-col)))
	fmt.Fprintf(b, "%5s | %s\n      | %s%s\n", number, strings.TrimRight(string(line), " "), strings.Repeat(" ", col), carets)
}
