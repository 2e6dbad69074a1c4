// Package configs reads experiment files: what they inherit and what the command line changes, checked down to the
// shapes of the net before anything is allocated.
//
//   - `extends: base.yaml` takes a file, beside the one that names it, or a shipped experiment; or a list of them. Maps
//     merge, lists and scalars replace; a name counts as a map with a type where parameters are merged into it
//     (`schedule: cosine` and then `schedule: {warmup: 5}`). `!replace` before a map drops what was inherited. Two bases of
//     one list may not set the same key.
//   - A stage's `unit` map is merged over `model.unit` in the same way. Where it names another type, it inherits only the
//     parameters that this type has too (a plain net stays plain).
//   - Overrides come last: files of them, then single ones, `path=value`. Items of lists are named by number, `last`,
//     `all`, or their `name`. A value that is a map merges, any other replaces: `optimizer=sgd` starts from sgd's defaults,
//     `optimizer.type=sgd` keeps the other parameters. In a file of overrides a key with dots in it is a path.
//
// All mistakes are reported at once, each where it was written, as a [source.Problems].
package configs

import (
	"fmt"
	"strconv"

	"exp/blocks"
	"exp/data"
	"exp/registry"
	"exp/runner/optim"
	"exp/runner/schedule"
)

// Experiment is what an experiment file says, with every default filled in.
type Experiment struct {
	Name      string            `yaml:"name" doc:"what the experiment is called in lists" check:"required"`
	Seed      int64             `yaml:"seed" doc:"key of every random stream: initial weights, order of the examples, augmentation, dropout"`
	Data      data.Config       `yaml:"data" doc:"what is learned, and how it is prepared"`
	Model     blocks.Model      `yaml:"model" doc:"the net: a stem, stages of Units, a head"`
	Optimizer optim.Optimizer   `yaml:"optimizer" doc:"how weights follow their gradients" check:"required"`
	Schedule  schedule.Schedule `yaml:"schedule" doc:"how the learning rate changes during training"`
	Train     Train             `yaml:"train" doc:"the budget"`
	Init      Init              `yaml:"init" doc:"where the initial weights come from"`
}

// Train is the `train:` map of an experiment.
type Train struct {
	Epochs         int        `yaml:"epochs" doc:"passes over the training examples" check:"required,min=1,max=1000000"`
	Batch          int        `yaml:"batch" doc:"examples of one step; the last step of an epoch takes what is left" check:"min=1,max=65536"`
	LabelSmoothing float64    `yaml:"label_smoothing" doc:"part of each training target that all classes share equally (Szegedy 2016); evaluation has none" check:"min=0,lt=1"`
	EvalEvery      int        `yaml:"eval_every" doc:"evaluate after every so many epochs, and before the first and after the last" check:"min=1"`
	TTA            string     `yaml:"tta" doc:"evaluate other views of each picture too, and classify by the mean of all logits, beside the plain evaluation; flip: its mirror image; flip-shift: that, and both moved by one pixel to the upper left and to the lower right, six views in all (Jordan 2024)" check:"oneof=none|flip|flip-shift"`
	EMA            *EMA       `yaml:"ema" doc:"keep a moving average of the weights too, and evaluate it beside them; none when absent"`
	Clip           *Clip      `yaml:"clip" doc:"make gradients smaller that are too large: {norm: 1.0} scales the whole gradient down to that length, {value: 0.5} cuts each of its numbers off there; none when absent"`
	Accumulate     int        `yaml:"accumulate" doc:"batches whose gradients are averaged for one update of the weights; the last group of an epoch takes what is left" check:"min=1,max=65536"`
	EarlyStop      *EarlyStop `yaml:"early_stop" doc:"end the training when a metric does not get better any more: {metric: val_loss, patience: 10, min_change: 0} are the defaults of what it says; none when absent"`
	CleanEval      CleanEval  `yaml:"clean_eval" doc:"training examples that are evaluated with the validation data, as they are: none, all, or a number"`
	Precision      Precision  `yaml:"precision" doc:"how exactly is calculated"`
}

// Precision is the `precision:` map of an experiment's training. All is float32 but what is multiplied with bf16.
type Precision struct {
	Conv     string `yaml:"conv" doc:"3x3 convolutions with stride 1 or 2: winograd4 is the fastest; winograd2 makes a third of its rounding errors in 1.4 times the time; direct sums as the formula is written, in 2.8 times the time, but see products" check:"oneof=winograd4|winograd2|direct"`
	Products string `yaml:"products" doc:"what they multiply: fp32; or bf16, rounded to 8 significant bits and added up in float32, which makes winograd4 and winograd2 faster by up to a half on some processors with AVX512_BF16; with conv: direct it is the fastest of all, and more exact than they are, where Linux runs on a processor with AMX_BF16. Refused elsewhere" check:"oneof=fp32|bf16"`
}

// EMA is the `ema:` map of an experiment's training: an exponential moving average of all weights and of the running
// statistics of batch normalisation, as PyTorch's AveragedModel makes it with use_buffers. The first averaging copies; each
// later one is average = decay*average + (1-decay)*weights.
type EMA struct {
	Decay float64 `yaml:"decay" doc:"share of the old average kept at each averaging" check:"gt=0,lt=1"`
	Every int     `yaml:"every" doc:"steps from one averaging to the next" check:"min=1"`
}

// CleanEval is the number of training examples evaluated beside the validation data, without augmentation; CleanAll for all of them.
type CleanEval int

// CleanAll evaluates all training examples.
const CleanAll CleanEval = -1

// UnmarshalText reads none, all, or a number.
func (c *CleanEval) UnmarshalText(text []byte) error {
	switch s := string(text); s {
	case "none":
		*c = 0
	case "all":
		*c = CleanAll
	default:
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || strconv.Itoa(n) != s {
			return fmt.Errorf("%q is not none, all, or a whole number from 1", s)
		}
		*c = CleanEval(n)
	}
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (c CleanEval) MarshalText() ([]byte, error) {
	switch c {
	case 0:
		return []byte("none"), nil
	case CleanAll:
		return []byte("all"), nil
	}
	return strconv.AppendInt(nil, int64(c), 10), nil
}

// Init is the `init:` map of an experiment.
type Init struct {
	From string `yaml:"from" doc:"a safetensors file with the initial weights, relative to the working folder; the model's initializer when empty"`
}

func init() {
	registry.Default(blocks.DefaultStage())
	registry.Default(EMA{Decay: 0.99, Every: 5})
}

// Default holds the defaults of an experiment; name, data set, net, optimizer and epochs have none.
func Default() Experiment {
	return Experiment{
		Seed:     1,
		Data:     data.Defaults(),
		Model:    blocks.DefaultModel(),
		Schedule: &schedule.Constant{},
		Train:    Train{Batch: 128, EvalEvery: 1, TTA: "none", Accumulate: 1, Precision: Precision{Conv: "winograd4", Products: "fp32"}},
	}
}
