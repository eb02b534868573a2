/* SPDX-License-Identifier: MIT */
/* MM_CONFIG_HEADER for Linux: mmlib's RAM is seen at a constant distance, so page tables are too. */
#ifndef LINUX_CONFIG_H
#define LINUX_CONFIG_H

/* Virtual minus physical address of mmlib's RAM. Set once, before mmlib is first called. */
extern uintptr_t linux_distance;

#define LINUX_TO_VIRT(pa)     ((void *)((uintptr_t)(pa) + linux_distance))
#define MM_PT_TO_VIRT(pt, pa) ((void)(pt), LINUX_TO_VIRT(pa))
#endif
