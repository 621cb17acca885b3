// A thin shim over oneDNN's C API (2.x and 3.x differ; Debian 12 has 2.6) and over GNU OpenMP's pool, on which Debian's
// oneDNN runs. It knows nothing of Palier.
#ifndef PALIER_ONEDNN_H
#define PALIER_ONEDNN_H

#if !__has_include(<oneapi/dnnl/dnnl.h>)
#error "oneDNN's headers were not found: install them with: apt-get install libdnnl-dev"
#endif

#include <stddef.h>
#include <stdint.h>

// Element types of a product's operands.
typedef enum { palier_f32 = 0, palier_bf16 = 1, palier_s8 = 2, palier_u8 = 3, palier_s32 = 4 } palier_element;

// One matrix product of fixed shape, C[m,n] (+)= A[m,k] · B[k,n]: a matmul primitive, made once and kept.
typedef struct palier_product palier_product;

typedef struct {
  int64_t m, n, k;
  int64_t a_stride;       // elements from one row of A to the next (of k and not m where a_transposed: A is stored [k, m])
  int64_t c_stride;       // elements from one row of C to the next
  palier_element a, b, c;
  int a_transposed;       // A is stored [k, m]
  int b_packed;           // B in the library's own blocked layout; else plain rows of n elements
  int accumulate;         // C += instead of C =
} palier_product_shape;

// Wraps dnnl_primitive_create for a matmul of one thread, whatever the number of threads. Returns 0, or the library's status.
int palier_product_create(const palier_product_shape *shape, palier_product **made);
void palier_product_destroy(palier_product *product);
// The bytes that B takes in the product's layout, and the bytes of scratch that one run needs.
size_t palier_product_b_bytes(const palier_product *product);
size_t palier_product_scratch_bytes(const palier_product *product);
// The name of the library's implementation (dnnl_query_impl_info_str).
const char *palier_product_implementation(const palier_product *product);
// Where the packed layout of B is [n / columns][k / interleave][columns][interleave], zero-padded in k and n, writes both
// numbers and returns 1; else returns 0 and B must be packed by palier_product_pack_b.
int palier_product_b_layout(const palier_product *product, int64_t *columns, int64_t *interleave, int64_t *padded_k);
// Packs B (or, transposed, B stored [n, k]) with a reorder primitive. `stride` is elements between stored rows.
int palier_product_pack_b(const palier_product *product, const void *plain, int transposed, int64_t stride, void *packed);
// Runs the product on the calling thread alone.
int palier_product_run(palier_product *product, const void *a, const void *b, void *c, void *scratch);

// dnnl_sgemm, on the calling thread alone: row-major C[m,n] = alpha·op(A)·op(B) + beta·C.
int palier_sgemm(int a_transposed, int b_transposed, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                 int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc);

// The text of a status.
const char *palier_dnnl_status_text(int status);
// "2.6.3", and the instruction set that the library will use on this CPU.
const char *palier_dnnl_version(void);
const char *palier_dnnl_isa(void);

// Runs body(context, index, thread) for every index below count on the OpenMP pool that oneDNN shares (GOMP_parallel).
// Indices are handed out one by one, so the order of execution is free; inside a parallel region it runs them in order.
void palier_parallel_for(int64_t count, int threads, void (*body)(void *context, int64_t index, int thread), void *context);

// This thread's own number of threads, which palier_begin_own_threads sets and palier_end_own_threads sets back; 0: none. The end
// also gives OpenMP the number back that it had for this thread's regions: products say one to it (onednn.c).
typedef struct {
  int count, openmp;
} palier_own_threads;
int palier_own_thread_count(void);
palier_own_threads palier_begin_own_threads(int threads);
void palier_end_own_threads(const palier_own_threads *before);

#endif
