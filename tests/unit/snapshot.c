// SPDX-License-Identifier: MIT
// What a recorder has seen, its snapshot answers again: contents, links, listings and errors, from
// the archive and from the tree that the archive expands to. A damaged archive is an error, or
// answers the same. Archives that nobody recorded: snapshot_hostile.c.

#include "base/snapshot.h"
#include "base/text.h"
#include "tests/fake/kernel.h"
#include "tests/unit/temporary.h"

#include <errno.h>
#include <stdlib.h>

enum kind { READ, LINK, LIST };

static const struct question {
	enum kind kind;
	const char *path;
} questions[] = {
	{ READ, "proc/cmdline" },
	{ READ, "proc/empty" },
	{ READ, "proc/binary" },
	{ READ, "proc/large" },
	{ READ, "proc/nothing" },
	{ READ, "proc/secret" },
	{ READ, "proc/broken" },
	{ READ, "proc" },
	{ READ, "proc/huge" },
	{ LINK, "sys/bus/pci/devices/0000:00:00.0" },
	{ READ, "sys/devices/pci0000:00/0000:00:00.0/uevent" },
	{ LINK, "sys/devices/pci0000:00/0000:00:00.0/iommu_group" },
	{ LINK, "sys/devices/pci0000:00/0000:00:00.0/driver" },
	{ LINK, "link/absolute" },
	{ LINK, "link/odd" },
	{ LIST, "sys/bus/pci/devices" },
	{ LIST, "list/names" },
	{ LIST, "list/empty" },
	{ LIST, "list/nothing" },
	{ LIST, "list/secret" },
	{ READ, "with a blank/and \"quotes\"" },
	{ READ, "umlaut/ü" },
};

struct fixture {
	struct temporary t;
	struct fake_kernel *k;
	struct root *recorder;
	struct arena a;
	struct err e;
	const char *answers[ARRAY_SIZE(questions)]; /* of the machine itself */
};

static const char *ask(struct root *root, struct arena *a, const struct question *q)
{
	struct bytes data;
	struct names names;
	const char *target;
	int error;

	switch (q->kind) {
	case READ:
		error = root_read(root, a, q->path, &data);
		if (error == 0)
			return arena_printf(a, "%zu bytes %08zx: %.100s", data.n,
					    data.n ? (size_t)data.data[data.n / 2] : 0, data.data);
		break;
	case LINK:
		error = root_link(root, a, q->path, &target);
		if (error == 0)
			return arena_printf(a, "-> %s", target);
		break;
	default:
		error = root_list(root, a, q->path, &names);
		if (error == 0)
			return arena_printf(a, "%zu: %s", names.n,
					    text_join(a, names.name, names.n, "|"));
	}
	return arena_printf(a, "error %s", strerrorname_np(-error));
}

static void put_files(struct fake_tree *tree)
{
	static char large[60000], huge[70000];

	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (char)(rand() >> 8);
	fake_file(tree, "proc/cmdline", "root=/dev/sda1 quiet\n");
	fake_file(tree, "proc/empty", "");
	fake_bytes(tree, "proc/binary", "\0\1\2\xff\0", 5);
	fake_bytes(tree, "proc/large", large, sizeof(large));
	memset(huge, 'x', sizeof(huge));
	fake_bytes(tree, "proc/huge", huge, sizeof(huge));
	fake_file(tree, "proc/secret", "s");
	fake_error(tree, "proc/secret", -EACCES);
	fake_file(tree, "proc/broken", "b");
	fake_error(tree, "proc/broken", -EIO);
	fake_link(tree, "link/absolute", "/etc/hostname");
	fake_link(tree, "link/odd", "../../../../\n\x1b[31m/ü");
	fake_file(tree, "list/names/b", "");
	fake_file(tree, "list/names/a\nb", "");
	fake_file(tree, "list/names/\x1b[5mblink", "");
	fake_directory(tree, "list/empty");
	fake_directory(tree, "list/secret");
	fake_error(tree, "list/secret", -EPERM);
	fake_file(tree, "with a blank/and \"quotes\"", "yes");
	fake_file(tree, "umlaut/ü", "yes");
}

static int start(void **state)
{
	static const struct fake_function bridge = { "0000:00:00.0", 0x8086, 0x29c0, 0x060000, 0,
						     NULL,           NULL,   NULL };
	static struct fixture f;

	f = (struct fixture){ .k = fake_kernel_new(&bridge, 1) };
	*state = &f;
	put_files(&f.k->tree);
	f.recorder = snapshot_record(fake_process(f.k));
	for (size_t i = 0; i < ARRAY_SIZE(questions); i++)
		f.answers[i] = ask(f.recorder, &f.a, &questions[i]);
	return temporary_make(&f.t);
}

static int stop(void **state)
{
	struct fixture *f = *state;

	root_close(f->recorder);
	fake_kernel_free(f->k);
	arena_free(&f->a);
	return temporary_remove(&f->t);
}

static void assert_same_answers(struct fixture *f, struct root *root)
{
	struct arena a = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(questions); i++)
		assert_string_equal(ask(root, &a, &questions[i]), f->answers[i]);
	arena_free(&a);
}

/* Saves under @name and opens that; the caller closes it. */
static struct root *save_and_open(struct fixture *f, const char *name)
{
	const char *path = temporary_path(&f->t, name);
	struct snapshot_size size;
	struct root *root = NULL;

	if (snapshot_save(f->recorder, path, &size, &f->e) < 0 || root_open(path, &root, &f->e) < 0)
		fail_msg("%s", f->e.text);
	return root;
}

static struct bytes read_file(struct fixture *f, const char *name)
{
	struct root *dir;
	struct bytes data;

	assert_int_equal(root_open(f->t.path, &dir, &f->e), 0);
	assert_int_equal(root_read_max(dir, &f->a, name, 1 << 22, &data), 0);
	root_close(dir);
	return data;
}

/* ---- whole ---- */

static void test_recorder_answers(void **state)
{
	struct fixture *f = *state;
	struct root *machine = fake_process(f->k);

	/* the recorder says what the machine says, and again the second time */
	for (size_t i = 0; i < ARRAY_SIZE(questions); i++)
		assert_string_equal(ask(machine, &f->a, &questions[i]), f->answers[i]);
	assert_same_answers(f, f->recorder);
	assert_int_equal(root_write(f->recorder, "proc/cmdline", "x"), -EROFS);
	assert_int_equal(root_remove(f->recorder, "proc/cmdline"), -EROFS);
	root_close(machine);
}

static void test_archive(void **state)
{
	static const char *const names[] = { "s.tar", "s.tar.gz", "s.tar.xz", "s.tar.zst", "s" };
	struct fixture *f = *state;
	struct bytes data;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct root *root = save_and_open(f, names[i]);

		assert_same_answers(f, root);
		assert_false(root_is_live(root));
		assert_int_equal(root_read(root, &f->a, "proc/not-asked", &data), -ENODATA);
		assert_int_equal(root_read_max(root, &f->a, "proc/cmdline", 5, &data), -EFBIG);
		assert_int_equal(root_write(root, "proc/cmdline", "x"), -EROFS);
		assert_int_equal(root_replace(root, "proc/x", "x", 1, 0644), -EROFS);
		assert_int_equal(root_mkdir(root, "x", 0755), -EROFS);
		root_close(root);
	}
}

/* A snapshot of a snapshot is the same snapshot. */
static void test_again(void **state)
{
	struct fixture *f = *state;
	struct root *first = save_and_open(f, "first.tar.gz");
	struct root *machine = f->recorder;

	f->recorder = snapshot_record(first);
	assert_same_answers(f, f->recorder);
	struct root *second = save_and_open(f, "second.tar.gz");
	assert_same_answers(f, second);
	root_close(second);
	root_close(f->recorder);
	f->recorder = machine;
}

/* What processes have open: devices are recorded, files of people are not, not even that they are.
 */
static void test_descriptors(void **state)
{
	struct fixture *f = *state;
	struct fake_tree *tree = &f->k->tree;
	struct names names;
	const char *target;

	fake_link(tree, "proc/812/fd/0", "/dev/pts/0");
	fake_link(tree, "proc/812/fd/3", "/home/jane/diary.txt");
	fake_link(tree, "proc/812/fd/4", "socket:[1234]");
	fake_link(tree, "proc/812/fd/5", "/dev/shm/diary");
	fake_link(tree, "proc/812/fd/6", "/dev/dri/card0");
	fake_link(tree, "proc/812/cwd", "/home/jane");
	/* the machine itself answers in full, listed first or not */
	assert_int_equal(root_link(f->recorder, &f->a, "proc/812/fd/3", &target), 0);
	assert_string_equal(target, "/home/jane/diary.txt");
	assert_int_equal(root_list(f->recorder, &f->a, "proc/812/fd", &names), 0);
	assert_int_equal(names.n, 5);
	for (size_t i = 0; i < names.n; i++)
		(void)!root_link(f->recorder, &f->a,
				 arena_concat(&f->a, "proc/812/fd/", names.name[i]), &target);
	struct root *root = save_and_open(f, "s.tar");
	assert_int_equal(root_list(root, &f->a, "proc/812/fd", &names), 0);
	assert_int_equal(names.n, 2);
	assert_int_equal(root_link(root, &f->a, "proc/812/fd/6", &target), 0);
	assert_string_equal(target, "/dev/dri/card0");
	assert_int_equal(root_link(root, &f->a, "proc/812/fd/3", &target), -ENODATA);
	root_close(root);
	struct bytes whole = read_file(f, "s.tar");
	assert_null(memmem(whole.data, whole.n, "jane", 4));
	assert_null(memmem(whole.data, whole.n, "diary", 5));
	assert_null(memmem(whole.data, whole.n, "socket", 6));
}

static void expand(struct fixture *f)
{
	char command[2048];

	root_close(save_and_open(f, "s.tar"));
	assert_int_equal(mkdir(temporary_path(&f->t, "tree"), 0755), 0);
	snprintf(command, sizeof(command), "tar -C '%s/tree' -xf '%s/s.tar'", f->t.path, f->t.path);
	assert_int_equal(system(command), 0);
}

static void test_expanded(void **state)
{
	struct fixture *f = *state;
	struct root *root;
	struct bytes data;
	struct names names;

	expand(f);
	assert_int_equal(root_open(temporary_path(&f->t, "tree"), &root, &f->e), 0);
	assert_same_answers(f, root);
	assert_int_equal(root_read(root, &f->a, "proc/not-asked", &data), -ENODATA);
	assert_int_equal(root_list(root, &f->a, "link", &names), -ENODATA);
	assert_int_equal(root_write(root, "proc/cmdline", "x"), -EROFS);
	root_close(root);
}

/* A tree made by hand that says it is all there is: what is missing does not exist. */
static void test_complete(void **state)
{
	struct fixture *f = *state;
	struct root *root;
	struct bytes data;
	struct names names;

	temporary_file(&f->t, "tree/" SNAPSHOT_MANIFEST,
		       "{\"format\": \"passthru-snapshot\", \"version\": 1, \"complete\": true,"
		       " \"errors\": {\"etc/shadow\": \"EACCES\", \"etc/odd\": \"EWHATEVER\"},"
		       " \"lists\": {\"etc/listed\": [\"x\"]}}");
	temporary_file(&f->t, "tree/etc/hostname", "here");
	temporary_file(&f->t, "tree/etc/shadow", "there, but not readable");
	assert_int_equal(root_open(temporary_path(&f->t, "tree"), &root, &f->e), 0);
	assert_int_equal(root_read(root, &f->a, "etc/hostname", &data), 0);
	assert_int_equal(root_read(root, &f->a, "etc/shadow", &data), -EACCES);
	assert_int_equal(root_read(root, &f->a, "etc/odd", &data), -EIO);
	assert_int_equal(root_read(root, &f->a, "etc/passwd", &data), -ENOENT);
	assert_int_equal(root_list(root, &f->a, "etc", &names), 0);
	assert_int_equal(names.n, 2);
	assert_int_equal(root_list(root, &f->a, "etc/listed", &names), 0);
	assert_int_equal(names.n, 1);
	assert_int_equal(root_list(root, &f->a, "lib", &names), -ENOENT);
	root_close(root);
}

/* A directory without a manifest is a mounted system. */
static void test_mounted(void **state)
{
	struct fixture *f = *state;
	struct root *root;
	struct bytes data;

	temporary_file(&f->t, "tree/etc/hostname", "here");
	assert_int_equal(root_open(temporary_path(&f->t, "tree"), &root, &f->e), 0);
	assert_int_equal(root_read(root, &f->a, "etc/hostname", &data), 0);
	assert_int_equal(root_read(root, &f->a, "etc/passwd", &data), -ENOENT);
	root_close(root);
}

static void test_save(void **state)
{
	struct fixture *f = *state;
	struct snapshot_size size;
	struct root *dir;
	struct names names;
	struct stat st;

	temporary_file(&f->t, "in/s.tar.gz", "old");
	assert_int_equal(chmod(temporary_path(&f->t, "in/s.tar.gz"), 0644), 0);
	assert_int_equal(
		snapshot_save(f->recorder, temporary_path(&f->t, "in/s.tar.gz"), &size, &f->e), 0);
	assert_int_equal(size.files, 7);
	assert_int_equal(size.links, 4);
	assert_int_equal(size.lists, 3);
	assert_int_equal(size.errors, ARRAY_SIZE(questions) - 7 - 4 - 3);
	assert_int_equal(stat(temporary_path(&f->t, "in/s.tar.gz"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	assert_int_equal(snapshot_save(f->recorder, temporary_path(&f->t, "no/s"), &size, &f->e),
			 -ENOENT);
	assert_non_null(strstr(f->e.text, "no/s"));
	assert_int_equal(mkdir(temporary_path(&f->t, "in/folder"), 0755), 0);
	assert_int_equal(
		snapshot_save(f->recorder, temporary_path(&f->t, "in/folder"), &size, &f->e),
		-EISDIR);
	/* what is no file is not replaced by one: a pipe, /dev/null, a link to a device */
	assert_int_equal(mkfifo(temporary_path(&f->t, "in/pipe"), 0600), 0);
	assert_int_equal(symlink("pipe", temporary_path(&f->t, "in/link")), 0);
	assert_int_equal(snapshot_save(f->recorder, temporary_path(&f->t, "in/pipe"), &size, &f->e),
			 -EEXIST);
	assert_int_equal(snapshot_save(f->recorder, temporary_path(&f->t, "in/link"), &size, &f->e),
			 -EEXIST);
	assert_int_equal(lstat(temporary_path(&f->t, "in/pipe"), &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(lstat(temporary_path(&f->t, "in/link"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	/* nothing half written stays behind */
	assert_int_equal(root_open(temporary_path(&f->t, "in"), &dir, &f->e), 0);
	assert_int_equal(root_list(dir, &f->a, "", &names), 0);
	assert_int_equal(names.n, 4);
	root_close(dir);
}

/* ---- damaged ---- */

/* Whether it opens; asks everything of it then. */
static bool open_bytes(struct fixture *f, const char *data, size_t n, bool must_be_same)
{
	struct root *root;
	struct arena a = { 0 };

	temporary_bytes(&f->t, "damaged", data, n);
	f->e = (struct err){ 0 };
	if (root_open(temporary_path(&f->t, "damaged"), &root, &f->e) < 0) {
		assert_non_null(strstr(f->e.text, "damaged"));
		return false;
	}
	if (must_be_same)
		assert_same_answers(f, root);
	for (size_t i = 0; i < ARRAY_SIZE(questions); i++)
		ask(root, &a, &questions[i]);
	arena_free(&a);
	root_close(root);
	return true;
}

static void test_truncated(void **state)
{
	static const char *const names[] = { "s.tar", "s.tar.gz", "s.tar.xz", "s.tar.zst" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		root_close(save_and_open(f, names[i]));
		struct bytes whole = read_file(f, names[i]);
		size_t refused = 0, tried = 0;

		for (size_t n = 0; n < whole.n; n += 512, tried++)
			refused += !open_bytes(f, whole.data, n, true);
		/* the zeroes at the end of a tar say nothing */
		assert_true(refused + 24 >= tried);
		assert_true(open_bytes(f, whole.data, whole.n, true));
	}
}

/* Some hundred mutations each: bytes, and stretches that are cut out or doubled. */
static void test_mutated(void **state)
{
	static const char *const names[] = { "s.tar", "s.tar.gz", "s.tar.xz" };
	struct fixture *f = *state;

	srand(1);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		root_close(save_and_open(f, names[i]));
		struct bytes whole = read_file(f, names[i]);
		char *copy = arena_alloc(&f->a, whole.n * 2);

		for (int round = 0; round < 150; round++) {
			size_t at = (size_t)rand() % whole.n, n = whole.n;
			size_t stretch = (size_t)rand() % (whole.n - at) % 2000;

			memcpy(copy, whole.data, n);
			if (round % 3 == 0) {
				for (int k = 0; k <= round % 5; k++)
					copy[(size_t)rand() % n] = (char)(rand() >> 4);
			} else if (round % 3 == 1) {
				memmove(copy + at, copy + at + stretch, n - at - stretch);
				n -= stretch;
			} else {
				memcpy(copy + at + stretch, whole.data + at, n - at);
				n += stretch;
			}
			/* only xz has a sum over the content that is looked at */
			open_bytes(f, copy, n, i == 2);
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(recorder_answers), TEST(archive),     TEST(again), TEST(expanded),
		TEST(complete),         TEST(mounted),     TEST(save),  TEST(truncated),
		TEST(mutated),          TEST(descriptors),
	};

	return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
