package source

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Plain makes a scalar node of the kind that its text reads as: Plain("12") is a whole number.
func Plain(value string) *Node {
	kind := kindOf(value)
	if kind == Null {
		kind = Text
	}
	return Scalar(kind, value)
}

// width is how many characters a line that holds a whole map or list may have.
const width = 110

// Write gives the YAML text of a node: maps over several lines, the items of lists in one line each where they fit.
func Write(n *Node) string {
	var b strings.Builder
	write(&b, n, 0)
	return b.String()
}

// write begins at the start of a line and ends with a line break.
func write(b *strings.Builder, n *Node, indent int) {
	margin := strings.Repeat("  ", indent)
	for _, p := range n.Pairs {
		b.WriteString(margin + quote(p.Key) + ":")
		if nested(p.Value) {
			b.WriteByte('\n')
			write(b, p.Value, indent+1)
		} else {
			b.WriteString(" " + Inline(p.Value) + "\n")
		}
	}
	for _, item := range n.Items {
		if line := Inline(item); len(item.Pairs)+len(item.Items) == 0 || len(margin)+2+len(line) <= width {
			b.WriteString(margin + "- " + line + "\n")
			continue
		}
		var block strings.Builder
		write(&block, item, indent+1)
		b.WriteString(margin + "- " + block.String()[len(margin)+2:])
	}
	if len(n.Pairs)+len(n.Items) == 0 {
		b.WriteString(margin + Inline(n) + "\n")
	}
}

// nested says whether a node is written over several lines: a map, or a list of more than scalars.
func nested(n *Node) bool {
	return len(n.Pairs) > 0 || slices.ContainsFunc(n.Items, func(item *Node) bool { return item.Kind == Map || item.Kind == List })
}

// Inline gives the YAML text of a node in one line.
func Inline(n *Node) string {
	var parts []string
	switch n.Kind {
	case Null:
		return "null"
	case Text:
		return quote(n.Value)
	case List:
		for _, item := range n.Items {
			parts = append(parts, Inline(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case Map:
		for _, p := range n.Pairs {
			parts = append(parts, quote(p.Key)+": "+Inline(p.Value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return n.Value
}

var plainWord = regexp.MustCompile(`^(\.{0,2}/)?[A-Za-z_][A-Za-z0-9_./+-]*( [A-Za-z0-9_./+-]+)*$`)

// quote writes text in double quotes unless every reader takes it for text without them.
func quote(s string) string {
	if plainWord.MatchString(s) && kindOf(s) == Text && !oldBoolean.MatchString(s) {
		return s
	}
	var b strings.Builder
	enc := json.NewEncoder(&b) // YAML's double quotes know all of JSON's escapes
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return `""` // strings always encode
	}
	var out strings.Builder
	for _, c := range strings.TrimSuffix(b.String(), "\n") {
		if invisible(c) {
			fmt.Fprintf(&out, `\u%04x`, c)
		} else {
			out.WriteRune(c)
		}
	}
	return out.String()
}
