#!/usr/bin/env bash
# Tests/Drills/same_learning.sh SEEDS [CONFIG]
#
# Trains the same run in float32 throughout, with integer forward and int16 backward products, and with integer forward and
# bf16 backward products (emulated, and slow, where the CPU has none), each with seeds 1 to SEEDS: all must learn the same.
# BACKWARD="int8 int8-dx" takes these backward products in place of int16 and bf16.
#
# CONFIG (configs/tiny-e3c-quaero.yaml, whose data lies in ../shared) is shortened to 400 masked-LM and 400 entity steps of
# 8 sequences. Printed for each run: validation loss at the end of both stages, and F1. Held against float32, over the means of
# the seeds: losses within 1 %, F1 within what the float32 seeds differ among themselves (three seeds or more).
#
# Three seeds take about half an hour on two cores. Exit code: 0 where all hold, 1 where one does not, 2 where the drill could
# not be made. PALIER=PROGRAM takes another program than .build/release/palier.

set -euo pipefail
# shellcheck source=Tests/Drills/common.sh
source "$(dirname "$0")/common.sh"

read_arguments "${1:-}"
config=${2:-$root/configs/tiny-e3c-quaero.yaml}
[[ -r $config ]] || die "$config cannot be read"
make_folder

# last STAGE SCORE METRICS: sets `score` to that of the stage's last validation. Without a number there the drill ends: what is
# missing would compare as equal.
last() {
  score=$(last_value "$@") || true
  [[ $score =~ ^[0-9] ]] || die "$3 has no $2 of the stage $1"
}

last_value() {
  grep '"kind":"evaluation"' "$3" | grep "\"stage\":\"$1\",\"split\":\"validation\"" | tail -n 1 |
    sed -n "s/.*\"scores\":{[^}]*\"$2\":\([0-9.e-]*\).*/\1/p"
}

# train VARIANT SEED FORWARD BACKWARD: a line of the table.
train() {
  local output=$work/$1-$2
  "$palier" train "$config" --set "seed=$2" --set "output=$output" --set budget.total_steps=800 --set budget.alpha=0.5 \
    --set batch.size=8 --set fine_tuning.learning_rate=5e-4 --set evaluation.points=10 \
    --set "compute.forward=$3" --set "compute.backward=$4" >"$work/log" 2>"$work/errors" </dev/null ||
    die "the run of $1 with seed $2 failed: $(tail -n 1 "$work/errors")"
  local metrics=$output/metrics.jsonl row="$1 $2"
  last mlm loss "$metrics" && row+=" $score"
  last token loss "$metrics" && row+=" $score"
  last token f1 "$metrics" && row+=" $score"
  say "$row" >>"$work/table"
  tail -n 1 "$work/table"
  rm -rf "$output/checkpoints"
}

say "variant seed mlm-loss token-loss f1"
for ((s = 1; s <= count; s++)); do
  train float32 "$s" float fp32
  for backward in ${BACKWARD:-int16 bf16}; do train "$backward" "$s" integer "$backward"; done
done

awk '
  { runs[$1]++; mlm[$1] += $3; token[$1] += $4; f1[$1] += $5 }
  $1 == "float32" { if (low == "" || $5 < low) low = $5; if ($5 > high) high = $5 }
  function off(a, b) { return a > b ? a - b : b - a }
  function judge(variant, what, difference, bound) {
    holds = difference <= bound
    printf "%s: %s off by %.5f, at most %.5f: %s\n", variant, what, difference, bound, holds ? "holds" : "FAILS"
    if (!holds) failed = 1
  }
  END {
    for (v in runs) {
      if (v == "float32") continue
      judge(v, "mean masked-LM loss (relative)", off(mlm[v], mlm["float32"]) / mlm["float32"], 0.01)
      judge(v, "mean entity loss (relative)", off(token[v], token["float32"]) / token["float32"], 0.01)
      if (runs["float32"] >= 3) judge(v, "mean F1", off(f1[v], f1["float32"]) / runs[v], high - low)
    }
    exit failed
  }' "$work/table"
