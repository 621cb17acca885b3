#include "COneDNN.h"

#include <stdatomic.h>

// GNU OpenMP's entry points (libgomp ABI): clang's own -fopenmp would bring a second pool beside oneDNN's.
extern void GOMP_parallel(void (*body)(void *), void *data, unsigned threads, unsigned flags);
extern int omp_get_thread_num(void);
extern int omp_in_parallel(void);
extern int omp_get_max_threads(void);
extern void omp_set_num_threads(int threads);

typedef struct {
  _Atomic int64_t next;
  int64_t count;
  void (*body)(void *, int64_t, int);
  void *context;
} loop;

static void work(void *data) {
  loop *l = data;
  int thread = omp_get_thread_num();
  for (;;) {
    int64_t index = atomic_fetch_add_explicit(&l->next, 1, memory_order_relaxed);
    if (index >= l->count) return;
    l->body(l->context, index, thread);
  }
}

void palier_parallel_for(int64_t count, int threads, void (*body)(void *, int64_t, int), void *context) {
  // A single index still goes through the pool: a library call inside must see a parallel region and stay on its thread,
  // or its sums would be split by the number of threads.
  if (threads <= 1 || omp_in_parallel()) {
    int thread = omp_in_parallel() ? omp_get_thread_num() : 0;
    for (int64_t i = 0; i < count; i++) body(context, i, thread);
    return;
  }
  loop l = {.count = count, .body = body, .context = context};
  atomic_init(&l.next, 0);
  GOMP_parallel(work, &l, (unsigned)threads, 0);
}

void palier_set_threads(int threads) { omp_set_num_threads(threads); }
int palier_max_threads(void) { return omp_get_max_threads(); }
