# SPDX-License-Identifier: MIT
"""What mmlib knows of memory, in gdb: of a kernel that is stopped, or of its core.

    (gdb) source tools/gdb/mmlib.py
    (gdb) mmlib zones [PMM]             free blocks by order, counted in the bitmaps; what CPUs have at hand
    (gdb) mmlib frame ADDRESS [PMM]     what a frame is, and who has it; a physical address
    (gdb) mmlib caches [HEAP]           caches: objects used, in magazines, in slabs
    (gdb) mmlib object POINTER [HEAP]   cache, slab, index; used, in a magazine or home; guarded ones, too
    (gdb) mmlib pt ADDRESS [TREE [PMM]] entries of page tables on the way to a virtual address

PMM, HEAP and TREE are expressions; without one, the only variable of that type. The program needs debug
information (-g) for mmlib's types. Memory is read, never called: nothing has to work any more. Options that
types do not tell (log2 of a frame's bytes) are in the linker's names of functions: MM_TAGGED of
mmlib/version.h. What others change meanwhile may be seen half done, as the library's own reports see it."""
import functools
import re

import gdb

# Frame bytes: src/pmm/frame.h.
FREE, META, HEAD, MOVABLE, LARGE, SLAB, ORDERS = 0x00, 0x05, 0x10, 0x30, 0x50, 0x70, 32
FRAME_IS = {
    0x00: 'free', 0x01: 'a hole, not RAM', 0x02: 'bad', 0x03: 'a device', 0x04: 'a page table',
    0x05: 'metadata of mmlib', 0x06: 'held back at boot: mm_pmm_release() may give it',
    0x07: 'free, but withheld: its pageblock is isolated', 0x08: 'claimed from a CMA area', 0x09: 'offline',
}
HANDS, HAND_AWAY = 11, 10  # of struct mm_page_cpu
OBJECT_USED = 1
OBJECT_OWN = 2
OBJECT_RETURNING = 3
OBJECT_RETURNED = 4
GUARD_FREE, GUARD_USED = 0, 2  # phases of src/slab/guard.c: an object is there from the last one on


# ---- the program: values, memory, configuration

def integer(value):
    """A number or an address."""
    if value.type.code == gdb.TYPE_CODE_FUNC:
        value = value.address
    if value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
        value = value.cast(gdb.lookup_type('unsigned long'))
    return int(value)


@functools.cache
def fields(kind):
    """Names of the members of a structure."""
    return {f.name for f in gdb.lookup_type(f'struct {kind}').fields()}


def read(at, size):
    return bytes(gdb.selected_inferior().read_memory(at, size)) if size else b''


@functools.cache
def byte_order():
    return 'big' if 'big endian' in gdb.execute('show endian', to_string=True) else 'little'


def read_word(at, size):
    return int.from_bytes(read(at, size), byte_order())


@functools.cache
def pointer_size():
    return gdb.lookup_type('void').pointer().sizeof


def read_words(at, count, size):
    data, order = read(at, count * size), byte_order()
    return [int.from_bytes(data[i:i + size], order) for i in range(0, len(data), size)]


def text(value):
    return value.string(errors='replace') if integer(value) else '-'


@functools.cache
def frame_shift():
    """log2 of the bytes in a frame: from the names that the linker has for functions which set things up."""
    match = re.search(r'\.frame(\d+)\.', gdb.execute(r'info functions -q -n ^mm_pmm_.*[.]frame[0-9]', to_string=True))
    if not match:
        raise gdb.GdbError('mmlib: no function of mmlib is here; is it stripped?')
    return int(match.group(1))


@functools.cache
def variables():
    """(type, name) of the variables that are structures of mmlib. One search: it takes a second."""
    found, file = [], None
    for line in gdb.execute('info variables -q -n -t ^struct.mm_[a-z]*$', to_string=True).splitlines():
        match = re.search(r'struct (mm_\w+) (\w+);', line)
        if line.startswith('File '):
            file = line[5:].rstrip(':')
        elif match:
            found.append((match.group(1), f"'{file}'::{match.group(2)}"))
    return found


def instance(words, kind):
    """The structure that an expression names; without one the only variable of this kind."""
    if words:
        value = gdb.parse_and_eval(' '.join(words))
        if value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
            value = value.dereference()
        if value.type.strip_typedefs().name != kind:
            raise gdb.GdbError(f'mmlib: that is no struct {kind}')
        return value
    found = [name for its, name in variables() if its == kind]
    if len(found) != 1:
        raise gdb.GdbError(f'mmlib: which struct {kind}? ' + (', '.join(found) or 'Name one: no variable is one'))
    return gdb.parse_and_eval(found[0])


# ---- the buddy: src/buddy/buddy.h

class Buddy:
    """Words of one struct mm_buddy."""

    def __init__(self, value):
        self.value = value
        self.base, self.frames = int(value['base']), int(value['frames'])
        self.size = gdb.lookup_type('mm_word_t').sizeof
        self.w = self.size * 8
        self.f = self.w.bit_length() - 1
        self.sections = 'filled' in fields('mm_buddy') and integer(value['filled'])
        self.start = int(value['origin']) if 'origin' in fields('mm_buddy') else self.base
        self.nlevels = int(value['nlevels']) if self.frames else 0

    def index(self, level, pfn):
        shift = self.f * (level + 1)
        return (pfn >> shift) - (self.start >> shift)

    def filled(self, pfn):
        """Are the words of level 0, and the frame bytes, of this frame's section there yet?"""
        if not self.sections:
            return True
        word = read_word(self.sections + self.index(2, pfn) * self.size, self.size)
        return bool(word >> ((pfn >> (2 * self.f)) & (self.w - 1)) & 1)

    def words(self, level):
        count = self.index(level, self.base + self.frames - 1) + 1
        words = read_words(integer(self.value['level'][level]['words']), count, self.size)
        if level == 0 and self.sections:  # a section has w words
            first = self.start >> self.f
            there = {}
            for i in range(count):
                section = (first + i) >> self.f
                if section not in there:
                    there[section] = self.filled((first + i) << self.f)
                if not there[section]:
                    words[i] = 0
        return words

    def blocks(self):
        """Free blocks by order: largest aligned runs of bits inside a word."""
        out = {}
        for level in range(self.nlevels):
            for word in filter(None, self.words(level)):
                runs = word
                for run in range(self.f + 1):
                    above = self.runs_above(runs, run) if run < self.f else 0
                    n = bin(runs).count('1') - 2 * bin(above).count('1')
                    if n:
                        order = self.f * level + run
                        out[order] = out.get(order, 0) + n
                    runs = above
        return out

    def runs_above(self, runs, run):
        """Lowest bits of the free aligned runs of 2^(run + 1) bits; `runs` are those of 2^run bits."""
        aligned = ((1 << self.w) - 1) // ((1 << (2 << run)) - 1)
        return runs & (runs >> (1 << run)) & aligned

    def free_order(self, pfn):
        """Order of the free block around a frame, or None."""
        if not self.base <= pfn < self.base + self.frames:
            return None
        for level in range(self.nlevels):
            if level == 0 and not self.filled(pfn):
                continue
            at = integer(self.value['level'][level]['words']) + self.index(level, pfn) * self.size
            word, bit = read_word(at, self.size), (pfn >> (self.f * level)) & (self.w - 1)
            if not word >> bit & 1:
                continue
            run = 0
            while run < self.f:
                n = 2 << run
                mask = ((1 << n) - 1) << (bit & ~(n - 1))
                if word & mask != mask:
                    break
                run += 1
            return self.f * level + run
        return None


# ---- page frames: src/pmm/

class Pmm:
    """One struct mm_pmm."""

    def __init__(self, value):
        self.value, self.shift = value, frame_shift()
        if not integer(value['port']):
            raise gdb.GdbError('mmlib: this struct mm_pmm is not set up')
        self.ranges = [value['ranges'][i] for i in range(int(value['nranges']))]
        self.zones = [value['zones'][i] for i in range(int(value['nzones']))]
        self.bottom = self.bottoms()
        self.cpus = [value['cpus'][i] for i in range(int(value['ncpus']))]
        if integer(value['movable_cpus']):
            self.cpus += [value['movable_cpus'][i] for i in range(int(value['ncpus']))]

    @staticmethod
    def bottoms():
        """Where each hand begins in struct mm_page_cpu's blocks: cpu_bottom[] of src/pmm/pmm_cpu.c."""
        symbol = gdb.lookup_static_symbol('cpu_bottom')
        if symbol is None:
            raise gdb.GdbError('mmlib: src/pmm/pmm_cpu.c has no debug information')
        return [int(symbol.value()[i]) for i in range(HANDS + 1)]

    def cpu_name(self, i):
        n = int(self.value['ncpus'])
        return f'CPU {i % n}' + (' (movable)' if i >= n else '')

    def hands(self, cpu):
        """What a CPU has at hand: (order, first frames as offsets)."""
        for h in range(HANDS):
            top = int(cpu['hand'][h]['top'])
            yield (0 if h == HAND_AWAY else h,
                   [int(cpu['blocks'][i]) for i in range(self.bottom[h], top)])

    def at_hand(self, zone):
        """Blocks at hand on CPUs, of a zone, by order."""
        out = {}
        for cpu in self.cpus:
            if int(cpu['zone']) == zone:
                for order, blocks in self.hands(cpu):
                    out[order] = out.get(order, 0) + len(blocks)
        return out

    def buddies(self, r):
        yield r['buddy']
        if 'mobility' in fields('mm_range') and integer(r['mobility']):
            for c in range(2):
                yield r['mobility']['of'][c]

    def cmas(self):
        cma = self.value['cmas']
        while integer(cma):
            yield cma
            cma = cma['next']

    def blocks(self, zone):
        """Free blocks of a zone by order, as the bitmaps have them."""
        found = [b for r in self.ranges if int(r['zone']) == zone for b in self.buddies(r)]
        found += [c['buddy'] for c in self.cmas() if int(self.find(int(c['first']))['zone']) == zone]
        out = {}
        for value in found:
            for order, n in Buddy(value).blocks().items():
                out[order] = out.get(order, 0) + n
        return out

    def find(self, pfn):
        for r in self.ranges:
            if int(r['first']) <= pfn <= int(r['last']):
                return r
        return None

    def find_virt(self, at):
        """Range and frame of a pointer."""
        for r in self.ranges:
            first, virt = int(r['first']), integer(r['virt'])
            if virt and virt <= at < virt + ((int(r['last']) - first + 1) << self.shift):
                return r, first + ((at - virt) >> self.shift)
        return None, 0

    def virt(self, pa):
        """Pointer to a physical address, or None."""
        r = self.find(pa >> self.shift)
        if r is None or not integer(r['virt']):
            return None
        return integer(r['virt']) + pa - (int(r['first']) << self.shift)

    def byte(self, r, pfn):
        if not Buddy(r['buddy']).filled(pfn):
            return FREE
        return read_word(integer(r['bytes']) + pfn - int(r['first']), 1)

    def head(self, r, pfn):
        """Head of the allocated block that a frame is the tail of, or None."""
        for order in range(1, ORDERS):
            at = pfn >> order << order
            if at < int(r['first']):
                return None
            byte = self.byte(r, at)
            if HEAD <= byte < SLAB and (byte - HEAD) % ORDERS >= order:
                return at
        return None

    def zone_name(self, z):
        zone = self.zones[z]
        return f"zone {text(zone['cfg']['name'])} of node {int(zone['node'])}"

    def holder_of_free(self, r, pfn):
        """Where a free frame is."""
        names = ['in the buddy', "in the buddy of reclaimable frames", 'in the buddy of movable frames']
        found = list(zip(names, self.buddies(r))) + [('in a CMA area', c['buddy']) for c in self.cmas()]
        for name, value in found:
            order = Buddy(value).free_order(pfn)
            if order is not None:
                return f'{name}, in a block of order {order} at {pfn >> order << order << self.shift:#x}'
        for i, cpu in enumerate(self.cpus):
            if not integer(cpu['range']) or int(cpu['range']['first']) != int(r['first']):
                continue
            for order, blocks in self.hands(cpu):
                for at in blocks:
                    if 0 <= pfn - int(r['first']) - at < 1 << order:
                        return f'at hand on {self.cpu_name(i)}, in a block of order {order}'
        return 'nowhere: on its way, or lost'


def mmlib_zones(words):
    """Free blocks by order for each zone and node, as the bitmaps have them; what CPUs have at hand."""
    pmm = Pmm(instance(words, 'mm_pmm'))
    rows, free = [], {}
    for z, zone in enumerate(pmm.zones):
        if int(zone['total']) == 0:
            continue
        free[z] = pmm.blocks(z)
        frames = sum(n << order for order, n in free[z].items())
        hand = sum(n << order for order, n in pmm.at_hand(z).items())
        total, reserved, cfg = int(zone['total']), int(zone['reserved']), zone['cfg']
        rows.append([text(cfg['name']), int(zone['node']), total, total - reserved - frames - hand, reserved,
                     frames, hand, int(cfg['min']), int(cfg['low']), int(cfg['high'])])
        if frames != int(zone['free']):
            print(f"{pmm.zone_name(z)}: its counter says {int(zone['free'])} frames are free, "
                  f"its bitmaps {frames}: it is damaged, or in the middle of a call")
    print('zone             node      total       used   reserved  in buddy  at hand      min      low     high')
    for name, *n in rows:
        print(f'{name:<16} {n[0]:>4} {n[1]:>10} {n[2]:>10} {n[3]:>10} {n[4]:>9} {n[5]:>8} {n[6]:>8} {n[7]:>8} {n[8]:>8}')
    print('\nfree blocks      node  ' + ' '.join(f'{order:>7}' for order in range(top_order(free))))
    for z, blocks in free.items():
        print(f"{text(pmm.zones[z]['cfg']['name']):<16} {int(pmm.zones[z]['node']):>4}  " +
              ' '.join(f'{blocks.get(order, 0):>7}' for order in range(top_order(free))))


def top_order(free):
    return max((order + 1 for blocks in free.values() for order in blocks), default=1)


def mmlib_frame(words):
    """What the frame at a physical address is, and who has it."""
    if not words:
        raise gdb.GdbError('mmlib frame ADDRESS [PMM]')
    pmm = Pmm(instance(words[1:], 'mm_pmm'))
    pfn = integer(gdb.parse_and_eval(words[0])) >> pmm.shift
    r = pmm.find(pfn)
    if r is None:
        print(f'{pfn << pmm.shift:#x}: in no range')
        return
    byte, where = pmm.byte(r, pfn), f"{pfn << pmm.shift:#x}, {pmm.zone_name(int(r['zone']))}: "
    if byte == FREE:
        head = pmm.head(r, pfn)
        if head is None:
            print(where + 'free, ' + pmm.holder_of_free(r, pfn))
            return
        where += f'frame {pfn - head} of the block at {head << pmm.shift:#x}, '
        byte = pmm.byte(r, head)
    print(where + frame_is(pmm, r, pfn, byte))


def frame_is(pmm, r, pfn, byte):
    """What a byte, not that of a free frame, says."""
    if byte >= SLAB:
        slab = slab_of(pmm, r, pfn)
        if slab is None:
            return f'objects, byte {byte:#x}, in no slab'
        return f"objects of cache {text(slab['cache']['name'])} ({int(slab['cache']['size'])} bytes each)"
    if byte < HEAD:
        return FRAME_IS.get(byte, f'unknown: byte {byte:#x}')
    order = (byte - HEAD) % ORDERS
    kind = 'a large block of a heap' if byte >= LARGE else 'in use, movable' if byte >= MOVABLE else 'in use'
    return f'{kind}, order {order}'


# ---- the heap: src/slab/

def slab_of(pmm, r, pfn):
    """Slab of a frame, or None."""
    size = pointer_size()
    per_table = (1 << pmm.shift) // size
    if not integer(r['side']):
        return None
    frame = pfn - int(r['first']) // per_table * per_table
    place = read_word(integer(r['side']) + frame // per_table * size, size)
    at = read_word((place - 1 + frame * size) % (1 << 8 * size), size) if place else 0  # S9 of src/slab/slab.c
    slab = gdb.Value(at).cast(gdb.lookup_type('struct mm_slab').pointer()).dereference() if at else None
    return slab if at and integer(slab['base']) else None


class Heap:
    """One struct mm_heap."""

    def __init__(self, value):
        self.value = value
        if not integer(value['pmm']):
            raise gdb.GdbError('mmlib: this struct mm_heap is not set up')
        self.pmm = Pmm(value['pmm'].dereference())
        slot = gdb.lookup_type('struct mm_slot')
        self.slots = 64 if pointer_size() == 8 else 32  # MM_MAGAZINE_SLOTS of src/slab/fast.h
        self.slot_size = slot.sizeof
        none = gdb.lookup_symbol('mm_priv_heap_no_magazine')[0] or gdb.lookup_global_symbol('mm_priv_heap_no_magazine')
        self.none = integer(none.value().address) + self.slots * self.slot_size if none else 0
        self.cpus = [value['cpus'][i] for i in range(int(value['ncpus']))]

    def caches(self):
        for i in range(self.value['caches'].type.range()[1] + 1):
            if integer(self.value['caches'][i]['heap']):
                yield self.value['caches'][i]

    def objects(self, cache, top):
        """Pointers in the magazine of a top."""
        if not top or top == self.none:
            return []
        size = self.slots * self.slot_size
        first = ((top - 1) & ~(size - 1)) + size - int(cache['capacity']) * self.slot_size
        return read_words(first, (top - first) // pointer_size(), pointer_size())[::self.slot_size // pointer_size()]

    def parts(self, cache):
        """A cache's part for each node; the cache itself is that of node 0."""
        yield cache
        if 'parts' in fields('mm_heap') and integer(self.value['parts']):
            for node in range(1, int(self.pmm.value['nnodes'])):
                yield self.value['parts'][node - 1][int(cache['id'])]

    def magazines(self, cache):
        """(whose, objects) of each magazine of a cache."""
        for i, cpu in enumerate(self.cpus):
            for place in ('top', 'spare') if int(cpu['online']) else ():
                yield f'CPU {i}', self.objects(cache, integer(cpu[place][int(cache['id'])]))
        for part in self.parts(cache):
            at, left = integer(part['full']), int(part['nfull'])
            while at and left:  # slot 0 of each links them
                yield 'the depot', self.objects(cache, at + self.slots * self.slot_size)
                at, left = read_word(at, pointer_size()), left - 1


class Guard:
    """The pool of guarded objects of a heap: src/slab/guard.c."""

    def __init__(self, heap):
        self.pool = heap.value['guard'].dereference() if integer(heap.value['guard']) else None

    def slot(self, i):
        """Slab and what is noted of slot i."""
        slab, slot = gdb.lookup_type('struct mm_slab'), gdb.lookup_type('struct guard_slot')
        head = slab.sizeof + pointer_size()  # the states of a slab with one object
        at = integer(self.pool['base']) + self.pool.type.sizeof + i * (head + slot.sizeof)
        return (gdb.Value(at).cast(slab.pointer()).dereference(),
                gdb.Value(at + head).cast(slot.pointer()).dereference())

    def count(self, cache):
        """Objects of a cache, be they such that wait."""
        slots = map(self.slot, range(int(self.pool['nslots']))) if self.pool else ()
        return sum(int(slot['phase']) >= GUARD_USED and integer(slab['cache']) == integer(cache.address)
                   for slab, slot in slots)

    def number(self, at):
        """Number of the slot whose pages an address is in, or None; False: it is not in the pool."""
        if self.pool is None or not 0 <= at - integer(self.pool['base']) < int(self.pool['bytes']):
            return False
        for i in range(int(self.pool['nslots'])):
            if 0 <= at - integer(self.slot(i)[1]['page']) < int(self.pool['slot_bytes']):
                return i
        return None

    def tell(self, at, i):
        if i is None:
            print(f'{at:#x}: in the pool of guarded objects, but in no object\'s pages')
            return
        slab, slot = self.slot(i)
        base, size, phase = integer(slab['base']), int(slot['size']), int(slot['phase'])
        if not integer(slab['cache']):
            print(f'{at:#x}: guarded, slot {i}\n  no object')
            return
        used = phase != GUARD_FREE and int(slab['states'][0]) == OBJECT_USED
        print(f"{at:#x}: cache {text(slab['cache']['name'])}, {size} bytes, guarded, slot {i}, "
              f"from {integer(slot['allocated']):#x}" + ('' if used else f", freed by {integer(slot['freed']):#x}"))
        if not base <= at < base + size:
            print(f'  {base - at} bytes before the object' if at < base else f'  {at - base - size} bytes behind the object')
            return
        print('  object 0' + (f', {at - base} bytes behind its begin' if at > base else '') + ': ' +
              ('free, its pages wait' if phase == GUARD_FREE else 'used' if used else
               'out, but idle: its free is under way, or waits'))


def mmlib_caches(words):
    """Caches of a heap that have memory, or guarded objects: as mm_cache_stats() counts them."""
    heap = Heap(instance(words, 'mm_heap'))
    guard = Guard(heap)
    print('cache                 size       used     cached    objects    slabs        KiB')
    for cache in heap.caches():
        slabs, guarded = sum(int(part['nslabs']) for part in heap.parts(cache)), guard.count(cache)
        if not slabs and not guarded:
            continue
        objects = slabs * int(cache['nobjects']) + guarded
        cached = sum(len(got) for _, got in heap.magazines(cache))
        used = objects - sum(int(part['home']) for part in heap.parts(cache)) - cached
        kib = (slabs << int(cache['order']) << heap.pmm.shift) >> 10
        print(f"{text(cache['name']):<16} {int(cache['size']):>9} {used:>10} {cached:>10} {objects:>10} {slabs:>8} {kib:>10}")
    nlarge = heap.value['nlarge']
    print(f"large blocks: {sum(int(nlarge[order]) for order in range(nlarge.type.range()[1] + 1))}")


def mmlib_object(words):
    """What a pointer into memory of a heap is."""
    if not words:
        raise gdb.GdbError('mmlib object POINTER [HEAP]')
    heap = Heap(instance(words[1:], 'mm_heap'))
    at = integer(gdb.parse_and_eval(words[0]))
    slot = Guard(heap).number(at)
    if slot is not False:
        Guard(heap).tell(at, slot)
        return
    r, pfn = heap.pmm.find_virt(at)
    if r is None:
        print(f'{at:#x}: in no memory of mmlib')
        return
    slab = slab_of(heap.pmm, r, pfn) if heap.pmm.byte(r, pfn) >= SLAB else None
    if slab is None:
        print(f'{at:#x}: in no slab')
        mmlib_frame([hex(pfn << heap.pmm.shift), f"*(struct mm_pmm *){integer(heap.value['pmm']):#x}"])
        return
    cache = heap.value['caches'][int(slab['id'])]
    offset = at - integer(slab['base'])
    index, inside = divmod(offset, int(cache['size']))
    order = int(cache['order'])
    print(f"{at:#x}: cache {text(cache['name'])}, {int(cache['size'])} bytes each, "
          f"slab at {pfn >> order << order << heap.pmm.shift:#x}, {int(slab['nhome'])} of {int(cache['nobjects'])} home")
    if offset < 0 or index >= int(cache['nobjects']):
        print('  before its first object, or behind its last')
        return
    print(f'  object {index}' + (f', {inside} bytes behind its begin' if inside else '') + ': ' +
          object_state(heap, cache, slab, index))


def object_state(heap, cache, slab, index):
    size = pointer_size()
    word = read_word(integer(slab.address) + int(cache['homes']) + index // (8 * size) * size, size)
    if word >> index % (8 * size) & 1:
        return 'free, home in its slab'
    p = integer(slab['base']) + index * int(cache['size'])
    for whose, objects in heap.magazines(cache):
        if p in objects:
            return f'free, in a magazine of {whose}'
    # magazines were looked at, so it is out; the state's byte means something from MM_CHECKS 1 on
    return {OBJECT_USED: 'used', OBJECT_OWN: "mmlib's own", OBJECT_RETURNING: 'an NMI is about to free it',
            OBJECT_RETURNED: 'free, by an NMI, not home yet'}.get(
        int(slab['states'][index]), 'out, but idle: its free is under way, or waits')


# ---- page tables

class PlainFormat:
    """A format of mmlib/pt_port.h whose masks tell what an entry is."""

    def __init__(self, tree):
        self.tree, self.port = tree, tree['port'].dereference()
        mask = int(self.port['addr_mask'])
        # RISC-V's entries hold frame numbers, from bit 10 on
        self.shift = int(self.port['level'][0]['shift']) - (mask & -mask).bit_length() + 1

    def look(self, entry, level):
        """What it is, where it leads, and how many entries are one leaf (log2)."""
        tree, port = self.tree, self.port
        pa = ((entry & int(tree['address']) & int(port['addr_mask'])) << self.shift) & ((1 << 64) - 1)
        if not entry & ~int(port['empty_ignore']):
            return 'nothing', pa, 0
        if level > 0 and int(port['table_mask']) and entry & int(tree['table_test']) == int(port['table_bits']):
            return 'table', pa, 0
        # a member of a run that says in its address how long that is: Svnapot's N bit
        return 'leaf', pa, int(port['run_lg2'][level]) if entry >> 63 & 1 and self.shift == 2 else 0


class MaskFormat:
    """A format that is data: src/ports/mask.h, whose functions these are."""

    def __init__(self, tree):
        self.tree, self.port = tree, tree['port'].dereference()
        self.mask = tree['port'].cast(gdb.lookup_type('struct mm_mask_port').pointer())['mask'].dereference()
        self.size = 1 << int(self.port['entry_lg2'])
        self.swaps = bool(self.mask['big_endian']) and byte_order() == 'little'

    def order(self, number):
        return int.from_bytes(number.to_bytes(self.size, 'little'), 'big') if self.swaps else number

    def address(self, entry, field):
        high = int(self.mask['high'])
        return ((entry & field & ~high) << int(self.mask['shift'])) | ((entry & high) << int(self.mask['high_shift']))

    def follows(self, level):
        return bool(self.port['follows']) and level > 0

    def empty(self, level):
        """The empty entry; where hardware follows whatever is there, it leads to a table that leads nowhere."""
        if not self.follows(level):
            return int(self.mask['empty'][level])
        pa = int(self.tree['root']) + int(self.mask['nowhere'])
        return (int(self.mask['table'][level]) | ((pa >> int(self.mask['shift'])) & self.table_field()) |
                ((pa >> int(self.mask['high_shift'])) & int(self.mask['high'])))

    def table_field(self):
        return int(self.mask['table_addr']) or int(self.mask['addr'])

    def look(self, raw, level):
        mask, set_bits = self.mask, int(self.tree['cfg']['set_bits'])
        entry, its = self.order(raw), self.order(raw & ~set_bits)
        differs = its ^ self.empty(level)
        if not (differs if self.follows(level) else self.order(differs) & ~int(self.port['empty_ignore'])):
            return 'nothing', 0, 0
        tells = int(mask['table_mask'][level])
        if level > 0 and not raw & int(self.tree['reserved']) and entry & tells == int(mask['table'][level]) & tells:
            return 'table', self.address(its, self.table_field()), 0
        field = int(mask['addr']) & ~(int(mask['spare']) if level else 0)
        run = self.in_run(entry, level) and int(self.tree['runs']) >> level & 1
        return 'leaf', self.address(its, field), int(self.port['run_lg2'][level]) if run else 0

    def in_run(self, entry, level):
        member = self.mask['member']
        if level > 0 or not int(member):
            return entry & int(self.mask['run'])
        return entry & int(member['mask']) == int(member['is'])


def format_of(tree):
    """How to look at entries of a tree."""
    classify = gdb.execute(f"info symbol {integer(tree['port']['classify']):#x}", to_string=True)
    return (MaskFormat if classify.startswith('mask_any_classify') else PlainFormat)(tree)


def mmlib_pt(words):
    """The entries of page tables on the way to a virtual address."""
    if not words:
        raise gdb.GdbError('mmlib pt ADDRESS [TREE [PMM]]')
    tree, pmm = instance(words[1:2], 'mm_pt'), Pmm(instance(words[2:], 'mm_pmm'))
    port = tree['port'].dereference()
    va, size, entries = integer(gdb.parse_and_eval(words[0])), 1 << int(port['entry_lg2']), format_of(tree)
    pa = int(tree['root'])
    print(f"{text(port['name'])}: root at {pa:#x}")
    for level in reversed(range(int(port['nlevels']))):
        here = port['level'][level]
        index = (va >> int(here['shift'])) & ((1 << int(here['bits'])) - 1)
        table = pmm.virt(pa)
        if table is None:
            print(f'  level {level}: a table at {pa:#x}, which is in no memory of mmlib')
            return
        entry = read_word(table + index * size, size)
        kind, pa, run = entries.look(entry, level)
        span = 1 << int(here['shift']) + run
        leaf = pa & ~(span - 1)
        print(f'  level {level}, entry {index}: {entry:#0{size * 2 + 2}x} ' +
              (kind if kind == 'nothing' else f'table at {pa:#x}' if kind == 'table' else
               f"leaf of {span:#x} bytes at {leaf:#x}, here {leaf | va & (span - 1):#x}"))
        if kind != 'table':
            return


class Mmlib(gdb.Command):
    __doc__ = __doc__

    COMMANDS = {'zones': mmlib_zones, 'frame': mmlib_frame, 'caches': mmlib_caches,
                'object': mmlib_object, 'pt': mmlib_pt}

    def __init__(self):
        super().__init__('mmlib', gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        if not words or words[0] not in self.COMMANDS:
            raise gdb.GdbError(__doc__)
        self.COMMANDS[words[0]](words[1:])

    def complete(self, text, word):
        return [name for name in self.COMMANDS if name.startswith(word)]


def forget(_=None):
    """It is another program."""
    for function in (byte_order, pointer_size, frame_shift, fields, variables):
        function.cache_clear()


gdb.events.new_objfile.connect(forget)
gdb.events.clear_objfiles.connect(forget)
Mmlib()
