#!/bin/sh
# SPDX-License-Identifier: MIT
# What cppcheck finds in the library: nothing, or it says so and fails.
#   tools/check_lint.sh              faults: uninitialised, out of bounds, of portability (10 s)
#   tools/check_lint.sh --misra      also which MISRA C:2012 guidelines are not kept: exactly those that
#                                    docs/misra.md lists, with a reason (2 minutes of a CPU)
#   tools/check_lint.sh --plant      a file with a fault; must fail
#   tools/check_lint.sh --misra --plant   a file with a `goto`; must fail
set -eu
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
misra=false plant=false
for word in "$@"; do
  case $word in
    --misra) misra=true ;;
    --plant) plant=true ;;
    *) sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done

look() { # ARGUMENT… FILE…
  cppcheck -q -j2 --std=c11 --language=c --inline-suppr --suppress=missingInclude --template='{file}:{line}: {message} [{id}]' \
    -Iinclude -Isrc -D__GNUC__=12 -D__x86_64__ -D__SIZEOF_POINTER__=8 "$@" 2>&1
}

files=$(find src -name '*.c' | sort)
if $plant; then
  cat >"$out/planted.c" <<'C'
int planted(int n);
int planted(int n)
{
	int x, v[4] = { 0 };

	if (n > 4)
		goto out;
	x += v[4];
out:
	return x;
}
C
  files=$out/planted.c
fi
# shellcheck disable=SC2086
look --enable=warning,portability,performance $files >"$out/found"
if $misra; then
  # shellcheck disable=SC2086
  look --addon=misra $files | grep -o 'misra-c2012-[0-9.]*' | sed 's/.*-//' | sort -u >"$out/rules"
  sed -n 's/^| \([0-9][0-9., ]*\) |.*/\1/p' docs/misra.md | tr -d ' ' | tr , '\n' | sort >"$out/listed"
  $plant || comm -13 "$out/rules" "$out/listed" | sed 's/^/docs\/misra.md: kept now: /' >>"$out/found"
  comm -23 "$out/rules" "$out/listed" | sed 's/^/not kept, and not in docs\/misra.md: /' >>"$out/found"
fi
cat "$out/found"
[ ! -s "$out/found" ]
