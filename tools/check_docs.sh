#!/bin/sh
# SPDX-License-Identifier: MIT
# Build the API documentation; any warning of Doxygen, or a public function without its calling
# context (@mm_ctx), is an error.
#   tools/check_docs.sh [--plant]      --plant: add an undocumented function; must fail
set -eu
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
more=
if [ "${1-}" = --plant ]; then
  printf '/** @file\n * @brief x */\n/** Does something. */\nint mm_planted(int a);\n' >"$out/plant.h"
  more="INPUT += $out/plant.h"
fi
{
  cat docs/Doxyfile
  echo "$more"
  echo "OUTPUT_DIRECTORY = $out"
} | doxygen - >"$out/log" 2>&1 || { cat "$out/log"; exit 1; }
bad=0
if grep -E 'warning:|error:' "$out/log"; then
  bad=1
fi
# Every prototype that ends a doc comment's block needs a context line in that comment.
awk '
  /^\/\*\*/ { doc = ""; }
  { doc = doc "\n" $0 }
  /^(MM_NODISCARD )?(enum mm_status|void|bool|size_t|char|unsigned|mm_[a-z_]+_t|const [a-z_ ]+\*?) ?\*?mm_[a-z0-9_]+\(/ {
    if (doc !~ /@mm_ctx\{/) { print FILENAME ":" FNR ": no @mm_ctx"; bad = 1 }
    doc = ""
  }
  END { exit bad }' include/mmlib/*.h || bad=1
exit $bad
