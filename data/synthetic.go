package data

import (
	"context"
	"math/rand/v2"

	"exp/internal/stream"
)

func init() {
	Datasets.Add("synthetic", "made-up colour textures of 32x32 in ten classes; needs no files", &Synthetic{Train: 2000, Test: 500, Seed: 1, Noise: 40})
}

// Synthetic is made by a fixed procedure from a seed, in whole numbers only, so it is the same on every machine.
//
// Each of the ten classes has a random smooth texture. A picture is the texture of its class, moved by up to 8 pixels up
// or down and to either side, in stronger or weaker colours, under a texture of its own that means nothing, and noise.
// Where a colour is says little, and the mean colour nothing: a linear classifier does badly; a small convolutional net
// learns it in a few epochs.
type Synthetic struct {
	Train int `yaml:"train" doc:"training pictures" check:"min=10,max=1000000"`
	Test  int `yaml:"test" doc:"test pictures" check:"min=10,max=1000000"`
	Seed  int `yaml:"seed" doc:"another seed makes other textures and pictures"`
	Noise int `yaml:"noise" doc:"largest change of a pixel by noise, in grey levels" check:"min=0,max=128"`
}

const (
	synthClasses  = 10
	synthSide     = 32
	synthChannels = 3
	synthCell     = 4                     // pixels between two random values of a texture
	synthGrid     = synthSide / synthCell // random values along a side
	synthMove     = 8                     // pixels at most
	synthOwn      = 48                    // the texture without a meaning, in grey levels at most
	synthClass    = 56                    // the texture of the class, in grey levels at most
)

// texture holds values from -128 to 128, smooth and without seams at the edges.
type texture [synthSide][synthSide][synthChannels]int32

// fill makes the texture anew: random values on a grid, with linear interpolation between them.
func (t *texture) fill(r *rand.Rand) {
	var grid [synthGrid][synthGrid][synthChannels]int32
	for y := range grid {
		for x := range grid[y] {
			for c := range synthChannels {
				grid[y][x][c] = int32(r.IntN(257) - 128)
			}
		}
	}
	for y := range t {
		fy, gy := int32(y%synthCell), y/synthCell
		above, below := &grid[gy], &grid[(gy+1)%synthGrid]
		for x := range t[y] {
			fx, gx := int32(x%synthCell), x/synthCell
			right := (gx + 1) % synthGrid
			for c := range synthChannels {
				u := above[gx][c]*(synthCell-fx) + above[right][c]*fx
				v := below[gx][c]*(synthCell-fx) + below[right][c]*fx
				t[y][x][c] = (u*(synthCell-fy) + v*fy) / (synthCell * synthCell)
			}
		}
	}
}

// Info is known beforehand: the classes are called 0 to 9.
func (s *Synthetic) Info(Env) (Info, error) {
	return Info{
		Name:    "synthetic",
		Classes: []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
		H:       synthSide, W: synthSide, C: synthChannels,
		Train: s.Train, Test: s.Test,
	}, nil
}

// Load makes the pictures.
func (s *Synthetic) Load(ctx context.Context, env Env) (*Set, error) {
	info, err := s.Info(env)
	if err != nil {
		return nil, err
	}
	var classes [synthClasses]texture
	for k := range classes {
		classes[k].fill(stream.New(int64(s.Seed), "synthetic", "class", k))
	}
	set := &Set{Info: info, Train: s.split(&classes, "train", s.Train), Test: s.split(&classes, "test", s.Test)}
	set.Hash = set.hash()
	return set, ctx.Err()
}

// split makes n pictures, their classes in turn. Each has its own stream: more pictures leave the first ones as they are.
func (s *Synthetic) split(classes *[synthClasses]texture, part string, n int) Split {
	const size = synthSide * synthSide * synthChannels
	out := Split{n, synthSide, synthSide, synthChannels, make([]uint8, n*size), make([]int32, n)}
	key := stream.Key(int64(s.Seed), "synthetic", part)
	pcg := &rand.PCG{}
	r := rand.New(pcg)
	for i := range n {
		stream.Reseed(pcg, key, i)
		k := i % synthClasses
		out.Labels[i] = int32(k)
		s.picture(out.Pixels[i*size:][:size], &classes[k], r)
	}
	return out
}

// picture makes one picture of a class.
func (s *Synthetic) picture(dst []uint8, class *texture, r *rand.Rand) {
	var own texture
	own.fill(r)
	down, right := synthSide+r.IntN(2*synthMove+1)-synthMove, synthSide+r.IntN(2*synthMove+1)-synthMove
	strength := int32(50 + r.IntN(51)) // per cent
	var light [synthChannels]int32     // grey levels
	for c := range light {
		light[c] = int32(128 + r.IntN(49) - 24)
	}
	for y := range synthSide {
		for x := range synthSide {
			from := &class[(y+down)%synthSide][(x+right)%synthSide]
			for c := range synthChannels {
				v := light[c] + from[c]*strength*synthClass/12800 + own[y][x][c]*synthOwn/128 + int32(r.IntN(2*s.Noise+1)-s.Noise)
				dst[0] = uint8(min(max(v, 0), 255))
				dst = dst[1:]
			}
		}
	}
}
