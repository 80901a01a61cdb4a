// SPDX-License-Identifier: MIT
// The words of the kernel's command line that a wish comes to, and what stands there already that
// they would contradict. Rules: Documentation/admin-guide/kernel-parameters.txt,
// Documentation/admin-guide/mm/hugetlbpage.rst, mm/hugetlb.c (each size once, hugepages= behind its
// hugepagesz=), drivers/iommu/intel/iommu.c and arch/x86/kernel/pci-dma.c (off is off for good).
// amd_iommu=on is no value that the kernel knows, and AMD's IOMMU is on without a word.

#include "base/text.h"
#include "host/host.h"
#include "setup/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WORDS_MAX 48
#define PROCESSORS_MAX 8192
/* that the host keeps for itself when pages are set aside */
#define MEMORY_KEPT_BYTES ((uint64_t)512 * 1024 * 1024)

static void add(struct names *words, const char *word)
{
	words->name[words->n++] = word;
}

/* ---- what stands on the command line already, by others than us ---- */

static bool is_in(const struct names *words, const char *word)
{
	for (size_t i = 0; i < words->n; i++) {
		if (str_eq(words->name[i], word))
			return true;
	}
	return false;
}

/*
 * Also those of a setup that was taken back while the kernel still runs with its words: they stand
 * behind the switch.
 */
static bool is_ours(const struct setup_work *work, const char *word)
{
	const struct kernel_facts *kernel = &work->facts->kernel;
	bool behind = false;

	if (work->record.phase != SETUP_NONE)
		return is_in(&work->record.words, word) || is_in(&work->record.trial_words, word);
	for (size_t i = 0; i < kernel->n_parameters; i++) {
		if (behind && str_eq(kernel->parameters[i].text, word))
			return true;
		behind = behind || str_eq(kernel->parameters[i].text, SETUP_SWITCH);
	}
	return false;
}

/* Whether a parameter that holds has @value among its values, which commas part; its text, or NULL.
 */
static const char *stands(const struct setup_work *work, const char *name, const char *value)
{
	const struct kernel_facts *kernel = &work->facts->kernel;
	const struct kernel_parameter *p = NULL;

	while ((p = kernel_parameter_next(kernel, name, p))) {
		if (is_ours(work, p->text) || !p->value)
			continue;
		for (const char *at = p->value; at; at = strchr(at, ',')) {
			at += *at == ',';
			size_t n = strcspn(at, ",");
			if (n == strlen(value) && strncmp(at, value, n) == 0)
				return p->text;
		}
	}
	return NULL;
}

static const char *stands_at_all(const struct setup_work *work, const char *name)
{
	const struct kernel_parameter *p = NULL;

	while ((p = kernel_parameter_next(&work->facts->kernel, name, p))) {
		if (!is_ours(work, p->text))
			return p->text;
	}
	return NULL;
}

static int refuse_contradiction(const char *text, const char *why, struct err *e)
{
	return err_refuse(e,
			  "the kernel's command line has %s, %s: take that word away first, where "
			  "it was put",
			  text, why);
}

/* ---- the IOMMU ---- */

static bool has_unit(const struct platform_facts *p, enum iommu_kind kind)
{
	for (size_t i = 0; i < p->n_units; i++) {
		if (p->units[i].kind == kind)
			return true;
	}
	return false;
}

static int check_iommu(const struct setup_work *work, struct err *e)
{
	static const struct {
		const char *name, *value, *why;
	} against[] = {
		{ "iommu", "off", "which turns every IOMMU off" },
		{ "intel_iommu", "off", "which turns the IOMMU off" },
		{ "amd_iommu", "off", "which turns the IOMMU off" },
	};
	const struct platform_facts *p = &work->facts->platform;

	for (size_t i = 0; i < ARRAY_SIZE(against); i++) {
		const char *text = stands(work, against[i].name, against[i].value);
		if (text)
			return refuse_contradiction(text, against[i].why, e);
	}
	if (p->n_units == 0 && p->dmar_table.error == -ENOENT && p->ivrs_table.error == -ENOENT &&
	    p->vendor.error == 0)
		return err_refuse(e, "this host has no IOMMU that its firmware tells of: neither "
				     "DMAR nor IVRS stands in " ACPI_TABLES
				     "; turn VT-d or AMD-Vi on in the firmware first");
	return 0;
}

static int add_iommu(const struct setup_work *work, const struct setup_wish *wish,
		     struct names *words, struct err *e)
{
	const struct platform_facts *p = &work->facts->platform;
	int error = check_iommu(work, e);

	if (error < 0)
		return error;
	/* what is on because of our word is no reason to leave that word out */
	if (firmware_table_is_there(&p->dmar_table) &&
	    (!has_unit(p, IOMMU_INTEL) || is_ours(work, "intel_iommu=on")))
		add(words, "intel_iommu=on");
	if (!wish->iommu_pt)
		return 0;
	static const char *const against[][2] = { { "iommu", "nopt" },
						  { "iommu.passthrough", "0" } };
	for (size_t i = 0; i < ARRAY_SIZE(against); i++) {
		const char *text = stands(work, against[i][0], against[i][1]);
		if (text)
			return refuse_contradiction(text, "the contrary of iommu=pt", e);
	}
	add(words, "iommu=pt");
	return 0;
}

/* ---- huge pages ---- */

static const char *size_text(struct arena *a, uint64_t bytes)
{
	static const uint64_t kib = 1024;

	if (bytes % (kib * kib * kib) == 0)
		return arena_printf(a, "%" PRIu64 "G", bytes / (kib * kib * kib));
	if (bytes % (kib * kib) == 0)
		return arena_printf(a, "%" PRIu64 "M", bytes / (kib * kib));
	return arena_printf(a, "%" PRIu64 "K", bytes / kib);
}

/* Whether hugepages= counts pages of another size where no hugepagesz= stands before it. */
static bool default_is_other(const struct setup_work *work, uint64_t bytes)
{
	const struct kernel_parameter *p =
		kernel_parameter_last(&work->facts->kernel, "default_hugepagesz");

	return p && p->value && memory_page_bytes(p->value) != bytes;
}

static int check_size(const struct setup_work *work, uint64_t bytes, struct err *e)
{
	const struct memory_facts *memory = &work->facts->memory;
	struct arena *a = work->arena;
	const char *size = size_text(a, bytes);
	bool known = memory->pools_error != 0;

	for (size_t i = 0; i < memory->n_pools; i++)
		known = known || memory->pools[i].page_bytes == bytes;
	if (!known)
		return err_refuse(e,
				  "this kernel has no huge pages of %s: those that it has stand "
				  "in sys/kernel/mm/hugepages",
				  size);
	const char *text = stands(work, "hugepagesz", size);
	if (!text)
		text = stands(work, "hugepagesz", arena_printf(a, "%" PRIu64 "K", bytes / 1024));
	if (!text && !stands_at_all(work, "hugepagesz") && !default_is_other(work, bytes))
		text = stands_at_all(work, "hugepages");
	if (text)
		return refuse_contradiction(
			text, "and the kernel takes the number of pages of a size once only", e);
	return 0;
}

static int check_node(const struct setup_work *work, const struct setup_pages *pages, struct err *e)
{
	const struct memory_facts *memory = &work->facts->memory;
	bool known = memory->nodes_error != 0 && memory->nodes_error != -ENOENT;

	for (size_t i = 0; i < memory->n_nodes; i++)
		known = known || (int)memory->nodes[i].number == pages->node;
	if (!known)
		return err_refuse(e,
				  "this host has no memory node %d: those that it has stand in "
				  "sys/devices/system/node",
				  pages->node);
	/* hugetlb_node_alloc_supported() and the parser of "0:8,1:8" came with Linux 5.16 */
	if (work->kernel && !kernel_at_least(work->kernel->release, 5, 16))
		return err_refuse(e,
				  "the kernel %s does not take huge pages by node on its command "
				  "line, Linux 5.16 and later do",
				  work->kernel->release);
	return 0;
}

/* The words of one size; it begins at @first. */
static int add_size(const struct setup_work *work, const struct setup_wish *wish, size_t first,
		    struct names *words, struct err *e)
{
	struct arena *a = work->arena;
	uint64_t bytes = wish->pages[first].size_bytes;
	const char *counts = NULL;
	int error = check_size(work, bytes, e);

	for (size_t i = first; error == 0 && i < wish->n_pages; i++) {
		const struct setup_pages *pages = &wish->pages[i];

		if (pages->size_bytes != bytes)
			continue;
		if (counts && (pages->node < 0 || wish->pages[first].node < 0))
			return err_usage(e,
					 "huge pages of %s are asked for twice: by node, or for "
					 "all of the host",
					 size_text(a, bytes));
		if (pages->node < 0) {
			counts = arena_printf(a, "%" PRIu64, pages->count);
			continue;
		}
		error = check_node(work, pages, e);
		counts = arena_printf(a, "%s%s%d:%" PRIu64, counts ? counts : "", counts ? "," : "",
				      pages->node, pages->count);
	}
	if (error < 0)
		return error;
	add(words, arena_concat(a, "hugepagesz=", size_text(a, bytes)));
	add(words, arena_concat(a, "hugepages=", counts));
	return 0;
}

/* A kernel that gives all of its memory away does not come up. */
static int check_memory(const struct setup_work *work, const struct setup_wish *wish, struct err *e)
{
	const struct fact_number *total = &work->facts->memory.total_bytes;
	uint64_t asked = 0, product;

	for (size_t i = 0; i < wish->n_pages; i++) {
		if (__builtin_mul_overflow(wish->pages[i].size_bytes, wish->pages[i].count,
					   &product) ||
		    __builtin_add_overflow(asked, product, &asked))
			return err_usage(e, "so many huge pages are more than any host has");
	}
	if (asked == 0 || total->error)
		return 0;
	uint64_t kept =
		total->value / 10 > MEMORY_KEPT_BYTES ? total->value / 10 : MEMORY_KEPT_BYTES;
	if (asked <= total->value && total->value - asked >= kept)
		return 0;
	return err_refuse(e,
			  "%s of huge pages leave too little of the %s of this host (" MEMORY_INFO
			  "): %s at least have to stay, or it does not come up",
			  text_size(work->arena, asked), text_size(work->arena, total->value),
			  text_size(work->arena, kept));
}

static int add_pages(const struct setup_work *work, const struct setup_wish *wish,
		     struct names *words, struct err *e)
{
	int error = check_memory(work, wish, e);

	for (size_t i = 0; error == 0 && i < wish->n_pages; i++) {
		bool done = false;

		for (size_t k = 0; k < i; k++)
			done = done || wish->pages[k].size_bytes == wish->pages[i].size_bytes;
		if (wish->pages[i].count == 0)
			return err_usage(e, "no huge pages are asked for: leave them out");
		if (!done && words->n + 2 > WORDS_MAX)
			return err_usage(e, "so many sizes of huge pages are not there");
		if (!done)
			error = add_size(work, wish, i, words, e);
	}
	return error;
}

/* ---- processors ---- */

/* "2-7,10": marks them; the form of bitmap_parselist() of the kernel without its strides. */
static int parse_processors(const char *text, bool *marks, struct err *e)
{
	for (const char *at = text;;) {
		unsigned first, last;
		int n = 0;

		if (sscanf(at, "%4u%n", &first, &n) != 1 || *at < '0' || *at > '9')
			break;
		at += n;
		last = first;
		if (*at == '-') {
			if (sscanf(at + 1, "%4u%n", &last, &n) != 1 || at[1] < '0' || at[1] > '9')
				break;
			at += n + 1;
		}
		if (first > last || last >= PROCESSORS_MAX)
			break;
		for (unsigned i = first; i <= last; i++)
			marks[i] = true;
		if (!*at)
			return 0;
		if (*at++ != ',')
			break;
	}
	return err_usage(e, "'%s' is no list of processors: 2-7,10 is one", text);
}

static int check_processors(const struct setup_work *work, const char *isolated, struct err *e)
{
	bool *wanted = arena_array(work->arena, PROCESSORS_MAX, sizeof(*wanted));
	bool *present = arena_array(work->arena, PROCESSORS_MAX, sizeof(*present));
	struct bytes text;
	size_t n_left = 0;
	int error = parse_processors(isolated, wanted, e);

	if (error < 0)
		return error;
	error = root_read(work->host->root, work->arena, "sys/devices/system/cpu/present", &text);
	if (error < 0)
		return err_io(e, error, "reading sys/devices/system/cpu/present");
	error = parse_processors(text_trimmed(work->arena, text), present, e);
	if (error < 0)
		return err_wrap(e, error, "sys/devices/system/cpu/present");
	for (unsigned i = 0; i < PROCESSORS_MAX; i++) {
		if (wanted[i] && !present[i])
			return err_refuse(e,
					  "this host has no processor %u: those that it has are %s "
					  "(sys/devices/system/cpu/present)",
					  i, text_trimmed(work->arena, text));
		n_left += present[i] && !wanted[i];
	}
	if (n_left == 0 || wanted[0])
		return err_refuse(e, "%s",
				  n_left == 0 ? "no processor is left for the host"
					      : "processor 0 has to stay with the host: it takes "
						"care of what the kernel does at boot");
	return 0;
}

static int add_isolated(const struct setup_work *work, const struct setup_wish *wish,
			struct names *words, struct err *e)
{
	static const char *const names[] = { "isolcpus", "nohz_full", "rcu_nocbs" };

	if (!wish->isolated)
		return 0;
	int error = check_processors(work, wish->isolated, e);
	/* the flag came with Linux 5.6, and a kernel passes over a parameter with an unknown one */
	bool managed = !work->kernel || kernel_at_least(work->kernel->release, 5, 6);
	for (size_t i = 0; error == 0 && i < ARRAY_SIZE(names); i++) {
		const char *text = stands_at_all(work, names[i]);
		if (text)
			error = refuse_contradiction(text, "and only one of them counts", e);
		/* isolcpus= alone means the flag "domain" (kernel/sched/isolation.c) */
		add(words,
		    arena_printf(work->arena, "%s=%s%s", names[i],
				 i == 0 && managed ? "managed_irq,domain," : "", wish->isolated));
	}
	return error;
}

/* ---- modules ---- */

/* Given before, and for the same value: @ret_again. */
static int check_again(const struct setup_wish *wish, size_t at, bool *ret_again, struct err *e)
{
	const char *word = wish->kvm.name[at];
	size_t n = strcspn(word, "=");

	*ret_again = false;
	for (size_t i = 0; i < at; i++) {
		const char *before = wish->kvm.name[i];

		if (strncmp(before, word, n + 1) != 0)
			continue;
		if (!str_eq(before, word))
			return err_usage(e, "%s and %s are both asked for: give one of them",
					 before, word);
		*ret_again = true;
	}
	return 0;
}

static int add_kvm(const struct setup_work *work, const struct setup_wish *wish,
		   struct names *words, struct err *e)
{
	for (size_t i = 0; i < wish->kvm.n; i++) {
		const char *word = wish->kvm.name[i];
		const char *dot = strchr(word, '.'), *equals = strchr(word, '=');

		if (!str_starts(word, "kvm") || !dot || !equals || dot > equals || !equals[1])
			return err_usage(e, "'%s' is no option of kvm: kvm.ignore_msrs=1 is one",
					 word);
		if (words->n + 4 > WORDS_MAX)
			return err_usage(e, "so many options of kvm are not there");
		bool again;
		int error = check_again(wish, i, &again, e);
		if (error < 0)
			return error;
		const char *name = arena_strndup(work->arena, word, (size_t)(equals - word));
		const char *text = stands_at_all(work, name);
		if (text && !str_eq(text, word))
			return refuse_contradiction(
				text, arena_concat(work->arena, "which contradicts ", word), e);
		if (!text && !again)
			add(words, word);
	}
	return 0;
}

static bool is_module_name(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	return n > 0 && n < RESERVE_DRIVER_MAX && !name[n];
}

static int add_blacklist(const struct setup_work *work, const struct setup_wish *wish,
			 struct names *words, struct err *e)
{
	const struct names *drivers = &wish->blacklisted;
	struct names once = { .name = arena_array(work->arena, drivers->n, sizeof(*once.name)) };

	for (size_t i = 0; i < drivers->n; i++) {
		if (!is_module_name(drivers->name[i]))
			return err_usage(e, "'%s' is no name of a driver", drivers->name[i]);
		if (reserve_is_driver(drivers->name[i]))
			return err_usage(e,
					 "%s is what gives the devices to guests: without it "
					 "nothing does",
					 drivers->name[i]);
		if (!is_in(&once, drivers->name[i]))
			add(&once, drivers->name[i]);
	}
	if (once.n > 0)
		add(words, arena_concat(work->arena, "modprobe.blacklist=",
					text_join(work->arena, once.name, once.n, ",")));
	return 0;
}

int wish_words(const struct setup_work *work, const struct setup_wish *wish,
	       struct setup_record *ret, struct err *e)
{
	/* a trial that panics, or ends in a shell of the initramfs, restarts by itself */
	static const char *const trial[] = { BOOTLOADER_TRIAL_WORD, "panic=30", "rd.shell=0",
					     "rd.emergency=reboot" };

	ret->words.name = arena_array(work->arena, WORDS_MAX, sizeof(*ret->words.name));
	ret->words.n = 0;
	add(&ret->words, SETUP_SWITCH);
	int error = add_iommu(work, wish, &ret->words, e);
	if (error == 0)
		error = add_kvm(work, wish, &ret->words, e);
	if (error == 0)
		error = add_isolated(work, wish, &ret->words, e);
	if (error == 0)
		error = add_blacklist(work, wish, &ret->words, e);
	if (error == 0)
		error = add_pages(work, wish, &ret->words, e);
	if (error < 0)
		return error;
	ret->trial_words.name = arena_array(work->arena, ARRAY_SIZE(trial), sizeof(char *));
	ret->trial_words.n = 0;
	for (size_t i = 0; !wish->no_trial && i < ARRAY_SIZE(trial); i++)
		add(&ret->trial_words, trial[i]);
	return 0;
}
