/* SPDX-License-Identifier: MIT */
/* Single pages asked for, mapped and unmapped, and the loop around that, in one translation unit, so that the compiler may
 * inline one into the other: the walker folded to each format, and the same by hand. `flatten` asks for it in both. */
#define HAND(format, op) inline_hand_##format##_##op
#include "hand.c"
#include "ports/aarch64.h"
#include "ports/riscv64.h"
#include "ports/x86_64.h"

MM_PT_DECLARE(inline_pt_x86_64);
#define MM_PT_PORT (&mm_port_x86_64)
#define MM_PT_NAME inline_pt_x86_64
#define MM_PT_WALKER PT_WALKER_X86_64
#include "vmm/pt_walk.inc"
#undef MM_PT_PORT
#undef MM_PT_NAME

MM_PT_DECLARE(inline_pt_aarch64);
#define MM_PT_PORT (&a64_port)
#define MM_PT_NAME inline_pt_aarch64
#define MM_PT_WALKER PT_WALKER_AARCH64
#include "vmm/pt_walk.inc"
#undef MM_PT_PORT
#undef MM_PT_NAME

MM_PT_DECLARE(inline_pt_riscv64);
#define MM_PT_PORT (&mm_port_sv39)
#define MM_PT_NAME inline_pt_riscv64
#define MM_PT_WALKER PT_WALKER_SV39
#include "vmm/pt_walk.inc"
#undef MM_PT_PORT
#undef MM_PT_NAME

#define PAGE UINT64_C(4096)
#define RW   (MM_PT_READ | MM_PT_WRITE)
#define LOOPS(f, port)                                                                             \
	const struct mm_pt_port *inline_##f##_port(void)                                           \
	{                                                                                          \
		return &port;                                                                      \
	}                                                                                          \
	__attribute__((flatten)) uint64_t inline_##f##_walker(                                     \
		const struct mm_pt *pt, const uint32_t *order, uint32_t n, uint64_t va)            \
	{                                                                                          \
		uint64_t sum = 0;                                                                  \
                                                                                                   \
		for (uint32_t i = 0; i < n; i++) {                                                 \
			mm_paddr_t pa;                                                             \
			if (inline_pt_##f##_translate(pt, va + order[i] * PAGE, &pa) == MM_OK)     \
				sum += pa;                                                         \
		}                                                                                  \
		return sum;                                                                        \
	}                                                                                          \
	__attribute__((flatten))                                                                   \
	uint64_t inline_##f##_hand(uint64_t *root, const uint32_t *order, uint32_t n, uint64_t va) \
	{                                                                                          \
		uint64_t sum = 0;                                                                  \
                                                                                                   \
		for (uint32_t i = 0; i < n; i++)                                                   \
			sum += inline_hand_##f##_query(root, va + order[i] * PAGE);                \
		return sum;                                                                        \
	}                                                                                  \
	__attribute__((flatten)) bool inline_##f##_walker_map(struct mm_pt *pt, struct mm_tlb_gather *g, uint32_t n, \
							 uint64_t va, uint64_t pa)         \
	{                                                                                  \
		for (uint32_t i = 0; i < n; i++)                                           \
			if (inline_pt_##f##_map_page(pt, va + i * PAGE, pa + i * PAGE, RW, g) != MM_OK) \
				return false;                                              \
		return true;                                                               \
	}                                                                                  \
	__attribute__((flatten)) bool inline_##f##_walker_unmap(struct mm_pt *pt, struct mm_tlb_gather *g, \
							   const uint32_t *order, uint32_t n, uint64_t va) \
	{                                                                                  \
		for (uint32_t i = 0; i < n; i++)                                           \
			if (inline_pt_##f##_unmap_page(pt, va + order[i] * PAGE, g) != MM_OK) \
				return false;                                              \
		return true;                                                               \
	}                                                                                  \
	__attribute__((flatten)) bool inline_##f##_hand_map(uint64_t *root, uint32_t n, uint64_t va, uint64_t pa) \
	{                                                                                  \
		for (uint32_t i = 0; i < n; i++)                                           \
			if (inline_hand_##f##_map_page(root, va + i * PAGE, pa + i * PAGE) != 0) \
				return false;                                              \
		return true;                                                               \
	}                                                                                  \
	__attribute__((flatten)) bool inline_##f##_hand_unmap(uint64_t *root, const uint32_t *order, uint32_t n, \
							 uint64_t va)                      \
	{                                                                                  \
		for (uint32_t i = 0; i < n; i++)                                           \
			if (inline_hand_##f##_unmap_page(root, va + order[i] * PAGE) != 0) \
				return false;                                              \
		return true;                                                               \
	}
LOOPS(x86_64, mm_port_x86_64)
LOOPS(aarch64, a64_port)
LOOPS(riscv64, mm_port_sv39)
