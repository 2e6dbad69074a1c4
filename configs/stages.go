package configs

import (
	"fmt"
	"slices"
	"strconv"

	"exp/blocks"
	"exp/internal/source"
	"exp/registry"
)

// fill gives every stage the Units that it does not name itself: `model.units`, and `model.unit` with what the
// stage's own `unit` changes. It reports what then has no effect, unless it is inherited and was meant for other stages.
func fill(tree *source.Node, p *source.Problems) *source.Node {
	model := tree.Get("model")
	stages := model.Get("stages")
	if model == nil || model.Kind != source.Map || stages == nil || stages.Kind != source.List {
		return tree
	}
	unit, units := model.Get("unit"), model.Get("units")
	unitUsed, unitsUsed := false, false
	unitOver, unitsOver := precedence(stages), precedence(stages)
	filled := *stages
	filled.Items = slices.Clone(stages.Items)
	names := map[string]int{}
	for i, stage := range stages.Items {
		if stage.Kind != source.Map {
			unitUsed, unitsUsed = true, true // wrong anyway: no second complaint
			continue
		}
		checkName(stage, i, names, p)
		if own := stage.Get("units"); own != nil {
			unitsOver = max(unitsOver, precedence(own))
		} else {
			n := units
			if n == nil {
				n = &source.Node{Kind: source.Int, Span: stage.Span, Value: strconv.Itoa(blocks.DefaultModel().Units)}
			}
			stage = with(stage, "units", n.Span, n)
			unitsUsed = true
		}
		own := stage.Get("unit")
		if own != nil {
			unitOver = max(unitOver, precedence(own))
		}
		if unit != nil && (own == nil || own.Kind == source.Map && !own.Replace) {
			if own == nil {
				stage = with(stage, "unit", unit.Span, unit)
			} else {
				stage = with(stage, "unit", keyAt(stage, "unit"), merge(shared(unit, own), own))
			}
			unitUsed = true
		}
		filled.Items[i] = stage
	}
	why := "every stage gives its own"
	if len(stages.Items) == 0 {
		why = "there are no stages"
	}
	idle := func(key string, over int) {
		last, at := latest(model.Get(key)), keyAt(model, key)
		if last.Span.File != at.File {
			at = last.Span
		}
		if precedence(last) >= over {
			p.Addf(at, "model."+key, "has no effect: %s", why)
		}
	}
	if units != nil && !unitsUsed {
		idle("units", unitsOver)
	}
	if unit != nil && !unitUsed {
		idle("unit", unitOver)
	}
	return with(tree, "model", keyAt(tree, "model"), with(model, "stages", keyAt(model, "stages"), &filled))
}

// latest is the part of a value that was changed last, or all of it.
func latest(n *source.Node) *source.Node {
	last := n
	for _, pair := range n.Pairs {
		if part := latest(pair.Value); precedence(part) > precedence(last) {
			last = part
		}
	}
	return last
}

// precedence orders values by where they were written: the further a file is from the experiment's own, the lower, and
// what the command line changes comes after all files.
func precedence(n *source.Node) int {
	if n.Span.File.Order >= orderSetFiles {
		return n.Span.File.Order
	}
	return -n.Span.File.Order
}

// shared is what a stage's own Unit inherits: all of model.unit, or what its type takes too if it names another one.
func shared(unit, own *source.Node) *source.Node {
	unit = asMap(unit)
	from, to := unit.Get("type"), own.Get("type")
	if to == nil || from == nil || to.Value == from.Value || unit.Kind != source.Map {
		return unit
	}
	for _, e := range blocks.Units.Entries() {
		if e.Name != to.Value {
			continue
		}
		out := *unit
		out.Pairs = slices.DeleteFunc(slices.Clone(unit.Pairs), func(p source.Pair) bool {
			return !slices.ContainsFunc(e.Fields, func(f registry.Field) bool { return f.Name == p.Key })
		})
		return &out
	}
	return unit
}

// checkName refuses a stage's name that no path could use.
func checkName(stage *source.Node, i int, names map[string]int, p *source.Problems) {
	name := stage.Get("name")
	if name == nil || name.Value == "" {
		return
	}
	path := fmt.Sprintf("model.stages.%d.name", i)
	before, taken := names[name.Value]
	switch {
	case inList(name.Value):
		p.Addf(name.Span, path, "%q cannot be a name: --set takes it for a place in the list", name.Value)
	case taken:
		p.Addf(name.Span, path, "%q is the name of stage %d already", name.Value, before)
	}
	if !taken {
		names[name.Value] = i
	}
}
