// Convolutions with a 3x3 kernel and stride 1, channels that 16 divides, as products of bf16 matrices in tile registers (Intel's
// AMX): sixteen times the multiply-adds of a float vector's in a cycle, so that nothing is gained by Winograd's having fewer of
// them, and his transforms would take longer than all the products. Only what is multiplied is rounded; sums are floats.
//
// Work goes by units: a band of rows of one image, or some small images. What a unit reads is packed as bf16, normalised and
// rectified, with zeros around it: [position][channel], where a row has W+1 positions, of which the first is the zero between
// the end of a row and the start of the next. Then every tap of the kernel is the same matrix, a little further on:
//
//	y[q][o] = sum over taps a, b of x[q + a*(W+1) + b][c] * w[a][b][c][o],  q = row*(W+1) + column
//
// and 32 positions, whatever rows they are of, are the rows of one product. Those between two rows (and between two images,
// which share a row of zeros) are made in vain. A product takes 32 numbers of every row at a time, as pairs on the side of w:
//
//	w[o/32][step][o/16%2][c/2%16][o%16][2],  step = tap, c/32
//
// Channels are filled up to a multiple of 32 with zeros. The gradient of the data is the same with w turned around and
// transposed. The gradient of the weights sums over positions, with a zero wherever there is no pixel:
//
//	dw[a][b][c][o] = sum over q of xt[c][q + a*(W+1) + b] * z[q][o],  z[o/32][q/32][o/16%2][q/2%16][o%16][2]

#include "amx.h"

enum {
	SIDE_OF_PRODUCT = 32,                                    // rows and columns of a product: two tiles each
	PRODUCT = SIDE_OF_PRODUCT * SIDE_OF_PRODUCT,             // its numbers
	MATRIX_UNITS = 16,                                       // of a convolution: a multiple of them
	MATRIX_GRAD_PIECES = 4,                                  // of a gradient of weights, or more, if they are small
	SPREAD_FROM = 128,                                       // channels from which positions are not a power of two apart
	NEAR_POSITIONS = 256,                                    // that a gradient of weights sums over while 32 channels of both are near
	MATRIX_GRAD_NUMBERS = 1 << 20,                           // partial gradients of weights, about
};

// How many products so many channels or positions take.
INLINE long blocks_of(long n) { return (n + SIDE_OF_PRODUCT - 1) / SIDE_OF_PRODUCT; }

// How a batch is cut into units, and a unit laid out.
struct units {
	long n, h, w;      // images, and their pixels
	long images, rows; // of a unit: several whole images, or rows of one
	long bands, count; // units of an image, units
	long row;          // positions of a row
	long most;         // positions of a unit that are results, in 32s
};

struct unit {
	long image, images, from, to; // rows from..to of each image
	long positions;
};

// units_of cuts into a multiple of so many units, as far as there are images.
static struct units units_of(const struct job *job, long multiple) {
	struct units u = {.n = job->n, .h = job->h, .w = job->w, .row = job->w + 1};
	u.rows = at_most(u.h, at_least(1, MATRIX_POSITIONS / u.row));
	u.bands = (u.h + u.rows - 1) / u.rows;
	u.images = 1;
	if (u.bands == 1) {
		const long most = at_least(1, MATRIX_POSITIONS / ((u.h + 1) * u.row)), units = round_up((u.n + most - 1) / most, multiple);
		u.images = (u.n + units - 1) / units;
	}
	u.count = (u.n + u.images - 1) / u.images * u.bands;
	u.most = round_up(u.images * (u.rows + 1) * u.row, SIDE_OF_PRODUCT);
	return u;
}

static struct unit unit_at(const struct units *u, long i) {
	struct unit at = {.image = i / u->bands * u->images, .from = i % u->bands * u->rows};
	at.images = at_most(u->images, u->n - at.image);
	at.to = at_most(u->h, at.from + u->rows);
	at.positions = (at.images * (at.to - at.from + 1) - 1) * u->row;
	return at;
}

// The first pixel of a unit, and how many it has.
INLINE long unit_pixel(const struct units *u, const struct unit *at) { return (at->image * u->h + at->from) * u->w; }
INLINE long unit_pixels(const struct units *u, const struct unit *at) { return at->images * (at->to - at->from) * u->w; }

// Numbers from one packed position to the next, and positions that are packed: those of three rows around the last too.
static long matrix_pitch(long channels) {
	const long whole = round_up(channels, SIDE_OF_PRODUCT);
	return whole < SPREAD_FROM ? whole : whole + SIDE_OF_PRODUCT;
}
static long packed_positions(const struct units *u) { return round_up(u->most + 2 * u->row + 2, SIDE_OF_PRODUCT); }

// Packs a unit and a row above and below it, zeros where these are not of the image, or all of them if `alone`; a source that joins
// is read alone. sums[c] += what is read, unless it is NULL.
INLINE void pack_unit_mode(const int mode, const struct units *u, const struct unit *at, const struct source *s, long channels, int alone, uint16_t *to, float *sums) {
	const long pitch = matrix_pitch(channels), rows = at->to - at->from;
	const long low = alone ? at->from : 0, high = alone ? at->to : u->h;
	uint16_t *end = to + packed_positions(u) * pitch;
	for (long i = 0; i < at->images; i++) {
		uint16_t *row = to + i * (rows + 1) * u->row * pitch;
		for (long h = at->from - 1; h <= at->to; h++, row += u->row * pitch) {
			if (h < low || h >= high) {
				memset(row, 0, sizeof *row * (size_t)(u->row * pitch));
				continue;
			}
			memset(row, 0, sizeof *row * (size_t)pitch);
			const long from = ((at->image + i) * u->h + h) * u->w * channels;
			for (long c = 0; c < channels; c += VL) {
				const struct read_coef k = read_coef(mode, s, c, VL);
				vec sum = {0};
				uint16_t *p = row + pitch + c;
				for (long w = 0; w < u->w; w++, p += pitch) {
					const vec v = read_at(mode, s, from + w * channels + c, k);
					ROUND_TO_HALF((float *)(void *)p, v);
					sum += v;
				}
				if (sums)
					store(sums + c, load(sums + c) + sum);
			}
			if (channels % SIDE_OF_PRODUCT)
				for (long w = 1; w <= u->w; w++)
					memset(row + w * pitch + channels, 0, sizeof *row * BLOCK);
		}
	}
	uint16_t *rest = to + (at->images * (rows + 1) + 1) * u->row * pitch;
	memset(rest, 0, (size_t)((char *)end - (char *)rest));
}

#define PACK_UNIT(name, mode) \
	static __attribute__((noinline)) void name(const struct units *u, const struct unit *at, const struct source *s, long channels, int alone, uint16_t *to, float *sums) { \
		pack_unit_mode(mode, u, at, s, channels, alone, to, sums); \
	}
PACK_UNIT(pack_plain, 0)
PACK_UNIT(pack_relu, AFFINE | RELU)
PACK_UNIT(pack_grad, GRAD)
PACK_UNIT(pack_grad_add, GRAD | ADD)
PACK_UNIT(pack_grad_join, GRAD | JOIN)
PACK_UNIT(pack_grad_add_join, GRAD | ADD | JOIN)
PACK_UNIT(pack_any, s->mode)

static void pack_unit(const struct units *u, const struct unit *at, const struct source *s, long channels, int alone, uint16_t *to, float *sums) {
	switch (s->mode) {
	case 0: pack_plain(u, at, s, channels, alone, to, sums); break;
	case AFFINE | RELU: pack_relu(u, at, s, channels, alone, to, sums); break;
	case GRAD: pack_grad(u, at, s, channels, alone, to, sums); break;
	case GRAD | ADD: pack_grad_add(u, at, s, channels, alone, to, sums); break;
	case GRAD | JOIN: pack_grad_join(u, at, s, channels, alone, to, sums); break;
	case GRAD | ADD | JOIN: pack_grad_add_join(u, at, s, channels, alone, to, sums); break;
	default: pack_any(u, at, s, channels, alone, to, sums);
	}
}

// Exchanges rows and columns of 16 x 16 numbers: those of every square of 2s x 2s that are off its diagonal, for s = 1, 2, 4, 8.
INLINE void transpose_step(uvec *m, const int s) {
	uvec first, second;
	UNROLL for (int i = 0; i < VL; i++) {
		first[i] = (unsigned)(i & s ? i - s + VL : i);
		second[i] = (unsigned)(i & s ? i + VL : i + s);
	}
	UNROLL for (int i = 0; i < VL; i++) {
		if (i & s)
			continue;
		const uvec a = m[i], b = m[i + s];
		m[i] = __builtin_shuffle(a, b, first);
		m[i + s] = __builtin_shuffle(a, b, second);
	}
}

INLINE void transpose(uvec *m) {
	transpose_step(m, 1);
	transpose_step(m, 2);
	transpose_step(m, 4);
	transpose_step(m, 8);
}

// Pairs of two rows of 16 bf16.
INLINE uvec interleave(const uint16_t *a, const uint16_t *b) {
	typedef uint16_t half_vec __attribute__((vector_size(VL * 2), aligned(2), may_alias));
	return __builtin_convertvector(*(const half_vec *)a, uvec) | __builtin_convertvector(*(const half_vec *)b, uvec) << 16;
}

INLINE void store_pairs(uint16_t *p, uvec v) {
	typedef uint32_t pairs __attribute__((vector_size(VL * 4), aligned(2), may_alias));
	*(pairs *)(void *)p = v;
}

// A convolution, or the gradient of its data, c channels in, o out.
struct matrix {
	struct pool *pool;
	struct units units;
	long c, o, steps; // steps of a product: taps times c/32
	const float *w;   // [9,c,o], or [9,o,c] turned around when backward
	int backward;
	struct source in;
	struct sink out;
	long pieces;
	uint16_t *packed; // w
	double *sums;     // [pieces][2*o]
};

static int can_matrix(const struct job *job) {
	return job->k == 3 && job->stride == 1 && job->c % BLOCK == 0 && job->o % BLOCK == 0;
}

// Packs the weights to 32 channels of the result.
static void matrix_weights_piece(void *context, long piece, int worker) {
	const struct matrix *p = context;
	(void)worker;
	uint16_t *to = p->packed + piece * p->steps * PRODUCT;
	for (long tap = 0; tap < TAPS; tap++)
		for (long c = 0; c < p->c; c += SIDE_OF_PRODUCT, to += PRODUCT)
			for (long half = 0; half < 2; half++) {
				const long o = piece * SIDE_OF_PRODUCT + half * BLOCK, n = at_most(SIDE_OF_PRODUCT, p->c - c);
				uint16_t *tile = to + half * PRODUCT / 2;
				if (o >= p->o || n < SIDE_OF_PRODUCT)
					memset(tile, 0, sizeof *tile * PRODUCT / 2);
				if (o >= p->o)
					continue;
				if (!p->backward) {
					const float *w = p->w + (tap * p->c + c) * p->o + o;
					for (long i = 0; i < n; i += 2, w += 2 * p->o)
						store_pairs(tile + i * VL, (uvec)PAIR(load(w), load(w + p->o)));
					continue;
				}
				uvec m[VL];
				const float *w = p->w + ((TAPS - 1 - tap) * p->o + o) * p->c + c;
				for (int i = 0; i < VL; i++, w += p->c) {
					float row[VL] __attribute__((aligned(64))) = {0};
					for (long j = 0; j < n; j += VL)
						ROUND_TO_HALF(row + j / 2, load(w + j));
					m[i] = (uvec)load(row);
				}
				transpose(m);
				for (long i = 0; i < n / 2; i++)
					store_pairs(tile + i * 2 * VL, m[i]);
			}
}

// Stores 32 channels, from o on, of the positions from q on.
INLINE void store_product_mode(const int mode, const struct matrix *p, const struct unit *at, long q, long o, const float *m, float *sums) {
	const struct units *u = &p->units;
	const long image_positions = (at->to - at->from + 1) * u->row, end = at_most(q + SIDE_OF_PRODUCT, at->positions);
	for (long v = 0; v < SIDE_OF_PRODUCT && o + v < p->o; v += VL) {
		struct write_coef k = write_coef(mode, &p->out, o + v, VL);
		if (mode & SUM) {
			k.sum = load(sums + o + v);
			k.product = load(sums + p->o + o + v);
		}
		const float *from = m + v;
		for (long i = q; i < end;) {
			const long image = i / image_positions, row = i % image_positions / u->row, col = i % u->row;
			const long stop = at_most(end, i + u->row - col), pixels = at->from + row < at->to ? at_most(stop, i + u->w - col) - i : 0;
			long to = (((at->image + image) * u->h + at->from + row) * u->w + col) * p->o + o + v;
			for (long j = 0; j < pixels; j++, to += p->o)
				write_at(mode, &p->out, to, load(from + j * SIDE_OF_PRODUCT), &k);
			from += (stop - i) * SIDE_OF_PRODUCT;
			i = stop;
		}
		if (mode & SUM) {
			store(sums + o + v, k.sum);
			store(sums + p->o + o + v, k.product);
		}
	}
}

#define STORE_PRODUCT(name, mode) \
	static __attribute__((noinline)) void name(const struct matrix *p, const struct unit *at, long q, long o, const float *m, float *sums) { \
		store_product_mode(mode, p, at, q, o, m, sums); \
	}
STORE_PRODUCT(product_plain, 0)
STORE_PRODUCT(product_residual, RESIDUAL)
STORE_PRODUCT(product_sum, SUM)
STORE_PRODUCT(product_residual_sum, RESIDUAL | SUM)
STORE_PRODUCT(product_norm, NORM_GRAD)
STORE_PRODUCT(product_norm_rest, NORM_GRAD | REST)
STORE_PRODUCT(product_gate_sum, RESIDUAL | GATE | THROUGH | SUM)
STORE_PRODUCT(product_norm_relu, NORM_RELU)
STORE_PRODUCT(product_norm_join_relu, NORM_JOIN_RELU)
STORE_PRODUCT(product_any, p->out.mode)

static void store_product(const struct matrix *p, const struct unit *at, long q, long o, const float *m, float *sums) {
	switch (p->out.mode) {
	case 0: product_plain(p, at, q, o, m, sums); break;
	case RESIDUAL: product_residual(p, at, q, o, m, sums); break;
	case SUM: product_sum(p, at, q, o, m, sums); break;
	case RESIDUAL | SUM: product_residual_sum(p, at, q, o, m, sums); break;
	case NORM_GRAD: product_norm(p, at, q, o, m, sums); break;
	case NORM_GRAD | REST: product_norm_rest(p, at, q, o, m, sums); break;
	case RESIDUAL | GATE | THROUGH | SUM: product_gate_sum(p, at, q, o, m, sums); break;
	case NORM_RELU: product_norm_relu(p, at, q, o, m, sums); break;
	case NORM_JOIN_RELU: product_norm_join_relu(p, at, q, o, m, sums); break;
	default: product_any(p, at, q, o, m, sums);
	}
}

// How a worker makes products of a unit: in x it is packed, at[step] is how far from a position the factors of a step are.
struct multiplier {
	float *m; // a product
	long *at;
	float *sums;
};

// The floats a multiplier needs; all blocks of memory are whole cache lines.
static long multiplier_floats(const struct matrix *p) { return PRODUCT + round_up(2 * p->steps, BLOCK) + 2 * p->o; }

static struct multiplier multiplier_at(const struct matrix *p, float *memory) {
	struct multiplier u = {.m = memory, .at = (long *)(void *)(memory + PRODUCT), .sums = memory + PRODUCT + round_up(2 * p->steps, BLOCK)};
	const long chunks = p->steps / TAPS;
	for (long i = 0; i < p->steps; i++) {
		const long tap = i / chunks;
		u.at[i] = (tap / 3 * p->units.row + tap % 3) * matrix_pitch(p->c) + i % chunks * SIDE_OF_PRODUCT;
	}
	memset(u.sums, 0, sizeof(float) * 2 * (size_t)p->o);
	return u;
}

static long unit_steps(const struct matrix *p, const struct unit *at) { return blocks_of(at->positions) * blocks_of(p->o) * p->steps; }

static void multiply_unit(const struct matrix *p, const struct unit *at, const uint16_t *x, const struct multiplier *u, long piece, struct ahead *f, long share) {
	const long pitch = matrix_pitch(p->c), blocks = blocks_of(p->o);
	for (long q = 0; q < at->positions; q += SIDE_OF_PRODUCT)
		for (long b = 0; b < blocks; b++) {
			matrix_product(x + q * pitch, pitch, u->at, p->steps, p->packed + b * p->steps * PRODUCT, u->m, 1, f, share);
			store_product(p, at, q, b * SIDE_OF_PRODUCT, u->m, u->sums);
		}
	if (p->out.mode & SUM)
		add_up(p->sums + piece * 2 * p->o, u->sums, 2 * p->o);
}

static void matrix_piece(void *context, long piece, int worker) {
	const struct matrix *p = context;
	const struct units *u = &p->units;
	const long floats = multiplier_floats(p);
	float *scratch = pool_scratch(p->pool, worker, floats + packed_positions(u) * matrix_pitch(p->c) / 2);
	const struct multiplier multiplier = multiplier_at(p, scratch);
	uint16_t *x = (uint16_t *)(void *)(scratch + floats);
	const long end = cut_at(u->count, p->pieces, piece + 1);
	MATRICES_BEGIN();
	for (long i = cut_at(u->count, p->pieces, piece); i < end; i++) {
		const struct unit unit = unit_at(u, i);
		pack_unit(u, &unit, &p->in, p->c, 0, x, NULL);
		struct ahead f = {.n = 0};
		fetch_sink(&f, &p->out, unit_pixel(u, &unit) * p->o, unit_pixels(u, &unit) * p->o);
		if (i + 1 < u->count) {
			const struct unit next = unit_at(u, i + 1);
			fetch_source(&f, &p->in, unit_pixel(u, &next) * p->c, unit_pixels(u, &next) * p->c);
		}
		multiply_unit(p, &unit, x, &multiplier, piece, &f, fetch_share(&f, unit_steps(p, &unit)));
	}
	MATRICES_END();
}

// How a convolution is computed; its weights are packed.
static void matrix_plan(struct pool *pool, struct matrix *p) {
	p->pool = pool;
	p->steps = TAPS * blocks_of(p->c);
	p->packed = pool_shared(pool, WEIGHTS, blocks_of(p->o) * p->steps * PRODUCT * (long)sizeof *p->packed);
	pool_run(pool, matrix_weights_piece, p, blocks_of(p->o));
}

static void matrix_convolve(struct pool *pool, struct matrix *p) {
	matrix_plan(pool, p);
	p->pieces = at_most(p->units.count, MOST_PIECES);
	if (p->out.mode & SUM)
		p->sums = sum_partials(pool, 2 * p->o, p->pieces);
	pool_run(pool, matrix_piece, p, p->pieces);
	if (p->out.mode & SUM)
		reduce(p->out.sums, p->sums, 2 * p->o, p->pieces);
}

static void matrix_conv(struct pool *pool, const struct job *job) {
	struct matrix p = {.units = units_of(job, MATRIX_UNITS), .c = job->c, .o = job->o, .w = job->weights, .in = job->in, .out = job->out};
	matrix_convolve(pool, &p);
}

static struct matrix matrix_backward(const struct job *job, struct units units) {
	return (struct matrix){.units = units, .c = job->o, .o = job->c, .w = job->weights, .backward = 1, .in = job->grad, .out = job->out};
}

static void matrix_grad_data(struct pool *pool, const struct job *job) {
	struct matrix p = matrix_backward(job, units_of(job, MATRIX_UNITS));
	matrix_convolve(pool, &p);
}

// The gradient of the weights. Every piece has its own, [c/32][o/32][tap][32][32]. That of the data can be made of the same
// packed gradients, if units are whole images: no row of them is read twice then.
struct matrix_grad {
	struct pool *pool;
	struct units units;
	long c, o;
	struct source in, grad;
	long pieces, size; // size of a partial gradient
	float *partials;
	double *bias; // [pieces][o], or NULL
	float *dw;
	struct matrix *data; // whose gradient is made too, or NULL
};

// xt[c][positions]: rows begin an odd number of cache lines apart.
static long transposed_pitch(const struct units *u) {
	const long n = packed_positions(u);
	return n % (2 * SIDE_OF_PRODUCT) ? n : n + SIDE_OF_PRODUCT;
}

static void transpose_unit(const struct units *u, const uint16_t *x, long channels, uint16_t *to) {
	const long pitch = matrix_pitch(channels), to_pitch = transposed_pitch(u), n = packed_positions(u);
	for (long q = 0; q < n; q += 2 * VL)
		for (long c = 0; c < round_up(channels, SIDE_OF_PRODUCT); c += VL) {
			uvec m[VL];
			const uint16_t *from = x + q * pitch + c;
			UNROLL for (int i = 0; i < VL; i++) m[i] = interleave(from + 2 * i * pitch, from + (2 * i + 1) * pitch);
			transpose(m);
			UNROLL for (int i = 0; i < VL; i++) store_pairs(to + (c + i) * to_pitch + q, m[i]);
		}
}

static void pair_unit(const struct units *u, const uint16_t *x, long channels, uint16_t *to) {
	const long pitch = matrix_pitch(channels);
	for (long o = 0; o < round_up(channels, SIDE_OF_PRODUCT); o += SIDE_OF_PRODUCT)
		for (long q = 0; q < u->most; q += SIDE_OF_PRODUCT)
			for (long half = 0; half < 2; half++) {
				const uint16_t *from = x + q * pitch + o + half * BLOCK;
				for (long i = 0; i < SIDE_OF_PRODUCT; i += 2, from += 2 * pitch, to += SIDE_OF_PRODUCT)
					store_pairs(to, interleave(from, from + pitch));
			}
}

static void matrix_grad_piece(void *context, long piece, int worker) {
	const struct matrix_grad *p = context;
	const struct units *u = &p->units;
	const long whole_c = round_up(p->c, SIDE_OF_PRODUCT), whole_o = round_up(p->o, SIDE_OF_PRODUCT);
	const long x_halves = packed_positions(u) * at_least(matrix_pitch(p->c), matrix_pitch(p->o)), t_halves = whole_c * transposed_pitch(u), z_halves = whole_o * u->most;
	const long floats = p->data ? multiplier_floats(p->data) : 0;
	float *scratch = pool_scratch(p->pool, worker, floats + (x_halves + t_halves + z_halves) / 2 + p->o);
	const struct multiplier multiplier = p->data ? multiplier_at(p->data, scratch) : (struct multiplier){0};
	uint16_t *x = (uint16_t *)(void *)(scratch + floats), *xt = x + x_halves, *z = xt + t_halves;
	float *sums = p->bias ? (float *)(void *)(z + z_halves) : NULL, *partial = p->partials + piece * p->size;
	if (sums)
		memset(sums, 0, sizeof(float) * (size_t)p->o);
	long at[NEAR_POSITIONS / SIDE_OF_PRODUCT];
	for (long i = 0; i < NEAR_POSITIONS / SIDE_OF_PRODUCT; i++)
		at[i] = i * SIDE_OF_PRODUCT;
	const long begin = cut_at(u->count, p->pieces, piece), end = cut_at(u->count, p->pieces, piece + 1);
	MATRICES_BEGIN();
	for (long i = begin; i < end; i++) {
		const struct unit unit = unit_at(u, i);
		pack_unit(u, &unit, &p->in, p->c, 0, x, NULL);
		transpose_unit(u, x, p->c, xt);
		pack_unit(u, &unit, &p->grad, p->o, 1, x, sums);
		pair_unit(u, x + (u->row + 1) * matrix_pitch(p->o), p->o, z);
		if (sums)
			add_up(p->bias + piece * p->o, sums, p->o);
		struct ahead f = {.n = 0};
		if (p->data) {
			struct sink out = p->data->out;
			if (out.through == p->in.x)
				out.mode &= ~THROUGH; // was read just now
			fetch_sink(&f, &out, unit_pixel(u, &unit) * p->c, unit_pixels(u, &unit) * p->c);
		}
		if (i + 1 < u->count) {
			const struct unit next = unit_at(u, i + 1);
			fetch_source(&f, &p->in, unit_pixel(u, &next) * p->c, unit_pixels(u, &next) * p->c);
			fetch_source(&f, &p->grad, unit_pixel(u, &next) * p->o, unit_pixels(u, &next) * p->o);
		}
		const long positions = round_up(unit.positions, SIDE_OF_PRODUCT);
		const long steps = blocks_of(p->c) * blocks_of(p->o) * TAPS * blocks_of(positions);
		const long share = fetch_share(&f, steps + (p->data ? unit_steps(p->data, &unit) : 0));
		float *dw = partial;
		if (p->data)
			multiply_unit(p->data, &unit, x, &multiplier, piece, &f, share);
		for (long c = 0; c < whole_c; c += SIDE_OF_PRODUCT)
			for (long o = 0; o < whole_o; o += SIDE_OF_PRODUCT, dw += TAPS * PRODUCT)
				for (long q = 0; q < positions; q += NEAR_POSITIONS)
					for (long tap = 0; tap < TAPS; tap++)
						matrix_product(xt + c * transposed_pitch(u) + q + tap / 3 * u->row + tap % 3, transposed_pitch(u), at,
							at_most(NEAR_POSITIONS, positions - q) / SIDE_OF_PRODUCT, z + o * u->most + q * SIDE_OF_PRODUCT,
							dw + tap * PRODUCT, i == begin && q == 0, &f, share);
	}
	MATRICES_END();
}

// The sum of the pieces' gradients, in their order, for one tap and 32 channels of the input.
static void matrix_grad_sum_piece(void *context, long piece, int worker) {
	const struct matrix_grad *p = context;
	(void)worker;
	const long tap = piece % TAPS, block = piece / TAPS, blocks = blocks_of(p->o);
	for (long c = block * SIDE_OF_PRODUCT; c < at_most(p->c, (block + 1) * SIDE_OF_PRODUCT); c++)
		for (long o = 0; o < p->o; o += VL) {
			const float *d = p->partials + ((block * blocks + o / SIDE_OF_PRODUCT) * TAPS + tap) * PRODUCT + c % SIDE_OF_PRODUCT * SIDE_OF_PRODUCT + o % SIDE_OF_PRODUCT;
			vec sum = load(d);
			for (long k = 1; k < p->pieces; k++)
				sum += load(d + k * p->size);
			store(p->dw + (tap * p->c + c) * p->o + o, sum);
		}
}

static void matrix_grad(struct pool *pool, const struct job *job, struct units units, struct matrix *data) {
	struct matrix_grad p = {.pool = pool, .units = units, .c = job->c, .o = job->o, .in = job->in, .grad = job->grad, .dw = job->dw, .data = data};
	p.size = blocks_of(p.c) * blocks_of(p.o) * TAPS * PRODUCT;
	p.pieces = at_most(p.units.count, at_least(MATRIX_GRAD_PIECES, at_most(32, MATRIX_GRAD_NUMBERS / p.size)));
	p.partials = pool_shared(pool, PARTIALS, p.pieces * p.size * (long)sizeof(float));
	const long biases = job->dbias ? p.o : 0, data_sums = data && (data->out.mode & SUM) ? 2 * p.c : 0;
	double *sums = sum_partials(pool, biases + data_sums, p.pieces);
	if (biases)
		p.bias = sums;
	if (data_sums)
		data->sums = sums + p.pieces * biases;
	pool_run(pool, matrix_grad_piece, &p, p.pieces);
	pool_run(pool, matrix_grad_sum_piece, &p, blocks_of(p.c) * TAPS);
	if (biases)
		reduce_floats(job->dbias, p.bias, biases, p.pieces);
	if (data_sums)
		reduce(data->out.sums, data->sums, data_sums, p.pieces);
}

static void matrix_grad_weights(struct pool *pool, const struct job *job) {
	matrix_grad(pool, job, units_of(job, MATRIX_GRAD_PIECES), NULL);
}

// Both gradients, of images that are whole units.
static void matrix_grads(struct pool *pool, const struct job *job) {
	const struct units units = units_of(job, MATRIX_GRAD_PIECES);
	struct matrix data = matrix_backward(job, units);
	matrix_plan(pool, &data);
	matrix_grad(pool, job, units, &data);
}
