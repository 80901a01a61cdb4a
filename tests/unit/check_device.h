/* SPDX-License-Identifier: MIT */
/* Asking checks about one device of the machine of uses.h. */
#pragma once

#include "base/text.h"
#include "check/check.h"
#include "tests/unit/uses.h"

static struct verdict verdict;

static inline void judge_device(struct uses *u, const char *id, const char *function)
{
	const struct check *check = check_find(id);
	struct pci_address address;
	struct err e = { 0 };

	if (!check)
		fail_msg("there is no check %s", id);
	if (u->host.root)
		host_done(&u->host);
	host_init(&u->host, fake_process(u->k));
	assert_int_equal(host_read_pci(&u->host, &e), 0);
	host_read_facts(&u->host);
	assert_true(pci_address_parse(function, &address));
	struct pci_function *f = host_find(&u->host, address);
	assert_non_null(f);
	const struct device_facts *facts = host_read_device(&u->host, f);
	assert_ptr_equal(facts, f->facts);
	verdict = (struct verdict){
		.check = check, .function = f, .sentence = "", .arena = &u->host.arena
	};
	check->judge(&u->host, f, &verdict);
}

static inline bool has_evidence(const char *where, const char *what)
{
	for (size_t i = 0; i < verdict.n_evidence; i++) {
		if (strstr(verdict.evidence[i].where, where) &&
		    strstr(verdict.evidence[i].what, what))
			return true;
	}
	return false;
}

/* The verdict, a part of its sentence, and of a piece of evidence. */
static inline void expect(struct uses *u, const char *id, const char *function,
			  enum verdict_kind kind, const char *sentence, const char *where,
			  const char *what)
{
	judge_device(u, id, function);
	if (verdict.kind != kind || !strstr(verdict.sentence, sentence))
		fail_msg("%s: %d \"%s\", expected %d \"%s\"", id, verdict.kind, verdict.sentence,
			 kind, sentence);
	if (kind == VERDICT_SKIP)
		return;
	assert_true(verdict.n_evidence > 0);
	if (where && !has_evidence(where, what)) {
		for (size_t i = 0; i < verdict.n_evidence; i++)
			print_message("# %s: %s\n", verdict.evidence[i].where,
				      verdict.evidence[i].what);
		fail_msg("%s: no evidence \"%s\" \"%s\" for \"%s\"", id, where, what,
			 verdict.sentence);
	}
	if (kind == VERDICT_FAIL)
		assert_non_null(verdict.fix);
}

static inline void expect_skip(struct uses *u, const char *id, const char *function)
{
	expect(u, id, function, VERDICT_SKIP, "", NULL, NULL);
}

static inline void set_release(struct uses *u, const char *release)
{
	fake_file(&u->k->tree, "proc/sys/kernel/osrelease", release);
}
