package configs

import (
	"encoding/json"
	"testing"
)

func TestSchema(t *testing.T) {
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	type schema struct {
		Title       string
		Description string
		Properties  map[string]schema
		AnyOf       []schema
	}
	var got struct {
		Defs map[string]schema `json:"$defs"`
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"experiment", "experiment-part"} {
		if got.Defs[name].Properties["extends"].Description == "" {
			t.Errorf("%s: extends is not offered", name)
		}
	}
	for _, f := range got.Defs["optimizer-part"].AnyOf {
		if f.Title != "optimizer" { // the form without type
			continue
		}
		// lr means the same to all, weight_decay does not; editors show every meaning.
		if lr := f.Properties["lr"]; lr.Description == "" || len(lr.AnyOf) > 0 {
			t.Errorf("lr of any optimizer: %+v", lr)
		}
		if decay := f.Properties["weight_decay"]; len(decay.AnyOf) != 2 {
			t.Errorf("weight_decay of any optimizer: %+v", decay)
		}
		return
	}
	t.Error("no form of an optimizer without type")
}
