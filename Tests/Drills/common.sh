# What the drills share. Sourced, not run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
palier=${PALIER:-$root/.build/release/palier}
total_steps=40

say() { printf '%s\n' "$*"; }

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 2
}

# Prints the comment block at the top of the script: its help.
usage() { sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; }

# read_arguments COUNT [SEED]: sets `count`, and seeds $RANDOM so that a drill repeats its choices.
read_arguments() {
  case ${1:-} in -h | --help) usage && exit 0 ;; esac
  [[ ${1:-} =~ ^[1-9][0-9]{0,5}$ ]] || die "a number of runs is needed (see --help)"
  [[ ${2:-1} =~ ^[0-9]{1,9}$ ]] || die "the seed is a number"
  count=$1 seed=${2:-1}
  RANDOM=$seed
  [[ -x $palier ]] || die "$palier is not built: launch/build"
  command -v mpirun >/dev/null || die "mpirun was not found: apt-get install openmpi-bin"
}

# make_folder: sets `work` to a folder of this drill's own. Nothing of it is left at the end, neither files nor processes.
make_folder() {
  work=$(mktemp -d "${TMPDIR:-/tmp}/palier-drill.XXXXXX")
  trap 'end_processes; rm -rf "$work"' EXIT
  trap 'exit 130' INT TERM
}

# make_work: such a folder with a synthetic corpus, a very small model and a configuration.
make_work() {
  make_folder
  "$palier" sample --out "$work/data" --documents 120 >/dev/null
  "$palier" init --out "$work/model" --train-tokenizer "$work/data/corpus.txt" --vocabulary 1000 --hidden 96 --layers 3 \
    --heads 2 --intermediate 192 --positions 130 >/dev/null
  cat >"$work/run.yaml" <<YAML
seed: 3
output: $work/out
model: {checkpoint: $work/model}
quantization: {scheme: LSQ_E4W4A4}
dropout: {hidden: 0.1, attention: 0.1}
budget: {total_steps: $total_steps, alpha: 0.5}
batch: {size: 8}
optimizer: {learning_rate: 1e-3}
compute: {threads: 1, allow_oversubscription: true}
pretraining: {text: $work/data/corpus.txt, block_length: 64, slice_tokens: 256, validation_blocks: 64}
fine_tuning: {task: entities, format: conll2, path: $work/data/entities, maximum_tokens: 64}
evaluation: {points: 8}
checkpoints: {keep_last: 3, every_steps: 4}
YAML
}

# start RANKS OUTPUT [ARGUMENT…]: starts a run in the background; sets `launcher`, mpirun's process,
# and `ranks`.
start() {
  local output=$2
  ranks=$1
  shift 2
  local options=(-q --oversubscribe --bind-to none -n "$ranks")
  if ((EUID == 0)); then options+=(--allow-run-as-root); fi
  # What killed processes leave in memory and in the session folder goes with the drill's own.
  options+=(--mca btl_vader_backing_directory "$work" --mca orte_tmpdir_base "$work")
  OMP_NUM_THREADS=1 mpirun "${options[@]}" "$palier" train "$work/run.yaml" --set "output=$output" "$@" \
    >"$work/log" 2>"$work/errors" </dev/null &
  launcher=$!
}

# The processes of this drill: they alone have its configuration in their arguments ([.] keeps grep from finding itself).
processes() { grep -ls "$work/run[.]yaml" /proc/[0-9]*/cmdline | cut -d / -f 3 || true; }

end_processes() {
  local process
  for process in $(processes); do kill -KILL "$process" 2>/dev/null || true; done
}

# digest OUTPUT: the SHA-256 of every model that a finished run leaves.
digest() {
  local name
  for name in alpha best "$(printf 'step-%06d' "$total_steps")"; do
    sha256sum <"$1/checkpoints/$name/model.safetensors" || return 1
  done | sha256sum | cut -c 1-64
}
