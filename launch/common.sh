# What the launch scripts share. Sourced, not run.

# The project's folder: every script works from there.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s: %s\n' "launch/${0##*/}" "$*" >&2; }

die() {
  say "$*"
  exit 1
}

# Prints a command as it would be typed, then runs it.
run() {
  printf '+' >&2
  printf ' %q' "$@" >&2
  printf '\n' >&2
  "$@"
}

# Prints the comment block at the top of the script: its help.
usage() { sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; }

# cpu_flags NAME: sets the array `flags` to the compiler options for that CPU.
cpu_flags() {
  case "$(uname -m)" in
    aarch64 | arm64) flags=(-Xcc "-mcpu=$1") ;;
    # The compiler's own choice on AVX-512 is half its width, for the sake of clocks that the
    # 512-bit products lower anyway: whole vectors make the step 8 % faster.
    *) flags=(-Xcc "-march=$1" -Xcc -mprefer-vector-width=512) ;;
  esac
}

# package_flags FOLDER: sets the array `packages` to the options by which swift build takes the Swift packages that launch/fetch
# put there, and nothing from a network. Without FOLDER to none.
package_flags() {
  packages=()
  [[ -n $1 ]] || return 0
  local folder place
  [[ -f $1/packages.txt && -f $1/Package.resolved ]] || die "$1 is no folder of launch/fetch: packages.txt is missing"
  folder=$(cd "$1" && pwd)
  cp "$folder/Package.resolved" "$root/"
  mkdir -p "$root/.build/offline/configuration"
  {
    printf '{ "version": 1, "object": ['
    local comma=''
    while read -r place; do
      printf '%s\n  { "original": "%s", "mirror": "file://%s/packages/%s" }' "$comma" "$place" "$folder" "$(basename "$place" .git)"
      comma=,
    done <"$folder/packages.txt"
    printf '\n] }\n'
  } >"$root/.build/offline/configuration/mirrors.json"
  packages=(--config-path "$root/.build/offline/configuration" --cache-path "$root/.build/offline/cache")
}
