#!/bin/sh
# SPDX-License-Identifier: MIT
# The documentation builds without a warning, every public function tells its context, locks, cost and
# errors, and no link of the site is dead.
#   tools/check_docs.sh [--plant function|link|unit]     of nothing but a function without documentation, one
#                                                        without a context and a dead link, or one that takes a
#                                                        number of nobody knows what; must fail
set -eu
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
chmod 755 "$out" # as root linkchecker reads as nobody
case ${2-} in
  function) printf '/** @file\n * @brief x */\n/** Does something. */\nint mm_planted(int a);\n' >"$out/planted.h" ;;
  link)
    printf '/** @file\n * @brief x */\n/** Does something. @param a b @return c */\nint mm_planted(int a);\n' >"$out/planted.h"
    printf '# Planted\n\n[nowhere](nowhere.html)\n' >"$out/planted.md"
    ;;
  unit)
    printf '/** @file\n * @brief x */\n/** Does something.\n * @param a its length @return c\n' >"$out/planted.h"
    printf ' * @mm_ctx{boot; locks: none; cost: O(1)} */\nint mm_planted(size_t a);\n' >>"$out/planted.h"
    ;;
esac
planted=$(echo $(ls "$out"/planted.* 2>/dev/null || true)) # on one line
bad=0
DOCS_ONLY=$planted scripts/docs.sh "$out/site" || exit 1
# shellcheck disable=SC2046
tools/contexts.py --check include/mmlib/*.h $(ls "$out"/planted.h 2>/dev/null) || bad=1
linkchecker --no-status --no-warnings "$out/site/html/index.html" $(ls "$out"/site/html/md_*.html 2>/dev/null) >"$out/links" || {
  cat "$out/links"
  bad=1
}
exit $bad
