// SPDX-License-Identifier: MIT
//! What Rust allocates comes from mmlib, is aligned, and comes back.
mod mmlib;
use std::alloc::{alloc, dealloc, Layout};
use std::collections::BTreeMap;

#[global_allocator]
static HEAP: mmlib::Heap = mmlib::Heap;

extern "C" {
    fn kernel_used() -> usize;
}

#[repr(align(512))]
struct Wide([u8; 700]);

fn expect(cond: bool, what: &str) {
    println!("{} {}", if cond { "ok" } else { "not ok" }, what);
    assert!(cond);
}

fn used() -> usize {
    unsafe { kernel_used() }
}

fn use_all() {
    let before = used();
    let mut words = Vec::new();
    let mut map = BTreeMap::new();
    for i in 0..3000usize {
        words.push("x".repeat(i % 200));
        map.insert(i, Box::new(i * 3));
    }
    expect(used() > before + 3000 * 16, "collections are in the heap");
    expect((0..3000).all(|i| words[i].len() == i % 200 && *map[&i] == i * 3), "and keep what is in them");
    let wide: Vec<Box<Wide>> = (0..20).map(|i| Box::new(Wide([i; 700]))).collect();
    expect(wide.iter().all(|w| &**w as *const Wide as usize % 512 == 0), "what is aligned by its type is aligned");
    let mut row: Vec<Wide> = Vec::new();
    for i in 0..40 {
        row.push(Wide([i; 700])); // grows where it is aligned
    }
    expect((0..40).all(|i| row[i].0[699] == i as u8), "memory that grows keeps its contents");
    expect(vec![0u64; 5000].iter().all(|&v| v == 0), "zeroed memory is zero");
    words.shrink_to_fit();
    let mut huge: Vec<u8> = Vec::new();
    expect(huge.try_reserve_exact(1 << 30).is_err(), "without memory, try_reserve fails");
}

/// Blocks that are linked, each with its size.
type Block = *mut (usize, usize);

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 16).unwrap()
}

fn use_up() -> Block {
    let mut list: Block = std::ptr::null_mut();
    for size in [1 << 20, 4096, 256, 16] {
        loop {
            let block = unsafe { alloc(layout(size)) } as Block;
            if block.is_null() {
                break;
            }
            unsafe { *block = (list as usize, size) };
            list = block;
        }
    }
    list
}

fn give_back(mut list: Block) {
    while !list.is_null() {
        let (next, size) = unsafe { *list };
        unsafe { dealloc(list as *mut u8, layout(size)) };
        list = next as Block;
    }
}

/// What is to shrink stays where it is if there is nowhere to go.
fn shrink_without_memory() {
    let mut big: Vec<u8> = Vec::with_capacity(5000);
    big.push(7);
    let all = use_up();
    big.shrink_to_fit();
    let kept = big[0];
    drop(big);
    give_back(all);
    expect(kept == 7, "without memory, what shrinks stays, and is freed");
}

fn main() {
    expect(true, "it runs"); // standard output has its buffer
    let before = used();
    use_all();
    shrink_without_memory();
    expect(used() == before, "all of it came back");
}
