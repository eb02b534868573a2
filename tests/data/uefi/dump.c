/* SPDX-License-Identifier: MIT */
/* A UEFI application that takes the machine's memory map: what GetMemoryMap() returns goes into the
 * file MEMMAP.BIN of the volume that the application was loaded from, as
 *   DescriptorSize (4 bytes), DescriptorVersion (4), descriptors
 * and on x86-64 what QEMU says of the same memory, the fw_cfg file "etc/e820", into E820.BIN. Then
 * the machine is switched off. Sources: UEFI 2.10, sections 4, 7, 9.1, 13.4, 13.5; QEMU docs/specs
 * fw_cfg. Tables are declared only as far as they are used; the rest is an array of pointers. */
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#define EFIAPI __attribute__((ms_abi))
#else
#define EFIAPI
#endif

typedef uint64_t status; /* EFI_STATUS */
typedef uint64_t uintn;
typedef void *handle;

struct guid {
	uint32_t a;
	uint16_t b, c;
	uint8_t d[8];
};

struct header {
	uint64_t signature;
	uint32_t revision, bytes, crc, reserved;
};

struct runtime_services {
	struct header header;
	void *before_reset[10];
	void(EFIAPI *reset)(uint32_t type, status, uintn, void *);
};

struct boot_services {
	struct header header;
	void *before_map[4];
	status(EFIAPI *get_memory_map)(uintn *bytes, void *map, uintn *key, uintn *stride,
				       uint32_t *version);
	status(EFIAPI *allocate_pool)(uint32_t type, uintn bytes, void **out);
	void *before_protocol[10];
	status(EFIAPI *handle_protocol)(handle, const struct guid *, void **out);
};

struct system_table {
	struct header header;
	void *before_runtime[8];
	struct runtime_services *runtime;
	struct boot_services *boot;
};

struct loaded_image {
	uint32_t revision;
	handle parent;
	struct system_table *system;
	handle device;
};

struct file {
	uint64_t revision;
	status(EFIAPI *open)(struct file *, struct file **out, const uint16_t *name, uint64_t mode,
			     uint64_t attributes);
	status(EFIAPI *close)(struct file *);
	void *before_write[2];
	status(EFIAPI *write)(struct file *, uintn *bytes, const void *);
};

struct file_system {
	uint64_t revision;
	status(EFIAPI *open_volume)(struct file_system *, struct file **root);
};

static const struct guid loaded_image_guid = {
	0x5b1b31a1, 0x9562, 0x11d2, { 0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b }
};
static const struct guid file_system_guid = {
	0x964e5b22, 0x6459, 0x11d2, { 0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b }
};

#define LOADER_DATA 2
#define RESET_OFF   2
#define FILE_CREATE 0x8000000000000003ull /* read, write, create */
#define ROOM        (64 * 1024)

static struct file *create(struct boot_services *boot, handle image, const uint16_t *name)
{
	struct loaded_image *loaded;
	struct file_system *volume;
	struct file *root, *file;

	if (boot->handle_protocol(image, &loaded_image_guid, (void **)&loaded) ||
	    boot->handle_protocol(loaded->device, &file_system_guid, (void **)&volume) ||
	    volume->open_volume(volume, &root) || root->open(root, &file, name, FILE_CREATE, 0))
		return NULL;
	return file;
}

#if defined(__x86_64__)
static uint8_t fw_byte(void)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "d"((uint16_t)0x511));
	return value;
}

static void fw_select(uint16_t key)
{
	__asm__ volatile("outw %0, %1" : : "a"(key), "d"((uint16_t)0x510));
}

/* Read n bytes as a big-endian number. */
static uint32_t fw_number(unsigned n)
{
	uint32_t value = 0;

	while (n-- > 0)
		value = value << 8 | fw_byte();
	return value;
}

/* The file "etc/e820" into to; its length, 0 if there is none. */
static uintn fw_e820(uint8_t *to)
{
	static const char wanted[] = "etc/e820";
	uint32_t files;
	uintn bytes = 0;
	uint16_t key = 0;

	fw_select(0x19); /* directory: count; size 4, key 2, reserved 2, name 56 */
	files = fw_number(4);
	while (files-- > 0) {
		uint32_t size = fw_number(4);
		uint16_t select = (uint16_t)fw_number(2);
		int same = 1;

		fw_number(2);
		for (unsigned i = 0; i < 56; i++) {
			char c = (char)fw_byte();

			if (i < sizeof(wanted) && c != wanted[i])
				same = 0;
		}
		if (!same || size > ROOM)
			continue;
		bytes = size;
		key = select;
	}
	if (bytes > 0)
		fw_select(key);
	for (uintn i = 0; i < bytes; i++)
		to[i] = fw_byte();
	return bytes;
}
#else
static uintn fw_e820(uint8_t *to)
{
	(void)to;
	return 0;
}
#endif

static void save(struct boot_services *boot, handle image, const uint16_t *name, const void *data,
		 uintn bytes)
{
	struct file *file = create(boot, image, name);

	if (!file)
		return;
	file->write(file, &bytes, data);
	file->close(file);
}

/* GetMemoryMap() comes last before the file is written: what is allocated by then is in the map. */
static void take(struct boot_services *boot, handle image)
{
	static const uint16_t map_name[] = u"MEMMAP.BIN", e820_name[] = u"E820.BIN";
	uintn bytes = ROOM - 8, key, stride;
	uint32_t version;
	uint8_t *room;

	if (boot->allocate_pool(LOADER_DATA, ROOM, (void **)&room))
		return;
	uintn e820 = fw_e820(room);

	if (e820 > 0)
		save(boot, image, e820_name, room, e820);
	if (boot->get_memory_map(&bytes, room + 8, &key, &stride, &version))
		return;
	for (unsigned i = 0; i < 4; i++) {
		room[i] = (uint8_t)(stride >> 8 * i);
		room[4 + i] = (uint8_t)(version >> 8 * i);
	}
	save(boot, image, map_name, room, 8 + bytes);
}

status EFIAPI efi_main(handle image, struct system_table *system);

status EFIAPI efi_main(handle image, struct system_table *system)
{
	take(system->boot, image);
	system->runtime->reset(RESET_OFF, 0, 0, NULL);
	return 0;
}
