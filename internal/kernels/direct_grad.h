// The gradient of the weights, directly. A band's activations are packed as in direct.h, its gradients as Z[pixel][o], with zeros
// after the last o up to a multiple of WIDE; then
//
//	dw[row][o] = sum over pixels of x[at(row) + pixel] * z[pixel][o],  a row being one (a,b,c) of the weights
//
// for some rows and WIDE channels at a time. With a 1x1 kernel and stride 1 the gradient of the data can be made of the same Z,
// a band after the other, while it is near: first, since its mask may be what the activations are made of.

enum { MOST_PARTIAL = 8 << 20 }; // floats of partial gradients of weights

struct direct_grad {
	struct pool *pool;
	long n, h, w, c, oh, ow, o, k, stride, pad;
	struct source in, grad; // with repeated coefficients
	long in_period, grad_period;
	long wide, blocks, band, bands, pieces, pitch, packed_rows, row_step;
	long step;     // rows of a product
	long rows;     // k*k*c rounded up to those
	float *dw;     // [pieces][o/WIDE][rows][WIDE]
	double *bias;  // [pieces][o], or NULL
	float *result; // [k,k,c,o]
	struct direct *data; // whose gradient is made too, or NULL
	int active;    // its mask is what is read, which is stored with it and not packed on its own
};

// dw[row][cols*VL] += sum over h < high, w < wide of x[at[row] + h*x_row + w*x_col] * z[(h*wide + w)*z_step ...].
INLINE void direct_grad_product(const int rows, const int cols, const float *x, const long *at, long high, long wide, long x_row, long x_col, const float *z, long z_step, float *dw) {
	vec acc[ROWS * COLS];
	UNROLL for (int i = 0; i < rows * cols; i++) acc[i] = load(dw + i * VL);
	for (long h = 0; h < high; h++) {
		const float *a = x + h * x_row;
		for (long w = 0; w < wide; w++, a += x_col, z += z_step) {
			vec z0 = load(z), z1 = cols > 1 ? load(z + VL) : z0;
			UNROLL for (int r = 0; r < rows; r++) {
				float s = a[at[r]];
				acc[r * cols] += z0 * s;
				if (cols > 1)
					acc[r * cols + 1] += z1 * s;
			}
		}
	}
	UNROLL for (int i = 0; i < rows * cols; i++) store(dw + i * VL, acc[i]);
}

#define DIRECT_GRAD(name, rows, cols) \
	static __attribute__((noinline)) void name(const float *x, const long *at, long high, long wide, long x_row, long x_col, const float *z, long z_step, float *dw) { \
		direct_grad_product(rows, cols, x, at, high, wide, x_row, x_col, z, z_step, dw); \
	}
DIRECT_GRAD(direct_grad_wide, ROWS, COLS)
DIRECT_GRAD(direct_grad_wide_less, ROWS - 1, COLS)
DIRECT_GRAD(direct_grad_narrow, NARROW_ROWS, 1)
DIRECT_GRAD(direct_grad_narrow_less, NARROW_ROWS - 1, 1)

// How many rows of n that are left go next: as many as a product's or one less, so that few are made in vain, as of 16 = 6 + 5 + 5.
static long next_rows(long rows, long n) {
	const long groups = (n + rows - 1) / rows;
	return at_least(rows - 1, (n + groups - 1) / groups);
}

// Z for some pixels from one on: read where they are, if they can be used so, or packed at `to`.
static const float *pack_gradient(const struct direct_grad *p, long pixel, long n, float *to) {
	const long padded = p->blocks * p->wide;
	if (p->o == padded) {
		if (p->grad.mode == 0)
			return p->grad.x + pixel * p->o;
		if (p->grad.mode & JOIN) { // then it is stored somewhere anyway
			struct source once = p->grad;
			once.mode &= ~JOIN;
			to = p->grad.joined + pixel * p->o;
			read_run(&once, p->grad_period, pixel * p->o, n * p->o, to);
			return to;
		}
		read_run(&p->grad, p->grad_period, pixel * p->o, n * p->o, to);
		return to;
	}
	// Packed closely at the end, then moved apart from the front.
	float *close = to + n * (padded - p->o);
	read_run(&p->grad, p->grad_period, pixel * p->o, n * p->o, close);
	for (long i = 0; i < n; i++) {
		memmove(to + i * padded, close + i * p->o, sizeof(float) * (size_t)p->o);
		memset(to + i * padded + p->o, 0, sizeof(float) * (size_t)(padded - p->o));
	}
	return to;
}

static void direct_grad_piece(void *context, long piece, int worker) {
	const struct direct_grad *p = context;
	const struct direct *d = p->data;
	const long padded = p->blocks * p->wide;
	const long x_floats = round_up(p->packed_rows * p->pitch, BLOCK), z_floats = round_up(p->band * p->ow * padded, BLOCK);
	const long list_floats = round_up(2 * p->rows, BLOCK);
	float *packed_x = pool_scratch(p->pool, worker, x_floats + z_floats + list_floats + padded + 2 * p->c);
	float *packed_z = packed_x + x_floats;
	long *at = (long *)(packed_z + z_floats);
	float *sums = (float *)(at + list_floats / 2), *data_sums = sums + padded;
	memset(sums, 0, sizeof(float) * (size_t)(padded + 2 * p->c));
	const long weight_rows = p->k * p->k * p->c;
	for (long r = 0; r < p->rows; r++) {
		const long last = at_most(r, weight_rows - 1), tap = last / p->c;
		at[r] = tap / p->k * p->pitch + tap % p->k * p->c + last % p->c;
	}
	float *dw = p->dw + piece * p->blocks * p->rows * p->wide;
	memset(dw, 0, sizeof(float) * (size_t)(p->blocks * p->rows * p->wide));
	const long units = p->n * p->bands, end = cut_at(units, p->pieces, piece + 1);
	long summed = 0;
	for (long u = cut_at(units, p->pieces, piece); u < end; u++) {
		const long image = u / p->bands, h0 = u % p->bands * p->band, h1 = at_most(p->oh, h0 + p->band);
		const long first = (image * p->oh + h0) * p->ow, pixels = (h1 - h0) * p->ow;
		const long packed_rows = ((h1 - h0 - 1) * p->stride + p->k - 1) / p->row_step + 1;
		const float *x = packed_x;
		if (!p->active)
			x = pack_rows(&p->in, p->in_period, image, p->h, p->w, p->c, h0 * p->stride - p->pad, packed_rows, p->row_step, p->pad, packed_x);
		long high = h1 - h0, wide = p->ow;
		const float *z = pack_gradient(p, first, pixels, packed_z);
		if (p->bias) {
			for (long i = 0; i < pixels; i++)
				for (long o = 0; o < padded; o += VL)
					store(sums + o, load(sums + o) + load(z + i * padded + o));
			add_up(p->bias + piece * p->o, sums, p->o);
		}
		const long x_row = p->stride / p->row_step * p->pitch, x_col = p->stride * p->c;
		if (x_row == wide * x_col) {
			wide *= high;
			high = 1;
		}
		struct ahead f = {.n = 0};
		if (u + 1 < units) {
			const long next = (u + 1) / p->bands, from = (u + 1) % p->bands * p->band, rows = at_most(p->band, p->oh - from);
			fetch_rows(&f, &p->in, p->h, p->w * p->c, next, from * p->stride - p->pad, p->packed_rows);
			fetch_source(&f, &p->grad, (next * p->oh + from) * p->ow * p->o, rows * p->ow * p->o);
			if (d) {
				struct sink out = d->out;
				if (out.through == p->in.x)
					out.mode &= ~THROUGH; // is fetched already
				fetch_sink(&f, &out, from * p->c, rows * p->c);
			}
		}
		const long share = fetch_share(&f, p->blocks * p->rows / p->step + (d ? d->blocks * pixels / rows_of(d->wide / VL) : 0));
		if (d) {
			struct direct data = *d;
			data.out.active = packed_x;
			data.out.active_from = first * p->c;
			point_strips(&data, z, padded, first, pixels, data_sums, &f, share);
			summed += pixels;
			if ((d->out.mode & SUM) && (summed >= BAND_PIXELS || u + 1 == end)) {
				add_up(d->sums + piece * 2 * p->c, data_sums, 2 * p->c);
				summed = 0;
			}
		}
		for (long b = 0; b < p->blocks; b++)
			for (long r = 0, rows; r < weight_rows; r += rows) {
				fetch(&f, share);
				rows = next_rows(p->step, weight_rows - r);
				float *to_dw = dw + (b * p->rows + r) * p->wide;
				const float *from = z + b * p->wide;
				if (p->wide == COLS * VL)
					(rows == p->step ? direct_grad_wide : direct_grad_wide_less)(x, at + r, high, wide, x_row, x_col, from, padded, to_dw);
				else
					(rows == p->step ? direct_grad_narrow : direct_grad_narrow_less)(x, at + r, high, wide, x_row, x_col, from, padded, to_dw);
			}
	}
}

// The sum of the pieces' dw, in their order, for ROWS rows.
static void direct_grad_sum_piece(void *context, long piece, int worker) {
	const struct direct_grad *p = context;
	(void)worker;
	const long size = p->blocks * p->rows * p->wide;
	for (long r = piece * ROWS; r < at_most((piece + 1) * ROWS, p->k * p->k * p->c); r++)
		for (long o = 0; o < p->o; o += VL) {
			const float *d = p->dw + (o / p->wide * p->rows + r) * p->wide + o % p->wide;
			vec sum = load(d);
			for (long k = 1; k < p->pieces; k++)
				sum += load(d + k * size);
			store_part(p->result + r * p->o + o, sum, p->o - o);
		}
}

static void direct_grad(struct pool *pool, struct job job, struct direct *data) {
	struct direct_grad p = {
		.pool = pool, .n = job.n, .h = job.h, .w = job.w, .c = job.c, .oh = job.oh, .ow = job.ow, .o = job.o,
		.k = job.k, .stride = job.stride, .pad = job.k / 2, .result = job.dw, .data = data,
	};
	p.wide = p.o <= VL ? VL : COLS * VL;
	p.blocks = (p.o + p.wide - 1) / p.wide;
	p.band = at_most(p.oh, at_least(1, band_pixels(p.k, p.c + 2 * p.o) / p.ow));
	p.bands = (p.oh + p.band - 1) / p.band;
	p.pitch = (p.w + 2 * p.pad) * p.c;
	p.packed_rows = (p.band - 1) * p.stride + p.k;
	p.row_step = p.k == 1 && job.in.mode ? p.stride : 1;
	p.step = rows_of(p.wide / VL);
	p.rows = round_up(p.k * p.k * p.c, p.step);
	const long size = p.blocks * p.rows * p.wide;
	p.pieces = at_most(p.n * p.bands, at_least(2, at_most(16, MOST_PARTIAL / size)));
	p.dw = pool_shared(pool, PARTIALS, p.pieces * size * (long)sizeof(float));
	const long biases = job.dbias ? p.o : 0, data_sums = data && (data->out.mode & SUM) ? 2 * p.c : 0;
	double *sums = sum_partials(pool, biases + data_sums, p.pieces);
	if (biases)
		p.bias = sums;
	if (data_sums)
		data->sums = sums + p.pieces * biases;
	p.in_period = period_of(p.c);
	p.grad_period = period_of(p.o);
	p.in = repeat_coefficients(pool, COEFFICIENTS, job.in, p.c, p.in_period);
	p.grad = repeat_coefficients(pool, TILES, job.grad, p.o, p.grad_period); // no tiles here, so their memory is free
	const struct sink *out = data ? &data->out : NULL;
	if (out && job.in.mode == (AFFINE | RELU) && (out->mode & MASK) && out->through == job.in.x && out->scale == job.in.s0 && out->shift == job.in.s1) {
		p.active = 1;
		data->out.mode |= ACTIVE;
	}
	pool_run(pool, direct_grad_piece, &p, p.pieces);
	pool_run(pool, direct_grad_sum_piece, &p, p.rows / ROWS);
	if (biases)
		reduce_floats(job.dbias, p.bias, biases, p.pieces);
	if (data_sums)
		reduce(data->out.sums, data->sums, data_sums, p.pieces);
}

static void direct_grad_weights(struct pool *pool, const struct job *job) {
	direct_grad(pool, flattened(job), NULL);
}

// Both gradients of a 1x1 convolution with stride 1.
static void direct_grads(struct pool *pool, const struct job *job) {
	const struct job flat = flattened(job);
	struct direct data = direct_backward(&flat);
	direct_plan(pool, &data);
	direct_grad(pool, flat, &data);
}
