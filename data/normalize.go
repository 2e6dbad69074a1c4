package data

// Normalize is the `normalize:` map: pixels are first scaled to [0,1] (x/255), then y = (x - mean) / std.
//
// Means and standard deviations (of the population: divided by n, not n-1) are computed in float64 over the examples
// that are trained on, after the validation split and the limit. A deviation under one grey level (1/255) counts as 1:
// dividing by the deviation of a pixel that is (almost) always the same would blow up the few examples where it is not.
type Normalize struct {
	Mean string `yaml:"mean" doc:"what is subtracted: nothing, one mean of all, one per channel, or one per pixel and channel" check:"oneof=none|scalar|channel|pixel"`
	Std  string `yaml:"std" doc:"the standard deviation divided by: none, one of all, one per channel, or one per pixel and channel" check:"oneof=none|scalar|channel|pixel"`
	Test string `yaml:"test" doc:"whose statistics the evaluated examples are normalised by: those of training, or their own" check:"oneof=train|own"`
}
