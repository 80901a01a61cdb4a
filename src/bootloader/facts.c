// SPDX-License-Identifier: MIT
// What all boot loaders look at: who started the running kernel, and where boot partitions are.
//
// Variables: https://systemd.io/BOOT_LOADER_INTERFACE, four bytes of attributes before the value
// (Documentation/filesystems/efivarfs.rst). They are read as text: GRUB 2.12 writes LoaderInfo too.
// Places of the ESP: those that bootctl(1) looks at, in its order (find_esp_and_warn_at() of
// systemd's src/shared/find-esp.c).

#include "base/text.h"
#include "bootloader/internal.h"
#include "host/host.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define EFI_VARIABLES "sys/firmware/efi/efivars/"
#define LOADER_VENDOR "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
#define EFI_ATTRIBUTES 4
#define MOUNTS "proc/self/mountinfo"
#define FSTAB "etc/fstab"

/* ---- variables ---- */

/* UTF-16LE to text; what is not ASCII becomes '?', for these are names of programs and files. */
static const char *from_utf16(struct arena *a, const char *data, size_t n)
{
	const unsigned char *unit = (const unsigned char *)data;
	char *text = arena_alloc(a, n / 2 + 1);

	for (size_t i = 0; i < n / 2; i++) {
		unsigned c = unit[2 * i] | (unsigned)unit[2 * i + 1] << 8;

		if (c == 0)
			break;
		text[i] = c >= ' ' && c < 0x7f ? (char)c : '?';
	}
	return text;
}

const char *boot_efi_text(const struct boot_facts *facts, const char *name)
{
	struct bytes value;
	const char *path = arena_printf(facts->arena, EFI_VARIABLES "%s" LOADER_VENDOR, name);

	if (root_read(facts->host->root, facts->arena, path, &value) < 0 ||
	    value.n <= EFI_ATTRIBUTES)
		return NULL;
	const char *text =
		from_utf16(facts->arena, value.data + EFI_ATTRIBUTES, value.n - EFI_ATTRIBUTES);
	return *text ? text : NULL;
}

bool boot_loader_is(const struct boot_facts *facts, const char *program)
{
	size_t n = strlen(program);

	return facts->loader && strncasecmp(facts->loader, program, n) == 0 &&
	       (facts->loader[n] == '\0' || facts->loader[n] == ' ');
}

const char *boot_word(const struct boot_facts *facts, const char *name)
{
	const struct kernel_parameter *p = kernel_parameter_last(facts->kernels, name);

	return p ? p->value : NULL;
}

const char *boot_by_stub(const struct boot_facts *facts)
{
	const char *image = boot_word(facts, "initrd");

	if (!image || boot_word(facts, "BOOT_IMAGE"))
		return NULL;
	return arena_printf(facts->arena,
			    "the kernel's command line has initrd=%s and no BOOT_IMAGE=", image);
}

/* ---- mounts ---- */

/* Blanks and backslashes are octal in both tables: mangle_path() of fs/seq_file.c, getmntent(3). */
static const char *unescaped(struct arena *a, const char *word)
{
	char *text = arena_strdup(a, word), *to = text;

	for (const char *from = text; *from; from++) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' &&
		    from[2] <= '7' && from[3] >= '0' && from[3] <= '7') {
			*to++ = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + from[3] - '0');
			from += 3;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
	return text;
}

static const char *target_of(struct arena *a, const char *word)
{
	char *path = arena_strdup(a, unescaped(a, word) + (*word == '/'));
	size_t n = strlen(path);

	while (n > 0 && path[n - 1] == '/')
		path[--n] = '\0';
	return path;
}

/* "36 35 8:1 / /boot rw,noatime shared:1 - ext4 /dev/sda1 rw": proc_pid_mountinfo(5) */
static bool parse_mountinfo(struct arena *a, const char *line, struct boot_mount *ret)
{
	const char *words[6], *word;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		words[i] = text_next_word(a, &line);
		if (!words[i])
			return false;
	}
	do {
		word = text_next_word(a, &line);
	} while (word && !str_eq(word, "-"));
	const char *type = text_next_word(a, &line), *source = text_next_word(a, &line);
	if (!type || !source || words[4][0] != '/')
		return false;
	*ret = (struct boot_mount){ .target = target_of(a, words[4]),
				    .type = type,
				    .source = unescaped(a, source),
				    .options = words[5],
				    .device = words[2],
				    .where = MOUNTS };
	return true;
}

/* "UUID=... /boot ext4 defaults 0 2": fstab(5) */
static bool parse_fstab(struct arena *a, const char *line, struct boot_mount *ret)
{
	const char *source = text_next_word(a, &line), *target = text_next_word(a, &line);
	const char *type = text_next_word(a, &line), *options = text_next_word(a, &line);

	if (!source || *source == '#' || !target || *target != '/' || !type)
		return false;
	*ret = (struct boot_mount){ .target = target_of(a, target),
				    .type = type,
				    .source = unescaped(a, source),
				    .options = options ? options : "",
				    .where = FSTAB };
	return true;
}

static int read_table(const struct boot_facts *facts, const char *path,
		      bool (*parse)(struct arena *a, const char *line, struct boot_mount *ret),
		      struct boot_mounts *ret)
{
	struct arena *a = facts->arena;
	struct bytes text;
	const char *rest, *line;
	size_t n, lines = 1;
	int error = root_read_max(facts->host->root, a, path, BOOT_FILE_MAX, &text);

	if (error < 0)
		return error;
	for (size_t i = 0; i < text.n; i++)
		lines += text.data[i] == '\n';
	ret->list = arena_array(a, lines, sizeof(*ret->list));
	ret->n = 0;
	ret->where = path;
	rest = text.data;
	while (text_next_line(&rest, &line, &n))
		ret->n += parse(a, arena_strndup(a, line, n), &ret->list[ret->n]);
	return 0;
}

void boot_mounts_read(const struct boot_facts *facts, struct boot_mounts *ret)
{
	*ret = (struct boot_mounts){ .where = MOUNTS };
	ret->error = read_table(facts, MOUNTS, parse_mountinfo, ret);
	if (ret->error == 0 || facts->live)
		return;
	/* a system that is not running */
	ret->error = read_table(facts, FSTAB, parse_fstab, ret);
}

const struct boot_mount *boot_mount_of(const struct boot_mounts *mounts, const char *path)
{
	const struct boot_mount *best = NULL;
	size_t best_n = 0;

	for (size_t i = 0; i < mounts->n; i++) {
		const struct boot_mount *m = &mounts->list[i];
		size_t n = strlen(m->target);

		/* what is mounted later over the same place is what is seen */
		if (strncmp(m->target, path, n) != 0 || (n > 0 && path[n] && path[n] != '/') ||
		    (best && n < best_n))
			continue;
		best = m;
		best_n = n;
	}
	return best;
}

static const struct boot_mount *mounted_at(const struct boot_mounts *mounts, const char *target)
{
	const struct boot_mount *m = boot_mount_of(mounts, target);

	return m && str_eq(m->target, target) ? m : NULL;
}

/* ---- boot partitions ---- */

/* What udev knows of the partition, as blkid(8) found it in the table; NULL: nothing. */
static const char *partition_type(const struct boot_facts *facts, const struct boot_mount *m)
{
	static const char key[] = "E:ID_PART_ENTRY_TYPE=";
	struct bytes text;
	const char *rest, *line;
	size_t n;

	if (!m->device ||
	    root_read(facts->host->root, facts->arena,
		      arena_concat(facts->arena, "run/udev/data/b", m->device), &text) < 0)
		return NULL;
	rest = text.data;
	while (text_next_line(&rest, &line, &n)) {
		if (n > strlen(key) && str_starts(line, key))
			return arena_strndup(facts->arena, line + strlen(key), n - strlen(key));
	}
	return NULL;
}

static bool is_fat(const struct boot_mount *m)
{
	return str_eq(m->type, "vfat") || str_eq(m->type, "msdos");
}

static const char *find_esp(const struct boot_facts *facts, const struct boot_mounts *mounts)
{
	static const char *const places[] = { "efi", "boot", "boot/efi" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		const struct boot_mount *m = mounted_at(mounts, places[i]);

		if (!m || !is_fat(m))
			continue;
		const char *type = partition_type(facts, m);
		/* on an MBR, and where udev does not run, there is no such type */
		if (type && !str_eq(type, BOOT_TYPE_ESP) && !str_eq(type, "0xef"))
			continue;
		if (boot_any_case(facts, places[i], "EFI"))
			return places[i];
	}
	return NULL;
}

static const char *find_boot(const struct boot_facts *facts, const struct boot_mounts *mounts,
			     const char *esp)
{
	const struct boot_mount *m = mounted_at(mounts, "boot");

	if (m) {
		const char *type = partition_type(facts, m);

		/* the specification says FAT or another that the firmware reads; systemd-boot takes
		 * what it has a driver for, so the type decides */
		if (type && str_eq(type, BOOT_TYPE_XBOOTLDR))
			return "boot";
		if (!type && esp && !str_eq(esp, "boot") && is_fat(m))
			return "boot";
	}
	return esp;
}

static void find_partitions(struct boot_facts *facts)
{
	static const char *const touched[] = { "efi", "boot", "boot/efi" };
	struct boot_mounts mounts;
	struct names names;

	/* systemd mounts some of them when they are looked at */
	for (size_t i = 0; i < ARRAY_SIZE(touched); i++)
		(void)!root_list(facts->host->root, facts->arena, touched[i], &names);
	boot_mounts_read(facts, &mounts);
	facts->esp = find_esp(facts, &mounts);
	facts->boot = find_boot(facts, &mounts, facts->esp);
}

static const char *read_os_id(const struct boot_facts *facts)
{
	static const char *const places[] = { "etc/os-release", "usr/lib/os-release" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		const char *id = boot_setting(facts, places[i], "ID", NULL);

		if (id && *id)
			return id;
	}
	return NULL;
}

void boot_facts_read(struct host *host, const struct kernel_facts *kernels,
		     const struct initramfs_setup *initramfs, struct boot_facts *ret)
{
	*ret = (struct boot_facts){
		.host = host,
		.arena = &host->arena,
		.kernels = kernels,
		.initramfs = initramfs,
		.live = root_is_live(host->root),
	};
	ret->efi = boot_has(ret, "sys/firmware/efi");
	ret->loader = boot_efi_text(ret, "LoaderInfo");
	ret->stub = boot_efi_text(ret, "StubInfo");
	ret->machine_id = boot_line(ret, "etc/machine-id");
	ret->os_id = read_os_id(ret);
	find_partitions(ret);
}
