#define _GNU_SOURCE
#include "memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { CACHE_LINE = 64, HUGE_PAGE = 2 << 20 };

void *memory_get(size_t bytes) {
	size_t align = bytes >= HUGE_PAGE / 2 ? HUGE_PAGE : CACHE_LINE;
	size_t size = (bytes + align - 1) / align * align;
	void *p = NULL;
	if (size < bytes || posix_memalign(&p, align, size))
		return NULL;
#ifdef MADV_HUGEPAGE
	if (align == HUGE_PAGE)
		madvise(p, size, MADV_HUGEPAGE);
#endif
	memset(p, 0, bytes);
	return p;
}

void memory_put(void *p) {
	free(p);
}
