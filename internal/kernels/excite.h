// How every channel of every image is scaled by a gate; see Excite in kernels.go. A job's h is the pixels of an image.

// open[c] = g of image n
static void open_gates(const struct job *job, long n, float *open) {
	for (long c = 0; c < job->c; c += VL)
		store_part(open + c, gate_of(load_part(job->z + n * job->c + c, job->c - c)).open, job->c - c);
}

// y = v g, for one image.
INLINE void excite_image(const int full, const int read, const int write, const struct job *job, long n, const float *open, float *sums) {
	for (long pixel = n * job->h; pixel < (n + 1) * job->h; pixel++)
		for (long c = 0; c < job->c; c += VL) {
			vec v = read_channels(read, full, &job->in, pixel, c, job->c) * load_part(open + c, full ? VL : job->c - c);
			write_channels(write, full, &job->out, pixel, c, job->c, v, sums);
		}
}

static void excite_piece(void *context, long piece, int worker) {
	const struct rows *p = context;
	const struct job *job = p->job;
	float *sums = pool_scratch(p->pool, worker, 3 * job->c), *open = sums + 2 * job->c;
	memset(sums, 0, sizeof(float) * 2 * (size_t)job->c);
	for (long n = cut_at(p->units, p->pieces, piece); n < cut_at(p->units, p->pieces, piece + 1); n++) {
		open_gates(job, n, open);
		if (job->c % VL == 0 && job->in.mode == AFFINE && job->out.mode == 0)
			excite_image(1, AFFINE, 0, job, n, open, sums);
		else if (job->c % VL == 0 && job->in.mode == 0 && job->out.mode == 0)
			excite_image(1, 0, 0, job, n, open, sums);
		else
			excite_image(0, job->in.mode, job->out.mode, job, n, open, sums);
		if (p->sums)
			add_up(p->sums + piece * 2 * job->c, sums, 2 * job->c);
	}
}

// dv = dy g, for one image.
INLINE void excite_grad_image(const int full, const int read_grad, const struct job *job, long n, const float *open) {
	for (long pixel = n * job->h; pixel < (n + 1) * job->h; pixel++)
		for (long c = 0; c < job->c; c += VL) {
			const long lanes = full ? VL : job->c - c;
			vec d = read_channels(read_grad, full, &job->grad, pixel, c, job->c);
			store_part(job->dx + pixel * job->c + c, d * load_part(open + c, lanes), lanes);
		}
}

// sum[c] += dy v, over the pixels of one image.
INLINE void excite_sum_image(const int full, const int read, const int read_grad, const struct job *job, long n, float *sum) {
	for (long pixel = n * job->h; pixel < (n + 1) * job->h; pixel++)
		for (long c = 0; c < job->c; c += VL) {
			const long lanes = full ? VL : job->c - c;
			vec d = read_channels(read_grad, full, &job->grad, pixel, c, job->c);
			d *= read_channels(read, full, &job->in, pixel, c, job->c);
			store_part(sum + c, load_part(sum + c, lanes) + d, lanes);
		}
}

static void excite_grad_piece(void *context, long piece, int worker) {
	const struct rows *p = context;
	const struct job *job = p->job;
	float *work = pool_scratch(p->pool, worker, job->c); // gates, or sums
	const int plain = job->c % VL == 0 && job->grad.mode == 0;
	for (long n = cut_at(p->units, p->pieces, piece); n < cut_at(p->units, p->pieces, piece + 1); n++) {
		if (job->part == OF_BRANCH) {
			open_gates(job, n, work);
			if (plain)
				excite_grad_image(1, 0, job, n, work);
			else
				excite_grad_image(0, job->grad.mode, job, n, work);
			continue;
		}
		memset(work, 0, sizeof(float) * (size_t)job->c);
		if (plain && job->in.mode == AFFINE)
			excite_sum_image(1, AFFINE, 0, job, n, work);
		else if (plain && job->in.mode == 0)
			excite_sum_image(1, 0, 0, job, n, work);
		else
			excite_sum_image(0, job->in.mode, job->grad.mode, job, n, work);
		for (long c = 0; c < job->c; c += VL) { // dz = g (1-g) sum
			const long i = n * job->c + c, lanes = job->c - c;
			const struct gate g = gate_of(load_part(job->z + i, lanes));
			store_part(job->dx + i, load_part(work + c, lanes) * (g.open * g.shut), lanes);
		}
	}
}

static void excite(struct pool *pool, const struct job *job) { run_rows(pool, job, job->n, job->c, excite_piece); }
static void excite_grad(struct pool *pool, const struct job *job) { run_rows(pool, job, job->n, job->c, excite_grad_piece); }
