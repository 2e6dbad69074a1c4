package checktest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"exp/blocks"
	"exp/internal/source"
	"exp/registry"
)

// Model is a small model with the given Unit: a stem of four filters, a stage as wide, a stage of the given filters that
// shrinks the image, and a head.
func Model(unit blocks.Unit, filters int, down blocks.Down) blocks.Model {
	m := blocks.DefaultModel()
	m.Norm.Momentum = 0.9
	stem, _ := blocks.Stems.New("conv-bn-relu")
	stem.(*blocks.ConvBNReLUStem).Filters = 4
	head, _ := blocks.Heads.New("classifier")
	m.Stem, m.Head, m.Unit = stem, head, unit
	m.Stages = []blocks.Stage{{Filters: 4, Units: 2, Pool: "none", Stride: 1}, {Filters: filters, Units: 2, Pool: down.Pool, Stride: down.Stride}}
	return m
}

var downs = []blocks.Down{{Pool: "max", Stride: 1}, {Pool: "average", Stride: 1}, {Pool: "none", Stride: 2}}

// EveryUnit calls f with a small net of every registered Unit with every registered shortcut, the ways to shrink the image
// taking turns; of every Unit with every way to shrink it; and of every Unit and every shortcut with each of its options
// changed, as [Variants] has them. Where a shortcut refuses to join two shapes, as identity does, the net has only one.
func EveryUnit(t *testing.T, classes int, f func(t *testing.T, model blocks.Model, net *blocks.Net)) {
	seen, turn := map[string]bool{}, 0
	try := func(text string, down blocks.Down) {
		name := fmt.Sprintf("%s pool=%s stride=%d", text, down.Pool, down.Stride)
		if seen[name] {
			return
		}
		seen[name] = true
		var p source.Problems
		unit := blocks.Units.Decode(source.Parse(source.NewFile("unit", text), &p), "unit", &p)
		if p.Err() != nil { // two options that exclude each other
			t.Logf("%s: %s", text, p.List()[0].Problem)
			return
		}
		t.Run(name, func(t *testing.T) {
			m := Model(unit, 8, down)
			net, err := blocks.New(m, blocks.Shape{8, 8, 3}, classes)
			var refused *blocks.Error
			if errors.As(err, &refused) {
				t.Log(err)
				m = Model(unit, 4, blocks.Down{Pool: "none", Stride: 1})
				net, err = blocks.New(m, blocks.Shape{8, 8, 3}, classes)
			}
			if err != nil {
				t.Fatal(err)
			}
			f(t, m, net)
		})
	}
	for _, u := range blocks.Units.Names() {
		for _, d := range downs {
			try(fmt.Sprintf("{type: %s, shortcut: projection}", u), d)
		}
		for _, s := range blocks.Shortcuts.Names() {
			turn++
			try(fmt.Sprintf("{type: %s, shortcut: %s}", u, s), downs[turn%len(downs)])
		}
		for _, v := range Variants(blocks.Units.Entries(), u, "shortcut") {
			turn++
			try(strings.Replace(v, "}", ", shortcut: projection}", 1), downs[turn%len(downs)])
		}
	}
	for _, s := range blocks.Shortcuts.Names() {
		for _, v := range Variants(blocks.Shortcuts.Entries(), s) {
			turn++
			for _, u := range []string{"preact", "postact"} {
				try(fmt.Sprintf("{type: %s, shortcut: %s}", u, v), downs[turn%len(downs)])
			}
		}
	}
}

// trials are values of numeric parameters that are worth a try beside their defaults.
var trials = map[string][]string{
	"dropout": {"0.3"}, "stochastic_depth": {"0.5"}, "expansion": {"2"},
	"rate": {"0.2"}, "bias_init": {"0"}, "branch": {"1"}, "shortcut": {"0", "1"},
}

// Required writes values of the parameters that an entry must be given, to follow others in a map.
func Required(e registry.Entry) (text string) {
	for _, f := range e.Fields {
		switch {
		case f.Required && strings.HasPrefix(f.Type, "list of "):
			text += fmt.Sprintf(", %s: [1]", f.Name)
		case f.Required:
			text += fmt.Sprintf(", %s: 7", f.Name)
		}
	}
	return text
}

// Variants writes an entry with one parameter changed, for each change: what is true or false, one of several words, or a
// number that is worth a try. What is named in except keeps its default.
func Variants(entries []registry.Entry, name string, except ...string) (texts []string) {
	for _, e := range entries {
		if e.Name != name {
			continue
		}
		for _, f := range e.Fields {
			if slices.Contains(except, f.Name) {
				continue
			}
			var values []string
			words, choice := strings.CutPrefix(f.Bounds, "one of ")
			switch {
			case f.Type == "true or false":
				values = []string{"true", "false"}
			case choice:
				values = strings.Split(words, ", ")
			case f.Type == "number" || f.Type == "whole number":
				values = trials[f.Name]
			}
			for _, v := range values {
				if v != f.Default {
					texts = append(texts, fmt.Sprintf("{type: %s, %s: %s}", name, f.Name, v))
				}
			}
		}
	}
	return texts
}
