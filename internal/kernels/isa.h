// The kernels, for the instruction set of the file that includes this one; see vec.h for what it defines first.

#include "kernels.h"
#include "pool.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "vec.h"

#include "winograd.h"

#include "direct.h"

#include "elementwise.h"

#include "blend.h"

static void conv(struct pool *pool, const struct job *job) {
	if (is_wino(job)) {
		struct wino p = {.grid = grid_of(job), .c = job->c, .o = job->o, .w = job->weights, .in = job->in, .out = job->out};
		wino_conv(pool, &p);
		return;
	}
	const struct job flat = flattened(job);
	struct direct p = {
		.n = flat.n, .k = flat.k, .stride = flat.stride, .h = flat.h, .w = flat.w, .c = flat.c,
		.oh = flat.oh, .ow = flat.ow, .o = flat.o, .weights = flat.weights, .in = flat.in, .out = flat.out,
	};
	direct_conv(pool, &p);
}

static void conv_grad_data(struct pool *pool, const struct job *job) {
	if (is_wino(job)) {
		struct wino p = {.grid = grid_of(job), .c = job->o, .o = job->c, .w = job->weights, .backward = 1, .in = job->grad, .out = job->out};
		wino_conv(pool, &p);
		return;
	}
	const struct job flat = flattened(job);
	struct direct p = {
		.n = flat.n, .k = flat.k, .stride = flat.stride, .h = flat.oh, .w = flat.ow, .c = flat.o, .backward = 1,
		.oh = flat.h, .ow = flat.w, .o = flat.c, .weights = flat.weights, .in = flat.grad, .out = flat.out,
	};
	direct_conv(pool, &p);
}

static void conv_grad_weights(struct pool *pool, const struct job *job) {
	if (is_wino(job))
		wino_grad_weights(pool, job);
	else
		direct_grad_weights(pool, job);
}

#define KERNELS(isa) \
	{ \
		.name = isa, \
		.run = { \
			[CONV] = conv, [CONV_GRAD_DATA] = conv_grad_data, [CONV_GRAD_WEIGHTS] = conv_grad_weights, [MAP] = map, \
			[MAX_POOL] = max_pool, [MAX_POOL_GRAD] = max_pool_grad, [AVG_POOL] = avg_pool, [AVG_POOL_GRAD] = avg_pool_grad, \
			[SUBSAMPLE] = subsample, [SUBSAMPLE_GRAD] = subsample_grad, [BLEND] = blend, [BLEND_GRAD] = blend_grad, \
			[DROPOUT] = dropout, [SOFTMAX] = softmax, \
		}, \
		.sgd = sgd, .adam = adam, \
	}
