// What has no product of matrices in it: maps, pooling, subsampling, dropout, the loss, the optimizers.

enum {
	MAP_BLOCK = 8192,  // elements between two additions in float64
};

// y[i] = in[i] for every element, as both ends say. Coefficients are repeated over `period` floats, a multiple of the
// channels and of VL, so that the elements can be taken as they lie, for any number of channels.
struct map {
	struct pool *pool;
	struct source in;
	struct sink out;
	long count, c, period, block, blocks, pieces;
	double *sums; // [pieces][2*c]
};

// One vector: elements i to i+lanes, whose coefficients and sums are those from c on.
INLINE void map_vec(const int read, const int write, const struct map *p, long i, long c, long lanes, float *sums) {
	struct write_coef k = write_coef(write, &p->out, c, VL);
	vec v = read_part(read, &p->in, i, read_coef(read, &p->in, c, VL), lanes);
	for (long l = lanes; l < VL; l++) // coefficients must not reach the sums from lanes that do not exist
		k.bias[l] = k.shift[l] = v[l] = 0;
	write_part(write, &p->out, i, v, &k, lanes);
	if (write & SUM) {
		store(sums + c, load(sums + c) + k.sum);
		store(sums + p->period + c, load(sums + p->period + c) + k.product);
	}
}

INLINE void map_block(const int read, const int write, const struct map *p, long begin, long end, float *sums) {
	for (long at = begin; at < end; at += p->period) {
		const long stop = at_most(end, at + p->period), whole = at + (stop - at) / VL * VL;
		for (long i = at; i < whole; i += VL)
			map_vec(read, write, p, i, i - at, VL, sums);
		if (whole < stop)
			map_vec(read, write, p, whole, whole - at, stop - whole, sums);
	}
}

static void map_any(const struct map *p, long begin, long end, float *sums) {
	const int read = p->in.mode, write = p->out.mode;
	if (read == 0 && write == (SUM | DISCARD))
		map_block(0, SUM | DISCARD, p, begin, end, sums);
	else if (read == (AFFINE | RELU) && write == 0)
		map_block(AFFINE | RELU, 0, p, begin, end, sums);
	else if (read == (GRAD | ADD) && write == 0)
		map_block(GRAD | ADD, 0, p, begin, end, sums);
	else if (read == 0 && write == NORM_GRAD)
		map_block(0, NORM_GRAD, p, begin, end, sums);
	else if (read == AFFINE && write == (RESIDUAL | RECTIFY))
		map_block(AFFINE, RESIDUAL | RECTIFY, p, begin, end, sums);
	else if (read == ADD && write == (GATE | THROUGH | SUM))
		map_block(ADD, GATE | THROUGH | SUM, p, begin, end, sums);
	else
		map_block(read, write, p, begin, end, sums);
}

static void map_piece(void *context, long piece, int worker) {
	const struct map *p = context;
	float *sums = pool_scratch(p->pool, worker, 2 * p->period);
	memset(sums, 0, sizeof(float) * 2 * (size_t)p->period);
	for (long b = cut_at(p->blocks, p->pieces, piece); b < cut_at(p->blocks, p->pieces, piece + 1); b++) {
		map_any(p, b * p->block, at_most(p->count, (b + 1) * p->block), sums);
		if (!(p->out.mode & SUM))
			continue;
		double *to = p->sums + piece * 2 * p->c;
		for (long i = 0; i < p->period; i += p->c)
			for (long c = 0; c < p->c; c++) {
				to[c] += sums[i + c];
				to[p->c + c] += sums[p->period + i + c];
			}
		memset(sums, 0, sizeof(float) * 2 * (size_t)p->period);
	}
}

// repeat gives coefficients of c channels over a period, at *to, and moves that on; NULL stays NULL.
static const float *repeat(const float *from, long c, long period, float **to) {
	if (!from)
		return NULL;
	float *begin = *to;
	for (long i = 0; i < period; i++)
		begin[i] = from[i % c];
	*to += period;
	return begin;
}

static void map(struct pool *pool, const struct job *job) {
	struct map p = {.pool = pool, .out = job->out, .count = job->count, .c = job->c};
	p.period = period_of(p.c);
	p.block = round_up(at_least(MAP_BLOCK, p.period), p.period);
	p.blocks = (p.count + p.block - 1) / p.block;
	p.pieces = at_most(p.blocks, MOST_PIECES);
	p.in = repeat_coefficients(pool, COEFFICIENTS, job->in, p.c, p.period);
	float *to = pool_shared(pool, WEIGHTS, 3 * p.period * (long)sizeof(float));
	p.out.bias = repeat(p.out.bias, p.c, p.period, &to);
	p.out.scale = repeat(p.out.scale, p.c, p.period, &to);
	p.out.shift = repeat(p.out.shift, p.c, p.period, &to);
	if (p.out.mode & SUM)
		p.sums = sum_partials(pool, 2 * p.c, p.pieces);
	pool_run(pool, map_piece, &p, p.pieces);
	if (p.out.mode & SUM)
		reduce(p.out.sums, p.sums, 2 * p.c, p.pieces);
}

// Work by rows of a result of n images of oh rows, or by images; with the sums of each piece.
struct rows {
	struct pool *pool;
	const struct job *job;
	long units, pieces;
	double *sums; // [pieces][2*channels of the result]
};

static void run_rows(struct pool *pool, const struct job *job, long units, long channels, void (*task)(void *, long, int)) {
	struct rows p = {.pool = pool, .job = job, .units = units, .pieces = at_most(units, MOST_PIECES)};
	const int sum = job->out.mode & SUM;
	if (sum)
		p.sums = sum_partials(pool, 2 * channels, p.pieces);
	pool_run(pool, task, &p, p.pieces);
	if (sum)
		reduce(job->out.sums, p.sums, 2 * channels, p.pieces);
}

// write_channels stores a result for channels c on of `channels`, at pixel, taking its sums into sums[2*channels].
INLINE void write_channels(const int mode, const int full, const struct sink *out, long pixel, long c, long channels, vec v, float *sums) {
	const long lanes = full ? VL : channels - c;
	struct write_coef k = write_coef(mode, out, c, lanes);
	write_part(mode, out, pixel * channels + c, v, &k, lanes);
	if (mode & SUM) {
		store_part(sums + c, load_part(sums + c, lanes) + k.sum, lanes);
		store_part(sums + channels + c, load_part(sums + channels + c, lanes) + k.product, lanes);
	}
}

// read_channels reads channels c on of a pixel. Full: VL divides the channels.
INLINE vec read_channels(const int mode, const int full, const struct source *in, long pixel, long c, long channels) {
	const long lanes = full ? VL : channels - c;
	return read_part(mode, in, pixel * channels + c, read_coef(mode, in, c, lanes), lanes);
}

// y = the largest value, or the mean, of every high x wide window.
INLINE void pool_rows(const int max, const long high, const long wide, const int full, const int read, const int write, const struct rows *p, long piece, int worker) {
	const struct job *job = p->job;
	float *sums = pool_scratch(p->pool, worker, 2 * job->c);
	memset(sums, 0, sizeof(float) * 2 * (size_t)job->c);
	for (long u = cut_at(p->units, p->pieces, piece); u < cut_at(p->units, p->pieces, piece + 1); u++) {
		const long first = (u / job->oh * job->h + u % job->oh * job->stride) * job->w;
		for (long j = 0; j < job->ow; j++)
			for (long c = 0; c < job->c; c += VL) {
				const long pixel = first + j * job->stride;
				vec v = max ? read_channels(read, full, &job->in, pixel, c, job->c) : (vec){0};
				for (long a = 0; a < high; a++)
					for (long b = 0; b < wide; b++) {
						vec x = read_channels(read, full, &job->in, pixel + a * job->w + b, c, job->c);
						v = max ? max_or_nan(x, v) : v + x;
					}
				if (!max)
					v /= (float)(high * wide);
				write_channels(write, full, &job->out, u * job->ow + j, c, job->c, v, sums);
			}
		if (p->sums)
			add_up(p->sums + piece * 2 * job->c, sums, 2 * job->c);
	}
}

static void max_pool_piece(void *context, long piece, int worker) {
	const struct rows *p = context;
	const struct job *job = p->job;
	const int usual = job->high == 2 && job->wide == 2 && job->c % VL == 0 && job->in.mode == 0;
	if (usual && job->out.mode == SUM)
		pool_rows(1, 2, 2, 1, 0, SUM, p, piece, worker);
	else if (usual && job->out.mode == 0) // in evaluation
		pool_rows(1, 2, 2, 1, 0, 0, p, piece, worker);
	else
		pool_rows(1, job->high, job->wide, 0, job->in.mode, job->out.mode, p, piece, worker);
}

static void avg_pool_piece(void *context, long piece, int worker) {
	const struct rows *p = context;
	const struct job *job = p->job;
	if (job->c % VL == 0 && job->in.mode == 0 && job->out.mode == 0)
		pool_rows(0, job->high, job->wide, 1, 0, 0, p, piece, worker);
	else
		pool_rows(0, job->high, job->wide, 0, job->in.mode, job->out.mode, p, piece, worker);
}

static void max_pool(struct pool *pool, const struct job *job) { run_rows(pool, job, job->n * job->oh, job->c, max_pool_piece); }
static void avg_pool(struct pool *pool, const struct job *job) { run_rows(pool, job, job->n * job->oh, job->c, avg_pool_piece); }

// dx of every window, where its first maximum is or everywhere. Pieces are whole images, for windows may overlap.
INLINE void pool_grad_images(const int max, const long high, const long wide, const int full, const int read, const int read_grad, const struct rows *p, long piece) {
	const struct job *job = p->job;
	const long image = job->h * job->w * job->c;
	// Every pixel is in exactly one window.
	const int tiled = (job->oh == 1 || job->stride == high) && job->oh * high == job->h &&
		(job->ow == 1 || job->stride == wide) && job->ow * wide == job->w;
	for (long n = cut_at(p->units, p->pieces, piece); n < cut_at(p->units, p->pieces, piece + 1); n++) {
		if (!tiled)
			memset(job->dx + n * image, 0, sizeof(float) * (size_t)image);
		for (long i = 0; i < job->oh; i++)
			for (long j = 0; j < job->ow; j++)
				for (long c = 0; c < job->c; c += VL) {
					const long pixel = (n * job->h + i * job->stride) * job->w + j * job->stride, lanes = full ? VL : job->c - c;
					vec g = read_channels(read_grad, full, &job->grad, (n * job->oh + i) * job->ow + j, c, job->c);
					ivec winner = {0}; // the number of the first maximum in the window
					if (max) {
						vec most = read_channels(read, full, &job->in, pixel, c, job->c);
						for (long a = 0; a < high; a++)
							for (long b = 0; b < wide; b++) {
								vec x = read_channels(read, full, &job->in, pixel + a * job->w + b, c, job->c);
								ivec more = (x > most) | (x != x);
								most = max_or_nan(x, most);
								winner = (winner & ~more) | (more & ((ivec){0} + (int32_t)(a * wide + b)));
							}
					} else {
						g /= (float)(high * wide);
					}
					for (long a = 0; a < high; a++)
						for (long b = 0; b < wide; b++) {
							float *dx = job->dx + (pixel + a * job->w + b) * job->c + c;
							vec v = max ? (vec)((ivec)g & (winner == (ivec){0} + (int32_t)(a * wide + b))) : g;
							store_part(dx, tiled ? v : load_part(dx, lanes) + v, lanes);
						}
				}
	}
}

static void max_pool_grad_piece(void *context, long piece, int worker) {
	(void)worker;
	const struct rows *p = context;
	const struct job *job = p->job;
	if (job->high == 2 && job->wide == 2 && job->c % VL == 0 && job->in.mode == 0 && job->grad.mode == GRAD)
		pool_grad_images(1, 2, 2, 1, 0, GRAD, p, piece);
	else
		pool_grad_images(1, job->high, job->wide, 0, job->in.mode, job->grad.mode, p, piece);
}

static void avg_pool_grad_piece(void *context, long piece, int worker) {
	(void)worker;
	const struct rows *p = context;
	pool_grad_images(0, p->job->high, p->job->wide, 0, 0, p->job->grad.mode, p, piece);
}

static void max_pool_grad(struct pool *pool, const struct job *job) { run_rows(pool, job, job->n, job->c, max_pool_grad_piece); }
static void avg_pool_grad(struct pool *pool, const struct job *job) { run_rows(pool, job, job->n, job->c, avg_pool_grad_piece); }

// Every stride-th pixel, with zeros for channels c to o.
INLINE void subsample_rows(const int full, const int read, const int write, const struct rows *p, long piece, int worker) {
	const struct job *job = p->job;
	float *sums = pool_scratch(p->pool, worker, 2 * job->o);
	memset(sums, 0, sizeof(float) * 2 * (size_t)job->o);
	for (long u = cut_at(p->units, p->pieces, piece); u < cut_at(p->units, p->pieces, piece + 1); u++) {
		const long first = (u / job->oh * job->h + u % job->oh * job->stride) * job->w;
		for (long j = 0; j < job->ow; j++)
			for (long c = 0; c < job->o; c += VL) {
				vec v = c < job->c ? read_channels(read, full, &job->in, first + j * job->stride, c, job->c) : (vec){0};
				write_channels(write, full, &job->out, u * job->ow + j, c, job->o, v, sums);
			}
		if (p->sums)
			add_up(p->sums + piece * 2 * job->o, sums, 2 * job->o);
	}
}

static void subsample_piece(void *context, long piece, int worker) {
	const struct rows *p = context;
	const struct job *job = p->job;
	if (job->c % VL == 0 && job->o % VL == 0 && job->in.mode == 0 && job->out.mode == 0)
		subsample_rows(1, 0, 0, p, piece, worker);
	else
		subsample_rows(0, job->in.mode, job->out.mode, p, piece, worker);
}

// dx: the gradient where a value was taken, zeros elsewhere.
INLINE void subsample_grad_images(const int full, const int read, const struct rows *p, long piece) {
	const struct job *job = p->job;
	const long row = job->w * job->c, channels = read & JOIN ? job->o : job->c; // those from c on are read to be stored
	for (long n = cut_at(p->units, p->pieces, piece); n < cut_at(p->units, p->pieces, piece + 1); n++)
		for (long i = 0; i < job->h; i++) {
			float *dx = job->dx + (n * job->h + i) * row;
			if (i % job->stride) {
				memset(dx, 0, sizeof(float) * (size_t)row);
				continue;
			}
			for (long j = 0; j < job->ow; j++) {
				for (long c = 0; c < channels; c += VL) {
					vec v = read_channels(read, full, &job->grad, (n * job->oh + i / job->stride) * job->ow + j, c, job->o);
					if (c < job->c)
						store_part(dx + c, v, full ? VL : job->c - c);
				}
				const long pixels = at_most(job->stride, job->w - j * job->stride);
				memset(dx + job->c, 0, sizeof(float) * (size_t)((pixels - 1) * job->c));
				dx += pixels * job->c;
			}
		}
}

static void subsample_grad_piece(void *context, long piece, int worker) {
	(void)worker;
	const struct rows *p = context;
	const struct job *job = p->job;
	if (job->c % VL == 0 && job->o % VL == 0 && job->grad.mode == 0)
		subsample_grad_images(1, 0, p, piece);
	else
		subsample_grad_images(0, job->grad.mode, p, piece);
}

static void subsample(struct pool *pool, const struct job *job) { run_rows(pool, job, job->n * job->oh, job->o, subsample_piece); }
static void subsample_grad(struct pool *pool, const struct job *job) { run_rows(pool, job, job->n, job->o, subsample_grad_piece); }

// lowbias32 (Wellons 2018).
INLINE uvec mix(uvec x) {
	x ^= x >> 16;
	x *= 0x7feb352dU;
	x ^= x >> 15;
	x *= 0x846ca68bU;
	return x ^ x >> 16;
}

enum { DROPOUT_BLOCK = 1 << 14 }; // elements of a piece; divides 2^32

// out.y[i] = hash(key, i) < limit ? 0 : in.x[i]*factor; see dropHash.
static void dropout_piece(void *context, long piece, int worker) {
	const struct job *job = context;
	(void)worker;
	const uint64_t begin = (uint64_t)piece * DROPOUT_BLOCK;
	const uvec low = (uvec){0} + (uint32_t)job->key;
	const uvec high = (uvec){0} + ((uint32_t)(job->key >> 32) + (uint32_t)(begin >> 32) * 0x9e3779b9U);
	uvec lane;
	for (int l = 0; l < VL; l++)
		lane[l] = (uint32_t)l;
	const long end = at_most(job->count, (long)begin + DROPOUT_BLOCK), whole = end / VL * VL;
	for (long i = (long)begin; i < end; i += VL) {
		const long lanes = i < whole ? VL : end - i;
		uvec hash = mix(mix((lane + (uint32_t)i) ^ low) ^ high);
		vec x = load_part(job->in.x + i, lanes) * job->factor;
		store_part(job->out.y + i, (vec)((ivec)x & (ivec)(hash >= (uvec){0} + job->limit)), lanes);
	}
}

static void dropout(struct pool *pool, const struct job *job) {
	pool_run(pool, dropout_piece, (void *)job, (job->count + DROPOUT_BLOCK - 1) / DROPOUT_BLOCK);
}

enum { SOFTMAX_ROWS = 16 };

// Rows of o logits in in.x; see SoftmaxCrossEntropy. dx is the gradient.
static void softmax_piece(void *context, long piece, int worker) {
	const struct job *job = context;
	(void)worker;
	const long k = job->o;
	const double other = job->smoothing / (double)k, own = 1 - job->smoothing + other; // targets
	for (long i = piece * SOFTMAX_ROWS; i < at_most(job->n, (piece + 1) * SOFTMAX_ROWS); i++) {
		const float *row = job->in.x + i * k;
		const long label = job->labels[i];
		long best = 0;
		for (long j = 1; j < k; j++)
			if (row[j] > row[best])
				best = j;
		const double top = row[best];
		double sum = 0;
		for (long j = 0; j < k; j++)
			sum += exp(row[j] - top);
		if (job->loss) {
			double target = row[label];
			if (other > 0) { // infinite logits must not spoil a loss that is not smoothed
				double all = 0;
				for (long j = 0; j < k; j++)
					all += row[j];
				target = (1 - job->smoothing) * target + other * all;
			}
			job->loss[i] = (float)(log(sum) + top - target);
		}
		if (job->dx)
			for (long j = 0; j < k; j++)
				job->dx[i * k + j] = (float)((exp(row[j] - top) / sum - (j == label ? own : other)) / (double)job->n);
		if (job->correct)
			job->correct[i] = best == label;
	}
}

static void softmax(struct pool *pool, const struct job *job) {
	pool_run(pool, softmax_piece, (void *)job, (job->n + SOFTMAX_ROWS - 1) / SOFTMAX_ROWS);
}

// d = g + decay*w;  m = momentum*m + d;  w -= rate * (nesterov ? d + momentum*m : m)
static void sgd(long n, float *w, const float *g, float *m, const struct update *u) {
	for (long i = 0; i < n; i += VL) {
		const long lanes = n - i;
		vec x = load_part(w + i, lanes), d = load_part(g + i, lanes) + u->decay * x, step = d;
		if (m) {
			step = u->momentum * load_part(m + i, lanes) + d;
			store_part(m + i, step, lanes);
			if (u->nesterov)
				step = d + u->momentum * step;
		}
		store_part(w + i, x - u->rate * step, lanes);
	}
}

// d = g + decay*w;  m = beta1*m + (1-beta1)*d;  v = beta2*v + (1-beta2)*d*d;  w -= rate * m / (sqrt(v) + eps)
static void adam(long n, float *w, const float *g, float *m, float *v, const struct update *u) {
	for (long i = 0; i < n; i += VL) {
		const long lanes = n - i;
		vec x = load_part(w + i, lanes), d = load_part(g + i, lanes) + u->decay * x;
		vec first = u->beta1 * load_part(m + i, lanes) + u->rest1 * d;
		vec second = u->beta2 * load_part(v + i, lanes) + u->rest2 * d * d;
		store_part(m + i, first, lanes);
		store_part(v + i, second, lanes);
		store_part(w + i, x - u->rate * first / (SQRT(second) + u->eps), lanes);
	}
}

// a += rest * (w - a)
static void average(long n, float *a, const float *w, float rest) {
	for (long i = 0; i < n; i += VL) {
		const long lanes = n - i;
		vec x = load_part(a + i, lanes);
		store_part(a + i, x + rest * (load_part(w + i, lanes) - x), lanes);
	}
}
