package data

import "context"

func init() {
	Datasets.Add("fashion-mnist", "70,000 grey pictures of clothes, 28x28, in ten classes (Xiao et al. 2017)", &FashionMNIST{})
}

// FashionMNIST is the data set of Xiao, Rasul, Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
// Learning Algorithms" (2017): 60,000 and 10,000 grey pictures of clothes, 28x28, in ten classes.
type FashionMNIST struct{}

const fashionURL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"

var fashionMNIST = &idx{
	title: "Fashion-MNIST",
	files: [4]remote{
		{fashionURL + "train-images-idx3-ubyte.gz", 26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"},
		{fashionURL + "train-labels-idx1-ubyte.gz", 29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"},
		{fashionURL + "t10k-images-idx3-ubyte.gz", 4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"},
		{fashionURL + "t10k-labels-idx1-ubyte.gz", 5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"},
	},
	subs:   []string{"fashion-mnist", "FashionMNIST/raw"},
	system: "/usr/share/datasets/fashion-mnist", // Debian's package dataset-fashion-mnist
	hash:   "6a12654f3663fed4991c38468e9850112d13fdc9723a5052cf7299d1556246bb",
	info: Info{
		Name:    "fashion-mnist",
		Classes: []string{"T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"},
		H:       28, W: 28, C: 1,
		Train: 60_000, Test: 10_000,
	},
}

// Info is known without any file.
func (*FashionMNIST) Info(Env) (Info, error) { return fashionMNIST.info, nil }

// Load reads the four files, also from Debian's package dataset-fashion-mnist, or downloads them.
func (*FashionMNIST) Load(ctx context.Context, env Env) (*Set, error) {
	return fashionMNIST.load(ctx, env)
}

// Find looks where Load does.
func (*FashionMNIST) Find(env Env) (string, error) { return fashionMNIST.find(env) }
