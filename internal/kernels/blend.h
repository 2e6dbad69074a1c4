// How a shortcut and a branch are joined by factors or a gate; see Blend in blend.go.

// e to the power of x, for x <= 0, to about one unit in the last place; below -87 that of -87.
INLINE vec exp_negative(vec x) {
	x = MAX(splat(-87), x); // in this order, NaN stays NaN
	const vec magic = splat(0x1.8p23f);
	const vec n = (x * 0x1.715476p+0f + magic) - magic; // to the nearest whole number
	vec r = x - n * 0x1.62ep-1f;                         // ln 2 in two parts, of which the first times n is exact
	r = r - n * 0x1.0bfbe8p-15f;
	vec p = splat(0x1.6d7f7ap-10f);
	p = p * r + 0x1.1241f6p-7f;
	p = p * r + 0x1.5554dap-5f;
	p = p * r + 0x1.55552ap-3f;
	p = p * r + 0x1p-1f;
	p = p * r + 1.0f;
	p = p * r + 1.0f;
	const ivec power = (ivec)(n + magic) << 23; // the low bits of n + magic are n
	return (vec)((ivec)p + power);
}

struct gate {
	vec open, shut; // g and 1-g
};

INLINE struct gate gate_of(vec z) {
	const ivec negative = (ivec)z >> 31;
	const vec e = exp_negative((vec)((ivec)z | INT32_MIN));
	const vec large = 1 / (1 + e), small = e / (1 + e);
	return (struct gate){
		.open = (vec)((negative & (ivec)small) | (~negative & (ivec)large)),
		.shut = (vec)((negative & (ivec)large) | (~negative & (ivec)small)),
	};
}

// Gates of a job.
enum { NO_GATE, ON_SHORTCUT, EXCLUSIVE };

enum { BLEND_BLOCK = 8192 }; // about so many elements between two additions in float64

// Pixels from begin to end, of c channels. Full: VL divides them.
INLINE void blend_pixels(const int gate, const int full, const int read, const int write, const struct job *job, long begin, long end, float *sums) {
	for (long pixel = begin; pixel < end; pixel++)
		for (long c = 0; c < job->c; c += VL) {
			const long i = pixel * job->c + c, lanes = full ? VL : job->c - c;
			vec v = read_channels(read, full, &job->in, pixel, c, job->c);
			vec s = job->s ? load_part(job->s + i, lanes) : (vec){0};
			if (gate == NO_GATE) {
				v = s * job->a + v * job->b;
			} else {
				const struct gate g = gate_of(load_part(job->z + i, lanes));
				v = s * g.shut + (gate == EXCLUSIVE ? v * g.open : v);
			}
			if (!full) // lanes that do not exist read shifts
				for (long l = lanes; l < VL; l++)
					v[l] = 0;
			write_channels(write, full, &job->out, pixel, c, job->c, v, sums);
		}
}

static void blend_piece(void *context, long piece, int worker) {
	const struct rows *p = context;
	const struct job *job = p->job;
	const long pixels = job->count / job->c, block = at_least(1, BLEND_BLOCK / job->c);
	float *sums = pool_scratch(p->pool, worker, 2 * job->c);
	memset(sums, 0, sizeof(float) * 2 * (size_t)job->c);
	for (long u = cut_at(p->units, p->pieces, piece); u < cut_at(p->units, p->pieces, piece + 1); u++) {
		const long begin = u * block, end = at_most(pixels, begin + block);
		const int plain = job->c % VL == 0 && job->out.mode == 0;
		if (plain && job->in.mode == 0 && job->gate == EXCLUSIVE)
			blend_pixels(EXCLUSIVE, 1, 0, 0, job, begin, end, sums);
		else if (plain && job->in.mode == AFFINE && job->gate == EXCLUSIVE)
			blend_pixels(EXCLUSIVE, 1, AFFINE, 0, job, begin, end, sums);
		else if (plain && job->in.mode == AFFINE && job->gate == ON_SHORTCUT)
			blend_pixels(ON_SHORTCUT, 1, AFFINE, 0, job, begin, end, sums);
		else if (plain && job->in.mode == AFFINE && job->gate == NO_GATE)
			blend_pixels(NO_GATE, 1, AFFINE, 0, job, begin, end, sums);
		else
			blend_pixels(job->gate, 0, job->in.mode, job->out.mode, job, begin, end, sums);
		if (p->sums)
			add_up(p->sums + piece * 2 * job->c, sums, 2 * job->c);
	}
}

// Gradients of the shortcut, the branch and what opens the gate; see BlendPart.
enum { OF_SHORTCUT, OF_BRANCH, OF_GATE };

INLINE void blend_grad_pixels(const int gate, const int part, const int full, const int read, const int read_grad, const struct job *job, long begin, long end) {
	for (long pixel = begin; pixel < end; pixel++)
		for (long c = 0; c < job->c; c += VL) {
			const long i = pixel * job->c + c, lanes = full ? VL : job->c - c;
			vec d = read_channels(read_grad, full, &job->grad, pixel, c, job->c);
			if (gate == NO_GATE) {
				d *= part == OF_SHORTCUT ? job->a : job->b;
			} else {
				const struct gate g = gate_of(load_part(job->z + i, lanes));
				if (part == OF_SHORTCUT) {
					d *= g.shut;
				} else if (part == OF_BRANCH) {
					if (gate == EXCLUSIVE)
						d *= g.open;
				} else {
					vec more = -load_part(job->s + i, lanes);
					if (gate == EXCLUSIVE)
						more += read_channels(read, full, &job->in, pixel, c, job->c);
					d *= more * (g.open * g.shut);
				}
			}
			store_part(job->dx + i, d, lanes);
		}
}

static void blend_grad_piece(void *context, long piece, int worker) {
	(void)worker;
	const struct rows *p = context;
	const struct job *job = p->job;
	const long pixels = job->count / job->c, block = at_least(1, BLEND_BLOCK / job->c);
	for (long u = cut_at(p->units, p->pieces, piece); u < cut_at(p->units, p->pieces, piece + 1); u++) {
		const long begin = u * block, end = at_most(pixels, begin + block);
		const int plain = job->c % VL == 0 && job->grad.mode == 0;
		if (plain && job->gate != NO_GATE && job->part == OF_SHORTCUT)
			blend_grad_pixels(EXCLUSIVE, OF_SHORTCUT, 1, 0, 0, job, begin, end);
		else if (plain && job->gate == EXCLUSIVE && job->part == OF_BRANCH)
			blend_grad_pixels(EXCLUSIVE, OF_BRANCH, 1, 0, 0, job, begin, end);
		else if (plain && job->in.mode == AFFINE && job->gate == EXCLUSIVE && job->part == OF_GATE)
			blend_grad_pixels(EXCLUSIVE, OF_GATE, 1, AFFINE, 0, job, begin, end);
		else
			blend_grad_pixels(job->gate, job->part, 0, job->in.mode, job->grad.mode, job, begin, end);
	}
}

static long blend_units(const struct job *job) {
	const long block = at_least(1, BLEND_BLOCK / job->c);
	return (job->count / job->c + block - 1) / block;
}

static void blend(struct pool *pool, const struct job *job) { run_rows(pool, job, blend_units(job), job->c, blend_piece); }
static void blend_grad(struct pool *pool, const struct job *job) { run_rows(pool, job, blend_units(job), job->c, blend_grad_piece); }
