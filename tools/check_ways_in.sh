#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Each way to take mmlib into a project, done from outside the tree as a user does it: examples/hosted is
# built and run. Only the layers that it asks for may be in the program.
#   tools/check_ways_in.sh [--plant] [WAY…]     --plant: layers that lack the heap are asked for; must fail
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
layers='heap status'
if [ "${1-}" = --plant ]; then
  layers='pmm status'
  shift
fi
ways=${*:-meson_subproject meson_wrap pkg_config cmake_include cmake_package makefile amalgamation kernel}
main=$top/examples/hosted/main.c
bad=0

# way NAME: what stands in the function of that name, in a folder of its own, makes ./hosted
way() {
  mkdir "$out/$1"
  if (cd "$out/$1" && "$1") >"$out/log" 2>&1 && (cd "$out/$1" && ./hosted) >"$out/log" 2>&1 &&
    grep -q MM_E_DOUBLE_FREE "$out/log" && ! nm "$out/$1/hosted" 2>/dev/null | grep -E ' mm_(pt|fdt)_'; then
    echo "ok   $1"
  else
    cat "$out/log"
    echo "FAIL $1"
    bad=1
  fi
}

# install_it: mmlib as it is installed, in $out/installed; that is sources, so nothing is built
install_it() {
  [ ! -d "$out/installed" ] || return 0
  meson setup "$out/build" "$top" --prefix="$out/installed" -Dtests=disabled
  meson install -C "$out/build" --no-rebuild
}

meson_project() { # SUBPROJECT-FOLDER-OR-WRAP
  cat >meson.build <<END
project('kernel', 'c', default_options: ['c_std=c11'])
mmlib = dependency('mmlib', fallback: 'mmlib', default_options: ['layers=${layers// /,}'])
executable('hosted', '$(basename "$main")', dependencies: mmlib)
END
  cp "$main" .
  meson setup b
  ninja -C b hosted
  cp b/hosted .
}
meson_subproject() {
  mkdir subprojects
  cp -r "$out/tree" subprojects/mmlib
  meson_project
}
meson_wrap() { # as README shows it, but for where it is fetched from
  mkdir subprojects
  sed -n '/^ *\[wrap-git\]/,/```/s/^ *//p' "$top/README.md" | grep -v '```' | sed "s|^url = .*|url = $out/repository|" \
    >subprojects/mmlib.wrap
  meson_project
}
pkg_config() {
  install_it
  export PKG_CONFIG_PATH=$out/installed/share/pkgconfig
  local home sources
  home=$(pkg-config --variable=home mmlib)
  sources=$(awk -v want="$layers" -f "$home/tools/layers.awk" "$home/src/layers" | sed "s|^|$home/src/|")
  [ "$(pkg-config --variable=sources mmlib | wc -w)" -gt "$(wc -w <<<"$sources")" ]
  # shellcheck disable=SC2046,SC2086
  gcc -o hosted "$main" $(pkg-config --cflags mmlib) $sources
}
cmake_build() { # LINES that bring mmlib::mmlib
  cat >CMakeLists.txt <<END
cmake_minimum_required(VERSION 3.20)
project(kernel C)
$1
add_executable(hosted $main)
target_link_libraries(hosted PRIVATE mmlib::mmlib)
END
  cmake -DCMAKE_PREFIX_PATH="$out/installed" -S . -B b
  cmake --build b
  cp b/hosted .
}
cmake_include() {
  cmake_build "set(MMLIB_LAYERS $layers)
include($out/tree/mmlib.cmake)"
}
cmake_package() {
  install_it
  cmake_build "find_package(mmlib 0.1 REQUIRED COMPONENTS $layers)"
}
makefile() {
  cat >Makefile <<END
MMLIB_LAYERS := $layers
include $out/tree/mmlib.mk
hosted: $main \$(MMLIB_OBJECTS)
	\$(CC) \$(MMLIB_CFLAGS) -o \$@ \$^
END
  make
}
amalgamation() {
  "$out/tree/tools/amalgamate.py" --layers "${layers// /,}" .
  sed 's|<mmlib/kmalloc.h>|"mmlib.h"|' "$main" >main.c
  clang -std=c11 -Wall -Wextra -Werror -c mmlib.c
  gcc -std=c11 -Wall -Wextra -Werror -o hosted main.c mmlib.c
}

kernel() { # ./hosted is what boots it
  cp "$out"/tree/examples/bare/* .
  make MMLIB="$out/tree" kernel
  printf '#!/bin/sh\nexec make run\n' >hosted
  chmod +x hosted
}

mkdir "$out/tree" # a copy of the files: nothing may depend on where they are
(cd "$top" && git ls-files -z --cached --others --exclude-standard | tar -c --null -T -) | tar -x -C "$out/tree"
git init -q "$out/repository"
cp -r "$out/tree/." "$out/repository"
git -C "$out/repository" add -A
git -C "$out/repository" -c user.name=x -c user.email=x@x commit -qm x
git -C "$out/repository" branch -M main
for w in $ways; do
  way $w
done
exit $bad
