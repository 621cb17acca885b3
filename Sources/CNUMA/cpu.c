#include "palier_cpu.h"

#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
// The plain architecture for these functions, even in a build for a newer CPU.
#define BASELINE __attribute__((target("arch=x86-64")))
#else
#define BASELINE
#endif

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512CD__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define BUILD_LEVEL "x86-64-v4"
#elif defined(__AVX2__) && defined(__FMA__) && defined(__BMI2__)
#define BUILD_LEVEL "x86-64-v3"
#elif defined(__SSE4_2__) && defined(__POPCNT__)
#define BUILD_LEVEL "x86-64-v2"
#elif defined(__x86_64__)
#define BUILD_LEVEL "x86-64"
#elif defined(__aarch64__)
#define BUILD_LEVEL "aarch64"
#else
#define BUILD_LEVEL "unknown"
#endif

// Lists grow by these; a feature's name is at most 17 characters and there are fewer than 40.
static char used[1024];
static char missing[1024];

#if defined(__x86_64__)

// Unused where the build asks for nothing beyond the architecture.
__attribute__((unused)) static BASELINE void add(char *list, const char *name) {
  if (strlen(list) + strlen(name) + 2 > sizeof used) return;
  if (list[0]) strcat(list, " ");
  strcat(list, name);
}

// __builtin_cpu_supports takes literals only, hence a macro.
#define NEED(feature)                                              \
  do {                                                             \
    add(used, feature);                                            \
    if (!__builtin_cpu_supports(feature)) add(missing, feature);   \
  } while (0)

static BASELINE void compare(void) {
  static int done = 0;
  if (done) return;
  done = 1;
  __builtin_cpu_init();
#ifdef __SSE3__
  NEED("sse3");
#endif
#ifdef __SSSE3__
  NEED("ssse3");
#endif
#ifdef __SSE4_1__
  NEED("sse4.1");
#endif
#ifdef __SSE4_2__
  NEED("sse4.2");
#endif
#ifdef __POPCNT__
  NEED("popcnt");
#endif
#ifdef __AVX__
  NEED("avx");
#endif
#ifdef __AVX2__
  NEED("avx2");
#endif
#ifdef __BMI__
  NEED("bmi");
#endif
#ifdef __BMI2__
  NEED("bmi2");
#endif
#ifdef __FMA__
  NEED("fma");
#endif
#ifdef __AVX512F__
  NEED("avx512f");
#endif
#ifdef __AVX512CD__
  NEED("avx512cd");
#endif
#ifdef __AVX512BW__
  NEED("avx512bw");
#endif
#ifdef __AVX512DQ__
  NEED("avx512dq");
#endif
#ifdef __AVX512VL__
  NEED("avx512vl");
#endif
#ifdef __AVX512IFMA__
  NEED("avx512ifma");
#endif
#ifdef __AVX512VBMI__
  NEED("avx512vbmi");
#endif
#ifdef __AVX512VBMI2__
  NEED("avx512vbmi2");
#endif
#ifdef __AVX512VNNI__
  NEED("avx512vnni");
#endif
#ifdef __AVX512BITALG__
  NEED("avx512bitalg");
#endif
#ifdef __AVX512VPOPCNTDQ__
  NEED("avx512vpopcntdq");
#endif
#ifdef __AVX512BF16__
  NEED("avx512bf16");
#endif
#ifdef __AVX512FP16__
  NEED("avx512fp16");
#endif
#ifdef __AVXVNNI__
  NEED("avxvnni");
#endif
#ifdef __GFNI__
  NEED("gfni");
#endif
#ifdef __VPCLMULQDQ__
  NEED("vpclmulqdq");
#endif
}

#else

static void compare(void) {}

#endif

BASELINE const char *palier_cpu_missing_features(void) {
  compare();
  return missing;
}

BASELINE const char *palier_cpu_used_features(void) {
  compare();
  return used;
}

BASELINE const char *palier_cpu_build_level(void) { return BUILD_LEVEL; }

static BASELINE void say(const char *text) {
  // Nothing sensible can be done about a closed standard error.
  if (write(STDERR_FILENO, text, strlen(text)) < 0) return;
}

/// Defined by a library, which must not end the program that loads it (Sources/CPalier): its calls say what is missing.
extern const char palier_is_library __attribute__((weak));

/// Stops a program that this CPU cannot run with one line, before main and before any newer instruction.
__attribute__((constructor(101))) static BASELINE void refuse_an_older_cpu(void) {
  compare();
  if (!missing[0] || &palier_is_library) return;
  say("palier: this program was built for a CPU with ");
  say(missing);
  say(", which this CPU lacks: build it on this machine with launch/build, or for older CPUs with launch/build --cpu x86-64-v3\n");
  _exit(126);
}
