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

// How transformed tiles are stored: as they are, or rounded to pairs of bf16, each in the place of a float. A pair is of two
// neighbouring channels (for products of V with U, whose pairs are of the same two channels) or of two neighbouring tiles (for those
// of V with Z).
enum form { WHOLE, CHANNEL_PAIRS, TILE_PAIRS };

// Transformed tiles: element xi of tile t and channel c lies at at[xi*stride + (c/block*pitch + t)*block + c%block], where
// t or c counts pairs if that is what their form says.
struct tiles {
	float *at;
	long stride, pitch, block;
	enum form form;
};

// An xi's elements are followed by a cache line of nothing, or all would fall into the same sets of the cache.
static struct tiles tiles_at(float *at, long pitch, long channels, long block) {
	return (struct tiles){at, pitch * channels + BLOCK, pitch, block, WHOLE};
}

INLINE float *tiles_of(struct tiles v, long t, long c) {
	if (v.form == CHANNEL_PAIRS)
		c /= 2;
	else if (v.form == TILE_PAIRS)
		t /= 2;
	return v.at + (c / v.block * v.pitch + t) * v.block + c % v.block;
}

// Stores VL numbers of tile t.
INLINE void put(const enum form form, float *p, vec v, long t) {
	if (form == WHOLE)
		store(p, v);
	else if (form == CHANNEL_PAIRS)
		ROUND_TO_HALF(p, v);
	else
		PUT_HALF(p, v, t % 2);
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

// How many channels or tiles one number has, and how many numbers n of them are.
INLINE long per(const int products) { return products == BF16 ? 2 : 1; }
INLINE long numbers_of(const int products, long n) { return (n + per(products) - 1) / per(products); }

// So many tiles, as they are or in pairs if that is what products are of; at NULL.
static struct tiles channel_pairs(const int products, long tiles, long channels) {
	struct tiles v = tiles_at(NULL, tiles, channels / per(products), BLOCK / per(products));
	v.form = products == BF16 ? CHANNEL_PAIRS : WHOLE;
	return v;
}

static struct tiles tile_pairs(const int products, long tiles, long channels, long block) {
	struct tiles v = tiles_at(NULL, numbers_of(products, tiles), channels, block);
	v.form = products == BF16 ? TILE_PAIRS : WHOLE;
	return v;
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

// The same for TILE_ROWS rows of one vector and one block, whose u are in registers.
INLINE void kept_product(const int products, const float *v, const vec *u, float *m) {
	const int block = BLOCK / per(products), rows = TILE_ROWS;
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
