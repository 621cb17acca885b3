// Linux calls that Swift's Glibc module leaves out: they need _GNU_SOURCE, or take their arguments as varargs.
#ifndef PALIER_LINUX_H
#define PALIER_LINUX_H

#if !__has_include(<sched.h>)
#error "sched.h not found: install the C library's headers with: apt-get install libc6-dev"
#endif
#include <stddef.h>
#include <stdint.h>

/// `sched_getaffinity` of a process (0: this thread) into `byteCount` bytes, least CPU first. Returns 0 or `errno`.
int palier_get_affinity(int process, uint64_t *words, size_t byteCount);
/// `sched_setaffinity` of this thread. Returns 0 or `errno`.
int palier_set_affinity(const uint64_t *words, size_t byteCount);
/// `prctl(PR_SET_TIMERSLACK)` of this thread: how late a sleep may end. Returns 0 or `errno`.
int palier_set_timer_slack(unsigned long nanoseconds);

#endif
