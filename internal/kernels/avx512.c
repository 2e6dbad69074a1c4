// The kernels for AVX-512: 32 registers of 16 floats. Of AVX512_BF16, which not every such processor has, they use what is
// asked for here by name alone.
#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma")
#include <immintrin.h>

typedef float keep_vec __attribute__((vector_size(64)));

// The empty asm keeps the load of v apart from the mask: as one masked load it would wait for t, which takes twice the time.
static inline keep_vec keep(__m512 t, __m512 v) {
	__asm__("" : "+v"(v));
	return (keep_vec)_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(t, _mm512_setzero_ps(), _CMP_GT_OQ), v);
}

static inline keep_vec pair(__m256bh a, __m256bh b) {
	const __m512i high = _mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)b), 16);
	return (keep_vec)_mm512_or_si512(_mm512_cvtepu16_epi32((__m256i)a), high);
}

// A store of some lanes needs no load.
static inline void put_half(float *p, __m256bh v, int odd) {
	const __m512i low = _mm512_cvtepu16_epi32((__m256i)v);
	_mm512_mask_storeu_epi16(p, odd ? 0xaaaaaaaa : 0xffffffff, _mm512_sll_epi32(low, _mm_cvtsi32_si128(16 * odd)));
}

#define VL 16
#define ROWS 4
#define TILE_ROWS 8
#define COLS 2
#define GRAD_ROWS 8
#define CHUNK(c) ((c) < 256 ? 32 : 16)
#define MAX(a, b) ((vec)_mm512_max_ps((__m512)(a), (__m512)(b)))
#define KEEP(t, v) keep((__m512)(t), (__m512)(v))
#define PIN(a, b) __asm__("" : "+v"(a), "+v"(b))
#define SQRT(v) ((vec)_mm512_sqrt_ps((__m512)(v)))
#define DOT(acc, u, s) ((vec)_mm512_dpbf16_ps((__m512)(acc), (__m512bh)(u), (__m512bh)_mm512_set1_ps(s)))
#define ROUND_TO_HALF(p, v) _mm256_storeu_si256((__m256i *)(p), (__m256i)_mm512_cvtneps_pbh((__m512)(v)))
#define PUT_HALF(p, v, odd) put_half(p, _mm512_cvtneps_pbh((__m512)(v)), odd)
#define PAIR(a, b) pair(_mm512_cvtneps_pbh((__m512)(a)), _mm512_cvtneps_pbh((__m512)(b)))
#if defined(__linux__) && __has_include(<amxtileintrin.h>) // then the assembler knows them too
#define MATRICES
#define AMX
#endif
#include "isa.h"

const struct kernels kernels_avx512 = KERNELS("avx512");
#endif
