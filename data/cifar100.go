package data

import (
	"context"
	"strings"
)

func init() {
	Datasets.Add("cifar100", "60,000 colour photographs of 32x32 in a hundred classes, or in twenty groups of them (Krizhevsky 2009)", &CIFAR100{Labels: "fine"})
}

// CIFAR100 is the data set of Krizhevsky, "Learning Multiple Layers of Features from Tiny Images" (2009): 50,000 and
// 10,000 colour photographs of 32x32 with two labels each, one of a hundred classes and one of twenty groups of five
// classes, in their binary version. A record has the byte of the group first.
type CIFAR100 struct {
	Labels string `yaml:"labels" doc:"what is learned: fine, the hundred classes, or coarse, their twenty groups" check:"oneof=fine|coarse"`
}

func (d *CIFAR100) format() *cifar {
	f := &cifar{
		title: "CIFAR-100",
		archive: remote{
			url:  "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
			size: 168_513_733,
			sum:  "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
		},
		folder: "cifar-100-binary",
		train:  []string{"train.bin"},
		test:   []string{"test.bin"},
		side:   32,
		labels: 2,
		label:  1,
		names:  "fine_label_names.txt",
		others: []string{"coarse_label_names.txt"},
		info:   Info{Name: "cifar100", Classes: cifar100Fine, H: 32, W: 32, C: 3, Train: 50_000, Test: 10_000},
	}
	if d.Labels == "coarse" {
		f.label, f.names, f.others, f.info.Classes = 0, f.others[0], []string{f.names}, cifar100Coarse
	}
	return f
}

// Info is known without any file.
func (d *CIFAR100) Info(Env) (Info, error) { return d.format().info, nil }

// Load reads the unpacked files, or the archive, or downloads it.
func (d *CIFAR100) Load(ctx context.Context, env Env) (*Set, error) { return d.format().load(ctx, env) }

// Find looks where Load does.
func (d *CIFAR100) Find(env Env) (string, error) { return d.format().find(env) }

var (
	cifar100Fine = strings.Fields(`
		apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
		camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup
		dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower
		leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid
		otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray
		road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
		sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle
		wardrobe whale willow_tree wolf woman worm`)
	cifar100Coarse = strings.Fields(`
		aquatic_mammals fish flowers food_containers fruit_and_vegetables household_electrical_devices
		household_furniture insects large_carnivores large_man-made_outdoor_things
		large_natural_outdoor_scenes large_omnivores_and_herbivores medium_mammals non-insect_invertebrates
		people reptiles small_mammals trees vehicles_1 vehicles_2`)
)
