package term

import (
	"cmp"
	"math"
	"slices"

	"github.com/guptarohit/asciigraph"
)

// Curve is one line of a plot; values that are not finite are left out.
type Curve struct {
	Name   string
	Group  string // every group has its turn before one of them has a second curve
	Values []float64
}

const (
	plotColumns = 60
	plotRows    = 10
)

// MostCurves is how many curves a plot can tell apart; Plot leaves out the others.
const MostCurves = 4

// plotMarks draw the curves where there is no colour.
var plotMarks = []string{"*", "o", "+", "x"}

// Plot draws curves over the same steps, each in its colour or with its own mark,
// with their names below. It is empty when no curve has two finite values.
func Plot(caption string, curves []Curve, color bool) string {
	var drawn []Curve
	for _, c := range curves {
		values, finite := gaps(c.Values)
		if finite > 1 {
			drawn = append(drawn, Curve{c.Name, c.Group, values})
		}
	}
	if len(drawn) == 0 {
		return ""
	}
	var all [][]float64
	var names []string
	for _, c := range inTurns(drawn, MostCurves) {
		all, names = append(all, c.Values), append(names, c.Name)
	}
	options := []asciigraph.Option{asciigraph.Height(plotRows), asciigraph.Width(plotColumns), asciigraph.Precision(3)}
	if color {
		options = append(options, asciigraph.Caption(caption), asciigraph.SeriesLegends(names...),
			asciigraph.SeriesColors(asciigraph.Blue, asciigraph.Orange, asciigraph.Green, asciigraph.Purple))
	} else {
		var marks []asciigraph.CharSet
		for i, name := range names {
			marks = append(marks, asciigraph.CreateCharSet(plotMarks[i]))
			caption += "   " + plotMarks[i] + " " + name
		}
		options = append(options, asciigraph.Caption(caption), asciigraph.SeriesChars(marks...))
	}
	return asciigraph.PlotMany(all, options...) + "\n"
}

// inTurns keeps n curves: the first of every group, then the second ones, and so on. They stay in their order.
func inTurns(curves []Curve, n int) []Curve {
	places, turns, seen := make([]int, len(curves)), make([]int, len(curves)), map[string]int{}
	for i, c := range curves {
		places[i], turns[i] = i, seen[c.Group]
		seen[c.Group]++
	}
	slices.SortStableFunc(places, func(i, j int) int { return cmp.Compare(turns[i], turns[j]) })
	places = places[:min(n, len(places))]
	slices.Sort(places)
	var kept []Curve
	for _, i := range places {
		kept = append(kept, curves[i])
	}
	return kept
}

// gaps puts NaN, asciigraph's word for a gap, for what is not finite, and counts
// what is.
func gaps(values []float64) (out []float64, finite int) {
	for _, v := range values {
		if math.IsInf(v, 0) || math.IsNaN(v) {
			v = math.NaN()
		} else {
			finite++
		}
		out = append(out, v)
	}
	return out, finite
}
