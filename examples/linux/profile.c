/* SPDX-License-Identifier: MIT */
/* A plugin of QEMU that counts how often each instruction of the kernel runs in mmlib's part of each
 * figure. Not part of the module; scripts/linux.sh --profile compiles it for the host.
 *
 * Theory of operation
 * Structure    a slot for each address of an instruction that QEMU has translated, with a counter that
 *              translated code adds to. measure.c marks begin and end of a part by a NOP whose operand
 *              is the number of the figure. At the end of a part what each counter has grown by is
 *              printed: "FIGURE ADDRESS COUNT".
 * API          version 1 of QEMU's plugins (QEMU 7.2, docs/devel/tcg-plugins). Debian has no package
 *              with its header: what is used of it is declared here. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { OP_ADD_U64 = 0, CB_NO_REGS = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*cb)(uint64_t id, struct qemu_plugin_tb *tb));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*cb)(unsigned cpu, void *data), int flags,
					    void *data);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op,
						void *counter, uint64_t by);
void qemu_plugin_outs(const char *text);

int qemu_plugin_version = 1;
int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

#define SLOTS (1u << 22)

static struct slot {
	uint64_t address, count, start;
} slots[SLOTS];

static struct slot *slot_of(uint64_t address)
{
	size_t i = (address * UINT64_C(0x9e3779b97f4a7c15)) >> 42;

	while (slots[i].address && slots[i].address != address)
		i = (i + 1) % SLOTS;
	slots[i].address = address;
	return &slots[i];
}

static void part_ends(uint32_t figure)
{
	char line[80];

	for (struct slot *s = slots; s < slots + SLOTS; s++) {
		if (s->count == s->start)
			continue;
		snprintf(line, sizeof(line), "%" PRIu32 " %016" PRIx64 " %" PRIu64 "\n", figure,
			 s->address, s->count - s->start);
		qemu_plugin_outs(line);
	}
}

static void mark(unsigned cpu, void *data)
{
	uint32_t number = (uint32_t)(uintptr_t)data;

	(void)cpu;
	if (!(number & 1))
		part_ends(number / 2);
	for (struct slot *s = slots; s < slots + SLOTS; s++)
		s->start = s->count;
}

/* nopl disp32(%rax), the upper half of the operand "mm": its lower half. */
static int is_mark(const struct qemu_plugin_insn *insn, uint32_t *number)
{
	static const uint8_t nopl[] = { 0x0f, 0x1f, 0x80 };
	const uint8_t *code = qemu_plugin_insn_data(insn);

	if (qemu_plugin_insn_size(insn) != 7 || memcmp(code, nopl, sizeof(nopl)) != 0 ||
	    code[5] != 'm' || code[6] != 'm')
		return 0;
	*number = code[3] | (uint32_t)code[4] << 8;
	return 1;
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	uint32_t number;

	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t address = qemu_plugin_insn_vaddr(insn);

		if (!(address >> 63)) /* not the kernel's */
			continue;
		if (is_mark(insn, &number))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, mark, CB_NO_REGS,
							       (void *)(uintptr_t)number);
		else
			qemu_plugin_register_vcpu_insn_exec_inline(insn, OP_ADD_U64,
								   &slot_of(address)->count, 1);
	}
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	(void)info;
	(void)argc;
	(void)argv;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
