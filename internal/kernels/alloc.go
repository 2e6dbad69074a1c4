package kernels

/*
#include "memory.h"
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// OutOfMemory is what [Alloc], [NewNative] and the calls of a [Native] panic with when there is no memory for so many bytes
// more. The backend may still be used, and closed; the call's results are worth nothing.
type OutOfMemory struct{ Bytes int }

// Error says how much was missing, in MB rounded up.
func (e OutOfMemory) Error() string {
	return fmt.Sprintf("out of memory: %d MB more were needed", (e.Bytes-1)>>20+1)
}

// Alloc returns n zeros outside the Go heap, on a 64-byte boundary and on huge pages where there are many. Give them back
// with [Free]. It panics with [OutOfMemory].
func Alloc(n int) []float32 {
	if n == 0 {
		return nil
	}
	p := C.memory_get(C.size_t(n) * 4)
	if p == nil {
		panic(OutOfMemory{4 * n})
	}
	return unsafe.Slice((*float32)(p), n)
}

// Free gives back what [Alloc] returned; nil is fine.
func Free(x []float32) {
	if x != nil {
		C.memory_put(unsafe.Pointer(unsafe.SliceData(x)))
	}
}
