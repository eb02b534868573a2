/* SPDX-License-Identifier: MIT */
/* What is below the kernel: hypervisor calls (PAPR+), Open Firmware's client interface (IEEE 1275), RTAS.
 *
 * Theory of operation
 * Structure    all three are calls of the hypervisor, which QEMU is. With QEMU's machine option x-vof the client
 *              interface is one, too, and so is RTAS; neither needs code of firmware in memory.
 * Arguments    of the latter two are 32-bit cells in memory, and pointers among them: they lead to the image, and to
 *              stacks, by real addresses, which real_address() tells. */
#include "../kernel.h"
#include "cpu.h"

enum { H_PUT_TERM_CHAR = 0x58, H_RTAS = 0xf000, H_CLIENT = 0xf005 };
enum { CLIENT_CELLS = 6, RTAS_CELLS = 8, TERM_BYTES = 16 };

int64_t hcall(uint64_t function, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t *out)
{
	register uint64_t r3 __asm__("r3") = function;
	register uint64_t r4 __asm__("r4") = a;
	register uint64_t r5 __asm__("r5") = b;
	register uint64_t r6 __asm__("r6") = c;
	register uint64_t r7 __asm__("r7") = d;

	__asm__ volatile("sc 1"
			 : "+r"(r3), "+r"(r4), "+r"(r5), "+r"(r6), "+r"(r7)
			 :
			 : "r0", "r8", "r9", "r10", "r11", "r12", "ctr", "xer", "cr0", "cr1", "cr5", "cr6", "cr7",
			   "memory");
	if (out)
		*out = r4;
	return (int64_t)r3;
}

static uint32_t real_address(const void *p)
{
	return (uint32_t)(uintptr_t)p;
}

/* A service with up to four arguments and one answer. */
static uint32_t client(const char *service, const uint32_t in[4], uint32_t count)
{
	struct {
		uint32_t service, in, out, cells[CLIENT_CELLS];
	} call = { real_address(service), count, 1, { 0 } };

	for (uint32_t i = 0; i < count; i++)
		call.cells[i] = in[i];
	if (hcall(H_CLIENT, (uintptr_t)&call, 0, 0, 0, NULL) != H_OK)
		return UINT32_MAX;
	return call.cells[count];
}

size_t firmware_property(const char *path, const char *name, void *to, size_t bytes)
{
	const uint32_t node = client("finddevice", (const uint32_t[4]){ real_address(path) }, 1);
	const uint32_t in[4] = { node, real_address(name), real_address(to), (uint32_t)bytes };
	const uint32_t length = node == UINT32_MAX ? node : client("getprop", in, 4);

	if (length == UINT32_MAX)
		return 0;
	return length < bytes ? length : bytes;
}

int32_t rtas(const char *name, const uint32_t in[3], uint32_t count, uint32_t *out)
{
	struct {
		uint32_t token, in, out, cells[RTAS_CELLS];
	} call = { 0, count, out ? 2 : 1, { 0 } };

	if (firmware_property("/rtas", name, &call.token, sizeof(call.token)) != sizeof(call.token))
		return -1;
	for (uint32_t i = 0; i < count; i++)
		call.cells[i] = in[i];
	if (hcall(H_RTAS, (uintptr_t)&call, 0, 0, 0, NULL) != H_OK)
		return -1;
	if (out)
		*out = call.cells[count + 1];
	return (int32_t)call.cells[count];
}

/* Up to sixteen characters in two registers: a line is as few calls as may be. Terminal 0 is the first. */
void machine_console_put(char c)
{
	static uint64_t text[2];
	static uint32_t length;

	text[length / 8] |= (uint64_t)(uint8_t)c << (56 - length % 8 * 8);
	if (++length < TERM_BYTES && c != '\n')
		return;
	while (hcall(H_PUT_TERM_CHAR, 0, length, text[0], text[1], NULL) > H_OK)
		; /* busy */
	text[0] = text[1] = length = 0;
}
