// Which kernels to use; compiled for no instruction set in particular, so that it can ask on any processor.
#include "kernels.h"

#include <stddef.h>
#include <string.h>

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

extern const struct kernels kernels_avx512, kernels_avx2, kernels_generic;

const struct kernels *kernels_named(const char *name) {
	const struct kernels *have[3];
	int n = 0;
#if defined(__x86_64__)
	__builtin_cpu_init();
	const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
	if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
		have[n++] = &kernels_avx512;
	if (avx2)
		have[n++] = &kernels_avx2;
#endif
	have[n++] = &kernels_generic;
	for (int i = 0; i < n; i++)
		if (!*name || !strcmp(have[i]->name, name))
			return have[i];
	return NULL;
}

int kernels_have_bf16(const struct kernels *k) {
#ifdef LIKE_AVX512 // see generic.c
	return k == &kernels_generic;
#elif defined(__x86_64__)
	__builtin_cpu_init();
	return k == &kernels_avx512 && __builtin_cpu_supports("avx512bf16");
#else
	(void)k;
	return 0;
#endif
}

int kernels_have_matrices(const struct kernels *k) {
#ifdef LIKE_AVX512
	return k == &kernels_generic;
#elif defined(__x86_64__) && defined(__linux__) && __has_include(<amxtileintrin.h>)
	enum { AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24, REQUEST = 0x1023, TILE_DATA = 18 }; // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
	unsigned a, b, c, d = 0;
	return kernels_have_bf16(k) && __get_cpuid_count(7, 0, &a, &b, &c, &d) && d & AMX_BF16 && d & AMX_TILE &&
	       syscall(SYS_arch_prctl, REQUEST, TILE_DATA) == 0;
#else
	(void)k;
	return 0;
#endif
}
