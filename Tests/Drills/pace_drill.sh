#!/usr/bin/env bash
# Tests/Drills/pace_drill.sh COUNT
#
# Two hosts, network namespaces of one core each, the second one slowed by a busy loop on its core. COUNT pairs of runs in turn,
# slices dealt evenly and by pace: prints the seconds of a step of each, their ratio, and whether all runs gave the same bits.
# Needs root, `ip`, and two cores of the machine that nobody else uses.

set -euo pipefail
# shellcheck source=Tests/Drills/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

hosts=$root/Tests/Hosts/hosts
name=pacedrill$$
total_steps=60
# Slices enough to be shared out unevenly, products that are the most of a step, and no checkpoint beside most steps.
settings=(--set budget.alpha=0.7 --set batch.size=96 --set evaluation.points=2 --set checkpoints.every_steps=0)

end_hosts() {
  if [[ -n ${busy:-} ]]; then kill "$busy" 2>/dev/null || true; fi
  "$hosts" down "$name" 2>/dev/null || true
}

# train DEALING: a run on both hosts; prints the median seconds of its steps, and the SHA-256 of its last model.
train() {
  local output=$work/out-$1
  rm -rf "$output"
  # Unbound: OpenMPI would bind each host's rank to core 0, which it takes for the host's own.
  local options=(-q -n 2 --hostfile "$work/hostfile" --bind-to none --mca plm_rsh_agent "$root/Tests/Hosts/agent"
    --mca orte_tmpdir_base "$work" --mca btl_vader_backing_directory "$work")
  PALIER_HOSTS=$name PALIER_HOST_CPUS='0 1' "$hosts" run "$name" 1 env OMP_NUM_THREADS=1 mpirun --allow-run-as-root \
    "${options[@]}" -x OMP_NUM_THREADS "$palier" train "$work/run.yaml" --set "output=$output" \
    "${settings[@]}" --set "compute.dealing=$1" >"$work/log" 2>"$work/errors" </dev/null ||
    die "a run failed: $(tail -n 1 "$work/errors")"
  printf '%s %s\n' "$(median_step "$output")" "$(digest "$output" | cut -c 1-16)"
}

# median_step OUTPUT: of the first stage's steps from the tenth on, when paces are known.
median_step() {
  grep '"kind": *"step"' "$1/metrics.jsonl" | grep '"stage": *"mlm"' | tail -n +10 |
    sed 's/.*"seconds": *\([0-9.e-]*\).*/\1/' | median
}

# median: of the numbers on standard input.
median() { sort -g | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }

read_arguments "$@"
make_work
trap 'end_hosts; end_processes; rm -rf "$work"' EXIT
"$hosts" up "$name" 2 $$ || exit $?
printf '10.77.0.%s slots=1\n' 1 2 >"$work/hostfile"
taskset -c 1 bash -c 'while :; do :; done' &
busy=$!
declare -A bits=()
ratios=()
for ((number = 1; number <= count; number++)); do
  read -r even even_bits < <(train even)
  read -r pace pace_bits < <(train pace)
  bits[$even_bits]=1 bits[$pace_bits]=1
  ratios+=("$(awk -v a="$even" -v b="$pace" 'BEGIN { printf "%.2f", a / b }')")
  say "$number: a step takes $even s dealt evenly, $pace s by pace: ${ratios[-1]} times as fast"
done
grep -h "of the fastest rank's pace" "$work/log" || true
say "median of $count: $(printf '%s\n' "${ratios[@]}" | median)"
((${#bits[@]} == 1)) || die "unlike bits: ${!bits[*]}"
say "the same bits in all runs: ${!bits[*]}"
