#include "PalierSignals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t pendingSignal = 0;
static volatile sig_atomic_t interruptCount = 0;

static void note(int signal) {
  if (signal == SIGINT) {
    if (interruptCount) _exit(130);
    interruptCount = 1;
  }
  if (!pendingSignal) pendingSignal = signal;
}

int palier_signals_install(void) {
  static const int caught[] = {SIGTERM, SIGINT, SIGUSR1, SIGHUP};
  struct sigaction action, before;
  memset(&action, 0, sizeof action);
  action.sa_handler = note;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (unsigned i = 0; i < sizeof caught / sizeof caught[0]; i++) {
    // `nohup` asks that the end of the terminal be no reason to stop.
    if (caught[i] == SIGHUP && sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler == SIG_IGN) continue;
    if (sigaction(caught[i], &action, NULL) != 0) return errno;
  }
  return 0;
}
int palier_signals_ignore_file_size(void) { return signal(SIGXFSZ, SIG_IGN) == SIG_ERR ? errno : 0; }
int palier_signals_pending(void) { return pendingSignal; }
void palier_signals_clear(void) {
  pendingSignal = 0;
  interruptCount = 0;
}
