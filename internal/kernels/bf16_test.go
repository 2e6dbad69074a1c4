package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// winograd is F(tile x tile, 3x3) as the formula is written, in float64, with what is multiplied rounded to bf16.
type winograd struct {
	from, to int         // sides of a tile of what is read, without what is around it, and of what is made
	before   int         // pixels that are read before a tile
	b, g, a  [][]float64 // B and A transposed, and G
}

var winograds = map[Algorithm]winograd{Winograd4: f4(), Winograd2: {
	2, 2, 1,
	[][]float64{{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, -1, 0, 1}},
	[][]float64{{1, 0, 0}, {.5, .5, .5}, {.5, -.5, .5}, {0, 0, 1}},
	[][]float64{{1, 1, 1, 0}, {0, 1, -1, 1}},
}}

// f4 is F(4x4,3x3) with the points 0, +-p, +-q and infinity.
func f4() winograd {
	const p, q = 5. / 8, 3. / 2
	const p2, q2 = p * p, q * q
	gp, gq := 1/(2*p2*(p2-q2)), 1/(2*q2*(q2-p2))
	return winograd{
		4, 4, 1,
		[][]float64{{p2 * q2, 0, -p2 - q2, 0, 1, 0}, {0, -p * q2, -q2, p, 1, 0}, {0, p * q2, -q2, -p, 1, 0},
			{0, -q * p2, -p2, q, 1, 0}, {0, q * p2, -p2, -q, 1, 0}, {0, p2 * q2, 0, -p2 - q2, 0, 1}},
		[][]float64{{1 / (p2 * q2), 0, 0}, {gp, gp * p, gp * p2}, {gp, -gp * p, gp * p2}, {gq, gq * q, gq * q2}, {gq, -gq * q, gq * q2}, {0, 0, 1}},
		[][]float64{{1, 1, 1, 1, 1, 0}, {0, p, -p, q, -q, 0}, {0, p2, p2, q2, q2, 0}, {0, p * p2, -p * p2, q * q2, -q * q2, 1}},
	}
}

// strided are F(4x4,3x3) with stride 2, and that for the gradient of its data: F(4,2) with the points +-p, +-q and infinity for
// the first and the last row of a kernel, and its middle row as it is.
func strided() (forward, back winograd) {
	const p, q = 3. / 8, 11. / 8
	const p2, q2 = p * p, q * q
	gp, gq := 1/(2*p*(p2-q2)), 1/(2*q*(q2-p2))
	five := [][]float64{{-p * q2, -q2, p, 1, 0}, {p * q2, -q2, -p, 1, 0}, {-q * p2, -p2, q, 1, 0}, {q * p2, -p2, -q, 1, 0}, {p2 * q2, 0, -p2 - q2, 0, 1}}
	four := [][]float64{{1, 1, 1, 1, 0}, {p, -p, q, -q, 0}, {p2, p2, q2, q2, 0}, {p * p2, -p * p2, q * q2, -q * q2, 1}}
	g := [][]float64{{gp, 0, gp * p}, {-gp, 0, gp * p}, {gq, 0, gq * q}, {-gq, 0, gq * q}, {0, 0, 1}}
	forward, back = winograd{8, 4, 1, matrix(9, 9), nil, matrix(4, 9)}, winograd{4, 8, 0, matrix(9, 5), nil, matrix(8, 9)}
	for i := range 5 {
		for j := range 5 {
			forward.b[i][2*j], back.b[i][j] = five[i][j], five[i][j]
		}
		for j := range 4 {
			forward.a[j][i], back.a[2*j+1][i] = four[j][i], four[j][i]
		}
	}
	for i := range 4 {
		forward.b[5+i][2*i+1], back.b[5+i][i] = 1, 1
		forward.a[i][5+i], back.a[2*i][5+i] = 1, 1
		g = append(g, []float64{0, 1, 0})
	}
	forward.g, back.g = g, g
	return forward, back
}

func matrix(rows, cols int) [][]float64 {
	m := make([][]float64, rows)
	for i := range m {
		m[i] = make([]float64, cols)
	}
	return m
}

func times(a, b [][]float64) [][]float64 {
	c := make([][]float64, len(a))
	for i := range a {
		c[i] = make([]float64, len(b[0]))
		for j := range c[i] {
			for k, v := range a[i] {
				c[i][j] += v * b[k][j]
			}
		}
	}
	return c
}

func transposed(a [][]float64) [][]float64 {
	t := make([][]float64, len(a[0]))
	for i := range t {
		for j := range a {
			t[i] = append(t[i], a[j][i])
		}
	}
	return t
}

// around is m x mt.
func around(m, x [][]float64) [][]float64 { return times(times(m, x), transposed(m)) }

// rounded is m x mt rounded to bf16.
func rounded(m, x [][]float64) [][]float64 {
	y := around(m, x)
	for _, row := range y {
		for j, v := range row {
			row[j] = nearestBF16(v)
		}
	}
	return y
}

// square is side x side pixels of a channel from (top, left) on, zeros outside.
func square(x []float64, h, w, channels, image, channel, top, left, side int) [][]float64 {
	s := make([][]float64, side)
	for i := range s {
		s[i] = make([]float64, side)
		for j := range s[i] {
			if y, z := top+i, left+j; y >= 0 && y < h && z >= 0 && z < w {
				s[i][j] = x[((image*h+y)*w+z)*channels+channel]
			}
		}
	}
	return s
}

// tiles calls f with the place of every tile of images of h x w pixels.
func (f winograd) tiles(n, h, w int, visit func(image, row, col int)) {
	for image := range n {
		for row := range h / f.from {
			for col := range w / f.from {
				visit(image, row, col)
			}
		}
	}
}

// square is what a tile of a channel of what is read is made of.
func (f winograd) square(x []float64, h, w, channels, image, channel, row, col int) [][]float64 {
	return square(x, h, w, channels, image, channel, row*f.from-f.before, col*f.from-f.before, len(f.b[0]))
}

// conv reads images of c.H x c.W pixels, whatever the stride.
func (f winograd) conv(c Conv, w, x []float64) []float64 {
	u := make([][][]float64, c.C*c.O)
	for i := range u {
		u[i] = rounded(f.g, square(w, 3, 3, c.C*c.O, 0, i, 0, 0, 3))
	}
	high, wide := c.H/f.from*f.to, c.W/f.from*f.to
	y := make([]float64, c.N*high*wide*c.O)
	f.tiles(c.N, c.H, c.W, func(image, row, col int) {
		m := make([][][]float64, c.O)
		for i := range c.C {
			v := rounded(f.b, f.square(x, c.H, c.W, c.C, image, i, row, col))
			for o := range c.O {
				m[o] = plus(m[o], v, u[i*c.O+o])
			}
		}
		for o := range c.O {
			for i, line := range around(f.a, m[o]) {
				for j, v := range line {
					y[((image*high+row*f.to+i)*wide+col*f.to+j)*c.O+o] = v
				}
			}
		}
	})
	return y
}

func (f winograd) gradWeights(c Conv, x, g []float64) []float64 {
	du := make([][][]float64, c.C*c.O)
	f.tiles(c.N, c.H, c.W, func(image, row, col int) {
		z := make([][][]float64, c.O)
		for o := range z {
			z[o] = rounded(transposed(f.a), square(g, c.OutH(), c.OutW(), c.O, image, o, row*f.to, col*f.to, f.to))
		}
		for i := range c.C {
			v := rounded(f.b, f.square(x, c.H, c.W, c.C, image, i, row, col))
			for o := range c.O {
				du[i*c.O+o] = plus(du[i*c.O+o], v, z[o])
			}
		}
	})
	dw := make([]float64, c.weights())
	for k := range du {
		for i, row := range around(transposed(f.g), du[k]) {
			for j, v := range row {
				dw[(i*3+j)*c.C*c.O+k] = v
			}
		}
	}
	return dw
}

// plus is m + u*v, number by number; m may be nil, for zeros.
func plus(m, u, v [][]float64) [][]float64 {
	if m == nil {
		m = matrix(len(u), len(u))
	}
	for i, row := range u {
		for j, x := range row {
			m[i][j] += x * v[i][j]
		}
	}
	return m
}

// turned are the weights of the gradient of the data: turned around, input and output channels exchanged.
func turned(c Conv, w []float64) (Conv, []float64) {
	t := make([]float64, len(w))
	for k := range 9 {
		for i := range c.C {
			for o := range c.O {
				t[((8-k)*c.O+o)*c.C+i] = w[(k*c.C+i)*c.O+o]
			}
		}
	}
	c.C, c.O = c.O, c.C
	c.H, c.W = c.OutH(), c.OutW()
	return c, t
}

// bf16Backends runs a test on every instruction set that has products of bf16, which are set.
func bf16Backends(t *testing.T, test func(t *testing.T, n *Native)) {
	backends(t, func(t *testing.T, n *Native) {
		if !hasBF16(n.kernels) {
			t.Skip("no products of bf16")
		}
		n.Products = BF16
		test(t, n)
	})
}

// nearExact: a result is off by what rounding to bf16 does, and not by more than `most` of it; the bias's gradient is a sum, not a
// product, and is not rounded.
func nearExact(t *testing.T, c Conv, w, x, g, y, dbias []float32, most float64) {
	t.Helper()
	exact := make([]float64, c.outputs())
	truth.Conv(c, wide(w), Read[float64]{X: wide(x)}, Write[float64]{Y: exact})
	if e := relative(y, exact); e < 1e-3 || e > most {
		t.Errorf("the result is %.2g from the exact one", e)
	}
	bias := make([]float64, c.O)
	for i, v := range g {
		bias[i%c.O] += float64(v)
	}
	closeTo(t, "dbias", wide(dbias), bias, 1e-5)
}

// TestBF16RoundsWhatIsMultiplied: convolutions and gradients are those of Winograd's formula with rounded factors, but for the few
// that another rounding error before decides the other way; and they are some 1e-2 from the exact ones.
func TestBF16RoundsWhatIsMultiplied(t *testing.T) {
	bf16Backends(t, func(t *testing.T, n *Native) {
		for _, c := range []Conv{
			{N: 3, H: 8, W: 8, C: 32, O: 64, K: 3, Stride: 1},
			{N: 1, H: 12, W: 4, C: 16, O: 16, K: 3, Stride: 1},
			{N: 41, H: 4, W: 4, C: 16, O: 48, K: 3, Stride: 1},
			{N: 5, H: 4, W: 4, C: 160, O: 128, K: 3, Stride: 1},
			{N: 3, H: 6, W: 6, C: 48, O: 32, K: 3, Stride: 1},
			{N: 3, H: 16, W: 8, C: 32, O: 64, K: 3, Stride: 2},
			{N: 5, H: 8, W: 8, C: 160, O: 128, K: 3, Stride: 2},
		} {
			for _, n.Algorithm = range []Algorithm{Winograd4, Winograd2} {
				used := n.Algorithm
				if c.H%4 != 0 {
					used = Winograd2
				}
				f, backwards := winograds[used], winograds[used]
				if c.Stride == 2 {
					f, backwards = strided()
				}
				t.Run(fmt.Sprintf("%d:%+v", n.Algorithm, c), func(t *testing.T) {
					r := rand.New(rand.NewPCG(1, 2))
					x, w, g := normal(r, c.inputs()), normal(r, c.weights()), normal(r, c.outputs())
					y, dx, dw, db := convAndGradients(n, c, w, x, g)

					back, turnedW := turned(c, wide(w))
					for what, at := range map[string]struct {
						got  []float32
						want []float64
					}{
						"result":              {y, f.conv(c, wide(w), wide(x))},
						"gradient of data":    {dx, backwards.conv(back, turnedW, wide(g))},
						"gradient of weights": {dw, f.gradWeights(c, wide(x), wide(g))},
					} {
						if e := relative(at.got, at.want); e > 5e-4 {
							t.Errorf("%s: relative error %.2g", what, e)
						}
					}
					nearExact(t, c, w, x, g, y, db, 2e-2)
				})
			}
		}
	})
}

// matrixBackends is bf16Backends with direct convolutions, where they have such products.
func matrixBackends(t *testing.T, test func(t *testing.T, n *Native)) {
	bf16Backends(t, func(t *testing.T, n *Native) {
		if !n.matrix {
			t.Skip("no products of matrices of bf16")
		}
		n.Algorithm = Direct
		test(t, n)
	})
}

// nearestBF16 rounds to bf16: the nearest float32 whose lower half is 0, of two the one with an even mantissa.
func nearestBF16(x float64) float64 {
	bits := math.Float32bits(float32(x))
	return float64(math.Float32frombits((bits + 0x7fff + bits>>16&1) &^ 0xffff))
}

// TestBF16MatricesRoundWhatIsMultiplied: direct convolutions and gradients are those of rounded factors.
func TestBF16MatricesRoundWhatIsMultiplied(t *testing.T) {
	matrixBackends(t, func(t *testing.T, n *Native) {
		for _, c := range []Conv{
			{N: 3, H: 8, W: 8, C: 32, O: 64, K: 3, Stride: 1},
			{N: 1, H: 12, W: 5, C: 16, O: 16, K: 3, Stride: 1},
			{N: 41, H: 4, W: 4, C: 16, O: 48, K: 3, Stride: 1},
			{N: 200, H: 1, W: 2, C: 48, O: 16, K: 3, Stride: 1},
			{N: 5, H: 4, W: 4, C: 160, O: 128, K: 3, Stride: 1},
			{N: 3, H: 7, W: 9, C: 48, O: 32, K: 3, Stride: 1},
			{N: 2, H: 65, W: 32, C: 16, O: 32, K: 3, Stride: 1},  // two bands
			{N: 1, H: 3, W: 1500, C: 32, O: 16, K: 3, Stride: 1}, // a row is a unit
		} {
			t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
				r := rand.New(rand.NewPCG(1, 2))
				x, w, g := normal(r, c.inputs()), normal(r, c.weights()), normal(r, c.outputs())
				y, dx, dw, db := convAndGradients(n, c, w, x, g)

				nearExact(t, c, w, x, g, y, db, 4e-3)

				near := func(x []float32) []float64 {
					y := wide(x)
					for i, v := range y {
						y[i] = nearestBF16(v)
					}
					return y
				}
				wantY, wantX, wantW := trueConv(c, near(w), near(x), near(g))
				for what, e := range map[string]float64{
					"result": relative(y, wantY), "gradient of data": relative(dx, wantX), "gradient of weights": relative(dw, wantW),
				} {
					if e > 2e-6 {
						t.Errorf("%s: relative error %.2g", what, e)
					}
				}
			})
		}
	})
}

// With all that is fused, results and gradients differ from those of fp32 by rounding alone.
func TestBF16MatricesWithAllThatIsFused(t *testing.T) {
	matrixBackends(t, func(t *testing.T, n *Native) {
		for seed := range uint64(80) {
			r := rand.New(rand.NewPCG(seed, 3))
			c := Conv{N: 1, H: 1 + r.IntN(12), W: 1 + r.IntN(12), C: 16 * (1 + r.IntN(5)), O: 16 * (1 + r.IntN(5)), K: 3, Stride: 1}
			c.N = 1 + r.IntN(1+int(mostMACs/c.MACs()))
			checkConvWithin(t, n, seed, c, 0.02)
		}
		checkConvWithin(t, n, 80, Conv{N: 2, H: 70, W: 24, C: 16, O: 16, K: 3, Stride: 1}, 0.02) // two units an image
	})
}

// What is read and stored on the way is the same as with fp32, and nothing outside of the arrays is touched.
func TestBF16WithAllThatIsFused(t *testing.T) {
	bf16Backends(t, func(t *testing.T, n *Native) {
		for seed := range uint64(60) {
			r := rand.New(rand.NewPCG(seed, 2))
			c := someConv(r)
			l := newLab(t, seed)
			w := l.random("w", c.weights())
			in, g := l.read(c.inputs(), c.C), l.readGrad(c.outputs(), c.O)
			g.Joined = nil
			y, dx := l.empty("y", c.outputs()), l.empty("dx", c.inputs())
			dw, db := l.empty("dw", c.weights()), l.empty("db", c.O)
			through := l.read(c.inputs(), c.C)
			var got [2][4][]float32
			var sums [2][]float64
			for i, products := range []Products{FP32, BF16} {
				n.Products = products
				sums[i] = make([]float64, 2*c.O)
				n.Conv(c, w, in, Write[float32]{Y: y, Sums: sums[i]})
				n.ConvGradData(c, w, g, WriteGrad[float32]{G: dx, Through: through})
				n.ConvGradWeights(c, in, g, dw, db)
				l.intact()
				got[i] = [4][]float32{slices.Clone(y), slices.Clone(dx), slices.Clone(dw), slices.Clone(db)}
			}
			for i, what := range []string{"y", "dx", "dw", "db"} {
				closeTo(t, fmt.Sprintf("%+v: %s", c, what), widen(got[1][i]), widen(got[0][i]), 0.05)
			}
			closeTo(t, "sums", sums[1][c.O:], sums[0][c.O:], 0.05)
		}
	})
}
