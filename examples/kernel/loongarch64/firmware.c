/* SPDX-License-Identifier: MIT */
/* What QEMU tells by its fw_cfg device: a selector, and bytes that follow each other. Integers of its items are
 * little-endian, those of the list of files are not; nor is the selector. */
#include "../kernel.h"
#include "cpu.h"

enum { FW_CFG = 0x1e020000, FW_SELECT = 8 };
enum { ITEM_RAM = 3, ITEM_CPUS = 5, ITEM_FILES = 0x19 };
enum { NAME_BYTES = 56 };

static void item(uint16_t number)
{
	*(volatile uint16_t *)(MACHINE_REGISTERS + FW_CFG + FW_SELECT) = __builtin_bswap16(number);
}

static uint8_t byte(void)
{
	return *(volatile uint8_t *)(MACHINE_REGISTERS + FW_CFG);
}

static uint64_t little(unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)byte() << 8 * i;
	return value;
}

static uint32_t big(unsigned bytes)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value = value << 8 | byte();
	return value;
}

uint64_t firmware_ram(void)
{
	item(ITEM_RAM);
	return little(8);
}

uint32_t firmware_cpus(void)
{
	item(ITEM_CPUS);
	return (uint32_t)little(2);
}

/* The file opt/words (run.sh), cut to @bytes with its final zero. */
void firmware_words(char *words, uint64_t bytes)
{
	static const char wanted[] = "opt/words";
	uint32_t found = 0, select = 0;

	item(ITEM_FILES);
	for (uint32_t n = big(4); n > 0; n--) {
		const uint32_t size = big(4), number = big(2);
		char name[NAME_BYTES];

		(void)big(2);
		for (unsigned i = 0; i < NAME_BYTES; i++)
			name[i] = (char)byte();
		if (__builtin_memcmp(name, wanted, sizeof(wanted)) == 0) {
			found = size;
			select = number;
		}
	}
	if (found >= bytes)
		found = (uint32_t)bytes - 1;
	item((uint16_t)select);
	for (uint32_t i = 0; i < found; i++)
		words[i] = (char)byte();
	words[found] = '\0';
}
