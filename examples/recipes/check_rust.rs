// SPDX-License-Identifier: MIT
//! What Rust allocates comes from mmlib, is aligned, and comes back.
mod mmlib;
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

fn main() {
    expect(true, "it runs"); // standard output has its buffer
    let before = used();
    use_all();
    expect(used() == before, "all of it came back");
}
