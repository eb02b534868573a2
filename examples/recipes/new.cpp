// SPDX-License-Identifier: MIT
// C++'s operators new and delete over a kernel's heap: all that the language calls, without exceptions. What a
// program defines beyond these is not needed. A kernel cannot throw: who can do without memory says
// `new (std::nothrow)`.
#include "heap.h"
#include <new>

static void *allocate(std::size_t size, std::size_t align)
{
	return kernel_alloc(size ? size : 1, align, false);
}

static void *must_allocate(std::size_t size, std::size_t align)
{
	void *p = allocate(size, align);

	if (!p)
		kernel_panic("new: no memory");
	return p;
}

static void release(void *p, std::size_t size, std::size_t align)
{
	kernel_free(p, size ? size : 1, align);
}

static const std::size_t usual = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

void *operator new(std::size_t size)
{
	return must_allocate(size, usual);
}

void *operator new[](std::size_t size)
{
	return must_allocate(size, usual);
}

void *operator new(std::size_t size, std::align_val_t align)
{
	return must_allocate(size, static_cast<std::size_t>(align));
}

void *operator new[](std::size_t size, std::align_val_t align)
{
	return must_allocate(size, static_cast<std::size_t>(align));
}

void *operator new(std::size_t size, const std::nothrow_t &) noexcept
{
	return allocate(size, usual);
}

void *operator new[](std::size_t size, const std::nothrow_t &) noexcept
{
	return allocate(size, usual);
}

void *operator new(std::size_t size, std::align_val_t align, const std::nothrow_t &) noexcept
{
	return allocate(size, static_cast<std::size_t>(align));
}

void *operator new[](std::size_t size, std::align_val_t align, const std::nothrow_t &) noexcept
{
	return allocate(size, static_cast<std::size_t>(align));
}

void operator delete(void *p) noexcept
{
	kernel_free_unsized(p);
}

void operator delete[](void *p) noexcept
{
	kernel_free_unsized(p);
}

void operator delete(void *p, std::align_val_t) noexcept
{
	kernel_free_unsized(p);
}

void operator delete[](void *p, std::align_val_t) noexcept
{
	kernel_free_unsized(p);
}

void operator delete(void *p, std::size_t size) noexcept
{
	release(p, size, usual);
}

void operator delete[](void *p, std::size_t size) noexcept
{
	release(p, size, usual);
}

void operator delete(void *p, std::size_t size, std::align_val_t align) noexcept
{
	release(p, size, static_cast<std::size_t>(align));
}

void operator delete[](void *p, std::size_t size, std::align_val_t align) noexcept
{
	release(p, size, static_cast<std::size_t>(align));
}
