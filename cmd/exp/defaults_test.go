package main

import "testing"

// What is a default is not shown by exp compare; a map that need not be there has none.
func TestDefaults(t *testing.T) {
	settings := map[string]any{"optimizer": "adam"}
	for _, c := range []struct {
		key, want string
		ok        bool
	}{
		{"train.eval_every", "1", true},
		{"train.precision.conv", "winograd4", true},
		{"optimizer.beta1", "0.9", true},
		{"model.stages.1.pool", "none", true},
		{"model.stages.1.units", "", true},
		{"train.ema.every", "", false},
		{"train.early_stop.metric", "", false},
		{"name", "", false},
	} {
		if got, ok := defaultOf(c.key, settings); got != c.want || ok != c.ok {
			t.Errorf("%s: %q, %v; want %q, %v", c.key, got, ok, c.want, c.ok)
		}
	}
}
