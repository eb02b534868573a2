#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Fuzz one target, with its oracle, and say what it found.
#   scripts/fuzz.sh                      list the targets (--list: nothing else)
#   scripts/fuzz.sh --build              build them all
#   scripts/fuzz.sh TARGET [SECONDS]     default 60 seconds; a finding is kept and replayed
#   scripts/fuzz.sh --seed N TARGET [SECONDS]   from inputs that follow from N alone, for what must repeat
#   scripts/fuzz.sh --runs N TARGET      the long form: N executions, however long they take
#   scripts/fuzz.sh --operations N TARGET [SECONDS]   until the oracle has looked at N operations, in
#                                        rounds of so many seconds; for targets that count them
#   scripts/fuzz.sh --fast ...           the same without sanitizers and compares that are traced: the oracle alone,
#                                        several times as fast, from what the other form found interesting
# With MM_PLANT=N in the environment, bug N of src/hook.h is planted: it must be found.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
need_packages clang libclang-rt-14-dev meson gcc libfdt-dev

runs= operations=0 seed= dir=build/fuzz sanitize=true
if [ "${1-}" = --fast ]; then
  dir=build/fuzz-fast sanitize=false
  shift
fi
if [ "${1-}" = --seed ]; then
  seed=$2
  shift 2
fi
if [ "${1-}" = --runs ]; then
  runs=$2
  shift 2
elif [ "${1-}" = --operations ]; then
  operations=$2
  shift 2
fi
list() { for f in fuzz/fuzz_*.c; do basename "${f#fuzz/fuzz_}" .c; done && printf "%s\n" buddy64 slab1 kmalloc1 region_small; }
if [ "${1-}" = --list ]; then
  list
  exit 0
fi
build() {
  [ -d "$dir" ] || CC=clang meson setup "$dir" -Dfuzz=true -Dfuzz_sanitize=$sanitize -Dtests=disabled -Db_lundef=false >/dev/null
  flock "$dir" ninja -C "$dir" "$@" >"$dir/log" || { cat "$dir/log"; return 1; }
}
if [ "${1-}" = --build ]; then
  build $(list | sed 's,^,fuzz/fuzz_,')
  exit 0
fi
if [ $# -lt 1 ] || [ "$1" = --help ]; then
  sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0"
  echo "targets:"
  list | sed 's/^/  /'
  [ "${1-}" = --help ] && exit 0 || exit 2
fi
target=$1
list | grep -x -e "$target" >/dev/null || { echo "no target $target; scripts/fuzz.sh lists them" >&2; exit 2; }
seconds=${2:-60}
if [ -n "$runs" ]; then
  long="$runs executions" limit=-runs=$runs
else
  long="$seconds s" limit=-max_total_time=$seconds
fi
build "fuzz/fuzz_$target"

work=$dir/work-$target${MM_PLANT:+-plant$MM_PLANT}
mkdir -p "$work/corpus" "$work/findings"
corpus=("$work/corpus")
[ ! -d "fuzz/corpus/$target" ] || corpus+=("fuzz/corpus/$target")
[ "$sanitize" = true ] || [ -n "$seed" ] || [ ! -d "build/fuzz/work-$target/corpus" ] || corpus+=("build/fuzz/work-$target/corpus")
[ -e "$work/corpus/zeros" ] || head -c 64 /dev/zero >"$work/corpus/zeros" # enough to reach the library
options=(${seed:+-seed="$seed"})
if grep -q operations_count "fuzz/fuzz_${target%%[0-9_]*}.c"; then # lists of operations: long ones from the beginning
  options+=(-len_control=0 -entropic=0)
  python3 - "$work/corpus" "$seed" <<'END' # 4,096 bytes each, of the seed, if there is one
import os, random, sys
for i in range(1, 17):
    path = f'{sys.argv[1]}/long-{i}'
    if not os.path.exists(path):
        with open(path, 'wb') as f:
            f.write(random.Random(f'{sys.argv[2]} {i}').randbytes(4096) if sys.argv[2] else os.urandom(4096))
END
fi
echo "fuzz_$target: $long, corpus and findings in $work"
sum=0
while
  set +e
  "$dir/fuzz/fuzz_$target" "$limit" "${options[@]}" -max_len=4096 -timeout=10 -print_final_stats=1 \
    -artifact_prefix="$work/findings/" "${corpus[@]}" >"$work/log" 2>&1
  status=$?
  set -e
  grep -E 'number_of_executed_units|average_exec_per_sec' "$work/log" || true
  counted=$(sed -n 's/^operations: //p' "$work/log")
  sum=$((sum + ${counted:-0}))
  [ -z "$counted" ] || echo "fuzz_$target: $sum operations"
  [ "$status" -eq 0 ] && [ "$sum" -lt "$operations" ]
do
  [ -n "$counted" ] || { echo "fuzz_$target does not count operations"; exit 2; }
done
if [ $status -ne 0 ]; then
  grep -vE '^(#[0-9]+|stat::)' "$work/log" | tail -n 40
  echo "fuzz_$target: FOUND something; replay with: $dir/fuzz/fuzz_$target $work/findings/FILE"
  exit 1
fi
echo "fuzz_$target: nothing found"
