package source

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

const (
	maxNodes = 100_000 // values of one text, aliases expanded
	maxDepth = 64      // maps and lists inside one another
	maxKeys  = 1000    // of one map
	maxKey   = 100     // characters of a key
)

// Parse reads the one YAML document of f. It returns nil when the text cannot be read or holds nothing, after adding
// the reason to p; smaller mistakes are added too, and what can be read is returned.
func Parse(f *File, p *Problems) *Node { return ParseFrom(f, 0, p) }

// ParseFrom is Parse for the text that begins at a byte offset, as the value in "optimizer.lr=0.1" does.
func ParseFrom(f *File, offset int, p *Problems) *Node {
	if !readable(f, p) {
		return nil
	}
	r := reader{file: f, p: p, lines: strings.Split(f.Text[offset:], "\n"), done: map[*yaml.Node]*expanded{}}
	start := f.At(offset, 1)
	r.startLine, r.startCol = start.Line-1, start.Col-1

	dec := yaml.NewDecoder(strings.NewReader(f.Text[offset:]))
	var doc, more yaml.Node
	err := decode(dec, &doc)
	if errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0 {
		if f.Override {
			return &Node{Kind: Null, Span: start}
		}
		p.Addf(Span{File: f}, "", "the file is empty")
		return nil
	}
	if err != nil {
		r.syntax(err)
		return nil
	}
	switch err := decode(dec, &more); {
	case err == nil:
		p.Addf(r.span(more.Line, more.Column, 3), "", "a second document begins here; a file holds one")
	case !errors.Is(err, io.EOF):
		r.syntax(err)
		return nil
	}
	root := r.expand(doc.Content[0], 0).node
	if r.broken {
		return nil
	}
	return root
}

// decode turns a panic of the YAML library on an odd text into an error.
func decode(dec *yaml.Decoder, into *yaml.Node) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("yaml: %v", cause)
		}
	}()
	return dec.Decode(into)
}

// readable refuses texts that are too long or hold bytes that no editor shows.
func readable(f *File, p *Problems) bool {
	if len(f.Text) > MaxSize {
		p.Addf(Span{File: f}, "", "the file is larger than %d KiB; this is no experiment", MaxSize>>10)
		return false
	}
	for i, c := range f.Text {
		if c == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(f.Text[i:]); size == 1 {
				at := f.At(i, 1)
				f.Text = strings.ToValidUTF8(f.Text, "\uFFFD")
				p.Addf(at, "", "the text is not UTF-8; save the file as UTF-8")
				return false
			}
		}
		if invisible(c) {
			at := f.At(i, 1)
			f.Text = strings.ReplaceAll(f.Text, string(c), "\uFFFD")
			p.Addf(at, "", "there is an invisible character here (U+%04X); remove it", c)
			return false
		}
	}
	return true
}

// invisible says which characters YAML forbids, or takes for line breaks that editors do not show.
func invisible(c rune) bool {
	return c < ' ' && c != '\t' && c != '\n' || c >= 0x7f && c < 0xa0 || c == '\u2028' || c == '\u2029' || c == '\uFEFF' || c == '\uFFFE' || c == '\uFFFF'
}

// reader turns the library's nodes into ours.
type reader struct {
	file      *File
	p         *Problems
	lines     []string
	startLine int // added to every line
	startCol  int // added to every column of the first line
	current   int // the line that runes holds
	runes     []rune
	nodes     int  // so far, aliases expanded
	broken    bool // the tree is of no use
	done      map[*yaml.Node]*expanded
}

// expanded is a node with what it costs, kept for the aliases that name it. It is nil while the node is being read.
type expanded struct {
	node        *Node
	size, depth int
}

var libraryError = regexp.MustCompile(`^yaml: (?:line ([0-9]+): )?(.*)$`)

// hints say what usually is behind a complaint of the library.
var hints = map[string]string{
	"mapping values are not allowed in this context": "the line is indented too far, or text with \": \" in it needs quotes",
	"did not find expected key":                      "the indentation fits no line above, or a comma or bracket is missing",
	"did not find expected ',' or '}'":               "a brace is not closed, or a comma is missing",
	"did not find expected ',' or ']'":               "a bracket is not closed, or a comma is missing",
	"found unexpected end of stream":                 "a quote is not closed",
	"did not find expected node content":             "a value is missing, or a bracket is not closed",
}

// syntax reports an error of the library, which knows a line at best, and often not the right one.
func (r *reader) syntax(err error) {
	for i, line := range r.lines {
		blank := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if tab := strings.IndexByte(blank, '\t'); tab >= 0 && strings.TrimSpace(line) != "" {
			r.p.Addf(r.span(i+1, tab+1, 1), "", "a tab in the indentation; YAML wants spaces")
			return
		}
	}
	line, problem := 1, err.Error()
	if m := libraryError.FindStringSubmatch(problem); m != nil {
		problem = m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
		}
	}
	if _, rest, found := strings.Cut(problem, "unknown anchor '"); found {
		anchor, _, _ := strings.Cut(rest, "'")
		problem = fmt.Sprintf("*%s stands for nothing: there is no &%s before it", anchor, anchor)
	}
	line = min(r.firstBad(line), len(r.lines))
	text := strings.TrimSpace(r.lines[line-1])
	indent := strings.Index(r.lines[line-1], text)
	r.p.Add(Diagnostic{Span: r.span(line, indent+1, utf8.RuneCountInString(text)), Problem: "not valid YAML: " + problem, Help: hints[problem]})
}

// A faulty text of up to so many lines and bytes is read again, ever shorter, to find the fault.
const (
	maxRetries   = 300
	maxRetryText = 64 << 10
)

// firstBad returns the line after the longest beginning of the text that is valid, or guess for a long text.
func (r *reader) firstBad(guess int) int {
	if len(r.lines) > maxRetries || len(r.file.Text) > maxRetryText {
		return guess
	}
	for n := len(r.lines) - 1; n > 0; n-- {
		var doc yaml.Node
		dec := yaml.NewDecoder(strings.NewReader(strings.Join(r.lines[:n], "\n")))
		err := decode(dec, &doc)
		if err == nil {
			err = decode(dec, &doc)
		}
		if errors.Is(err, io.EOF) {
			return n + 1
		}
	}
	return 1
}

// lineAt returns the characters of a line; the last one asked for is kept, as nodes come in order.
func (r *reader) lineAt(n int) []rune {
	if n = max(1, min(n, len(r.lines))); n != r.current {
		r.current, r.runes = n, []rune(r.lines[n-1])
	}
	return r.runes
}

// span makes a Span of the library's position, cut to the line.
func (r *reader) span(line, col, length int) Span {
	line = max(1, min(line, len(r.lines)))
	width := len(r.lineAt(line))
	col = max(1, min(col, width+1))
	length = max(1, min(length, width-col+1))
	if line == 1 {
		col += r.startCol
	}
	return Span{r.file, r.startLine + line, col, length}
}

// maxMark is how many characters are marked at most.
const maxMark = 200

// place finds the span of a node, from its beginning to the end of its text on that line.
func (r *reader) place(n *yaml.Node) Span {
	const special = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle | yaml.TaggedStyle
	line := r.lineAt(n.Line)
	from := min(max(0, n.Column-1), len(line))
	rest := string(line[from:min(from+maxMark, len(line))])
	switch {
	case n.Kind == yaml.ScalarNode && n.Style&special == 0 && strings.HasPrefix(rest, n.Value):
		return r.span(n.Line, n.Column, utf8.RuneCountInString(n.Value))
	case n.Kind == yaml.AliasNode:
		return r.span(n.Line, n.Column, 1+utf8.RuneCountInString(n.Value))
	case n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle == 0 && len(n.Content) > 0 && n.Content[0].Line == n.Line && n.Content[0].Column == n.Column:
		return r.place(n.Content[0])
	}
	return r.span(n.Line, n.Column, utf8.RuneCountInString(rest[:closing(rest)]))
}

// closing returns the length of the quoted text or bracketed collection that s begins with, or of its first word.
func closing(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\'':
			for i++; i < len(s) && s[i] != c; i++ {
				if c == '"' && s[i] == '\\' {
					i++
				}
			}
			if c == '\'' && i+1 < len(s) && s[i+1] == c { // two stand for one: the text goes on
				continue
			}
			if depth == 0 {
				return min(i+1, len(s))
			}
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth <= 0 {
				return i + 1
			}
		case (c == ' ' || c == ',') && depth == 0:
			return i
		}
	}
	return len(strings.TrimRight(s, " "))
}

// expand turns a node and all below it into ours.
func (r *reader) expand(n *yaml.Node, depth int) *expanded {
	if n.Kind == yaml.AliasNode {
		return r.alias(n, depth)
	}
	r.done[n] = nil
	out := &expanded{&Node{Span: r.place(n)}, 1, 0}
	defer func() { r.done[n] = out }()
	if !r.within(1, depth, out.node.Span) {
		return out
	}
	if n.Style&yaml.TaggedStyle != 0 {
		if n.Tag == "!replace" {
			out.node.Replace = true
		} else {
			r.p.Addf(out.node.Span, "", "the tag %s means nothing here; only !replace does", n.Tag)
		}
	}
	switch n.Kind {
	case yaml.MappingNode:
		out.node.Kind = Map
		r.pairs(n, depth, out)
	case yaml.SequenceNode:
		out.node.Kind = List
		for _, item := range n.Content {
			out.node.Items = append(out.node.Items, r.child(item, depth, out))
		}
	default:
		out.node.Value = n.Value
		out.node.Quoted = n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
		out.node.Kind = Text
		if !out.node.Quoted {
			out.node.Kind = kindOf(n.Value)
		}
	}
	if out.node.Replace && out.node.Kind != Map {
		r.p.Addf(out.node.Span, "", "!replace goes before a map; lists and scalars replace anyway")
	}
	return out
}

// within counts nodes and their depth. It reports false once the text holds more than any experiment can.
func (r *reader) within(nodes, depth int, at Span) bool {
	switch {
	case r.broken:
	case r.nodes+nodes > maxNodes:
		r.p.Addf(at, "", "the text holds more than %d values, aliases expanded", maxNodes)
		r.broken = true
	case depth > maxDepth:
		r.p.Addf(at, "", "values are nested more than %d deep", maxDepth)
		r.broken = true
	}
	r.nodes += nodes
	return !r.broken
}

func (r *reader) child(n *yaml.Node, depth int, parent *expanded) *Node {
	c := r.expand(n, depth+1)
	parent.size += c.size
	parent.depth = max(parent.depth, c.depth+1)
	return c.node
}

func (r *reader) alias(n *yaml.Node, depth int) *expanded {
	at := r.place(n)
	target, known := r.done[n.Alias]
	if !known || target == nil {
		r.p.Addf(at, "", "*%s stands inside the value that it names", n.Value)
		r.broken = true
		return &expanded{&Node{Span: at}, 1, 0}
	}
	if !r.within(target.size, depth+target.depth, at) {
		return &expanded{&Node{Span: at}, 1, 0}
	}
	return target
}

// pairs reads the keys of a map; `<<: *base` lends the keys of base that the map does not have itself.
func (r *reader) pairs(n *yaml.Node, depth int, out *expanded) {
	if len(n.Content) > 2*maxKeys {
		r.p.Addf(out.node.Span, "", "a map of more than %d keys", maxKeys)
		r.broken = true
		return
	}
	var lent []*Node
	first := map[string]Span{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		value := r.child(n.Content[i+1], depth, out)
		if key.Kind != yaml.ScalarNode {
			r.p.Addf(r.place(key), "", "a key must be a word")
			continue
		}
		if utf8.RuneCountInString(key.Value) > maxKey {
			r.p.Addf(r.place(key), "", "a key of more than %d characters", maxKey)
			continue
		}
		at := r.place(key)
		if before, twice := first[key.Value]; twice {
			r.p.Addf(at, "", "the key %q is written twice; first in line %d", key.Value, before.Line)
			continue
		}
		first[key.Value] = at
		if key.Tag == "!!merge" {
			switch value.Kind {
			case Map:
				lent = append(lent, value)
			case List:
				lent = append(lent, value.Items...)
			default:
				r.p.Addf(value.Span, "", "<< needs a map to take keys from, not %s", value.Kind)
			}
			continue
		}
		out.node.Pairs = append(out.node.Pairs, Pair{key.Value, at, value})
	}
	for _, base := range lent {
		if base.Kind != Map {
			r.p.Addf(base.Span, "", "<< needs a map to take keys from, not %s", base.Kind)
		}
		for _, pair := range base.Pairs {
			if out.node.Get(pair.Key) == nil {
				out.node.Pairs = append(out.node.Pairs, pair)
			}
		}
	}
}
