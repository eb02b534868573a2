# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What scripts/test.sh counts with: checks, negative controls and Meson's tests, each a verdict that says how long
# it took. Sourced after scripts/setup.sh; the arguments are the steps that are wanted, or none for all.

mkdir -p build
results=$(mktemp) # a line for each verdict: how many passed, how many failed, seconds, name
steps=$(mktemp)   # a line for each step: its name, seconds that CPUs worked for it
trap 'rm -f "$results" "$steps"' EXIT
only=" $* "

wanted() { [ "$only" = "  " ] || [[ "$only" == *" $1 "* ]]; }
start=$SECONDS
# verdict PASSED FAILED BEGAN NAME: the check that began then
verdict() {
  echo "$1 $2 $((SECONDS - $3)) $4" >>"$results"
  if [ "$2" -eq 0 ]; then echo "ok   $4"; else echo "FAIL $4"; fi
}

# beside COMMAND…: run it while others run, one for each CPU
beside() {
  while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n; done
  "$@" &
}

# cpu_seconds PROCESS: those of its children that have ended, and theirs
cpu_seconds() { awk -v hz="$(getconf CLK_TCK)" '{ printf "%d", ($16 + $17) / hz }' "/proc/$1/stat"; }

# step NAME: all of its checks
step() {
  local me=$BASHPID
  "test_$1"
  echo "$1 $(cpu_seconds "$me")" >>"$steps"
}

log_of() { echo "build/log-$(tr -c 'a-zA-Z0-9\n' - <<<"$1")"; }

# check NAME COMMAND…: one test, its output shown only when it fails
check() {
  local name=$1 log began=$SECONDS
  shift
  log=$(log_of "$name")
  if "$@" >"$log" 2>&1 </dev/null; then
    verdict 1 0 "$began" "$name"
  else
    tail -n 60 "$log"
    verdict 0 1 "$began" "$name"
  fi
}

# check_fails NAME TEXT COMMAND…: a negative control; the command must fail and say TEXT (a pattern), so
# that a control which fails for another reason, or cannot run at all, does not count
check_fails() {
  local name=$1 text=$2 status log began=$SECONDS
  shift 2
  log=$(log_of "$name")
  bash -c '"$@"; exit $?' control "$@" >"$log" 2>&1 </dev/null # its death is its own shell's news
  status=$?
  if [ $status -ne 0 ] && [ $status -ne 126 ] && [ $status -ne 127 ] && grep -qE "$text" "$log"; then
    verdict 1 0 "$began" "$name"
  else
    tail -n 20 "$log"
    verdict 0 1 "$began" "$name: was not noticed (status $status)"
  fi
}

# meson_build NAME DIR [TARGET…]: builds, or says that it cannot. Steps may share a folder: one at a time
meson_build() {
  local name=$1 dir=$2 log began=$SECONDS
  log=$(log_of "$name")
  shift 2
  if ! flock "build/lock-${dir#*/}" ninja -C "$dir" "$@" >"$log" 2>&1; then
    tail -n 40 "$log"
    verdict 0 1 "$began" "$name: build"
    return 1
  fi
}

# meson_tests NAME DIR [TEST ARGUMENT…]: build and run; counts each test program
meson_tests() {
  local name=$1 dir=$2 log good bad built began=$SECONDS
  log=build/log-$1
  shift 2
  meson_build "$name" "$dir" || return
  built=$((SECONDS - began))
  meson test -C "$dir" --no-rebuild --print-errorlogs "$@" >"$log" 2>&1 </dev/null
  good=$(awk '/^Ok:/ {print $2}' "$log")
  bad=$(awk '/^(Fail|Timeout|Unexpected Pass):/ {n += $NF} END {print n + 0}' "$log")
  [ "${good:-0}" -eq 0 ] || verdict "$good" 0 "$began" "$name: $good test programs ($built s to build)"
  if [ "$bad" -ne 0 ] || [ -z "$good" ] || [ "$good" -eq 0 ]; then
    tail -n 80 "$log"
    verdict 0 "$((bad > 0 ? bad : 1))" "$began" "$name: $bad test programs"
  fi
}

setup() { # DIR MESON-ARGUMENT…: one at a time, too
  local dir=$1 log=build/log-setup-${1#*/} lock
  shift
  exec {lock}>build/lock-setup
  flock "$lock"
  [ -d "$dir" ] || meson setup "$dir" "$@" >"$log" 2>&1 || { cat "$log"; rm -rf "$dir"; }
  exec {lock}>&-
}

# summary: where time went, and the last line; fails if a check failed, or there was none
summary() {
  local passed failed
  echo "--- what took longest (seconds; some ran beside each other)"
  sort -k 3,3rn "$results" | head -n 15 | awk '{ s = $3; $1 = $2 = $3 = ""; printf "%5d %s\n", s, $0 }'
  echo "--- CPUs: $(cpu_seconds $$) s of $(nproc) * $((SECONDS - start)) s were used:" \
    "$(sort -k 2,2rn "$steps" | awk '{ printf "%s%s %d", sep, $1, $2; sep = ", " }')"
  read -r passed failed < <(awk '{ p += $1; f += $2 } END { print p + 0, f + 0 }' "$results")
  echo "$passed passed, $failed failed (after $((SECONDS - start)) s)"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
