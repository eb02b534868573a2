// SPDX-License-Identifier: MIT
// What C++ allocates comes from mmlib, is aligned, and comes back.
#include "heap.h"
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <vector>

static unsigned alive;

struct thing {
	std::uint64_t value = 7;
	thing() { alive++; }
	~thing() { alive--; }
};

struct alignas(256) wide {
	unsigned char bytes[300];
};

static void expect(bool cond, const char *what)
{
	std::printf("%s %s\n", cond ? "ok" : "not ok", what);
	if (!cond)
		kernel_panic(what);
}

static void use_all()
{
	std::vector<std::string> words;
	std::map<int, std::unique_ptr<thing>> things;
	wide *w = new wide[3];

	expect(reinterpret_cast<std::uintptr_t>(w) % 256 == 0, "what is aligned by its type is aligned");
	for (int i = 0; i < 2000; i++) {
		words.push_back(std::string(static_cast<std::size_t>(i % 300), 'x'));
		things[i] = std::make_unique<thing>();
	}
	expect(alive == 2000 && kernel_used() > 2000 * sizeof(thing), "containers are in the heap");
	delete[] w;
	thing *array = new thing[100];
	expect(array[99].value == 7, "arrays are constructed");
	delete[] array;
	delete[] new char[0];
	expect(new (std::nothrow) char[std::size_t(1) << 30] == nullptr, "without memory, nothrow gives nullptr");
	delete static_cast<thing *>(nullptr);
}

int main()
{
	std::size_t before = kernel_used();

	use_all();
	expect(alive == 0 && kernel_used() == before, "all of it came back");
}
