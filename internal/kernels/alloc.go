package kernels

/*
#include "memory.h"
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// Alloc returns n zeros outside the Go heap, on a 64-byte boundary and on huge pages where there are many. Give them back
// with [Free].
func Alloc(n int) []float32 {
	if n == 0 {
		return nil
	}
	p := C.memory_get(C.size_t(n) * 4)
	if p == nil {
		panic(fmt.Sprintf("kernels: no memory for %d MB", n>>18))
	}
	return unsafe.Slice((*float32)(p), n)
}

// Free gives back what [Alloc] returned; nil is fine.
func Free(x []float32) {
	if x != nil {
		C.memory_put(unsafe.Pointer(unsafe.SliceData(x)))
	}
}
