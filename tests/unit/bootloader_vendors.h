/* SPDX-License-Identifier: MIT */
/*
 * A host in a directory, with a boot loader of a vendor, and stand-ins for the programs that Debian
 * does not have: they do to the files below $ROOT what the real ones do to those of the host, and
 * keep in $OUTSIDE what is no file of the root (partitions that are not mounted, deployments).
 */
#pragma once

#include "base/root_dir.h"
#include "base/text.h"
#include "bootloader/bootloader.h"
#include "host/kernel.h"
#include "tests/change/tree.h"

#include <errno.h>

#define RELEASE "6.1.0-37-amd64"
#define LOADER_INFO "sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

struct vendor {
	struct temporary t, outside;
	struct host host;
	struct kernel_facts kernels;
	struct initramfs_kernel kernel;
	struct initramfs_setup initramfs;
	struct boot_setup boot;
	struct boot_change change;
	struct plan plan;
	struct err e;
	char *before, *before_outside;
	unsigned number;
};

static struct vendor v;

static inline void file(const char *name, const char *text)
{
	temporary_file(&v.t, name, text);
	tree_age(&v.t, name, 1000000000);
}

/* In PATH, and in the host for those who read its text. */
static inline void program(const char *name, const char *text)
{
	char path[200];

	snprintf(path, sizeof(path), "bin/%s", name);
	temporary_file(&v.outside, path, text);
	assert_int_equal(chmod(temporary_path(&v.outside, path), 0755), 0);
	snprintf(path, sizeof(path), "usr/sbin/%s", name);
	file(path, text);
}

static inline void command_line(const char *text)
{
	file("proc/cmdline", text);
}

/* With an ESP at @where and, where it is not NULL, what started the running kernel. */
static inline void efi(const char *where, const char *loader)
{
	char text[300], path[200];
	size_t n = 0;

	snprintf(text, sizeof(text),
		 "20 1 8:2 / / rw - ext4 /dev/sda2 rw\n21 20 8:1 / /%s rw - vfat /dev/sda1 rw\n",
		 where);
	file("proc/self/mountinfo", text);
	snprintf(path, sizeof(path), "%s/EFI/keep", where);
	file(path, "");
	memcpy(text, "\6\0\0\0", 4);
	for (n = 4; loader && *loader; loader++) {
		text[n++] = *loader;
		text[n++] = '\0';
	}
	temporary_bytes(&v.t, LOADER_INFO, text, n);
}

static inline int vendor_start(void **state)
{
	static const char *words[] = { "passthru.boot=1", "iommu=pt", "hugepagesz=2M",
				       "hugepages=64" };
	static const char *trial_words[] = { BOOTLOADER_TRIAL_WORD };
	struct root *root;
	char path[1200];

	(void)state;
	alarm(300);
	v = (struct vendor){ 0 };
	assert_int_equal(temporary_make(&v.t), 0);
	assert_int_equal(temporary_make(&v.outside), 0);
	snprintf(path, sizeof(path), "%s/bin:/usr/sbin:/usr/bin:/sbin:/bin", v.outside.path);
	setenv("PATH", path, 1);
	setenv("ROOT", v.t.path, 1);
	setenv("OUTSIDE", v.outside.path, 1);
	file("boot/vmlinuz-" RELEASE, "kernel\n");
	file("boot/initrd.img-" RELEASE, "image\n");
	file("usr/lib/modules/" RELEASE "/modules.dep", "");
	file("proc/sys/kernel/osrelease", RELEASE "\n");
	file("proc/self/mountinfo", "20 1 8:2 / / rw - ext4 /dev/sda2 rw\n");
	command_line("root=UUID=1 ro quiet\n");
	temporary_directories(&v.t, "var/lib/x");
	v.kernel = (struct initramfs_kernel){ .release = RELEASE,
					      .directory = "usr/lib/modules/" RELEASE,
					      .vmlinuz = "boot/vmlinuz-" RELEASE,
					      .image = "boot/initrd.img-" RELEASE,
					      .image_exists = true };
	v.initramfs = (struct initramfs_setup){ .kernels = &v.kernel, .n_kernels = 1 };
	static const char *addresses[] = { "0000:01:00.0", "0000:01:00.1", "0000:02:00.0" };
	static const char *ids[] = { "10de:1c82", "10de:0fb9" };

	v.change = (struct boot_change){ .addresses = { addresses, ARRAY_SIZE(addresses) },
					 .ids = { ids, ARRAY_SIZE(ids) },
					 .words = { words, ARRAY_SIZE(words) },
					 .trial_words = { trial_words, 1 },
					 .kernel = &v.kernel };
	assert_int_equal(root_dir_open(v.t.path, true, &root, &v.e), 0);
	host_init(&v.host, root);
	return 0;
}

static inline int vendor_stop(void **state)
{
	(void)state;
	host_done(&v.host);
	free(v.before);
	free(v.before_outside);
	assert_int_equal(temporary_remove(&v.t), 0);
	assert_int_equal(temporary_remove(&v.outside), 0);
	return 0;
}

#define VENDOR_TEST(test) cmocka_unit_test_setup_teardown(test, vendor_start, vendor_stop)

static inline void look(void)
{
	host_read_kernel(&v.host, &v.kernels);
	bootloader_read(&v.host, &v.kernels, &v.initramfs, &v.boot);
}

/* The loader that is chosen, and by nothing else; NULL: why none is. */
static inline void is_chosen(const char *name)
{
	look();
	if (!v.boot.chosen)
		print_message("# %s\n", v.boot.refusal);
	assert_non_null(v.boot.chosen);
	assert_string_equal(v.boot.chosen->loader->name, name);
}

static inline void is_refused(const char *says)
{
	look();
	assert_null(v.boot.chosen);
	if (!strstr(v.boot.refusal, says))
		print_message("# %s\n", v.boot.refusal);
	assert_non_null(strstr(v.boot.refusal, says));
}

static inline int plan_it(void)
{
	look();
	v.plan = (struct plan){ 0 };
	/* it is gone when the plan is carried out */
	static struct boot_change change;
	change = v.change;
	int error = bootloader_permanent(&v.boot, &change, &v.plan, &v.e);
	memset(&change, 0x5a, sizeof(change));
	return error;
}

/* What is to be done by hand: lines that fit a terminal, and lines to paste, which are indented. */
static inline const char *by_hand(void)
{
	const char *text = bootloader_by_hand(&v.boot, &v.change), *rest = text, *line;
	size_t n;

	if (!text)
		fail_msg("a program does it");
	while (text_next_line(&rest, &line, &n)) {
		if (n > 80 && strncmp(line, "  ", 2) != 0)
			fail_msg("%zu bytes: %.*s", n, (int)n, line);
	}
	if (strstr(text, "ADDRESS") || strstr(text, "VENDOR") || strstr(text, "passthru.boot"))
		fail_msg("%s", text ? text : "");
	return text;
}

static inline void permanent_refused(const char *says)
{
	assert_int_equal(plan_it(), -EOPNOTSUPP);
	assert_int_equal(v.e.kind, ERR_REFUSED);
	if (!strstr(v.e.text, says))
		print_message("# %s\n", v.e.text);
	assert_non_null(strstr(v.e.text, says));
}

static inline void trial_refused(const char *says)
{
	look();
	v.plan = (struct plan){ 0 };
	assert_int_equal(bootloader_trial(&v.boot, &v.change, &v.plan, &v.e), -EOPNOTSUPP);
	assert_int_equal(v.e.kind, ERR_REFUSED);
	if (!strstr(v.e.text, says))
		print_message("# %s\n", v.e.text);
	assert_non_null(strstr(v.e.text, says));
}

static inline int apply_it(void)
{
	struct change_session session;
	int error = change_open(&v.host, NULL, &session, &v.e);

	v.number = 0;
	if (error == 0)
		error = change_apply(&session, &v.plan, "a test", &v.number, &v.e);
	change_close(&session);
	return error;
}

static inline int undo_it(void)
{
	struct change_session session;
	unsigned number;
	int error = change_open(&v.host, NULL, &session, &v.e);

	if (error == 0)
		error = change_undo(&session, 0, NULL, &number, &v.e);
	change_close(&session);
	return error;
}

static inline void ok(int error)
{
	if (error < 0)
		print_message("# %s\n", v.e.text);
	assert_int_equal(error, 0);
}

static inline void remember(void)
{
	free(v.before);
	free(v.before_outside);
	v.before = tree_text(v.t.path);
	v.before_outside = tree_text(v.outside.path);
}

/* Content, owner, mode and links; outside, where programs write, without times. */
static inline void is_as_before(void)
{
	char *now = tree_text(v.t.path);

	assert_string_equal(now, v.before);
	free(now);
}

static inline const char *text_in(struct temporary *t, const char *name)
{
	static char text[4][20000];
	static unsigned next;
	char *into = text[next++ % 4];
	FILE *in = fopen(temporary_path(t, name), "re");

	if (!in)
		print_message("# %s\n", name);
	assert_non_null(in);
	into[fread(into, 1, sizeof(text[0]) - 1, in)] = '\0';
	fclose(in);
	return into;
}

static inline const char *text_of(const char *name)
{
	return text_in(&v.t, name);
}

static inline unsigned times(const char *text, const char *what)
{
	unsigned n = 0;

	while ((text = strstr(text, what))) {
		text += strlen(what);
		n++;
	}
	return n;
}

/* Applied; a second plan has nothing to do. */
static inline void applied(void)
{
	remember();
	ok(plan_it());
	ok(apply_it());
	assert_int_equal(v.number, 1);
	ok(plan_it());
	ok(apply_it());
	assert_int_equal(v.number, 0);
}

static inline void undone(void)
{
	ok(undo_it());
	is_as_before();
}
