package source

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Kind says what a Node is.
type Kind uint8

// The kinds of Node. Int, Float and Bool are unquoted scalars that look like one; whether they are legal is for their reader to say.
const (
	Null Kind = iota
	Text
	Int
	Float
	Bool
	List
	Map
)

// String names the kind as people do: "a whole number".
func (k Kind) String() string {
	return [...]string{"nothing", "text", "a whole number", "a number", "true or false", "a list", "a map"}[k]
}

// Node is a value of a YAML text. Nodes are shared where the text uses aliases: treat them as read-only.
type Node struct {
	Kind    Kind
	Span    Span
	Value   string // of a scalar, without quotes
	Quoted  bool   // the scalar was written in quotes
	Replace bool   // `!replace` stood before it
	Items   []*Node
	Pairs   []Pair
}

// Pair is a key of a map with its value.
type Pair struct {
	Key   string
	At    Span // of the key
	Value *Node
}

// Scalar makes a node that no file holds, for encoding.
func Scalar(kind Kind, value string) *Node { return &Node{Kind: kind, Value: value} }

// Get returns the value of a key of a map, nil when there is none.
func (n *Node) Get(key string) *Node {
	if n == nil {
		return nil
	}
	for _, p := range n.Pairs {
		if p.Key == key {
			return p.Value
		}
	}
	return nil
}

// Set gives a key of a map a value, in its old place or at the end.
func (n *Node) Set(key string, at Span, value *Node) {
	for i := range n.Pairs {
		if n.Pairs[i].Key == key {
			n.Pairs[i] = Pair{key, at, value}
			return
		}
	}
	n.Pairs = append(n.Pairs, Pair{key, at, value})
}

// At returns the span of the value at a dotted path ("model.stages.1.filters"), or of the nearest value around it that was written.
func (n *Node) At(path string) Span {
	span := n.Span
	for _, part := range strings.Split(path, ".") {
		if i, err := strconv.Atoi(part); err == nil && i >= 0 && i < len(n.Items) {
			n = n.Items[i]
		} else if n = n.Get(part); n == nil {
			return span
		}
		span = n.Span
	}
	return span
}

// Written gives the scalar as it can be quoted in a message: text in quotes, everything else as it stands.
func (n *Node) Written() string {
	switch {
	case n.Kind == Text || n.Quoted:
		return strconv.Quote(n.Value)
	case n.Kind == Null, n.Kind == List, n.Kind == Map:
		return n.Kind.String()
	}
	return n.Value
}

var (
	wholeNumber = regexp.MustCompile(`^[-+]?(0|[1-9][0-9]*(_[0-9]+)*)$`)
	leadingZero = regexp.MustCompile(`^([-+]?)0+([0-9].*)$`)
	realNumber  = regexp.MustCompile(`^[-+]?([0-9]+(_[0-9]+)*(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?$`)
	notFinite   = regexp.MustCompile(`^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$`)
	otherBase   = regexp.MustCompile(`^[-+]?0[xXoObB][0-9a-fA-F_]+$`)
	oldBoolean  = regexp.MustCompile(`^(?i:y|yes|on|n|no|off)$`)
)

// kindOf resolves an unquoted scalar, by the core schema of YAML 1.2.
func kindOf(value string) Kind {
	switch value {
	case "", "~", "null", "Null", "NULL":
		return Null
	case "true", "True", "TRUE", "false", "False", "FALSE":
		return Bool
	}
	switch {
	case wholeNumber.MatchString(value), otherBase.MatchString(value):
		return Int
	case realNumber.MatchString(value):
		if strings.ContainsAny(value, ".eE") {
			return Float
		}
		return Int // 012
	case notFinite.MatchString(value):
		return Float
	}
	return Text
}

// Int reads a whole number. The error is the text of a Diagnostic's problem.
func (n *Node) Int() (int64, error) {
	if err := n.number("a whole number"); err != nil {
		return 0, err
	}
	if !wholeNumber.MatchString(n.Value) {
		if f, err := n.Float(); err == nil && f == math.Trunc(f) && math.Abs(f) < 1e15 {
			return 0, fmt.Errorf("%s is not written as a whole number; write %.0f", n.Value, f)
		}
		return 0, fmt.Errorf("%s is not a whole number", n.Value)
	}
	i, err := strconv.ParseInt(strings.ReplaceAll(n.Value, "_", ""), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is too large", n.Value)
	}
	return i, nil
}

// Float reads a finite number. The error is the text of a Diagnostic's problem.
func (n *Node) Float() (float64, error) {
	if err := n.number("a number"); err != nil {
		return 0, err
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(n.Value, "_", ""), 64)
	if err != nil || notFinite.MatchString(n.Value) {
		return 0, fmt.Errorf("%s is not a finite number", n.Value)
	}
	return f, nil
}

// number refuses what is no number at all and the ways of writing one that mean something else to other readers.
func (n *Node) number(want string) error {
	switch {
	case n.Kind == Null:
		return fmt.Errorf("has no value; %s goes here", want)
	case n.Kind == List || n.Kind == Map:
		return fmt.Errorf("%s goes here, not %s", want, n.Kind)
	case n.Quoted && (wholeNumber.MatchString(n.Value) || realNumber.MatchString(n.Value)):
		return fmt.Errorf("%s is text, not %s; remove the quotes", n.Written(), want)
	case n.Kind == Text || n.Kind == Bool:
		return fmt.Errorf("%s is not %s", n.Written(), want)
	case otherBase.MatchString(n.Value):
		return fmt.Errorf("%s is not a decimal number", n.Value)
	case leadingZero.MatchString(n.Value):
		return fmt.Errorf("%s begins with a zero, which some readers take for octal; write %s", n.Value, leadingZero.ReplaceAllString(n.Value, "$1$2"))
	}
	return nil
}

// Bool reads true or false. The error is the text of a Diagnostic's problem.
func (n *Node) Bool() (bool, error) {
	switch {
	case n.Kind == Bool && !n.Quoted:
		return strings.EqualFold(n.Value, "true"), nil
	case n.Kind == Null:
		return false, fmt.Errorf("has no value; true or false goes here")
	case n.Kind == List || n.Kind == Map:
		return false, fmt.Errorf("true or false goes here, not %s", n.Kind)
	case n.Quoted:
		return false, fmt.Errorf("%s is text, not true or false", n.Written())
	case oldBoolean.MatchString(n.Value):
		yes := strings.ContainsAny(n.Value[:1], "yY") || strings.EqualFold(n.Value, "on")
		return false, fmt.Errorf("%s is not true or false; write %t", n.Value, yes)
	}
	return false, fmt.Errorf("%s is not true or false", n.Value)
}

// Str reads text; numbers and booleans count as the text they were written as. The error is the text of a Diagnostic's problem.
func (n *Node) Str() (string, error) {
	switch n.Kind {
	case Null:
		return "", fmt.Errorf("has no value; text goes here")
	case List, Map:
		return "", fmt.Errorf("text goes here, not %s", n.Kind)
	}
	return n.Value, nil
}
