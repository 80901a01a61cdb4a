// SPDX-License-Identifier: MIT
// Archives that no recorder made: what leads out of the tree, what is no file, what claims too
// much, and manifests that are none. Each is refused with a sentence, or harmless.

#include "base/snapshot.h"
#include "base/text.h"
#include "tests/unit/temporary.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>

#define GOOD_MANIFEST "{\"format\": \"passthru-snapshot\", \"version\": 1}"

struct member {
	const char *path;
	unsigned type; /* 0: a file */
	const char *content;
	const char *link, *hard_link;
};

struct fixture {
	struct temporary t;
	struct arena a;
	struct err e;
};

static int start(void **state)
{
	static struct fixture f;

	f = (struct fixture){ 0 };
	*state = &f;
	return temporary_make(&f.t);
}

static int stop(void **state)
{
	struct fixture *f = *state;

	arena_free(&f->a);
	return temporary_remove(&f->t);
}

static void add(struct archive *archive, const struct member *m)
{
	struct archive_entry *entry = archive_entry_new();
	size_t n = m->content ? strlen(m->content) : 0;

	archive_entry_set_pathname(entry, m->path);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_filetype(entry, m->type ? m->type : AE_IFREG);
	archive_entry_set_size(entry, (la_int64_t)n);
	if (m->type == AE_IFCHR || m->type == AE_IFBLK) {
		archive_entry_set_rdevmajor(entry, 1);
		archive_entry_set_rdevminor(entry, 3);
	}
	if (m->link)
		archive_entry_set_symlink(entry, m->link);
	if (m->hard_link)
		archive_entry_set_hardlink(entry, m->hard_link);
	assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
	if (n)
		assert_int_equal(archive_write_data(archive, m->content, n), n);
	archive_entry_free(entry);
}

/* "hostile.tar" with a manifest, when there is one, and then @m, when there is one. */
static void make_archive(struct fixture *f, const char *manifest, const struct member *m)
{
	const struct member first = { .path = SNAPSHOT_MANIFEST, .content = manifest };
	struct archive *archive = archive_write_new();

	archive_write_set_format_gnutar(archive);
	assert_int_equal(archive_write_open_filename(archive, temporary_path(&f->t, "hostile.tar")),
			 ARCHIVE_OK);
	if (manifest)
		add(archive, &first);
	if (m)
		add(archive, m);
	assert_int_equal(archive_write_free(archive), ARCHIVE_OK);
}

static int open_it(struct fixture *f, struct root **ret)
{
	f->e = (struct err){ 0 };
	return root_open(temporary_path(&f->t, "hostile.tar"), ret, &f->e);
}

static void assert_refused(struct fixture *f, int error, const char *words)
{
	struct root *root;

	assert_int_equal(open_it(f, &root), error);
	assert_int_equal(f->e.kind, ERR_FAILED);
	if (!strstr(f->e.text, words) || !strstr(f->e.text, "reading snapshot"))
		fail_msg("\"%s\" does not say \"%s\"", f->e.text, words);
}

static void test_paths(void **state)
{
	static const char *const out[] = {
		"/etc/passwd", "../x",          "a/../../x",      "a/..", "..",
		"./../x",      ".//etc/passwd", "a/b/../../../x", "//x",
	};
	static const char *const inside[] = {
		"./a/x", "a/..x", "a/x..", "...", "././x", "a/.../x"
	};
	struct fixture *f = *state;
	struct root *root;
	struct bytes data;

	for (size_t i = 0; i < ARRAY_SIZE(out); i++) {
		make_archive(f, GOOD_MANIFEST, &(struct member){ .path = out[i], .content = "x" });
		assert_refused(f, -EBADMSG, "leads out of the snapshot");
	}
	for (size_t i = 0; i < ARRAY_SIZE(inside); i++) {
		const char *path = inside[i];

		make_archive(f, GOOD_MANIFEST, &(struct member){ .path = path, .content = "x" });
		assert_int_equal(open_it(f, &root), 0);
		while (str_starts(path, "./"))
			path += 2;
		assert_int_equal(root_read(root, &f->a, path, &data), 0);
		root_close(root);
	}
}

static void test_types(void **state)
{
	static const unsigned types[] = { AE_IFCHR, AE_IFBLK, AE_IFIFO };
	struct fixture *f = *state;
	struct root *root;
	struct names names;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		make_archive(f, GOOD_MANIFEST, &(struct member){ .path = "x", .type = types[i] });
		assert_refused(f, -EBADMSG, "entry x is neither a file nor a link");
	}
	make_archive(f, GOOD_MANIFEST, &(struct member){ .path = "x", .hard_link = "/etc/shadow" });
	assert_refused(f, -EBADMSG, "entry x is a hard link");
	/* a directory tells nothing: only what was listed is known */
	make_archive(f, GOOD_MANIFEST, &(struct member){ .path = "x", .type = AE_IFDIR });
	assert_int_equal(open_it(f, &root), 0);
	assert_int_equal(root_list(root, &f->a, "x", &names), -ENODATA);
	root_close(root);
}

/* A link is text, wherever it points; nothing is read through it. */
static void test_links(void **state)
{
	struct fixture *f = *state;
	struct root *root;
	struct bytes data;
	const char *target;

	make_archive(f, GOOD_MANIFEST,
		     &(struct member){ .path = "x", .type = AE_IFLNK, .link = "/etc/passwd" });
	assert_int_equal(open_it(f, &root), 0);
	assert_int_equal(root_link(root, &f->a, "x", &target), 0);
	assert_string_equal(target, "/etc/passwd");
	assert_int_equal(root_read(root, &f->a, "x", &data), -ENODATA);
	assert_int_equal(root_read(root, &f->a, "etc/passwd", &data), -ENODATA);
	root_close(root);
}

/* The size is overwritten in the header of the second entry, and its sum with it. */
static void test_claimed_sizes(void **state)
{
	static const struct {
		const char *octal;
		int error;
	} sizes[] = {
		{ "77777777777", -EFBIG },   /* 8 GiB */
		{ "00100000001", -EFBIG },   /* one byte more than a file may have */
		{ "00100000000", -EBADMSG }, /* as many as it may have, and does not */
		{ "00000002000", -EBADMSG },
	};
	struct fixture *f = *state;
	unsigned char header[512];

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		unsigned sum = 0;

		make_archive(f, GOOD_MANIFEST, &(struct member){ .path = "x" });
		FILE *stream = fopen(temporary_path(&f->t, "hostile.tar"), "r+");
		assert_non_null(stream);
		assert_int_equal(fseek(stream, 1024, SEEK_SET), 0);
		assert_int_equal(fread(header, 1, sizeof(header), stream), sizeof(header));
		memcpy(header + 124, sizes[i].octal, 11);
		memset(header + 148, ' ', 8);
		for (size_t k = 0; k < sizeof(header); k++)
			sum += header[k];
		snprintf((char *)header + 148, 8, "%06o", sum);
		assert_int_equal(fseek(stream, 1024, SEEK_SET), 0);
		assert_int_equal(fwrite(header, 1, sizeof(header), stream), sizeof(header));
		assert_int_equal(fclose(stream), 0);
		assert_int_equal(truncate(temporary_path(&f->t, "hostile.tar"), 1536), 0);
		assert_refused(f, sizes[i].error, "");
	}
}

/* 20 files of 16 MiB: each may be, together they may not. Compressed it is some kilobytes. */
static void test_bomb(void **state)
{
	struct fixture *f = *state;
	struct archive *archive = archive_write_new();
	char *zeroes = calloc(1, SNAPSHOT_MAX_FILE_BYTES);
	char path[16];

	archive_write_set_format_gnutar(archive);
	archive_write_add_filter_zstd(archive);
	assert_int_equal(archive_write_open_filename(archive, temporary_path(&f->t, "hostile.tar")),
			 ARCHIVE_OK);
	for (int i = 0; i < 20; i++) {
		struct archive_entry *entry = archive_entry_new();

		snprintf(path, sizeof(path), "file%d", i);
		archive_entry_set_pathname(entry, path);
		archive_entry_set_filetype(entry, AE_IFREG);
		archive_entry_set_perm(entry, 0644);
		archive_entry_set_size(entry, (la_int64_t)SNAPSHOT_MAX_FILE_BYTES);
		assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
		assert_int_equal(archive_write_data(archive, zeroes, SNAPSHOT_MAX_FILE_BYTES),
				 SNAPSHOT_MAX_FILE_BYTES);
		archive_entry_free(entry);
	}
	assert_int_equal(archive_write_free(archive), ARCHIVE_OK);
	free(zeroes);
	assert_refused(f, -EFBIG, "more than 268435456 bytes");
}

static void test_long_names(void **state)
{
	struct fixture *f = *state;
	struct root *root;
	struct bytes data;
	char *path = arena_alloc(&f->a, 100001);

	memset(path, 'x', 100000);
	make_archive(f, GOOD_MANIFEST, &(struct member){ .path = path, .content = "x" });
	if (open_it(f, &root) == 0) {
		assert_int_equal(root_read(root, &f->a, path, &data), 0);
		root_close(root);
	}
}

static void test_manifests(void **state)
{
	static const struct {
		const char *text, *words;
	} manifests[] = {
		{ NULL, "no passthru-snapshot.json in it" },
		{ "", "passthru-snapshot.json, line" },
		{ "not json", "passthru-snapshot.json, line 1" },
		{ "{", "passthru-snapshot.json, line 1" },
		{ "{}", "does not say \"format\": \"passthru-snapshot\"" },
		{ "[]", "does not say" },
		{ "{\"format\": 7, \"version\": 1}", "does not say" },
		{ "{\"format\": \"other\", \"version\": 1}", "does not say" },
		{ "{\"format\": \"passthru-snapshot\"}", "snapshot version 0" },
		{ "{\"format\": \"passthru-snapshot\", \"version\": \"1\"}", "snapshot version 0" },
		{ "{\"format\": \"passthru-snapshot\", \"version\": 2}",
		  "snapshot version 2, this passthru reads version 1" },
		{ "{\"format\": \"passthru-snapshot\", \"version\": 1, \"entries\": 1}",
		  "cut short: 0 of 1 entries" },
		{ "{\"format\": \"passthru-snapshot\", \"version\": 1, \"x\": \"\\u0000\"}",
		  "passthru-snapshot.json, line 1" },
	};
	struct fixture *f = *state;
	struct root *root;

	for (size_t i = 0; i < ARRAY_SIZE(manifests); i++) {
		make_archive(f, manifests[i].text, NULL);
		assert_refused(f, -EBADMSG, manifests[i].words);
		if (!manifests[i].text || !*manifests[i].text)
			continue;
		/* the same in a tree */
		if (strstr(manifests[i].text, "entries"))
			continue;
		temporary_file(&f->t, "tree/" SNAPSHOT_MANIFEST, manifests[i].text);
		assert_int_equal(root_open(temporary_path(&f->t, "tree"), &root, &f->e), -EBADMSG);
		assert_non_null(strstr(f->e.text, manifests[i].words));
	}
}

/* Parts that are of another kind than they should be do not count. */
static void test_odd_manifests(void **state)
{
	static const char *const texts[] = {
		"{\"format\": \"passthru-snapshot\", \"version\": 1, \"errors\": [], \"lists\": 3}",
		"{\"format\": \"passthru-snapshot\", \"version\": 1, \"errors\": {\"a\": 1, \"b\": "
		"null},"
		" \"lists\": {\"c\": \"x\", \"d\": [1, null, \"y\", {}], \"e\": {}}, \"entries\": "
		"-5}",
	};
	struct fixture *f = *state;
	struct root *root;
	struct names names;
	struct bytes data;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		make_archive(f, texts[i], NULL);
		assert_int_equal(open_it(f, &root), 0);
		assert_int_equal(root_read(root, &f->a, "a", &data), -ENODATA);
		if (i == 1) {
			assert_int_equal(root_list(root, &f->a, "d", &names), 0);
			assert_int_equal(names.n, 1);
			assert_string_equal(names.name[0], "y");
		}
		root_close(root);
	}
}

static void test_deep_manifest(void **state)
{
	struct fixture *f = *state;
	char *text = arena_alloc(&f->a, 1000001);

	memset(text, '[', 100000);
	make_archive(f, text, NULL);
	assert_refused(f, -EBADMSG, "passthru-snapshot.json, line 1");
	memset(text, '[', 1000000);
	make_archive(f, text, NULL);
	assert_refused(f, -EFBIG, "passthru-snapshot.json: more than 200000 lists");
}

/* The manifest of a tree is bounded as well, and no way out of it. */
static void test_tree(void **state)
{
	struct fixture *f = *state;
	struct root *root;
	struct bytes data;

	temporary_file(&f->t, "outside", "secret");
	temporary_file(&f->t, "tree/" SNAPSHOT_MANIFEST, GOOD_MANIFEST);
	temporary_link(&f->t, "tree/x", "../outside");
	temporary_link(&f->t, "tree/y", temporary_path(&f->t, "outside"));
	assert_int_equal(root_open(temporary_path(&f->t, "tree"), &root, &f->e), 0);
	assert_int_equal(root_read(root, &f->a, "x", &data), -ENODATA);
	assert_int_equal(root_read(root, &f->a, "y", &data), -ENODATA);
	assert_int_equal(root_read(root, &f->a, "../outside", &data), -ENODATA);
	root_close(root);

	assert_int_equal(truncate(temporary_path(&f->t, "tree/" SNAPSHOT_MANIFEST),
				  (off_t)SNAPSHOT_MAX_FILE_BYTES + 1),
			 0);
	assert_int_equal(root_open(temporary_path(&f->t, "tree"), &root, &f->e), -EFBIG);
}

static void test_no_archive(void **state)
{
	struct fixture *f = *state;

	temporary_file(&f->t, "hostile.tar", "");
	assert_refused(f, -EBADMSG, "");
	temporary_file(&f->t, "hostile.tar", "just some text, longer than nothing\n");
	assert_refused(f, -EBADMSG, "");
	temporary_bytes(&f->t, "hostile.tar", "\x1f\x8b\x08\0\0\0\0\0", 8);
	assert_refused(f, -EBADMSG, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(paths),         TEST(types),      TEST(links),      TEST(claimed_sizes),
		TEST(bomb),          TEST(long_names), TEST(manifests),  TEST(odd_manifests),
		TEST(deep_manifest), TEST(tree),       TEST(no_archive),
	};

	return cmocka_run_group_tests_name("snapshot_hostile", tests, NULL, NULL);
}
