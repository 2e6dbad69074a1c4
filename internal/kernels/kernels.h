// What the Go side and every instruction set agree on: the description of one call, and the table of functions.
#ifndef KERNELS_H
#define KERNELS_H

#include <stdint.h>

struct pool;

// How an activation or a gradient is read: element i, of channel c, is
//
//	v = x[i];  AFFINE: v = v*s0[c] + s1[c];  GRAD: v = v*s0[c] + (x2[i]*s1[c] + s2[c]);  ADD: v += r[i];
//	RELU: v = max(0, v);  JOIN: joined[i] = v
//
// RELU comes with AFFINE (by 1 and 0 if need be), AFFINE never with GRAD, ADD or JOIN.
enum { AFFINE = 1, RELU = 2, GRAD = 4, ADD = 8, JOIN = 16 };
struct source {
	const float *x, *x2, *r, *s0, *s1, *s2;
	float *joined;
	int mode;
};

// How a result v of element i, channel c, is stored:
//
//	v += bias[c] (if not NULL);  NORM: v = v*scale[c] + shift[c];  RESIDUAL: v += residual[i];  GATE: v = 0 unless gate[i] > 0;  RECTIFY: v = max(0, v);
//	MASK: v = 0 unless through[i]*scale[c] + shift[c] > 0;
//	SUM: sums[c] += v, sums[channels+c] += v * (THROUGH ? through[i] : v);
//	SCALE: v *= scale[c];  REST: v += rest[i];  y[i] = v unless DISCARD
//	ACTIVE: active[i-active_from] = max(0, through[i]*scale[c] + shift[c])
//
// MASK comes with THROUGH, THROUGH with neither RECTIFY nor bias nor NORM, ACTIVE with MASK. y may be residual or rest.
enum { RESIDUAL = 1, SUM = 2, THROUGH = 4, MASK = 8, DISCARD = 16, RECTIFY = 32, GATE = 64, SCALE = 128, REST = 256, ACTIVE = 512, NORM = 1024 };
// The gradient of what was normalised and rectified; and what is normalised and rectified, alone and with the shortcut.
enum { NORM_GRAD = THROUGH | MASK | SUM | SCALE, NORM_RELU = NORM | RECTIFY, NORM_JOIN_RELU = NORM | RESIDUAL | RECTIFY };
struct sink {
	float *y;
	const float *bias, *residual, *gate, *through, *scale, *shift, *rest;
	double *sums;
	float *active;
	long active_from;
	int mode;
};

// How a 3x3 convolution may be computed: by Winograd's F(4x4,3x3) where the shape permits, else by F(2x2,3x3) where it permits,
// else directly; not by the first; directly.
enum algorithm { WINOGRAD_4, WINOGRAD_2, DIRECT };

// What Winograd's transformed tiles and weights are multiplied as: floats; or bf16, the upper halves of floats rounded to
// nearest, two products at a time, whose sums are floats. Transforms and all else are of floats.
enum products { FP32, BF16 };

enum { KEPT_XI = 36, KEPT_PAD = 16 }; // of F(4x4,3x3), the larger

enum { MATRIX_POSITIONS = 1280 }; // of a unit, at most, unless it is a row; see matrix.h

// One call. Images are n x [h,w,c]; a convolution makes n x [oh,ow,o] of them, a pooling n x [oh,ow,c].
struct job {
	long n, h, w, c, oh, ow, o, k, stride; // k: side of the kernel
	long high, wide;                       // of a pooling's window
	enum algorithm algorithm;              // of a convolution
	enum products products;                // likewise; BF16 only where kernels_have_bf16
	float *kept;                           // where the transformed weights of a convolution are kept, KEPT_XI*(c*o+KEPT_PAD), or NULL
	int made;                              // they are there already
	struct source in, grad;                // what is read: an activation, a gradient
	struct sink out;
	const float *weights; // [k,k,c,o]
	float *dw, *dbias;    // [k,k,c,o], [o] or NULL
	float *dx;            // as the input
	long count;           // elements, of elementwise work
	uint64_t key;         // of dropout: elements whose hash is below limit are dropped, others scaled
	uint32_t limit;
	float factor;
	const float *s, *z;   // of a blend: the shortcut (or NULL), and what opens the gate (or NULL)
	float a, b;           // its factors
	int gate, part;       // which gate it has, and of what a gradient is asked; see blend.h
	const int32_t *labels;
	double smoothing; // of the labels: this part of each target is spread over all classes
	int32_t *correct;
	float *loss;
};

// The numbers of an optimizer's step; see SGD and AdamStep.
struct update {
	float rate, momentum, decay, eps;
	float beta1, rest1, beta2, rest2; // rest is 1-beta, rounded once
	int nesterov;
	float keep;   // of a weight, where it decays apart from the gradient
	float before; // what a step is multiplied with before momentum
	int inside;   // eps is in the root
};

// What a call computes; see Backend for each. CONV_GRADS is for 1x1 kernels with stride 1, and for what matrix.h can do at once.
// MAP takes count elements of c channels from in to out. The gradient of data reads grad and stores in out; other gradients of an
// input are stored in dx. PEAK computes nothing: count pieces of PEAK_MACS multiply-adds each.
enum { PEAK_MACS = 3 << 22 };
enum operation {
	CONV, CONV_GRAD_DATA, CONV_GRAD_WEIGHTS, CONV_GRADS, MAP, MAX_POOL, MAX_POOL_GRAD, AVG_POOL, AVG_POOL_GRAD,
	SUBSAMPLE, SUBSAMPLE_GRAD, BLEND, BLEND_GRAD, EXCITE, EXCITE_GRAD, DROPOUT, SOFTMAX, PEAK, OPERATIONS
};

// One of these exists for every instruction set.
struct kernels {
	const char *name;
	void (*run[OPERATIONS])(struct pool *, const struct job *);
	void (*sgd)(long n, float *w, const float *g, float *m, const struct update *);
	void (*adam)(long n, float *w, const float *g, float *m, float *v, const struct update *);
	void (*average)(long n, float *a, const float *w, float rest);
	void (*adamw)(long n, float *w, const float *g, float *m, float *v, const struct update *);
	void (*rmsprop)(long n, float *w, const float *g, float *v, float *a, float *m, const struct update *);
	void (*scale)(long n, float *y, float factor);
	void (*clamp)(long n, float *y, float limit);
	void (*accumulate)(long n, float *y, const float *x, float factor);
	double (*sum_squares)(long n, const float *x);
};

// kernels_named returns the table of an instruction set ("avx512", "avx2", "generic") that this processor has, or NULL;
// "" means the best.
const struct kernels *kernels_named(const char *name);

// Whether these kernels and this processor have products of bf16.
int kernels_have_bf16(const struct kernels *k);

// Whether they have products of matrices of bf16 too, for direct convolutions; asks the system for leave to use them.
int kernels_have_matrices(const struct kernels *k);

#endif
