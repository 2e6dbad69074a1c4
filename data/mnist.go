package data

import "context"

func init() {
	Datasets.Add("mnist", "70,000 grey pictures of handwritten digits, 28x28 (LeCun et al. 1998)", &MNIST{})
}

// MNIST is the data set of LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition"
// (1998), section III: 60,000 and 10,000 grey pictures of handwritten digits, 28x28.
type MNIST struct{}

const mnistURL = "https://storage.googleapis.com/cvdf-datasets/mnist/"

var mnist = &idx{
	title: "MNIST",
	files: [4]remote{
		{mnistURL + "train-images-idx3-ubyte.gz", 9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"},
		{mnistURL + "train-labels-idx1-ubyte.gz", 28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"},
		{mnistURL + "t10k-images-idx3-ubyte.gz", 1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"},
		{mnistURL + "t10k-labels-idx1-ubyte.gz", 4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"},
	},
	subs: []string{"mnist", "MNIST/raw"},
	info: Info{
		Name:    "mnist",
		Classes: []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
		H:       28, W: 28, C: 1,
		Train: 60_000, Test: 10_000,
	},
}

// Info is known without any file.
func (*MNIST) Info(Env) (Info, error) { return mnist.info, nil }

// Load reads the four files, or downloads them.
func (*MNIST) Load(ctx context.Context, env Env) (*Set, error) { return mnist.load(ctx, env) }

// Find looks where Load does.
func (*MNIST) Find(env Env) (string, error) { return mnist.find(env) }
