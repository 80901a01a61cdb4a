// SPDX-License-Identifier: MIT
// Images made member by member: where members land, which of several counts, what the kernel would
// not unpack, and what is asked about modules. That real tools' images are read is tests/initramfs.

#include "initramfs/initramfs.h"
#include "base/snapshot.h"
#include "base/text.h"
#include "initramfs/internal.h"
#include "tests/unit/modules_index.h"
#include "tests/unit/temporary.h"

#include <errno.h>

static struct temporary temporary;
static struct root *root;
static struct arena arena;
static struct initramfs_image *image;
static struct err e;

/* The image that is being made. */
static char made[1 << 20];
static size_t n_made;
static unsigned next_inode;

static int setup(void **state)
{
	(void)state;
	n_made = 0;
	next_inode = 1;
	image = NULL;
	e = (struct err){ 0 };
	return temporary_make(&temporary) == 0 && root_open(temporary.path, &root, &e) == 0 ? 0
											    : -1;
}

static int teardown(void **state)
{
	(void)state;
	initramfs_close(image);
	root_close(root);
	arena_free(&arena);
	return temporary_remove(&temporary);
}

static void pad(void)
{
	while (n_made % 4)
		made[n_made++] = '\0';
}

static void add_bytes(const char *name, unsigned mode, const char *content, size_t n,
		      unsigned inode, unsigned links)
{
	char header[111];
	snprintf(header, sizeof(header),
		 "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", inode, mode, 0u, 0u,
		 links, 0u, (unsigned)n, 8u, 1u, 0u, 0u, (unsigned)strlen(name) + 1, 0u);
	memcpy(made + n_made, header, 110);
	n_made += 110;
	memcpy(made + n_made, name, strlen(name) + 1);
	n_made += strlen(name) + 1;
	pad();
	memcpy(made + n_made, content, n);
	n_made += n;
	pad();
}

static void add_linked(const char *name, unsigned mode, const char *content, unsigned inode,
		       unsigned links)
{
	add_bytes(name, mode, content, strlen(content), inode, links);
}

static void add(const char *name, unsigned mode, const char *content)
{
	add_linked(name, mode, content, next_inode++, 1);
}

static void directory(const char *name)
{
	add(name, S_IFDIR | 0755, "");
}

static void file(const char *name, const char *content)
{
	add(name, S_IFREG | 0644, content);
}

static void trailer(void)
{
	add("TRAILER!!!", 0, "");
}

static void modules_directory(void)
{
	directory("lib");
	directory("lib/modules");
	directory("lib/modules/6.1");
	directory("lib/modules/6.1/kernel");
}

static int try_open(void)
{
	temporary_bytes(&temporary, "image", made, n_made);
	return initramfs_open(root, "image", &image, &e);
}

static void opened(void)
{
	assert_int_equal(try_open(), 0);
}

static void assert_refused(int error, const char *sentence)
{
	assert_int_equal(try_open(), error);
	assert_null(image);
	if (!strstr(e.text, sentence))
		fail_msg("%s", e.text);
}

static const char *content_of(const char *path)
{
	struct initramfs_file wanted = { .path = path, .max_bytes = 1000 };

	assert_int_equal(initramfs_read(image, &arena, &wanted, 1, &e), 0);
	return wanted.error ? strerrorname_np(-wanted.error) : wanted.content.data;
}

static struct initramfs_module module(const char *name)
{
	struct initramfs_module asked = { .name = name };
	struct initramfs_modules modules = { .modules = &asked, .n = 1 };

	assert_int_equal(initramfs_find_modules(image, &arena, "6.1", &modules, &e), 0);
	return asked;
}

static void members(void **state)
{
	(void)state;
	file("./init", "run");
	file("/etc-is-not-there/file", "nowhere");
	directory("bin");
	add("bin/link", S_IFLNK | 0777, "../init");
	file("bin/empty", "");
	trailer();
	opened();
	struct initramfs_list list = initramfs_list(image);
	assert_int_equal(list.n, 5);
	assert_string_equal(list.members[0].path, "init");
	assert_int_equal(list.members[0].n_bytes, 3);
	assert_null(list.members[1].place);
	assert_string_equal(list.members[3].target, "../init");
	assert_string_equal(content_of("bin/link"), "run");
	assert_string_equal(content_of("/bin//./../init"), "run");
	assert_string_equal(content_of("bin/empty"), "");
	assert_string_equal(content_of("etc-is-not-there/file"), "ENOENT");
	assert_string_equal(content_of("bin"), "EISDIR");
	struct initramfs_file long_one = { .path = "init", .max_bytes = 2 };
	assert_int_equal(initramfs_read(image, &arena, &long_one, 1, &e), 0);
	assert_int_equal(long_one.error, -EFBIG);
}

/* usr is merged by the first archive; what the second has below lib goes where the link leads. */
static void links_of_directories(void **state)
{
	(void)state;
	directory("usr");
	directory("usr/lib");
	add("lib", S_IFLNK | 0777, "usr/lib");
	trailer();
	file("lib/a", "first");
	file("usr/lib/a", "second");
	add("loop", S_IFLNK | 0777, "loop/x");
	file("loop/file", "nowhere");
	opened();
	assert_string_equal(content_of("lib/a"), "second");
	struct initramfs_list list = initramfs_list(image);
	assert_string_equal(list.members[3].place, "usr/lib/a");
	assert_true(list.members[3].replaced);
	assert_false(list.members[4].replaced);
	assert_string_equal(content_of("loop/file"), "ENOENT");
	assert_string_equal(content_of("loop"), "ENOENT");
}

/* A directory of the second archive takes the place of the link: what is below is gone from there.
 */
static void a_link_replaced(void **state)
{
	(void)state;
	directory("usr");
	directory("usr/lib");
	add("lib", S_IFLNK | 0777, "usr/lib");
	file("lib/a", "text");
	trailer();
	directory("lib");
	opened();
	assert_string_equal(content_of("lib/a"), "ENOENT");
	assert_string_equal(content_of("usr/lib/a"), "text");
}

static void hard_links(void **state)
{
	(void)state;
	add_linked("a", S_IFREG | 0644, "", 7, 3);
	add_linked("b", S_IFREG | 0644, "", 7, 3);
	add_linked("c", S_IFREG | 0644, "text", 7, 3);
	trailer();
	/* the same number in another archive is another file */
	add_linked("d", S_IFREG | 0644, "", 7, 2);
	opened();
	assert_string_equal(content_of("a"), "text");
	assert_string_equal(content_of("b"), "text");
	assert_string_equal(content_of("c"), "text");
	assert_string_equal(content_of("d"), "");
	assert_int_equal(initramfs_list(image).members[0].n_bytes, 4);
}

static void comparing(void **state)
{
	struct initramfs_expected files[] = {
		{ .path = "same", .content = { "text", 4 } },
		{ .path = "other", .content = { "text", 4 } },
		{ .path = "longer", .content = { "text", 4 } },
		{ .path = "absent", .content = { "text", 4 } },
		{ .path = "empty", .content = { "", 0 } },
	};

	(void)state;
	file("same", "text");
	file("other", "texT");
	file("longer", "text ");
	file("empty", "");
	opened();
	assert_int_equal(initramfs_compare(image, files, ARRAY_SIZE(files), &e), 0);
	assert_int_equal(files[0].same, INITRAMFS_SAME);
	assert_int_equal(files[1].same, INITRAMFS_DIFFERENT);
	assert_int_equal(files[2].same, INITRAMFS_DIFFERENT);
	assert_int_equal(files[3].same, INITRAMFS_ABSENT);
	assert_int_equal(files[4].same, INITRAMFS_SAME);
}

static void modules(void **state)
{
	(void)state;
	modules_directory();
	file("lib/modules/6.1/kernel/vfio-pci.ko.zst", "x");
	file("lib/modules/6.1/kernel/vfio.ko", "x");
	file("lib/modules/6.1/kernel/empty.ko", "");
	file("lib/modules/6.1/kernel/no.ko.bz2", "x");
	add("lib/modules/6.1/weak.ko", S_IFLNK | 0777, "kernel/vfio.ko");
	add("lib/modules/6.1/broken.ko", S_IFLNK | 0777, "kernel/gone.ko");
	file("lib/modules/6.1/missing/lost.ko", "x");
	file("lib/modules/6.1/modules.dep", "kernel/vfio-pci.ko.zst: kernel/vfio.ko\n");
	file("lib/modules/6.1/modules.builtin", "kernel/drivers/iommu/iommufd.ko\n");
	opened();
	struct initramfs_module pci = module("vfio_pci");
	assert_int_equal(pci.state, INITRAMFS_MODULE_LOADABLE);
	assert_true(pci.in_dep);
	assert_string_equal(pci.path, "lib/modules/6.1/kernel/vfio-pci.ko.zst");
	/* named only as what another one needs */
	assert_int_equal(module("vfio").state, INITRAMFS_MODULE_LOADABLE);
	assert_false(module("vfio").in_dep);
	assert_int_equal(module("iommufd").state, INITRAMFS_MODULE_BUILTIN);
	assert_int_equal(module("weak").state, INITRAMFS_MODULE_LOADABLE);
	assert_int_equal(module("broken").state, INITRAMFS_MODULE_ABSENT);
	assert_int_equal(module("empty").state, INITRAMFS_MODULE_ABSENT);
	assert_int_equal(module("no").state, INITRAMFS_MODULE_ABSENT);
	assert_int_equal(module("lost").state, INITRAMFS_MODULE_ABSENT);
	assert_int_equal(module("vfio_pc").state, INITRAMFS_MODULE_ABSENT);
}

static void index_file(const char *name, const char *data, size_t n)
{
	add_bytes(name, S_IFREG | 0644, data, n, next_inode++, 1);
}

/* mkinitcpio takes the lists out of its images; what is left is what depmod made of them. */
static void modules_of_indexes(void **state)
{
	(void)state;
	modules_directory();
	file("lib/modules/6.1/kernel/vfio-pci.ko.zst", "x");
	file("lib/modules/6.1/kernel/vfio-pci-cor.ko", "x");
	file("lib/modules/6.1/kernel/vfio_pci_core_more.ko", "x");
	file("lib/modules/6.1/kernel/vfio.ko", "x");
	file("lib/modules/6.1/kernel/nouveau.ko", "x");
	index_file("lib/modules/6.1/modules.dep.bin", modules_dep_bin, N_MODULES_DEP_BIN);
	index_file("lib/modules/6.1/modules.builtin.bin", modules_builtin_bin,
		   N_MODULES_BUILTIN_BIN);
	opened();
	assert_true(module("vfio_pci").in_dep);
	assert_true(module("vfio-pci").in_dep);
	assert_true(module("vfio").in_dep);
	assert_false(module("vfio-pci-cor").in_dep);
	assert_false(module("vfio_pci_core_more").in_dep);
	assert_false(module("nouveau").in_dep);
	assert_int_equal(module("ahci").state, INITRAMFS_MODULE_BUILTIN);
	assert_string_equal(module("ahci").path, "lib/modules/6.1/modules.builtin.bin");
	assert_int_equal(module("ahc").state, INITRAMFS_MODULE_ABSENT);
	assert_int_equal(module("vfio_pci_core").state, INITRAMFS_MODULE_ABSENT);
}

/* The list counts where it is there. */
static void modules_of_both(void **state)
{
	(void)state;
	modules_directory();
	file("lib/modules/6.1/kernel/vfio.ko", "x");
	file("lib/modules/6.1/modules.dep", "kernel/vfio-pci.ko:\n");
	file("lib/modules/6.1/modules.builtin", "");
	index_file("lib/modules/6.1/modules.dep.bin", modules_dep_bin, N_MODULES_DEP_BIN);
	index_file("lib/modules/6.1/modules.builtin.bin", modules_builtin_bin,
		   N_MODULES_BUILTIN_BIN);
	opened();
	assert_false(module("vfio").in_dep);
	assert_int_equal(module("ahci").state, INITRAMFS_MODULE_ABSENT);
}

/* Cut anywhere, and with any byte another: no crash, and nothing that is in no index. */
static void damaged_indexes(void **state)
{
	static const unsigned char others[] = { 0x00, 0x01, 0x20, 0x5f, 0x7f, 0x80, 0xe0, 0xff };

	(void)state;
	for (size_t n = 0; n < N_MODULES_DEP_BIN; n++) {
		char *cut = malloc(n + 1);

		assert_non_null(cut);
		memcpy(cut, modules_dep_bin, n);
		assert_false(index_names((struct bytes){ cut, n }, "vfio"));
		free(cut);
	}
	for (size_t at = 0; at < N_MODULES_DEP_BIN; at++) {
		for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
			char *data = malloc(N_MODULES_DEP_BIN);

			assert_non_null(data);
			memcpy(data, modules_dep_bin, N_MODULES_DEP_BIN);
			data[at] = (char)others[i];
			(void)index_names((struct bytes){ data, N_MODULES_DEP_BIN }, "vfio-pci");
			assert_false(
				index_names((struct bytes){ data, N_MODULES_DEP_BIN }, "nouveau"));
			free(data);
		}
	}
}

static void modules_of_another_release(void **state)
{
	struct initramfs_module asked = { .name = "vfio" };
	struct initramfs_modules modules_asked = { .modules = &asked, .n = 1 };

	(void)state;
	modules_directory();
	file("lib/modules/6.1/kernel/vfio.ko", "x");
	opened();
	assert_int_equal(initramfs_find_modules(image, &arena, "6.1.0", &modules_asked, &e), 0);
	assert_int_equal(asked.state, INITRAMFS_MODULE_ABSENT);
	assert_null(modules_asked.directory);
	assert_int_equal(initramfs_find_modules(image, &arena, "6.1", &modules_asked, &e), 0);
	assert_int_equal(asked.state, INITRAMFS_MODULE_LOADABLE);
	assert_false(modules_asked.knows_builtin);
}

static void refused(void **state)
{
	(void)state;
	file("init", "run");
	n_made -= 2;
	assert_refused(-EBADMSG, "cut short");
	n_made = 0;
	file("init", "run");
	made[5] = '7';
	assert_refused(-EBADMSG, "magic of newc");
	made[5] = '1';
	made[20] = 'g';
	assert_refused(-EBADMSG, "no number");
	n_made = 0;
	file("init", "run");
	made[110 + 4] = 'x';
	assert_refused(-EBADMSG, "no end");
	n_made = 0;
	trailer();
	assert_refused(-EBADMSG, "nothing in it");
	memcpy(made, "\x1f\x8b\x08", n_made = 3);
	assert_refused(-EBADMSG, "gzip data at byte 0 of the image is damaged");
	memcpy(made, "\x5d\x00\xff\xff\xff\xff", n_made = 6);
	assert_refused(-EFBIG, "takes more than 128 MiB");
	/* a block with the largest dictionary */
	memcpy(made,
	       "\xfd"
	       "7zXZ\0\0\1....\2\0\x21\1\x28",
	       n_made = 17);
	made[n_made++] = '\0';
	assert_refused(-EFBIG, "takes more than 128 MiB");
	memcpy(made, "\x28\xb5\x2f\xfd", n_made = 4);
	assert_refused(-EBADMSG, "zstd data at byte 0 of the image is damaged or cut short");
}

/* A directory and an absent file; an image cannot be looked into through a snapshot. */
static void not_an_image(void **state)
{
	(void)state;
	assert_int_equal(initramfs_open(root, "none", &image, &e), -ENOENT);
	assert_int_equal(initramfs_open(root, "", &image, &e), -EBADMSG);
	file("init", "run");
	temporary_bytes(&temporary, "image", made, n_made);
	struct root *recorder = snapshot_record(root);
	root = recorder; /* which owns it now */
	assert_int_equal(initramfs_open(recorder, "image", &image, &e), -ENODATA);
}

/* An EFI program with these sections, whose content is what was made so far. */
static void wrap_efi(const char *const *names, size_t n)
{
	char whole[8192] = "MZ";
	size_t headers = 64 + 24, size = n_made;

	assert_true(size < 4096);
	whole[60] = 64;
	memcpy(whole + 64, "PE\0", 4);
	whole[64 + 6] = (char)n;
	for (size_t i = 0; i < n; i++) {
		char *section = whole + headers + 40 * i;

		memcpy(section, names[i], strlen(names[i]));
		if (!str_starts(names[i], ".initrd"))
			continue;
		/* an image of its own each: the first one of the file, then the second */
		size_t half = size / 2, at = 2048 + (str_eq(names[i], ".initrd") ? 0 : half);
		uint32_t values[] = { (uint32_t)half, 0, (uint32_t)half + 512, (uint32_t)at };
		memcpy(section + 8, values, sizeof(values));
	}
	memcpy(whole + 2048, made, size);
	n_made = 2048 + size + 512;
	memcpy(made, whole, n_made);
}

static void efi_programs(void **state)
{
	static const char *const one[] = { ".text", ".initrd", ".profile", ".profile", ".initrd2" };
	static const char *const none[] = { ".text", ".linux" };

	(void)state;
	file("a", "text");
	file("b", "text");
	wrap_efi(one, ARRAY_SIZE(one));
	opened();
	assert_string_equal(content_of("a"), "text");
	assert_string_equal(content_of("b"), "ENOENT");
	initramfs_close(image);
	image = NULL;
	n_made = 0;
	file("a", "text");
	wrap_efi(none, ARRAY_SIZE(none));
	assert_refused(-EBADMSG, "without a section .initrd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(members, setup, teardown),
		cmocka_unit_test_setup_teardown(links_of_directories, setup, teardown),
		cmocka_unit_test_setup_teardown(a_link_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(hard_links, setup, teardown),
		cmocka_unit_test_setup_teardown(comparing, setup, teardown),
		cmocka_unit_test_setup_teardown(modules, setup, teardown),
		cmocka_unit_test_setup_teardown(modules_of_indexes, setup, teardown),
		cmocka_unit_test_setup_teardown(modules_of_both, setup, teardown),
		cmocka_unit_test(damaged_indexes),
		cmocka_unit_test_setup_teardown(modules_of_another_release, setup, teardown),
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
		cmocka_unit_test_setup_teardown(not_an_image, setup, teardown),
		cmocka_unit_test_setup_teardown(efi_programs, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
