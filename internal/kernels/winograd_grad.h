// The gradient of the weights by Winograd's transforms; for winograd.h, which has the formula.

struct WINO(grad) {
	struct pool *pool;
	struct grid in_grid, grad_grid;
	long c, o;
	int products;
	struct source in, grad;
	float *dw;
	long chunk, chunks, pieces;
	struct weights du;   // one for each of the pieces, or for each 16 input channels; at NULL: in the scratch memory of what makes it
	double *bias;        // [pieces][o], or NULL
	struct tiles v, z;   // of a round
	long first, n;       // tiles of a round
};

// dU += Vt Z for one xi and the input channels of dU, v being the first one's, over n tiles, or pairs of tiles.
INLINE void WINO(grad_products)(const int products, const int rows, const int cols, const struct WINO(grad) *p, long xi, long n, struct tiles v, struct tiles z, struct weights du, int first, struct ahead *f, long share) {
	du.at += WINO(u_of)(xi) * du.stride;
	first = first && WINO(is_first)(xi);
	for (long ob = 0; ob < p->o / (cols * VL); ob++)
		for (long c = 0; c < du.depth; c += BLOCK)
#pragma GCC unroll 1
			for (int r = 0; r < BLOCK; r += rows) {
				fetch(f, share);
				grad_product(products, rows, cols, v.at + xi * v.stride + c * v.pitch + r, z.at + xi * z.stride + ob * z.pitch * cols * VL, n, du.at + (ob * du.depth + c + r) * cols * VL, first);
			}
}

static void WINO(grad_products_any)(const struct WINO(grad) *p, long xi, long n, struct tiles v, struct tiles z, struct weights du, int first, struct ahead *f, long share) {
	const int wide = COLS * VL <= BLOCK || du.wide == COLS * VL;
	const int pairs = HAS_BF16 && p->products == BF16;
	if (pairs && wide)
		WINO(grad_products)(BF16, GRAD_ROWS, COLS, p, xi, n, v, z, du, first, f, share);
	else if (pairs)
		WINO(grad_products)(BF16, GRAD_ROWS, 1, p, xi, n, v, z, du, first, f, share);
	else if (wide)
		WINO(grad_products)(FP32, GRAD_ROWS, COLS, p, xi, n, v, z, du, first, f, share);
	else
		WINO(grad_products)(FP32, GRAD_ROWS, 1, p, xi, n, v, z, du, first, f, share);
}

// Few channels: every piece has its own dU, and takes its tiles in chunks that stay in the cache.
static void WINO(grad_tiles_piece)(void *context, long piece, int worker) {
	const struct WINO(grad) *p = context;
	struct tiles v = tile_pairs(p->products, p->chunk, p->c, BLOCK), z = tile_pairs(p->products, p->chunk, p->o, p->du.wide);
	float *scratch = pool_scratch(p->pool, worker, WINO(tiles_floats)(v) + WINO(tiles_floats)(z) + p->o);
	v.at = scratch;
	z.at = v.at + WINO(tiles_floats)(v);
	float *sums = p->bias ? z.at + WINO(tiles_floats)(z) : NULL;
	if (sums)
		memset(sums, 0, sizeof(float) * (size_t)p->o);
	struct weights du = p->du;
	du.at += piece * U_XI * du.stride;
	const long tiles = p->in_grid.tiles, begin = cut_at(p->chunks, p->pieces, piece), end = cut_at(p->chunks, p->pieces, piece + 1);
	for (long k = begin; k < end; k++) {
		const long first = k * p->chunk, n = at_most(p->chunk, tiles - first);
		const long next = first + n, more = at_most(p->chunk, tiles - next);
		WINO(input_tiles)(0, &p->in_grid, &p->in, p->c, first, n, v);
		WINO(gradient_tiles)(&p->grad_grid, &p->grad, p->o, first, n, z, sums);
		if (sums)
			add_up(p->bias + piece * p->o, sums, p->o);
		struct ahead f = {.n = 0};
		const long in_floats = pixels_of(&p->in_grid) * p->c, grad_floats = pixels_of(&p->grad_grid) * p->o;
		fetch_source(&f, &p->in, next * in_floats, more * in_floats);
		fetch_source(&f, &p->grad, next * grad_floats, more * grad_floats);
		const long share = fetch_share(&f, XI * (p->o / p->du.wide) * (p->c / GRAD_ROWS));
		for (long xi = 0; xi < XI; xi++)
			WINO(grad_products_any)(p, xi, numbers_of(p->products, n), v, z, du, k == begin, &f, share);
	}
}

// Many channels: the tiles of a round are transformed first, a few a piece, ...
static void WINO(grad_round_piece)(void *context, long piece, int worker) {
	const struct WINO(grad) *p = context;
	const long t = piece * p->chunk, n = at_most(p->chunk, p->n - t);
	struct tiles v = p->v, z = p->z;
	v.at = tiles_of(v, t, 0);
	z.at = tiles_of(z, t, 0);
	float *sums = p->bias ? pool_scratch(p->pool, worker, p->o) : NULL;
	if (sums)
		memset(sums, 0, sizeof(float) * (size_t)p->o);
	WINO(input_tiles)(0, &p->in_grid, &p->in, p->c, p->first + t, n, v);
	WINO(gradient_tiles)(&p->grad_grid, &p->grad, p->o, p->first + t, n, z, sums);
	if (sums)
		add_up(p->bias + (p->first / p->chunk + piece) * p->o, sums, p->o);
}

// dw = Gt dU G, the dU of all pieces added in their order, for 16 input channels, c to c+16, which are those from `from` on in dU.
static void WINO(weights_back)(const struct WINO(grad) *p, long c, struct weights du, long from) {
	float half[3 * U_SIDE * VL] __attribute__((aligned(64)));
	for (long o = 0; o < p->o; o += du.wide)
		for (long i = 0; i < BLOCK; i++)
			for (long v = 0; v < du.wide; v += VL) {
				const float *at = weights_of(du, from + i, o + v);
				ROWS_UNROLLED for (int j = 0; j < U_SIDE; j++) {
					vec m[U_SIDE], w[3];
					UNROLL for (int r = 0; r < U_SIDE; r++) m[r] = load(at + (r * U_SIDE + j) * du.stride);
					for (long k = 1; k < p->pieces; k++) {
						const float *d = at + (k * U_XI + j) * du.stride;
						UNROLL for (int r = 0; r < U_SIDE; r++) m[r] += load(d + r * U_SIDE * du.stride);
					}
					WINO(transform_back)(m, w);
					UNROLL for (int r = 0; r < 3; r++) store(half + (r * U_SIDE + j) * VL, w[r]);
				}
				ROWS_UNROLLED for (int r = 0; r < 3; r++) {
					vec m[U_SIDE], w[3];
					UNROLL for (int j = 0; j < U_SIDE; j++) m[j] = load(half + (r * U_SIDE + j) * VL);
					WINO(transform_back)(m, w);
					float *dw = p->dw + (r * 3 * p->c + c + i) * p->o + o + v;
					UNROLL for (int j = 0; j < 3; j++) store(dw + j * p->c * p->o, w[j]);
				}
			}
}

// For 16 input channels of a dU of all.
static void WINO(grad_weights_piece)(void *context, long piece, int worker) {
	const struct WINO(grad) *p = context;
	(void)worker;
	const long c = piece * BLOCK;
	WINO(weights_back)(p, c, p->du, c);
}

// ... then a piece takes a few input channels, whose dU stays in the cache.
static void WINO(grad_channels_piece)(void *context, long piece, int worker) {
	const struct WINO(grad) *p = context;
	const long c = piece * BLOCK, numbers = numbers_of(p->products, p->n);
	struct weights du = p->du;
	du.at = du.at ? du.at + piece * U_XI * du.stride : pool_scratch(p->pool, worker, U_XI * du.stride);
	struct ahead none = {.n = 0};
	for (long xi = 0; xi < XI; xi++)
		for (long t = 0; t < numbers; t += ROUND_STEP) {
			struct tiles v = p->v, z = p->z;
			v.at += c * v.pitch + t * v.block;
			z.at += t * z.block;
			WINO(grad_products_any)(p, xi, at_most(ROUND_STEP, numbers - t), v, z, du, p->first + t == 0, &none, 0);
		}
	if (p->first + p->n == p->in_grid.tiles)
		WINO(weights_back)(p, c, du, 0);
}

static void WINO(grad_weights)(struct pool *pool, const struct job *job) {
	struct WINO(grad) p = {.pool = pool, .in_grid = WINO(grid_of_input)(job), .grad_grid = WINO(grid_of_result)(job), .c = job->c, .o = job->o, .in = job->in, .grad = job->grad, .dw = job->dw, .products = job->products};
	const long pieces = at_least(4, at_most(16, 16384 / (p.c * p.o)));
	// All dU together have no more numbers than V and Z, or it takes longer to add them up than to write those.
	const int by_tiles = p.c * p.o <= MOST_BY_TILES && pieces * U_XI * p.c * p.o <= XI * p.in_grid.tiles * (p.c + p.o);
	p.chunk = at_most(p.in_grid.tiles, (by_tiles ? 32 / STRIDE : 16) * (4 / TILE));
	p.chunks = (p.in_grid.tiles + p.chunk - 1) / p.chunk;
	p.pieces = by_tiles ? at_most(p.chunks, pieces) : 1;
	p.du = weights_at(NULL, by_tiles ? p.c : BLOCK, p.o, wide_of(p.o));
	const long bias_pieces = by_tiles ? p.pieces : p.chunks;
	if (job->dbias)
		p.bias = sum_partials(pool, p.o, bias_pieces);
	if (by_tiles) {
		p.du.at = pool_shared(pool, PARTIALS, p.pieces * U_XI * p.du.stride * (long)sizeof(float));
		pool_run(pool, WINO(grad_tiles_piece), &p, p.pieces);
		pool_run(pool, WINO(grad_weights_piece), &p, p.c / BLOCK);
	} else {
		const long round = at_most(p.in_grid.tiles, at_least(1, ROUND_FLOATS / (XI * (p.c + p.o) * p.chunk)) * p.chunk);
		p.v = tile_pairs(p.products, round, p.c, BLOCK);
		p.z = tile_pairs(p.products, round, p.o, p.du.wide);
		p.v.at = pool_shared(pool, TILES, (WINO(tiles_floats)(p.v) + WINO(tiles_floats)(p.z)) * (long)sizeof(float));
		p.z.at = p.v.at + WINO(tiles_floats)(p.v);
		if (round < p.in_grid.tiles)
			p.du.at = pool_shared(pool, PARTIALS, p.c / BLOCK * U_XI * p.du.stride * (long)sizeof(float));
		for (p.first = 0; p.first < p.in_grid.tiles; p.first += round) {
			p.n = at_most(round, p.in_grid.tiles - p.first);
			pool_run(pool, WINO(grad_round_piece), &p, (p.n + p.chunk - 1) / p.chunk);
			pool_run(pool, WINO(grad_channels_piece), &p, p.c / BLOCK);
		}
	}
	if (job->dbias)
		reduce_floats(job->dbias, p.bias, p.o, bias_pieces);
}
