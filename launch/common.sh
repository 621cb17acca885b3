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
