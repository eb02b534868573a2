#!/bin/sh
# SPDX-License-Identifier: MIT
# Spelling (codespell) and licences (REUSE: each file tells its licence and copyright so that tools can
# read them), of the files that git knows.
#   tools/check_text.sh [--plant]      --plant: a folder with a misspelt file without a licence; must fail
set -eu
cd "$(dirname "$0")/.."
if [ "${1-}" = --plant ]; then
  bad=$(mktemp -d)
  trap 'rm -rf "$bad"' EXIT
  cp .codespellrc "$bad"
  echo '/* an all''octor */' >"$bad/planted.c"
  cd "$bad"
  git init -q
fi
status=0
git ls-files -co --exclude-standard -z | xargs -0 codespell || status=1
text=$(reuse lint 2>&1) || status=1
case $text in *' ERROR '*) status=1 ;; esac
[ $status -eq 0 ] || printf '%s\n' "$text"
exit $status
