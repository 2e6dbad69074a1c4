// As many multiply-adds as the vectors of this instruction set can do, all in registers: what other kernels are measured
// against. Included by isa.h.

enum { CHAINS = 12 }; // sums that do not wait for each other: enough to hide how long a multiply-add takes

struct peak {
	float factor;
	float *ends; // [pieces, VL]: so that the sums are needed
};

static void peak_piece(void *context, long piece, int worker) {
	const struct peak *p = context;
	(void)worker;
	const vec factor = splat(p->factor), term = splat(1 - p->factor);
	vec sum[CHAINS];
	UNROLL
	for (int i = 0; i < CHAINS; i++)
		sum[i] = splat((float)(piece + i));
	for (long round = 0; round < PEAK_MACS / (CHAINS * VL); round++) {
		UNROLL
		for (int i = 0; i < CHAINS; i++)
			sum[i] = sum[i] * factor + term;
	}
	UNROLL
	for (int i = 1; i < CHAINS; i++)
		sum[0] += sum[i];
	store(p->ends + piece * VL, sum[0]);
}

static void peak(struct pool *pool, const struct job *job) {
	struct peak p = {job->factor, pool_shared(pool, PARTIALS, job->count * VL * (long)sizeof(float))};
	pool_run(pool, peak_piece, &p, job->count);
}
