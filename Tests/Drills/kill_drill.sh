#!/usr/bin/env bash
# Tests/Drills/kill_drill.sh COUNT [SEED]
#
# Kills COUNT runs with SIGKILL and resumes each: every one must end with the bits of the run that nobody killed.
#
# A run is 40 steps of a very small model on two ranks, across the α-switch, with checkpoints and evaluations. The kills are
# aimed in turn at any moment, at a checkpoint, at an evaluation and at the switch, and hit one rank, both ranks and mpirun, or
# mpirun alone. Where a kill really fell is read from what it left on the disk. A run in four is killed again after its resume,
# and every resume is on one to three ranks. No process may outlive its run by more than 10 seconds.
#
# The last lines count the kills by phase and by victim, and the failures. Exit code: 0 without a failure, 1 with one, 2 where
# the drill could not be made. PALIER=PROGRAM takes another program than .build/release/palier.

set -euo pipefail
# shellcheck source=Tests/Drills/common.sh
source "$(dirname "$0")/common.sh"

interval=5 # steps between evaluations: total_steps / points
orphan_bound=10

# A random number below $1.
below() { printf -v drawn '%d' $(((RANDOM * 32768 + RANDOM) % $1)); }

running() { kill -0 "$launcher" 2>/dev/null; }

# Whether a folder is being written: its name is .NAME.partial-…
is_writing() { compgen -G "$output/checkpoints/.$1.partial-*" >/dev/null; }

# Sets `kind` and `step` to the last step, evaluation or fingerprint in metrics.jsonl. Without a process of its own: between two
# looks an evaluation may be over.
read_last_record() {
  local lines=() line
  kind='' step=0
  if [[ -r $output/metrics.jsonl ]]; then mapfile -t lines <"$output/metrics.jsonl"; fi
  for line in "${lines[@]}"; do
    if [[ $line =~ ^\{\"kind\":\"(step|evaluation|fingerprint)\",\"global_step\":([0-9]+), ]]; then
      kind=${BASH_REMATCH[1]} step=${BASH_REMATCH[2]}
    fi
  done
}

# Whether a run is evaluating after step $1, or has passed it.
has_reached() {
  read_last_record
  ((step >= $1))
}

# Waits for the moment that the kill is aimed at.
wait_for() {
  local aim=$1 wanted
  case $aim in
    anywhere)
      below "$reference_milliseconds"
      sleep "$((drawn / 1000)).$(printf %03d $((drawn % 1000)))"
      ;;
    checkpoint)
      below 9
      wanted=$(printf 'step-%06d' $((4 * (drawn + 1))))
      while running && ! is_writing "$wanted" && [[ ! -e $output/checkpoints/$wanted ]]; do :; done
      ;;
    evaluation)
      below 8
      wanted=$((interval * (drawn + 1)))
      while running && ! has_reached "$wanted"; do :; done
      below 60
      sleep "0.0$(printf %02d "$drawn")"
      ;;
    switch)
      while running && ! is_writing alpha && [[ ! -e $output/checkpoints/alpha ]]; do :; done
      below 20
      sleep "0.0$(printf %02d "$drawn")"
      ;;
  esac
}

# Where the kill fell, from what is on the disk right after it: ranks that it spared go on for a moment.
phase() {
  local kind step
  read_last_record
  if [[ -z $kind ]]; then
    echo start
  elif is_writing 'step-*' && ! is_writing alpha; then
    echo checkpoint
  elif is_writing alpha || { ((step == total_steps / 2)) && [[ $kind == fingerprint ]]; }; then
    echo switch
  elif [[ $kind == evaluation ]] || { [[ $kind == step ]] && ((step % interval == 0)); }; then
    echo evaluation
  elif ((step == total_steps)); then
    echo end
  else
    echo step
  fi
}

# Waits for mpirun's ranks; sets `members`. Early, so that nothing is left to do between the moment and the kill.
find_members() {
  members=()
  while running && ((${#members[@]} < ranks)); do mapfile -t members < <(pgrep -P "$launcher" || true); done
}

# Kills one rank, everything, or mpirun alone; sets `victim`.
strike() {
  below 3
  case $drawn in
    0)
      below "$ranks"
      victim="one rank"
      kill -KILL "${members[drawn]:-$launcher}" 2>/dev/null || true
      ;;
    1)
      victim=all
      kill -KILL "$launcher" "${members[@]}" 2>/dev/null || true
      ;;
    2)
      victim=mpirun
      kill -KILL "$launcher" 2>/dev/null || true
      ;;
  esac
}

# The run's end, and that of every process of it.
await_end() {
  local ends=$((SECONDS + orphan_bound))
  { wait "$launcher"; } 2>/dev/null && finished=yes || finished=no
  while [[ -n $(processes) ]]; do
    if ((SECONDS >= ends)); then
      fail "processes are left $orphan_bound s after the kill of $victim: $(processes | tr '\n' ' ')"
      end_processes
      return
    fi
    sleep 0.05
  done
}

fail() {
  failures=$((failures + 1))
  failed=yes
  say "$number: FAILED: $*"
}

# One aimed kill of the run at hand; counts where it fell.
kill_once() {
  find_members
  wait_for "$1"
  strike
  fell=$(phase)
  await_end
  if [[ $finished == yes ]]; then
    fell=after # no kill
    history+=' nobody (the run was over),'
    return
  fi
  kills=$((kills + 1))
  by_phase[$fell]=$((${by_phase[$fell]:-0} + 1))
  by_victim[$victim]=$((${by_victim[$victim]:-0} + 1))
  history+=" $victim ($fell),"
}

# Starts again what was killed: from its last checkpoint, or afresh where there is none yet.
again() {
  below 3
  if compgen -G "$output/checkpoints/step-*" >/dev/null; then
    start $((drawn + 1)) "$output" --resume
  else
    rm -rf "$output"
    start $((drawn + 1)) "$output"
  fi
}

# Kills one run, resumes it to its end and compares.
drill() {
  local aims=(anywhere checkpoint evaluation switch)
  failed=no history='' output=$work/out-$number
  start 2 "$output"
  kill_once "${aims[number % 4]}"
  below 4
  if ((drawn == 0 && kills < count)) && [[ $fell != after ]]; then
    again
    kill_once anywhere
  fi
  again
  if ! wait "$launcher"; then
    fail "the resume after${history%,} ended with an error: $(head -n 1 "$work/errors")"
  elif [[ $(digest "$output") != "$reference" ]]; then
    fail "other bits after${history%,}, resumed on $ranks ranks"
  fi
  if [[ $failed == no ]]; then
    say "$number: killed:${history%,}; resumed on $ranks ranks: same bits"
    rm -rf "$output"
  fi
}

report() {
  local key
  for key in "${!by_phase[@]}"; do say "during $key: ${by_phase[$key]}"; done | sort
  for key in "${!by_victim[@]}"; do say "SIGKILL to $key: ${by_victim[$key]}"; done | sort
  say "$kills kills, seed $seed: $failures failures; the bits are $reference"
}

read_arguments "$@"
make_work
declare -A by_phase=() by_victim=()
failures=0 number=0 kills=0
begin=$(date +%s%3N)
start 2 "$work/reference"
wait "$launcher" || die "the run without a kill failed: $(head -n 1 "$work/errors")"
reference_milliseconds=$(($(date +%s%3N) - begin))
reference=$(digest "$work/reference")
say "the run without a kill takes $reference_milliseconds ms; the SHA-256 of its models' SHA-256 is $reference"
exec 2>/dev/null # bash's own lines on the jobs that were killed
while ((kills < count)); do
  number=$((number + 1))
  drill
done
report
((failures == 0))
