package data

import (
	"context"
	"math/rand/v2"

	"exp/internal/stream"
)

func init() {
	Datasets.Add("synthetic", "made-up colour patterns of 32x32 in ten classes; needs no files", &Synthetic{Train: 2000, Test: 500, Seed: 1, Noise: 48})
}

// Synthetic is made by a fixed procedure from a seed, in whole numbers only, so it is the same on every machine.
//
// Each of the ten classes has a small random pattern. A picture is filled with the pattern of its class, beginning
// anywhere, in stronger or weaker colours, under a smooth texture of its own that means nothing, and noise. Where a colour
// is says nothing, and the mean colour neither: a linear classifier does little better than to guess; a small
// convolutional net learns it in a few epochs.
type Synthetic struct {
	Train int `yaml:"train" doc:"training pictures" check:"min=10,max=1000000"`
	Test  int `yaml:"test" doc:"test pictures" check:"min=10,max=1000000"`
	Seed  int `yaml:"seed" doc:"another seed makes other patterns and pictures"`
	Noise int `yaml:"noise" doc:"largest change of a pixel by noise, in grey levels" check:"min=0,max=128"`
}

const (
	synthClasses  = 10
	synthSide     = 32
	synthChannels = 3
	synthPattern  = 8  // side of the pattern of a class
	synthContrast = 48 // of either texture: grey levels up or down, at most
)

// texture holds values from -128 to 128, smooth and without seams at the edges.
type texture [synthSide][synthSide][synthChannels]int32

// fill makes the texture anew: a tile, repeated, of random values that are cell pixels apart, with linear interpolation
// between them.
func (t *texture) fill(r *rand.Rand, tile, cell int) {
	var grid [synthSide][synthSide][synthChannels]int32
	n := tile / cell
	for y := range n {
		for x := range n {
			for c := range synthChannels {
				grid[y][x][c] = int32(r.IntN(257) - 128)
			}
		}
	}
	for y := range t {
		above, below, fy := &grid[y/cell%n], &grid[(y/cell+1)%n], int32(y%cell)
		for x := range t[y] {
			left, right, fx := x/cell%n, (x/cell+1)%n, int32(x%cell)
			for c := range synthChannels {
				u := above[left][c]*(int32(cell)-fx) + above[right][c]*fx
				v := below[left][c]*(int32(cell)-fx) + below[right][c]*fx
				t[y][x][c] = (u*(int32(cell)-fy) + v*fy) / int32(cell*cell)
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
		Made: true,
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
		classes[k].fill(stream.New(int64(s.Seed), "synthetic", "class", k), synthPattern, 2)
	}
	set := &Set{Info: info, Train: s.split(ctx, &classes, "train", s.Train), Test: s.split(ctx, &classes, "test", s.Test)}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	set.Hash = set.hash()
	return set, nil
}

// split makes n pictures, their classes in turn. Each has its own stream: more pictures leave the first ones as they are. It stops early
// when ctx is done.
func (s *Synthetic) split(ctx context.Context, classes *[synthClasses]texture, part string, n int) Split {
	const size = synthSide * synthSide * synthChannels
	out := Split{n, synthSide, synthSide, synthChannels, make([]uint8, n*size), make([]int32, n)}
	key := stream.Key(int64(s.Seed), "synthetic", part)
	pcg := &rand.PCG{}
	r := rand.New(pcg)
	for i := 0; i < n && ctx.Err() == nil; i++ {
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
	own.fill(r, synthSide, 4)
	down, right := r.IntN(synthPattern), r.IntN(synthPattern)
	strength := int32(50 + r.IntN(51)) // per cent
	var light [synthChannels]int32     // grey levels
	for c := range light {
		light[c] = int32(128 + r.IntN(49) - 24)
	}
	for y := range synthSide {
		for x := range synthSide {
			from := &class[(y+down)%synthSide][(x+right)%synthSide]
			for c := range synthChannels {
				v := light[c] + from[c]*strength*synthContrast/12800 + own[y][x][c]*synthContrast/128 + int32(r.IntN(2*s.Noise+1)-s.Noise)
				dst[0] = uint8(min(max(v, 0), 255))
				dst = dst[1:]
			}
		}
	}
}
