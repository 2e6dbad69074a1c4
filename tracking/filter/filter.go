// Package filter is the language in which runs are chosen, sorted and shown:
//
//	shortcut = none and depth >= 44 and (val_acc.max > 0.85 or status = diverged)
//
// On the left stands a name: a column of runs, `tag`, the dotted path of a
// parameter, or a metric with the value of it that is meant: .last .min .max .best
// .first .at(EPOCH), each also as the epoch of that value (val_acc.max@epoch).
// .best is the largest, of losses and errors the smallest. `train_err` is the last
// clean_train_err, or 1 - train_acc where that was not measured. On the right
// stands a value; it needs quotes only where it has spaces or ( ) , = ! < > ~ @.
//
// Numbers compare as numbers, text as text. A time compares at the precision that
// is written: started_at >= 2026-02. What a run does not have is not equal, less or
// greater: a comparison with it is false, and != is always the opposite of =.
// ~ looks for a regular expression (RE2).
//
// An expression becomes SQL with its names and values bound: no text of a user
// becomes part of a statement.
package filter

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Type says which values a name has.
type Type uint8

// The types; a parameter may have numbers in one run and text in another.
const (
	Number Type = 1 << iota
	Text
	Time // UTC, as text that sorts
	Bool // 0 or 1
)

// Column of the table runs.
type Column struct {
	Name   string
	Type   Type
	Values []string // all it can be; nil = anything
}

// Names are what an expression can name.
type Names struct {
	Columns       []Column
	Params        map[string]Type
	Metrics       []string
	LowerIsBetter func(metric string) bool
}

// All lists every name that an expression can have, metrics with each value of them.
func (n Names) All() []string {
	names := []string{"tag", "train_err"}
	for _, c := range n.Columns {
		names = append(names, c.Name)
	}
	for key := range n.Params {
		names = append(names, key)
	}
	for _, m := range n.Metrics {
		for _, value := range aggregates {
			names = append(names, m+"."+value)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Error is a mistake in an expression.
type Error struct {
	Text    string // the expression
	At, Len int    // the mistake's place in it, in bytes
	Problem string
	Written string   // a name that is not known
	Names   []string // what it could have been
	Suggest string   // what it was probably meant to be, when that is known already
}

// Error is the problem, the expression and a mark under the mistake.
func (e *Error) Error() string { return e.Render("") }

// Render is the error with words after its problem, such as a suggestion.
func (e *Error) Render(after string) string {
	line := func(s string) string { // as wide as it is shown
		return strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f {
				return ' '
			}
			return r
		}, s)
	}
	before := utf8.RuneCountInString(e.Text[:e.At])
	marks := max(1, utf8.RuneCountInString(e.Text[e.At:e.At+e.Len]))
	return fmt.Sprintf("%s%s\n   %s\n   %s%s", e.Problem, after, line(e.Text), strings.Repeat(" ", before), strings.Repeat("^", marks))
}

// Where turns a condition into SQL, a boolean expression over the row `runs`; its
// values are added to args.
func Where(text string, names Names, args *[]any) (string, error) {
	p, err := newParser(text, names)
	if err != nil {
		return "", err
	}
	x, err := p.condition()
	if err != nil {
		return "", err
	}
	c := compiler{names, args}
	return c.where(x), nil
}

// Sort turns a list of names, each with - before it for the largest first, into
// what follows ORDER BY. What a run does not have comes last.
func Sort(text string, names Names, args *[]any) (string, error) {
	p, err := newParser(text, names)
	if err != nil {
		return "", err
	}
	keys, err := p.sortKeys()
	if err != nil {
		return "", err
	}
	c := compiler{names, args}
	var list []string
	for _, k := range keys {
		order := " ASC"
		if k.down {
			order = " DESC"
		}
		list = append(list, c.number(k.operand)+order+" NULLS LAST")
	}
	return strings.Join(list, ", "), nil
}

// Shown is a column of Select.
type Shown struct {
	Name   string // as it was written, or after `as`
	Of     string // the column of runs, the parameter or the metric that it shows
	Metric bool   // its values are numbers of that metric, not finite ones as +inf, -inf and nan
}

// Select turns a list of names, each perhaps with `as NAME`, into what follows
// SELECT.
func Select(text string, names Names, args *[]any) (sql string, columns []Shown, err error) {
	p, err := newParser(text, names)
	if err != nil {
		return "", nil, err
	}
	cols, err := p.columns()
	if err != nil {
		return "", nil, err
	}
	c := compiler{names, args}
	var list []string
	for _, col := range cols {
		list = append(list, c.shown(col.operand))
		columns = append(columns, Shown{col.as, col.name, col.source == metric})
	}
	return strings.Join(list, ", "), columns, nil
}
