package kernels

/*
#include "kernels.h"

static void run_adamw(const struct kernels *k, long n, float *w, const float *g, float *m, float *v, struct update u) {
	k->adamw(n, w, g, m, v, &u);
}

static void run_rmsprop(const struct kernels *k, long n, float *w, const float *g, float *v, float *a, float *m, struct update u) {
	k->rmsprop(n, w, g, v, a, m, &u);
}

static void run_scale(const struct kernels *k, long n, float *y, float factor) { k->scale(n, y, factor); }

static void run_clamp(const struct kernels *k, long n, float *y, float limit) { k->clamp(n, y, limit); }

static void run_accumulate(const struct kernels *k, long n, float *y, const float *x, float factor) { k->accumulate(n, y, x, factor); }

static double run_sum_squares(const struct kernels *k, long n, const float *x) { return k->sum_squares(n, x); }
*/
import "C"

import "math"

// AdamW is one step of Adam with the decay apart from the gradient (Loshchilov and Hutter 2019), on one goroutine; see
// [AdamStep], of which Decay is the part of the weight that is lost:
//
//	w *= 1 - Decay;  m = Beta1*m + (1-Beta1)*g;  v = Beta2*v + (1-Beta2)*g*g;  w -= Rate * m / (sqrt(v) + Eps)
func AdamW(w, g, m, v []float32, a AdamStep) {
	checkAdam(w, g, m, v)
	u := C.struct_update{
		rate: C.float(a.Rate), keep: C.float(1 - a.Decay), eps: C.float(a.Eps),
		beta1: C.float(a.Beta1), rest1: C.float(1 - a.Beta1), beta2: C.float(a.Beta2), rest2: C.float(1 - a.Beta2),
	}
	C.run_adamw(selected, C.long(len(w)), floats(w), floats(g), floats(m), floats(v), u)
}

// RMSPropStep holds the numbers of one step of RMSProp (Tieleman and Hinton 2012):
//
//	d = g + Decay*w;  v = Alpha*v + (1-Alpha)*d*d;  a = Alpha*a + (1-Alpha)*d;  q = max(0, v - a*a)
//	m = Momentum*m + Before * d / (Inside ? sqrt(q + Eps) : sqrt(q) + Eps);  w -= Rate*m
//
// Without a it is 0, without m Momentum is 0.
type RMSPropStep struct {
	Alpha, Momentum, Rate, Before, Eps, Decay float64
	Inside                                    bool
}

// RMSProp is one step of RMSProp, on one goroutine; see [RMSPropStep]. a and m may be nil.
func RMSProp(w, g, v, a, m []float32, s RMSPropStep) {
	checkRMSProp(w, g, v, a, m, s)
	u := C.struct_update{
		rate: C.float(s.Rate), momentum: C.float(s.Momentum), decay: C.float(s.Decay), eps: C.float(s.Eps), before: C.float(s.Before),
		beta2: C.float(s.Alpha), rest2: C.float(1 - s.Alpha),
	}
	if s.Inside {
		u.inside = 1
	}
	C.run_rmsprop(selected, C.long(len(w)), floats(w), floats(g), floats(v), floats(a), floats(m), u)
}

// Scale is y *= factor, on one goroutine.
func Scale(y []float32, factor float32) {
	C.run_scale(selected, C.long(len(y)), floats(y), C.float(factor))
}

// Clamp is y = min(max(y, -limit), limit), on one goroutine; NaN stays NaN.
func Clamp(y []float32, limit float32) {
	C.run_clamp(selected, C.long(len(y)), floats(y), C.float(limit))
}

// Accumulate is y += factor * x, on one goroutine.
func Accumulate(y, x []float32, factor float32) {
	need("x", x, len(y))
	C.run_accumulate(selected, C.long(len(y)), floats(y), floats(x), C.float(factor))
}

// SumSquares is the sum of x*x in float64, on one goroutine, in sixteen interleaved partial sums: the same bits on every machine.
func SumSquares(x []float32) float64 {
	return float64(C.run_sum_squares(selected, C.long(len(x)), floats(x)))
}

// AdamW is the plain-Go truth of [AdamW].
func (Reference[T]) AdamW(w, g, m, v []T, a AdamStep) {
	for i := range w {
		w[i] *= T(1 - a.Decay)
	}
	a.Decay = 0
	Reference[T]{}.Adam(w, g, m, v, a)
}

// RMSProp is the plain-Go truth of [RMSProp].
func (Reference[T]) RMSProp(w, g, v, a, m []T, s RMSPropStep) {
	checkRMSProp(w, g, v, a, m, s)
	alpha, rest, eps := T(s.Alpha), T(1-s.Alpha), T(s.Eps)
	root := func(x T) T { return T(math.Sqrt(float64(x))) }
	for i := range w {
		d := g[i] + T(s.Decay)*w[i]
		v[i] = alpha*v[i] + rest*d*d
		q := v[i]
		if a != nil {
			a[i] = alpha*a[i] + rest*d
			q = max(0, q-a[i]*a[i])
		}
		divisor := root(q) + eps
		if s.Inside {
			divisor = root(q + eps)
		}
		step := T(s.Before) * d / divisor
		if m != nil {
			m[i] = T(s.Momentum)*m[i] + step
			step = m[i]
		}
		w[i] -= T(s.Rate) * step
	}
}

// Scale is the plain-Go truth of [Scale].
func (Reference[T]) Scale(y []T, factor T) {
	for i := range y {
		y[i] *= factor
	}
}

// Clamp is the plain-Go truth of [Clamp].
func (Reference[T]) Clamp(y []T, limit T) {
	for i := range y {
		y[i] = min(max(y[i], -limit), limit)
	}
}

// Accumulate is the plain-Go truth of [Accumulate].
func (Reference[T]) Accumulate(y, x []T, factor T) {
	for i := range y {
		y[i] += factor * x[i]
	}
}

// SumSquares is the plain-Go truth of [SumSquares].
func (Reference[T]) SumSquares(x []T) float64 {
	var sum [16]float64
	for i, v := range x {
		sum[i%16] += float64(v) * float64(v)
	}
	for half := 8; half > 0; half /= 2 {
		for k := range half {
			sum[k] += sum[k+half]
		}
	}
	return sum[0]
}

func checkRMSProp[T Float](w, g, v, a, m []T, s RMSPropStep) {
	need("g", g, len(w))
	need("v", v, len(w))
	if a != nil {
		need("a", a, len(w))
	}
	if m != nil || s.Momentum != 0 {
		need("m", m, len(w))
	}
}
