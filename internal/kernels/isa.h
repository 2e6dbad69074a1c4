// The kernels, for the instruction set of the file that includes this one; see vec.h for what it defines first.

#include "kernels.h"
#include "pool.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "vec.h"

#include "tiles.h"

#define STRIDE 1
#define TILE 4
#define WINO(name) name##_4
#include "winograd.h"
#undef TILE
#undef WINO

#define TILE 2
#define WINO(name) name##_2
#include "winograd.h"
#undef TILE
#undef WINO
#undef STRIDE

#define STRIDE 2
#define TILE 4
#define WINO(name) name##_strided
#include "winograd.h"
#undef TILE
#undef WINO
#undef STRIDE

#include "direct.h"
#include "direct_grad.h"

#ifdef MATRICES
#include "matrix.h"
#else // no job asks for them
#define can_matrix(job) 0
#define matrix_conv direct
#define matrix_grad_data direct_grad_data
#define matrix_grad_weights direct_grad_weights
#define matrix_grads direct_grads
#endif

#include "elementwise.h"

#include "blend.h"

#include "excite.h"

#include "peak.h"

#include "update.h"

// Which way a convolution is computed: the first that its algorithm allows and its shape permits.
enum way { DIRECTLY, BY_2, BY_4, STRIDED, BY_MATRICES };

static enum way way_of(const struct job *job) {
	if (job->algorithm == DIRECT && job->products == BF16 && can_matrix(job))
		return BY_MATRICES;
	if (job->algorithm == WINOGRAD_4 && can_4(job))
		return BY_4;
	if (job->algorithm != DIRECT && can_strided(job))
		return STRIDED;
	return job->algorithm != DIRECT && can_2(job) ? BY_2 : DIRECTLY;
}

static void conv(struct pool *pool, const struct job *job) {
	switch (way_of(job)) {
	case BY_4: conv_4(pool, job); break;
	case BY_2: conv_2(pool, job); break;
	case STRIDED: conv_strided(pool, job); break;
	case BY_MATRICES: matrix_conv(pool, job); break;
	default: direct(pool, job);
	}
}

static void conv_grad_data(struct pool *pool, const struct job *job) {
	switch (way_of(job)) {
	case BY_4: conv_grad_data_4(pool, job); break;
	case BY_2: conv_grad_data_2(pool, job); break;
	case STRIDED: conv_grad_data_strided(pool, job); break;
	case BY_MATRICES: matrix_grad_data(pool, job); break;
	default: direct_grad_data(pool, job);
	}
}

static void conv_grad_weights(struct pool *pool, const struct job *job) {
	switch (way_of(job)) {
	case BY_4: grad_weights_4(pool, job); break;
	case BY_2: grad_weights_2(pool, job); break;
	case STRIDED: grad_weights_strided(pool, job); break;
	case BY_MATRICES: matrix_grad_weights(pool, job); break;
	default: direct_grad_weights(pool, job);
	}
}

static void conv_grads(struct pool *pool, const struct job *job) {
	if (way_of(job) == BY_MATRICES)
		matrix_grads(pool, job);
	else
		direct_grads(pool, job);
}

#define KERNELS(isa) \
	{ \
		.name = isa, \
		.run = { \
			[CONV] = conv, [CONV_GRAD_DATA] = conv_grad_data, [CONV_GRAD_WEIGHTS] = conv_grad_weights, [CONV_GRADS] = conv_grads, [MAP] = map, \
			[MAX_POOL] = max_pool, [MAX_POOL_GRAD] = max_pool_grad, [AVG_POOL] = avg_pool, [AVG_POOL_GRAD] = avg_pool_grad, \
			[SUBSAMPLE] = subsample, [SUBSAMPLE_GRAD] = subsample_grad, [BLEND] = blend, [BLEND_GRAD] = blend_grad, \
			[EXCITE] = excite, [EXCITE_GRAD] = excite_grad, [DROPOUT] = dropout, [SOFTMAX] = softmax, [PEAK] = peak, \
		}, \
		.sgd = sgd, .adam = adam, .average = average, \
		.adamw = adamw, .rmsprop = rmsprop, .scale = scale, .clamp = clamp, .accumulate = accumulate, \
		.sum_squares = sum_squares, \
	}
