/* SPDX-License-Identifier: MIT */
/*
 * A whole tree as text, one line a file: content, owner, mode, names, attributes and time of
 * change. Two trees with the same text are the same. What the engine keeps for itself is left out,
 * and the times of directories, which say when a name came or went.
 */
#pragma once

#include "base/sha256.h"
#include "tests/unit/temporary.h"

#include <dirent.h>
#include <sys/xattr.h>

static inline void tree_sum(const char *path, char ret[SHA256_TEXT])
{
	struct sha256 sum;
	char piece[4096];
	size_t n;
	FILE *in = fopen(path, "re");

	assert_non_null(in);
	sha256_start(&sum);
	while ((n = fread(piece, 1, sizeof(piece), in)) > 0)
		sha256_add(&sum, piece, n);
	fclose(in);
	sha256_text(&sum, ret);
}

static inline void tree_attributes(const char *path, FILE *out)
{
	char names[1024], value[1024];
	ssize_t n = llistxattr(path, names, sizeof(names));

	for (ssize_t i = 0; i < n; i += (ssize_t)strlen(names + i) + 1) {
		ssize_t size = lgetxattr(path, names + i, value, sizeof(value));

		fprintf(out, " %s=", names + i);
		for (ssize_t k = 0; k < size; k++)
			fprintf(out, "%02x", (unsigned char)value[k]);
	}
}

static inline void tree_one(const char *path, const char *name, FILE *out)
{
	char sum[SHA256_TEXT] = "", target[1024] = "";
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	if (S_ISREG(st.st_mode))
		tree_sum(path, sum);
	if (S_ISLNK(st.st_mode))
		assert_true(readlink(path, target, sizeof(target) - 1) > 0);
	fprintf(out, "%s %o %u:%u %s%s", name, st.st_mode, st.st_uid, st.st_gid, sum, target);
	if (!S_ISDIR(st.st_mode))
		fprintf(out, " %zu %lld.%09ld", (size_t)st.st_nlink, (long long)st.st_mtim.tv_sec,
			st.st_mtim.tv_nsec);
	tree_attributes(path, out);
	fputc('\n', out);
}

static inline void tree_walk(const char *top, const char *below, FILE *out)
{
	struct dirent **entries;
	char path[2048], name[1024];

	snprintf(path, sizeof(path), "%s/%s", top, below);
	int n = scandir(path, &entries, NULL, alphasort);
	assert_true(n >= 0);
	for (int i = 0; i < n; i++) {
		const char *entry = entries[i]->d_name;

		snprintf(name, sizeof(name), "%s%s%s", below, *below ? "/" : "", entry);
		snprintf(path, sizeof(path), "%s/%s", top, name);
		if (strcmp(entry, ".") != 0 && strcmp(entry, "..") != 0 &&
		    strcmp(name, "var/lib/passthru") != 0) {
			struct stat st;

			tree_one(path, name, out);
			if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
				tree_walk(top, name, out);
		}
		free(entries[i]);
	}
	free(entries);
}

/* The caller frees it. */
static inline char *tree_text(const char *top)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	assert_non_null(out);
	tree_walk(top, "", out);
	fclose(out);
	return text;
}

/* The old time of change of a file, so that a new one differs. */
static inline void tree_age(struct temporary *t, const char *name, long s)
{
	const struct timespec times[2] = { { s, 1 }, { s, 123456789 } };

	assert_int_equal(utimensat(AT_FDCWD, temporary_path(t, name), times, AT_SYMLINK_NOFOLLOW),
			 0);
}
