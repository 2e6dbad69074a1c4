// What is done to gradients and weights in a step of training besides SGD and Adam: see AdamW, RMSProp, Scale, Clamp,
// Accumulate and SumSquares. Included by isa.h.

// w *= keep;  m = beta1*m + (1-beta1)*g;  v = beta2*v + (1-beta2)*g*g;  w -= rate * m / (sqrt(v) + eps)
static void adamw(long n, float *w, const float *g, float *m, float *v, const struct update *u) {
	for (long i = 0; i < n; i += VL) {
		const long lanes = n - i;
		vec d = load_part(g + i, lanes);
		vec first = u->beta1 * load_part(m + i, lanes) + u->rest1 * d;
		vec second = u->beta2 * load_part(v + i, lanes) + u->rest2 * d * d;
		store_part(m + i, first, lanes);
		store_part(v + i, second, lanes);
		store_part(w + i, u->keep * load_part(w + i, lanes) - u->rate * first / (SQRT(second) + u->eps), lanes);
	}
}

// d = g + decay*w;  v = beta2*v + (1-beta2)*d*d;  a = beta2*a + (1-beta2)*d (if there is an a);
// s = d / (inside ? sqrt(v - a*a + eps) : sqrt(v - a*a) + eps);
// m = momentum*m + before*s;  w -= rate*m      or, without m, w -= rate*before*s
static void rmsprop(long n, float *w, const float *g, float *v, float *a, float *m, const struct update *u) {
	for (long i = 0; i < n; i += VL) {
		const long lanes = n - i;
		vec x = load_part(w + i, lanes), d = load_part(g + i, lanes) + u->decay * x;
		vec spread = u->beta2 * load_part(v + i, lanes) + u->rest2 * d * d;
		store_part(v + i, spread, lanes);
		if (a) {
			vec mean = u->beta2 * load_part(a + i, lanes) + u->rest2 * d;
			store_part(a + i, mean, lanes);
			spread = MAX((vec){0}, spread - mean * mean); // in this order, NaN stays NaN
		}
		vec step = u->before * d / (u->inside ? SQRT(spread + u->eps) : SQRT(spread) + u->eps);
		if (m) {
			step = u->momentum * load_part(m + i, lanes) + step;
			store_part(m + i, step, lanes);
		}
		store_part(w + i, x - u->rate * step, lanes);
	}
}

// y *= factor
static void scale(long n, float *y, float factor) {
	for (long i = 0; i < n; i += VL)
		store_part(y + i, factor * load_part(y + i, n - i), n - i);
}

// y = min(max(y, -limit), limit); NaN stays NaN
static void clamp(long n, float *y, float limit) {
	const vec top = splat(limit);
	for (long i = 0; i < n; i += VL) {
		vec v = load_part(y + i, n - i);
		v = MAX(-top, v);
		store_part(y + i, -MAX(-top, -v), n - i);
	}
}

// y += factor * x
static void accumulate(long n, float *y, const float *x, float factor) {
	for (long i = 0; i < n; i += VL)
		store_part(y + i, load_part(y + i, n - i) + factor * load_part(x + i, n - i), n - i);
}

// Sixteen partial sums of squares on every machine, in vectors of doubles.
typedef double doubles __attribute__((vector_size(VL * 4)));
typedef float narrow __attribute__((vector_size(VL * 2), aligned(4)));
enum { SQUARES = 16, LANES = VL / 2, VECTORS = SQUARES / LANES };

INLINE void add_squares(doubles *sum, const float *x) {
	UNROLL for (int i = 0; i < VECTORS; i++) {
		const doubles d = __builtin_convertvector(*(const narrow *)(x + i * LANES), doubles);
		sum[i] += d * d; // d*d is exact, so it is all the same whether this is one operation
	}
}

// The sum of x*x. The i-th partial sum is that of every 16th x from the i-th on; then each half is added to the other, down to one.
static double sum_squares(long n, const float *x) {
	doubles sum[VECTORS];
	UNROLL for (int i = 0; i < VECTORS; i++) sum[i] = (doubles){0};
	long at = 0;
	for (; at + SQUARES <= n; at += SQUARES)
		add_squares(sum, x + at);
	if (at < n) {
		float rest[SQUARES] = {0};
		memcpy(rest, x + at, sizeof(float) * (size_t)(n - at));
		add_squares(sum, rest);
	}
	double s[SQUARES];
	memcpy(s, sum, sizeof s);
	for (int half = SQUARES / 2; half > 0; half /= 2)
		for (int k = 0; k < half; k++)
			s[k] += s[k + half];
	return s[0];
}
