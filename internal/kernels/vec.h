// Vectors of VL floats, by GCC's vector extensions, and how they are read and stored. Included by isa.h.
//
// An instruction set defines, before:
//	VL            lanes of a vector: 4, 8 or 16
//	ROWS, COLS    the block of a product: ROWS numbers times COLS vectors are kept in registers; small enough that a
//	              processor holds the instructions of one block's end and of the next one's start, and runs both
//	TILE_ROWS     the rows of Winograd's products, which are of tiles
//	GRAD_ROWS     the same for the gradient of weights; divides 16
//	CHUNK(c)      tiles of c channels that are transformed at a time; a multiple of TILE_ROWS
//	MAX(a, b)     a > b ? a : b in every lane: b if one is NaN
//	KEEP(t, v)    v where t > 0, else 0
//	SQRT(v)       the square root
//	PIN(a, b)     makes gcc keep both in registers here, not in memory; or nothing
//
// and if it has products of bf16, whose pairs are in the place of a float each:
//	DOT(acc, u, s)       acc + the products of u's pairs with the pair s, both added up
//	ROUND_TO_HALF(p, v)  stores VL floats as VL/2 pairs of neighbours
//	PAIR(a, b)           pairs of a float of a and one of b
//	PUT_HALF(p, v, odd)  stores v as the first of VL pairs, the second ones being 0; or, if odd, as the second of the pairs there

typedef float vec __attribute__((vector_size(VL * 4)));
typedef float vec_at_float __attribute__((vector_size(VL * 4), aligned(4)));
typedef int32_t ivec __attribute__((vector_size(VL * 4)));
typedef uint32_t uvec __attribute__((vector_size(VL * 4)));

#ifdef DOT
enum { HAS_BF16 = 1 };
#else // what depends on HAS_BF16 is compiled, and left out
enum { HAS_BF16 = 0 };
#define DOT(acc, u, s) (acc)
#define ROUND_TO_HALF(p, v) store(p, v)
#define PAIR(a, b) (a)
#define PUT_HALF(p, v, odd) store(p, v)
#endif

// Constants given to an INLINE function, such as modes and block sizes, are known when it is compiled.
#define INLINE static inline __attribute__((always_inline))
// Loops over vectors that live in registers: one level only, and always on their own, or gcc unrolls them too late and
// keeps every vector in memory.
#define UNROLL _Pragma("GCC unroll 128")
// Makes gcc forget how it came by an address or index, from which others follow: or it works out those of all rows of a tile ahead,
// keeps them in memory, and reads one before each vector.
#define FORGET(x) __asm__("" : "+r"(x))

enum { BLOCK = 16 }; // channels that lie together in a transformed tile

INLINE vec load(const float *p) { return *(const vec_at_float *)p; }
INLINE void store(float *p, vec v) { *(vec_at_float *)p = v; }
INLINE vec splat(float x) { return (vec){0} + x; }

// The first n lanes; the others are 0.
INLINE vec load_part(const float *p, long n) {
	if (n >= VL)
		return load(p);
	vec v = {0};
	for (long i = 0; i < n; i++)
		v[i] = p[i];
	return v;
}

INLINE void store_part(float *p, vec v, long n) {
	if (n >= VL) {
		store(p, v);
		return;
	}
	for (long i = 0; i < n; i++)
		p[i] = v[i];
}

// The larger of x and v in every lane, NaN where one is: a comparison's -1 is the bits of one.
INLINE vec max_or_nan(vec x, vec v) { return (vec)((ivec)MAX(x, v) | (x != x)); }

INLINE long at_most(long a, long b) { return a < b ? a : b; }
INLINE long at_least(long a, long b) { return a > b ? a : b; }
INLINE long round_up(long a, long b) { return (a + b - 1) / b * b; }

// The coefficients of a source for the channels of one vector.
struct read_coef {
	vec s0, s1, s2;
};

INLINE struct read_coef read_coef(const int mode, const struct source *s, long c, long n) {
	struct read_coef k = {{0}, {0}, {0}};
	if (mode & (AFFINE | GRAD)) {
		k.s0 = load_part(s->s0 + c, n);
		k.s1 = load_part(s->s1 + c, n);
	}
	if (mode & GRAD)
		k.s2 = load_part(s->s2 + c, n);
	return k;
}

// read_part is elements i to i+n as the source says; see struct source. n >= VL: a whole vector.
INLINE vec read_part(const int mode, const struct source *s, long i, struct read_coef k, long n) {
	vec v = load_part(s->x + i, n);
	if (mode & AFFINE)
		v = v * k.s0 + k.s1;
	if (mode & GRAD)
		v = v * k.s0 + (load_part(s->x2 + i, n) * k.s1 + k.s2);
	if (mode & ADD)
		v += load_part(s->r + i, n);
	if (mode & RELU)
		v = MAX((vec){0}, v); // in this order, NaN stays NaN
	if (mode & JOIN)
		store_part(s->joined + i, v, n);
	return v;
}

INLINE vec read_at(const int mode, const struct source *s, long i, struct read_coef k) {
	return read_part(mode, s, i, k, VL);
}

// The coefficients of a sink for the channels of one vector, and the sums taken so far.
struct write_coef {
	vec bias, scale, shift, sum, product;
};

INLINE struct write_coef write_coef(const int mode, const struct sink *s, long c, long n) {
	struct write_coef k = {{0}, {0}, {0}, {0}, {0}};
	if (s->bias)
		k.bias = load_part(s->bias + c, n);
	if (mode & (MASK | SCALE | NORM))
		k.scale = load_part(s->scale + c, n);
	if (mode & (MASK | NORM))
		k.shift = load_part(s->shift + c, n);
	return k;
}

// write_part stores v as elements i to i+n as the sink says; see struct sink. Lanes from n on must be 0 in v and bias.
INLINE void write_part(const int mode, const struct sink *s, long i, vec v, struct write_coef *k, long n) {
	if (!(mode & THROUGH))
		v += k->bias;
	if (mode & NORM)
		v = v * k->scale + k->shift;
	if (mode & RESIDUAL)
		v += load_part(s->residual + i, n);
	if (mode & GATE)
		v = KEEP(load_part(s->gate + i, n), v);
	if (mode & THROUGH) {
		vec t = load_part(s->through + i, n);
		if (mode & MASK) {
			const vec u = t * k->scale + k->shift;
			v = KEEP(u, v);
			if (mode & ACTIVE)
				store_part(s->active + (i - s->active_from), MAX((vec){0}, u), n);
		}
		if (mode & SUM) {
			k->sum += v;
			k->product += v * t;
		}
	} else {
		if (mode & RECTIFY)
			v = MAX((vec){0}, v);
		if (mode & SUM) {
			k->sum += v;
			k->product += v * v;
		}
	}
	if (mode & SCALE)
		v *= k->scale;
	if (mode & REST)
		v += load_part(s->rest + i, n);
	if (!(mode & DISCARD))
		store_part(s->y + i, v, n);
}

INLINE void write_at(const int mode, const struct sink *s, long i, vec v, struct write_coef *k) {
	write_part(mode, s, i, v, k, VL);
}

// Memory to be fetched into the cache little by little while products are computed: at most all that one activation, one
// gradient and one sink consist of.
enum { MOST_AHEAD = 1 + 3 + 5 };
struct ahead {
	const char *at[MOST_AHEAD], *end[MOST_AHEAD];
	int n, i;
};

static void fetch_floats(struct ahead *f, const float *p, long n) {
	if (p && n > 0) {
		f->at[f->n] = (const char *)p;
		f->end[f->n++] = (const char *)(p + n);
	}
}

// All that a source reads of n floats from i on.
static void fetch_source(struct ahead *f, const struct source *s, long i, long n) {
	fetch_floats(f, s->x + i, n);
	if (s->mode & GRAD)
		fetch_floats(f, s->x2 + i, n);
	if (s->mode & ADD)
		fetch_floats(f, s->r + i, n);
}

// All that a sink touches of n floats from i on.
static void fetch_sink(struct ahead *f, const struct sink *s, long i, long n) {
	fetch_floats(f, s->y + i, n);
	if ((s->mode & RESIDUAL) && s->residual != s->y)
		fetch_floats(f, s->residual + i, n);
	if (s->mode & THROUGH)
		fetch_floats(f, s->through + i, n);
	if (s->mode & GATE)
		fetch_floats(f, s->gate + i, n);
	if ((s->mode & REST) && s->rest != s->y)
		fetch_floats(f, s->rest + i, n);
}

// Cache lines to fetch in each of so many calls.
static long fetch_share(const struct ahead *f, long calls) {
	long lines = 0;
	for (int i = 0; i < f->n; i++)
		lines += (f->end[i] - f->at[i] + 63) / 64;
	return (lines + calls - 1) / at_least(1, calls);
}

// Fetches so many lines into the first cache, or with 2 into the second.
INLINE void fetch_into(const int cache, struct ahead *f, long lines) {
	while (lines > 0 && f->i < f->n) {
		const char *p = f->at[f->i], *end = f->end[f->i];
		for (; lines > 0 && p < end; lines--, p += 64)
			__builtin_prefetch(p, 0, 4 - cache);
		f->at[f->i] = p;
		if (p >= end)
			f->i++;
	}
}

INLINE void fetch(struct ahead *f, long lines) { fetch_into(1, f, lines); }

// Work is cut into pieces by the problem alone, so that sums are the same for any number of threads.
enum { MOST_PIECES = 64 };

// add_up adds float sums of one block, [n], to those of a piece, and clears them.
static void add_up(double *to, float *from, long n) {
	for (long i = 0; i < n; i++) {
		to[i] += from[i];
		from[i] = 0;
	}
}

// reduce: to[i] = sum over pieces of from[piece][i], in their order.
static void reduce(double *to, const double *from, long n, long pieces) {
	memset(to, 0, sizeof(double) * (size_t)n);
	for (long p = 0; p < pieces; p++)
		for (long i = 0; i < n; i++)
			to[i] += from[p * n + i];
}

// reduce_floats is reduce with a result in float.
static void reduce_floats(float *to, const double *from, long n, long pieces) {
	for (long i = 0; i < n; i++) {
		double sum = 0;
		for (long p = 0; p < pieces; p++)
			sum += from[p * n + i];
		to[i] = (float)sum;
	}
}

static double *sum_partials(struct pool *pool, long n, long pieces) {
	double *d = pool_shared(pool, SUMS, pieces * n * (long)sizeof(double));
	memset(d, 0, sizeof(double) * (size_t)(pieces * n));
	return d;
}
