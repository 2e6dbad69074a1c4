package data

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"exp/internal/source"
	"exp/registry"
)

// Statistic is a mean or a standard deviation that pixels are normalised by: computed over some of the values that the
// training examples have, or given in numbers. The zero value is none.
type Statistic struct {
	Over   string    // none, scalar, channel or pixel; "" = given
	Values []float64 // one for all, or one for each channel, on the scale of [0,1]
}

var (
	_ registry.NodeUnmarshaler = (*Statistic)(nil)
	_ registry.NodeMarshaler   = (*Statistic)(nil)
)

// overs are what a statistic can be computed over.
var overs = []string{"none", "scalar", "channel", "pixel"}

// UnmarshalNode reads one of overs, a number, or a list of numbers.
func (s *Statistic) UnmarshalNode(n *source.Node, path string, p *source.Problems) {
	items := []*source.Node{n}
	switch n.Kind {
	case source.List:
		items = n.Items
	case source.Int, source.Float:
	default:
		text, err := n.Str()
		if err == nil && slices.Contains(overs, text) {
			*s = Statistic{Over: text}
			return
		}
		problem := n.Written() + " is not one of its values"
		if near := registry.Nearest(text, overs); near != "" {
			problem = strconv.Quote(text) + " is not one of its values; did you mean " + strconv.Quote(near) + "?"
		}
		p.Add(source.Diagnostic{Span: n.Span, Path: path, Problem: problem, Help: "one of " + strings.Join(overs, ", ") + "; or a number, or a list of one for each channel, on the scale of 0 to 1"})
		return
	}
	*s = Statistic{}
	for i, item := range items {
		v, err := item.Float()
		if err != nil {
			at := path
			if n.Kind == source.List {
				at += "." + strconv.Itoa(i)
			}
			p.Addf(item.Span, at, "%v", err)
		}
		s.Values = append(s.Values, v)
	}
	if len(items) == 0 {
		p.Addf(n.Span, path, "the list is empty; one number for each channel goes here")
	}
}

// MarshalNode writes what UnmarshalNode reads.
func (s *Statistic) MarshalNode() *source.Node {
	if len(s.Values) == 0 {
		return source.Scalar(source.Text, cmp.Or(s.Over, "none"))
	}
	list := &source.Node{Kind: source.List}
	for _, v := range s.Values {
		list.Items = append(list.Items, source.Scalar(source.Float, strconv.FormatFloat(v, 'g', -1, 64)))
	}
	if len(list.Items) == 1 {
		return list.Items[0]
	}
	return list
}

// computed says whether the statistic comes from examples.
func (s Statistic) computed() bool { return s.Over != "" && s.Over != "none" }

// fits says what is wrong with the numbers for so many channels, "" when nothing is.
func (s Statistic) fits(channels int) string {
	if n := len(s.Values); n > 1 && n != channels {
		return strconv.Itoa(n) + " numbers for pictures of " + strconv.Itoa(channels) + " channels; give one for all, or one for each"
	}
	return ""
}

// of is the statistic of value i of an example with so many channels, where all computed ones are known.
func (s Statistic) of(i, channels int, computed []float64, none float64) float64 {
	switch {
	case s.computed():
		return computed[i]
	case len(s.Values) == 0:
		return none
	case len(s.Values) == 1:
		return s.Values[0]
	}
	return s.Values[i%channels]
}
