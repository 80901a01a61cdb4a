/* SPDX-License-Identifier: MIT */
/*
 * What the editors share. A format finds the places of a file where words stand (struct
 * edit_value); edit_words.c adds and removes words there, whatever the format is.
 *
 * A value is kept twice: cooked, as its reader sees it without quoting, and for each cooked byte
 * the range of the file that it comes from. So words are split as the kernel splits them, while
 * what changes is exactly the bytes of a word and of one separator.
 */
#pragma once

#include "change/change.h"

/* how words are separated and compared */
enum edit_kind {
	EDIT_KERNEL, /* the kernel's command line */
	EDIT_NAMES,  /* blanks between them */
	EDIT_MODULE, /* the same; '-' is '_' */
	EDIT_COMMA,  /* commas between them; '-' is '_' */
};

/* how the bytes of a place are quoted */
enum edit_context {
	EDIT_PLAIN = 0,
	EDIT_UNQUOTED, /* by a shell: blanks need quotes */
	EDIT_DOUBLE,
	EDIT_SINGLE,
	EDIT_JSON, /* each word has quotes of its own */
};

/* a cooked byte that stands for something unknown: an expansion, a protected blank */
#define EDIT_OPAQUE '\1'

struct edit_value {
	enum edit_kind kind;
	size_t n;
	unsigned char *c;
	size_t *from, *to; /* offsets in the file */
	unsigned char *context;
	size_t room;
	/* where words go when there are none */
	size_t empty_at;
	enum edit_context empty_context;
	const char *separator;
	/* what it says is put behind something that is not seen here */
	bool appends;
	/* the line goes with its last word, because it is ours */
	bool own_line;
	size_t line_at; /* any offset of it */
};

/* A file, and what its format found in it. */
struct edit_file {
	struct arena *a;
	const struct edit_place *place;
	const char *text; /* with a NUL behind it, and none inside */
	size_t n;
	bool removing; /* where the words may stand counts, not whether more can be added */
	struct edit_value *values;
	size_t n_values, room;
	/* the value that takes new words; otherwise a line for them goes behind the line of
	 * @append_at: @line_prefix, the words with @line_separator, @line_suffix */
	struct edit_value *target;
	const char *line_prefix, *line_separator, *line_suffix;
	size_t append_at;
	const char *line_end;
	struct err *e;
};

struct edit_patch {
	size_t at, n; /* what goes */
	const char *with;
};

/* a unit of words that belong together */
struct edit_unit {
	const char *const *words;
	size_t n;
};

/* What stands behind a line that an editor appended, so that it knows it again. */
#define EDIT_MARK "# added by passthru"

/* ---- edit.c ---- */

/* One sentence with the line of @at, then -EOPNOTSUPP. */
int edit_refused(const struct edit_file *f, size_t at, const char *why) MUST_CHECK;
/* There is no such place: -ENOENT, but no error where words are to be taken away. */
int edit_absent(const struct edit_file *f, const char *what) MUST_CHECK;
int edit_error_at(const struct edit_file *f, size_t at, int error, const char *why) MUST_CHECK;
struct edit_value *edit_value_new(struct edit_file *f, enum edit_kind kind);
/* An array of @n elements in *@room, with room for one more. */
void *edit_grown(struct arena *a, void *list, size_t n, size_t *room, size_t size);
void edit_cook(struct edit_file *f, struct edit_value *v, int c, size_t from, size_t to,
	       enum edit_context context);
/* Every byte of the range as it is. */
struct edit_value *edit_value_plain(struct edit_file *f, enum edit_kind kind, size_t from,
				    size_t to);
struct bytes edit_patched(struct arena *a, struct bytes text, const struct edit_patch *patch);

/* A line of the file: its first byte, the end of its content, the start of the next. */
struct edit_line {
	size_t at, end, next;
};
/* The line that starts at @at; false at the end of the file. CR LF ends a line unless @only_lf. */
bool edit_line_at(const struct edit_file *f, size_t at, bool only_lf, struct edit_line *ret);
/* Takes the line of @at away, with the end of the line before it where there is one. */
struct edit_patch edit_line_gone(const struct edit_file *f, size_t at);
/* Appends a line behind all others. */
void edit_append_last(struct edit_file *f, bool only_lf);
size_t edit_skip_blanks(const struct edit_file *f, size_t at, size_t end);
bool edit_text_is(const struct edit_file *f, size_t at, size_t end, const char *text);

/* ---- edit_words.c ---- */

int edit_words_check(const struct names *words, struct err *e) MUST_CHECK;
/* The units of @words, none twice. */
size_t edit_units(struct arena *a, enum edit_kind kind, const struct names *words,
		  struct edit_unit **ret);
/* Whether the unit stands there; -EOPNOTSUPP when the value cannot be split. */
int edit_value_has(const struct edit_file *f, const struct edit_value *v,
		   const struct edit_unit *unit) MUST_CHECK;
/* Whether what stands behind the value is no longer the kernel's. */
int edit_value_ends(const struct edit_file *f, const struct edit_value *v) MUST_CHECK;
int edit_value_insert(const struct edit_file *f, const struct edit_value *v,
		      const struct names *words, struct edit_patch *ret) MUST_CHECK;
/* 1 and the bytes of the last occurrence; 0 when there is none. */
int edit_value_take(const struct edit_file *f, const struct edit_value *v,
		    const struct edit_unit *unit, struct edit_patch *ret) MUST_CHECK;

/* ---- the formats: fill values, target and the line to append ---- */

int edit_find_shell(struct edit_file *f) MUST_CHECK;
int edit_find_cmdline(struct edit_file *f) MUST_CHECK;
int edit_find_bls(struct edit_file *f) MUST_CHECK;
int edit_find_grubenv(struct edit_file *f) MUST_CHECK;
int edit_find_refind(struct edit_file *f) MUST_CHECK;
int edit_find_extlinux(struct edit_file *f) MUST_CHECK;
int edit_find_limine(struct edit_file *f) MUST_CHECK;
int edit_find_kernelstub(struct edit_file *f) MUST_CHECK;
int edit_find_modules(struct edit_file *f) MUST_CHECK;
int edit_find_booster(struct edit_file *f) MUST_CHECK;

/* The size of an environment block stays. */
int edit_grubenv_fill(struct edit_file *f, struct bytes *text) MUST_CHECK;
