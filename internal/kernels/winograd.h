// Convolutions with a 3x3 kernel, stride 1, on images that 4 divides and channels that 16 divides, by Winograd's F(4x4,3x3)
// (Winograd 1980; Lavin and Gray 2015): a 4x4 tile of the result takes 36 products a channel pair, not 144.
//
//	y = At [ (G w Gt) * (Bt x B) ] A      x: 6x6 pixels, w: 3x3, y: 4x4; * element by element, summed over input channels
//
// with the points 0, +-p, +-q and infinity; p = 5/8, q = 3/2 halve the error of the usual 1 and 2. The element (i,j) of a
// transformed 6x6 tile is called xi = 6*i + j. For every xi the sum over channels is a product of matrices,
//
//	M[xi][tile][o] = sum over c of V[xi][tile][c] * U[xi][c][o]
//
// done for a chunk of tiles at a time, so that V and M stay in the cache. Layouts (WIDE = cols*VL channels of the result):
//
//	V[xi][c/16][tile][16]   U[xi][o/WIDE][c][WIDE]   M[xi][o/WIDE][tile][WIDE]
//
// The gradient of the data is the same with w turned around and transposed. The gradient of the weights is
//
//	dw = Gt [ sum over tiles of (Bt x B) * (A dy At) ] G
//
//	dU[xi][c][o] = sum over tiles of V[xi][tile][c] * Z[xi][tile][o],   Z[xi][o/WIDE][tile][WIDE], dU as U

#define P .625f
#define Q 1.5f
#define P2 (P * P)
#define Q2 (Q * Q)
#define GP (1 / (2 * P2 * (P2 - Q2)))
#define GQ (1 / (2 * Q2 * (Q2 - P2)))
#define G0 (1 / (P2 * Q2))

enum {
	TILE = 4, XI = 36, TAPS = 9,
	WINO_PIECES = 32,        // of a convolution: each has its own sums, and several chunks to fetch ahead between
	MOST_BY_TILES = 128 * 128, // c*o up to which every piece has its own dU
	ROUND_FLOATS = 5 << 19,  // of V and Z together that are transformed before they are multiplied: 10 MB
	ROUND_STEP = 128,        // tiles of those that one product sums over
};

// out[0..5] = Bt d
INLINE void transform_input(vec d0, vec d1, vec d2, vec d3, vec d4, vec d5, float *out, long step) {
	vec even_p = d4 - Q2 * d2, odd_p = P * (d3 - Q2 * d1);
	vec even_q = d4 - P2 * d2, odd_q = Q * (d3 - P2 * d1);
	store(out, d4 - (P2 + Q2) * d2 + (P2 * Q2) * d0);
	store(out + step, even_p + odd_p);
	store(out + 2 * step, even_p - odd_p);
	store(out + 3 * step, even_q + odd_q);
	store(out + 4 * step, even_q - odd_q);
	store(out + 5 * step, d5 - (P2 + Q2) * d3 + (P2 * Q2) * d1);
}

// out[0..5] = A y
INLINE void transform_gradient(vec y0, vec y1, vec y2, vec y3, float *out, long step) {
	vec even_p = y0 + P2 * y2, odd_p = P * (y1 + P2 * y3);
	vec even_q = y0 + Q2 * y2, odd_q = Q * (y1 + Q2 * y3);
	store(out, y0);
	store(out + step, even_p + odd_p);
	store(out + 2 * step, even_p - odd_p);
	store(out + 3 * step, even_q + odd_q);
	store(out + 4 * step, even_q - odd_q);
	store(out + 5 * step, y3);
}

// out[0..5] = G w
INLINE void transform_weights(vec w0, vec w1, vec w2, float *out, long step) {
	vec even_p = GP * w0 + (GP * P2) * w2, odd_p = (GP * P) * w1;
	vec even_q = GQ * w0 + (GQ * Q2) * w2, odd_q = (GQ * Q) * w1;
	store(out, G0 * w0);
	store(out + step, even_p + odd_p);
	store(out + 2 * step, even_p - odd_p);
	store(out + 3 * step, even_q + odd_q);
	store(out + 4 * step, even_q - odd_q);
	store(out + 5 * step, w2);
}

struct four {
	vec v0, v1, v2, v3;
};

// At m
INLINE struct four transform_output(vec m0, vec m1, vec m2, vec m3, vec m4, vec m5) {
	vec sum_p = m1 + m2, diff_p = m1 - m2, sum_q = m3 + m4, diff_q = m3 - m4;
	return (struct four){
		m0 + sum_p + sum_q,
		P * diff_p + Q * diff_q,
		P2 * sum_p + Q2 * sum_q,
		m5 + (P2 * P) * diff_p + (Q2 * Q) * diff_q,
	};
}

struct three {
	vec v0, v1, v2;
};

// Gt m
INLINE struct three transform_back(vec m0, vec m1, vec m2, vec m3, vec m4, vec m5) {
	vec sum_p = m1 + m2, diff_p = m1 - m2, sum_q = m3 + m4, diff_q = m3 - m4;
	return (struct three){
		G0 * m0 + GP * sum_p + GQ * sum_q,
		(GP * P) * diff_p + (GQ * Q) * diff_q,
		(GP * P2) * sum_p + (GQ * Q2) * sum_q + m5,
	};
}

// The tiles of all images, in their order.
struct grid {
	long n, h, w;    // pixels
	long high, wide; // tiles of an image
	long tiles;
};

static struct grid grid_of(const struct job *job) {
	long high = job->h / TILE, wide = job->w / TILE;
	return (struct grid){job->n, job->h, job->w, high, wide, job->n * high * wide};
}

struct tile {
	long image, row, col;
};

INLINE struct tile tile_at(const struct grid *g, long i) {
	long in_image = i % (g->high * g->wide);
	return (struct tile){i / (g->high * g->wide), in_image / g->wide, in_image % g->wide};
}

INLINE void next_tile(const struct grid *g, struct tile *t) {
	if (++t->col < g->wide)
		return;
	t->col = 0;
	if (++t->row < g->high)
		return;
	t->row = 0;
	t->image++;
}

// The pixel at a tile's upper left.
INLINE long tile_pixel(const struct grid *g, struct tile t) {
	return (t.image * g->h + t.row * TILE) * g->w + t.col * TILE;
}

// Transformed tiles: element xi of tile t and channel c lies at at[xi*stride + (c/block*pitch + t)*block + c%block].
struct tiles {
	float *at;
	long stride, pitch, block;
};

// An xi's elements are followed by a cache line of nothing, or all 36 would fall into the same sets of the cache.
static struct tiles tiles_at(float *at, long pitch, long channels, long block) {
	return (struct tiles){at, pitch * channels + BLOCK, pitch, block};
}

INLINE float *tiles_of(struct tiles v, long t, long c) {
	return v.at + (c / v.block * v.pitch + t) * v.block + c % v.block;
}

static long tiles_floats(struct tiles v) { return XI * v.stride; }

// V = Bt x B for the 6x6 pixels around n tiles from first on.
INLINE void input_tiles_mode(const int mode, const struct grid *g, const struct source *in, long channels, long first, long n, struct tiles v) {
	float half[XI * VL] __attribute__((aligned(64)));
	const vec zero = {0};
	const long row = g->w * channels;
	struct tile at = tile_at(g, first);
	for (long t = 0; t < n; t++, next_tile(g, &at)) {
		const long corner = tile_pixel(g, at) * channels - row - channels;
		const int top = at.row == 0, bottom = at.row == g->high - 1, left = at.col == 0, right = at.col == g->wide - 1;
		for (long c = 0; c < channels; c += VL) {
			const struct read_coef k = read_coef(mode, in, c, VL);
#pragma GCC unroll 6
			for (int j = 0; j < 6; j++) {
				float *out = half + j * VL;
				if ((j == 0 && left) || (j == 5 && right)) {
					UNROLL for (int i = 0; i < 6; i++) store(out + i * 6 * VL, zero);
					continue;
				}
				const long i = corner + c + j * channels;
				vec d0 = top ? zero : read_at(mode, in, i, k);
				vec d1 = read_at(mode, in, i + row, k);
				vec d2 = read_at(mode, in, i + 2 * row, k);
				vec d3 = read_at(mode, in, i + 3 * row, k);
				vec d4 = read_at(mode, in, i + 4 * row, k);
				vec d5 = bottom ? zero : read_at(mode, in, i + 5 * row, k);
				transform_input(d0, d1, d2, d3, d4, d5, out, 6 * VL);
			}
			float *out = tiles_of(v, t, c);
#pragma GCC unroll 6
			for (int i = 0; i < 6; i++) {
				const float *d = half + i * 6 * VL;
				transform_input(load(d), load(d + VL), load(d + 2 * VL), load(d + 3 * VL), load(d + 4 * VL), load(d + 5 * VL), out + i * 6 * v.stride, v.stride);
			}
		}
	}
}

// Z = A y At for the 4x4 pixels of n tiles from first on; sums[c] += y over all pixels, unless it is NULL.
INLINE void gradient_tiles_mode(const int mode, const struct grid *g, const struct source *in, long channels, long first, long n, struct tiles z, float *sums) {
	float half[24 * VL] __attribute__((aligned(64)));
	const long row = g->w * channels;
	struct tile at = tile_at(g, first);
	for (long t = 0; t < n; t++, next_tile(g, &at)) {
		const long corner = tile_pixel(g, at) * channels;
		for (long c = 0; c < channels; c += VL) {
			const struct read_coef k = read_coef(mode, in, c, VL);
			vec sum = {0};
#pragma GCC unroll 4
			for (int j = 0; j < 4; j++) {
				const long i = corner + c + j * channels;
				vec y0 = read_at(mode, in, i, k);
				vec y1 = read_at(mode, in, i + row, k);
				vec y2 = read_at(mode, in, i + 2 * row, k);
				vec y3 = read_at(mode, in, i + 3 * row, k);
				transform_gradient(y0, y1, y2, y3, half + j * VL, 4 * VL);
				sum += (y0 + y1) + (y2 + y3);
			}
			if (sums)
				store(sums + c, load(sums + c) + sum);
			float *out = tiles_of(z, t, c);
#pragma GCC unroll 6
			for (int i = 0; i < 6; i++) {
				const float *y = half + i * 4 * VL;
				transform_gradient(load(y), load(y + VL), load(y + 2 * VL), load(y + 3 * VL), out + i * 6 * z.stride, z.stride);
			}
		}
	}
}

// The 4x4 pixels of n tiles from first on: y = At m A, stored as out says; sums[c] and sums[channels+c] take its sums.
INLINE void output_tiles_mode(const int mode, const struct grid *g, const struct sink *out, long channels, long first, long n, struct tiles m, float *sums) {
	float half[24 * VL] __attribute__((aligned(64)));
	const long row = g->w * channels;
	struct tile at = tile_at(g, first);
	for (long t = 0; t < n; t++, next_tile(g, &at)) {
		const long corner = tile_pixel(g, at) * channels;
		for (long c = 0; c < channels; c += VL) {
			struct write_coef k = write_coef(mode, out, c, VL);
			if (mode & SUM) {
				k.sum = load(sums + c);
				k.product = load(sums + channels + c);
			}
			const float *in = tiles_of(m, t, c);
#pragma GCC unroll 6
			for (int j = 0; j < 6; j++) {
				const float *d = in + j * m.stride;
				struct four y = transform_output(load(d), load(d + 6 * m.stride), load(d + 12 * m.stride), load(d + 18 * m.stride), load(d + 24 * m.stride), load(d + 30 * m.stride));
				store(half + j * VL, y.v0);
				store(half + (6 + j) * VL, y.v1);
				store(half + (12 + j) * VL, y.v2);
				store(half + (18 + j) * VL, y.v3);
			}
#pragma GCC unroll 4
			for (int i = 0; i < 4; i++) {
				const float *d = half + i * 6 * VL;
				struct four y = transform_output(load(d), load(d + VL), load(d + 2 * VL), load(d + 3 * VL), load(d + 4 * VL), load(d + 5 * VL));
				const long to = corner + i * row + c;
				write_at(mode, out, to, y.v0, &k);
				write_at(mode, out, to + channels, y.v1, &k);
				write_at(mode, out, to + 2 * channels, y.v2, &k);
				write_at(mode, out, to + 3 * channels, y.v3, &k);
			}
			if (mode & SUM) {
				store(sums + c, k.sum);
				store(sums + channels + c, k.product);
			}
		}
	}
}

// The transforms above once for every mode, so that none is looked at inside them.
#define INPUT_TILES(name, mode) \
	static __attribute__((noinline)) void name(const struct grid *g, const struct source *in, long channels, long first, long n, struct tiles v) { \
		input_tiles_mode(mode, g, in, channels, first, n, v); \
	}
INPUT_TILES(input_plain, 0)
INPUT_TILES(input_affine, AFFINE)
INPUT_TILES(input_relu, AFFINE | RELU)
INPUT_TILES(input_grad, GRAD)
INPUT_TILES(input_add, ADD)
INPUT_TILES(input_grad_add, GRAD | ADD)

static void input_tiles(const struct grid *g, const struct source *in, long channels, long first, long n, struct tiles v) {
	switch (in->mode) {
	case 0: input_plain(g, in, channels, first, n, v); break;
	case AFFINE: input_affine(g, in, channels, first, n, v); break;
	case AFFINE | RELU: input_relu(g, in, channels, first, n, v); break;
	case GRAD: input_grad(g, in, channels, first, n, v); break;
	case ADD: input_add(g, in, channels, first, n, v); break;
	default: input_grad_add(g, in, channels, first, n, v);
	}
}

#define GRADIENT_TILES(name, mode) \
	static __attribute__((noinline)) void name(const struct grid *g, const struct source *in, long channels, long first, long n, struct tiles z, float *sums) { \
		gradient_tiles_mode(mode, g, in, channels, first, n, z, sums); \
	}
GRADIENT_TILES(gradient_plain, 0)
GRADIENT_TILES(gradient_grad, GRAD)
GRADIENT_TILES(gradient_add, ADD)
GRADIENT_TILES(gradient_grad_add, GRAD | ADD)
GRADIENT_TILES(gradient_plain_join, JOIN)
GRADIENT_TILES(gradient_grad_join, GRAD | JOIN)
GRADIENT_TILES(gradient_add_join, ADD | JOIN)
GRADIENT_TILES(gradient_grad_add_join, GRAD | ADD | JOIN)

static void gradient_tiles(const struct grid *g, const struct source *in, long channels, long first, long n, struct tiles z, float *sums) {
	switch (in->mode) {
	case 0: gradient_plain(g, in, channels, first, n, z, sums); break;
	case GRAD: gradient_grad(g, in, channels, first, n, z, sums); break;
	case ADD: gradient_add(g, in, channels, first, n, z, sums); break;
	case GRAD | ADD: gradient_grad_add(g, in, channels, first, n, z, sums); break;
	case JOIN: gradient_plain_join(g, in, channels, first, n, z, sums); break;
	case GRAD | JOIN: gradient_grad_join(g, in, channels, first, n, z, sums); break;
	case ADD | JOIN: gradient_add_join(g, in, channels, first, n, z, sums); break;
	default: gradient_grad_add_join(g, in, channels, first, n, z, sums);
	}
}

#define OUTPUT_TILES(name, mode) \
	static __attribute__((noinline)) void name(const struct grid *g, const struct sink *out, long channels, long first, long n, struct tiles m, float *sums) { \
		output_tiles_mode(mode, g, out, channels, first, n, m, sums); \
	}
OUTPUT_TILES(output_plain, 0)
OUTPUT_TILES(output_residual, RESIDUAL)
OUTPUT_TILES(output_sum, SUM)
OUTPUT_TILES(output_residual_sum, RESIDUAL | SUM)
OUTPUT_TILES(output_mask, THROUGH | MASK)
OUTPUT_TILES(output_through_sum, THROUGH | SUM)
OUTPUT_TILES(output_mask_sum, THROUGH | MASK | SUM)
OUTPUT_TILES(output_any, out->mode)

static void output_tiles(const struct grid *g, const struct sink *out, long channels, long first, long n, struct tiles m, float *sums) {
	switch (out->mode) {
	case 0: output_plain(g, out, channels, first, n, m, sums); break;
	case RESIDUAL: output_residual(g, out, channels, first, n, m, sums); break;
	case SUM: output_sum(g, out, channels, first, n, m, sums); break;
	case RESIDUAL | SUM: output_residual_sum(g, out, channels, first, n, m, sums); break;
	case THROUGH | MASK: output_mask(g, out, channels, first, n, m, sums); break;
	case THROUGH | SUM: output_through_sum(g, out, channels, first, n, m, sums); break;
	case THROUGH | MASK | SUM: output_mask_sum(g, out, channels, first, n, m, sums); break;
	default: output_any(g, out, channels, first, n, m, sums);
	}
}

// m[row][cols*VL] = sum over k of v[k/16][row][k%16] * u[k][cols*VL], for rows < `rows` and k < 16*blocks.
INLINE void product(const int rows, const int cols, const float *v, long block_stride, long blocks, const float *u, float *m) {
	vec acc[rows * cols];
	UNROLL for (int i = 0; i < rows * cols; i++) acc[i] = (vec){0};
	for (long b = 0; b < blocks; b++, v += block_stride) {
		const float *a = v;
#pragma GCC unroll 4
		for (int k = 0; k < BLOCK; k++, a++, u += cols * VL) {
			vec u0 = load(u), u1 = cols > 1 ? load(u + VL) : u0;
			UNROLL for (int r = 0; r < rows; r++) {
				float s = a[r * BLOCK];
				acc[r * cols] += u0 * s;
				if (cols > 1)
					acc[r * cols + 1] += u1 * s;
			}
		}
	}
	UNROLL for (int i = 0; i < rows * cols; i++) store(m + i * VL, acc[i]);
}

// du[row][cols*VL] = (first ? 0 : du) + sum over t < n of v[t][16][row] * z[t][cols*VL], for rows < `rows`.
INLINE void grad_product(const int rows, const int cols, const float *v, const float *z, long n, float *du, int first) {
	vec acc[rows * cols];
	UNROLL for (int i = 0; i < rows * cols; i++) acc[i] = (vec){0};
	UNROLL for (int i = 0; i < rows * cols; i++) __builtin_prefetch(du + i * VL, 1, 3);
#pragma GCC unroll 4
	for (long t = 0; t < n; t++, v += BLOCK, z += cols * VL) {
		vec z0 = load(z), z1 = cols > 1 ? load(z + VL) : z0;
		UNROLL for (int r = 0; r < rows; r++) {
			float s = v[r];
			acc[r * cols] += z0 * s;
			if (cols > 1)
				acc[r * cols + 1] += z1 * s;
		}
	}
	if (first) {
		UNROLL for (int i = 0; i < rows * cols; i++) store(du + i * VL, acc[i]);
	} else {
		UNROLL for (int i = 0; i < rows * cols; i++) store(du + i * VL, load(du + i * VL) + acc[i]);
	}
}

// A convolution, or the gradient of its data, c channels in, o out.
struct wino {
	struct pool *pool;
	struct grid grid;
	long c, o, wide;    // WIDE of the layouts
	const float *w;     // [9,c,o], or [9,o,c] turned around when backward
	int backward;
	struct source in;
	struct sink out;
	long chunk, chunks, pieces;
	float *u;           // [xi][o/wide][c][wide]
	long u_stride;      // of xi
	double *sums;       // [pieces][2*o]
};

static int is_wino(const struct job *job) {
	return job->k == 3 && job->stride == 1 && job->h % TILE == 0 && job->w % TILE == 0 && job->c % BLOCK == 0 && job->o % BLOCK == 0;
}

// The widest block of channels that divides them all.
static long wide_of(long channels) { return channels % (COLS * VL) ? BLOCK : COLS * VL; }

// U for 16 input channels, c to c+16: U = G w Gt.
static void weights_piece(void *context, long piece, int worker) {
	const struct wino *p = context;
	(void)worker;
	float taps[TAPS][BLOCK][BLOCK] __attribute__((aligned(64)));
	float half[18 * VL] __attribute__((aligned(64)));
	const long c0 = piece * BLOCK;
	for (long o = 0; o < p->o; o += BLOCK) {
		for (int k = 0; k < TAPS; k++) {
			if (!p->backward) {
				for (int i = 0; i < BLOCK; i++)
					memcpy(taps[k][i], p->w + (k * p->c + c0 + i) * p->o + o, sizeof taps[k][i]);
				continue;
			}
			const float *w = p->w + ((TAPS - 1 - k) * p->o + o) * p->c + c0;
			for (int j = 0; j < BLOCK; j++)
				for (int i = 0; i < BLOCK; i++)
					taps[k][i][j] = w[j * p->c + i];
		}
		for (int i = 0; i < BLOCK; i++)
			for (int v = 0; v < BLOCK; v += VL) {
#pragma GCC unroll 3
				for (int j = 0; j < 3; j++)
					transform_weights(load(&taps[j][i][v]), load(&taps[3 + j][i][v]), load(&taps[6 + j][i][v]), half + j * VL, 3 * VL);
				float *u = p->u + ((o + v) / p->wide * p->c + c0 + i) * p->wide + (o + v) % p->wide;
#pragma GCC unroll 6
				for (int r = 0; r < 6; r++)
					transform_weights(load(half + r * 3 * VL), load(half + (r * 3 + 1) * VL), load(half + (r * 3 + 2) * VL), u + r * 6 * p->u_stride, p->u_stride);
			}
	}
}

INLINE void chunk_products(const int rows, const int cols, const struct wino *p, long n, struct tiles v, struct tiles m, struct ahead *f) {
	const long blocks = p->c / BLOCK, wides = p->o / (cols * VL);
	const long share = fetch_share(f, XI * wides * ((n + rows - 1) / rows));
	for (long xi = 0; xi < XI; xi++)
		for (long ob = 0; ob < wides; ob++) {
			const float *u = p->u + xi * p->u_stride + ob * p->c * cols * VL;
			for (long t = 0; t < n; t += rows) {
				fetch(f, share);
				product(rows, cols, v.at + xi * v.stride + t * BLOCK, v.pitch * BLOCK, blocks, u, m.at + xi * m.stride + (ob * m.pitch + t) * cols * VL);
			}
		}
}

// The chunks of one piece: transform tiles, multiply, transform back.
static void wino_piece(void *context, long piece, int worker) {
	const struct wino *p = context;
	struct tiles v = tiles_at(NULL, p->chunk, p->c, BLOCK), m = tiles_at(NULL, p->chunk, p->o, p->wide);
	float *scratch = pool_scratch(p->pool, worker, tiles_floats(v) + tiles_floats(m) + 2 * p->o);
	v.at = scratch;
	m.at = v.at + tiles_floats(v);
	float *sums = m.at + tiles_floats(m);
	memset(sums, 0, sizeof(float) * 2 * (size_t)p->o);
	const long pixels = TILE * TILE;
	for (long k = cut_at(p->chunks, p->pieces, piece); k < cut_at(p->chunks, p->pieces, piece + 1); k++) {
		const long first = k * p->chunk, n = at_most(p->chunk, p->grid.tiles - first);
		const long next = first + n, more = at_most(p->chunk, p->grid.tiles - next);
		input_tiles(&p->grid, &p->in, p->c, first, n, v);
		struct ahead f = {.n = 0};
		fetch_sink(&f, &p->out, first * pixels * p->o, n * pixels * p->o);
		fetch_source(&f, &p->in, next * pixels * p->c, more * pixels * p->c);
		if (COLS * VL <= BLOCK || p->wide == COLS * VL)
			chunk_products(ROWS, COLS, p, n, v, m, &f);
		else
			chunk_products(BLOCK, 1, p, n, v, m, &f);
		output_tiles(&p->grid, &p->out, p->o, first, n, m, sums);
		if (p->out.mode & SUM)
			add_up(p->sums + piece * 2 * p->o, sums, 2 * p->o);
	}
}

static void wino_conv(struct pool *pool, struct wino *p) {
	p->pool = pool;
	p->wide = wide_of(p->o);
	p->chunk = at_most(round_up(p->grid.tiles, ROWS), CHUNK(at_least(p->c, p->o)));
	if (p->wide != COLS * VL)
		p->chunk = round_up(p->chunk, BLOCK);
	p->chunks = (p->grid.tiles + p->chunk - 1) / p->chunk;
	p->pieces = at_most(p->chunks, WINO_PIECES);
	p->u_stride = p->c * p->o + BLOCK;
	p->u = pool_shared(pool, WEIGHTS, XI * p->u_stride * (long)sizeof(float));
	if (p->out.mode & SUM)
		p->sums = sum_partials(pool, 2 * p->o, p->pieces);
	pool_run(pool, weights_piece, p, p->c / BLOCK);
	pool_run(pool, wino_piece, p, p->pieces);
	if (p->out.mode & SUM)
		reduce(p->out.sums, p->sums, 2 * p->o, p->pieces);
}

// The gradient of the weights.
struct wino_grad {
	struct pool *pool;
	struct grid grid;
	long c, o, wide;
	struct source in, grad;
	float *dw;
	long chunk, chunks, pieces;
	float *du;           // [pieces][xi][o/wide][c][wide]
	long du_stride;      // of xi
	double *bias;        // [pieces][o], or NULL
	struct tiles v, z;   // of a round
	long first, n;       // tiles of a round
};

// dU += Vt Z for one xi over n tiles.
INLINE void grad_products(const int rows, const int cols, const struct wino_grad *p, long xi, long n, struct tiles v, struct tiles z, float *du, int first, struct ahead *f, long share) {
	for (long ob = 0; ob < p->o / (cols * VL); ob++)
		for (long c = 0; c < p->c; c += BLOCK)
#pragma GCC unroll 1
			for (int r = 0; r < BLOCK; r += rows) {
				fetch(f, share);
				grad_product(rows, cols, v.at + xi * v.stride + c * v.pitch + r, z.at + xi * z.stride + ob * z.pitch * cols * VL, n, du + xi * p->du_stride + (ob * p->c + c + r) * cols * VL, first);
			}
}

static void grad_products_any(const struct wino_grad *p, long xi, long n, struct tiles v, struct tiles z, float *du, int first, struct ahead *f, long share) {
	if (COLS * VL <= BLOCK || p->wide == COLS * VL)
		grad_products(GRAD_ROWS, COLS, p, xi, n, v, z, du, first, f, share);
	else
		grad_products(BLOCK, 1, p, xi, n, v, z, du, first, f, share);
}

// Few channels: every piece has its own dU, and takes its tiles in chunks that stay in the cache.
static void grad_tiles_piece(void *context, long piece, int worker) {
	const struct wino_grad *p = context;
	struct tiles v = tiles_at(NULL, p->chunk, p->c, BLOCK), z = tiles_at(NULL, p->chunk, p->o, p->wide);
	float *scratch = pool_scratch(p->pool, worker, tiles_floats(v) + tiles_floats(z) + p->o);
	v.at = scratch;
	z.at = v.at + tiles_floats(v);
	float *sums = p->bias ? z.at + tiles_floats(z) : NULL;
	if (sums)
		memset(sums, 0, sizeof(float) * (size_t)p->o);
	float *du = p->du + piece * XI * p->du_stride;
	const long pixels = TILE * TILE, begin = cut_at(p->chunks, p->pieces, piece), end = cut_at(p->chunks, p->pieces, piece + 1);
	for (long k = begin; k < end; k++) {
		const long first = k * p->chunk, n = at_most(p->chunk, p->grid.tiles - first);
		const long next = first + n, more = at_most(p->chunk, p->grid.tiles - next);
		input_tiles(&p->grid, &p->in, p->c, first, n, v);
		gradient_tiles(&p->grid, &p->grad, p->o, first, n, z, sums);
		if (sums)
			add_up(p->bias + piece * p->o, sums, p->o);
		struct ahead f = {.n = 0};
		fetch_source(&f, &p->in, next * pixels * p->c, more * pixels * p->c);
		fetch_source(&f, &p->grad, next * pixels * p->o, more * pixels * p->o);
		const long share = fetch_share(&f, XI * (p->o / p->wide) * (p->c / (p->wide == COLS * VL ? GRAD_ROWS : BLOCK)));
		for (long xi = 0; xi < XI; xi++)
			grad_products_any(p, xi, n, v, z, du, k == begin, &f, share);
	}
}

// Many channels: the tiles of a round are transformed first, a few a piece, ...
static void grad_round_piece(void *context, long piece, int worker) {
	const struct wino_grad *p = context;
	const long t = piece * p->chunk, n = at_most(p->chunk, p->n - t);
	struct tiles v = p->v, z = p->z;
	v.at += t * v.block;
	z.at += t * z.block;
	input_tiles(&p->grid, &p->in, p->c, p->first + t, n, v);
	if (!p->bias) {
		gradient_tiles(&p->grid, &p->grad, p->o, p->first + t, n, z, NULL);
		return;
	}
	float *sums = pool_scratch(p->pool, worker, p->o);
	memset(sums, 0, sizeof(float) * (size_t)p->o);
	gradient_tiles(&p->grid, &p->grad, p->o, p->first + t, n, z, sums);
	add_up(p->bias + (p->first / p->chunk + piece) * p->o, sums, p->o);
}

// ... then every xi is a piece, whose dU stays in the cache.
static void grad_xi_piece(void *context, long xi, int worker) {
	const struct wino_grad *p = context;
	(void)worker;
	struct ahead none = {.n = 0};
	for (long t = 0; t < p->n; t += ROUND_STEP) {
		struct tiles v = p->v, z = p->z;
		v.at += t * v.block;
		z.at += t * z.block;
		grad_products_any(p, xi, at_most(ROUND_STEP, p->n - t), v, z, p->du, p->first + t == 0, &none, 0);
	}
}

// dw = Gt dU G, the dU of all pieces added in their order, for 16 input channels.
static void grad_weights_piece(void *context, long piece, int worker) {
	const struct wino_grad *p = context;
	(void)worker;
	float half[18 * VL] __attribute__((aligned(64)));
	for (long ob = 0; ob < p->o / p->wide; ob++)
		for (long c = piece * BLOCK; c < (piece + 1) * BLOCK; c++)
			for (long v = 0; v < p->wide; v += VL) {
				const float *at = p->du + (ob * p->c + c) * p->wide + v;
#pragma GCC unroll 6
				for (int j = 0; j < 6; j++) {
					vec m[6];
					UNROLL for (int i = 0; i < 6; i++) m[i] = load(at + (i * 6 + j) * p->du_stride);
					for (long k = 1; k < p->pieces; k++) {
						const float *d = at + (k * XI + j) * p->du_stride;
						UNROLL for (int i = 0; i < 6; i++) m[i] += load(d + i * 6 * p->du_stride);
					}
					struct three w = transform_back(m[0], m[1], m[2], m[3], m[4], m[5]);
					store(half + j * VL, w.v0);
					store(half + (6 + j) * VL, w.v1);
					store(half + (12 + j) * VL, w.v2);
				}
#pragma GCC unroll 3
				for (int i = 0; i < 3; i++) {
					const float *d = half + i * 6 * VL;
					struct three w = transform_back(load(d), load(d + VL), load(d + 2 * VL), load(d + 3 * VL), load(d + 4 * VL), load(d + 5 * VL));
					float *dw = p->dw + (i * 3 * p->c + c) * p->o + ob * p->wide + v;
					store(dw, w.v0);
					store(dw + p->c * p->o, w.v1);
					store(dw + 2 * p->c * p->o, w.v2);
				}
			}
}

static void wino_grad_weights(struct pool *pool, const struct job *job) {
	struct wino_grad p = {.pool = pool, .grid = grid_of(job), .c = job->c, .o = job->o, .wide = wide_of(job->o), .in = job->in, .grad = job->grad, .dw = job->dw};
	const int by_tiles = p.c * p.o <= MOST_BY_TILES;
	p.chunk = at_most(p.grid.tiles, by_tiles ? 32 : 16);
	p.chunks = (p.grid.tiles + p.chunk - 1) / p.chunk;
	p.pieces = by_tiles ? at_most(p.chunks, at_least(4, at_most(16, 16384 / (p.c * p.o)))) : 1;
	p.du_stride = p.c * p.o + BLOCK;
	p.du = pool_shared(pool, PARTIALS, p.pieces * XI * p.du_stride * (long)sizeof(float));
	const long bias_pieces = by_tiles ? p.pieces : p.chunks;
	if (job->dbias)
		p.bias = sum_partials(pool, p.o, bias_pieces);
	if (by_tiles) {
		pool_run(pool, grad_tiles_piece, &p, p.pieces);
	} else {
		const long round = at_most(p.grid.tiles, at_least(1, ROUND_FLOATS / (XI * (p.c + p.o) * p.chunk)) * p.chunk);
		p.v = tiles_at(NULL, round, p.c, BLOCK);
		p.z = tiles_at(NULL, round, p.o, p.wide);
		p.v.at = pool_shared(pool, TILES, (tiles_floats(p.v) + tiles_floats(p.z)) * (long)sizeof(float));
		p.z.at = p.v.at + tiles_floats(p.v);
		for (p.first = 0; p.first < p.grid.tiles; p.first += round) {
			p.n = at_most(round, p.grid.tiles - p.first);
			pool_run(pool, grad_round_piece, &p, (p.n + p.chunk - 1) / p.chunk);
			pool_run(pool, grad_xi_piece, &p, XI);
		}
	}
	pool_run(pool, grad_weights_piece, &p, p.c / BLOCK);
	if (job->dbias)
		reduce_floats(job->dbias, p.bias, p.o, bias_pieces);
}
