// Memory for tensors and scratch.
#ifndef MEMORY_H
#define MEMORY_H
#include <stddef.h>

// memory_get returns zeroed memory on a 64-byte boundary, or NULL; huge pages are asked for from 1 MB on.
void *memory_get(size_t bytes);
void memory_put(void *p);

#endif
