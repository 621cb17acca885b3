#!/usr/bin/env bash
# Tests/Drills/sweep_kill_drill.sh COUNT [SEED]
#
# A study killed COUNT times must end in the report of one that nobody killed, byte for byte but for times.
#
# The study is that of launch/demo --sweep, with baselines, on a very small model: trunks, branches, heads and post-training
# quantization of two schemes, three α and two seeds. The kills come at random moments and hit in turn the sweep alone (its cells' programs
# go on, and the next sweep waits for them), a cell's program alone (the cell fails, and is tried again), both at once, and
# the sweep by SIGTERM, which lets cells save. Each next sweep goes on from what is there, every third two cells at a time.
#
# The last lines count the kills, and say which files of the reports differ. Exit code: 0 where none does, 1 with one, 2 where the
# drill could not be made. PALIER=PROGRAM takes another program than .build/release/palier.

set -euo pipefail
# shellcheck source=Tests/Drills/common.sh
source "$(dirname "$0")/common.sh"

read_arguments "$@"
make_work
cat >"$work/grid.yaml" <<YAML
name: drill
base: run.yaml
set:
  budget.total_steps: 280
  optimizer.schedule: wsd
  optimizer.warmup_steps: 4
  optimizer.decay_share: 0.25
schemes: [fp32, LSQ_E4W4A4]
alphas: [0, 0.3, 0.6]
budget: heads
seeds: {trunks: [1], heads: [1, 2]}
baselines: [ptq]
YAML

# Both studies lie in folders of one name, since a report says where it is from.
sweep() {
  local place=$1
  shift
  (cd "$work/$place" && exec "$palier" sweep "$work/grid.yaml" --out study "$@") >>"$work/$place.log" 2>&1 </dev/null
}

# The programs of cells: they alone have a cell's folder in their arguments.
programs() { grep -lsE "$work/killed/study/cells/" /proc/[0-9]*/cmdline | cut -d / -f 3 || true; }

kill_programs() {
  local process
  for process in $(programs); do kill -KILL "$process" 2>/dev/null || true; done
}

report() {
  (cd "$work/$1" && "$palier" report study --no-times --out report >/dev/null 2>>"$work/$1.log") ||
    die "no report of the $1 study: $(tail -n 1 "$work/$1.log")"
}

mkdir "$work/quiet" "$work/killed"
started=$SECONDS
sweep quiet || die "the undisturbed study failed: $(tail -n 1 "$work/quiet.log")"
seconds=$((SECONDS - started))
cells=$(find "$work/quiet/study/cells" -name DONE | wc -l)
say "undisturbed: $cells cells, $seconds s"

declare -A kills=()
for ((round = 0; round < count; round++)); do
  jobs=1
  if ((round % 3 == 2)); then jobs=2; fi
  sweep killed --jobs "$jobs" 2>/dev/null &
  sweeper=$!
  # The program itself, below the shells that start it.
  sleep "$((1 + RANDOM % (seconds / 8 + 1))).$((RANDOM % 10))"
  process=$(pgrep -f "$work/grid.yaml --out study --jobs" | tail -n 1 || true)
  case $((round % 4)) in
    0) victim="the sweep" && if [[ -n $process ]]; then kill -KILL "$process" || true; fi ;;
    1) victim="a cell's program" && kill_programs ;;
    2) victim="both" && { if [[ -n $process ]]; then kill -KILL "$process" || true; fi; } && kill_programs ;;
    3) victim="the sweep, SIGTERM" && if [[ -n $process ]]; then kill -TERM "$process" || true; fi ;;
  esac
  if ((round % 4 == 1)); then
    sleep 0.5
    if [[ -n $process ]]; then kill -TERM "$process" 2>/dev/null || true; fi
  fi
  wait "$sweeper" || true
  done_count=$(find "$work/killed/study/cells" -name DONE 2>/dev/null | wc -l)
  kills[$victim]=$((${kills[$victim]:-0} + 1))
  say "kill $((round + 1)) of $count: $victim; $done_count of $cells cells done"
done
((done_count < cells)) || say "all cells were done before the last kill: the study is too short for $count"
sweep killed || die "the killed study did not end: $(tail -n 1 "$work/killed.log")"

report quiet
report killed
for victim in "${!kills[@]}"; do say "$victim: ${kills[$victim]}"; done
if diff -r "$work/quiet/report" "$work/killed/report" >"$work/difference"; then
  say "the reports are the same $(find "$work/quiet/report" -type f | wc -l) files"
else
  say "the reports differ:"
  head -n 20 "$work/difference"
  exit 1
fi
