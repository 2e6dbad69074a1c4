package filter

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// condition of a run.
type condition interface{}

type all []condition // every one holds
type some []condition
type negation struct{ condition }

// comparison of what a name stands for with values: several for "in".
type comparison struct {
	operand
	op     string // = != < <= > >= ~ in
	values []value
}

// source is where an operand's value is.
type source uint8

const (
	column source = iota
	param
	tag
	trainErr
	metric      // a value of a metric
	metricEpoch // the epoch of that value
)

// operand is what a name stands for.
type operand struct {
	source
	name  string // of the column, parameter or metric
	typ   Type
	value string // of a metric: last, min, max, first, at
	epoch int    // of at
	col   Column
}

// value on the right of a comparison.
type value struct {
	token
	number any // int64 or float64 when it reads as a number; nil otherwise
}

const (
	maxDepth  = 50  // of parentheses and not
	maxValues = 500 // in an expression
)

// aggregates are the values of a metric that can be named.
var aggregates = []string{"last", "best", "max", "min", "first", "at"}

const aggregateHelp = ".last .best .max .min .first or .at(EPOCH)"

type parser struct {
	text   string
	tokens []token // the last one is the end
	names  Names
	depth  int
	values int
}

func newParser(text string, names Names) (*parser, error) {
	tokens, fault := lex(text)
	if fault != nil {
		return nil, fault
	}
	return &parser{text: text, tokens: tokens, names: names}, nil
}

func (p *parser) peek() token { return p.tokens[0] }

func (p *parser) next() token {
	t := p.tokens[0]
	if t.kind != end {
		p.tokens = p.tokens[1:]
	}
	return t
}

// take goes past the next token if it is that mark or keyword.
func (p *parser) take(text string) bool {
	if p.peek().is(text) {
		p.next()
		return true
	}
	return false
}

func (p *parser) fault(t token, format string, args ...any) *Error {
	return &Error{Text: p.text, At: t.at, Len: t.len, Problem: fmt.Sprintf(format, args...)}
}

// condition reads the whole text.
func (p *parser) condition() (condition, error) {
	if p.peek().kind == end {
		return nil, p.fault(p.peek(), "the condition is empty")
	}
	x, err := p.or()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != end {
		return nil, p.surplus(t)
	}
	return x, nil
}

// surplus says why a token cannot follow a whole condition.
func (p *parser) surplus(t token) *Error {
	switch {
	case t.is("&&"), t.is("&"):
		return p.fault(t, "write `and`")
	case strings.HasPrefix(t.text, "|"):
		return p.fault(t, "write `or`")
	case t.is(")"):
		return p.fault(t, "nothing was opened for this )")
	case t.kind == word || t.kind == quoted:
		return p.fault(t, "`and` or `or` goes here; a value with spaces needs quotes")
	}
	return p.fault(t, "%q does not go here; `and` or `or` does", t.text)
}

func (p *parser) or() (condition, error) { return p.chain("or", p.and) }

func (p *parser) and() (condition, error) { return p.chain("and", p.not) }

// chain reads parts with a keyword between them.
func (p *parser) chain(keyword string, part func() (condition, error)) (condition, error) {
	first, err := part()
	list := []condition{first}
	for err == nil && p.take(keyword) {
		var x condition
		x, err = part()
		list = append(list, x)
	}
	switch {
	case err != nil:
		return nil, err
	case len(list) == 1:
		return first, nil
	case keyword == "or":
		return some(list), nil
	}
	return all(list), nil
}

func (p *parser) not() (condition, error) {
	t := p.peek()
	if !t.is("not") && !t.is("(") && !t.is("!") {
		return p.comparison()
	}
	if t.is("!") {
		return nil, p.fault(t, "write `not`")
	}
	if p.depth++; p.depth > maxDepth {
		return nil, p.fault(t, "more than %d levels of ( and not", maxDepth)
	}
	defer func() { p.depth-- }()
	p.next()
	if t.is("not") {
		x, err := p.not()
		return negation{x}, err
	}
	x, err := p.or()
	if err != nil {
		return nil, err
	}
	if closing := p.peek(); !p.take(")") {
		if closing.kind == end {
			return nil, p.fault(t, "this ( is not closed")
		}
		return nil, p.surplus(closing)
	}
	return x, nil
}

var operators = []string{"=", "!=", "<", "<=", ">", ">=", "~", "in"}

func (p *parser) comparison() (condition, error) {
	name := p.peek()
	x, err := p.operand()
	if err != nil {
		return nil, err
	}
	t := p.next()
	negate := false
	if t.is("not") && p.peek().is("in") {
		negate = true
		t = p.next()
	}
	op := strings.ToLower(t.text)
	switch {
	case t.is("=="):
		return nil, p.fault(t, "write =")
	case t.is("<>"):
		return nil, p.fault(t, "write !=")
	case t.kind == quoted || !slices.Contains(operators, op):
		return nil, p.fault(t, "after %s goes one of %s", strings.TrimSpace(p.text[name.at:t.at]), strings.Join(operators, " "))
	}
	c := comparison{operand: x, op: op}
	if op == "in" {
		if open := p.peek(); !p.take("(") {
			return nil, p.fault(open, "after `in` goes a list: (VALUE, VALUE)")
		}
		for {
			if err := p.value(&c); err != nil {
				return nil, err
			}
			if t := p.next(); t.is(")") {
				break
			} else if !t.is(",") {
				return nil, p.fault(t, "a comma or ) goes here")
			}
		}
	} else if err := p.value(&c); err != nil {
		return nil, err
	}
	if negate {
		return negation{c}, nil
	}
	return c, nil
}

// keywords cannot be values without quotes.
var keywords = []string{"and", "or", "not", "in", "as"}

// value reads a value that the operand can be compared with.
func (p *parser) value(c *comparison) error {
	t := p.next()
	switch {
	case t.kind == end:
		return p.fault(t, "a value goes here")
	case t.kind == mark:
		return p.fault(t, "a value goes here, not %q; quote one that has it", t.text)
	case t.kind == word && slices.ContainsFunc(keywords, t.is):
		return p.fault(t, "a value goes here; quote %q if that is what is meant", t.text)
	}
	if p.values++; p.values > maxValues {
		return p.fault(t, "more than %d values", maxValues)
	}
	v := value{token: t}
	if t.kind == word {
		v.number = numberOf(t.text)
	}
	if err := p.fits(c, v); err != nil {
		return err
	}
	c.values = append(c.values, v)
	return nil
}

// numberOf is an int64 or a float64, or nil for what does not read as a number.
func numberOf(text string) any {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return i
	}
	switch strings.ToLower(text) {
	case "nan":
		return math.NaN()
	case "inf", "+inf":
		return math.Inf(1)
	case "-inf":
		return math.Inf(-1)
	}
	if strings.Trim(text, "0123456789.eE+-") == "" {
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return f
		}
	}
	return nil
}

func isNaN(v any) bool {
	f, ok := v.(float64)
	return ok && math.IsNaN(f)
}

var timeForm = regexp.MustCompile(`^\d{4}(-\d\d(-\d\d([T ]\d\d(:\d\d(:\d\d(\.\d{1,3})?)?)?)?)?)?Z?$`)

// fits says why a value cannot be compared with the operand in this way.
func (p *parser) fits(c *comparison, v value) error {
	name := c.written()
	ordering := strings.ContainsAny(c.op, "<>")
	switch {
	case c.op == "~":
		if c.typ&Text == 0 && c.typ&Time == 0 {
			return p.fault(v.token, "%s is a number: ~ looks into text", name)
		}
		if _, err := regexp.Compile(v.text); err != nil {
			return p.fault(v.token, "not a regular expression: %v", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		}
	case c.source == tag && ordering:
		return p.fault(v.token, "tags have no order; write = != ~ or in")
	case c.typ == Bool:
		if !slices.Contains([]string{"true", "false", "0", "1"}, v.text) {
			return p.fault(v.token, "%s is true or false, not %q", name, v.text)
		}
	case c.typ == Time:
		if !timeForm.MatchString(v.text) {
			return p.fault(v.token, "%s is a time (UTC), not %q; write 2026-01-31 or '2026-01-31T09:30'", name, v.text)
		}
	case isNaN(v.number) && c.source == metric && ordering:
		return p.fault(v.token, "nan is not less or greater than anything; write = nan")
	case isNaN(v.number) && c.source == metric && (c.value == "min" || c.value == "max"):
		return p.fault(v.token, "%s is of finite values; %s.last can be nan", name, c.name)
	case c.typ == Number && v.number == nil:
		return p.fault(v.token, "%s is a number, and %q is none", name, v.text)
	case c.typ == Text && c.source == param && ordering && v.number != nil:
		return p.fault(v.token, "%s is text, and %s a number; quote it to compare as text", name, v.text)
	case c.col.Values != nil && !slices.Contains(c.col.Values, v.text):
		fault := p.fault(v.token, "%s is one of %s", name, strings.Join(c.col.Values, ", "))
		fault.Written, fault.Names = v.text, c.col.Values
		return fault
	}
	return nil
}

// operand reads a name.
func (p *parser) operand() (operand, error) {
	t := p.next()
	if t.kind != word || slices.ContainsFunc(keywords, t.is) {
		if t.kind == quoted {
			return operand{}, p.fault(t, "a name goes here, without quotes")
		}
		return operand{}, p.fault(t, "a name goes here")
	}
	x, err := p.resolve(t)
	if err != nil {
		return x, err
	}
	if x.source == metric && x.value == "at" {
		if x.epoch, err = p.epoch(t); err != nil {
			return x, err
		}
	}
	if sign := p.peek(); p.take("@") {
		of := p.next()
		switch {
		case !of.is("epoch"):
			return x, p.fault(of, "after @ goes `epoch`")
		case x.source != metric || x.value == "at":
			return x, p.fault(sign, "only .last .best .max .min and .first of a metric have an epoch")
		}
		x.source = metricEpoch
	}
	return x, nil
}

// epoch reads the (N) after .at.
func (p *parser) epoch(after token) (int, error) {
	if t := p.peek(); !p.take("(") {
		return 0, p.fault(t, "after %s goes an epoch: .at(10)", after.text)
	}
	t := p.next()
	n, err := strconv.Atoi(t.text)
	if err != nil || n < 0 || t.kind != word {
		return 0, p.fault(t, "an epoch goes here, a whole number from 0")
	}
	if t := p.peek(); !p.take(")") {
		return 0, p.fault(t, "a ) goes here")
	}
	return n, nil
}

// resolve finds what a name stands for.
func (p *parser) resolve(t token) (operand, error) {
	name := t.text
	for _, c := range p.names.Columns {
		if c.Name == name {
			return operand{source: column, name: name, typ: c.Type, col: c}, nil
		}
	}
	switch name {
	case "tag":
		return operand{source: tag, name: name, typ: Text}, nil
	case "train_err":
		return operand{source: trainErr, name: name, typ: Number}, nil
	}
	if typ, ok := p.names.Params[name]; ok {
		return operand{source: param, name: name, typ: typ}, nil
	}
	base, value := name, ""
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		base, value = name[:dot], name[dot+1:]
	}
	isMetric := slices.Contains(p.names.Metrics, base)
	switch {
	case isMetric && value == "":
		fault := p.fault(t, "%s is a metric; say which value of it: %s", name, aggregateHelp)
		fault.Suggest = p.ending(name)
		return operand{}, fault
	case isMetric && value == "best":
		value = "max"
		if p.names.LowerIsBetter(base) {
			value = "min"
		}
		fallthrough
	case isMetric && slices.Contains(aggregates, value):
		return operand{source: metric, name: base, typ: Number, value: value}, nil
	case isMetric:
		fault := p.fault(t, "%q is no value of a metric; there are %s", value, aggregateHelp)
		fault.Written, fault.Names = value, aggregates
		return operand{}, fault
	}
	fault := p.fault(t, "unknown name %q", name)
	fault.Written, fault.Suggest = name, p.ending(name)
	fault.Names = p.known(value)
	return operand{}, fault
}

// ending is the one parameter whose path ends with a name: optimizer.lr for lr.
func (p *parser) ending(name string) string {
	var found []string
	for key := range p.names.Params {
		if strings.HasSuffix(key, "."+name) {
			found = append(found, key)
		}
	}
	if len(found) == 0 {
		return ""
	}
	slices.SortFunc(found, func(a, b string) int {
		if n := strings.Count(a, ".") - strings.Count(b, "."); n != 0 {
			return n
		}
		return strings.Compare(a, b)
	})
	return found[0]
}

// known lists every name, metrics with the value that was asked for.
func (p *parser) known(value string) []string {
	names := []string{"tag", "train_err"}
	for _, c := range p.names.Columns {
		names = append(names, c.Name)
	}
	for key := range p.names.Params {
		names = append(names, key)
	}
	if !slices.Contains(aggregates, value) {
		value = "last"
	}
	for _, m := range p.names.Metrics {
		names = append(names, m+"."+value)
	}
	slices.Sort(names)
	return names
}

// written is the operand as it can be named.
func (x operand) written() string {
	switch x.source {
	case metric, metricEpoch:
		text := x.name + "." + x.value
		if x.value == "at" {
			text += fmt.Sprintf("(%d)", x.epoch)
		}
		if x.source == metricEpoch {
			text += "@epoch"
		}
		return text
	}
	return x.name
}

type sortKey struct {
	operand
	down bool
}

func (p *parser) sortKeys() (keys []sortKey, err error) {
	for {
		t := &p.tokens[0]
		k := sortKey{}
		if name, down := strings.CutPrefix(t.text, "-"); down && t.kind == word {
			k.down = true
			t.text, t.at, t.len = name, t.at+1, t.len-1
		}
		at := *t
		if k.operand, err = p.operand(); err != nil {
			return nil, err
		}
		if k.source == tag {
			return nil, p.fault(at, "a run may have several tags: they have no order")
		}
		if keys = append(keys, k); len(keys) > maxColumns {
			return nil, p.fault(at, "more than %d names", maxColumns)
		}
		if done, err := p.comma(); done || err != nil {
			return keys, err
		}
	}
}

// maxColumns is how many names a list may have.
const maxColumns = 200

type shownColumn struct {
	operand
	as string
}

func (p *parser) columns() (cols []shownColumn, err error) {
	for {
		at := p.peek()
		c := shownColumn{}
		if c.operand, err = p.operand(); err != nil {
			return nil, err
		}
		c.as = strings.TrimSpace(p.text[at.at:p.peek().at])
		if p.take("as") {
			t := p.next()
			if t.kind != word && t.kind != quoted || t.text == "" {
				return nil, p.fault(t, "after `as` goes a name")
			}
			c.as = t.text
		}
		if cols = append(cols, c); len(cols) > maxColumns {
			return nil, p.fault(at, "more than %d names", maxColumns)
		}
		if done, err := p.comma(); done || err != nil {
			return cols, err
		}
	}
}

// comma goes past the comma between two items, or says that the text is over.
func (p *parser) comma() (done bool, err error) {
	t := p.next()
	switch {
	case t.kind == end:
		return true, nil
	case t.is(","):
		return false, nil
	}
	return false, p.fault(t, "a comma goes here")
}
