#include "COneDNN.h"

#include <oneapi/dnnl/dnnl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREE (DNNL_VERSION_MAJOR >= 3)

extern void omp_set_num_threads(int threads);

// What a run hands to the library: made once a thread, since making the four takes longer than starting the product.
typedef struct {
  dnnl_memory_t a, b, c, scratch;
} operands;
enum { THREADS_WITH_OPERANDS = 256 };

struct palier_product {
  palier_product_shape shape;
  operands *of_thread[THREADS_WITH_OPERANDS];
  dnnl_primitive_t primitive;
  dnnl_primitive_desc_t description;
  // A handle in 3.x, a struct owned by the description in 2.x.
#if THREE
  const_dnnl_memory_desc_t a, b, c, scratch;
  dnnl_memory_desc_t own_a, own_b_any, own_c;
#else
  const dnnl_memory_desc_t *a, *b, *c, *scratch;
#endif
};

static dnnl_engine_t the_engine;
static pthread_once_t engine_once = PTHREAD_ONCE_INIT;
static void make_engine(void) {
  if (dnnl_engine_create(&the_engine, dnnl_cpu, 0) != dnnl_success) the_engine = NULL;
}
static dnnl_engine_t engine(void) {
  pthread_once(&engine_once, make_engine);
  return the_engine;
}
// What a thread has of its own while it lives. One stream a thread: a CPU stream runs at once, on the caller. A number, the
// lowest that is free when the thread first asks: a program that starts threads all its life does not run out of them.
static __thread dnnl_stream_t own_stream;
static __thread int own_number_and_one;  // 0: none yet
static pthread_key_t leaving;
static pthread_once_t leaving_once = PTHREAD_ONCE_INIT;
static pthread_mutex_t numbers = PTHREAD_MUTEX_INITIALIZER;
static unsigned char taken[THREADS_WITH_OPERANDS];

static void leave(void *nothing) {
  (void)nothing;
  if (own_stream) dnnl_stream_destroy(own_stream);
  own_stream = NULL;
  int number = own_number_and_one - 1;
  own_number_and_one = 0;
  if (number < 0 || number >= THREADS_WITH_OPERANDS) return;
  pthread_mutex_lock(&numbers);
  taken[number] = 0;
  pthread_mutex_unlock(&numbers);
}
static void make_leaving(void) { pthread_key_create(&leaving, leave); }
// Has `leave` called at the thread's end.
static void will_leave(void) {
  pthread_once(&leaving_once, make_leaving);
  pthread_setspecific(leaving, &own_stream);
}

static dnnl_stream_t stream(void) {
  if (!own_stream) {
    dnnl_stream_create(&own_stream, engine(), dnnl_stream_default_flags);
    will_leave();
  }
  return own_stream;
}

// This thread's number; THREADS_WITH_OPERANDS where all are taken.
static int own_number(void) {
  if (own_number_and_one) return own_number_and_one - 1;
  int number = 0;
  pthread_mutex_lock(&numbers);
  while (number < THREADS_WITH_OPERANDS && taken[number]) number++;
  if (number < THREADS_WITH_OPERANDS) taken[number] = 1;
  pthread_mutex_unlock(&numbers);
  own_number_and_one = number + 1;
  will_leave();
  return number;
}

static dnnl_data_type_t type_of(palier_element e) {
  switch (e) {
    case palier_bf16: return dnnl_bf16;
    case palier_s8: return dnnl_s8;
    case palier_u8: return dnnl_u8;
    case palier_s32: return dnnl_s32;
    default: return dnnl_f32;
  }
}

#define TRY(call) do { dnnl_status_t status_ = (call); if (status_ != dnnl_success) return (int)status_; } while (0)

#if THREE
typedef dnnl_memory_desc_t description_t;
static dnnl_status_t strided(description_t *d, int64_t rows, int64_t columns, dnnl_data_type_t t, int64_t rs, int64_t cs) {
  dnnl_dims_t dims = {rows, columns}, strides = {rs, cs};
  return dnnl_memory_desc_create_with_strides(d, 2, dims, t, strides);
}
static dnnl_status_t any_layout(description_t *d, int64_t rows, int64_t columns, dnnl_data_type_t t) {
  dnnl_dims_t dims = {rows, columns};
  return dnnl_memory_desc_create_with_tag(d, 2, dims, t, dnnl_format_tag_any);
}
#define POINTER(d) (d)
#else
typedef dnnl_memory_desc_t description_t;
static dnnl_status_t strided(description_t *d, int64_t rows, int64_t columns, dnnl_data_type_t t, int64_t rs, int64_t cs) {
  dnnl_dims_t dims = {rows, columns}, strides = {rs, cs};
  return dnnl_memory_desc_init_by_strides(d, 2, dims, t, strides);
}
static dnnl_status_t any_layout(description_t *d, int64_t rows, int64_t columns, dnnl_data_type_t t) {
  dnnl_dims_t dims = {rows, columns};
  return dnnl_memory_desc_init_by_tag(d, 2, dims, t, dnnl_format_tag_any);
}
#define POINTER(d) (&(d))
#endif

// The library chooses how it blocks a product, and so the order of its sums, by the threads that it believes it could have:
// a product made under three threads gives other bits than one made under one. Ours always run on the calling thread, so
// that is what it is told, before each product is made or run. Our own loops name their number of threads themselves.
static void say_one_thread(void) { omp_set_num_threads(1); }

static int make_description(palier_product *p) {
  const palier_product_shape *s = &p->shape;
  description_t a, b, c;
  TRY(strided(&a, s->m, s->k, type_of(s->a), s->a_transposed ? 1 : s->a_stride, s->a_transposed ? s->a_stride : 1));
  if (s->b_packed) TRY(any_layout(&b, s->k, s->n, type_of(s->b)));
  else TRY(strided(&b, s->k, s->n, type_of(s->b), s->n, 1));
  TRY(strided(&c, s->m, s->n, type_of(s->c), s->c_stride, 1));
  dnnl_primitive_attr_t attributes;
  TRY(dnnl_primitive_attr_create(&attributes));
  dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
  if (s->accumulate) {
    dnnl_post_ops_t after;
    TRY(dnnl_post_ops_create(&after));
#if THREE
    dnnl_post_ops_append_sum(after, 1.0f, 0, dnnl_data_type_undef);
#else
    dnnl_post_ops_append_sum(after, 1.0f);
#endif
    dnnl_primitive_attr_set_post_ops(attributes, after);
    dnnl_post_ops_destroy(after);
  }
  dnnl_status_t status;
#if THREE
  status = dnnl_matmul_primitive_desc_create(&p->description, engine(), a, b, NULL, c, attributes);
  p->own_a = a; p->own_b_any = b; p->own_c = c;
#else
  dnnl_matmul_desc_t operation;
  status = dnnl_matmul_desc_init(&operation, &a, &b, NULL, &c);
  if (status == dnnl_success)
    status = dnnl_primitive_desc_create(&p->description, &operation, attributes, engine(), NULL);
#endif
  dnnl_primitive_attr_destroy(attributes);
  return (int)status;
}

int palier_product_create(const palier_product_shape *shape, palier_product **made) {
  if (!engine()) return (int)dnnl_runtime_error;
  say_one_thread();
  palier_product *p = calloc(1, sizeof *p);
  if (!p) return (int)dnnl_out_of_memory;
  p->shape = *shape;
  int status = make_description(p);
  if (status == 0) status = (int)dnnl_primitive_create(&p->primitive, p->description);
  if (status != 0) { palier_product_destroy(p); return status; }
  p->a = dnnl_primitive_desc_query_md(p->description, dnnl_query_src_md, 0);
  p->b = dnnl_primitive_desc_query_md(p->description, dnnl_query_weights_md, 0);
  p->c = dnnl_primitive_desc_query_md(p->description, dnnl_query_dst_md, 0);
  p->scratch = dnnl_primitive_desc_query_md(p->description, dnnl_query_scratchpad_md, 0);
  *made = p;
  return 0;
}

static void destroy_operands(operands *o) {
  if (!o) return;
  if (o->a) dnnl_memory_destroy(o->a);
  if (o->b) dnnl_memory_destroy(o->b);
  if (o->c) dnnl_memory_destroy(o->c);
  if (o->scratch) dnnl_memory_destroy(o->scratch);
  free(o);
}

void palier_product_destroy(palier_product *p) {
  if (!p) return;
  for (int i = 0; i < THREADS_WITH_OPERANDS; i++) destroy_operands(p->of_thread[i]);
  if (p->primitive) dnnl_primitive_destroy(p->primitive);
  if (p->description) dnnl_primitive_desc_destroy(p->description);
#if THREE
  if (p->own_a) dnnl_memory_desc_destroy(p->own_a);
  if (p->own_b_any) dnnl_memory_desc_destroy(p->own_b_any);
  if (p->own_c) dnnl_memory_desc_destroy(p->own_c);
#endif
  free(p);
}

size_t palier_product_b_bytes(const palier_product *p) { return dnnl_memory_desc_get_size(p->b); }
size_t palier_product_scratch_bytes(const palier_product *p) { return dnnl_memory_desc_get_size(p->scratch); }

const char *palier_product_implementation(const palier_product *p) {
  const char *name = "?";
  dnnl_primitive_desc_query(p->description, dnnl_query_impl_info_str, 0, (void *)&name);
  return name;
}

int palier_product_b_layout(const palier_product *p, int64_t *columns, int64_t *interleave, int64_t *padded_k) {
#if THREE
  int count = 0;
  dnnl_dims_t blocks, strides, padded;
  const dnnl_dims_t *read = NULL;
  dnnl_dims_t indices;
  if (dnnl_memory_desc_query(p->b, dnnl_query_inner_nblks_s32, &count) != dnnl_success) return 0;
  dnnl_memory_desc_query(p->b, dnnl_query_inner_blks, &read); memcpy(blocks, *read, sizeof blocks);
  dnnl_memory_desc_query(p->b, dnnl_query_inner_idxs, &read); memcpy(indices, *read, sizeof indices);
  dnnl_memory_desc_query(p->b, dnnl_query_strides, &read); memcpy(strides, *read, sizeof strides);
  dnnl_memory_desc_query(p->b, dnnl_query_padded_dims, &read); memcpy(padded, *read, sizeof padded);
#else
  if (p->b->format_kind != dnnl_blocked || p->b->extra.flags != 0) return 0;
  const dnnl_blocking_desc_t *layout = &p->b->format_desc.blocking;
  int count = layout->inner_nblks;
  const dnnl_dim_t *blocks = layout->inner_blks, *indices = layout->inner_idxs, *strides = layout->strides;
  const dnnl_dim_t *padded = p->b->padded_dims;
#endif
  // BA16a64b (f32) and BA16a64b2a, BA16a64b4a (bf16, int8) are the same thing: see the header.
  if (count != 2 && count != 3) return 0;
  if (indices[0] != 0 || indices[1] != 1 || (count == 3 && indices[2] != 0)) return 0;
  int64_t v = count == 3 ? blocks[2] : 1, n_block = blocks[1], k_block = blocks[0] * v;
  if (strides[0] != k_block * n_block || strides[1] != padded[0] * n_block) return 0;
  *columns = n_block;
  *interleave = v;
  *padded_k = padded[0];
  return 1;
}

int palier_product_pack_b(const palier_product *p, const void *plain, int transposed, int64_t stride, void *packed) {
  say_one_thread();
  description_t source;
  TRY(strided(&source, p->shape.k, p->shape.n, type_of(p->shape.b), transposed ? 1 : stride, transposed ? stride : 1));
  dnnl_primitive_desc_t description;
  TRY(dnnl_reorder_primitive_desc_create(&description, POINTER(source), engine(), p->b, engine(), NULL));
  dnnl_primitive_t reorder;
  TRY(dnnl_primitive_create(&reorder, description));
  dnnl_memory_t from, to;
  TRY(dnnl_memory_create(&from, POINTER(source), engine(), (void *)plain));
  TRY(dnnl_memory_create(&to, p->b, engine(), packed));
  dnnl_exec_arg_t arguments[2] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
  dnnl_status_t status = dnnl_primitive_execute(reorder, stream(), 2, arguments);
  if (status == dnnl_success) status = dnnl_stream_wait(stream());
  dnnl_memory_destroy(from);
  dnnl_memory_destroy(to);
  dnnl_primitive_destroy(reorder);
  dnnl_primitive_desc_destroy(description);
#if THREE
  dnnl_memory_desc_destroy(source);
#endif
  return (int)status;
}

static int make_operands(const palier_product *p, operands **made) {
  operands *o = calloc(1, sizeof *o);
  if (!o) return (int)dnnl_out_of_memory;
  dnnl_status_t status = dnnl_memory_create(&o->a, p->a, engine(), DNNL_MEMORY_NONE);
  if (status == dnnl_success) status = dnnl_memory_create(&o->b, p->b, engine(), DNNL_MEMORY_NONE);
  if (status == dnnl_success) status = dnnl_memory_create(&o->c, p->c, engine(), DNNL_MEMORY_NONE);
  if (status == dnnl_success) status = dnnl_memory_create(&o->scratch, p->scratch, engine(), DNNL_MEMORY_NONE);
  if (status != dnnl_success) {
    destroy_operands(o);
    return (int)status;
  }
  *made = o;
  return 0;
}

static int run_with(const palier_product *p, const operands *o, const void *a, const void *b, void *c, void *scratch) {
  TRY(dnnl_memory_set_data_handle(o->a, (void *)a));
  TRY(dnnl_memory_set_data_handle(o->b, (void *)b));
  TRY(dnnl_memory_set_data_handle(o->c, c));
  TRY(dnnl_memory_set_data_handle(o->scratch, scratch));
  dnnl_exec_arg_t arguments[4] = {
      {DNNL_ARG_SRC, o->a}, {DNNL_ARG_WEIGHTS, o->b}, {DNNL_ARG_DST, o->c}, {DNNL_ARG_SCRATCHPAD, o->scratch}};
  return (int)dnnl_primitive_execute(p->primitive, stream(), 4, arguments);
}

int palier_product_run(palier_product *p, const void *a, const void *b, void *c, void *scratch) {
  say_one_thread();
  int thread = own_number();
  operands *o = thread < THREADS_WITH_OPERANDS ? p->of_thread[thread] : NULL;
  if (o) return run_with(p, o, a, b, c, scratch);
  int status = make_operands(p, &o);
  if (status != 0) return status;
  // Each thread writes its own place alone; threads past the last place make theirs anew each time.
  if (thread < THREADS_WITH_OPERANDS) p->of_thread[thread] = o;
  status = run_with(p, o, a, b, c, scratch);
  if (thread >= THREADS_WITH_OPERANDS) destroy_operands(o);
  return status;
}

int palier_sgemm(int a_transposed, int b_transposed, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                 int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc) {
  say_one_thread();
  return (int)dnnl_sgemm(a_transposed ? 'T' : 'N', b_transposed ? 'T' : 'N', m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

const char *palier_dnnl_status_text(int status) {
  switch (status) {
    case dnnl_success: return "success";
    case dnnl_out_of_memory: return "out of memory";
    case dnnl_invalid_arguments: return "invalid arguments";
    case dnnl_unimplemented: return "not implemented for this shape and CPU";
    case dnnl_runtime_error: return "runtime error";
    default: return "unknown status";
  }
}

const char *palier_dnnl_version(void) {
  static char text[32];
  const dnnl_version_t *v = dnnl_version();
  snprintf(text, sizeof text, "%d.%d.%d", v->major, v->minor, v->patch);
  return text;
}

const char *palier_dnnl_isa(void) {
  switch (dnnl_get_effective_cpu_isa()) {
    case dnnl_cpu_isa_sse41: return "SSE4.1";
    case dnnl_cpu_isa_avx: return "AVX";
    case dnnl_cpu_isa_avx2: return "AVX2";
    case dnnl_cpu_isa_avx2_vnni: return "AVX2 VNNI";
    case dnnl_cpu_isa_avx512_core: return "AVX-512";
    case dnnl_cpu_isa_avx512_core_vnni: return "AVX-512 VNNI";
    case dnnl_cpu_isa_avx512_core_bf16: return "AVX-512 VNNI, bf16";
    case dnnl_cpu_isa_avx512_core_amx: return "AMX int8, bf16";
    default: return "newer than this build knows";
  }
}
