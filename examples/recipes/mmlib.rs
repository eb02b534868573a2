// SPDX-License-Identifier: MIT
//! Rust's global allocator over a kernel's heap. In a kernel: `#![no_std]`, `extern crate alloc`, and
//! `#[global_allocator] static HEAP: mmlib::Heap = mmlib::Heap;`
use core::alloc::{GlobalAlloc, Layout};

extern "C" {
    fn kernel_alloc(size: usize, align: usize, zero: bool) -> *mut u8;
    fn kernel_realloc(p: *mut u8, old: usize, size: usize, align: usize) -> *mut u8;
    fn kernel_free(p: *mut u8, size: usize, align: usize);
}

pub struct Heap;

// Layouts are never of size 0 here: that is GlobalAlloc's contract.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        kernel_alloc(layout.size(), layout.align(), false)
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        kernel_alloc(layout.size(), layout.align(), true)
    }

    unsafe fn realloc(&self, p: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        kernel_realloc(p, layout.size(), size, layout.align())
    }

    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        kernel_free(p, layout.size(), layout.align())
    }
}
