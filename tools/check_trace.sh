#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Traces: a program is traced (tests/trace/), mm-replay finds in the trace what the program counted itself, replays
# it, refuses each of many damaged ones, and replays what is whole of torn ones; a ring that is too small says what it
# lost.
#   tools/check_trace.sh [--plant record|memory]   --plant: a record is missing; there is too little memory. Must fail
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
need_packages gcc make python3
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
traced=(gcc -std=c11 -O1 -w '-DMM_SANITIZER_HEADER="mmlib/sanitizer_trace.h"' -Iinclude -Isrc)
bad=0
wrong() { echo "$1"; bad=1; }

programs=build/trace
replay=$programs/mm-replay
if ! is_fresh "$programs/ring" src include tests/trace tools/replay examples/hosted tools/amalgamate.py tools/layers.awk tools/check_trace.sh; then
  mkdir -p "$programs"
  make -s -C tools/replay MMLIB_BUILD="$out/build" >"$out/make.log" 2>&1 || { cat "$out/make.log"; exit 1; }
  mv tools/replay/mm-replay "$replay"
  tools/amalgamate.py --layers heap,status "$out"
  "${traced[@]}" -c "$out/mmlib.c" -o "$out/mmlib.o"
  "${traced[@]}" -o "$programs/work" tests/trace/work.c tests/trace/save.c "$out/mmlib.o"
  "${traced[@]}" -o "$programs/hosted" examples/hosted/main.c tests/trace/save.c "$out/mmlib.o"
  "${traced[@]}" -o "$programs/ring" tests/trace/ring.c
fi

MM_TRACE_FILE=$out/trace "$programs/work" 20000 >"$out/said"
if [ "${1-} ${2-}" = "--plant record" ]; then # the first allocation of frames, with all numbers put right
  python3 - "$out/trace" <<'PY'
import struct, sys
b = open(sys.argv[1], 'rb').read()
head, r = bytearray(b[:32]), [b[i:i + 24] for i in range(32, len(b), 24)]
del r[next(i for i, x in enumerate(r) if x[4] == 1)]
head[8:12] = struct.pack('<I', len(r))
open(sys.argv[1], 'wb').write(bytes(head) + b''.join(struct.pack('<I', i + 1) + x[4:] for i, x in enumerate(r)))
PY
fi
memory=()
[ "${1-} ${2-}" != "--plant memory" ] || memory=(--memory 2)
"$replay" "${memory[@]}" "$out/trace" >"$out/replay" || wrong "the trace cannot be replayed: $(tail -n 2 "$out/replay")"
grep -qF "$(cat "$out/said")" "$out/replay" || wrong "the program says '$(cat "$out/said")', mm-replay: $(sed -n 2p "$out/replay")"
grep -q ' 0 lost before them; 0 frees of what was allocated before, 2 refused' "$out/replay" || wrong "$(head -n 1 "$out/replay")"
[ $# -eq 0 ] || exit $bad # what follows has another trace

"$programs/ring" || bad=1

MM_TRACE_FILE=$out/hosted.trace "$programs/hosted" >/dev/null
"$replay" "$out/hosted.trace" >"$out/replay" || wrong "examples/hosted cannot be replayed"

MM_TRACE_FILE=$out/small MM_TRACE_RECORDS=1024 "$programs/work" 20000 >/dev/null
"$replay" "$out/small" >"$out/replay" || wrong "what a ring kept of a longer trace cannot be replayed"
grep -qE '^1024 records, [1-9][0-9]* lost before them; [1-9]' "$out/replay" || wrong "a ring that ran over: $(head -n 1 "$out/replay")"

# Memory is chosen large enough, whatever the objects are.
for size in 1 64 3000; do
  python3 - "$out/many" "$size" <<'PY'
import struct, sys
size = int(sys.argv[2])
n = min(500000, (40 << 20) // size)
with open(sys.argv[1], 'wb') as f:
    f.write(struct.pack('<IHHIIQQ', 0x72546d6d, 1, 24, n, 12, 0, 0))
    f.write(b''.join(struct.pack('<IBBHQQ', i + 1, 4, 0, 0, 4096 * (i + 1), size) for i in range(n)))
PY
  "$replay" "$out/many" >"$out/replay" || wrong "$size bytes each: $(tail -n 2 "$out/replay")"
done

# Damaged: what it is, and what mm-replay must say.
python3 - "$out" >"$out/damaged" <<'PY'
import struct, sys
out = sys.argv[1]
b = open(out + '/small', 'rb').read()
def put(name, says, at, data):
    open(f'{out}/bad-{name}', 'wb').write(b[:at] + data + b[at + len(data):])
    print(name, says)
def size(name, says, n):
    open(f'{out}/bad-{name}', 'wb').write((b + bytes(100))[:n])
    print(name, says)
first = next(i for i in range(32, len(b), 24) if b[i + 4] == 1)  # frames
obj = next(i for i in range(32, len(b), 24) if b[i + 4] == 4)
size('empty', 'shorter than its head', 0)
size('head', 'shorter than its head', 31)
size('cut', 'not as many records', len(b) - 24)
size('half', 'not as many records', len(b) - 1)
size('more', 'not as many records', len(b) + 24)
put('magic', 'no trace', 0, b'x')
put('version', 'another version', 4, b'\x02')
put('record', 'head is damaged', 6, b'\x17')
put('zero', 'head is damaged', 24, b'\x01')
put('frame', 'impossible size', 12, b'\x40')
put('sixteen', 'another size', 12, b'\x10')
put('lost', 'no record of it is whole', 16, b'\x00\x00\x00\x01')
put('kind', 'no kind', 32 + 4, b'\x08')
put('none', 'no kind', 32 + 4, b'\x00')
put('inside', 'inside a frame', first + 8, b'\x01')
put('frames', 'no frames, or too many', first + 16, bytes(8))
put('wrap', 'no frames, or too many', first + 16, b'\xff' * 8)
put('large', 'more frames', first + 16, struct.pack('<Q', 1 << 24))
put('object', 'impossible size', obj + 16, bytes(8))
put('huge', 'larger than', obj + 16, struct.pack('<Q', 1 << 40))
# the record after it says the same again: in use twice
put('twice', 'in use', obj + 24, struct.pack('<I', struct.unpack('<I', b[obj:obj + 4])[0] + 1) + b[obj + 4:obj + 24])
PY
n=0
while read -r name says; do
  n=$((n + 1))
  status=0
  "$replay" "$out/bad-$name" >"$out/replay" 2>&1 || status=$?
  [ $status -eq 2 ] && grep -q "$says" "$out/replay" || wrong "damage '$name' is not told: $status, $(head -n 1 "$out/replay")"
done <"$out/damaged"

# Torn: bytes 0 to 3 of records, and what mm-replay must say and end with.
torn() { # STATUS SAYS RECORD…
  local status=0 wants=$1 says=$2
  shift 2
  cp "$out/small" "$out/torn"
  for i in "$@"; do
    printf '\0\0\0\0' | dd of="$out/torn" bs=1 seek=$((32 + 24 * i)) conv=notrunc status=none
  done
  "$replay" "$out/torn" >"$out/replay" 2>&1 || status=$?
  [ $status -eq "$wants" ] && grep -qE "$says" "$out/replay" || wrong "torn at $*: $status, $(head -n 3 "$out/replay")"
}
torn 3 '^the next record is torn: 1017 records from it on are not replayed' 7
torn 3 '^7 records, [1-9][0-9]* lost before them' 7 8 20
torn 3 '^1023 records, ' 1023
torn 0 '^1021 records, ' 0 1 2
torn 3 '^the next record is torn: 1014 records from it on' 0 1 2 10
[ $bad -eq 0 ] && echo "traces are what was done; $n damaged ones are refused"
exit $bad
