/* SPDX-License-Identifier: MIT */
/* What the demo kernel needs of a machine. One folder for each machine implements this; everything
 * else in examples/kernel/ is the same on all of them.
 *
 * A machine also supplies "layout.h":
 *   MACHINE_NAME          text
 *   MACHINE_DIRECT_MAP    virtual address of physical address 0 in the direct map. The boot tables
 *                         already have it there, so a pointer made early stays valid for ever.
 *   MACHINE_REACH         last physical byte that the boot tables map there
 *   MACHINE_IMAGE_OFFSET  virtual minus physical address of the kernel's image
 *   MACHINE_SCRATCH       virtual address where nothing is mapped, for trying things out
 *   MACHINE_UPPER, MACHINE_UPPER_SIZE  the kernel's part of the address space
 *   MACHINE_PT(op)        name of a page-table operation folded to this format
 *   MACHINE_ZONES         initialisers of the zones, lowest first */
#ifndef MACHINE_H
#define MACHINE_H
#include <mmlib/memmap.h>
#include <mmlib/pt_port.h>
#include <stdnoreturn.h>
#include "layout.h"

/* Borders of the image, from the linker script: virtual addresses on page borders. */
extern char image_start[], image_text[], image_text_end[], image_rodata[], image_rodata_end[];
extern char image_data[], image_guard[], image_stack[], image_end[];

/* Code that does nothing but return, its first bytes, and a word between instructions that a write
 * may destroy without harm. */
extern char machine_return[], machine_victim[];
#define MACHINE_RETURN_BYTES 8

enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_EXEC };

/* A fault that a probe met. */
struct fault {
	bool taken;    /* was there one? */
	uintptr_t va;  /* the address, as the CPU reports it */
	uint64_t code; /* the CPU's code of the cause */
};

/* Where the kernel begins: called by the boot code, on the boot tables. */
noreturn void kernel_main(uintptr_t boot_info);

/* Console and exceptions. Called first. */
void machine_init(void);
void machine_console_put(char c);
/* Leave the machine and tell the host whether all went well. */
noreturn void machine_exit(bool ok);

/* Feed the loader's memory map. Copies the command line, cut to @bytes with its final zero. */
enum mm_status machine_memmap(uintptr_t boot_info, struct mm_memmap *map, char *cmdline,
			      size_t bytes);

/* Page tables: the format, what this CPU has of it, use of a tree, and the flush that
 * mm_pt_env asks for. */
const struct mm_pt_port *machine_pt_port(void);
void machine_pt_probe(struct mm_pt_cfg *cfg);
void machine_switch_tables(mm_paddr_t root);
void machine_tlb_flush(const struct mm_tlb_gather *g);

/* Touch an address, and live to tell: reads a byte, writes a zero byte, or calls it. */
struct fault machine_probe(enum access access, const void *va);
/* Run off the end of the stack, as a recursion without end does. */
struct fault machine_probe_overflow(void);
/* The code that this machine gives for a fault of the kernel: on a page that is mapped but forbids
 * the access, or on one that is not mapped. */
uint64_t machine_fault_code(enum access access, bool mapped);
#endif
