// Winograd's transforms of tiles: of what a source reads, and into what a sink stores; for winograd.h, which has their names.

// Sides of what one tile is made of, and of what is made of it.
INLINE int WINO(side_in)(const int backward) { return STRIDE == 2 && backward ? TILE + 1 : SIDE; }
INLINE int WINO(side_out)(const int backward) { return STRIDE == 2 && backward ? 2 * TILE : TILE; }

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
