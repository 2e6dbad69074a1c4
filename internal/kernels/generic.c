// The kernels for any processor: registers of 4 floats, which x86-64 and arm64 both have, and no intrinsics.
#ifdef LIKE_AVX512 // tests the block sizes of AVX-512, and pairs of bf16, where no processor has them; slow
#define VL 16
#define ROWS 4
#define TILE_ROWS 8
#define GRAD_ROWS 8
#define CHUNK(c) ((c) < 256 ? 32 : 16)
#else
#define VL 4
#define ROWS 6
#define TILE_ROWS ROWS
#define GRAD_ROWS 4
#define CHUNK(c) 12
#endif
#define COLS 2
#define MAX(a, b) larger(a, b)
#define KEEP(t, v) positive(t, v)
#define PIN(a, b)
#define SQRT(v) square_root(v)

#include <math.h>
#include <stdint.h>

typedef float lanes __attribute__((vector_size(VL * 4)));
typedef int32_t mask __attribute__((vector_size(VL * 4)));

static inline lanes choose(mask m, lanes a, lanes b) { return (lanes)((m & (mask)a) | (~m & (mask)b)); }

static inline lanes larger(lanes a, lanes b) { return choose(a > b, a, b); }

static inline lanes positive(lanes t, lanes v) { return (lanes)((t > (lanes){0}) & (mask)v); }

static inline lanes square_root(lanes v) {
	for (int i = 0; i < VL; i++)
		v[i] = __builtin_sqrtf(v[i]);
	return v;
}
#ifdef LIKE_AVX512
#include <string.h>

typedef uint32_t bits __attribute__((vector_size(VL * 4)));

// The nearest bf16, as a float; an even one of two. NaN is not thought of.
static inline bits bf16(lanes v) { return ((bits)v + 0x7fff + ((bits)v >> 16 & 1)) & 0xffff0000; }

static inline lanes dot(lanes acc, lanes u, float s) {
	uint32_t pair;
	memcpy(&pair, &s, sizeof pair);
	const bits all = (bits){0} + pair;
	acc += (lanes)((bits)u << 16) * (lanes)(all << 16);
	return acc + (lanes)((bits)u & 0xffff0000) * (lanes)(all & 0xffff0000);
}

static inline void round_to_half(float *p, lanes v) {
	const bits b = bf16(v) >> 16;
	for (int i = 0; i < VL; i++) {
		const uint16_t half = (uint16_t)b[i];
		memcpy((char *)p + i * sizeof half, &half, sizeof half);
	}
}

static inline void put_half(float *p, lanes v, int odd) {
	bits to;
	memcpy(&to, p, sizeof to);
	to = odd ? (to & 0xffff) | bf16(v) : bf16(v) >> 16;
	memcpy(p, &to, sizeof to);
}
#define DOT(acc, u, s) dot(acc, u, s)
#define ROUND_TO_HALF(p, v) round_to_half(p, v)
#define PUT_HALF(p, v, odd) put_half(p, v, odd)
#define PAIR(a, b) ((lanes)(bf16(a) >> 16 | bf16(b)))
#define MATRICES
#endif
#include "isa.h"

const struct kernels kernels_generic = KERNELS("generic");
