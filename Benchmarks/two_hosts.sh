#!/usr/bin/env bash
# Benchmarks/two_hosts.sh RATE [ARGUMENT…]
#
# `palier bench step` on two ranks, each on a host of its own with half of this machine's cores, over a link of RATE (1gbit,
# 10gbit; `none` for no limit): the share of a step that communication costs there. ARGUMENTs go to `palier bench step`.
#
# The hosts are network namespaces (Tests/Hosts/hosts), made for the run and removed at its end. Needs root, `ip` and `tc`. Both
# ranks share this machine's memory; where base size is too much: Benchmarks/two_hosts.sh 1gbit --layers 4 --vocabulary 8000

set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
hosts=$root/Tests/Hosts/hosts

case ${1:-} in
  '' | -h | --help)
    sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
esac
rate=$1
shift
if [[ $rate == none ]]; then rate=''; fi

half=$(($(nproc) / 2))
if ((half == 0)); then
  echo "Benchmarks/two_hosts.sh: two hosts need two cores" >&2
  exit 1
fi
export PALIER_HOSTS=bench$$ PALIER_HOST_CPUS="0-$((half - 1)) $half-$((2 * half - 1))"
hostfile=$(mktemp)
trap '"$hosts" down "$PALIER_HOSTS"; rm -f "$hostfile"' EXIT
trap 'exit 130' INT TERM
"$hosts" up "$PALIER_HOSTS" 2 $$ ${rate:+"$rate"}
printf '10.77.0.%d slots=1\n' 1 2 >"$hostfile"

options=(-n 2 --hostfile "$hostfile" --bind-to none --mca plm_rsh_agent "$root/Tests/Hosts/agent")
if ((EUID == 0)); then options+=(--allow-run-as-root); fi
environment=(-x "OMP_NUM_THREADS=$half" -x OMP_PROC_BIND=false -x OMP_DYNAMIC=false)
"$hosts" run "$PALIER_HOSTS" 1 mpirun "${options[@]}" "${environment[@]}" "$root/.build/release/palier" bench step \
  --threads "$half" "$@"
