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
  local option=-march
  case "$(uname -m)" in aarch64 | arm64) option=-mcpu ;; esac
  flags=(-Xcc "$option=$1")
}
