package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"exp/configs"
	"exp/internal/term"
	"exp/registry"
)

// dullFacts are circumstances that matter only where they differ.
var dullFacts = []string{"params_total", "params_trainable", "macs", "data_hash", "threads", "cpu", "host", "version", "git_commit"}

// dull says whether a constant of a comparison is what a reader takes for granted: a
// default, or a circumstance. Settings are all of an experiment's.
func dull(p term.Pair, settings map[string]any) bool {
	if _, setting := settings[p.Key]; !setting {
		return slices.Contains(dullFacts, p.Key)
	}
	def, ok := defaultOf(p.Key, settings)
	return ok && def == fmt.Sprint(p.Value)
}

// defaults are those of an experiment and of a stage by dotted path, and of whatever
// can be picked by its name and parameter.
var defaults = sync.OnceValue(func() (d struct{ experiment, stage, picked map[string]string }) {
	collect := func(into map[string]string, prefix string, fields []registry.Field) {
		optional := "" // a map that is absent by default: where it is there, all of it is worth showing
		for _, f := range fields {
			if f.Type == "map" {
				optional = prefix + f.Name + "."
			}
			if !f.Required && (optional == "" || !strings.HasPrefix(prefix+f.Name, optional)) {
				into[prefix+f.Name] = strings.Trim(f.Default, `"`)
			}
		}
	}
	d.experiment, d.stage, d.picked = map[string]string{}, map[string]string{}, map[string]string{}
	collect(d.experiment, "", registry.Fields(configs.Default()))
	collect(d.stage, "", stageFields())
	for _, k := range registry.Kinds() {
		for _, e := range k.Entries() {
			collect(d.picked, e.Name+".", e.Fields)
		}
	}
	return d
})

// defaultOf is the default of the setting at a dotted path, as text.
func defaultOf(key string, settings map[string]any) (string, bool) {
	d := defaults()
	if def, ok := d.experiment[key]; ok {
		return def, true
	}
	if rest, ok := strings.CutPrefix(key, "model.stages."); ok {
		number, name, _ := strings.Cut(rest, ".")
		if _, err := strconv.Atoi(number); err == nil {
			if def, ok := d.stage[name]; ok {
				return def, true
			}
		}
	}
	if dot := strings.LastIndexByte(key, '.'); dot >= 0 {
		if picked, ok := settings[key[:dot]].(string); ok {
			def, ok := d.picked[picked+key[dot:]]
			return def, ok
		}
	}
	return "", false
}
