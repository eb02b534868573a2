/* SPDX-License-Identifier: MIT */
/* MM_CONFIG_HEADER of the benchmarks: mmlib as a kernel configures it that compiles it along.
 * Physical memory is seen at a constant distance, as in the direct map of a kernel. */
#ifndef BENCH_CONFIG_H
#define BENCH_CONFIG_H
#ifndef BENCH_DIRECT /* valgrind has less room */
#define BENCH_DIRECT 0x500000000000u
#endif
#define BENCH_TO_VIRT(pa)     ((void *)(uintptr_t)((pa) + BENCH_DIRECT))
#define MM_PT_TO_VIRT(pt, pa) ((void)(pt), BENCH_TO_VIRT(pa))
#endif
