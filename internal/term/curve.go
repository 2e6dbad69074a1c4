package term

import (
	"math"

	"github.com/guptarohit/asciigraph"
)

// Curve is one line of a plot; values that are not finite are left out.
type Curve struct {
	Name   string
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
	var all [][]float64
	var names []string
	for _, c := range curves {
		if values, finite := gaps(c.Values); finite > 1 && len(all) < MostCurves {
			all, names = append(all, values), append(names, c.Name)
		}
	}
	if len(all) == 0 {
		return ""
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
