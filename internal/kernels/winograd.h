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

// ROWS_UNROLLED is before loops over the rows of a tile: unrolled, but for nine, which would be too much code.
#undef ROWS_UNROLLED
#undef P
#undef Q
#if STRIDE == 2
#define ROWS_UNROLLED _Pragma("GCC unroll 1")
#define P .375f
#define Q 1.375f
#define HP (1 / (2 * P * (P2 - Q2)))
#define HQ (1 / (2 * Q * (Q2 - P2)))

// What F(4,2) makes of five numbers, step by step.
INLINE void WINO(transform_five)(vec d0, vec d1, vec d2, vec d3, vec d4, vec *out) {
	vec odd_p = d3 - Q2 * d1, even_p = P * (d2 - Q2 * d0), odd_q = d3 - P2 * d1, even_q = Q * (d2 - P2 * d0);
	out[0] = odd_p + even_p;
	out[1] = odd_p - even_p;
	out[2] = odd_q + even_q;
	out[3] = odd_q - even_q;
	out[4] = d4 - (P2 + Q2) * d2 + (P2 * Q2) * d0;
}

// The four numbers that it makes of five products.
INLINE void WINO(transform_four)(const vec *m, vec *y) {
	vec sum_p = m[0] + m[1], diff_p = m[0] - m[1], sum_q = m[2] + m[3], diff_q = m[2] - m[3];
	y[0] = sum_p + sum_q;
	y[1] = P * diff_p + Q * diff_q;
	y[2] = P2 * sum_p + Q2 * sum_q;
	y[3] = m[4] + (P2 * P) * diff_p + (Q2 * Q) * diff_q;
}

// out = Bt d
INLINE void WINO(transform_input)(const int backward, const vec *d, vec *out) {
	if (backward) {
		WINO(transform_five)(d[0], d[1], d[2], d[3], d[4], out);
		UNROLL for (int i = 0; i < TILE; i++) out[TILE + 1 + i] = d[i];
		return;
	}
	WINO(transform_five)(d[0], d[2], d[4], d[6], d[8], out);
	UNROLL for (int i = 0; i < TILE; i++) out[TILE + 1 + i] = d[2 * i + 1];
}

// out = A y
INLINE void WINO(transform_gradient)(const vec *y, vec *out) {
	vec even_p = y[0] + P2 * y[2], odd_p = P * (y[1] + P2 * y[3]);
	vec even_q = y[0] + Q2 * y[2], odd_q = Q * (y[1] + Q2 * y[3]);
	out[0] = even_p + odd_p;
	out[1] = even_p - odd_p;
	out[2] = even_q + odd_q;
	out[3] = even_q - odd_q;
	out[4] = y[3];
	UNROLL for (int i = 0; i < TILE; i++) out[TILE + 1 + i] = y[i];
}

// out = G w
INLINE void WINO(transform_weights)(const vec *w, vec *out) {
	out[0] = (HP * P) * w[2] + HP * w[0];
	out[1] = (HP * P) * w[2] - HP * w[0];
	out[2] = (HQ * Q) * w[2] + HQ * w[0];
	out[3] = (HQ * Q) * w[2] - HQ * w[0];
	out[4] = w[2];
	out[5] = w[1];
}

// y = At m
INLINE void WINO(transform_output)(const int backward, const vec *m, vec *y) {
	vec four[TILE];
	WINO(transform_four)(m, four);
	UNROLL for (int i = 0; i < TILE; i++) {
		if (backward) {
			y[2 * i] = m[TILE + 1 + i];
			y[2 * i + 1] = four[i];
		} else
			y[i] = four[i] + m[TILE + 1 + i];
	}
}

// w = Gt m
INLINE void WINO(transform_back)(const vec *m, vec *w) {
	w[0] = HP * (m[0] - m[1]) + HQ * (m[2] - m[3]);
	w[1] = m[5];
	w[2] = (HP * P) * (m[0] + m[1]) + (HQ * Q) * (m[2] + m[3]) + m[4];
}
#elif TILE == 4
#define ROWS_UNROLLED _Pragma("GCC unroll 6")
#define P .625f
#define Q 1.5f
#define GP (1 / (2 * P2 * (P2 - Q2)))
#define GQ (1 / (2 * Q2 * (Q2 - P2)))
#define G0 (1 / (P2 * Q2))

// out = Bt d
INLINE void WINO(transform_input)(const int backward, const vec *d, vec *out) {
	vec even_p = d[4] - Q2 * d[2], odd_p = P * (d[3] - Q2 * d[1]);
	vec even_q = d[4] - P2 * d[2], odd_q = Q * (d[3] - P2 * d[1]);
	out[0] = d[4] - (P2 + Q2) * d[2] + (P2 * Q2) * d[0];
	out[1] = even_p + odd_p;
	out[2] = even_p - odd_p;
	out[3] = even_q + odd_q;
	out[4] = even_q - odd_q;
	out[5] = d[5] - (P2 + Q2) * d[3] + (P2 * Q2) * d[1];
}

// out = A y
INLINE void WINO(transform_gradient)(const vec *y, vec *out) {
	vec even_p = y[0] + P2 * y[2], odd_p = P * (y[1] + P2 * y[3]);
	vec even_q = y[0] + Q2 * y[2], odd_q = Q * (y[1] + Q2 * y[3]);
	out[0] = y[0];
	out[1] = even_p + odd_p;
	out[2] = even_p - odd_p;
	out[3] = even_q + odd_q;
	out[4] = even_q - odd_q;
	out[5] = y[3];
}

// out = G w
INLINE void WINO(transform_weights)(const vec *w, vec *out) {
	vec even_p = GP * w[0] + (GP * P2) * w[2], odd_p = (GP * P) * w[1];
	vec even_q = GQ * w[0] + (GQ * Q2) * w[2], odd_q = (GQ * Q) * w[1];
	out[0] = G0 * w[0];
	out[1] = even_p + odd_p;
	out[2] = even_p - odd_p;
	out[3] = even_q + odd_q;
	out[4] = even_q - odd_q;
	out[5] = w[2];
}

// y = At m
INLINE void WINO(transform_output)(const int backward, const vec *m, vec *y) {
	vec sum_p = m[1] + m[2], diff_p = m[1] - m[2], sum_q = m[3] + m[4], diff_q = m[3] - m[4];
	y[0] = m[0] + sum_p + sum_q;
	y[1] = P * diff_p + Q * diff_q;
	y[2] = P2 * sum_p + Q2 * sum_q;
	y[3] = m[5] + (P2 * P) * diff_p + (Q2 * Q) * diff_q;
}

// w = Gt m
INLINE void WINO(transform_back)(const vec *m, vec *w) {
	vec sum_p = m[1] + m[2], diff_p = m[1] - m[2], sum_q = m[3] + m[4], diff_q = m[3] - m[4];
	w[0] = G0 * m[0] + GP * sum_p + GQ * sum_q;
	w[1] = (GP * P) * diff_p + (GQ * Q) * diff_q;
	w[2] = (GP * P2) * sum_p + (GQ * Q2) * sum_q + m[5];
}
#else
#define ROWS_UNROLLED _Pragma("GCC unroll 6")
// out = Bt d
INLINE void WINO(transform_input)(const int backward, const vec *d, vec *out) {
	out[0] = d[0] - d[2];
	out[1] = d[1] + d[2];
	out[2] = d[2] - d[1];
	out[3] = d[3] - d[1];
}

// out = A y
INLINE void WINO(transform_gradient)(const vec *y, vec *out) {
	out[0] = y[0];
	out[1] = y[0] + y[1];
	out[2] = y[0] - y[1];
	out[3] = y[1];
}

// out = G w
INLINE void WINO(transform_weights)(const vec *w, vec *out) {
	vec even = .5f * (w[0] + w[2]), odd = .5f * w[1];
	out[0] = w[0];
	out[1] = even + odd;
	out[2] = even - odd;
	out[3] = w[2];
}

// y = At m
INLINE void WINO(transform_output)(const int backward, const vec *m, vec *y) {
	y[0] = m[0] + (m[1] + m[2]);
	y[1] = (m[1] - m[2]) + m[3];
}

// w = Gt m
INLINE void WINO(transform_back)(const vec *m, vec *w) {
	vec even = .5f * (m[1] + m[2]), odd = .5f * (m[1] - m[2]);
	w[0] = m[0] + even;
	w[1] = odd;
	w[2] = even + m[3];
}
#endif

// Sides of what one tile is made of, and of what is made of it.
INLINE int WINO(side_in)(const int backward) { return STRIDE == 2 && backward ? TILE + 1 : SIDE; }
INLINE int WINO(side_out)(const int backward) { return STRIDE == 2 && backward ? 2 * TILE : TILE; }

// The element of transformed weights that meets element xi of a tile.
INLINE long WINO(u_of)(long xi) {
	if (STRIDE == 1)
		return xi;
	return at_most(xi / SIDE, U_SIDE - 1) * U_SIDE + at_most(xi % SIDE, U_SIDE - 1);
}

// Whether xi is the first of the elements that meet the same of the weights.
INLINE int WINO(is_first)(long xi) { return STRIDE == 1 || (xi / SIDE < U_SIDE && xi % SIDE < U_SIDE); }

static long WINO(tiles_floats)(struct tiles v) { return XI * v.stride; }

// The second half of Bt x B, whose first half are SIDE rows, and where its elements go, of tile t.
INLINE void WINO(input_rows)(const enum form form, const int backward, const float *half, float *out, long stride, long t) {
	const int side = WINO(side_in)(backward);
	ROWS_UNROLLED for (int i = 0; i < SIDE; i++, out += SIDE * stride) {
		vec d[SIDE], made[SIDE];
		FORGET(out);
		UNROLL for (int j = 0; j < side; j++) d[j] = load(half + (i * side + j) * VL);
		WINO(transform_input)(backward, d, made);
		UNROLL for (int j = 0; j < SIDE; j++) put(form, out + j * stride, made[j], t);
	}
}

// V = Bt x B for the pixels of and around n tiles from first on.
INLINE void WINO(input_tiles_mode)(const int mode, const int backward, const struct grid *g, const struct source *in, long channels, long first, long n, struct tiles v) {
	float half[XI * VL] __attribute__((aligned(64)));
	const int side = WINO(side_in)(backward), before = STRIDE == 1 || !backward, after = STRIDE == 1 || backward;
	const vec zero = {0};
	const long row = g->w * channels;
	struct tile at = tile_at(g, first);
	for (long t = 0; t < n; t++, next_tile(g, &at)) {
		const long corner = tile_pixel(g, at) * channels - before * (row + channels);
		const int top = before && at.row == 0, bottom = after && at.row == g->high - 1;
		const int left = before && at.col == 0, right = after && at.col == g->wide - 1;
		for (long c = 0; c < channels; c += VL) {
			const struct read_coef k = read_coef(mode, in, c, VL);
			ROWS_UNROLLED for (int j = 0; j < side; j++) {
				float *out = half + j * VL;
				if ((j == 0 && left) || (j == side - 1 && right)) {
					UNROLL for (int i = 0; i < SIDE; i++) store(out + i * side * VL, zero);
					continue;
				}
				long from = corner + c + j * channels;
				FORGET(from);
				vec d[SIDE];
				d[0] = top ? zero : read_at(mode, in, from, k);
				UNROLL for (int i = 1; i < side - 1; i++) d[i] = read_at(mode, in, from + i * row, k);
				d[side - 1] = bottom ? zero : read_at(mode, in, from + (side - 1) * row, k);
				vec made[SIDE];
				WINO(transform_input)(backward, d, made);
				UNROLL for (int i = 0; i < SIDE; i++) store(out + i * side * VL, made[i]);
			}
			float *out = tiles_of(v, t, c);
			if (!HAS_BF16 || v.form == WHOLE)
				WINO(input_rows)(WHOLE, backward, half, out, v.stride, t);
			else if (v.form == CHANNEL_PAIRS)
				WINO(input_rows)(CHANNEL_PAIRS, backward, half, out, v.stride, t);
			else
				WINO(input_rows)(TILE_PAIRS, backward, half, out, v.stride, t);
		}
	}
}

// The same for A y At, whose first half are SIDE rows of TILE.
INLINE void WINO(gradient_rows)(const enum form form, const float *half, float *out, long stride, long t) {
	ROWS_UNROLLED for (int i = 0; i < SIDE; i++, out += SIDE * stride) {
		vec y[TILE], made[SIDE];
		FORGET(out);
		UNROLL for (int j = 0; j < TILE; j++) y[j] = load(half + (i * TILE + j) * VL);
		WINO(transform_gradient)(y, made);
		UNROLL for (int j = 0; j < SIDE; j++) put(form, out + j * stride, made[j], t);
	}
}

// Z = A y At for the TILE x TILE pixels of n tiles from first on; sums[c] += y over all pixels, unless it is NULL.
INLINE void WINO(gradient_tiles_mode)(const int mode, const struct grid *g, const struct source *in, long channels, long first, long n, struct tiles z, float *sums) {
	float half[SIDE * TILE * VL] __attribute__((aligned(64)));
	const long row = g->w * channels;
	struct tile at = tile_at(g, first);
	for (long t = 0; t < n; t++, next_tile(g, &at)) {
		const long corner = tile_pixel(g, at) * channels;
		for (long c = 0; c < channels; c += VL) {
			const struct read_coef k = read_coef(mode, in, c, VL);
			vec sum = {0};
			ROWS_UNROLLED for (int j = 0; j < TILE; j++) {
				long from = corner + c + j * channels;
				FORGET(from);
				vec y[TILE];
				UNROLL for (int i = 0; i < TILE; i++) y[i] = read_at(mode, in, from + i * row, k);
				vec made[SIDE];
				WINO(transform_gradient)(y, made);
				UNROLL for (int i = 0; i < SIDE; i++) store(half + (i * TILE + j) * VL, made[i]);
				sum += TILE == 4 ? (y[0] + y[1]) + (y[2] + y[TILE - 1]) : y[0] + y[1];
			}
			if (sums)
				store(sums + c, load(sums + c) + sum);
			float *out = tiles_of(z, t, c);
			if (!HAS_BF16 || z.form == WHOLE)
				WINO(gradient_rows)(WHOLE, half, out, z.stride, t);
			else
				WINO(gradient_rows)(TILE_PAIRS, half, out, z.stride, t);
		}
	}
}

// The pixels of n tiles from first on and of `count` channels from `from` on: y = At m A, stored as out says; sums[c] and
// sums[count+c] take the sums of the c-th of them.
INLINE void WINO(output_tiles_mode)(const int mode, const int backward, const struct grid *g, const struct sink *out, long channels, long from, long count, long first, long n, struct tiles m, float *sums) {
	float half[SIDE * STRIDE * TILE * VL] __attribute__((aligned(64)));
	const int side = WINO(side_out)(backward);
	const long row = g->w * channels;
	struct tile tile = tile_at(g, first);
	for (long t = 0; t < n; t++, next_tile(g, &tile)) {
		const long corner = tile_pixel(g, tile) * channels + from;
		for (long c = 0; c < count; c += VL) {
			struct write_coef k = write_coef(mode, out, from + c, VL);
			if (mode & SUM) {
				k.sum = load(sums + c);
				k.product = load(sums + count + c);
			}
			const float *in = tiles_of(m, t, c);
			ROWS_UNROLLED for (int j = 0; j < SIDE; j++, in += m.stride) {
				vec d[SIDE], y[STRIDE * TILE];
				FORGET(in);
				UNROLL for (int i = 0; i < SIDE; i++) d[i] = load(in + i * SIDE * m.stride);
				WINO(transform_output)(backward, d, y);
				UNROLL for (int i = 0; i < side; i++) store(half + (i * SIDE + j) * VL, y[i]);
			}
			ROWS_UNROLLED for (int i = 0; i < side; i++) {
				vec d[SIDE], y[STRIDE * TILE];
				UNROLL for (int j = 0; j < SIDE; j++) d[j] = load(half + (i * SIDE + j) * VL);
				WINO(transform_output)(backward, d, y);
				long at = corner + i * row + c;
				FORGET(at);
				UNROLL for (int j = 0; j < side; j++) write_at(mode, out, at + j * channels, y[j], &k);
			}
			if (mode & SUM) {
				store(sums + c, k.sum);
				store(sums + count + c, k.product);
			}
		}
	}
}

// The transforms above once for every mode, so that none is looked at inside them.
#define INPUT_TILES(name, mode, backward) \
	static __attribute__((noinline)) void name(const struct grid *g, const struct source *in, long channels, long first, long n, struct tiles v) { \
		WINO(input_tiles_mode)(mode, backward, g, in, channels, first, n, v); \
	}
INPUT_TILES(WINO(input_plain), 0, 0)
INPUT_TILES(WINO(input_affine), AFFINE, 0)
INPUT_TILES(WINO(input_relu), AFFINE | RELU, 0)
INPUT_TILES(WINO(input_plain_back), 0, 1)
INPUT_TILES(WINO(input_grad), GRAD, 1)
INPUT_TILES(WINO(input_add), ADD, 1)
INPUT_TILES(WINO(input_grad_add), GRAD | ADD, 1)

static void WINO(input_tiles)(const int backward, const struct grid *g, const struct source *in, long channels, long first, long n, struct tiles v) {
	switch (in->mode) {
	case 0: (backward ? WINO(input_plain_back) : WINO(input_plain))(g, in, channels, first, n, v); break;
	case AFFINE: WINO(input_affine)(g, in, channels, first, n, v); break;
	case AFFINE | RELU: WINO(input_relu)(g, in, channels, first, n, v); break;
	case GRAD: WINO(input_grad)(g, in, channels, first, n, v); break;
	case ADD: WINO(input_add)(g, in, channels, first, n, v); break;
	default: WINO(input_grad_add)(g, in, channels, first, n, v);
	}
}

#define GRADIENT_TILES(name, mode) \
	static __attribute__((noinline)) void name(const struct grid *g, const struct source *in, long channels, long first, long n, struct tiles z, float *sums) { \
		WINO(gradient_tiles_mode)(mode, g, in, channels, first, n, z, sums); \
	}
GRADIENT_TILES(WINO(gradient_plain), 0)
GRADIENT_TILES(WINO(gradient_grad), GRAD)
GRADIENT_TILES(WINO(gradient_add), ADD)
GRADIENT_TILES(WINO(gradient_grad_add), GRAD | ADD)
GRADIENT_TILES(WINO(gradient_plain_join), JOIN)
GRADIENT_TILES(WINO(gradient_grad_join), GRAD | JOIN)
GRADIENT_TILES(WINO(gradient_add_join), ADD | JOIN)
GRADIENT_TILES(WINO(gradient_grad_add_join), GRAD | ADD | JOIN)

static void WINO(gradient_tiles)(const struct grid *g, const struct source *in, long channels, long first, long n, struct tiles z, float *sums) {
	switch (in->mode) {
	case 0: WINO(gradient_plain)(g, in, channels, first, n, z, sums); break;
	case GRAD: WINO(gradient_grad)(g, in, channels, first, n, z, sums); break;
	case ADD: WINO(gradient_add)(g, in, channels, first, n, z, sums); break;
	case GRAD | ADD: WINO(gradient_grad_add)(g, in, channels, first, n, z, sums); break;
	case JOIN: WINO(gradient_plain_join)(g, in, channels, first, n, z, sums); break;
	case GRAD | JOIN: WINO(gradient_grad_join)(g, in, channels, first, n, z, sums); break;
	case ADD | JOIN: WINO(gradient_add_join)(g, in, channels, first, n, z, sums); break;
	default: WINO(gradient_grad_add_join)(g, in, channels, first, n, z, sums);
	}
}

#define OUTPUT_TILES(name, mode, backward) \
	static __attribute__((noinline)) void name(const struct grid *g, const struct sink *out, long channels, long from, long count, long first, long n, struct tiles m, float *sums) { \
		WINO(output_tiles_mode)(mode, backward, g, out, channels, from, count, first, n, m, sums); \
	}
OUTPUT_TILES(WINO(output_plain), 0, 0)
OUTPUT_TILES(WINO(output_residual), RESIDUAL, 0)
OUTPUT_TILES(WINO(output_sum), SUM, 0)
OUTPUT_TILES(WINO(output_residual_sum), RESIDUAL | SUM, 0)
OUTPUT_TILES(WINO(output_norm_relu), NORM_RELU, 0)
OUTPUT_TILES(WINO(output_norm_join_relu), NORM_JOIN_RELU, 0)
OUTPUT_TILES(WINO(output_any), out->mode, 0)
OUTPUT_TILES(WINO(output_plain_back), 0, 1)
OUTPUT_TILES(WINO(output_residual_back), RESIDUAL, 1)
OUTPUT_TILES(WINO(output_mask), THROUGH | MASK, 1)
OUTPUT_TILES(WINO(output_linear_norm), THROUGH | SUM | SCALE, 1)
OUTPUT_TILES(WINO(output_norm), NORM_GRAD, 1)
OUTPUT_TILES(WINO(output_norm_rest), NORM_GRAD | REST, 1)
OUTPUT_TILES(WINO(output_gate_sum), RESIDUAL | GATE | THROUGH | SUM, 1)
OUTPUT_TILES(WINO(output_any_back), out->mode, 1)

typedef void WINO(output_function)(const struct grid *g, const struct sink *out, long channels, long from, long count, long first, long n, struct tiles m, float *sums);

static WINO(output_function) *WINO(output_for)(int mode, int backward) {
	if (backward)
		switch (mode) {
		case 0: return WINO(output_plain_back);
		case RESIDUAL: return WINO(output_residual_back);
		case THROUGH | MASK: return WINO(output_mask);
		case THROUGH | SUM | SCALE: return WINO(output_linear_norm);
		case NORM_GRAD: return WINO(output_norm);
		case NORM_GRAD | REST: return WINO(output_norm_rest);
		case RESIDUAL | GATE | THROUGH | SUM: return WINO(output_gate_sum);
		default: return WINO(output_any_back);
		}
	switch (mode) {
	case 0: return WINO(output_plain);
	case RESIDUAL: return WINO(output_residual);
	case SUM: return WINO(output_sum);
	case RESIDUAL | SUM: return WINO(output_residual_sum);
	case NORM_RELU: return WINO(output_norm_relu);
	case NORM_JOIN_RELU: return WINO(output_norm_join_relu);
	default: return WINO(output_any);
	}
}

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

// The gradient of the weights.
struct WINO(grad) {
	struct pool *pool;
	struct grid in_grid, grad_grid;
	long c, o;
	int products;
	struct source in, grad;
	float *dw;
	long chunk, chunks, pieces;
	struct weights du;   // one for each of the pieces, or for each 16 input channels; at NULL: in the scratch memory of what makes it
	double *bias;        // [pieces][o], or NULL
	struct tiles v, z;   // of a round
	long first, n;       // tiles of a round
};

// dU += Vt Z for one xi and the input channels of dU, v being the first one's, over n tiles, or pairs of tiles.
INLINE void WINO(grad_products)(const int products, const int rows, const int cols, const struct WINO(grad) *p, long xi, long n, struct tiles v, struct tiles z, struct weights du, int first, struct ahead *f, long share) {
	du.at += WINO(u_of)(xi) * du.stride;
	first = first && WINO(is_first)(xi);
	for (long ob = 0; ob < p->o / (cols * VL); ob++)
		for (long c = 0; c < du.depth; c += BLOCK)
#pragma GCC unroll 1
			for (int r = 0; r < BLOCK; r += rows) {
				fetch(f, share);
				grad_product(products, rows, cols, v.at + xi * v.stride + c * v.pitch + r, z.at + xi * z.stride + ob * z.pitch * cols * VL, n, du.at + (ob * du.depth + c + r) * cols * VL, first);
			}
}

static void WINO(grad_products_any)(const struct WINO(grad) *p, long xi, long n, struct tiles v, struct tiles z, struct weights du, int first, struct ahead *f, long share) {
	const int wide = COLS * VL <= BLOCK || du.wide == COLS * VL;
	const int pairs = HAS_BF16 && p->products == BF16;
	if (pairs && wide)
		WINO(grad_products)(BF16, GRAD_ROWS, COLS, p, xi, n, v, z, du, first, f, share);
	else if (pairs)
		WINO(grad_products)(BF16, GRAD_ROWS, 1, p, xi, n, v, z, du, first, f, share);
	else if (wide)
		WINO(grad_products)(FP32, GRAD_ROWS, COLS, p, xi, n, v, z, du, first, f, share);
	else
		WINO(grad_products)(FP32, GRAD_ROWS, 1, p, xi, n, v, z, du, first, f, share);
}

// Few channels: every piece has its own dU, and takes its tiles in chunks that stay in the cache.
static void WINO(grad_tiles_piece)(void *context, long piece, int worker) {
	const struct WINO(grad) *p = context;
	struct tiles v = tile_pairs(p->products, p->chunk, p->c, BLOCK), z = tile_pairs(p->products, p->chunk, p->o, p->du.wide);
	float *scratch = pool_scratch(p->pool, worker, WINO(tiles_floats)(v) + WINO(tiles_floats)(z) + p->o);
	v.at = scratch;
	z.at = v.at + WINO(tiles_floats)(v);
	float *sums = p->bias ? z.at + WINO(tiles_floats)(z) : NULL;
	if (sums)
		memset(sums, 0, sizeof(float) * (size_t)p->o);
	struct weights du = p->du;
	du.at += piece * U_XI * du.stride;
	const long tiles = p->in_grid.tiles, begin = cut_at(p->chunks, p->pieces, piece), end = cut_at(p->chunks, p->pieces, piece + 1);
	for (long k = begin; k < end; k++) {
		const long first = k * p->chunk, n = at_most(p->chunk, tiles - first);
		const long next = first + n, more = at_most(p->chunk, tiles - next);
		WINO(input_tiles)(0, &p->in_grid, &p->in, p->c, first, n, v);
		WINO(gradient_tiles)(&p->grad_grid, &p->grad, p->o, first, n, z, sums);
		if (sums)
			add_up(p->bias + piece * p->o, sums, p->o);
		struct ahead f = {.n = 0};
		const long in_floats = pixels_of(&p->in_grid) * p->c, grad_floats = pixels_of(&p->grad_grid) * p->o;
		fetch_source(&f, &p->in, next * in_floats, more * in_floats);
		fetch_source(&f, &p->grad, next * grad_floats, more * grad_floats);
		const long share = fetch_share(&f, XI * (p->o / p->du.wide) * (p->c / GRAD_ROWS));
		for (long xi = 0; xi < XI; xi++)
			WINO(grad_products_any)(p, xi, numbers_of(p->products, n), v, z, du, k == begin, &f, share);
	}
}

// Many channels: the tiles of a round are transformed first, a few a piece, ...
static void WINO(grad_round_piece)(void *context, long piece, int worker) {
	const struct WINO(grad) *p = context;
	const long t = piece * p->chunk, n = at_most(p->chunk, p->n - t);
	struct tiles v = p->v, z = p->z;
	v.at = tiles_of(v, t, 0);
	z.at = tiles_of(z, t, 0);
	float *sums = p->bias ? pool_scratch(p->pool, worker, p->o) : NULL;
	if (sums)
		memset(sums, 0, sizeof(float) * (size_t)p->o);
	WINO(input_tiles)(0, &p->in_grid, &p->in, p->c, p->first + t, n, v);
	WINO(gradient_tiles)(&p->grad_grid, &p->grad, p->o, p->first + t, n, z, sums);
	if (sums)
		add_up(p->bias + (p->first / p->chunk + piece) * p->o, sums, p->o);
}

// dw = Gt dU G, the dU of all pieces added in their order, for 16 input channels, c to c+16, which are those from `from` on in dU.
static void WINO(weights_back)(const struct WINO(grad) *p, long c, struct weights du, long from) {
	float half[3 * U_SIDE * VL] __attribute__((aligned(64)));
	for (long o = 0; o < p->o; o += du.wide)
		for (long i = 0; i < BLOCK; i++)
			for (long v = 0; v < du.wide; v += VL) {
				const float *at = weights_of(du, from + i, o + v);
				ROWS_UNROLLED for (int j = 0; j < U_SIDE; j++) {
					vec m[U_SIDE], w[3];
					UNROLL for (int r = 0; r < U_SIDE; r++) m[r] = load(at + (r * U_SIDE + j) * du.stride);
					for (long k = 1; k < p->pieces; k++) {
						const float *d = at + (k * U_XI + j) * du.stride;
						UNROLL for (int r = 0; r < U_SIDE; r++) m[r] += load(d + r * U_SIDE * du.stride);
					}
					WINO(transform_back)(m, w);
					UNROLL for (int r = 0; r < 3; r++) store(half + (r * U_SIDE + j) * VL, w[r]);
				}
				ROWS_UNROLLED for (int r = 0; r < 3; r++) {
					vec m[U_SIDE], w[3];
					UNROLL for (int j = 0; j < U_SIDE; j++) m[j] = load(half + (r * U_SIDE + j) * VL);
					WINO(transform_back)(m, w);
					float *dw = p->dw + (r * 3 * p->c + c + i) * p->o + o + v;
					UNROLL for (int j = 0; j < 3; j++) store(dw + j * p->c * p->o, w[j]);
				}
			}
}

// For 16 input channels of a dU of all.
static void WINO(grad_weights_piece)(void *context, long piece, int worker) {
	const struct WINO(grad) *p = context;
	(void)worker;
	const long c = piece * BLOCK;
	WINO(weights_back)(p, c, p->du, c);
}

// ... then a piece takes a few input channels, whose dU stays in the cache.
static void WINO(grad_channels_piece)(void *context, long piece, int worker) {
	const struct WINO(grad) *p = context;
	const long c = piece * BLOCK, numbers = numbers_of(p->products, p->n);
	struct weights du = p->du;
	du.at = du.at ? du.at + piece * U_XI * du.stride : pool_scratch(p->pool, worker, U_XI * du.stride);
	struct ahead none = {.n = 0};
	for (long xi = 0; xi < XI; xi++)
		for (long t = 0; t < numbers; t += ROUND_STEP) {
			struct tiles v = p->v, z = p->z;
			v.at += c * v.pitch + t * v.block;
			z.at += t * z.block;
			WINO(grad_products_any)(p, xi, at_most(ROUND_STEP, numbers - t), v, z, du, p->first + t == 0, &none, 0);
		}
	if (p->first + p->n == p->in_grid.tiles)
		WINO(weights_back)(p, c, du, 0);
}

static void WINO(grad_weights)(struct pool *pool, const struct job *job) {
	struct WINO(grad) p = {.pool = pool, .in_grid = WINO(grid_of_input)(job), .grad_grid = WINO(grid_of_result)(job), .c = job->c, .o = job->o, .in = job->in, .grad = job->grad, .dw = job->dw, .products = job->products};
	const long pieces = at_least(4, at_most(16, 16384 / (p.c * p.o)));
	// All dU together have no more numbers than V and Z, or it takes longer to add them up than to write those.
	const int by_tiles = p.c * p.o <= MOST_BY_TILES && pieces * U_XI * p.c * p.o <= XI * p.in_grid.tiles * (p.c + p.o);
	p.chunk = at_most(p.in_grid.tiles, (by_tiles ? 32 / STRIDE : 16) * (4 / TILE));
	p.chunks = (p.in_grid.tiles + p.chunk - 1) / p.chunk;
	p.pieces = by_tiles ? at_most(p.chunks, pieces) : 1;
	p.du = weights_at(NULL, by_tiles ? p.c : BLOCK, p.o, wide_of(p.o));
	const long bias_pieces = by_tiles ? p.pieces : p.chunks;
	if (job->dbias)
		p.bias = sum_partials(pool, p.o, bias_pieces);
	if (by_tiles) {
		p.du.at = pool_shared(pool, PARTIALS, p.pieces * U_XI * p.du.stride * (long)sizeof(float));
		pool_run(pool, WINO(grad_tiles_piece), &p, p.pieces);
		pool_run(pool, WINO(grad_weights_piece), &p, p.c / BLOCK);
	} else {
		const long round = at_most(p.in_grid.tiles, at_least(1, ROUND_FLOATS / (XI * (p.c + p.o) * p.chunk)) * p.chunk);
		p.v = tile_pairs(p.products, round, p.c, BLOCK);
		p.z = tile_pairs(p.products, round, p.o, p.du.wide);
		p.v.at = pool_shared(pool, TILES, (WINO(tiles_floats)(p.v) + WINO(tiles_floats)(p.z)) * (long)sizeof(float));
		p.z.at = p.v.at + WINO(tiles_floats)(p.v);
		if (round < p.in_grid.tiles)
			p.du.at = pool_shared(pool, PARTIALS, p.c / BLOCK * U_XI * p.du.stride * (long)sizeof(float));
		for (p.first = 0; p.first < p.in_grid.tiles; p.first += round) {
			p.n = at_most(round, p.in_grid.tiles - p.first);
			pool_run(pool, WINO(grad_round_piece), &p, (p.n + p.chunk - 1) / p.chunk);
			pool_run(pool, WINO(grad_channels_piece), &p, p.c / BLOCK);
		}
	}
	if (job->dbias)
		reduce_floats(job->dbias, p.bias, p.o, bias_pieces);
}
