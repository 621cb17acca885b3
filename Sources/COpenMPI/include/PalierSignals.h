// A signal handler may only touch a `volatile sig_atomic_t` and call async-signal-safe functions, which Swift cannot
// promise: the handler is C.
#ifndef PALIER_SIGNALS_H
#define PALIER_SIGNALS_H

#if !__has_include(<signal.h>)
#error "signal.h not found: install the C library's headers with: apt-get install libc6-dev"
#endif

/// Catches SIGTERM, SIGINT, SIGUSR1 and, unless it is ignored, SIGHUP with `sigaction`, calls restarted. A second SIGINT
/// ends the process with 130. Returns 0, or the `errno` of the call that failed.
int palier_signals_install(void);
/// Makes a write beyond `ulimit -f` fail with EFBIG; by default SIGXFSZ ends the process. Returns 0 or `errno`.
int palier_signals_ignore_file_size(void);
/// The first signal caught since the last clear, or 0.
int palier_signals_pending(void);
/// Forgets what was caught.
void palier_signals_clear(void);

#endif
