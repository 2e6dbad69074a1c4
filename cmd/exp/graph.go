package main

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"exp/blocks"
	"exp/internal/term"
)

// drawing is a net as it is drawn: its parts in order, of which equal ones that follow each other are drawn once.
type drawing struct {
	name    string
	summary string
	parts   []*drawnPart
	boxes   map[*blocks.Layer]*box // of every layer, also of those that are drawn once for several
}

// drawnPart is the stem, a Unit, or the head.
type drawnPart struct {
	name  string // stages.0.units.1
	times int    // so many equal ones
	boxes []*box

	signature string
}

// box is a layer.
type box struct {
	layer    *blocks.Layer
	part     *drawnPart
	short    string // its name in its part: conv1, shortcut.conv
	shortcut bool   // it belongs to the shortcut
	inputs   []*box
}

// what says in a few words what the layer does.
func (b *box) what() string {
	if b.layer.Kind == "Conv2D" {
		k := b.layer.Params[0].Shape
		return fmt.Sprintf("Conv2D %dx%d", k[0], k[1])
	}
	return b.layer.Kind
}

func (b *box) params() (n int) {
	for _, p := range b.layer.Params {
		n += p.Size()
	}
	return n
}

// title names a part, or all that it stands for.
func (p *drawnPart) title() string {
	if p.times == 1 {
		return p.name
	}
	first, _ := strconv.Atoi(filepath.Ext(p.name)[1:])
	return fmt.Sprintf("%s to %d", p.name, first+p.times-1)
}

func drawNet(name string, n *blocks.Net) *drawing {
	total, _, _ := n.Count()
	d := &drawing{name: name, boxes: map[*blocks.Layer]*box{},
		summary: fmt.Sprintf("depth %d, %s parameters, %s multiply-adds", n.Depth(), term.Count(total), term.Count(n.MACs()))}
	var part *drawnPart
	for _, l := range n.Layers {
		name, short := partOf(l.Name)
		if part == nil || part.name != name {
			d.add(part)
			part = &drawnPart{name: name, times: 1}
		}
		b := &box{layer: l, part: part, short: short, shortcut: strings.HasPrefix(short, "shortcut.")}
		part.boxes = append(part.boxes, b)
		part.signature += fmt.Sprint(b.what(), short, l.Shape, b.params())
		for _, in := range l.Inputs {
			from := d.boxes[in]
			b.inputs = append(b.inputs, from)
			if from.part == part {
				part.signature += " " + from.short
			} else {
				part.signature += fmt.Sprint(" from outside ", in.Shape)
			}
		}
		d.boxes[l] = b
	}
	d.add(part)
	return d
}

// add adds a part, or counts it with the one before if that is of the same stage and equal.
func (d *drawing) add(p *drawnPart) {
	if p == nil {
		return
	}
	if len(d.parts) > 0 {
		last := d.parts[len(d.parts)-1]
		if filepath.Ext(last.name) != "" && last.signature == p.signature && strings.TrimSuffix(last.name, filepath.Ext(last.name)) == strings.TrimSuffix(p.name, filepath.Ext(p.name)) {
			last.times++
			for i, b := range p.boxes {
				d.boxes[b.layer] = last.boxes[i]
			}
			return
		}
	}
	d.parts = append(d.parts, p)
}

// partOf cuts the name of a layer into that of its part and the rest.
func partOf(name string) (part, short string) {
	words := strings.SplitN(name, ".", 5)
	if words[0] == "stages" && len(words) == 5 {
		return strings.Join(words[:4], "."), words[4]
	}
	part, short, _ = strings.Cut(name, ".")
	if short == "" {
		short = part
	}
	return part, short
}

// picture draws the net into a file, in the form that the ending of its name says.
func (a *app) picture(file, form, name string, n *blocks.Net) error {
	var out bytes.Buffer
	d := drawNet(name, n)
	if form == ".dot" {
		d.dot(&out)
	} else {
		d.svg(&out)
	}
	err := a.toFile(file, func(w io.Writer) error {
		_, err := out.WriteTo(w)
		return err
	})
	if err != nil {
		return fmt.Errorf("draw %s: %w", file, err)
	}
	a.say("the net of %s in %s", term.Printable(name), file)
	return nil
}

// dot writes the drawing for Graphviz: https://graphviz.org/doc/info/lang.html
func (d *drawing) dot(out *bytes.Buffer) {
	fmt.Fprintf(out, "digraph %q {\n\tlabel=%q; labelloc=t; fontname=Helvetica\n", d.name, d.name+": "+d.summary)
	fmt.Fprint(out, "\tnode [shape=box, style=\"rounded,filled\", fillcolor=\"#eef2f7\", fontname=Helvetica, fontsize=11]\n\tedge [fontname=Helvetica, fontsize=10]\n")
	for i, p := range d.parts {
		fmt.Fprintf(out, "\tsubgraph cluster_%d {\n\t\tlabel=%q; style=rounded; color=\"#8a94a3\"\n", i, p.title())
		for _, b := range p.boxes {
			color := ""
			if b.shortcut {
				color = ", fillcolor=\"#fdebd3\""
			}
			fmt.Fprintf(out, "\t\t%q [label=%q%s]\n", b.layer.Name, fmt.Sprintf("%s\n%s\n%v", b.short, b.what(), b.layer.Shape), color)
		}
		fmt.Fprint(out, "\t}\n")
	}
	for _, p := range d.parts {
		for _, b := range p.boxes {
			for _, in := range b.inputs {
				from, style := d.boxes[in.layer], ""
				if b.isPast(in) {
					style = ", color=\"#c96a00\", penwidth=2"
				}
				fmt.Fprintf(out, "\t%q -> %q [label=%q%s]\n", from.layer.Name, b.layer.Name, from.layer.Shape.String(), style)
			}
		}
	}
	fmt.Fprint(out, "}\n")
}

// isPast says whether the way from an input goes past the branch: it belongs to the shortcut or ends in what joins the two.
func (b *box) isPast(in *box) bool {
	return b.shortcut || in.shortcut || len(b.inputs) > 1 && in.part != b.part
}
