#include "pool.h"

#include "memory.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdint.h>

enum {
	LINE = 64,
	SPINS = 4000, // pauses before a helper sleeps or the caller gives up its core: some 50 us
};

struct block {
	void *at;
	size_t bytes;
};

// Every worker has a share of a task's pieces, which lie side by side: so it reads what it wrote in the task before, where
// cores have caches of their own.
struct worker {
	_Alignas(LINE) struct block scratch;
	jmp_buf out_of_memory; // back to work()
	_Alignas(LINE) atomic_long next; // of its share
	long end;
};

// The gate says which task is going on: its number in the upper half, OPEN while pieces are handed out, and how many
// helpers are inside. A helper that comes late finds it closed and nobody waits for it.
enum { OPEN = 1 << 16, INSIDE = OPEN - 1 };

struct pool {
	int threads;
	void (*task)(void *, long, int);
	void *context;
	struct worker *workers;
	struct block shared[SHARED_SLOTS];
	jmp_buf out_of_memory; // back to pool_call()
	atomic_size_t missing; // bytes there was no memory for, or 0
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	_Alignas(LINE) atomic_ulong gate;
	atomic_int sleeping, closed;
};

static void pause_cpu(void) {
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

// grow returns so many bytes, or jumps when there is no memory.
static void *grow(struct pool *p, struct block *b, size_t bytes, jmp_buf out_of_memory) {
	if (b->bytes < bytes) {
		memory_put(b->at);
		b->at = memory_get(bytes);
		b->bytes = b->at ? bytes : 0;
		if (!b->at) {
			atomic_store(&p->missing, bytes);
			longjmp(out_of_memory, 1);
		}
	}
	return b->at;
}

struct pool *pool_new(int threads) {
	struct pool *p = memory_get(sizeof *p);
	if (!p)
		return NULL;
	p->threads = threads;
	p->workers = memory_get(sizeof(struct worker) * (size_t)threads);
	if (!p->workers) {
		memory_put(p);
		return NULL;
	}
	pthread_mutex_init(&p->mutex, NULL);
	pthread_cond_init(&p->wake, NULL);
	return p;
}

void pool_free(struct pool *p) {
	for (int i = 0; i < p->threads; i++)
		memory_put(p->workers[i].scratch.at);
	for (int i = 0; i < SHARED_SLOTS; i++)
		memory_put(p->shared[i].at);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->mutex);
	memory_put(p->workers);
	memory_put(p);
}

void pool_close(struct pool *p) {
	pthread_mutex_lock(&p->mutex);
	atomic_store(&p->closed, 1);
	pthread_cond_broadcast(&p->wake);
	pthread_mutex_unlock(&p->mutex);
}

// work takes the pieces of its own share, then what the others have left of theirs, or until it finds no memory.
static void work(struct pool *p, int worker) {
	if (setjmp(p->workers[worker].out_of_memory))
		return;
	for (int i = 0; i < p->threads; i++) {
		struct worker *share = &p->workers[(worker + i) % p->threads];
		for (long piece; (piece = atomic_fetch_add(&share->next, 1)) < share->end;)
			p->task(p->context, piece, worker);
	}
}

// await returns the gate once it shows an open task after the last one, or 0 when the pool closes.
static unsigned long await(struct pool *p, unsigned long last) {
	for (int i = 0; i < SPINS; i++) {
		unsigned long g = atomic_load(&p->gate);
		if (g >> 32 != last && g & OPEN)
			return g;
		if (atomic_load(&p->closed))
			return 0;
		pause_cpu();
	}
	pthread_mutex_lock(&p->mutex);
	atomic_fetch_add(&p->sleeping, 1);
	unsigned long g;
	for (;;) {
		g = atomic_load(&p->gate);
		if (g >> 32 != last && g & OPEN)
			break;
		if (atomic_load(&p->closed)) {
			g = 0;
			break;
		}
		pthread_cond_wait(&p->wake, &p->mutex);
	}
	atomic_fetch_sub(&p->sleeping, 1);
	pthread_mutex_unlock(&p->mutex);
	return g;
}

void pool_help(struct pool *p, int worker) {
	unsigned long last = 0;
	for (;;) {
		unsigned long g = await(p, last);
		if (!g)
			return;
		if (!atomic_compare_exchange_strong(&p->gate, &g, g + 1))
			continue;
		last = g >> 32;
		work(p, worker);
		atomic_fetch_sub(&p->gate, 1);
	}
}

// work_together opens the gate to the helpers, works along and waits for those who came.
static void work_together(struct pool *p) {
	unsigned long number = ((atomic_load(&p->gate) >> 32) + 1) & UINT32_MAX;
	atomic_store(&p->gate, (number ? number : 1) << 32 | OPEN);
	if (atomic_load(&p->sleeping)) {
		pthread_mutex_lock(&p->mutex);
		pthread_cond_broadcast(&p->wake);
		pthread_mutex_unlock(&p->mutex);
	}
	work(p, 0);
	atomic_fetch_and(&p->gate, ~(unsigned long)OPEN);
	for (int i = 0; atomic_load(&p->gate) & INSIDE; i++) {
		if (i < SPINS)
			pause_cpu();
		else
			sched_yield();
	}
}

size_t pool_call(struct pool *p, void (*call)(struct pool *, const struct job *), const struct job *job) {
	atomic_store(&p->missing, 0);
	if (!setjmp(p->out_of_memory))
		call(p, job);
	return atomic_load(&p->missing);
}

void pool_run(struct pool *p, void (*task)(void *, long, int), void *context, long pieces) {
	p->task = task;
	p->context = context;
	for (int i = 0; i < p->threads; i++) {
		atomic_store(&p->workers[i].next, cut_at(pieces, p->threads, i));
		p->workers[i].end = cut_at(pieces, p->threads, i + 1);
	}
	if (p->threads == 1 || pieces == 1)
		work(p, 0);
	else
		work_together(p);
	if (atomic_load(&p->missing))
		longjmp(p->out_of_memory, 1);
}

float *pool_scratch(struct pool *p, int worker, long floats) {
	return grow(p, &p->workers[worker].scratch, (size_t)floats * sizeof(float), p->workers[worker].out_of_memory);
}

void *pool_shared(struct pool *p, enum shared slot, long bytes) {
	return grow(p, &p->shared[slot], (size_t)bytes, p->out_of_memory);
}
