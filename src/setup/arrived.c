// SPDX-License-Identifier: MIT
// What came up with the boot. Who has a function and why is judged by the check for reserved
// functions (check/reserved.c), so that a confirmation and 'passthru check' never differ.

#include "base/text.h"
#include "check/check.h"
#include "host/host.h"
#include "setup/internal.h"

/* With its evidence: "nouveau has it: ... (run/passthru/early: ...)". */
static const char *sentence_of(struct arena *a, const struct verdict *v)
{
	const char *text = v->sentence;

	for (size_t i = 0; i < v->n_evidence; i++)
		text = arena_printf(a, "%s%s%s: %s%s", text, i ? "; " : " (", v->evidence[i].where,
				    v->evidence[i].what, i + 1 == v->n_evidence ? ")" : "");
	return text;
}

static void judge(struct host *host, const struct reserved_function *reserved,
		  struct setup_arrival *ret)
{
	struct arena *a = &host->arena;
	struct verdict verdict = { .arena = a, .sentence = "" };
	const struct pci_function *f = reserved->function;

	check_judge_reserved(host, reserved, &verdict);
	*ret = (struct setup_arrival){
		.record = reserved->record,
		.function = f,
		.driver = f && f->driver.error == 0 ? f->driver.value : NULL,
		.why = sentence_of(a, &verdict),
	};
	ret->arrived = ret->driver && kernel_same_name(ret->driver, reserved->record->driver);
}

/* A word that counts as often as it stands there is looked for as it is, so all are. */
static bool stands(const struct kernel_facts *kernel, const char *word)
{
	for (size_t i = 0; i < kernel->n_parameters; i++) {
		if (str_eq(kernel->parameters[i].text, word))
			return true;
	}
	return false;
}

int setup_arrived(struct host *host, const struct setup_state *state, struct setup_arrivals *ret,
		  struct err *e)
{
	struct arena *a = &host->arena;

	*ret = (struct setup_arrivals){ 0 };
	int error = host->n_functions ? 0 : host_read_pci(host, e);
	if (error < 0)
		return error;
	host_read_facts(host);
	const struct reserved_facts *reserved = &host->facts->reserved;
	if (reserved->file_error < 0)
		return err_io(e, reserved->file_error, "reading %s", RESERVE_FILE);
	ret->list = arena_array(a, reserved->n, sizeof(*ret->list));
	ret->all = true;
	for (size_t i = 0; i < reserved->n; i++) {
		judge(host, &reserved->functions[i], &ret->list[ret->n]);
		ret->all = ret->list[ret->n++].arrived && ret->all;
	}
	ret->missing.name = arena_array(a, state->words.n, sizeof(*ret->missing.name));
	for (size_t i = 0; i < state->words.n; i++) {
		if (!stands(&host->facts->kernel, state->words.name[i]))
			ret->missing.name[ret->missing.n++] = state->words.name[i];
	}
	ret->all = ret->all && ret->missing.n == 0;
	return 0;
}
