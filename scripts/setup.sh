# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What the other scripts share, which source it: packages (`need_packages PACKAGE…`, Debian names), and what is built
# but once.

# package_there PACKAGE: is it, or what is needed of it, on this machine?
package_there() {
  case $1 in
    acpica-tools) command -v iasl ;;
    lld) command -v ld.lld ;;
    lld-[0-9]*) command -v "ld.$1" ;;
    xz-utils) command -v xz ;;
    llvm) command -v llvm-ar ;;
    llvm-[0-9]*) command -v "llvm-ar-${1#llvm-}" ;;
    graphviz) command -v dot ;;
    gcc-arm-none-eabi) command -v arm-none-eabi-gcc ;;
    gcc-*-linux-gnu) command -v "${1#gcc-}-gcc" ;;
    gcc-12-multilib) [ -f /usr/lib/gcc/x86_64-linux-gnu/12/32/libgcc.a ] ;;
    libc6-dev-s390x-cross) [ -f /usr/s390x-linux-gnu/lib/crt1.o ] ;;
    qemu-user) command -v qemu-s390x ;;
    qemu-system-x86) command -v qemu-system-x86_64 ;;
    qemu-system-ppc) command -v qemu-system-ppc64 ;;
    qemu-system-arm) command -v qemu-system-aarch64 ;;
    qemu-system-misc) command -v qemu-system-riscv64 ;;
    libcmocka-dev) pkg-config --exists cmocka ;;
    lib* | relacy-dev | ovmf | grub-* | qemu-efi-aarch64 | linux-headers-* | busybox-static | doxygen-awesome-css)
      dpkg-query -W -f '${Status}' "$1" | grep -q ' installed$'
      ;;
    *) command -v "$1" ;;
  esac >/dev/null 2>&1
}

# is_fresh FILE PATH…: it is there, and nothing at PATH is newer
is_fresh() { [ -f "$1" ] && [ -z "$(find "${@:2}" -newer "$1" -type f -print -quit)" ]; }

# need_packages PACKAGE…: install what is missing, as root or with a sudo that asks for no password;
# else say what to type, and fail.
need_packages() {
  local package missing=() sudo=()
  for package; do
    package_there "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  for package in "${missing[@]}"; do # what these need and only recommend
    case $package in
      gcc) missing+=(libc6-dev) ;;
      valgrind) missing+=(libc6-dbg) ;;
      libcmocka-dev) missing+=(pkg-config) ;;
    esac
  done
  if [ "$(id -u)" -ne 0 ]; then
    sudo=(sudo)
  fi
  if ! command -v apt-get >/dev/null || { [ ${#sudo[@]} -gt 0 ] && ! sudo -n true 2>/dev/null; }; then
    echo "Packages are missing. On Debian 12 type: sudo apt-get install -y ${missing[*]}" >&2
    return 1
  fi
  echo "installing: ${missing[*]}" >&2
  "${sudo[@]}" apt-get update -qq >/dev/null 2>&1 || true # an old list may do
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null 2>&1 && return 0
  echo "That failed. Type, and read what it says: sudo apt-get install -y ${missing[*]}" >&2
  return 1
}

# foreign_packages ARCHITECTURE PACKAGE…: unpack Debian packages of another architecture in
# build/debian/ARCHITECTURE. Needs no root: the lists of packages are there too, the machine's own
# stay as they are. Dependencies are not followed.
foreign_packages() {
  local arch=$1 dir=$PWD/build/debian/$1 apt deb
  shift
  [ ! -f "$dir/done" ] || return 0
  rm -rf "$dir"
  mkdir -p "$dir"/apt/{lists,cache/archives}/partial
  : >"$dir/apt/status"
  apt=(apt-get -qq -o "APT::Architecture=$arch" -o "APT::Architectures=$arch" -o APT::Sandbox::User=root
    -o "Dir::State=$dir/apt" -o "Dir::State::Lists=$dir/apt/lists" -o "Dir::State::status=$dir/apt/status"
    -o "Dir::Cache=$dir/apt/cache" -o Acquire::Languages=none)
  echo "fetching for $arch: $*" >&2
  "${apt[@]}" update >"$dir/apt/log" 2>&1 || true # a source that has nothing for it does not matter
  if ! (cd "$dir/apt" && "${apt[@]}" download "$@") >>"$dir/apt/log" 2>&1; then
    cat "$dir/apt/log" >&2
    echo "That failed: \`apt-get download\` of these packages for $arch, as in $dir/apt/log" >&2
    return 1
  fi
  for deb in "$dir"/apt/*.deb; do
    dpkg-deb -x "$deb" "$dir" || return 1
  done
  rm -rf "$dir/apt"
  touch "$dir/done"
}
