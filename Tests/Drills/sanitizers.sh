#!/usr/bin/env bash
# Tests/Drills/sanitizers.sh [thread] [address]
#
# Builds the modules and their tests under ThreadSanitizer, then under AddressSanitizer (or the one that is named), into
# folders of their own (.build-thread, .build-address), and runs the tests of every module but MultiRankTests: OpenMPI
# and oneDNN are not built for it. The first report ends a drill with its text and exit code 1.
#
# A build takes some ten minutes on two cores, the tests about four. What is not seen: products inside oneDNN, and bytes
# beyond an AlignedBuffer, whose pages come from the system and not from malloc. Leaks are not looked for: what Swift's
# runtime keeps until the end would be reported too.

set -euo pipefail
# shellcheck source=launch/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../launch/common.sh"
cd "$root"

kinds=()
for argument in "$@"; do
  case $argument in
    -h | --help) usage && exit 0 ;;
    thread | address) kinds+=("$argument") ;;
    *) die "unknown sanitizer $argument: thread or address (see --help)" ;;
  esac
done
if ((${#kinds[@]} == 0)); then kinds=(thread address); fi
launch/build --check

cpu_flags native
export OMP_NUM_THREADS=2
export TSAN_OPTIONS=halt_on_error=1:exitcode=66
# Freed memory is held back for 16 MB and not 256, which the fuzzers' bounds on memory would take for a parser's.
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=0:exitcode=66:quarantine_size_mb=16
for kind in "${kinds[@]}"; do
  options=(-c release --sanitize "$kind" --scratch-path ".build-$kind" "${flags[@]}")
  run swift build "${options[@]}" --build-tests
  run swift test "${options[@]}" --skip-build --disable-swift-testing --skip MultiRankTests 2>&1 ||
    die "not clean under the $kind sanitizer: its report stands above"
  say "clean under the $kind sanitizer"
done
