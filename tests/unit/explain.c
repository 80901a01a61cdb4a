// SPDX-License-Identifier: MIT
// What explain knows: every entry against real lines, lines that only look like them, and what is
// taken from a line.

#include "tests/unit/explain_fixture.h"

/* ---- the tables ---- */

static void entries_are_complete(void **state)
{
	size_t n = 0;

	(void)state;
	for (const struct explain_table *t = explain_tables; t->entries; t++) {
		for (const struct explain_entry *e = t->entries; e->id; e++, n++) {
			const char *id = e->id;
			if (id[strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-")])
				fail_msg("%s: not in small letters and dashes", id);
			if (explain_find(id) != e)
				fail_msg("%s: there are two", id);
			if (!e->patterns[0] || !e->source || !e->cause || !e->next)
				fail_msg("%s: something is missing", id);
			if (e->severity == EXPLAIN_PROBLEM && str_eq(e->next, "Nothing."))
				fail_msg("%s: a problem that wants nothing done", id);
			if (strstr(e->cause, "%{"))
				fail_msg("%s: placeholders are for next", id);
			if (e->cause[strlen(e->cause) - 1] != '.')
				fail_msg("%s: the cause is no sentence", id);
			assert_string_equal(explain_origin(e), t->origin);
		}
	}
	assert_true(n >= 75);
	assert_null(explain_find("no-such-entry"));
}

static void next_steps_name_known_placeholders(void **state)
{
	size_t used;

	(void)state;
	for (const struct explain_table *t = explain_tables; t->entries; t++) {
		for (const struct explain_entry *e = t->entries; e->id; e++) {
			for (const char *at = e->next; (at = strstr(at, "%{")); at++) {
				if (!explain_placeholder(at, &used))
					fail_msg("%s: unknown placeholder: %s", e->id, at);
			}
		}
	}
}

static void facts_have_names(void **state)
{
	(void)state;
	for (int i = 0; i < EVIDENCE_COUNT; i++) {
		assert_non_null(explain_evidence_name((enum explain_evidence)i));
		assert_non_null(explain_evidence_text((enum explain_evidence)i));
		for (int k = 0; k < i; k++)
			assert_string_not_equal(explain_evidence_name((enum explain_evidence)i),
						explain_evidence_name((enum explain_evidence)k));
	}
}

/* ---- the lines ---- */

static void check_line(struct explain_matcher *m, const struct record *r)
{
	const char *id = r->field[0], *line = r->field[2];
	char *also = strchr(r->field[0], '+');
	struct explain_match match;

	if (also)
		*also++ = '\0';
	if (!*r->field[1])
		fail_msg("%s: a line without a source", id);
	if (!explain_matcher_line(m, line, strlen(line), &match))
		fail_msg("%s: nothing explains: %s", id, line);
	if (!str_eq(match.entry->id, id))
		fail_msg("%s, not %s, explains: %s", match.entry->id, id, line);
	if (!str_eq(match.also ? match.also->id : "", also ? also : ""))
		fail_msg("%s: %s explains it too: %s", id, match.also ? match.also->id : "nothing",
			 line);
}

static void every_line_has_its_entry(void **state)
{
	struct explain_matcher *m = explain_matcher_new(&arena, explain_tables);
	struct record *list;
	size_t n = records("lines.txt", 3, &list);

	(void)state;
	for (size_t i = 0; i < n; i++)
		check_line(m, &list[i]);
}

/* Whether a line for @entry fits its pattern @which; alone, so that no other one hides it. */
static bool some_line_fits(const struct explain_entry *entry, size_t which,
			   const struct record *list, size_t n)
{
	struct explain_entry one[] = {
		{ .id = entry->id, .patterns = { entry->patterns[which] } },
		{ 0 },
	};
	struct explain_table tables[] = { { "test", one }, { 0 } };
	struct arena a = { 0 };
	struct explain_matcher *m = explain_matcher_new(&a, tables);
	size_t length = strlen(entry->id);
	struct explain_match match;
	bool fits = false;

	for (size_t i = 0; i < n && !fits; i++) {
		const char *id = list[i].field[0], *line = list[i].field[2];
		fits = strncmp(id, entry->id, length) == 0 && (!id[length] || id[length] == '+') &&
		       explain_matcher_line(m, line, strlen(line), &match);
	}
	arena_free(&a);
	return fits;
}

static void every_pattern_has_a_line(void **state)
{
	struct record *list;
	size_t n = records("lines.txt", 3, &list);

	(void)state;
	for (const struct explain_table *t = explain_tables; t->entries; t++) {
		for (const struct explain_entry *e = t->entries; e->id; e++) {
			for (size_t i = 0; i < EXPLAIN_PATTERNS_MAX && e->patterns[i]; i++) {
				if (!some_line_fits(e, i, list, n))
					fail_msg("%s: no line for: %s", e->id, e->patterns[i]);
			}
		}
	}
}

static void near_misses_have_no_entry(void **state)
{
	struct record *list;
	size_t n = records("near-misses.txt", 2, &list);

	(void)state;
	assert_true(n > 20);
	for (size_t i = 0; i < n; i++) {
		const char *line = list[i].field[1];
		struct explain_result result = explain(line, strlen(line));
		if (result.n)
			fail_msg("%s explains (%s): %s", result.findings[0]->entry->id,
				 list[i].field[0], line);
		assert_int_equal(result.n_lines, 1);
	}
}

/* ---- what is taken from a line ---- */

static void addresses_are_found(void **state)
{
	static const struct {
		const char *line, *address;
	} cases[] = {
		{ "DMAR: [DMA Read] Request device [00:02.0] fault addr 0 [fault reason 06] x",
		  "0000:00:02.0" },
		{ "DMAR: [DMA Read NO_PASID] Request device [0x00:0x1f.7] fault addr 0x7 [fault "
		  "reason 0x07] x",
		  "0000:00:1f.7" },
		{ "AMD-Vi: Event logged [IO_PAGE_FAULT device=10000:E1:00.0 domain=0x0 "
		  "address=0x0 flags=0x0]",
		  "10000:e1:00.0" },
		{ "qemu: -device vfio-pci,host=0000:02:00.0: vfio 0000:01:00.0: group 14 is not "
		  "viable",
		  "0000:01:00.0" },
		{ "group 14 is not viable (0000:03:00.0)", "0000:03:00.0" },
		{ "qemu: -device vfio-pci,host=01:00.0: group 14 is not viable", NULL },
		{ "10:00:00.000+0000: group 14 is not viable 00:11:22:33:44:55", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct explain_finding *f = only_finding(cases[i].line);
		if (!str_eq(f->address ? f->address : "none",
			    cases[i].address ? cases[i].address : "none"))
			fail_msg("%s, not %s, in: %s", f->address ? f->address : "none",
				 cases[i].address ? cases[i].address : "none", cases[i].line);
	}
}

static void commands_get_what_the_line_says(void **state)
{
	const struct explain_finding *f =
		only_finding("vfio 0000:09:00.0: group 2 is not viable\n");

	(void)state;
	assert_non_null(strstr(explain_next(&arena, f), "shows group 2; passthru bind"));
	f = only_finding("vfio-pci 0000:03:00.0: Cannot bind to PF with SR-IOV enabled");
	assert_non_null(strstr(explain_next(&arena, f), "passthru bind 0000:03:00.0;"));
	f = only_finding("Cannot bind to PF with SR-IOV enabled");
	assert_non_null(strstr(explain_next(&arena, f), "passthru bind DEVICE;"));
	/* nothing of a log that a program would take for an option */
	f = only_finding("error: Failed to load PCI driver module -rf: no");
	assert_null(strstr(explain_next(&arena, f), "-rf"));
	assert_non_null(strstr(explain_next(&arena, f), "modprobe MODULE"));
}

static void faults_are_told_in_words(void **state)
{
	static const struct {
		const char *line, *words;
	} cases[] = {
		{ "DMAR: [DMA Read NO_PASID] Request device [00:02.0] fault addr 0x7cd80000 [fault "
		  "reason 0x01] Present bit in root entry is clear",
		  "0000:00:02.0 tried to read address 0x7cd80000: Present bit in root entry is "
		  "clear." },
		{ "DMAR: [DMA Write] Request device [06:00.0] PASID ffffffff fault addr 9c000000 "
		  "[fault reason 05] PTE Write access is not set",
		  "0000:06:00.0 tried to write to address 0x9c000000: PTE Write access is not "
		  "set." },
		{ "vfio-pci 0000:0b:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000d "
		  "address=0xcff49550 flags=0x0070]",
		  "0000:0b:00.0 wrote, without being allowed to, to address 0xcff49550." },
		{ "vfio-pci 0000:0b:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000d "
		  "address=0xcff49550 flags=0x0050]",
		  "0000:0b:00.0 read, without being allowed to, address 0xcff49550." },
		{ "AMD-Vi: Event logged [IO_PAGE_FAULT device=0b:00.0 domain=0x000d "
		  "address=0xcff49550 flags=0x0000]",
		  "0000:0b:00.0 used, without it being mapped, address 0xcff49550." },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(explain_fault(&arena, only_finding(cases[i].line)),
				    cases[i].words);
	assert_null(explain_fault(&arena, only_finding("group 1 is not viable")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(entries_are_complete, free_arena),
		cmocka_unit_test_teardown(next_steps_name_known_placeholders, free_arena),
		cmocka_unit_test_teardown(facts_have_names, free_arena),
		cmocka_unit_test_teardown(every_line_has_its_entry, free_arena),
		cmocka_unit_test_teardown(every_pattern_has_a_line, free_arena),
		cmocka_unit_test_teardown(near_misses_have_no_entry, free_arena),
		cmocka_unit_test_teardown(addresses_are_found, free_arena),
		cmocka_unit_test_teardown(commands_get_what_the_line_says, free_arena),
		cmocka_unit_test_teardown(faults_are_told_in_words, free_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
