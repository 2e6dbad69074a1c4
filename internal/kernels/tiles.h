// Tiles of images, transformed, and the products of matrices that they go through; for winograd.h.

enum { TAPS = 9 };

// The tiles of all images, in their order.
struct grid {
	long n, h, w;    // pixels
	long side;       // of a tile, in pixels
	long high, wide; // tiles of an image
	long tiles;
};

static struct grid grid_of(long n, long h, long w, long side) {
	return (struct grid){n, h, w, side, h / side, w / side, n * (h / side) * (w / side)};
}

INLINE long pixels_of(const struct grid *g) { return g->side * g->side; }

struct tile {
	long image, row, col;
};

INLINE struct tile tile_at(const struct grid *g, long i) {
	long in_image = i % (g->high * g->wide);
	return (struct tile){i / (g->high * g->wide), in_image / g->wide, in_image % g->wide};
}

// The pixel at a tile's upper left.
INLINE long tile_pixel(const struct grid *g, struct tile t) {
	return (t.image * g->h + t.row * g->side) * g->w + t.col * g->side;
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

// Tiles cut into chunks of so many at most, each half of them on its own: so two threads have as many products to make, which go by
// so many rows.
struct cut {
	long tiles, half, chunk, of_half, chunks;
};

static struct cut cut_tiles(long tiles, long chunk, long rows) {
	const long half = at_most(tiles, round_up((tiles + 1) / 2, rows)), of_half = (half + chunk - 1) / chunk;
	return (struct cut){tiles, half, chunk, of_half, of_half + (tiles - half + chunk - 1) / chunk};
}

// The first tile of chunk k, which ends where the next one begins.
INLINE long chunk_at(const struct cut *c, long k) {
	return k < c->of_half ? k * c->chunk : at_most(c->tiles, c->half + (k - c->of_half) * c->chunk);
}

// Transformed tiles: element xi of tile t and channel c lies at at[xi*stride + (c/block*pitch + t)*block + c%block].
struct tiles {
	float *at;
	long stride, pitch, block;
};

// An xi's elements are followed by a cache line of nothing, or all would fall into the same sets of the cache.
static struct tiles tiles_at(float *at, long pitch, long channels, long block) {
	return (struct tiles){at, pitch * channels + BLOCK, pitch, block};
}

INLINE float *tiles_of(struct tiles v, long t, long c) {
	return v.at + (c / v.block * v.pitch + t) * v.block + c % v.block;
}

// Transformed weights, or their gradients: element xi of input channel c and output o lies at
// at[xi*stride + (o/wide*depth + c)*wide + o%wide]. With pairs, which gradients never are, depth and c count those.
struct weights {
	float *at;
	long stride, depth, outputs, wide;
};

static struct weights weights_at(float *at, long depth, long outputs, long wide) {
	return (struct weights){at, depth * outputs + BLOCK, depth, outputs, wide};
}

INLINE float *weights_of(struct weights u, long c, long o) {
	return u.at + (o / u.wide * u.depth + c) * u.wide + o % u.wide;
}

// Pairs of bf16. One number of a struct tiles is a pair then, of two channels (for products of V with U, whose pairs are of the
// same two channels) or of two tiles (for those of V with Z).
enum { FEW_TILES = 2 }; // that are transformed, and rounded while they are near; even

// How many channels or tiles one number has, and how many numbers n of them are.
INLINE long per(const int products) { return products == BF16 ? 2 : 1; }
INLINE long numbers_of(const int products, long n) { return (n + per(products) - 1) / per(products); }

// Room for the few tiles, if they are needed.
static struct tiles few_tiles(const int products, long channels, long block) {
	return tiles_at(NULL, products == BF16 ? FEW_TILES : 0, channels, block);
}

// Rounds n transformed tiles to pairs of neighbouring channels, tiles t to t+n of `to`.
static void pair_channels(long xis, struct tiles from, long channels, long n, struct tiles to, long t) {
	for (long xi = 0; xi < xis; xi++)
		for (long c = 0; c < channels; c += BLOCK) {
			const float *f = from.at + xi * from.stride + c * from.pitch;
			float *p = to.at + xi * to.stride + c / 2 * to.pitch + t * (BLOCK / 2);
			for (long i = 0; i < n; i++)
				ROUND_TO_HALF(p + i * (BLOCK / 2), load(f + i * BLOCK));
		}
}

// Rounds n transformed tiles to pairs of neighbouring tiles, from pair t/2 on; the last is alone, beside zeros, if n is odd.
static void pair_tiles(long xis, struct tiles from, long channels, long n, struct tiles to, long t) {
	const long block = from.block;
	for (long xi = 0; xi < xis; xi++)
		for (long c = 0; c < channels; c += block) {
			const float *f = from.at + xi * from.stride + c * from.pitch;
			float *p = to.at + xi * to.stride + c * to.pitch + t / 2 * block;
			for (long i = 0; i < n; i += 2, f += 2 * block, p += block)
				for (long j = 0; j < block; j += VL)
					store(p + j, PAIR(load(f + j), i + 1 < n ? load(f + block + j) : (vec){0}));
		}
}

// Rounds one row of transformed weights, a channel's, into its half of the pairs.
INLINE void pair_weights(float *to, vec v, int second) {
	store(to, second ? (vec)((ivec)load(to) | (ivec)PAIR((vec){0}, v)) : PAIR(v, (vec){0}));
}

// acc + u*s, or the same of pairs.
INLINE vec mac(const int products, vec acc, vec u, float s) {
	return products == BF16 ? DOT(acc, u, s) : acc + u * s;
}

// The widest block of channels that divides them all.
static long wide_of(long channels) { return channels % (COLS * VL) ? BLOCK : COLS * VL; }

// m[row][cols*VL] = sum over k of v[k/16][row][k%16] * u[k][cols*VL], for rows < `rows` and k < 16*blocks. With pairs, k
// counts them, and 8 are in a block.
INLINE void product(const int products, const int rows, const int cols, const float *v, long block_stride, long blocks, const float *u, float *m) {
	const int block = BLOCK / per(products);
	vec acc[TILE_ROWS * COLS];
	UNROLL for (int i = 0; i < rows * cols; i++) acc[i] = (vec){0};
	for (long b = 0; b < blocks; b++, v += block_stride) {
		const float *a = v;
#pragma GCC unroll 4
		for (int k = 0; k < block; k++, a++, u += cols * VL) {
			vec u0 = load(u), u1 = cols > 1 ? load(u + VL) : u0;
			UNROLL for (int r = 0; r < rows; r++) {
				float s = a[r * block];
				acc[r * cols] = mac(products, acc[r * cols], u0, s);
				if (cols > 1)
					acc[r * cols + 1] = mac(products, acc[r * cols + 1], u1, s);
			}
		}
	}
	UNROLL for (int i = 0; i < rows * cols; i++) store(m + i * VL, acc[i]);
}

// The same for one vector and one block, whose u are in registers.
INLINE void kept_product(const int products, const int rows, const float *v, const vec *u, float *m) {
	const int block = BLOCK / per(products);
	vec acc[TILE_ROWS];
	UNROLL for (int r = 0; r < rows; r++) acc[r] = (vec){0};
	UNROLL for (int i = 0; i < rows * block; i++) acc[i % rows] = mac(products, acc[i % rows], u[i / rows], v[i % rows * block + i / rows]);
	UNROLL for (int r = 0; r < rows; r++) store(m + r * VL, acc[r]);
}

// du[row][cols*VL] = (first ? 0 : du) + sum over t < n of v[t][16][row] * z[t][cols*VL], for rows < `rows`. With
// pairs, t counts them.
INLINE void grad_product(const int products, const int rows, const int cols, const float *v, const float *z, long n, float *du, int first) {
	vec acc[TILE_ROWS * COLS];
	UNROLL for (int i = 0; i < rows * cols; i++) acc[i] = (vec){0};
	UNROLL for (int i = 0; i < rows * cols; i++) __builtin_prefetch(du + i * VL, 1, 3);
#pragma GCC unroll 4
	for (long t = 0; t < n; t++, v += BLOCK, z += cols * VL) {
		vec z0 = load(z), z1 = cols > 1 ? load(z + VL) : z0;
		UNROLL for (int r = 0; r < rows; r++) {
			float s = v[r];
			acc[r * cols] = mac(products, acc[r * cols], z0, s);
			if (cols > 1)
				acc[r * cols + 1] = mac(products, acc[r * cols + 1], z1, s);
		}
	}
	if (first) {
		UNROLL for (int i = 0; i < rows * cols; i++) store(du + i * VL, acc[i]);
	} else {
		UNROLL for (int i = 0; i < rows * cols; i++) store(du + i * VL, load(du + i * VL) + acc[i]);
	}
}
