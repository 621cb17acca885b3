// What the compiler was told about the CPU (-Xcc -march=…, see launch/build) against the CPU that runs.
//
// In C because it must be compiled for the oldest CPU of the architecture, whatever the rest of the program is compiled
// for: a check that uses the instructions which it asks about dies with SIGILL instead of saying so. It is called before
// main (a constructor), and by `palier doctor`. It wraps the compiler's __builtin_cpu_supports, which also asks whether the
// operating system saves the registers.
#ifndef PALIER_CPU_H
#define PALIER_CPU_H

#if defined(__cplusplus)
extern "C" {
#endif

/// The instruction set extensions that this build uses and this CPU lacks, separated by spaces; empty when it can run.
const char *palier_cpu_missing_features(void);

/// The instruction set extensions that this build uses, separated by spaces; empty for the plain architecture.
const char *palier_cpu_used_features(void);

/// The highest level that the build covers: "x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4", or another architecture's name.
const char *palier_cpu_build_level(void);

#if defined(__cplusplus)
}
#endif

#endif
