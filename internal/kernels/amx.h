// A product of bf16 matrices in the tile registers of AMX: eight of 16 rows of 64 bytes. TDPBF16PS adds to one of floats the
// product of two of 16x32 and 32x16 numbers, in 16 cycles; four sums from two by two factors keep it busy, and the loads hidden.

#ifdef AMX
#define MATRICES_BEGIN() tiles_begin()
#define MATRICES_END() __asm__ volatile("tilerelease" ::: "memory")

static void tiles_begin(void) {
	static const struct {
		uint8_t palette, start, reserved[14];
		uint16_t bytes[16]; // of a row
		uint8_t rows[16];
	} whole = {.palette = 1, .bytes = {64, 64, 64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
	__asm__ volatile("ldtilecfg %0" ::"m"(whole) : "memory");
}

#define TILE_ZERO(t) __asm__ volatile("tilezero %%tmm" #t ::: "memory")
#define TILE_LOAD(t, p, bytes) __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #t ::"r"(p), "r"(bytes) : "memory")
#define TILE_STORE(t, p, bytes) __asm__ volatile("tilestored %%tmm" #t ", (%0,%1,1)" ::"r"(p), "r"(bytes) : "memory")
#define TILE_ADD_PRODUCT(sum, a, b) __asm__ volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #sum ::: "memory")

// m[32][32] = (first ? 0 : m) + sum over i < n of a[at[i] + row*pitch + k] * b[i][col/16][k/2][col%16][k%2], k < 32.
static void matrix_product(const uint16_t *a, long pitch, const long *at, long n, const uint16_t *b, float *m, int first, struct ahead *f, long share) {
	const long bytes = pitch * (long)sizeof *a, row = 32 * sizeof(float), line = 64;
	if (first) {
		TILE_ZERO(0);
		TILE_ZERO(1);
		TILE_ZERO(2);
		TILE_ZERO(3);
	} else {
		TILE_LOAD(0, m, row);
		TILE_LOAD(1, m + 16, row);
		TILE_LOAD(2, m + 16 * 32, row);
		TILE_LOAD(3, m + 16 * 32 + 16, row);
	}
	for (long i = 0; i < n; i++, b += 32 * 32) {
		fetch_into(2, f, share);
		const uint16_t *upper = a + at[i], *lower = upper + 16 * pitch;
		TILE_LOAD(6, b, line);
		TILE_LOAD(4, upper, bytes);
		TILE_ADD_PRODUCT(0, 4, 6);
		TILE_LOAD(7, b + 32 * 16, line);
		TILE_ADD_PRODUCT(1, 4, 7);
		TILE_LOAD(5, lower, bytes);
		TILE_ADD_PRODUCT(2, 5, 6);
		TILE_ADD_PRODUCT(3, 5, 7);
	}
	TILE_STORE(0, m, row);
	TILE_STORE(1, m + 16, row);
	TILE_STORE(2, m + 16 * 32, row);
	TILE_STORE(3, m + 16 * 32 + 16, row);
}
#else // the same where no processor has it, for tests
#define MATRICES_BEGIN()
#define MATRICES_END()

static float of_half(uint16_t half) {
	const uint32_t bits = (uint32_t)half << 16;
	float v;
	memcpy(&v, &bits, sizeof v);
	return v;
}

static void matrix_product(const uint16_t *a, long pitch, const long *at, long n, const uint16_t *b, float *m, int first, struct ahead *f, long share) {
	if (first)
		memset(m, 0, sizeof *m * 32 * 32);
	for (long i = 0; i < n; i++, b += 32 * 32) {
		fetch_into(2, f, share);
		for (int row = 0; row < 32; row++)
			for (int col = 0; col < 32; col++)
				for (int k = 0; k < 32; k++)
					m[row * 32 + col] += of_half(a[at[i] + row * pitch + k]) * of_half(b[((col / 16 * 16 + k / 2) * 16 + col % 16) * 2 + k % 2]);
	}
}
#endif
