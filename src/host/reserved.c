// SPDX-License-Identifier: MIT
// Reserved functions as they are now. Matching is reserve_match(), the same that the early helper
// did in this boot; its report says what it did then. Reads nothing more where nothing is reserved.

#include "host/reserved.h"
#include "base/text.h"
#include "host/host.h"

#include <errno.h>

#define REPORT_HEADER "passthru-early 1"
#define REPORT_MAX ((size_t)512 * 1024)

/* ---- functions of this host, as records know them ---- */

static int read_serial(struct host *host, const struct pci_function *f,
		       struct reserve_function *ret)
{
	struct pci_config config;

	(void)host_read_config(host, f, &config); /* its error is in it */
	if (config.serial_error)
		return config.serial_error == -ENOENT ? 0 : config.serial_error;
	ret->has_serial = reserve_is_serial(config.serial);
	ret->serial = ret->has_serial ? config.serial : 0;
	return 0;
}

static void describe(const struct pci_function *f, struct reserve_function *ret)
{
	*ret = (struct reserve_function){
		.ids = { .vendor = f->vendor,
			 .device = f->device,
			 .subsystem_vendor = f->subsystem_vendor,
			 .subsystem_device = f->subsystem_device,
			 .class_code = f->class_code },
	};
	pci_address_format(f->address, ret->address);
	(void)reserve_slot(f->path, ret->slot); /* not known then */
}

void host_reserve_function(struct host *host, const struct pci_function *f,
			   struct reserve_function *ret)
{
	describe(f, ret);
	(void)read_serial(host, f, ret); /* not known then */
}

static bool has_same_ids(const struct pci_function *a, const struct pci_function *b)
{
	return a->vendor == b->vendor && a->device == b->device &&
	       a->subsystem_vendor == b->subsystem_vendor &&
	       a->subsystem_device == b->subsystem_device && a->class_code == b->class_code;
}

unsigned host_count_twins(const struct host *host, const struct pci_function *f,
			  struct pci_function *const *reserved, size_t n_reserved)
{
	unsigned twins = 0;

	for (size_t i = 0; i < host->n_functions; i++) {
		const struct pci_function *other = &host->functions[i];
		bool is_twin = other != f && !other->error && has_same_ids(other, f);

		for (size_t k = 0; k < n_reserved && is_twin; k++)
			is_twin = reserved[k] != other;
		twins += is_twin;
	}
	return twins;
}

/* ---- which function a record means ---- */

struct matching {
	struct host *host;
	struct reserve_function *functions; /* as many as the host has, in its order */
	int *serial_errors;
};

static void ask_serial(void *closure, struct reserve_function *f)
{
	struct matching *m = closure;
	size_t i = (size_t)(f - m->functions);

	if (!m->host->functions[i].error && !m->serial_errors[i])
		m->serial_errors[i] = read_serial(m->host, &m->host->functions[i], f);
}

static bool has_record_ids(const struct reserve_record *record, const struct reserve_function *f)
{
	const struct reserve_ids *a = &record->function.ids, *b = &f->ids;

	return a->vendor == b->vendor && a->device == b->device &&
	       a->subsystem_vendor == b->subsystem_vendor &&
	       a->subsystem_device == b->subsystem_device && a->class_code == b->class_code;
}

static void fill(struct matching *m, const struct reserve_match *match,
		 struct reserved_function *ret)
{
	const struct reserve_record *record = ret->record;
	struct host *host = m->host;

	ret->found = match->found;
	ret->candidates = match->found == RESERVE_AMBIGUOUS ? match->candidates : 0;
	if (match->found == RESERVE_HERE || match->found == RESERVE_MOVED)
		ret->function = &host->functions[match->function];
	else if (ret->candidates == 1)
		ret->candidate = &host->functions[match->function];
	for (size_t i = 0; i < host->n_functions; i++) {
		struct pci_function *f = &host->functions[i];

		if (f != ret->function && str_eq(m->functions[i].address, record->function.address))
			ret->stranger = f;
		if (!ret->function && record->function.has_serial &&
		    has_record_ids(record, &m->functions[i]))
			ret->serial_error = m->serial_errors[i];
	}
}

static void match(struct host *host, const struct reserve_file *file, struct reserved_facts *ret)
{
	struct arena *a = &host->arena;
	struct matching m = {
		.host = host,
		.functions = arena_array(a, host->n_functions, sizeof(*m.functions)),
		.serial_errors = arena_array(a, host->n_functions, sizeof(*m.serial_errors)),
	};
	struct reserve_match *matches = arena_array(a, file->n_records, sizeof(*matches));
	const struct reserve_host functions = { .functions = m.functions,
						.n = host->n_functions,
						.read_serial = ask_serial,
						.closure = &m };

	for (size_t i = 0; i < host->n_functions; i++)
		describe(&host->functions[i], &m.functions[i]);
	reserve_match(file->records, file->n_records, &functions, matches);
	ret->n = file->n_records;
	ret->functions = arena_array(a, ret->n, sizeof(*ret->functions));
	for (size_t i = 0; i < ret->n; i++) {
		ret->functions[i].record = &file->records[i];
		fill(&m, &matches[i], &ret->functions[i]);
	}
}

/* ---- what the helper said ---- */

/* "0000:41:00.0 0000:42:00.0 bound vfio-pci given to vfio-pci" */
static void parse_line(struct arena *a, const char *line, struct reserved_facts *facts)
{
	const char *was = text_next_word(a, &line), *is = text_next_word(a, &line);
	const char *result = text_next_word(a, &line), *driver = text_next_word(a, &line);

	if (!was || !is || !result || !driver)
		return;
	line += strspn(line, " ");
	for (size_t i = 0; i < facts->n; i++) {
		struct reserved_function *f = &facts->functions[i];

		if (f->result || !str_eq(f->record->function.address, was))
			continue;
		f->result = result;
		f->said = arena_strdup(a, line);
		return;
	}
}

static void read_report(struct host *host, struct reserved_facts *ret)
{
	struct arena *a = &host->arena;
	const char *rest, *line;
	struct bytes text;
	size_t n;

	ret->report_error = root_read_max(host->root, a, RESERVED_REPORT, REPORT_MAX, &text);
	if (ret->report_error < 0)
		return;
	rest = text.data;
	if (!text_next_line(&rest, &line, &n) || n != strlen(REPORT_HEADER) ||
	    memcmp(line, REPORT_HEADER, n) != 0) {
		ret->report_error = -EBADMSG;
		return;
	}
	while (text_next_line(&rest, &line, &n))
		parse_line(a, arena_strndup(a, line, n), ret);
}

/* ---- all of it ---- */

static struct fact_number read_switch(const struct kernel_facts *kernel)
{
	const struct kernel_parameter *word;

	if (kernel->command_line.error)
		return (struct fact_number){ .error = kernel->command_line.error };
	word = kernel_parameter_last(kernel, RESERVED_SWITCH_NAME);
	return (struct fact_number){ .value = word && word->value && str_eq(word->value, "1") };
}

static int read_file(struct host *host, struct reserve_file *ret)
{
	struct arena *a = &host->arena;
	struct bytes text;
	int error = root_read_max(host->root, a, RESERVE_FILE, RESERVE_BYTES_MAX, &text);

	if (error < 0)
		return error;
	ret->records = arena_array(a, RESERVE_MAX, sizeof(*ret->records));
	ret->max_problems = RESERVE_MAX;
	ret->problems = arena_array(a, ret->max_problems, sizeof(*ret->problems));
	return reserve_parse(text.data, text.n, ret);
}

void host_read_reserved(struct host *host, const struct kernel_facts *kernel,
			struct reserved_facts *ret)
{
	struct reserve_file file = { 0 };

	*ret = (struct reserved_facts){ .asked = read_switch(kernel), .report_error = -ENOENT };
	ret->file_error = read_file(host, &file);
	if (ret->file_error < 0)
		return;
	ret->problems = file.problems;
	ret->n_problems = file.n_problems;
	if (file.n_records > 0)
		match(host, &file, ret);
	read_report(host, ret);
}

bool host_is_reserved(const struct reserved_facts *reserved, const struct pci_function *f)
{
	for (size_t i = 0; i < reserved->n; i++) {
		if (reserved->functions[i].function == f)
			return true;
	}
	return false;
}
