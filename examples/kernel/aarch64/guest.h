/* SPDX-License-Identifier: MIT */
/* A guest of one access, whose memory is behind a second stage: guest.c. */
#ifndef GUEST_H
#define GUEST_H
#include "../conform.h"

/* By the words s2 and s2-48: which second stage is wanted, or NULL. And: a tree for it; why there is none, or NULL. */
const struct mm_pt_port *guest_port(void);
const char *guest_init(struct conform *c);
/* This CPU's guest is behind these tables from here on, under that VMID. */
void guest_load(mm_paddr_t root, unsigned vmid);
/* What CPUs have of it is forgotten: of all of them, by mmlib, or of this one. */
void guest_flush(const struct mm_tlb_gather *g, bool all);
/* PAR_EL1: what the CPU makes of a guest's address, for a read. */
uint64_t guest_translate(mm_vaddr_t va);
/* The way to flush, as machine_conform_flush() has it. */
const char *guest_flush_way(unsigned way, const char **lacks);
/* In the code of a fault: it was of a walk of the guest's own tables, and at their IPA. */
enum { GUEST_WALK = 0x80 };
/* A guest's vectors, of both stages. Nothing is ever mapped there. */
#define GUEST_VECTORS UINT64_C(0x0e00000000)
/* Checks with such tables, of which so many share a flush. */
void guest_tables(const char *way, unsigned share);
/* trap.S: what user_enter() is while the user is a guest's. */
void guest_user(uintptr_t pc, uintptr_t argument);
#endif
