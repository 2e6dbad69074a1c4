// A pool of threads that share the pieces of one task after another, and the scratch memory they work in.
#ifndef POOL_H
#define POOL_H

#include <stddef.h>

struct pool;
struct job;

// cut_at cuts so many units into pieces: piece p covers the units from cut_at(p) to cut_at(p+1).
static inline long cut_at(long units, long pieces, long p) { return units * p / pieces; }

// pool_new makes a pool of so many threads, the caller's included: threads-1 times pool_help must be called, each on its
// own thread. NULL when there is no memory.
struct pool *pool_new(int threads);

// pool_help works as helper number worker (from 1) until pool_close; it spins a little for the next task, then sleeps.
void pool_help(struct pool *pool, int worker);

// pool_close sends the helpers home; pool_free may be called once they have returned.
void pool_close(struct pool *pool);
void pool_free(struct pool *pool);

// pool_call does call(pool, job), which may use all that follows. It returns 0, or when there was no memory for it, how many
// bytes were asked for; the call was then given up halfway.
size_t pool_call(struct pool *pool, void (*call)(struct pool *, const struct job *), const struct job *job);

// pool_run calls task(context, piece, worker) once for every piece < pieces, on any thread and in any order, and returns
// when all are done. Two calls with the same worker never overlap. Neighbouring pieces go to the same worker as far as
// possible, so that tasks that cut their data in the same way find it in their core's cache.
void pool_run(struct pool *pool, void (*task)(void *context, long piece, int worker), void *context, long pieces);

// pool_scratch is memory for a worker alone, kept between tasks, on a cache line; whatever was in it is still there only
// as long as nobody asks for more. Without memory it does not return, but ends the pool_call.
float *pool_scratch(struct pool *pool, int worker, long floats);

// pool_shared is the same for a task's caller, who hands it to all workers; there are several, named by what they are
// mostly used for.
enum shared { WEIGHTS, PARTIALS, SUMS, TILES, COEFFICIENTS, SHARED_SLOTS };
void *pool_shared(struct pool *pool, enum shared slot, long bytes);

#endif
