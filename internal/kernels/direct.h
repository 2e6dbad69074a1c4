// Convolutions of any shape, directly. Work goes by bands: some rows of the result of one image. What a band reads is packed
// into scratch, normalised and rectified, with zeros around it, as [row][column][channel]; then the part of a kernel's row
// that belongs to one pixel of the result is one run of floats, whatever the number of channels:
//
//	y[pixel][o] = sum over rows a of the kernel, j < run of x[at(pixel) + a*pitch + j] * w[a][j][o],  run = K*C
//
// Weights are packed as [o/WIDE][a][j][WIDE], with zeros after the last o; WIDE = cols*VL.
//
// The gradient of the data is the same sum over the rows of the gradient, with w turned around and transposed. With a
// stride s, a pixel meets only every s-th row and column of the kernel, by its own row and column modulo s: s*s classes of
// pixels, each with its own weights, some with none at all.

enum {
	BAND_PIXELS = 512,       // of the result, in one band
	BAND_FLOATS = 1 << 13,   // read and made by one band of a 1x1 kernel
	NARROW_ROWS = COLS * ROWS, // of a product with one vector: as many numbers in registers
	STRIP = 8 * ROWS,        // pixels of the result for which weights are used that are near
	NEAR = 1 << 15,          // floats of weights that stay in a core's cache
	LEAST_PERIOD = 128,      // floats of repeated coefficients
	LEAST_AHEAD = 16,        // products for one number of the result from which fetching ahead pays
};

// How many rows a product goes by.
INLINE int rows_of(const int cols) { return cols == 1 ? NARROW_ROWS : ROWS; }

// The pixels of a result that use the same weights: rows x cols of a kernel.
struct class {
	long rows, cols;
	long row, col; // the class of pixel (h,w): (h+pad)%stride, (w+pad)%stride; 0 forward
	const float *w;
	long w_stride; // of o/WIDE
};

struct direct {
	struct pool *pool;
	long n, k, stride, pad;
	long h, w, c;       // what is read
	long oh, ow, o;     // what is made
	int backward;
	const float *weights;
	struct source in;
	struct sink out;
	long wide, blocks;  // WIDE, and o/WIDE rounded up
	long band, bands;   // rows of the result in a band, bands in an image
	long pieces;
	long pitch;         // floats in a packed row
	long packed_rows;   // of a band
	long row_step;      // of what is read: a 1x1 kernel passes over whole rows
	struct class *classes;
	long n_classes;
	double *sums;       // [pieces][2*o]
	struct source all;  // in, its coefficients repeated over `period` floats
	long period;
};

// period_of is how many floats repeated coefficients of c channels are: enough for a loop over whole vectors.
static long period_of(long c) {
	long m = 1;
	while (c * m % VL || c * m < LEAST_PERIOD)
		m *= 2;
	return c * m;
}

// repeat_coefficients gives the source's coefficients of c channels for `period` consecutive floats.
static struct source repeat_coefficients(struct pool *pool, enum shared slot, struct source s, long c, long period) {
	if (!(s.mode & (AFFINE | GRAD)))
		return s;
	float *to = pool_shared(pool, slot, 3 * period * (long)sizeof(float));
	for (long i = 0; i < period; i++) {
		to[i] = s.s0[i % c];
		to[period + i] = s.s1[i % c];
		if (s.mode & GRAD)
			to[2 * period + i] = s.s2[i % c];
	}
	s.s0 = to;
	s.s1 = to + period;
	s.s2 = to + 2 * period;
	return s;
}

// read_run packs n floats from i on, where a pixel begins; s is repeated over its period, a multiple of VL.
INLINE void read_run_mode(const int mode, const struct source *s, long period, long i, long n, float *to) {
	for (long at = 0; at < n; at += period) {
		const long end = at_most(n, at + period), whole = at + (end - at) / VL * VL;
		for (long j = at; j < whole; j += VL)
			store(to + j, read_at(mode, s, i + j, read_coef(mode, s, j - at, VL)));
		if (whole < end)
			store_part(to + whole, read_part(mode, s, i + whole, read_coef(mode, s, whole - at, VL), end - whole), end - whole);
	}
}

static void read_run(const struct source *s, long period, long i, long n, float *to) {
	switch (s->mode) {
	case 0: memcpy(to, s->x + i, sizeof(float) * (size_t)n); break;
	case AFFINE: read_run_mode(AFFINE, s, period, i, n, to); break;
	case AFFINE | RELU: read_run_mode(AFFINE | RELU, s, period, i, n, to); break;
	case GRAD: read_run_mode(GRAD, s, period, i, n, to); break;
	case GRAD | JOIN: read_run_mode(GRAD | JOIN, s, period, i, n, to); break;
	default: read_run_mode(s->mode, s, period, i, n, to);
	}
}

// The rows of an image that a band reads: `rows` of them, every step-th from `first` on, with `pad` columns of zeros on both
// sides; rows outside the image are zeros too. They are packed at `to` unless they can be used where they are.
static const float *pack_rows(const struct source *s, long period, long image, long h, long w, long c, long first, long rows, long step, long pad, float *to) {
	const long pitch = (w + 2 * pad) * c;
	if (pad == 0 && step == 1) { // as they lie; first is one of the image's
		if (s->mode == 0)
			return s->x + (image * h + first) * w * c;
		read_run(s, period, (image * h + first) * w * c, at_most(rows, h - first) * w * c, to);
		return to;
	}
	float *at = to;
	for (long r = 0; r < rows; r++, at += pitch) {
		const long from = first + r * step;
		if (from < 0 || from >= h) {
			memset(at, 0, sizeof(float) * (size_t)pitch);
			continue;
		}
		memset(at, 0, sizeof(float) * (size_t)(pad * c));
		read_run(s, period, (image * h + from) * w * c, w * c, at + pad * c);
		memset(at + (pad + w) * c, 0, sizeof(float) * (size_t)(pad * c));
	}
	return to;
}

// fetch_rows fetches those rows from first on that lie inside an image of high rows of `row` floats.
static void fetch_rows(struct ahead *f, const struct source *s, long high, long row, long image, long first, long rows) {
	const long from = at_least(0, first), to = at_most(high, first + rows);
	fetch_source(f, s, (image * high + from) * row, (to - from) * row);
}

// acc[p][cols] = sum over rows, j < run of x[at[p] + row*pitch + j] * w[row][j][cols*VL].
INLINE void direct_product(const int pixels, const int cols, const float *x, const long *at, long rows, long pitch, long run, const float *w, vec *acc) {
	UNROLL for (int i = 0; i < pixels * cols; i++) acc[i] = (vec){0};
	for (long r = 0; r < rows; r++, x += pitch)
		for (long j = 0; j < run; j++, w += cols * VL) {
			vec w0 = load(w), w1 = cols > 1 ? load(w + VL) : w0;
			UNROLL for (int i = 0; i < pixels; i++) {
				float s = x[at[i] + j];
				acc[i * cols] += w0 * s;
				if (cols > 1)
					acc[i * cols + 1] += w1 * s;
			}
		}
}

// One block of channels of a result, of one or two vectors: the first channel, how many are in each vector, and how they are
// stored.
struct block {
	long first, lanes0, lanes1;
	struct write_coef k0, k1;
};

// Full: all channels of the block exist.
INLINE struct block block_at(const int cols, const int mode, const int full, const struct direct *p, long block) {
	struct block b = {.first = block * cols * VL};
	b.lanes0 = full ? VL : at_most(VL, p->o - b.first);
	b.lanes1 = cols == 1 ? 0 : full ? VL : at_most(VL, p->o - b.first - VL);
	b.k1 = b.k0 = write_coef(mode, &p->out, b.first, b.lanes0);
	if (b.lanes1 > 0)
		b.k1 = write_coef(mode, &p->out, b.first + VL, b.lanes1);
	return b;
}

// Stores a block of one pixel as element y on.
INLINE void write_block(const int cols, const int mode, const struct direct *p, const vec *acc, long y, struct block *b) {
	write_part(mode, &p->out, y, acc[0], &b->k0, b->lanes0);
	if (b->lanes1 > 0)
		write_part(mode, &p->out, y + VL, acc[cols - 1], &b->k1, b->lanes1);
}

// The sums of one vector of channels are added to theirs.
INLINE void add_sums(const struct write_coef *k, float *sums, long o, long lanes) {
	store_part(sums, load_part(sums, lanes) + k->sum, lanes);
	store_part(sums + o, load_part(sums + o, lanes) + k->product, lanes);
}

// The same for all of a block.
INLINE void add_block_sums(const struct direct *p, const struct block *b, float *sums) {
	add_sums(&b->k0, sums + b->first, p->o, b->lanes0);
	if (b->lanes1 > 0)
		add_sums(&b->k1, sums + b->first + VL, p->o, b->lanes1);
}

// One block of channels for a list of pixels: x[at[i]...] -> out at pixel to[i]. Full: all channels of the block exist.
INLINE void direct_pixels(const int pixels, const int cols, const int mode, const int full, const struct direct *p, const struct class *class, const float *x, const long *at, const long *to, long n, long block, float *sums, struct ahead *f, long share) {
	const long run = class->cols * p->c;
	const float *w = class->w + block * class->w_stride;
	struct block b = block_at(cols, mode, full, p, block);
	for (long i = 0; i < n; i += pixels) {
		vec acc[ROWS * COLS];
		fetch(f, share);
		direct_product(pixels, cols, x, at + i, class->rows, p->pitch, run, w, acc);
		const long count = at_most(pixels, n - i);
		UNROLL for (int r = 0; r < pixels; r++) {
			if (r < count)
				write_block(cols, mode, p, acc + r * cols, to[i + r] * p->o + b.first, &b);
		}
	}
	if (mode & SUM)
		add_block_sums(p, &b, sums);
}

#define DIRECT_PIXELS(name, cols, mode, full) \
	static __attribute__((noinline)) void name(const struct direct *p, const struct class *class, const float *x, const long *at, const long *to, long n, long block, float *sums, struct ahead *f, long share) { \
		direct_pixels(rows_of(cols), cols, mode, full, p, class, x, at, to, n, block, sums, f, share); \
	}
DIRECT_PIXELS(pixels_plain, COLS, 0, 1)
DIRECT_PIXELS(pixels_sum, COLS, SUM, 1)
DIRECT_PIXELS(pixels_norm, COLS, NORM_GRAD, 1)
DIRECT_PIXELS(pixels_norm_rest, COLS, NORM_GRAD | REST, 1)
DIRECT_PIXELS(pixels_gate_sum, COLS, RESIDUAL | GATE | THROUGH | SUM, 1)
DIRECT_PIXELS(pixels_norm_relu, COLS, NORM_RELU, 1)
DIRECT_PIXELS(pixels_any, COLS, p->out.mode, 0)
DIRECT_PIXELS(narrow_plain, 1, 0, 1)
DIRECT_PIXELS(narrow_sum, 1, SUM, 1)
DIRECT_PIXELS(narrow_norm, 1, NORM_GRAD, 1)
DIRECT_PIXELS(narrow_norm_rest, 1, NORM_GRAD | REST, 1)
DIRECT_PIXELS(narrow_gate_sum, 1, RESIDUAL | GATE | THROUGH | SUM, 1)
DIRECT_PIXELS(narrow_norm_relu, 1, NORM_RELU, 1)
DIRECT_PIXELS(narrow_any, 1, p->out.mode, 0)

typedef void pixels_function(const struct direct *p, const struct class *class, const float *x, const long *at, const long *to, long n, long block, float *sums, struct ahead *f, long share);

static pixels_function *pixels_for(const struct direct *p, long block) {
	const int wide = p->wide == COLS * VL, full = (block + 1) * p->wide <= p->o;
	if (full)
		switch (p->out.mode) {
		case 0: return wide ? pixels_plain : narrow_plain;
		case SUM: return wide ? pixels_sum : narrow_sum;
		case NORM_GRAD: return wide ? pixels_norm : narrow_norm;
		case NORM_GRAD | REST: return wide ? pixels_norm_rest : narrow_norm_rest;
		case RESIDUAL | GATE | THROUGH | SUM: return wide ? pixels_gate_sum : narrow_gate_sum;
		case NORM_RELU: return wide ? pixels_norm_relu : narrow_norm_relu;
		}
	return wide ? pixels_any : narrow_any;
}

// The first row that a band from row h of the result on reads.
INLINE long band_start(const struct direct *p, long h) {
	return p->backward ? (h + p->pad) / p->stride - (p->k - 1) / p->stride : h * p->stride - p->pad;
}

// The first packed row that is read for row h of the result, of a band from row h0 on; and the first column, without zeros.
INLINE long first_row(const struct direct *p, const struct class *class, long h, long h0) {
	if (p->backward)
		return (h + p->pad - class->row) / p->stride - (class->rows - 1) - band_start(p, h0);
	return (h - h0) * p->stride / p->row_step;
}

INLINE long first_col(const struct direct *p, const struct class *class, long w) {
	return p->backward ? (w + p->pad - class->col) / p->stride - (class->cols - 1) : w * p->stride - p->pad;
}

// How many pixels take the same block of weights: some, if the weights of all blocks stay near.
static long strip_of(const struct direct *p, const struct class *class, long n) { return class->w_stride * p->blocks <= NEAR ? STRIP : n; }

// All blocks of channels for n pixels of a class; at has room for NARROW_ROWS more.
static void direct_strips(const struct direct *p, const struct class *class, const float *x, long *at, const long *to, long n, float *sums, struct ahead *f, long share) {
	for (long i = 0; i < NARROW_ROWS; i++)
		at[n + i] = at[n - 1];
	const long strip = strip_of(p, class, n);
	for (long i = 0; i < n; i += strip)
		for (long b = 0; b < p->blocks; b++)
			pixels_for(p, b)(p, class, x, at + i, to + i, at_most(strip, n - i), b, sums, f, share);
}

// The rows h0 to h1 of an image's result; at and to have room for their pixels, at for NARROW_ROWS more.
static void direct_band(const struct direct *p, const float *x, long image, long h0, long h1, long *at, long *to, float *sums, struct ahead *f, long share) {
	const long step = p->backward ? p->stride : 1, across = (p->backward ? 1 : p->stride) * p->c; // from a pixel to the next
	for (long c = 0; c < p->n_classes; c++) {
		const struct class *class = &p->classes[c];
		long n = 0;
		for (long h = h0; h < h1; h++) {
			if (p->backward && (h + p->pad) % p->stride != class->row)
				continue;
			const long w0 = p->backward ? (class->col + p->stride * p->k - p->pad) % p->stride : 0;
			long from = first_row(p, class, h, h0) * p->pitch + (first_col(p, class, w0) + p->pad) * p->c;
			for (long w = w0; w < p->ow; w += step, from += across, n++) {
				at[n] = from;
				to[n] = (image * p->oh + h) * p->ow + w;
			}
		}
		if (n > 0)
			direct_strips(p, class, x, at, to, n, sums, f, share);
	}
}

// A 1x1 kernel with stride 1: the pixels of a band follow one another in what is read, `step` floats apart, and in the result.
INLINE int is_point(const struct direct *p) { return p->k == 1 && p->stride == 1; }

// Stores a column of a group's vectors; its sums are added up apart first, or gcc keeps them in memory.
INLINE void point_column(const int pixels, const int mode, const struct direct *p, const vec *acc, const int cols, long y, long lanes, struct write_coef *k) {
	struct write_coef l = *k;
	l.sum = l.product = (vec){0};
	UNROLL for (int r = 0; r < pixels; r++) {
		write_part(mode, &p->out, y + r * p->o, acc[r * cols], &l, lanes);
		if (mode & SUM)
			PIN(l.sum, l.product);
	}
	k->sum += l.sum;
	k->product += l.product;
}

// One block of channels for consecutive pixels, x[i*step ...] -> out at y + i*o.
INLINE void point_group(const int pixels, const int cols, const int mode, const struct direct *p, const float *x, long step, const float *w, long y, struct block *b) {
	vec acc[ROWS * COLS];
	long at[NARROW_ROWS];
	UNROLL for (int r = 0; r < pixels; r++) at[r] = r * step;
	direct_product(pixels, cols, x, at, 1, 0, p->c, w, acc);
	if (mode & MASK) {
		point_column(pixels, mode, p, acc, cols, y, b->lanes0, &b->k0);
		if (b->lanes1 > 0)
			point_column(pixels, mode, p, acc + cols - 1, cols, y + VL, b->lanes1, &b->k1);
		return;
	}
	UNROLL for (int r = 0; r < pixels; r++) write_block(cols, mode, p, acc + r * cols, y + r * p->o, b);
}

// n pixels of the result from `first` on. Full: all channels of the block exist.
INLINE void point_pixels(const int cols, const int mode, const int full, const struct direct *p, const float *x, long step, long first, long n, long block, float *sums, struct ahead *f, long share) {
	const float *w = p->classes->w + block * p->classes->w_stride;
	struct block b = block_at(cols, mode, full, p, block);
	const int rows = rows_of(cols);
	long y = first * p->o + b.first, i = 0;
	for (; i + rows <= n; i += rows, x += rows * step, y += rows * p->o) {
		fetch(f, share);
		point_group(rows, cols, mode, p, x, step, w, y, &b);
	}
	for (; i < n; i++, x += step, y += p->o)
		point_group(1, cols, mode, p, x, step, w, y, &b);
	if (mode & SUM)
		add_block_sums(p, &b, sums);
}

#define POINT_PIXELS(name, cols, mode, full) \
	static __attribute__((noinline)) void name(const struct direct *p, const float *x, long step, long first, long n, long block, float *sums, struct ahead *f, long share) { \
		point_pixels(cols, mode, full, p, x, step, first, n, block, sums, f, share); \
	}
#define POINTS(name, mode) \
	POINT_PIXELS(name, COLS, mode, 1) \
	POINT_PIXELS(narrow_##name, 1, mode, 1)
POINTS(point_plain, 0)
POINTS(point_sum, SUM)
POINTS(point_norm, NORM_GRAD)
POINTS(point_norm_active, NORM_GRAD | ACTIVE)
POINTS(point_norm_rest, NORM_GRAD | REST)
POINTS(point_norm_rest_active, NORM_GRAD | REST | ACTIVE)
POINTS(point_residual, RESIDUAL)
POINTS(point_residual_sum, RESIDUAL | SUM)
POINTS(point_norm_relu, NORM_RELU)
POINTS(point_norm_join_relu, NORM_JOIN_RELU)
POINT_PIXELS(point_any, COLS, p->out.mode, 0)
POINT_PIXELS(narrow_point_any, 1, p->out.mode, 0)

typedef void point_function(const struct direct *p, const float *x, long step, long first, long n, long block, float *sums, struct ahead *f, long share);

static point_function *point_for(const struct direct *p, long block) {
	const int wide = p->wide == COLS * VL;
	if ((block + 1) * p->wide <= p->o)
		switch (p->out.mode) {
		case 0: return wide ? point_plain : narrow_point_plain;
		case SUM: return wide ? point_sum : narrow_point_sum;
		case NORM_GRAD: return wide ? point_norm : narrow_point_norm;
		case NORM_GRAD | ACTIVE: return wide ? point_norm_active : narrow_point_norm_active;
		case NORM_GRAD | REST: return wide ? point_norm_rest : narrow_point_norm_rest;
		case NORM_GRAD | REST | ACTIVE: return wide ? point_norm_rest_active : narrow_point_norm_rest_active;
		case RESIDUAL: return wide ? point_residual : narrow_point_residual;
		case RESIDUAL | SUM: return wide ? point_residual_sum : narrow_point_residual_sum;
		case NORM_RELU: return wide ? point_norm_relu : narrow_point_norm_relu;
		case NORM_JOIN_RELU: return wide ? point_norm_join_relu : narrow_point_norm_join_relu;
		}
	return wide ? point_any : narrow_point_any;
}

static void point_strips(const struct direct *p, const float *x, long step, long first, long n, float *sums, struct ahead *f, long share) {
	const long strip = strip_of(p, p->classes, n);
	for (long i = 0; i < n; i += strip)
		for (long b = 0; b < p->blocks; b++)
			point_for(p, b)(p, x + i * step, step, first + i, at_most(strip, n - i), b, sums, f, share);
}

static void direct_piece(void *context, long piece, int worker) {
	const struct direct *p = context;
	const long most = is_point(p) ? 0 : p->band * p->ow + NARROW_ROWS;
	const long x_floats = round_up(p->packed_rows * p->pitch, BLOCK), list_floats = round_up(most * 2, BLOCK);
	float *packed = pool_scratch(p->pool, worker, x_floats + 2 * list_floats + 2 * p->o);
	long *at = (long *)(packed + x_floats), *to = (long *)(packed + x_floats + list_floats);
	float *sums = packed + x_floats + 2 * list_floats;
	memset(sums, 0, sizeof(float) * 2 * (size_t)p->o);
	const long units = p->n * p->bands, end = cut_at(units, p->pieces, piece + 1);
	long summed = 0;
	for (long u = cut_at(units, p->pieces, piece); u < end; u++) {
		const long image = u / p->bands, h0 = u % p->bands * p->band, h1 = at_most(p->oh, h0 + p->band);
		const float *x = pack_rows(&p->all, p->period, image, p->h, p->w, p->c, band_start(p, h0), p->packed_rows, p->row_step, p->pad, packed);
		struct ahead f = {.n = 0};
		if (p->k * p->k * p->c >= LEAST_AHEAD && u + 1 < units) {
			const long next = (u + 1) / p->bands, from = (u + 1) % p->bands * p->band, rows = at_most(p->band, p->oh - from);
			fetch_rows(&f, &p->in, p->h, p->w * p->c, next, band_start(p, from), p->packed_rows * p->row_step);
			fetch_sink(&f, &p->out, (next * p->oh + from) * p->ow * p->o, rows * p->ow * p->o);
		}
		const long share = fetch_share(&f, p->blocks * (h1 - h0) * p->ow / rows_of(p->wide / VL));
		if (is_point(p))
			point_strips(p, x, p->c, h0, h1 - h0, sums, &f, share);
		else
			direct_band(p, x, image, h0, h1, at, to, sums, &f, share);
		summed += (h1 - h0) * p->ow;
		if ((p->out.mode & SUM) && (summed >= BAND_PIXELS || u + 1 == end)) {
			add_up(p->sums + piece * 2 * p->o, sums, 2 * p->o);
			summed = 0;
		}
	}
}

// The weights of one block of channels, for every class.
static void direct_weights_piece(void *context, long block, int worker) {
	const struct direct *p = context;
	(void)worker;
	for (long i = 0; i < p->n_classes; i++) {
		const struct class *class = &p->classes[i];
		float *to = (float *)class->w + block * class->w_stride;
		for (long a = 0; a < class->rows; a++)
			for (long b = 0; b < class->cols; b++) {
				const long kh = p->backward ? class->row + p->stride * (class->rows - 1 - a) : a;
				const long kw = p->backward ? class->col + p->stride * (class->cols - 1 - b) : b;
				// Forward weights are [k,k,c,o]; backward, what is read has the o of [k,k,o,c].
				const float *from = p->weights + (kh * p->k + kw) * p->c * p->o;
				for (long c = 0; c < p->c; c++, to += p->wide)
					for (long o = 0; o < p->wide; o++) {
						const long at = block * p->wide + o;
						to[o] = at >= p->o ? 0 : p->backward ? from[at * p->c + c] : from[c * p->o + at];
					}
			}
	}
}

// A 1x1 convolution with stride 1 is a product of matrices: one image of one column.
static struct job flattened(const struct job *job) {
	struct job flat = *job;
	if (job->k == 1 && job->stride == 1) {
		flat.h = flat.oh = job->n * job->h * job->w;
		flat.n = flat.w = flat.ow = 1;
	}
	return flat;
}

// How many pixels of the result one band has, with so many floats read and made for each.
static long band_pixels(long k, long floats) {
	return k > 1 ? BAND_PIXELS : at_least(STRIP, BAND_FLOATS / floats / STRIP * STRIP);
}

// direct_plan cuts the work and packs the weights.
static void direct_plan(struct pool *pool, struct direct *p) {
	p->pool = pool;
	p->pad = p->k / 2;
	p->wide = p->o <= VL ? VL : COLS * VL;
	p->blocks = (p->o + p->wide - 1) / p->wide;
	p->band = at_most(p->oh, at_least(p->stride, band_pixels(p->k, p->c + 2 * p->o) / p->ow));
	p->bands = (p->oh + p->band - 1) / p->band;
	p->pieces = at_most(p->n * p->bands, MOST_PIECES);
	p->pitch = (p->w + 2 * p->pad) * p->c;
	p->packed_rows = p->backward ? (p->band - 1) / p->stride + (p->k - 1) / p->stride + 2 : (p->band - 1) * p->stride + p->k;
	p->row_step = 1;
	if (p->k == 1 && !p->backward && p->in.mode) {
		p->row_step = p->stride;
		p->packed_rows = p->band;
	}
	const long side = p->backward ? p->stride : 1;
	p->n_classes = 0;
	const long class_bytes = round_up(side * side * (long)sizeof(struct class), 64);
	p->classes = pool_shared(pool, WEIGHTS, class_bytes + p->k * p->k * p->c * p->blocks * p->wide * (long)sizeof(float));
	float *w = (float *)((char *)p->classes + class_bytes);
	for (long row = 0; row < side; row++)
		for (long col = 0; col < side; col++) {
			struct class *class = &p->classes[p->n_classes++];
			*class = (struct class){.row = row, .col = col, .w = w};
			class->rows = row < p->k ? (p->k - 1 - row) / side + 1 : 0;
			class->cols = col < p->k ? (p->k - 1 - col) / side + 1 : 0;
			if (class->rows == 0 || class->cols == 0)
				class->rows = class->cols = 0;
			class->w_stride = class->rows * class->cols * p->c * p->wide;
			w += class->w_stride * p->blocks;
		}
	pool_run(pool, direct_weights_piece, p, p->blocks);
}

static void direct_conv(struct pool *pool, struct direct *p) {
	direct_plan(pool, p);
	if (p->out.mode & SUM)
		p->sums = sum_partials(pool, 2 * p->o, p->pieces);
	p->period = period_of(p->c);
	p->all = repeat_coefficients(pool, COEFFICIENTS, p->in, p->c, p->period);
	pool_run(pool, direct_piece, p, p->pieces);
	if (p->out.mode & SUM)
		reduce(p->out.sums, p->sums, 2 * p->o, p->pieces);
}

static void direct(struct pool *pool, const struct job *job) {
	const struct job flat = flattened(job);
	struct direct p = {
		.n = flat.n, .k = flat.k, .stride = flat.stride, .h = flat.h, .w = flat.w, .c = flat.c,
		.oh = flat.oh, .ow = flat.ow, .o = flat.o, .weights = flat.weights, .in = flat.in, .out = flat.out,
	};
	direct_conv(pool, &p);
}

static struct direct direct_backward(const struct job *flat) {
	return (struct direct){
		.n = flat->n, .k = flat->k, .stride = flat->stride, .h = flat->oh, .w = flat->ow, .c = flat->o, .backward = 1,
		.oh = flat->h, .ow = flat->w, .o = flat->c, .weights = flat->weights, .in = flat->grad, .out = flat->out,
	};
}

static void direct_grad_data(struct pool *pool, const struct job *job) {
	const struct job flat = flattened(job);
	struct direct p = direct_backward(&flat);
	direct_conv(pool, &p);
}
