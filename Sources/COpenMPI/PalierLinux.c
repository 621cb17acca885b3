#define _GNU_SOURCE
#include "PalierLinux.h"

#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>

int palier_get_affinity(int process, uint64_t *words, size_t byteCount) {
  return sched_getaffinity(process, byteCount, (cpu_set_t *)words) == 0 ? 0 : errno;
}
int palier_set_affinity(const uint64_t *words, size_t byteCount) {
  return sched_setaffinity(0, byteCount, (const cpu_set_t *)words) == 0 ? 0 : errno;
}
int palier_set_timer_slack(unsigned long nanoseconds) {
  return prctl(PR_SET_TIMERSLACK, nanoseconds, 0, 0, 0) == 0 ? 0 : errno;
}
