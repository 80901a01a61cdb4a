// SPDX-License-Identifier: MIT
// The real programs: entries that kernel-install makes, from the command line that a plan leaves
// for it, are what the plan has made of the entries; and bootctl reads all of ours, and shows them
// last. kernel-install comes with systemd, bootctl with systemd-boot on Debian 12: where one is
// missing, or may not mount, its test is skipped. BOOTCTL names one that is not installed.

#include "tests/bootloader/bls_host.h"

#include <jansson.h>
#include <sched.h>
#include <sys/mount.h>

#define MACHINE "0123456789abcdef0123456789abcdef"
#define PLUGIN "/usr/lib/kernel/install.d/90-loaderentry.install"
#define MOUNTS "21 1 8:2 / / rw - ext4 /dev/sda2 rw\n22 21 8:1 / /boot/efi rw - vfat /dev/sda1 rw\n"

static const char *const releases[] = { "6.1.0-37-amd64", "6.1.0-9-amd64" };

static const char *at(const char *path)
{
	return arena_printf(&host.arena, "%s/%s", top.path, path);
}

/* A file system of its own: what kernel-install and bootctl want an ESP to be. */
static bool has_partition(void)
{
	temporary_directories(&top, "boot/efi/x");
	return mount("esp", at("boot/efi"), "tmpfs", 0, NULL) == 0;
}

static int stop(void **state)
{
	/* not there, where the test was skipped */
	(void)!umount(at("boot/efi"));
	return bls_stop(state);
}

#define ORACLE_TEST(test) cmocka_unit_test_setup_teardown(test, bls_start, stop)

static void set(const char *name, const char *value)
{
	assert_int_equal(setenv(name, value, 1), 0);
}

static void install(const char *release)
{
	const char *command =
		arena_printf(&host.arena, "kernel-install add %s %s %s", release,
			     at(arena_concat(&host.arena, "boot/vmlinuz-", release)),
			     at(arena_concat(&host.arena, "boot/initrd.img-", release)));

	set("KERNEL_INSTALL_CONF_ROOT", at("etc/kernel"));
	set("KERNEL_INSTALL_PLUGINS", PLUGIN);
	set("BOOT_ROOT", at("boot/efi"));
	set("MACHINE_ID", MACHINE);
	assert_int_equal(system(command), 0);
}

static void has_host(const char *token)
{
	has("proc/self/mountinfo", MOUNTS);
	has("proc/cmdline", "root=UUID=7 ro quiet\n");
	has("etc/machine-id", MACHINE "\n");
	has("etc/kernel/install.conf", "layout=bls\n");
	has("etc/kernel/entry-token", arena_concat(&host.arena, token, "\n"));
	has("usr/bin/bootctl", "");
	has("usr/bin/kernel-install", "");
	has("boot/efi/EFI/systemd/systemd-bootx64.efi", "");
	has_variable("LoaderInfo", "systemd-boot 252.39-1~deb12u2");
	temporary_directories(&top, arena_printf(&host.arena, "boot/efi/%s/x", token));
	for (size_t i = 0; i < ARRAY_SIZE(releases); i++) {
		has_kernel(releases[i], arena_concat(&host.arena, "boot/vmlinuz-", releases[i]),
			   arena_concat(&host.arena, "boot/initrd.img-", releases[i]));
		install(releases[i]);
	}
	change.words = words_of("passthru.boot=1 iommu=pt hugepagesz=1G hugepages=4");
	change.trial_words = words_of("passthru.trial=1 panic=30");
	change.kernel = &generator.kernels[0];
	change.trial_image = "boot/initrd.img-6.1.0-37-amd64.passthru";
	has(change.trial_image, "with the helper");
}

/* Entries with the words in place, and entries that are made from the command line, are the same.
 */
static void installs_what_was_planned(const char *token, const char *cmdline)
{
	assert_true(has_partition());
	has("etc/kernel/cmdline", cmdline);
	has_host(token);
	/* a command line that was only ever that of the running kernel */
	gone("etc/kernel/cmdline");
	chosen("systemd-boot");
	permanent_planned();
	done(NULL);
	for (size_t i = 0; i < ARRAY_SIZE(releases); i++) {
		const char *path = arena_printf(&host.arena, "boot/efi/loader/entries/%s-%s.conf",
						token, releases[i]);
		const char *planned_text = text_of(path);

		has_words_once(BLS_SYSTEMD, path, &change.words);
		gone(path);
		install(releases[i]);
		assert_string_equal(text_of(path), planned_text);
	}
}

static void test_installs_by_machine(void **state)
{
	(void)state;
	installs_what_was_planned(MACHINE, "root=UUID=7 ro\nquiet\n");
}

static void test_installs_by_token(void **state)
{
	(void)state;
	installs_what_was_planned("debian", "root=UUID=7 ro quiet\n");
}

/* systemd-boot's package has it; BOOTCTL names one elsewhere. */
static const char *bootctl_program(void)
{
	return getenv("BOOTCTL") ? getenv("BOOTCTL") : "/usr/bin/bootctl";
}

/* What bootctl shows, as a list of its objects in the order of the menu. */
static json_t *shown(const char *bootctl)
{
	const char *command =
		arena_printf(&host.arena, "%s list --json=short --esp-path=%s --boot-path=%s",
			     bootctl, at("boot/efi"), at("boot/efi"));
	json_t *all = json_array();
	char *line = NULL;
	size_t room = 0;

	set("SYSTEMD_RELAX_ESP_CHECKS", "1");
	FILE *stream = popen(command, "r");
	assert_non_null(stream);
	while (getline(&line, &room, stream) > 0) {
		json_t *one = json_loads(line, 0, NULL);

		/* later ones print one array */
		if (json_is_array(one))
			json_array_extend(all, one);
		else if (one)
			json_array_append(all, one);
		json_decref(one);
	}
	free(line);
	assert_int_equal(pclose(stream), 0);
	return all;
}

static void is_shown(const json_t *all, const char *id, size_t place)
{
	size_t n = json_array_size(all);
	const char *file = arena_concat(&host.arena, "boot/efi/loader/entries/", id);
	const char *text = text_of(file);
	assert_non_null(text);
	struct bls_entry entry = { .text = { text, strlen(text) } };

	bls_parse(&host.arena, BLS_SYSTEMD, &entry);
	for (size_t i = 0; i < n; i++) {
		const json_t *one = json_array_get(all, i);

		if (!str_eq(json_string_value(json_object_get(one, "id")), id))
			continue;
		assert_int_equal(n - i, place);
		assert_string_equal(json_string_value(json_object_get(one, "options")),
				    entry.options);
		assert_string_equal(json_string_value(json_object_get(one, "linux")), entry.kernel);
		return;
	}
	fail_msg("bootctl does not show %s", id);
}

static void test_bootctl_shows(void **state)
{
	(void)state;
	assert_true(has_partition());
	has("etc/kernel/cmdline", "root=UUID=7 ro quiet\n");
	has_host("debian");
	chosen("systemd-boot");
	trial_planned();
	permanent_planned();
	assert_non_null(planned("boot/efi/loader/entries/passthru-without.conf"));
	/* both of ours at once */
	done(NULL);
	json_t *all = shown(bootctl_program());
	is_shown(all, "passthru-trial.conf", 1);
	is_shown(all, "passthru-without.conf", 2);
	is_shown(all, "debian-6.1.0-9-amd64.conf", 3);
	is_shown(all, "debian-6.1.0-37-amd64.conf", 4);
	json_decref(all);
}

/* Without sort-keys. */
static void test_bootctl_shows_static(void **state)
{
	(void)state;
	assert_true(has_partition());
	has("etc/kernel/cmdline", "root=UUID=7 ro quiet\n");
	has_host("debian");
	for (size_t i = 0; i < ARRAY_SIZE(releases); i++)
		gone(arena_printf(&host.arena, "boot/efi/loader/entries/debian-%s.conf",
				  releases[i]));
	has("boot/efi/loader/entries/arch.conf",
	    "title a\nlinux /debian/6.1.0-37-amd64/linux\n"
	    "initrd /debian/6.1.0-37-amd64/initrd.img-6.1.0-37-amd64\noptions root=a\n");
	has("boot/efi/loader/entries/zebra.conf", "title z\nlinux /debian/6.1.0-9-amd64/linux\n"
						  "options root=z\n");
	chosen("systemd-boot");
	trial_planned();
	done(NULL);
	json_t *all = shown(bootctl_program());
	is_shown(all, "_-passthru-trial.conf", 1);
	is_shown(all, "zebra.conf", 3);
	is_shown(all, "arch.conf", 2);
	json_decref(all);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		ORACLE_TEST(test_installs_by_machine),
		ORACLE_TEST(test_installs_by_token),
		ORACLE_TEST(test_bootctl_shows),
		ORACLE_TEST(test_bootctl_shows_static),
	};
	size_t from = access(PLUGIN, X_OK) == 0 ? 0 : 2;
	size_t to = access(bootctl_program(), X_OK) == 0 ? ARRAY_SIZE(tests) : 2;

	if (from >= to || unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		puts("1..0 # SKIP no kernel-install and no bootctl, or no right to mount");
		return 0;
	}
	return _cmocka_run_group_tests("oracle", &tests[from], to - from, NULL, NULL);
}
