// SPDX-License-Identifier: MIT
// Real tables, damaged: every truncation of each, and a few hundred random changes with a fixed
// seed. Each ends with a sentence about the table, or with structures that lie within it. Lengths
// and checksum are put right again, so that the damage is met deep inside; each attempt is in
// memory of its exact size, so that the sanitizers see one byte too many.
//
// usage: damaged FOLDER

#include "host/acpi.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_MAX 4096
#define CHANGES 400
#define HEADER_BYTES 48

struct table {
	unsigned char data[TABLE_MAX];
	size_t n;
};

static uint64_t seed = 20240229;
static size_t n_accepted, n_rejected;

/* xorshift64: the same numbers on every machine */
static size_t random_below(size_t limit)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (size_t)(seed % limit);
}

/* ---- what holds for every accepted table ---- */

static bool within(const struct acpi_place *inner, const struct acpi_place *outer)
{
	return inner->offset >= outer->offset && inner->length > 0 &&
	       inner->offset + inner->length <= outer->offset + outer->length;
}

static bool devices_fit(const struct dmar_devices *d, const struct acpi_place *place)
{
	for (size_t i = 0; i < d->n_scopes; i++)
		if (!within(&d->scopes[i].place, place) || d->scopes[i].n_path == 0 ||
		    d->scopes[i].place.length != 6 + 2 * d->scopes[i].n_path)
			return false;
	return true;
}

/* Asks the questions about some functions; what they answer is for other tests. */
static void ask_dmar(const struct dmar *t)
{
	struct pci_function port = { .address = { 0, 0, 0x1c, 0 } };
	struct pci_function below = { .address = { 0, 3, 0, 0 }, .parent = &port };
	const struct pci_function *functions[] = { &port, &below };

	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		const struct dmar_rmrr *rmrr = NULL;

		(void)dmar_drhd_of(t, functions[i]);
		while ((rmrr = dmar_next_rmrr(t, functions[i], rmrr)))
			;
	}
}

static bool dmar_holds(const struct dmar *t)
{
	const struct acpi_place all = { HEADER_BYTES, t->header.length - HEADER_BYTES };
	bool fits = true;

#define FITS(kind, extra)                                                                          \
	do {                                                                                       \
		for (size_t i = 0; i < t->n_##kind##s; i++)                                        \
			if (!within(&t->kind##s[i].place, &all) || !(extra))                       \
				fits = false;                                                      \
	} while (0)
	FITS(drhd, devices_fit(&t->drhds[i].devices, &t->drhds[i].place));
	FITS(rmrr, devices_fit(&t->rmrrs[i].devices, &t->rmrrs[i].place));
	FITS(atsr, devices_fit(&t->atsrs[i].devices, &t->atsrs[i].place));
	FITS(satc, devices_fit(&t->satcs[i].devices, &t->satcs[i].place));
	FITS(sidp, devices_fit(&t->sidps[i].devices, &t->sidps[i].place));
	FITS(rhsa, true);
	FITS(andd, strlen(t->andds[i].acpi_object_name) + 9 <= t->andds[i].place.length);
	FITS(unknown, true);
	ask_dmar(t);
	return fits;
}

static bool ivrs_holds(const struct ivrs *t)
{
	static const struct pci_address some[] = { { 0, 0, 0, 3 }, { 0, 0xff, 0, 0 } };
	const struct acpi_place all = { HEADER_BYTES, t->header.length - HEADER_BYTES };
	bool fits = true;

	FITS(ivhd, true);
	FITS(ivmd, true);
	FITS(unknown, true);
#undef FITS
	for (size_t i = 0; i < t->n_ivhds; i++)
		for (size_t k = 0; k < t->ivhds[i].n_entries; k++)
			fits = fits && within(&t->ivhds[i].entries[k].place, &t->ivhds[i].place);
	for (size_t i = 0; i < ARRAY_SIZE(some); i++) {
		const struct ivhd *ivhd = ivrs_ivhd_of(t, some[i]);
		const struct ivhd_entry *entry = NULL;
		const struct ivmd *ivmd = NULL;

		while (ivhd && (entry = ivhd_next_entry(ivhd, some[i], entry)))
			;
		while ((ivmd = ivrs_next_ivmd(t, some[i], ivmd)))
			;
	}
	return fits;
}

/* ---- trying ---- */

/* NULL, or what is wrong with the answer. *@ret_error is that of the parser. */
static const char *try(const struct table *table, int *ret_error)
{
	unsigned char *exact = malloc(table->n ? table->n : 1);
	struct arena arena CLEANUP_ARENA = { 0 };
	struct err e = { 0 };
	struct dmar dmar;
	struct ivrs ivrs;
	bool holds = true;

	memcpy(exact, table->data, table->n);
	struct bytes bytes = { (char *)exact, table->n };
	if (table->n > 0 && exact[0] == 'I') {
		*ret_error = ivrs_parse(&arena, bytes, &ivrs, &e);
		holds = *ret_error || (ivrs_holds(&ivrs) && ivrs.header.length <= table->n);
	} else {
		*ret_error = dmar_parse(&arena, bytes, &dmar, &e);
		holds = *ret_error || (dmar_holds(&dmar) && dmar.header.length <= table->n);
	}
	free(exact);
	n_accepted += *ret_error == 0;
	n_rejected += *ret_error != 0;
	if (!holds)
		return "a structure lies outside of what holds it";
	if (*ret_error == 0)
		return e.text[0] ? "success with a sentence" : NULL;
	if (*ret_error != -EBADMSG || e.kind != ERR_FAILED)
		return "an error of another kind";
	if (strstr(e.text, " table: ") && strstr(e.text, " offset 0x"))
		return NULL;
	return "a sentence that does not name the table and the offset";
}

/* Length and checksum as the bytes are now. */
static void repair(struct table *t)
{
	unsigned char sum = 0;

	if (t->n < HEADER_BYTES)
		return;
	for (size_t i = 0; i < 4; i++)
		t->data[4 + i] = (unsigned char)(t->n >> 8 * i);
	t->data[9] = 0;
	for (size_t i = 0; i < t->n; i++)
		sum = (unsigned char)(sum + t->data[i]);
	t->data[9] = (unsigned char)(0x100 - sum);
}

static const char *truncate_everywhere(const struct table *table)
{
	const char *complaint = NULL;
	int error;

	for (size_t n = 0; n < table->n && !complaint; n++) {
		struct table cut = *table;

		cut.n = n;
		complaint = try(&cut, &error);
		if (!complaint && error == 0)
			complaint = "a table that ends before its length is accepted";
		repair(&cut);
		if (!complaint)
			complaint = try(&cut, &error);
	}
	return complaint;
}

/* Lengths and types are small numbers: half of the changes choose among such. */
static void change(struct table *t)
{
	static const unsigned char values[] = { 0, 1, 2, 3, 4, 7, 8, 16, 24, 0x40, 240, 241, 255 };

	for (size_t left = 1 + random_below(4); left > 0; left--)
		t->data[HEADER_BYTES + random_below(t->n - HEADER_BYTES)] =
			random_below(2) ? (unsigned char)random_below(256)
					: values[random_below(sizeof(values))];
	if (random_below(8) == 0) {
		size_t at = HEADER_BYTES + random_below(t->n - HEADER_BYTES);
		size_t n = 1 + random_below(t->n - at);

		memmove(t->data + at, t->data + at + n, t->n - at - n);
		t->n -= n;
	}
	repair(t);
}

static const char *check(const struct table *table)
{
	int error;
	const char *complaint = try(table, &error);

	if (!complaint && error)
		complaint = "the table itself is not accepted";
	if (!complaint)
		complaint = truncate_everywhere(table);
	for (size_t i = 0; i < CHANGES && !complaint; i++) {
		struct table changed = *table;

		change(&changed);
		complaint = try(&changed, &error);
	}
	return complaint;
}

static int is_table(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && strcmp(dot, ".bin") == 0;
}

int main(int argc, char **argv)
{
	struct dirent **names;
	bool failed = false;
	int n = argc == 2 ? scandir(argv[1], &names, is_table, alphasort) : -1;

	if (n <= 0) {
		printf("Bail out! usage: damaged FOLDER\n");
		return 2;
	}
	printf("1..%d\n", n);
	for (int i = 0; i < n; i++) {
		static struct table table;
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", argv[1], names[i]->d_name);
		FILE *file = fopen(path, "rb");
		table.n = file ? fread(table.data, 1, TABLE_MAX, file) : 0;
		if (file)
			fclose(file);
		const char *complaint = table.n > HEADER_BYTES ? check(&table) : "cannot be read";
		printf("%s %d - %s%s%s\n", complaint ? "not ok" : "ok", i + 1, names[i]->d_name,
		       complaint ? "\n# " : "", complaint ? complaint : "");
		failed |= complaint != NULL;
		free(names[i]);
	}
	free(names);
	printf("# %zu tables accepted, %zu rejected\n", n_accepted, n_rejected);
	return failed || n_accepted == 0 || n_rejected == 0;
}
