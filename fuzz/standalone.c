/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target without libFuzzer, for other compilers and for Valgrind:
 *   fuzz_x FILE...       replay these inputs
 *   fuzz_x -runs=N       N random inputs from a fixed seed (default 1000) */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static int replay(const char *path)
{
	static uint8_t buf[1 << 20];
	FILE *f = fopen(path, "rb");

	if (!f) {
		perror(path);
		return 1;
	}
	size_t n = fread(buf, 1, sizeof(buf), f);
	fclose(f);
	return LLVMFuzzerTestOneInput(buf, n);
}

int main(int argc, char **argv)
{
	static uint8_t buf[4096];
	unsigned long runs = 1000;
	uint64_t seed = 0x9e3779b97f4a7c15u;
	int files = 0;

	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "-runs=", 6) == 0)
			runs = strtoul(argv[i] + 6, NULL, 10);
		else if (argv[i][0] != '-' && ++files && replay(argv[i]))
			return 1;
	}
	for (unsigned long r = 0; r < (files ? 0 : runs); r++) {
		size_t n = (size_t)(next_random(&seed) % sizeof(buf));
		for (size_t i = 0; i < n; i++)
			buf[i] = (uint8_t)(next_random(&seed) >> 32);
		LLVMFuzzerTestOneInput(buf, n);
	}
	return 0;
}
