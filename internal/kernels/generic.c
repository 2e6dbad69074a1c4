// The kernels for any processor: registers of 4 floats, which x86-64 and arm64 both have, and no intrinsics.
#define VL 4
#define ROWS 6
#define COLS 2
#define GRAD_ROWS 4
#define CHUNK(c) 12
#define MAX(a, b) larger(a, b)
#define KEEP(t, v) positive(t, v)
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
#include "isa.h"

const struct kernels kernels_generic = KERNELS("generic");
