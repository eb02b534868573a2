#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Set up a build of the tests for another kind of machine, which runs here:
#   scripts/foreign.sh i386|s390x [MESON-ARGUMENT…]     in build/i386 or build/s390x
#     i386    32 bits; this CPU runs it
#     s390x   big-endian; QEMU's user mode runs it
# The C library comes with the compiler (gcc-12-multilib: gcc-multilib conflicts with the cross
# compilers). cmocka and libfdt are unpacked in build/debian; nothing foreign is installed, and dpkg
# learns no new architecture.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
machine=${1-}
[ $# -eq 0 ] || shift
case $machine in
  i386)
    triplet=i386-linux-gnu endian=little prefix='' wrapper='' pic=false
    args="'-m32', '-fno-pie', " link_args="'-m32', '-no-pie', " # position-independent code takes a fifth more
    need_packages gcc gcc-12-multilib meson pkg-config
    ;;
  s390x)
    triplet=s390x-linux-gnu endian=big args='' link_args='' prefix=s390x-linux-gnu- pic=true
    wrapper="exe_wrapper = ['qemu-s390x', '-L', '/usr/s390x-linux-gnu']"
    need_packages gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user meson pkg-config
    ;;
  *)
    sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
[ ! -d "build/$machine" ] || exit 0
foreign_packages "$machine" libcmocka0 libcmocka-dev libfdt1 libfdt-dev

root=$PWD/build/debian/$machine
lib=$root/usr/lib/$triplet
cat >"build/debian/$machine.ini" <<END
[binaries]
c = '${prefix}gcc'
ar = '${prefix}ar'
strip = '${prefix}strip'
pkgconfig = 'pkg-config'
$wrapper
[built-in options]
c_args = [$args'-isystem', '$root/usr/include', '-Wno-maybe-uninitialized']
c_link_args = [$link_args'-L$lib', '-Wl,-rpath,$lib']
[properties]
sys_root = '$root'
pkg_config_libdir = '$lib/pkgconfig'
[host_machine]
system = 'linux'
cpu_family = '${machine/i386/x86}'
cpu = '${machine/i386/i686}'
endian = '$endian'
END
# Little optimisation, no debug information: compiling is most of the time. At that level gcc sees
# variables that are not set where there are none; the native builds look for those.
meson setup "build/$machine" --cross-file "build/debian/$machine.ini" --buildtype=plain \
  -Doptimization=1 -Db_staticpic=$pic "$@"
