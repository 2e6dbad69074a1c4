//go:build !asan

// The address sanitizer ends a process that asks for too much.

package kernels

import (
	"testing"
	"unsafe"
)

// Whoever finds no memory, the caller gets the panic, and the backend works on.
func TestOutOfMemory(t *testing.T) {
	const huge = 1 << 46 // channels: more than addresses of a process
	small := Alloc(16)
	defer Free(small)
	vast := unsafe.Slice(unsafe.SliceData(small), 2*huge) // never touched
	for _, threads := range []int{1, 2} {
		n := nativeOf(t, "generic", threads)
		for name, call := range map[string]func(){
			"of a tensor":       func() { Alloc(huge) },
			"shared by workers": func() { n.Dense(1, huge, 1, vast[:huge], vast[:huge], nil, small[:1]) },
			"of a worker":       func() { n.AvgPool(Pool{N: 2, H: 1, W: 1, C: huge}, Read[float32]{X: vast}, Write[float32]{Y: vast}) },
		} {
			func() {
				defer func() {
					if e, ok := recover().(OutOfMemory); !ok || e.Bytes < huge {
						t.Errorf("memory %s, %d threads: the panic is about %d bytes", name, threads, e.Bytes)
					}
				}()
				call()
			}()
			checkConv(t, n, 1, Conv{N: 2, H: 8, W: 8, C: 16, O: 16, K: 3, Stride: 1})
		}
	}
	if got := (OutOfMemory{3<<20 + 1}).Error(); got != "out of memory: 4 MB more were needed" {
		t.Error(got)
	}
}
