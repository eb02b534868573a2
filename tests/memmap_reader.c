/* SPDX-License-Identifier: MIT */
/* Reader of tests/data/memmaps: see memmap_reader.h. */
#include "memmap_reader.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const memmap_files[] = {
	"e820-alienware-15r2-12g.txt",
	"e820-msi-a320m-16g.txt",
	"e820-qemu-q35-16g.txt",
	"srat-epyc-8-node.txt",
	"srat-hip08-4-node.txt",
	"srat-x86-4-socket-hotplug.txt",
	NULL,
};

static const struct {
	const char *text;
	uint32_t e820;
	enum mm_mem_type type;
} type_names[] = {
	{ "usable", 1, MM_MEM_USABLE },
	{ "reserved", 2, MM_MEM_RESERVED },
	{ "ACPI data", 3, MM_MEM_ACPI_RECLAIM },
	{ "ACPI NVS", 4, MM_MEM_ACPI_NVS },
};

static void give_up(const char *name, const char *why)
{
	fprintf(stderr, "%s: %s\n", name, why);
	abort();
}

static bool parse_type(const char *text, struct memmap_line *line)
{
	for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++) {
		if (strcmp(text, type_names[i].text) == 0) {
			line->e820 = type_names[i].e820;
			line->type = type_names[i].type;
			return true;
		}
	}
	line->type = MM_MEM_RESERVED;
	return sscanf(text, "type %" SCNu32, &line->e820) == 1;
}

static bool parse(const char *text, struct memmap_line *line)
{
	const char *mem = strstr(text, "[mem ");
	int used = 0;

	*line = (struct memmap_line){ .node = -1, .pxm = -1 };
	if (!mem ||
	    sscanf(mem, "[mem %" SCNx64 "-%" SCNx64 "] %n", &line->first, &line->last, &used) < 2)
		return false;
	if (sscanf(text, "Node %d PXM %d", &line->node, &line->pxm) != 2)
		return used > 0 && parse_type(mem + used, line);
	line->type = MM_MEM_USABLE;
	line->e820 = 1;
	line->hotplug = strstr(mem, "hotplug") != NULL;
	return true;
}

size_t memmap_read(const char *dir, const char *name, struct memmap_line *out, size_t max)
{
	char path[1024], text[256];
	size_t n = 0;

	snprintf(path, sizeof(path), "%s/memmaps/%s", dir, name);
	FILE *f = fopen(path, "r");
	if (!f)
		give_up(path, "cannot be opened");
	while (fgets(text, sizeof(text), f)) {
		text[strcspn(text, "\r\n")] = '\0';
		if (text[0] == '\0')
			continue;
		if (n == max)
			give_up(path, "more lines than the test has room for");
		if (!parse(text, &out[n++]))
			give_up(path, text);
	}
	fclose(f);
	if (n == 0)
		give_up(path, "no range in it");
	return n;
}
