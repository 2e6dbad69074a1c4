package filter

import (
	"fmt"
	"strconv"
	"strings"
)

// compiler writes SQL over the row `runs`. What differs between SQLite and
// PostgreSQL is in matches, isNumber, infinite and tagList. Values are bound in the
// order in which they stand in the statement: SQLite numbers $1, $2, … so.
type compiler struct {
	names Names
	args  *[]any
}

// bind adds a value and gives its $n.
func (c compiler) bind(v any) string {
	*c.args = append(*c.args, v)
	return "$" + strconv.Itoa(len(*c.args))
}

func (c compiler) where(x condition) string {
	switch x := x.(type) {
	case all:
		return c.joined(x, " AND ")
	case some:
		return c.joined(x, " OR ")
	case negation:
		return "NOT " + c.where(x.condition)
	case comparison:
		if x.op == "!=" {
			x.op = "="
			return "NOT " + c.compare(x)
		}
		return c.compare(x)
	}
	panic(fmt.Sprintf("filter: %T is no condition", x))
}

func (c compiler) joined(list []condition, between string) string {
	var parts []string
	for _, x := range list {
		parts = append(parts, c.where(x))
	}
	return "(" + strings.Join(parts, between) + ")"
}

// compare is true or false, never unknown.
func (c compiler) compare(x comparison) string {
	switch x.source {
	case tag:
		return "EXISTS (SELECT 1 FROM tags WHERE run_id = runs.id AND " + c.texts("tag", x) + ")"
	case param:
		return "EXISTS (SELECT 1 FROM params WHERE run_id = runs.id AND key = " + c.bind(x.name) + " AND (" + c.mixed(x) + "))"
	case metric:
		return c.metricIs(x)
	case column:
		field := "runs." + x.name
		switch x.typ {
		case Text:
			return "coalesce(" + c.texts(field, x) + ", false)"
		case Time:
			return "coalesce(" + c.times(field, x) + ", false)"
		}
		return "coalesce(" + c.numbers(field, x) + ", false)"
	}
	return "coalesce(" + c.numbers(c.number(x.operand), x) + ", false)"
}

// texts compares a field of text.
func (c compiler) texts(field string, x comparison) string {
	if x.op == "~" {
		return c.matches(field, x.values[0].text)
	}
	var list []string
	for _, v := range x.values {
		list = append(list, c.bind(v.text))
	}
	return field + " " + operator(x.op, list)
}

// operator writes the operator and its right side.
func operator(op string, values []string) string {
	if op == "in" {
		return "IN (" + strings.Join(values, ", ") + ")"
	}
	return op + " " + values[0]
}

// matches calls the function regexp(pattern, text) that the store gives SQLite.
func (c compiler) matches(field, pattern string) string { return field + " REGEXP " + c.bind(pattern) }

// times compares at the precision that is written.
func (c compiler) times(field string, x comparison) string {
	if x.op == "~" {
		return c.texts(field, x)
	}
	var list []string
	for _, v := range x.values {
		text := strings.Replace(strings.TrimSuffix(v.text, "Z"), " ", "T", 1)
		op := x.op
		if op == "in" {
			op = "="
		}
		list = append(list, fmt.Sprintf("substr(%s, 1, %d) %s %s", field, len(text), op, c.bind(text)))
	}
	return "(" + strings.Join(list, " OR ") + ")"
}

// numbers compares a field of numbers, of 0 and 1 for true and false.
func (c compiler) numbers(field string, x comparison) string {
	var list []string
	for _, v := range x.values {
		switch {
		case isNaN(v.number):
			list = append(list, "NULL") // no number of a run but a metric is nan
		case x.typ == Bool && v.text == "true":
			list = append(list, c.bind(int64(1)))
		case x.typ == Bool && v.text == "false":
			list = append(list, c.bind(int64(0)))
		default:
			list = append(list, c.bind(v.number))
		}
	}
	return field + " " + operator(x.op, list)
}

// isNumber says so of a parameter's value, whose type is the run's.
const isNumber = "typeof(value) IN ('integer', 'real')"

// mixed compares a parameter: numbers with numbers, text with text. What reads as a
// number can also be equal to text.
func (c compiler) mixed(x comparison) string {
	texts, numbers := x, x
	texts.values, numbers.values = nil, nil
	for _, v := range x.values {
		if v.number != nil && x.op != "~" {
			numbers.values = append(numbers.values, v)
		}
		if v.number == nil || x.op == "=" || x.op == "in" || x.op == "~" {
			texts.values = append(texts.values, v)
		}
	}
	var parts []string
	if len(numbers.values) > 0 {
		parts = append(parts, isNumber+" AND "+c.numbers("value", numbers))
	}
	if len(texts.values) > 0 {
		parts = append(parts, "typeof(value) = 'text' AND "+c.texts("value", texts))
	}
	return strings.Join(parts, " OR ")
}

// metricIs compares a value of a metric, nan among them.
func (c compiler) metricIs(x comparison) string {
	var rest []value
	nan := false
	for _, v := range x.values {
		if isNaN(v.number) {
			nan = true
		} else {
			rest = append(rest, v)
		}
	}
	x.values = rest
	var parts []string
	if len(rest) > 0 {
		parts = append(parts, "coalesce("+c.numbers(c.number(x.operand), x)+", false)")
	}
	if nan {
		_, kind, from := c.place(x.operand)
		parts = append(parts, "coalesce((SELECT "+kind+" "+from+") = 'nan', false)")
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

// place is where a value of a metric stands: its column, that of its kind, and FROM
// with the one row.
func (c compiler) place(x operand) (value, kind, from string) {
	name := c.bind(x.name)
	switch x.value {
	case "last":
		return "last", "last_kind", "FROM summary WHERE run_id = runs.id AND name = " + name
	case "min", "max":
		return x.value, "'finite'", "FROM summary WHERE run_id = runs.id AND name = " + name
	case "first":
		// The summary keeps runs that lack the metric from being searched.
		return "value", "kind", "FROM metrics WHERE run_id = runs.id AND name = " + name +
			" AND epoch <= (SELECT last_epoch FROM summary WHERE run_id = runs.id AND name = " + name + ") ORDER BY epoch LIMIT 1"
	}
	return "value", "kind", "FROM metrics WHERE run_id = runs.id AND name = " + name + " AND epoch = " + c.bind(int64(x.epoch))
}

// number is an operand as SQL that compares and sorts: NULL where there is none, and
// for nan; infinities are infinite.
func (c compiler) number(x operand) string {
	switch x.source {
	case column:
		return "runs." + x.name
	case param:
		return "(SELECT value FROM params WHERE run_id = runs.id AND key = " + c.bind(x.name) + ")"
	case tag:
		return tagList
	case trainErr:
		return "coalesce((SELECT last FROM summary WHERE run_id = runs.id AND name = 'clean_train_err')," +
			" 1 - (SELECT last FROM summary WHERE run_id = runs.id AND name = 'train_acc'))"
	case metricEpoch:
		epoch := map[string]string{"last": "last_epoch", "min": "min_epoch", "max": "max_epoch", "first": "epoch"}[x.value]
		_, _, from := c.place(x)
		return "(SELECT " + epoch + " " + from + ")"
	}
	value, kind, from := c.place(x)
	if kind == "'finite'" {
		return "(SELECT " + value + " " + from + ")"
	}
	return fmt.Sprintf("(SELECT CASE %s WHEN '+inf' THEN %s WHEN '-inf' THEN -%s ELSE %s END %s)", kind, infinite, infinite, value, from)
}

const infinite = "9e999" // more than a real can be

const tagList = "(SELECT group_concat(tag, ',') FROM (SELECT tag FROM tags WHERE run_id = runs.id ORDER BY tag))"

// shown is an operand as SQL whose value is shown: the kind, a text, where a metric
// is not finite.
func (c compiler) shown(x operand) string {
	if x.source != metric {
		return c.number(x)
	}
	value, kind, from := c.place(x)
	return fmt.Sprintf("(SELECT CASE WHEN %s = 'finite' THEN %s ELSE %s END %s)", kind, value, kind, from)
}
