package configs

import (
	"encoding/json"
	"reflect"
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

func TestTheSchemaPairsConvolutionsWithProducts(t *testing.T) {
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	type schema struct {
		Properties map[string]schema
		Required   []string
		Const      string
		Enum       []string
		AllOf      []struct{ If, Then schema }
	}
	var got struct {
		Defs map[string]schema `json:"$defs"`
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"experiment", "experiment-part"} {
		rules := got.Defs[name].Properties["train"].Properties["precision"].AllOf
		if len(rules) != 1 {
			t.Errorf("%s: %d rules, want one, for bf16", name, len(rules))
			continue
		}
		when, then := rules[0].If, rules[0].Then.Properties["conv"].Enum
		if when.Properties["products"].Const != "bf16" || !reflect.DeepEqual(when.Required, []string{"products"}) ||
			!reflect.DeepEqual(then, []string{"winograd4", "winograd2"}) {
			t.Errorf("%s: %+v has convolutions %v", name, when, then)
		}
	}
}
