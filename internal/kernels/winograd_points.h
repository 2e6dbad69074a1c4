// The formulas of Winograd's transforms, of a column or row of a tile; for winograd.h, which has their names.

// ROWS_UNROLLED is before loops over the rows of a tile: unrolled, but for nine, which would be too much code.
#undef ROWS_UNROLLED
#undef P
#undef Q
#if STRIDE == 2
#define ROWS_UNROLLED _Pragma("GCC unroll 1")
#define P .375f
#define Q 1.375f
#define HP (1 / (2 * P * (P2 - Q2)))
#define HQ (1 / (2 * Q * (Q2 - P2)))

// What F(4,2) makes of five numbers, step by step.
INLINE void WINO(transform_five)(vec d0, vec d1, vec d2, vec d3, vec d4, vec *out) {
	vec odd_p = d3 - Q2 * d1, even_p = P * (d2 - Q2 * d0), odd_q = d3 - P2 * d1, even_q = Q * (d2 - P2 * d0);
	out[0] = odd_p + even_p;
	out[1] = odd_p - even_p;
	out[2] = odd_q + even_q;
	out[3] = odd_q - even_q;
	out[4] = d4 - (P2 + Q2) * d2 + (P2 * Q2) * d0;
}

// The four numbers that it makes of five products.
INLINE void WINO(transform_four)(const vec *m, vec *y) {
	vec sum_p = m[0] + m[1], diff_p = m[0] - m[1], sum_q = m[2] + m[3], diff_q = m[2] - m[3];
	y[0] = sum_p + sum_q;
	y[1] = P * diff_p + Q * diff_q;
	y[2] = P2 * sum_p + Q2 * sum_q;
	y[3] = m[4] + (P2 * P) * diff_p + (Q2 * Q) * diff_q;
}

// out = Bt d
INLINE void WINO(transform_input)(const int backward, const vec *d, vec *out) {
	if (backward) {
		WINO(transform_five)(d[0], d[1], d[2], d[3], d[4], out);
		UNROLL for (int i = 0; i < TILE; i++) out[TILE + 1 + i] = d[i];
		return;
	}
	WINO(transform_five)(d[0], d[2], d[4], d[6], d[8], out);
	UNROLL for (int i = 0; i < TILE; i++) out[TILE + 1 + i] = d[2 * i + 1];
}

// out = A y
INLINE void WINO(transform_gradient)(const vec *y, vec *out) {
	vec even_p = y[0] + P2 * y[2], odd_p = P * (y[1] + P2 * y[3]);
	vec even_q = y[0] + Q2 * y[2], odd_q = Q * (y[1] + Q2 * y[3]);
	out[0] = even_p + odd_p;
	out[1] = even_p - odd_p;
	out[2] = even_q + odd_q;
	out[3] = even_q - odd_q;
	out[4] = y[3];
	UNROLL for (int i = 0; i < TILE; i++) out[TILE + 1 + i] = y[i];
}

// out = G w
INLINE void WINO(transform_weights)(const vec *w, vec *out) {
	out[0] = (HP * P) * w[2] + HP * w[0];
	out[1] = (HP * P) * w[2] - HP * w[0];
	out[2] = (HQ * Q) * w[2] + HQ * w[0];
	out[3] = (HQ * Q) * w[2] - HQ * w[0];
	out[4] = w[2];
	out[5] = w[1];
}

// y = At m
INLINE void WINO(transform_output)(const int backward, const vec *m, vec *y) {
	vec four[TILE];
	WINO(transform_four)(m, four);
	UNROLL for (int i = 0; i < TILE; i++) {
		if (backward) {
			y[2 * i] = m[TILE + 1 + i];
			y[2 * i + 1] = four[i];
		} else
			y[i] = four[i] + m[TILE + 1 + i];
	}
}

// w = Gt m
INLINE void WINO(transform_back)(const vec *m, vec *w) {
	w[0] = HP * (m[0] - m[1]) + HQ * (m[2] - m[3]);
	w[1] = m[5];
	w[2] = (HP * P) * (m[0] + m[1]) + (HQ * Q) * (m[2] + m[3]) + m[4];
}
#elif TILE == 4
#define ROWS_UNROLLED _Pragma("GCC unroll 6")
#define P .625f
#define Q 1.5f
#define GP (1 / (2 * P2 * (P2 - Q2)))
#define GQ (1 / (2 * Q2 * (Q2 - P2)))
#define G0 (1 / (P2 * Q2))

// out = Bt d
INLINE void WINO(transform_input)(const int backward, const vec *d, vec *out) {
	vec even_p = d[4] - Q2 * d[2], odd_p = P * (d[3] - Q2 * d[1]);
	vec even_q = d[4] - P2 * d[2], odd_q = Q * (d[3] - P2 * d[1]);
	out[0] = d[4] - (P2 + Q2) * d[2] + (P2 * Q2) * d[0];
	out[1] = even_p + odd_p;
	out[2] = even_p - odd_p;
	out[3] = even_q + odd_q;
	out[4] = even_q - odd_q;
	out[5] = d[5] - (P2 + Q2) * d[3] + (P2 * Q2) * d[1];
}

// out = A y
INLINE void WINO(transform_gradient)(const vec *y, vec *out) {
	vec even_p = y[0] + P2 * y[2], odd_p = P * (y[1] + P2 * y[3]);
	vec even_q = y[0] + Q2 * y[2], odd_q = Q * (y[1] + Q2 * y[3]);
	out[0] = y[0];
	out[1] = even_p + odd_p;
	out[2] = even_p - odd_p;
	out[3] = even_q + odd_q;
	out[4] = even_q - odd_q;
	out[5] = y[3];
}

// out = G w
INLINE void WINO(transform_weights)(const vec *w, vec *out) {
	vec even_p = GP * w[0] + (GP * P2) * w[2], odd_p = (GP * P) * w[1];
	vec even_q = GQ * w[0] + (GQ * Q2) * w[2], odd_q = (GQ * Q) * w[1];
	out[0] = G0 * w[0];
	out[1] = even_p + odd_p;
	out[2] = even_p - odd_p;
	out[3] = even_q + odd_q;
	out[4] = even_q - odd_q;
	out[5] = w[2];
}

// y = At m
INLINE void WINO(transform_output)(const int backward, const vec *m, vec *y) {
	vec sum_p = m[1] + m[2], diff_p = m[1] - m[2], sum_q = m[3] + m[4], diff_q = m[3] - m[4];
	y[0] = m[0] + sum_p + sum_q;
	y[1] = P * diff_p + Q * diff_q;
	y[2] = P2 * sum_p + Q2 * sum_q;
	y[3] = m[5] + (P2 * P) * diff_p + (Q2 * Q) * diff_q;
}

// w = Gt m
INLINE void WINO(transform_back)(const vec *m, vec *w) {
	vec sum_p = m[1] + m[2], diff_p = m[1] - m[2], sum_q = m[3] + m[4], diff_q = m[3] - m[4];
	w[0] = G0 * m[0] + GP * sum_p + GQ * sum_q;
	w[1] = (GP * P) * diff_p + (GQ * Q) * diff_q;
	w[2] = (GP * P2) * sum_p + (GQ * Q2) * sum_q + m[5];
}
#else
#define ROWS_UNROLLED _Pragma("GCC unroll 6")
// out = Bt d
INLINE void WINO(transform_input)(const int backward, const vec *d, vec *out) {
	out[0] = d[0] - d[2];
	out[1] = d[1] + d[2];
	out[2] = d[2] - d[1];
	out[3] = d[3] - d[1];
}

// out = A y
INLINE void WINO(transform_gradient)(const vec *y, vec *out) {
	out[0] = y[0];
	out[1] = y[0] + y[1];
	out[2] = y[0] - y[1];
	out[3] = y[1];
}

// out = G w
INLINE void WINO(transform_weights)(const vec *w, vec *out) {
	vec even = .5f * (w[0] + w[2]), odd = .5f * w[1];
	out[0] = w[0];
	out[1] = even + odd;
	out[2] = even - odd;
	out[3] = w[2];
}

// y = At m
INLINE void WINO(transform_output)(const int backward, const vec *m, vec *y) {
	y[0] = m[0] + (m[1] + m[2]);
	y[1] = (m[1] - m[2]) + m[3];
}

// w = Gt m
INLINE void WINO(transform_back)(const vec *m, vec *w) {
	vec even = .5f * (m[1] + m[2]), odd = .5f * (m[1] - m[2]);
	w[0] = m[0] + even;
	w[1] = odd;
	w[2] = even + m[3];
}
#endif
