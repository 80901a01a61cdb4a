// SPDX-License-Identifier: MIT
// The order of entries in the menu, and a name that is last in it. Both boot loaders start the
// first entry when nothing else is said, so an entry of ours must never be the first one; and
// systemd-boot takes the first that fits the pattern of loader.conf ("default *").
//
// systemd-boot: config_entry_compare() of src/boot/efi/boot.c (v252), boot_entry_compare() of
// src/boot/boot.c (later), the same order in both: entries without tries last, those with a
// sort-key first; in them sort-key, machine-id, version downwards; then the file's name
// downwards, by strverscmp_improved() of src/fundamental/string-util-fundamental.c. So an entry
// without sort-key whose name is the lowest is the last. '-' is the lowest character a name may
// have, '_' is dropped by the comparison and keeps bootctl from taking the name for an option. A
// boot counter "+0" would be last too, but systemd-boot renames such a file when it is booted, and
// systemd-bless-boot takes the counter off when that boot was good.
//
// GRUB: bls_cmp(), split_cmp() and vercmp() of Red Hat's grub-core/commands/blscfg.c: the names are
// split at their last two dashes and compared downwards as rpm does; '~' is the lowest.

#include "base/text.h"
#include "bootloader/bls.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool is_letter(char c)
{
	return isalpha((unsigned char)c);
}

static bool is_digit(char c)
{
	return isdigit((unsigned char)c);
}

static int sign(long value)
{
	return (value > 0) - (value < 0);
}

static size_t span(const char *text, bool (*is)(char))
{
	size_t n = 0;

	while (is(text[n]))
		n++;
	return n;
}

/* ---- systemd-boot ---- */

static const char *skip_unknown(const char *text)
{
	while (*text && !is_letter(*text) && !is_digit(*text) && !strchr("~-^.", *text))
		text++;
	return text;
}

/* Segments of digits or letters at both; moves behind them when they are equal. */
static int compare_segment(const char **a, const char **b)
{
	bool digits = is_digit(**a) || is_digit(**b);
	size_t n = span(*a, digits ? is_digit : is_letter);
	size_t m = span(*b, digits ? is_digit : is_letter);
	const char *x = *a, *y = *b;
	int order;

	*a += n;
	*b += m;
	if (!digits) {
		order = strncmp(x, y, n < m ? n : m);
		return order ? sign(order) : sign((long)n - (long)m);
	}
	/* a number is newer than none */
	if (!n || !m)
		return (n > 0) - (m > 0);
	for (; n > 0 && *x == '0'; x++)
		n--;
	for (; m > 0 && *y == '0'; y++)
		m--;
	return n != m ? sign((long)n - (long)m) : sign(strncmp(x, y, n));
}

static int compare_versions(const char *a, const char *b)
{
	a = a ? a : "";
	b = b ? b : "";
	for (;;) {
		a = skip_unknown(a);
		b = skip_unknown(b);
		for (const char *mark = "~-^."; *mark; mark++) {
			/* all but '~' lose to the end of the other one */
			if (mark[0] == '-' && (!*a || !*b))
				return (*a != '\0') - (*b != '\0');
			if ((*a == *mark) != (*b == *mark))
				return *a == *mark ? -1 : 1;
			if (*a == *mark) {
				a++;
				b++;
			}
		}
		int order = compare_segment(&a, &b);
		if (order)
			return order;
	}
}

static int compare_texts(const char *a, const char *b)
{
	if (!a || !b)
		return (a != NULL) - (b != NULL);
	return sign(strcmp(a, b));
}

static const char *lowered(const char *text, char *to, size_t size)
{
	size_t n = 0;

	for (; text[n] && n + 1 < size; n++)
		to[n] = (char)tolower((unsigned char)text[n]);
	to[n] = '\0';
	return to;
}

static int compare_systemd(const struct bls_entry *a, const struct bls_entry *b)
{
	char x[256], y[256];
	int order = (a->tries_left == 0) - (b->tries_left == 0);

	if (!order)
		order = !a->sort_key - !b->sort_key;
	if (!order && a->sort_key) {
		order = compare_texts(a->sort_key, b->sort_key);
		if (!order)
			order = compare_texts(a->machine_id, b->machine_id);
		if (!order)
			order = -compare_versions(a->version, b->version);
	}
	if (!order)
		order = -compare_versions(lowered(a->file, x, sizeof(x)),
					  lowered(b->file, y, sizeof(y)));
	return order;
}

/* ---- GRUB ---- */

static const char *skip_to(const char *text)
{
	while (*text && !is_letter(*text) && !is_digit(*text) && !strchr("~+", *text))
		text++;
	return text;
}

/* 0: both have it, and are moved behind it; else the order. 2: neither. */
static int compare_mark(const char **a, const char **b, char mark)
{
	if (**a != mark && **b != mark)
		return 2;
	if (mark == '+' && !**a)
		return -1;
	if (mark == '+' && !**b)
		return 1;
	if (**a != **b)
		return **a == mark ? -1 : 1;
	(*a)++;
	(*b)++;
	return 0;
}

static int compare_rpm(const char *a, const char *b)
{
	while (*a || *b) {
		a = skip_to(a);
		b = skip_to(b);
		int order = compare_mark(&a, &b, '~');
		if (order == 2)
			order = compare_mark(&a, &b, '+');
		if (order == 0)
			continue;
		if (order != 2)
			return order;
		if (!*a || !*b)
			break;
		/* what the first one has here decides, digits or letters */
		bool digits = is_digit(*a);
		if (span(b, digits ? is_digit : is_letter) == 0)
			return digits ? 1 : -1;
		order = compare_segment(&a, &b);
		if (order)
			return order;
	}
	return (*a != '\0') - (*b != '\0');
}

struct nvr {
	char text[256];
	const char *name, *version, *release;
};

static void split_name(const char *name, struct nvr *ret)
{
	snprintf(ret->text, sizeof(ret->text), "%s", name);
	char *release = strrchr(ret->text, '-');
	if (release)
		*release++ = '\0';
	char *version = strrchr(ret->text, '-');
	if (version)
		*version++ = '\0';
	ret->name = ret->text;
	ret->version = version ? version : release;
	ret->release = version ? release : NULL;
}

static int compare_grub(const struct bls_entry *a, const struct bls_entry *b)
{
	size_t suffix = strlen(".conf");
	struct nvr x, y;
	char name[256];

	snprintf(name, sizeof(name), "%.*s", (int)(strlen(a->file) - suffix), a->file);
	split_name(name, &x);
	snprintf(name, sizeof(name), "%.*s", (int)(strlen(b->file) - suffix), b->file);
	split_name(name, &y);
	int order = compare_rpm(x.name, y.name);
	if (!order)
		order = compare_rpm(x.version ? x.version : "", y.version ? y.version : "");
	if (!order)
		order = compare_rpm(x.release ? x.release : "", y.release ? y.release : "");
	return -order;
}

int bls_compare(enum bls_reader reader, const struct bls_entry *a, const struct bls_entry *b)
{
	return reader == BLS_SYSTEMD ? compare_systemd(a, b) : compare_grub(a, b);
}

/* ---- names ---- */

const char *const *bls_own_names(struct arena *a, enum bls_reader reader, const char *wanted)
{
	return text_list(a, wanted, arena_concat(a, reader == BLS_SYSTEMD ? "_-" : "~", wanted),
			 NULL);
}

static bool is_last(const struct bls_list *list, const struct bls_entry *own)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct bls_entry *other = &list->entries[i];

		/* one whose tries are used up is behind all and comes to be so at any boot */
		if (!bls_is_own(other) && other->tries_left != 0 &&
		    bls_compare(list->reader, other, own) >= 0)
			return false;
	}
	/* they have a sort-key from their os-release; should one not have it, its name counts */
	for (size_t i = 0; i < list->unified.n; i++) {
		struct bls_entry other = { .file = list->unified.name[i], .tries_left = -1 };

		if (bls_compare(list->reader, &other, own) >= 0)
			return false;
	}
	return true;
}

const char *bls_last_name(struct arena *a, const struct bls_list *list, const char *wanted)
{
	const char *const *names = bls_own_names(a, list->reader, wanted);

	for (; *names; names++) {
		struct bls_entry own = { .file = arena_concat(a, *names, ".conf"),
					 .tries_left = -1 };

		if (is_last(list, &own))
			return *names;
	}
	return NULL;
}
