#include "COneDNN.h"

#include <stdatomic.h>

// GNU OpenMP's entry points (libgomp ABI): clang's own -fopenmp would bring a second pool beside oneDNN's.
extern void GOMP_parallel(void (*body)(void *), void *data, unsigned threads, unsigned flags);
extern int omp_get_thread_num(void);
extern int omp_in_parallel(void);
extern int omp_get_max_threads(void);
extern void omp_set_num_threads(int threads);

// libgomp starts and joins its threads by futexes, which ThreadSanitizer does not see: without these two it would call every
// loop a race (Tests/Drills/sanitizers.sh). Nothing in any other build.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PALIER_THREAD_SANITIZER 1
#endif
#endif
#ifdef PALIER_THREAD_SANITIZER
extern void __tsan_acquire(void *);
extern void __tsan_release(void *);
#else
#define __tsan_acquire(place) ((void)(place))
#define __tsan_release(place) ((void)(place))
#endif

typedef struct {
  _Atomic int64_t next;
  int64_t count;
  void (*body)(void *, int64_t, int);
  void *context;
} loop;

// 1 more than this thread's number in the loop of ours that it works for; 0: in none.
static _Thread_local int place;
// The threads that this thread's loops use; 0: those of the process.
static _Thread_local int own_count;

static void work(void *data) {
  loop *l = data;
  int thread = omp_get_thread_num();
  int before = place;
  place = thread + 1;
  __tsan_acquire(l);
  for (;;) {
    int64_t index = atomic_fetch_add_explicit(&l->next, 1, memory_order_relaxed);
    if (index >= l->count) break;
    l->body(l->context, index, thread);
  }
  __tsan_release(l);
  place = before;
}

void palier_parallel_for(int64_t count, int threads, void (*body)(void *, int64_t, int), void *context) {
  // A single index still goes through the pool: a loop inside it must see a parallel region and stay on its thread. In a region
  // that is not ours, a caller's, there is one thread for us: this one, of whatever number there.
  if (threads <= 1 || place || omp_in_parallel()) {
    int thread = place ? place - 1 : 0;
    for (int64_t i = 0; i < count; i++) body(context, i, thread);
    return;
  }
  loop l = {.count = count, .body = body, .context = context};
  atomic_init(&l.next, 0);
  __tsan_release(&l);
  GOMP_parallel(work, &l, (unsigned)threads, 0);
  __tsan_acquire(&l);
}

int palier_own_thread_count(void) { return own_count; }

palier_own_threads palier_begin_own_threads(int threads) {
  palier_own_threads before = {.count = own_count, .openmp = omp_get_max_threads()};
  own_count = threads;
  return before;
}

void palier_end_own_threads(const palier_own_threads *before) {
  own_count = before->count;
  omp_set_num_threads(before->openmp);
}
