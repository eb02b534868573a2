/* SPDX-License-Identifier: MIT */
/* Names that files of the library share, as the linker sees them. A kernel may have a cache_init() or
 * a slab_find() of its own, and two of a name do not link, or worse, one takes the other's place.
 * tools/check_matrix.sh tells of a name that is missing here. */
#ifndef MM_SRC_NAMES_H
#define MM_SRC_NAMES_H
#define buddy_any_free       mm_priv_buddy_any_free
#define buddy_claim          mm_priv_buddy_claim
#define buddy_give           mm_priv_buddy_give
#define buddy_give_bulk      mm_priv_buddy_give_bulk
#define buddy_insist         mm_priv_buddy_insist
#define buddy_next_block     mm_priv_buddy_next_block
#define buddy_take_bulk      mm_priv_buddy_take_bulk
#define cache_alloc_slow     mm_priv_cache_alloc_slow
#define cache_init           mm_priv_cache_init
#define heap_free_page       mm_priv_heap_free_page
#define heap_no_magazine     mm_priv_heap_no_magazine
#define kmalloc_class_size   mm_priv_kmalloc_class_size
#define magazine_alloc       mm_priv_magazine_alloc
#define magazine_count       mm_priv_magazine_count
#define magazine_flush_cpu   mm_priv_magazine_flush_cpu
#define magazine_flush_depot mm_priv_magazine_flush_depot
#define magazine_release     mm_priv_magazine_release
#define pmm_alloc_as         mm_priv_pmm_alloc_as
#define pmm_any_at_hand      mm_priv_pmm_any_at_hand
#define pmm_byte             mm_priv_pmm_byte
#define pmm_check_at         mm_priv_pmm_check_at
#define pmm_check_flags      mm_priv_pmm_check_flags
#define pmm_claim            mm_priv_pmm_claim
#define pmm_close_hands      mm_priv_pmm_close_hands
#define pmm_cpu_any_of       mm_priv_pmm_cpu_any_of
#define pmm_cpu_detach_all   mm_priv_pmm_cpu_detach_all
#define pmm_cpu_drain        mm_priv_pmm_cpu_drain
#define pmm_cpu_empty_all    mm_priv_pmm_cpu_empty_all
#define pmm_cpu_frames       mm_priv_pmm_cpu_frames
#define pmm_cpu_pop          mm_priv_pmm_cpu_pop
#define pmm_cpu_push         mm_priv_pmm_cpu_push
#define pmm_cpu_verify       mm_priv_pmm_cpu_verify
#define pmm_find             mm_priv_pmm_find
#define pmm_find_pa          mm_priv_pmm_find_pa
#define pmm_find_virt        mm_priv_pmm_find_virt
#define pmm_free_as          mm_priv_pmm_free_as
#define pmm_from_hands       mm_priv_pmm_from_hands
#define pmm_hands_serve      mm_priv_pmm_hands_serve
#define pmm_refuse           mm_priv_pmm_refuse
#define pmm_request_drain    mm_priv_pmm_request_drain
#define pmm_side_get         mm_priv_pmm_side_get
#define pmm_side_put         mm_priv_pmm_side_put
#define pmm_sides            mm_priv_pmm_sides
#define pmm_sort_virt        mm_priv_pmm_sort_virt
#define pmm_to_buddy         mm_priv_pmm_to_buddy
#define pmm_to_buddy_range   mm_priv_pmm_to_buddy_range
#define pmm_zero             mm_priv_pmm_zero
#define slab_find            mm_priv_slab_find
#define slab_look            mm_priv_slab_look
#define slab_put             mm_priv_slab_put
#define slab_release         mm_priv_slab_release
#define slab_retire          mm_priv_slab_retire
#define slab_take            mm_priv_slab_take
#define zone_admits          mm_priv_zone_admits
#define zone_allows          mm_priv_zone_allows
#define zone_at              mm_priv_zone_at
#define zone_best            mm_priv_zone_best
#define zone_build           mm_priv_zone_build
#define zone_bytes           mm_priv_zone_bytes
#define zone_cfg_of          mm_priv_zone_cfg_of
#define zone_cfg_ok          mm_priv_zone_cfg_ok
#define zone_holds           mm_priv_zone_holds
#define zone_link            mm_priv_zone_link
#define zone_of_node         mm_priv_zone_of_node
#define zone_plan            mm_priv_zone_plan
#define zone_refills         mm_priv_zone_refills
#define zone_surplus         mm_priv_zone_surplus
#define zone_walk_next       mm_priv_zone_walk_next
#define zone_walk_start      mm_priv_zone_walk_start
#define zone_want            mm_priv_zone_want
#define zone_watch           mm_priv_zone_watch
#endif
