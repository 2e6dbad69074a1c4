// The kernels for AVX-512: 32 registers of 16 floats.
#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma")
#include <immintrin.h>

typedef float keep_vec __attribute__((vector_size(64)));

// The empty asm keeps the load of v apart from the mask: as one masked load it would wait for t, which takes twice the time.
static inline keep_vec keep(__m512 t, __m512 v) {
	__asm__("" : "+v"(v));
	return (keep_vec)_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(t, _mm512_setzero_ps(), _CMP_GT_OQ), v);
}

#define VL 16
#define ROWS 8
#define COLS 2
#define GRAD_ROWS 8
#define CHUNK(c) ((c) < 256 ? 32 : 16)
#define MAX(a, b) ((vec)_mm512_max_ps((__m512)(a), (__m512)(b)))
#define KEEP(t, v) keep((__m512)(t), (__m512)(v))
#define SQRT(v) ((vec)_mm512_sqrt_ps((__m512)(v)))
#include "isa.h"

const struct kernels kernels_avx512 = KERNELS("avx512");
#endif
