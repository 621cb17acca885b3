#!/usr/bin/env bash
# Tests/Drills/flip_drill.sh COUNT [SEED]
#
# Flips one bit of one replica's parameters in each of COUNT runs, at a random step, element and bit of a random rank of three:
# the replica guard must stop every run at that step and name that rank.
#
# The last line counts the flips and the failures. Exit code: 0 without a failure, 1 with one, 2 where the drill could not be
# made. PALIER=PROGRAM takes another program than .build/release/palier.

set -euo pipefail
# shellcheck source=Tests/Drills/common.sh
source "$(dirname "$0")/common.sh"

flip() {
  local rank=$((RANDOM % 3)) step=$((RANDOM % total_steps + 1)) element=$((RANDOM * 32768 + RANDOM)) bit=$((RANDOM % 32))
  local code=0 wanted="step $step: the replica of rank $rank on "
  PALIER_FLIP_BIT=$rank:$step:$element:$bit start 3 "$work/out-$number" --set guards.replica_check_steps=1
  wait "$launcher" || code=$?
  if ((code == 1)) && grep -qF "$wanted" "$work/errors"; then
    say "$number: rank $rank, step $step, element $element, bit $bit: caught, named"
  else
    failures=$((failures + 1))
    say "$number: FAILED: rank $rank, step $step, element $element, bit $bit: code $code, $(head -n 1 "$work/errors")"
  fi
  rm -rf "$work/out-$number"
}

read_arguments "$@"
make_work
failures=0
for ((number = 1; number <= count; number++)); do flip; done
say "$count flips, seed $seed: $failures failures"
((failures == 0))
