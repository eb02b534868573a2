/* SPDX-License-Identifier: MIT */
/* Theory of operation: set up a tree of page tables
 * Problem      a format is data and functions, of a host's own maybe; one that contradicts itself must not be walked by.
 * Structure    what a format says of itself is checked, then what the machine has of it, and what fast paths test is
 *              worked out of both, once. Last comes the root: nothing is to be undone.
 * Concurrency  none: nobody knows the tree yet. */
#include <mmlib/pt.h>
#include "vmm/pt_core.h"

static bool pt_port_ok(const struct mm_pt_port *port)
{
	if (!port->empty || !port->classify || !port->check || !port->leaf || !port->frame ||
	    !port->attr || !port->table || !port->below || !port->pa || !port->transition)
		return false;
	if (port->nlevels < 1 || port->nlevels > MM_PT_LEVELS_MAX || !port->level[0].leaf)
		return false;
	for (unsigned l = 1; l < port->nlevels; l++) {
		const struct mm_pt_level *up = &port->level[l], *low = &port->level[l - 1];
		if (up->shift != low->shift + low->bits || (up->leaf && !low->leaf))
			return false;
	}
	const struct mm_pt_level *top = &port->level[port->nlevels - 1];
	if (port->va_bits <= top->shift || port->va_bits > top->shift + top->bits)
		return false;
	if (port->witness && (port->level[0].bits < 4 || port->entry_lg2 != 3 ||
			      port->witness + port->level[0].bits > 64 ||
			      (mm_shl64(pt_entries(port, 0) - 1, port->witness) & ~port->empty_ignore)))
		return false;
	if (port->address_swapped && port->entry_lg2 != 3)
		return false;
	if ((port->leaf_bits & ~port->leaf_mask) || (port->table_bits & ~port->table_mask))
		return false;
	for (unsigned l = 0; l < port->nlevels; l++)
		if (port->run_lg2[l] > (port->run && port->level[l].leaf ? port->level[l].bits : 0))
			return false;
	return port->entry_lg2 == 2 || port->entry_lg2 == 3;
}

static uint8_t pt_leaf_levels(const struct mm_pt_port *port)
{
	unsigned levels = 0;

	for (unsigned l = 0; l < port->nlevels; l++)
		levels |= port->level[l].leaf ? 1u << l : 0;
	return (uint8_t)levels;
}

/* Levels at which there are runs. */
static uint8_t pt_run_levels(const struct mm_pt *pt)
{
	const struct mm_pt_port *port = pt->port;
	unsigned levels = 0;

	for (unsigned l = 0; l < port->nlevels; l++) {
		uint32_t feature = l == 0 && port->run_feature_0 ? port->run_feature_0 : port->run_feature;
		levels |= port->run_lg2[l] && (pt->cfg.features & feature) ? 1u << l : 0;
	}
	return (uint8_t)(levels & pt->cfg.leaf_levels);
}

/* Put the format's values in place of zeros; refuse what the format does not have. */
static bool pt_cfg_resolve(struct mm_pt *pt)
{
	const struct mm_pt_port *port = pt->port;
	struct mm_pt_cfg *cfg = &pt->cfg;
	uint8_t levels = pt_leaf_levels(port);
	unsigned most = port->pa_bits < MM_PADDR_BITS ? port->pa_bits : MM_PADDR_BITS;

	if (cfg->pa_bits > port->pa_bits || (cfg->leaf_levels & ~levels))
		return false;
	if (!cfg->leaf_levels)
		cfg->leaf_levels = levels;
	if (cfg->leaf_levels & (cfg->leaf_levels + 1u))
		return false; /* bit 0 missing, or a gap */
	if (!cfg->pa_bits || cfg->pa_bits > most)
		cfg->pa_bits = (uint8_t)most;
	if (cfg->pa_bits <= port->level[0].shift)
		return false;
	pt->pa_last = mm_shr64(UINT64_MAX, 64u - cfg->pa_bits);
	pt->runs = pt_run_levels(pt);
	return true;
}

/* The bits of an entry of level 1 that hold the address of a table, which may be shorter than a page. */
static uint64_t pt_table_address(const struct mm_pt *pt)
{
	const size_t bytes = pt_entries(pt->port, 0) << pt->port->entry_lg2;
	const mm_paddr_t highest = (mm_paddr_t)(pt->pa_last & ~(uint64_t)(bytes - 1));

	return pt->port->table(pt, highest, 1) & ~pt->port->table(pt, 0, 1);
}

/* Bits for every entry must not be any that an entry has anyway. */
static bool pt_set_bits_ok(struct mm_pt *pt)
{
	uint64_t set = pt->cfg.set_bits;
	mm_paddr_t highest = (mm_paddr_t)(pt->pa_last & ~pt_mask(pt->port, 0));

	pt->cfg.set_bits = 0;
	uint64_t used =
		pt->port->leaf(pt, highest, 0, MM_PT_READ) | pt->port->table(pt, highest, 1);
	pt->address = pt->port->frame(pt, highest, 0) | pt_table_address(pt);
	pt->cfg.set_bits = set;
	pt->reserved = pt->port->addr_mask & ~pt->address & ~set;
	pt->table_test = pt->port->table_mask | pt->reserved;
	pt->leaf_test = pt->port->leaf_mask | pt->reserved;
	pt->table_own = pt->port->table(pt, 0, 1);
	pt->table_others = ~pt->address;
	return !(set & (used | ~pt->port->addr_mask));
}

/* A first leaf: what those who map compare attributes with were always checked. False: none is possible. */
static bool pt_has_leaf(struct mm_pt *pt)
{
	static const uint32_t tries[] = { MM_PT_READ, MM_PT_READ | MM_PT_EXEC, MM_PT_READ | MM_PT_WRITE, MM_PT_EXEC };

	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
		if (pt->port->check(pt, tries[i]) == MM_OK) {
			pt->leaf_attr = tries[i];
			pt->leaf = pt->port->leaf(pt, 0, 0, tries[i]);
			return true;
		}
	return false;
}

/* With a witness: has each leaf a bit that no empty entry has? Bits that differ by rights and by what is tracked are not
 * all that a leaf has, so few attributes tell. */
static bool pt_leaves_are_told(const struct mm_pt *pt)
{
	const struct mm_pt_port *port = pt->port;
	const uint64_t tells = ~(port->empty(pt, 0) | port->empty_ignore);
	const uint32_t rights = MM_PT_READ | MM_PT_WRITE | MM_PT_EXEC, tried = rights | MM_PT_TRACK;

	for (uint32_t attr = tried; port->witness && attr > 0; attr = (attr - 1) & tried)
		if ((attr & rights) && port->check(pt, attr) == MM_OK && !(port->leaf(pt, 0, 0, attr) & tells))
			return false;
	return true;
}

/* What the port says of how addresses lie in a leaf's frame and in a table's entry: is @pa read back so? */
static bool pt_address_is_plain(const struct mm_pt *pt, mm_paddr_t pa)
{
	const struct mm_pt_port *port = pt->port;

	return !port->address_plain || (pt_plain(port, port->frame(pt, pa, 0)) == pa &&
					pt_plain(port, port->table(pt, pa, 1) & pt->address) == pa);
}

/* Of the highest page and of the second one: the address of one of them may be the same with its bytes swapped. */
static bool pt_addresses_are_plain(const struct mm_pt *pt)
{
	const uint64_t inside = pt_mask(pt->port, 0);

	return pt_address_is_plain(pt, (mm_paddr_t)(pt->pa_last & ~inside)) && pt_address_is_plain(pt, (mm_paddr_t)(inside + 1));
}

static bool env_reaches(const struct mm_pt_env *env)
{
#if MM_PT_WINDOW
	return env->window;
#else
	return env->to_virt;
#endif
}

bool mm_pt_priv_env_ok(const struct mm_pt_env *env)
{
	return env->alloc_table && env->free_table && env_reaches(env) && env->flush;
}

enum mm_status mm_pt_init(struct mm_pt *pt, const struct mm_pt_port *port,
			  const struct mm_pt_env *env, const struct mm_pt_cfg *cfg)
{
	struct mm_pt made = { .port = port, .env = env };

	if (!pt || !port || !env)
		return MM_E_INVAL;
	if (cfg)
		made.cfg = *cfg;
	if (!mm_pt_priv_env_ok(env) || !pt_port_ok(port))
		return MM_E_PORT;
	if (!pt_cfg_resolve(&made) || !pt_set_bits_ok(&made) || !pt_has_leaf(&made) ||
	    !pt_leaves_are_told(&made) || !pt_addresses_are_plain(&made))
		return MM_E_PORT;
	enum mm_status st = mm_pt_priv_table_new(&made, NULL, port->nlevels - 1u, &made.root);
	if (st != MM_OK)
		return st;
	if (port->follows)
		made.table_own = port->empty(&made, 1);
	mm_pt_priv_fill_empty(&made, pt_virt_aside(&made, made.root, port->nlevels - 1u), port->nlevels - 1u);
	made.shortcut = pt_no_shortcut(port);
	*pt = made;
	return MM_OK;
}

enum mm_status mm_pt_moved(struct mm_pt *pt, const struct mm_pt_port *port, const struct mm_pt_env *env)
{
	if (!pt || !port || !env)
		return MM_E_INVAL;
	if (!pt->port)
		return MM_E_STATE;
	if (!mm_pt_priv_env_ok(env))
		return MM_E_PORT;
	if (pt->shares & PT_CLAIMS)
		return MM_E_BUSY;
	pt->port = port;
	pt->env = env;
	pt_forget_near(pt); /* W6: it may be a pointer. A shortcut is an address in memory (W7) */
	return MM_OK;
}
