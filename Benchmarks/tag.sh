#!/usr/bin/env bash
# Benchmarks/tag.sh FOLDER [--length 40|512] [--threads N] [--sentences N] [ENGINE…]
#
# Tagging by Palier and by other engines, one after the other on the same threads, with sentences of the same length: prints one
# table, tokens a second in the fastest of batches of 1, 8 and 32, and milliseconds for a sentence alone.
#
#   FOLDER      where models and figures are kept. An engine that has figures there is not timed again, so that a table can be
#               made in several sittings; remove FOLDER/figures to begin anew.
#   --length    tokens of a sentence: 40 (28 words; default) or 512 (a block).
#   ENGINE      default all: palier-LSQ_E8W8A8 palier-LSQ_E6W2A6 palier-BitNet_E6W1.58A6 palier-fp32 torch-float32
#               torch-bfloat16 torch-int8 onnx-float32 onnx-int8 openvino-float32 openvino-bfloat16 openvino-int8 palier-onnx
#               palier-openvino, and the first once more (palier-LSQ_E8W8A8-again). none: only the table.
#
# The other engines need Python with torch, transformers, onnx, onnxruntime, openvino and nncf (Benchmarks/tag.txt); set
# PALIER_PYTHON to it. The base-size models are of random numbers; making them takes a few minutes, once.

set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
python=${PALIER_PYTHON:-python3} palier=$root/.build/release/palier
length=40 threads=$(nproc) sentences='' folder='' engines=()
all=(palier-LSQ_E8W8A8 palier-LSQ_E6W2A6 palier-BitNet_E6W1.58A6 palier-fp32 torch-float32 torch-bfloat16 torch-int8
  onnx-float32 onnx-int8 openvino-float32 openvino-bfloat16 openvino-int8 palier-onnx palier-openvino palier-LSQ_E8W8A8-again)

while (($#)); do
  case $1 in
    --length | --threads | --sentences)
      declare "${1#--}=${2:?$1 needs a number}"
      shift
      ;;
    -h | --help)
      sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    -*)
      echo "Benchmarks/tag.sh: unknown option $1" >&2
      exit 1
      ;;
    *) if [[ -z $folder ]]; then folder=$1; else engines+=("$1"); fi ;;
  esac
  shift
done
[[ -n $folder ]] || {
  echo "Benchmarks/tag.sh: give a folder for models and figures (--help)" >&2
  exit 1
}
((${#engines[@]})) || engines=("${all[@]}")
[[ -n $sentences ]] || sentences=$((length > 128 ? 16 : 128))
figures=$folder/figures/$length
mkdir -p "$figures"

# One engine, its figures in $figures/ENGINE.json.
time_engine() {
  local engine=$1 file=$figures/$1.json options=()
  case $engine in
    palier-onnx | palier-openvino) options=(--palier "$folder/palier.onnx") ;;
    palier-*)
      engine=${engine#palier-}
      "$palier" bench tag --scheme "${engine%-again}" --lengths "$length" --sentences "$sentences" --threads "$threads" \
        --rounds 5 --singles 100 --json "$file"
      return
      ;;
  esac
  "$python" "$root/Benchmarks/tag_peers.py" "$folder/models" --engine "$engine" "${options[@]}" --length "$length" \
    --sentences "$sentences" --threads "$threads" --json "$file"
}

# The models of the other engines, and ours as ONNX.
make_models() {
  if [[ ! -f $folder/models/complete ]]; then
    OMP_NUM_THREADS=$threads "$python" "$root/Benchmarks/tag_peers.py" --make "$folder/models"
    touch "$folder/models/complete"
  fi
  [[ -f $folder/palier.onnx ]] && return
  rm -rf -- "$folder/checkpoint"
  "$palier" bench tag --keep "$folder/checkpoint" --sentences 1 --rounds 1 --singles 1 --threads "$threads" >/dev/null
  "$palier" export --onnx "$folder/palier.onnx" "$folder/checkpoint"
}

for engine in "${engines[@]}"; do
  if [[ $engine == none || -f $figures/$engine.json ]]; then continue; fi
  if [[ $engine == torch-* || $engine == onnx-* || $engine == openvino-* || $engine == palier-o* ]]; then make_models; fi
  echo "$engine, $length tokens:" >&2
  time_engine "$engine" >&2 || echo "$engine: failed" >&2
done

python3 - "$figures" "${all[@]}" <<'END'
import json, pathlib, sys
folder, order = pathlib.Path(sys.argv[1]), sys.argv[2:]
rows = []
for name in order:
    file = folder / f"{name}.json"
    if file.exists():
        f = json.loads(file.read_text())
        version = f.get("version") or "palier, oneDNN " + f["onednn"]
        rows.append((name, version, f["tokens_per_second"], f.get("batch", "-"), 1e3 * f["latency_seconds"]))
print(f"| engine ({folder.name} tokens a sentence) | version | tokens/s | in batches of | one sentence, ms |\n|---|---|---|---|---|")
for name, version, rate, batch, latency in rows:
    print(f"| `{name}` | {version} | {rate:,.0f} | {batch} | {latency:.1f} |")
ours = [r[2] for r in rows if r[0].startswith("palier-LSQ_E8W8A8")]
others = {r[0]: r[2] for r in rows if not r[0].startswith("palier")}
if ours and others:
    int8 = {name: rate for name, rate in others.items() if name.endswith("int8")}
    ratios = [f"{sum(ours) / len(ours) / rate:.1f} times {name}" for name, rate in
              ([max(int8.items(), key=lambda r: r[1])] if int8 else []) + [(n, r) for n, r in others.items() if n == "torch-float32"]]
    print("\nLSQ_E8W8A8, the mean of its runs: " + ", ".join(ratios))
END
