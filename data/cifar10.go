package data

import "context"

func init() {
	Datasets.Add("cifar10", "60,000 colour photographs of 32x32 in ten classes (Krizhevsky 2009)", &CIFAR10{})
}

// CIFAR10 is the data set of Krizhevsky, "Learning Multiple Layers of Features from Tiny Images" (2009): 50,000 and
// 10,000 colour photographs of 32x32 in ten classes, in their binary version.
type CIFAR10 struct{}

var cifar10 = &cifar{
	title: "CIFAR-10",
	archive: remote{
		url:  "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
		size: 170_052_171,
		sum:  "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
	},
	folder: "cifar-10-batches-bin",
	train:  []string{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
	test:   []string{"test_batch.bin"},
	side:   32,
	labels: 1,
	names:  "batches.meta.txt",
	info: Info{
		Name:    "cifar10",
		Classes: []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"},
		H:       32, W: 32, C: 3,
		Train: 50_000, Test: 10_000,
	},
}

// Info is known without any file.
func (*CIFAR10) Info(Env) (Info, error) { return cifar10.info, nil }

// Load reads the unpacked files, or the archive, or downloads it.
func (*CIFAR10) Load(ctx context.Context, env Env) (*Set, error) { return cifar10.load(ctx, env) }

// Find looks where Load does.
func (*CIFAR10) Find(env Env) (string, error) { return cifar10.find(env) }
