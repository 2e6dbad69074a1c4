package main

import (
	"bytes"
	"fmt"
	"html"
	"strings"

	"exp/internal/term"
)

// The measures of a picture, in pixels.
const (
	boxWide, boxHigh = 300, 24
	shortWide        = 210 // of a box of a shortcut
	rowGap           = 14
	colGap           = 36
	graphMargin      = 20
	partTop          = 34 // of a part's frame above its first row: the title, and the turns of lines
	partBottom       = 14
	partGap          = 30
)

// place is where a box is drawn: column 0 is the branch, those right of it the shortcut.
type place struct{ row, column int }

// places lays out a part: a box stands below those that it reads, and one of the shortcut right of the branch, below what it
// reads of the shortcut or in a column of its own.
func (p *drawnPart) places() (map[*box]place, int, int) {
	at := map[*box]place{}
	rows, columns := 0, 1
	for _, b := range p.boxes {
		row, column := 0, 0
		for _, in := range b.inputs {
			if q, ok := at[in]; ok {
				row = max(row, q.row+1)
				if b.shortcut && in.shortcut {
					column = q.column
				}
			}
		}
		if b.shortcut && column == 0 {
			column = columns
			columns++
		}
		at[b] = place{row, column}
		rows = max(rows, row+1)
	}
	return at, rows, columns
}

// svg writes the drawing as a picture in https://www.w3.org/TR/SVG11/ that needs nothing else.
func (d *drawing) svg(out *bytes.Buffer) {
	columns := 1
	for _, p := range d.parts {
		_, _, c := p.places()
		columns = max(columns, c)
	}
	wide := 4*graphMargin + boxWide + colGap + (columns-1)*(shortWide+colGap)
	var body bytes.Buffer
	y := 3*graphMargin + 10
	for i, p := range d.parts {
		if i > 0 {
			fmt.Fprintf(&body, "<path class=\"line\" d=\"M%d %dV%d\"/>", center(0), y-partGap, y)
			shape := d.parts[i-1].boxes[len(d.parts[i-1].boxes)-1].layer.Shape
			fmt.Fprintf(&body, "<text class=\"small\" x=\"%d\" y=\"%d\">%v</text>\n", center(0)+8, y-partGap/2+4, shape)
		}
		y += p.svg(&body, y, wide) + partGap
	}
	fmt.Fprintf(out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="Helvetica, Arial, sans-serif" font-size="12">
<title>%s</title>
<style>
.line { fill: none; stroke: #5b6675; stroke-width: 1.5; marker-end: url(#end) }
.past { fill: none; stroke: #c96a00; stroke-width: 2.5; marker-end: url(#pastend) }
.part { fill: #fbfcfe; stroke: #aab3bf }
.box { stroke: #8a94a3; fill: #ffffff }
.Conv2D, .Dense { fill: #dbe8fa }
.BatchNormalization { fill: #eeeeee }
.Activation { fill: #e6f4e4 }
.join { fill: #fff3b8 }
.shortcut { fill: #fde2c4 }
.title { font-weight: bold; stroke: #fbfcfe; stroke-width: 4; paint-order: stroke }
.small { font-size: 11px; fill: #444444 }
</style>
<defs>
<marker id="end" markerWidth="8" markerHeight="8" refX="6" refY="3" orient="auto" markerUnits="userSpaceOnUse"><path d="M0 0L6 3L0 6z" fill="#5b6675"/></marker>
<marker id="pastend" markerWidth="10" markerHeight="10" refX="8" refY="4" orient="auto" markerUnits="userSpaceOnUse"><path d="M0 0L8 4L0 8z" fill="#c96a00"/></marker>
</defs>
<rect width="100%%" height="100%%" fill="#ffffff"/>
<text x="%[4]d" y="%[5]d" font-size="16" font-weight="bold">%[3]s</text>
<text class="small" x="%[4]d" y="%[6]d">%[7]s</text>
`, wide, y-partGap+graphMargin, html.EscapeString(d.name), 2*graphMargin-8, graphMargin+8, graphMargin+28, d.summary)
	out.Write(body.Bytes())
	fmt.Fprint(out, "</svg>\n")
}

// left and center of a column.
func left(column int) int {
	if column == 0 {
		return 2 * graphMargin
	}
	return 2*graphMargin + boxWide + colGap + (column-1)*(shortWide+colGap)
}

func center(column int) int {
	if column == 0 {
		return left(0) + boxWide/2
	}
	return left(column) + shortWide/2
}

// svg writes a part whose frame begins at y, and returns its height.
func (p *drawnPart) svg(out *bytes.Buffer, y, wide int) int {
	at, rows, _ := p.places()
	top := func(row int) int { return y + partTop + row*(boxHigh+rowGap) }
	high := partTop + rows*(boxHigh+rowGap) - rowGap + partBottom
	fmt.Fprintf(out, "<rect class=\"part\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"8\"/>\n", graphMargin, y, wide-2*graphMargin, high)
	line := func(past bool, format string, args ...any) {
		class := "line"
		if past {
			class = "past"
		}
		fmt.Fprintf(out, "<path class=%q d=\"%s\"/>\n", class, fmt.Sprintf(format, args...))
	}
	for _, b := range p.boxes {
		to := at[b]
		past := 0 // ways that end at the right side
		for _, in := range b.inputs {
			from, inside := at[in]
			isPast := b.isPast(in)
			side := top(to.row) + boxHigh/2 - 5*past // where a way from the right ends
			turn := y + partTop - 9                  // where ways from outside part
			switch {
			case !inside && to.column == 0 && to.row == 0:
				line(isPast, "M%d %dV%d", center(0), y, top(0))
			case !inside && to.column == 0:
				line(isPast, "M%d %dV%dH%dV%dH%d", center(0), y, turn, left(0)+boxWide+colGap/2, side, left(0)+boxWide)
				past++
			case !inside:
				line(isPast, "M%d %dV%dH%dV%d", center(0), y, turn, center(to.column), top(to.row))
			case from.column == to.column && to.row == from.row+1:
				line(isPast, "M%d %dV%d", center(to.column), top(from.row)+boxHigh, top(to.row))
			case from.column == to.column:
				line(isPast, "M%d %dH%dV%dH%d", left(to.column)+boxWide, top(from.row)+boxHigh/2, left(0)+boxWide+colGap/2, side, left(0)+boxWide)
				past++
			case to.column > 0:
				line(isPast, "M%d %dH%dV%d", left(0)+boxWide, top(from.row)+boxHigh/2, center(to.column), top(to.row))
			default:
				line(isPast, "M%d %dV%dH%d", center(from.column), top(from.row)+boxHigh, side, left(0)+boxWide)
				past++
			}
		}
	}
	for _, b := range p.boxes {
		q := at[b]
		x, w, class, what := left(q.column), boxWide, b.layer.Kind, b.what()
		if q.column > 0 {
			w = shortWide
		}
		switch {
		case b.shortcut:
			class = "shortcut"
			what = strings.TrimPrefix(b.short, "shortcut.") + ": " + what
		case len(b.inputs) > 1:
			class = "join"
		}
		fmt.Fprintf(out, "<rect class=\"box %s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"4\"/>", class, x, top(q.row), w, boxHigh)
		fmt.Fprintf(out, "<text x=\"%d\" y=\"%d\">%s</text>", x+7, top(q.row)+16, html.EscapeString(what))
		fmt.Fprintf(out, "<text class=\"small\" x=\"%d\" y=\"%d\" text-anchor=\"end\">%v</text>", x+w-7, top(q.row)+16, b.layer.Shape)
		if n := b.params(); n > 0 && q.column == 0 {
			fmt.Fprintf(out, "<text class=\"small\" x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>", x+w-85, top(q.row)+16, term.Count(n))
		}
		fmt.Fprintf(out, "<title>%s</title>\n", html.EscapeString(b.layer.Name))
	}
	fmt.Fprintf(out, "<text class=\"title\" x=\"%d\" y=\"%d\">%s</text>\n", 2*graphMargin-8, y+16, html.EscapeString(p.title()))
	return high
}
