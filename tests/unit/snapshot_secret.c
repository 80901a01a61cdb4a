// SPDX-License-Identifier: MIT
// Passwords, and hashes of them, do not get into a record; what a plan needs to read does.

#include "base/snapshot.h"
#include "tests/fake/kernel.h"
#include "tests/unit/temporary.h"

#include <stdlib.h>

static const struct {
	const char *text, *recorded;
} cases[] = {
	/* GRUB */
	{ "set superusers=\"root\"\npassword_pbkdf2 root grub.pbkdf2.sha512.10000.AB.CD\nset x=1\n",
	  "set superusers=\"root\"\npassword_pbkdf2 root xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\nset "
	  "x=1\n" },
	{ "\tpassword ann plain words\n", "\tpassword ann xxxxxxxxxxx\n" },
	{ "if true; then password ann plain\nfi", "if true; then password ann xxxxx\nfi" },
	{ "echo \"password ann plain\" >&2", "echo \"password ann xxxxx\" >&2" },
	{ "password --md5 $1$x", "password --md5 xxxx" },
	{ "password plain", "password xxxxx" },
	{ "GRUB2_PASSWORD=grub.pbkdf2.sha512.1.A.B\n",
	  "GRUB2_PASSWORD=xxxxxxxxxxxxxxxxxxxxxxxx\n" },
	{ "cryptomount -u 12ab -p plain (hd0)", "cryptomount -u 12ab -p xxxxx (hd0)" },
	{ "cryptomount --password \"a b\" -a", "cryptomount --password \"xxx\" -a" },
	{ "search -p x", "search -p x" },
	{ "menuentry 'Reset the password of root' --class debian {\n",
	  "menuentry 'Reset the password of root' --class debian {\n" },
	{ "# ask for the password at boot\n", "# ask for the password at boot\n" },
	{ "password", "password" },
	{ "password_pbkdf2 ", "password_pbkdf2 " },
	/* syslinux */
	{ "MENU MASTER PASSWD $4$salt$hash$\nlabel x",
	  "MENU MASTER PASSWD xxxxxxxxxxxxx\nlabel x" },
	{ "  menu passwd plain", "  menu passwd xxxxx" },
	{ "menu title passwd", "menu title passwd" },
	/* command lines */
	{ "linux /vmlinuz ro rd.iscsi.password=plain,1 quiet",
	  "linux /vmlinuz ro rd.iscsi.password=xxxxxxx quiet" },
	{ "X=\"quiet iscsi_in_Password=plain\"\n", "X=\"quiet iscsi_in_Password=xxxxx\"\n" },
	{ "netroot=iscsi:ann:plain@10.0.0.1::3260:1:iqn ro",
	  "netroot=iscsi:xxxxxxxxx@10.0.0.1::3260:1:iqn ro" },
	{ "inst.ks=https://ann:plain@host/x@y ro", "inst.ks=https://xxxxxxxxx@host/x@y ro" },
	{ "url=http://host/x@y", "url=http://host/x@y" },
	{ "systemd.set_credential=passwd.hashed-password.root:$6$x ro",
	  "systemd.set_credential=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx ro" },
	{ "iommu.passthrough=1 bypass=1 rd.luks.key=/key",
	  "iommu.passthrough=1 bypass=1 rd.luks.key=/key" },
	/* fstab */
	{ "//nas/x /x cifs user=ann,pass=plain 0 0\n",
	  "//nas/x /x cifs user=ann,pass=xxxxx 0 0\n" },
	{ "/ /c ceph name=ann,secret=AQ== 0 0\n", "/ /c ceph name=ann,secret=xxxx 0 0\n" },
	{ "/ /c ceph name=ann,secretfile=/s 0 0\n", "/ /c ceph name=ann,secretfile=/s 0 0\n" },
	/* no text behind them */
	{ "password=", "password=" },
	{ "password='", "password='" },
	{ "https://", "https://" },
	{ "menu passwd", "menu passwd" },
	{ "", "" },
};

static const char binary[] = "MZ\0\1password=plain\0\2password=\0tail";
static const char binary_recorded[] = "MZ\0\1password=xxxxx\0\2password=\0tail";

static struct root *record(struct fake_kernel *k, struct temporary *t, struct err *e)
{
	struct root *recorder = snapshot_record(fake_process(k)), *root = NULL;
	const char *path = temporary_path(t, "s.tar");
	struct snapshot_size size;
	struct arena a = { 0 };
	struct bytes data;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *name = arena_printf(&a, "boot/%zu", i);

		assert_int_equal(root_read(recorder, &a, name, &data), 0);
		/* who asks gets what is there */
		assert_string_equal(data.data, cases[i].text);
	}
	assert_int_equal(root_read(recorder, &a, "boot/binary", &data), 0);
	assert_int_equal(root_read(recorder, &a, "sys/password", &data), 0);
	if (snapshot_save(recorder, path, &size, e) < 0 || root_open(path, &root, e) < 0)
		fail_msg("%s", e->text);
	root_close(recorder);
	arena_free(&a);
	return root;
}

static void test_secrets(void **state)
{
	static const struct fake_function bridge = { "0000:00:00.0", 0x8086, 0x29c0, 0x060000, 0,
						     NULL,           NULL,   NULL };
	struct fake_kernel *k = fake_kernel_new(&bridge, 1);
	struct temporary t;
	struct arena a = { 0 };
	struct err e = { 0 };
	struct bytes data;

	(void)state;
	assert_int_equal(temporary_make(&t), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		fake_file(&k->tree, arena_printf(&a, "boot/%zu", i), cases[i].text);
	fake_bytes(&k->tree, "boot/binary", binary, sizeof(binary));
	fake_file(&k->tree, "sys/password", "password=x1");
	struct root *root = record(k, &t, &e);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(root_read(root, &a, arena_printf(&a, "boot/%zu", i), &data), 0);
		assert_string_equal(data.data, cases[i].recorded);
	}
	assert_int_equal(root_read(root, &a, "boot/binary", &data), 0);
	assert_int_equal(data.n, sizeof(binary_recorded));
	assert_memory_equal(data.data, binary_recorded, sizeof(binary_recorded));
	assert_int_equal(root_read(root, &a, "sys/password", &data), 0);
	assert_string_equal(data.data, "password=x1");
	root_close(root);
	fake_kernel_free(k);
	arena_free(&a);
	assert_int_equal(temporary_remove(&t), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_secrets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
