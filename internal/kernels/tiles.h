// Tiles of images, transformed, and the products of matrices that they go through; for winograd.h.

enum { TAPS = 9 };

// The tiles of all images, in their order.
struct grid {
	long n, h, w;    // pixels
	long high, wide; // tiles of an image
	long tiles;
};

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

// The widest block of channels that divides them all.
static long wide_of(long channels) { return channels % (COLS * VL) ? BLOCK : COLS * VL; }

// m[row][cols*VL] = sum over k of v[k/16][row][k%16] * u[k][cols*VL], for rows < `rows` and k < 16*blocks.
INLINE void product(const int rows, const int cols, const float *v, long block_stride, long blocks, const float *u, float *m) {
	vec acc[ROWS * COLS];
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
	vec acc[ROWS * COLS];
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
