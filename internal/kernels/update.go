package kernels

/*
#include "kernels.h"

static void run_sgd(const struct kernels *k, long n, float *w, const float *g, float *m, struct update u) {
	k->sgd(n, w, g, m, &u);
}

static void run_adam(const struct kernels *k, long n, float *w, const float *g, float *m, float *v, struct update u) {
	k->adam(n, w, g, m, v, &u);
}

static void run_average(const struct kernels *k, long n, float *a, const float *w, float rest) { k->average(n, a, w, rest); }
*/
import "C"

import (
	"math"
	"unsafe"
)

// AdamStep holds the numbers of one step of Adam (Kingma and Ba 2014):
//
//	d = g + Decay*w;  m = Beta1*m + (1-Beta1)*d;  v = Beta2*v + (1-Beta2)*d*d;  w -= Rate * m / (sqrt(v) + Eps)
//
// Step t of Keras' form, with epsilon outside the bias correction: Rate = lr*sqrt(1-Beta2^t)/(1-Beta1^t), Eps = epsilon;
// of PyTorch's: the same Rate, Eps = epsilon*sqrt(1-Beta2^t).
type AdamStep struct {
	Beta1, Beta2, Rate, Eps, Decay float64
}

// SGD is one step of stochastic gradient descent in PyTorch's form, on one goroutine:
//
//	d = g + decay*w;  m = momentum*m + d;  w -= lr * (nesterov ? d + momentum*m : m)
//
// m may be nil when momentum is 0.
func SGD(w, g, m []float32, lr, momentum, decay float32, nesterov bool) {
	checkSGD(w, g, m, momentum)
	u := C.struct_update{rate: C.float(lr), momentum: C.float(momentum), decay: C.float(decay)}
	if nesterov {
		u.nesterov = 1
	}
	C.run_sgd(selected, C.long(len(w)), floats(w), floats(g), floats(m), u)
}

// Adam is one step of Adam, on one goroutine; see [AdamStep].
func Adam(w, g, m, v []float32, a AdamStep) {
	checkAdam(w, g, m, v)
	u := C.struct_update{
		rate: C.float(a.Rate), decay: C.float(a.Decay), eps: C.float(a.Eps),
		beta1: C.float(a.Beta1), rest1: C.float(1 - a.Beta1), beta2: C.float(a.Beta2), rest2: C.float(1 - a.Beta2),
	}
	C.run_adam(selected, C.long(len(w)), floats(w), floats(g), floats(m), floats(v), u)
}

// Average moves an average of w by a share of what it lacks, on one goroutine: a += rest * (w - a).
func Average(a, w []float32, rest float32) {
	need("w", w, len(a))
	C.run_average(selected, C.long(len(a)), floats(a), floats(w), C.float(rest))
}

// SGD is the plain-Go truth of [SGD].
func (Reference[T]) SGD(w, g, m []T, lr, momentum, decay T, nesterov bool) {
	checkSGD(w, g, m, momentum)
	for i := range w {
		d := g[i] + decay*w[i]
		step := d
		if m != nil {
			m[i] = momentum*m[i] + d
			step = m[i]
			if nesterov {
				step = d + momentum*m[i]
			}
		}
		w[i] -= lr * step
	}
}

// Adam is the plain-Go truth of [Adam].
func (Reference[T]) Adam(w, g, m, v []T, a AdamStep) {
	checkAdam(w, g, m, v)
	beta1, beta2, rate, eps, decay := T(a.Beta1), T(a.Beta2), T(a.Rate), T(a.Eps), T(a.Decay)
	rest1, rest2 := T(1-a.Beta1), T(1-a.Beta2)
	for i := range w {
		d := g[i] + decay*w[i]
		m[i] = beta1*m[i] + rest1*d
		v[i] = beta2*v[i] + rest2*d*d
		w[i] -= rate * m[i] / (T(math.Sqrt(float64(v[i]))) + eps)
	}
}

// Average is the plain-Go truth of [Average].
func (Reference[T]) Average(a, w []T, rest T) {
	need("w", w, len(a))
	for i := range a {
		a[i] += rest * (w[i] - a[i])
	}
}

func checkSGD[T Float](w, g, m []T, momentum T) {
	need("g", g, len(w))
	if m != nil || momentum != 0 {
		need("m", m, len(w))
	}
}

func checkAdam[T Float](w, g, m, v []T) {
	need("g", g, len(w))
	need("m", m, len(w))
	need("v", v, len(w))
}

// floats is where a slice begins, for C.
func floats(x []float32) *C.float { return (*C.float)(unsafe.Pointer(unsafe.SliceData(x))) }
