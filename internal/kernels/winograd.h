// Convolutions with a 3x3 kernel and channels that 16 divides, by Winograd's F(TILExTILE,3x3) (Winograd 1980; Lavin and Gray 2015).
// Included with TILE 4 and TILE 2, for STRIDE 1, and with TILE 4 for STRIDE 2; TILE divides the result's sides, STRIDE*TILE the
// image's. With STRIDE 1 and TILE 4, a 4x4 tile of the result takes 36 products a channel pair, not 144; TILE 2 takes 16 for 2x2
// pixels, not 36, with smaller errors.
//
//	y = At [ (G w Gt) * (Bt x B) ] A      x: SIDE x SIDE pixels, SIDE = TILE+2, w: 3x3, y: TILE x TILE;
//	                                      * element by element, summed over input channels
//
// with the points 0, +-p, +-q and infinity for TILE 4; p = 5/8, q = 3/2 halve the error of the usual 1 and 2. TILE 2 has 0, +-1
// and infinity.
//
// With STRIDE 2, every other row of x meets rows 0 and 2 of w, and those between them row 1. So Bt takes 9 rows of pixels to 9 others:
// five by F(4,2), with the points +-p, +-q and infinity, for p = 3/8 and q = 11/8, and four as they are; At adds what it makes of the five
// to the four. That is 81 products, not 144, with errors as small as without. The gradient of the data has its own Bt, of 5 rows,
// and At, of 8: a row of x is made by F(4,2), the next one by row 1 of w alone. Of the 9x9 elements of transformed weights 6x6 are
// different.
//
// The element (i,j) of a transformed tile is called xi = SIDE*i + j. For every xi the sum over channels is a product of matrices,
//
//	M[xi][tile][o] = sum over c of V[xi][tile][c] * U[xi][c][o]
//
// done for a chunk of tiles at a time, so that V and M stay in the cache; or, where tiles are few beside the weights, of which U is four
// times as many numbers, for some outputs at a time, so that U and M stay there. Layouts (WIDE = cols*VL channels of the result):
//
//	V[xi][c/16][tile][16]   U[xi][o/WIDE][c][WIDE]   M[xi][o/WIDE][tile][WIDE]
//
// The gradient of the data is the same with w turned around and transposed. The gradient of the weights is
//
//	dw = Gt [ sum over tiles of (Bt x B) * (A dy At) ] G
//
//	dU[xi][c][o] = sum over tiles of V[xi][tile][c] * Z[xi][tile][o],   Z[xi][o/WIDE][tile][WIDE], dU as U
//
// With products of bf16, one number of V, U and Z is a pair; see tiles.h.
//
// WINO(name) is a name of this TILE's own.

#ifndef SIDE
#define SIDE (STRIDE == 2 ? 2 * TILE + 1 : TILE + 2)
#define XI (SIDE * SIDE)
#define U_SIDE (TILE + 2)
#define U_XI (U_SIDE * U_SIDE)
#define P2 (P * P)
#define Q2 (Q * Q)

enum {
	WINO_PIECES = 32,          // of a convolution: each has its own sums, and several chunks to fetch ahead between
	MOST_BY_TILES = 128 * 128, // c*o up to which every piece has its own dU
	ROUND_FLOATS = 5 << 19,    // of V and Z together that are transformed before they are multiplied: 10 MB
	FEW_ROWS = 4,              // of a last product, for the tiles that are left
	FEW_CHUNK = 4,             // tiles of those that are few beside the weights
	ROUND_STEP = 128,          // tiles of those that one product sums over
};
#endif

#include "winograd_points.h"
#include "winograd_tiles.h"

// The element of transformed weights that meets element xi of a tile.
INLINE long WINO(u_of)(long xi) {
	if (STRIDE == 1)
		return xi;
	return at_most(xi / SIDE, U_SIDE - 1) * U_SIDE + at_most(xi % SIDE, U_SIDE - 1);
}

// Whether xi is the first of the elements that meet the same of the weights.
INLINE int WINO(is_first)(long xi) { return STRIDE == 1 || (xi / SIDE < U_SIDE && xi % SIDE < U_SIDE); }

static long WINO(tiles_floats)(struct tiles v) { return XI * v.stride; }

// A convolution, or the gradient of its data, c channels in, o out.
struct WINO(wino) {
	struct pool *pool;
	struct grid in_grid, out_grid;
	long c, o;
	int products;
	const float *w;     // [9,c,o], or [9,o,c] turned around when backward
	int backward;
	struct source in;
	struct sink out;
	struct cut cut;
	long pieces;
	struct weights u;   // of all outputs; where tiles are few, of those of a piece
	float *kept;        // as in struct job
	int made;
	double *sums;       // [pieces][2*o]
	struct tiles v;     // of all tiles, where there are few
};

static int WINO(can)(const struct job *job) {
	const long side = STRIDE * TILE;
	return job->k == 3 && job->stride == STRIDE && job->h % side == 0 && job->w % side == 0 && job->c % BLOCK == 0 && job->o % BLOCK == 0;
}

static struct grid WINO(grid_of_input)(const struct job *job) { return grid_of(job->n, job->h, job->w, STRIDE * TILE); }
static struct grid WINO(grid_of_result)(const struct job *job) { return grid_of(job->n, job->oh, job->ow, TILE); }

// 16 weights of a tap that follow each other, of input channels c to c+16 and outputs o to o+16: the i-th such row. When backward,
// a row is of one output.
INLINE const float *WINO(weights_row)(const struct WINO(wino) *p, int tap, long c, long o, int i) {
	if (p->backward)
		return p->w + ((TAPS - 1 - tap) * p->o + o + i) * p->c + c;
	return p->w + (tap * p->c + c + i) * p->o + o;
}

// G w Gt for input channels c to c+16 and outputs o to o+16, in u from output `at` on. Meanwhile the weights of next_c and next_o come
// from memory, if there are any: they lie in more rows than a processor foresees.
static void WINO(weights_block)(const struct WINO(wino) *p, long c, long o, struct weights u, long at, long next_c, long next_o) {
	float taps[TAPS][BLOCK][BLOCK] __attribute__((aligned(64)));
	float half[3 * U_SIDE * VL] __attribute__((aligned(64)));
	for (int k = 0; k < TAPS; k++)
		for (int i = 0; i < BLOCK; i++) {
			const float *w = WINO(weights_row)(p, k, c, o, i);
			if (!p->backward)
				memcpy(taps[k][i], w, sizeof taps[k][i]);
			else
				for (int j = 0; j < BLOCK; j++)
					taps[k][j][i] = w[j];
		}
	for (int i = 0; i < BLOCK; i++) {
		if (next_c < p->c && next_o < p->o)
			for (int k = 0; k < TAPS; k++)
				__builtin_prefetch(WINO(weights_row)(p, k, next_c, next_o, i));
		for (int v = 0; v < BLOCK; v += VL) {
#pragma GCC unroll 3
			for (int j = 0; j < 3; j++) {
				const vec w[3] = {load(&taps[j][i][v]), load(&taps[3 + j][i][v]), load(&taps[6 + j][i][v])};
				vec made[U_SIDE];
				WINO(transform_weights)(w, made);
				UNROLL for (int r = 0; r < U_SIDE; r++) store(half + (r * 3 + j) * VL, made[r]);
			}
			float *to = weights_of(u, (c + i) / per(p->products), at + v);
			ROWS_UNROLLED for (int r = 0; r < U_SIDE; r++, to += U_SIDE * u.stride) {
				const float *h = half + r * 3 * VL;
				const vec w[3] = {load(h), load(h + VL), load(h + 2 * VL)};
				vec made[U_SIDE];
				FORGET(to);
				WINO(transform_weights)(w, made);
				if (!HAS_BF16 || p->products == FP32) {
					UNROLL for (int j = 0; j < U_SIDE; j++) store(to + j * u.stride, made[j]);
				} else {
					UNROLL for (int j = 0; j < U_SIDE; j++) PUT_HALF(to + j * u.stride, made[j], i % 2);
				}
			}
		}
	}
}

// U for 16 input channels.
static void WINO(weights_piece)(void *context, long piece, int worker) {
	const struct WINO(wino) *p = context;
	(void)worker;
	const long c = piece * BLOCK;
	for (long o = 0; o < p->o; o += BLOCK)
		WINO(weights_block)(p, c, o, p->u, o, c, o + BLOCK);
}

// M for n tiles of 16 channels, and 16 outputs: the weights of an xi stay in registers.
INLINE void WINO(short_products)(const int products, long n, struct tiles v, struct weights u, struct tiles m, struct ahead *f) {
	const int block = BLOCK / per(products);
	const long share = fetch_share(f, XI * ((n + TILE_ROWS - 1) / TILE_ROWS));
	for (long xi = 0; xi < XI; xi++) {
		const float *w = u.at + WINO(u_of)(xi) * u.stride, *from = v.at + xi * v.stride;
		float *to = m.at + xi * m.stride;
		vec kept[BLOCK];
		UNROLL for (int k = 0; k < block; k++) kept[k] = load(w + k * VL);
		for (long t = 0; t < n; t += TILE_ROWS) {
			fetch(f, share);
			kept_product(products, from + t * block, kept, to + t * VL);
		}
	}
}

// M for n tiles and all outputs of u.
INLINE void WINO(chunk_products)(const int products, const int cols, const struct WINO(wino) *p, long n, struct tiles v, struct weights u, struct tiles m, struct ahead *f) {
	const long blocks = p->c / BLOCK, wides = u.outputs / (cols * VL);
	const long share = fetch_share(f, XI * wides * ((n + TILE_ROWS - 1) / TILE_ROWS));
	for (long xi = 0; xi < XI; xi++)
		for (long ob = 0; ob < wides; ob++) {
			const float *w = u.at + WINO(u_of)(xi) * u.stride + ob * u.depth * cols * VL;
			const float *from = v.at + xi * v.stride;
			float *to = m.at + xi * m.stride + ob * m.pitch * cols * VL;
			long t = 0;
			for (; n - t > FEW_ROWS; t += TILE_ROWS) {
				fetch(f, share);
				product(products, TILE_ROWS, cols, from + t * v.block, v.pitch * v.block, blocks, w, to + t * cols * VL);
			}
			if (t < n) {
				fetch(f, share);
				product(products, FEW_ROWS, cols, from + t * v.block, v.pitch * v.block, blocks, w, to + t * cols * VL);
			}
		}
}

static void WINO(chunk_products_any)(const struct WINO(wino) *p, long n, struct tiles v, struct weights u, struct tiles m, struct ahead *f) {
	const int wide = COLS * VL <= BLOCK || u.wide == COLS * VL;
	const int pairs = HAS_BF16 && p->products == BF16;
	if (VL == BLOCK && p->c == BLOCK && u.outputs == BLOCK)
		pairs ? WINO(short_products)(BF16, n, v, u, m, f) : WINO(short_products)(FP32, n, v, u, m, f);
	else if (pairs && wide)
		WINO(chunk_products)(BF16, COLS, p, n, v, u, m, f);
	else if (pairs)
		WINO(chunk_products)(BF16, 1, p, n, v, u, m, f);
	else if (wide)
		WINO(chunk_products)(FP32, COLS, p, n, v, u, m, f);
	else
		WINO(chunk_products)(FP32, 1, p, n, v, u, m, f);
}

// The chunks of one piece: transform tiles, multiply, transform back.
static void WINO(piece)(void *context, long piece, int worker) {
	const struct WINO(wino) *p = context;
	struct tiles v = channel_pairs(p->products, p->cut.chunk, p->c), m = tiles_at(NULL, p->cut.chunk, p->o, p->u.wide);
	float *scratch = pool_scratch(p->pool, worker, WINO(tiles_floats)(v) + WINO(tiles_floats)(m) + 2 * p->o);
	v.at = scratch;
	m.at = v.at + WINO(tiles_floats)(v);
	float *sums = m.at + WINO(tiles_floats)(m);
	memset(sums, 0, sizeof(float) * 2 * (size_t)p->o);
	const long in_pixels = pixels_of(&p->in_grid), out_pixels = pixels_of(&p->out_grid);
	for (long k = cut_at(p->cut.chunks, p->pieces, piece); k < cut_at(p->cut.chunks, p->pieces, piece + 1); k++) {
		const long first = chunk_at(&p->cut, k), next = chunk_at(&p->cut, k + 1), n = next - first, more = chunk_at(&p->cut, k + 2) - next;
		WINO(input_tiles)(p->backward, &p->in_grid, &p->in, p->c, first, n, v);
		struct ahead f = {.n = 0};
		fetch_sink(&f, &p->out, first * out_pixels * p->o, n * out_pixels * p->o);
		fetch_source(&f, &p->in, next * in_pixels * p->c, more * in_pixels * p->c);
		WINO(chunk_products_any)(p, n, v, p->u, m, &f);
		WINO(output_for)(p->out.mode, p->backward)(&p->out_grid, &p->out, p->o, 0, p->o, first, n, m, sums);
		if (p->out.mode & SUM)
			add_up(p->sums + piece * 2 * p->o, sums, 2 * p->o);
	}
}

// Few tiles beside the weights: they are transformed first, ...
static void WINO(tiles_piece)(void *context, long piece, int worker) {
	const struct WINO(wino) *p = context;
	const long first = chunk_at(&p->cut, piece), n = chunk_at(&p->cut, piece + 1) - first;
	struct tiles v = p->v;
	v.at = tiles_of(v, first, 0);
	(void)worker;
	WINO(input_tiles)(p->backward, &p->in_grid, &p->in, p->c, first, n, v);
}

// ... then a piece takes some outputs, whose weights stay in the cache.
static void WINO(outputs_piece)(void *context, long piece, int worker) {
	const struct WINO(wino) *p = context;
	struct weights u = p->u;
	const long outputs = u.outputs, from = piece * outputs, tiles = p->in_grid.tiles;
	struct tiles m = tiles_at(NULL, p->v.pitch, outputs, u.wide);
	u.at = pool_scratch(p->pool, worker, U_XI * u.stride + WINO(tiles_floats)(m) + 2 * outputs);
	m.at = u.at + U_XI * u.stride;
	float *sums = m.at + WINO(tiles_floats)(m);
	memset(sums, 0, sizeof(float) * 2 * (size_t)outputs);
	for (long o = 0; o < outputs; o += BLOCK)
		for (long c = 0; c < p->c; c += BLOCK)
			WINO(weights_block)(p, c, from + o, u, o, c + BLOCK, from + o);
	struct ahead none = {.n = 0};
	WINO(chunk_products_any)(p, tiles, p->v, u, m, &none);
	for (long k = 0; k < p->cut.chunks; k++) {
		const long t = chunk_at(&p->cut, k);
		struct tiles some = m;
		some.at = tiles_of(m, t, 0);
		WINO(output_for)(p->out.mode, p->backward)(&p->out_grid, &p->out, p->o, from, outputs, t, chunk_at(&p->cut, k + 1) - t, some, sums);
		if (p->out.mode & SUM) {
			add_up(p->out.sums + from, sums, outputs);
			add_up(p->out.sums + p->o + from, sums + outputs, outputs);
		}
	}
}

static void WINO(convolve)(struct pool *pool, struct WINO(wino) *p) {
	p->pool = pool;
	const long tiles = p->in_grid.tiles;
	const int few = !p->kept && 2 * tiles <= at_most(p->c, p->o);
	const long wide = wide_of(p->o);
	p->u = weights_at(NULL, p->c / per(p->products), few ? at_least(BLOCK, wide) : p->o, wide);
	p->cut = few ? cut_tiles(tiles, FEW_CHUNK, FEW_CHUNK) : cut_tiles(tiles, at_most(round_up(tiles, TILE_ROWS), CHUNK(at_least(p->c, p->o)) * (4 / TILE)), TILE_ROWS);
	p->pieces = at_most(p->cut.chunks, WINO_PIECES);
	if (few) {
		p->v = channel_pairs(p->products, round_up(tiles, TILE_ROWS), p->c);
		p->v.at = pool_shared(pool, TILES, WINO(tiles_floats)(p->v) * (long)sizeof(float));
		if (p->out.mode & SUM)
			memset(p->out.sums, 0, sizeof(double) * 2 * (size_t)p->o);
		pool_run(pool, WINO(tiles_piece), p, p->cut.chunks);
		pool_run(pool, WINO(outputs_piece), p, p->o / p->u.outputs);
		return;
	}
	p->u.at = p->kept ? p->kept : pool_shared(pool, WEIGHTS, U_XI * p->u.stride * (long)sizeof(float));
	if (p->out.mode & SUM)
		p->sums = sum_partials(pool, 2 * p->o, p->pieces);
	_Static_assert(U_XI <= (int)KEPT_XI && (int)BLOCK == KEPT_PAD, "kept weights have no room");
	if (!p->made)
		pool_run(pool, WINO(weights_piece), p, p->c / BLOCK);
	pool_run(pool, WINO(piece), p, p->pieces);
	if (p->out.mode & SUM)
		reduce(p->out.sums, p->sums, 2 * p->o, p->pieces);
}

static void WINO(conv)(struct pool *pool, const struct job *job) {
	struct WINO(wino) p = {.in_grid = WINO(grid_of_input)(job), .out_grid = WINO(grid_of_result)(job), .c = job->c, .o = job->o, .w = job->weights, .in = job->in, .out = job->out, .products = job->products, .kept = job->kept, .made = job->made};
	WINO(convolve)(pool, &p);
}

static void WINO(conv_grad_data)(struct pool *pool, const struct job *job) {
	struct WINO(wino) p = {.in_grid = WINO(grid_of_result)(job), .out_grid = WINO(grid_of_input)(job), .c = job->o, .o = job->c, .w = job->weights, .backward = 1, .products = job->products, .in = job->grad, .out = job->out};
	WINO(convolve)(pool, &p);
}

#include "winograd_grad.h"
