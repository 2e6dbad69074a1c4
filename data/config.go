package data

import (
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Config is the `data:` map of an experiment.
type Config struct {
	Dataset    Dataset    `yaml:"dataset" doc:"the pictures to learn" check:"required"`
	Dir        string     `yaml:"dir" doc:"folder to look for the files in, before EXP_DATA_DIR and the cache folder; that of the pictures, for images"`
	Normalize  Normalize  `yaml:"normalize" doc:"how pixel values are shifted and scaled"`
	Augment    []Augment  `yaml:"augment" doc:"random changes to each training picture, in this order"`
	Validation Validation `yaml:"validation" doc:"test: evaluate on the test part; a fraction (0.1) or a number (5000): on as many training examples, split off with the same share of every class"`
	Limit      int        `yaml:"limit" doc:"train on so many examples only, with the same share of every class; 0 = all" check:"min=0"`
}

// Defaults are the values of a Config that nothing was said about; it has no data set.
func Defaults() Config {
	return Config{Normalize: Normalize{Mean: Statistic{Over: "channel"}, Std: Statistic{Over: "channel"}, Test: "train"}}
}

// Validation says which examples a net is evaluated on. The zero value is the test part.
type Validation struct {
	Fraction float64 // of the training examples, between 0 and 1; 0 = by Count
	Count    int     // of training examples; 0 = by Fraction, or the test part
}

// UnmarshalText reads `test`, a fraction such as 0.1, or a number of examples such as 5000.
func (v *Validation) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "test" {
		*v = Validation{}
		return nil
	}
	if n, err := strconv.Atoi(s); err == nil && n > 0 {
		*v = Validation{Count: n}
		return nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f > 0 && f < 1) {
		return fmt.Errorf("%s is not `test`, a fraction between 0 and 1, or a whole number from 1", s)
	}
	*v = Validation{Fraction: f}
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (v Validation) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// String is the value as it stands in an experiment file.
func (v Validation) String() string {
	switch {
	case v.Fraction > 0:
		return strconv.FormatFloat(v.Fraction, 'g', -1, 64)
	case v.Count > 0:
		return strconv.Itoa(v.Count)
	}
	return "test"
}

// of is the number of examples to split off from n: at least one where a split is wanted at all.
func (v Validation) of(n int) int {
	if v.Fraction > 0 {
		return max(1, int(math.Round(v.Fraction*float64(n))))
	}
	return v.Count
}

// Fault is something in a Config that cannot work with its data set.
type Fault struct {
	Path    string // from `data`, such as "augment.0.pad"
	Problem string
}

// Error is the path and the problem.
func (f *Fault) Error() string { return "data." + f.Path + ": " + f.Problem }

// env is the outside world as the data set of the config sees it.
func (c Config) env(env Env) Env {
	if c.Dir != "" {
		env.Dir = c.Dir
		env.Dirs = append([]string{c.Dir}, env.Dirs...)
	}
	return env
}

// Info tells what is known of the data set before a picture is read. Its error may be a *Fault.
func (c Config) Info(env Env) (Info, error) { return c.Dataset.Info(c.env(env)) }

// TrainExamples is the number of examples that are trained on, of a data set of these sizes.
func (c Config) TrainExamples(info Info) int {
	if c.Limit > 0 {
		return c.Limit
	}
	return info.Train - c.Validation.of(info.Train)
}

// Check says whether the config can work with a data set of these sizes; the error joins *Fault.
func (c Config) Check(info Info) error {
	var faults []error
	fault := func(path, format string, args ...any) {
		faults = append(faults, &Fault{path, fmt.Sprintf(format, args...)})
	}
	if c.Dir != "" && info.Made {
		fault("dir", "%s is made, not read from files", info.Name)
	}
	split := c.Validation.of(info.Train)
	if split == 0 && info.Test == 0 {
		fault("validation", "%s has no test part; give a share of the training examples to evaluate on, such as 0.1", info.Name)
	} else if split >= info.Train {
		fault("validation", "%d of %d training examples leave nothing to train on", split, info.Train)
	} else if c.Limit > info.Train-split {
		fault("limit", "%d is more than the %d training examples there are", c.Limit, info.Train-split)
	}
	if problem := c.Normalize.Mean.fits(info.C); problem != "" {
		fault("normalize.mean", "%s", problem)
	}
	if problem := c.Normalize.Std.fits(info.C); problem != "" {
		fault("normalize.std", "%s", problem)
	}
	for i, a := range c.Augment {
		if _, ok := a.(mixer); ok && i < len(c.Augment)-1 {
			fault(fmt.Sprintf("augment.%d", i), "mixes whole examples: it must be the last in the list")
		}
		if f, ok := a.(fitter); ok {
			if err := f.Fits(info.H, info.W, info.C); err != nil {
				fault(fmt.Sprintf("augment.%d", i), "%v", err)
			}
		}
	}
	return errors.Join(faults...)
}
