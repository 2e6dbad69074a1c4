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
// stage's own `unit` changes. It reports what then has no effect.
func fill(tree *source.Node, p *source.Problems) *source.Node {
	model := tree.Get("model")
	stages := model.Get("stages")
	if model == nil || model.Kind != source.Map || stages == nil || stages.Kind != source.List {
		return tree
	}
	unit, units := model.Get("unit"), model.Get("units")
	unitUsed, unitsUsed := false, false
	filled := *stages
	filled.Items = slices.Clone(stages.Items)
	names := map[string]int{}
	for i, stage := range stages.Items {
		if stage.Kind != source.Map {
			unitUsed, unitsUsed = true, true // wrong anyway: no second complaint
			continue
		}
		checkName(stage, i, names, p)
		if stage.Get("units") == nil {
			n := units
			if n == nil {
				n = &source.Node{Kind: source.Int, Span: stage.Span, Value: strconv.Itoa(blocks.DefaultModel().Units)}
			}
			stage = with(stage, "units", n.Span, n)
			unitsUsed = true
		}
		if own := stage.Get("unit"); unit != nil && (own == nil || own.Kind == source.Map && !own.Replace) {
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
	if units != nil && !unitsUsed {
		p.Addf(keyAt(model, "units"), "model.units", "has no effect: %s", why)
	}
	if unit != nil && !unitUsed {
		p.Addf(keyAt(model, "unit"), "model.unit", "has no effect: %s", why)
	}
	return with(tree, "model", keyAt(tree, "model"), with(model, "stages", keyAt(model, "stages"), &filled))
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
