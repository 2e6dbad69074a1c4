package kernels

/*
#cgo CFLAGS: -O2 -std=gnu11 -Wall
#cgo LDFLAGS: -lm -lpthread
#include "kernels.h"
#include "memory.h"
#include "pool.h"
#include <stdlib.h>

static size_t run(const struct kernels *k, enum operation op, struct pool *pool, const struct job *job) {
	return pool_call(pool, k->run[op], job);
}
*/
import "C"

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"unsafe"
)

// selected is the instruction set that new backends and the optimizers' updates use.
var selected *C.struct_kernels

func init() {
	selected = named("")
	// A wrong EXP_ISA leaves the best one; the program reports it by calling Select itself.
	_ = Select("")
}

// Select chooses the instruction set of the backends made from now on, and of the optimizers' updates: avx512, avx2 or
// generic, or for "" what the environment variable EXP_ISA says, or else the best this processor has. Call it at start only.
func Select(name string) error {
	from := ""
	if name == "" {
		name, from = os.Getenv("EXP_ISA"), "EXP_ISA: "
	}
	switch name {
	case "", "avx512", "avx2", "generic":
	default:
		return fmt.Errorf("%sno instruction set is called %q; there are avx512, avx2 and generic", from, name)
	}
	k := named(name)
	if k == nil {
		return fmt.Errorf("%sthis processor has no %s; its best is %s", from, name, C.GoString(named("").name))
	}
	selected = k
	return nil
}

// HasBF16 reports whether the selected instruction set has [BF16] products: AVX-512, on processors that have AVX512_BF16.
func HasBF16() bool { return hasBF16(selected) }

func hasBF16(k *C.struct_kernels) bool { return C.kernels_have_bf16(k) != 0 }

// HasMatrices reports whether [Direct] convolutions have [BF16] products too: on processors with AMX_BF16 under Linux.
func HasMatrices() bool { return hasMatrices(selected) }

func hasMatrices(k *C.struct_kernels) bool { return C.kernels_have_matrices(k) != 0 }

func named(name string) *C.struct_kernels {
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	return C.kernels_named(s)
}

// Algorithm says how convolutions with a 3x3 kernel and stride 1 or 2 are computed. Others are always direct.
type Algorithm int

// The algorithms, from the fastest on. One that the shape does not permit (channels that 16 does not divide, an image that the
// tile does not divide) gives way to the next. Errors are about 7e-7 of the result with Winograd4, 3e-7 with Winograd2 and
// 4e-7 with Direct, whose sums are longer. With stride 2 the first two are the same, F(4x4,3x3) in nine sixteenths of the
// multiply-adds with errors like those of Direct; the image's sides must be divisible by 8.
const (
	Winograd4 Algorithm = C.WINOGRAD_4 // F(4x4,3x3): a quarter of the multiply-adds
	Winograd2 Algorithm = C.WINOGRAD_2 // F(2x2,3x3): four ninths
	Direct    Algorithm = C.DIRECT
)

// Products says what these convolutions multiply, the direct ones only with stride 1: Winograd's transformed tiles and weights, or the
// numbers themselves.
type Products int

// The products. Sums are float32 in both cases, and so are transforms and everything else. Errors with BF16 are about 1e-2 of
// the result with Winograd4, and 3e-3 with Direct.
const (
	FP32 Products = C.FP32
	BF16 Products = C.BF16 // rounded to 8 significant bits, two at a time; see [HasBF16] and [HasMatrices]
)

// Native is the backend in C. It owns threads-1 helper threads, which share the work of every call with the caller's;
// results are the same bits for any number of threads. One call works at a time, others wait.
type Native struct {
	// Algorithm is how 3x3 convolutions are computed; set it before the first call.
	Algorithm Algorithm
	// Products is what they multiply; likewise. BF16 only if HasBF16; with Direct it is FP32 unless HasMatrices.
	Products Products

	threads int
	kernels *C.struct_kernels
	matrix  bool // it has products of matrices
	pool    *C.struct_pool
	helpers sync.WaitGroup

	frozen map[frozen][]float32 // transformed weights, between Freeze and Thaw

	mutex  sync.Mutex
	job    *C.struct_job // of the call at work; in C memory, for it holds pointers
	pins   [5]runtime.Pinner
	pinned int
	ones   []float32 // scales and shifts of a read without any
	zeros  []float32
}

// A Pinner holds so many pointers without allocating.
const pinnerRoom = 5

// NewNative starts a backend that works on so many threads, at least one: the caller's and helpers.
func NewNative(threads int) *Native {
	n := &Native{threads: max(1, threads), kernels: selected, matrix: HasMatrices()}
	n.pool = C.pool_new(C.int(n.threads))
	n.job = (*C.struct_job)(C.memory_get(C.sizeof_struct_job))
	if n.pool == nil || n.job == nil {
		panic(OutOfMemory{C.sizeof_struct_job}) // a pool is as small
	}
	for i := 1; i < n.threads; i++ {
		n.helpers.Go(func() {
			runtime.LockOSThread()
			C.pool_help(n.pool, C.int(i))
		})
	}
	return n
}

// Close stops the helpers and gives memory back; the backend is of no use afterwards.
func (n *Native) Close() {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if n.pool == nil {
		return
	}
	C.pool_close(n.pool)
	n.helpers.Wait()
	C.pool_free(n.pool)
	C.memory_put(unsafe.Pointer(n.job))
	n.pool, n.job = nil, nil
}

// Threads is the number of threads that work on a call.
func (n *Native) Threads() int { return n.threads }

// ISA is the instruction set in use: avx512, avx2 or generic.
func (n *Native) ISA() string { return C.GoString(n.kernels.name) }

// begin opens a call, on an empty job; run ends it. A goroutine that has run for 10 ms, calls of C included, has Go's monitor
// look after it thousands of times a second, on the processors that the kernels need; one that yields is left alone.
func (n *Native) begin() *C.struct_job {
	runtime.Gosched()
	n.mutex.Lock()
	if n.pool == nil {
		panic("kernels: a backend was used after Close")
	}
	*n.job = C.struct_job{}
	return n.job
}

func (n *Native) run(op C.enum_operation) {
	missing := C.run(n.kernels, op, n.pool, n.job)
	for i := range (n.pinned + pinnerRoom - 1) / pinnerRoom {
		n.pins[i].Unpin()
	}
	n.pinned = 0
	n.mutex.Unlock()
	if missing > 0 {
		panic(OutOfMemory{int(missing)})
	}
}

// pin keeps memory of the Go heap where it is until the call ends; C memory always stays.
func pin[T any](n *Native, x []T) unsafe.Pointer {
	if len(x) == 0 {
		return nil
	}
	p := unsafe.Pointer(unsafe.SliceData(x))
	n.pins[n.pinned/pinnerRoom].Pin(p)
	n.pinned++
	return p
}

func (n *Native) floats(x []float32) *C.float { return (*C.float)(pin(n, x)) }

// source is an activation to read, of so many channels.
func (n *Native) source(r Read[float32], channels int) C.struct_source {
	s := C.struct_source{x: n.floats(r.X)}
	if r.Scale == nil && !r.ReLU {
		return s
	}
	s.mode = C.AFFINE
	s.s0, s.s1 = n.affine(r, channels)
	if r.ReLU {
		s.mode |= C.RELU
	}
	return s
}

// affine is a read's scale and shift, ones and zeros if it has none.
func (n *Native) affine(r Read[float32], channels int) (scale, shift *C.float) {
	if r.Scale != nil {
		return n.floats(r.Scale), n.floats(r.Shift)
	}
	n.haveOnes(channels)
	return n.floats(n.ones), n.floats(n.zeros)
}

// haveOnes sees to it that there are so many ones and zeros.
func (n *Native) haveOnes(channels int) {
	if len(n.ones) < channels {
		n.ones, n.zeros = make([]float32, channels), make([]float32, channels)
		for i := range n.ones {
			n.ones[i] = 1
		}
	}
}

// gradient is a gradient to read, of so many channels.
func (n *Native) gradient(g ReadGrad[float32], channels int) C.struct_source {
	s := C.struct_source{x: n.floats(g.G)}
	if g.X != nil {
		if g.A == nil {
			n.haveOnes(channels)
			g.A = n.ones
		}
		s.mode |= C.GRAD
		s.x2, s.s0, s.s1, s.s2 = n.floats(g.X), n.floats(g.A), n.floats(g.B), n.floats(g.C)
	}
	if g.R != nil {
		s.mode |= C.ADD
		s.r = n.floats(g.R)
	}
	if g.Joined != nil {
		s.mode |= C.JOIN
		s.joined = n.floats(g.Joined)
	}
	return s
}

// sink is a result to store.
func (n *Native) sink(w Write[float32]) C.struct_sink {
	s := C.struct_sink{y: n.floats(w.Y), bias: n.floats(w.Bias)}
	if w.Scale != nil {
		s.mode |= C.NORM
		s.scale, s.shift = n.floats(w.Scale), n.floats(w.Shift)
	}
	if w.Residual != nil {
		s.mode |= C.RESIDUAL
		s.residual = n.floats(w.Residual)
	}
	if w.ReLU {
		s.mode |= C.RECTIFY
	}
	if w.Sums != nil {
		s.mode |= C.SUM
		s.sums = (*C.double)(pin(n, w.Sums))
	}
	return s
}

// gradSink is a gradient to store, of so many channels.
func (n *Native) gradSink(w WriteGrad[float32], channels int) C.struct_sink {
	s := C.struct_sink{y: n.floats(w.G)}
	if w.Residual != nil {
		s.mode |= C.RESIDUAL
		s.residual = n.floats(w.Residual)
	}
	if w.Through.ReLU {
		s.mode |= C.MASK | C.THROUGH
	}
	if w.Through.Scale != nil {
		s.mode |= C.SCALE
	}
	if s.mode&(C.MASK|C.SCALE) != 0 {
		s.scale, s.shift = n.affine(w.Through, channels)
	}
	if w.Rest != nil {
		s.mode |= C.REST
		s.rest = n.floats(w.Rest)
	}
	if w.Gate != nil {
		s.mode |= C.GATE
		s.gate = n.floats(w.Gate)
	}
	if w.Sums != nil {
		s.mode |= C.SUM
		s.sums = (*C.double)(pin(n, w.Sums))
		if w.Through.X != nil {
			s.mode |= C.THROUGH
		}
	}
	if s.mode&C.THROUGH != 0 {
		s.through = n.floats(w.Through.X)
	}
	return s
}

// noProducts: without an activation there are no sums of products with it.
func noProducts(w WriteGrad[float32]) {
	if w.Through.X == nil && w.Sums != nil {
		clear(w.Sums[len(w.Sums)/2:])
	}
}

// matrices: direct convolutions are products of matrices of bf16.
func (n *Native) matrices() bool { return n.Algorithm == Direct && n.Products == BF16 && n.matrix }

func (n *Native) setConv(j *C.struct_job, c Conv) {
	j.algorithm, j.products = C.enum_algorithm(n.Algorithm), C.enum_products(n.Products)
	if n.Algorithm == Direct && !n.matrices() {
		j.products = C.FP32
	}
	j.n, j.h, j.w, j.c = C.long(c.N), C.long(c.H), C.long(c.W), C.long(c.C)
	j.oh, j.ow, j.o = C.long(c.OutH()), C.long(c.OutW()), C.long(c.O)
	j.k, j.stride = C.long(c.K), C.long(c.Stride)
}

func setPool(j *C.struct_job, p Pool) {
	j.n, j.h, j.w, j.c = C.long(p.N), C.long(p.H), C.long(p.W), C.long(p.C)
	j.oh, j.ow, j.o = C.long(p.OutH()), C.long(p.OutW()), C.long(p.C)
	high, wide := p.window()
	j.high, j.wide, j.stride = C.long(high), C.long(wide), C.long(p.Stride)
}

// frozen names the weights of a convolution.
type frozen struct {
	w *float32
	c Conv // with N 0
}

// Freeze promises that no weights change until [Native.Thaw]: what Winograd's convolutions make of them is kept, in four times
// their memory. For evaluation, where each batch has the same weights.
func (n *Native) Freeze() { n.frozen = map[frozen][]float32{} }

// Thaw ends what [Native.Freeze] began.
func (n *Native) Thaw() {
	for _, u := range n.frozen {
		Free(u)
	}
	n.frozen = nil
}

// kept is where a convolution's transformed weights are kept, and whether they are there already; nil for none.
func (n *Native) kept(c Conv, w []float32) (u []float32, made bool) {
	side := 2 // that divides those of what Winograd's convolutions take
	if c.Stride == 2 {
		side = 8
	}
	if n.frozen == nil || n.Algorithm == Direct || c.K != 3 || c.Stride > 2 || c.C%16+c.O%16+c.H%side+c.W%side > 0 {
		return nil, false
	}
	c.N = 0
	key := frozen{&w[0], c}
	if u, made = n.frozen[key]; !made {
		u = Alloc(C.KEPT_XI * (c.C*c.O + C.KEPT_PAD))
		n.frozen[key] = u
	}
	return u, made
}

// Conv implements [Backend].
func (n *Native) Conv(c Conv, w []float32, in Read[float32], out Write[float32]) {
	c.check()
	need("w", w, c.weights())
	in.check(c.inputs(), c.C)
	out.check(c.outputs(), c.O)
	u, made := n.kept(c, w)
	j := n.begin()
	n.setConv(j, c)
	if u != nil {
		j.kept = floats(u)
		if made {
			j.made = 1
		}
	}
	j.weights, j.in, j.out = n.floats(w), n.source(in, c.C), n.sink(out)
	n.run(C.CONV)
}

// ConvGradData implements [Backend].
func (n *Native) ConvGradData(c Conv, w []float32, g ReadGrad[float32], out WriteGrad[float32]) {
	c.check()
	need("w", w, c.weights())
	g.check(c.outputs(), c.O)
	out.check(c.inputs(), c.C)
	if g.Joined != nil {
		// Pixels are read several times here, but may be stored over what they were made of only once.
		n.MapGrad(g, c.O, WriteGrad[float32]{G: g.Joined})
		g = g.written()
	}
	j := n.begin()
	n.setConv(j, c)
	j.weights, j.grad, j.out = n.floats(w), n.gradient(g, c.O), n.gradSink(out, c.C)
	n.run(C.CONV_GRAD_DATA)
	noProducts(out)
}

// ConvGradWeights implements [Backend].
func (n *Native) ConvGradWeights(c Conv, in Read[float32], g ReadGrad[float32], dw, dbias []float32) {
	c.check()
	need("dw", dw, c.weights())
	optional("dbias", dbias, c.O)
	in.check(c.inputs(), c.C)
	g.check(c.outputs(), c.O)
	j := n.begin()
	n.setConv(j, c)
	j.in, j.grad, j.dw, j.dbias = n.source(in, c.C), n.gradient(g, c.O), n.floats(dw), n.floats(dbias)
	n.run(C.CONV_GRAD_WEIGHTS)
}

// OnePass implements [Backend].
func (n *Native) OnePass(c Conv) bool {
	whole := c.H*(c.W+1) <= C.MATRIX_POSITIONS // images are not cut into bands
	return c.point() || n.matrices() && c.K == 3 && c.Stride == 1 && c.C%16+c.O%16 == 0 && whole
}

// ConvGrads implements [Backend].
func (n *Native) ConvGrads(c Conv, w []float32, in Read[float32], g ReadGrad[float32], out WriteGrad[float32], dw, dbias []float32) {
	if !n.OnePass(c) {
		n.ConvGradWeights(c, in, g, dw, dbias)
		n.ConvGradData(c, w, g.written(), out)
		return
	}
	c.check()
	need("w", w, c.weights())
	need("dw", dw, c.weights())
	optional("dbias", dbias, c.O)
	in.check(c.inputs(), c.C)
	g.check(c.outputs(), c.O)
	out.check(c.inputs(), c.C)
	j := n.begin()
	n.setConv(j, c)
	j.weights, j.in, j.grad, j.out = n.floats(w), n.source(in, c.C), n.gradient(g, c.O), n.gradSink(out, c.C)
	j.dw, j.dbias = n.floats(dw), n.floats(dbias)
	n.run(C.CONV_GRADS)
	noProducts(out)
}

// Stats implements [Backend].
func (n *Native) Stats(x []float32, channels int, sums []float64) {
	whole(len(x), channels)
	need("sums", sums, 2*channels)
	j := n.begin()
	j.count, j.c = C.long(len(x)), C.long(channels)
	j.in, j.out = n.source(Read[float32]{X: x}, channels), n.sink(Write[float32]{Sums: sums})
	j.out.mode |= C.DISCARD
	n.run(C.MAP)
}

// Map implements [Backend].
func (n *Native) Map(in Read[float32], channels int, out Write[float32]) {
	whole(len(in.X), channels)
	in.check(len(in.X), channels)
	out.check(len(in.X), channels)
	j := n.begin()
	j.count, j.c = C.long(len(in.X)), C.long(channels)
	j.in, j.out = n.source(in, channels), n.sink(out)
	n.run(C.MAP)
}

// MapGrad implements [Backend].
func (n *Native) MapGrad(g ReadGrad[float32], channels int, out WriteGrad[float32]) {
	whole(len(g.G), channels)
	g.check(len(g.G), channels)
	out.check(len(g.G), channels)
	j := n.begin()
	j.count, j.c = C.long(len(g.G)), C.long(channels)
	j.in, j.out = n.gradient(g, channels), n.gradSink(out, channels)
	n.run(C.MAP)
	noProducts(out)
}

// MaxPool implements [Backend].
func (n *Native) MaxPool(p Pool, in Read[float32], out Write[float32]) {
	n.pooling(C.MAX_POOL, p, in, out)
}

// AvgPool implements [Backend].
func (n *Native) AvgPool(p Pool, in Read[float32], out Write[float32]) {
	n.pooling(C.AVG_POOL, p, in, out)
}

func (n *Native) pooling(op C.enum_operation, p Pool, in Read[float32], out Write[float32]) {
	p.check()
	in.check(p.inputs(), p.C)
	out.check(p.outputs(), p.C)
	j := n.begin()
	setPool(j, p)
	j.in, j.out = n.source(in, p.C), n.sink(out)
	n.run(op)
}

// MaxPoolGrad implements [Backend].
func (n *Native) MaxPoolGrad(p Pool, in Read[float32], y []float32, g ReadGrad[float32], dx []float32) {
	p.check()
	in.check(p.inputs(), p.C)
	need("y", y, p.outputs())
	g.check(p.outputs(), p.C)
	need("dx", dx, p.inputs())
	j := n.begin()
	setPool(j, p)
	j.in, j.grad, j.dx = n.source(in, p.C), n.gradient(g, p.C), n.floats(dx)
	n.run(C.MAX_POOL_GRAD)
}

// AvgPoolGrad implements [Backend].
func (n *Native) AvgPoolGrad(p Pool, g ReadGrad[float32], dx []float32) {
	p.check()
	g.check(p.outputs(), p.C)
	need("dx", dx, p.inputs())
	j := n.begin()
	setPool(j, p)
	j.grad, j.dx = n.gradient(g, p.C), n.floats(dx)
	n.run(C.AVG_POOL_GRAD)
}

// Subsample implements [Backend].
func (n *Native) Subsample(batch, h, w, c, stride, channels int, in Read[float32], out Write[float32]) {
	inputs, outputs := checkSubsample(batch, h, w, c, stride, channels)
	in.check(inputs, c)
	out.check(outputs, channels)
	j := n.begin()
	n.setConv(j, Conv{N: batch, H: h, W: w, C: c, O: channels, K: 1, Stride: stride})
	j.in, j.out = n.source(in, c), n.sink(out)
	n.run(C.SUBSAMPLE)
}

// SubsampleGrad implements [Backend].
func (n *Native) SubsampleGrad(batch, h, w, c, stride, channels int, g ReadGrad[float32], dx []float32) {
	inputs, outputs := checkSubsample(batch, h, w, c, stride, channels)
	g.check(outputs, channels)
	need("dx", dx, inputs)
	j := n.begin()
	n.setConv(j, Conv{N: batch, H: h, W: w, C: c, O: channels, K: 1, Stride: stride})
	j.grad, j.dx = n.gradient(g, channels), n.floats(dx)
	n.run(C.SUBSAMPLE_GRAD)
}

// Blend implements [Backend].
func (n *Native) Blend(how Blend, channels int, s []float32, in Read[float32], z []float32, out Write[float32]) {
	checkBlend(how, channels, s, in, z, out)
	j := n.begin()
	n.blend(j, how, channels, len(in.X))
	j.s, j.in, j.z, j.out = n.floats(s), n.source(in, channels), n.floats(z), n.sink(out)
	n.run(C.BLEND)
}

// BlendGrad implements [Backend].
func (n *Native) BlendGrad(how Blend, of BlendPart, channels int, s []float32, in Read[float32], z []float32, g ReadGrad[float32], dx []float32) {
	checkBlendGrad(how, of, channels, s, in, z, g, dx)
	j := n.begin()
	n.blend(j, how, channels, len(dx))
	j.part = C.int(of)
	if of == OfGate {
		j.s, j.in = n.floats(s), n.source(in, channels)
	}
	j.z, j.grad, j.dx = n.floats(z), n.gradient(g, channels), n.floats(dx)
	n.run(C.BLEND_GRAD)
}

func (n *Native) blend(j *C.struct_job, how Blend, channels, count int) {
	j.count, j.c, j.a, j.b = C.long(count), C.long(channels), C.float(how.A), C.float(how.B)
	switch {
	case how.Exclusive:
		j.gate = 2
	case how.Gate:
		j.gate = 1
	}
}

// Excite implements [Backend].
func (n *Native) Excite(images, pixels, channels int, in Read[float32], z []float32, out Write[float32]) {
	size := checkExcite(images, pixels, channels, z)
	in.check(size, channels)
	out.check(size, channels)
	j := n.begin()
	j.n, j.h, j.c = C.long(images), C.long(pixels), C.long(channels)
	j.in, j.z, j.out = n.source(in, channels), n.floats(z), n.sink(out)
	n.run(C.EXCITE)
}

// ExciteGrad implements [Backend].
func (n *Native) ExciteGrad(of BlendPart, images, pixels, channels int, in Read[float32], z []float32, g ReadGrad[float32], dx []float32) {
	checkExciteGrad(of, images, pixels, channels, in, z, g, dx)
	j := n.begin()
	j.n, j.h, j.c, j.part = C.long(images), C.long(pixels), C.long(channels), C.int(of)
	if of == OfGate {
		j.in = n.source(in, channels)
	}
	j.z, j.grad, j.dx = n.floats(z), n.gradient(g, channels), n.floats(dx)
	n.run(C.EXCITE_GRAD)
}

// Dropout implements [Backend].
func (n *Native) Dropout(x []float32, rate float64, key uint64, y []float32) {
	checkDropout(len(x), len(y), rate)
	j := n.begin()
	j.in.x, j.out.y, j.count = n.floats(x), n.floats(y), C.long(len(x))
	j.key, j.limit, j.factor = C.uint64_t(key), C.uint32_t(dropLimit(rate)), C.float(1/(1-rate))
	n.run(C.DROPOUT)
}

// Dense implements [Backend].
func (n *Native) Dense(rows, in, out int, x, w, bias, y []float32) {
	checkDense(rows, in, out)
	n.Conv(dense(rows, in, out), w, Read[float32]{X: x}, Write[float32]{Y: y, Bias: bias})
}

// DenseGradData implements [Backend].
func (n *Native) DenseGradData(rows, in, out int, w, g, dx []float32) {
	checkDense(rows, in, out)
	n.ConvGradData(dense(rows, in, out), w, ReadGrad[float32]{G: g}, WriteGrad[float32]{G: dx})
}

// DenseGradWeights implements [Backend].
func (n *Native) DenseGradWeights(rows, in, out int, x, g, dw, dbias []float32) {
	checkDense(rows, in, out)
	n.ConvGradWeights(dense(rows, in, out), Read[float32]{X: x}, ReadGrad[float32]{G: g}, dw, dbias)
}

// SoftmaxCrossEntropy implements [Backend].
func (n *Native) SoftmaxCrossEntropy(rows, k int, logits []float32, labels []int32, smoothing float64, loss, grad []float32, correct []int32) {
	checkLoss(rows, k, logits, labels, smoothing, loss, grad, correct)
	j := n.begin()
	j.n, j.o, j.in.x = C.long(rows), C.long(k), n.floats(logits)
	j.labels, j.correct = (*C.int32_t)(pin(n, labels)), (*C.int32_t)(pin(n, correct))
	j.smoothing = C.double(smoothing)
	j.loss, j.dx = n.floats(loss), n.floats(grad)
	n.run(C.SOFTMAX)
}

// Peak makes multiply-adds as fast as the processor can, in registers alone, for so many pieces, and returns their number: the
// speed that no kernel can exceed unless, as Winograd's convolutions, it needs fewer of them than are counted.
func (n *Native) Peak(pieces int) (macs int64) {
	j := n.begin()
	j.count, j.factor = C.long(pieces), 0.999
	n.run(C.PEAK)
	return int64(pieces) * C.PEAK_MACS
}
