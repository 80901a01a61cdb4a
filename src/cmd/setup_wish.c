// SPDX-License-Identifier: MIT
// From the options of plan and setup to a wish. Values become words of the kernel's command line,
// so each is read to its last character: the kernel says nothing of what it does not understand.
//
// Of what refuses a handover, the display and the last keyboard refuse a reservation too: after the
// boot nobody could see or type what is wrong. A process or a guest that has the device open now is
// not there any more then.

#include "cmd/setup_wish.h"
#include "base/text.h"
#include "cmd/bind_plan.h"

#include <errno.h>
#include <inttypes.h>

#define NODES_MAX 1023 /* CONFIG_NODES_SHIFT is 10 at most */
#define PROCESSORS_MAX 8191
#define PAGES_MAX (UINT64_C(1) << 40)
#define LIMIT_LEAST_S 120

/* ---- options ---- */

static int parse_size(const char *text, size_t n, uint64_t *ret)
{
	static const struct {
		char letter;
		unsigned shift;
	} units[] = { { 'K', 10 }, { 'M', 20 }, { 'G', 30 } };
	CLEANUP_ARENA struct arena scratch = { 0 };

	for (size_t i = 0; n > 1 && i < ARRAY_SIZE(units); i++) {
		uint64_t count;

		if (text[n - 1] != units[i].letter)
			continue;
		if (text_number(arena_strndup(&scratch, text, n - 1), 10, 1 << 20, &count) < 0)
			return -EINVAL;
		*ret = count << units[i].shift;
		return count > 0 && (count & (count - 1)) == 0 ? 0 : -EINVAL;
	}
	return -EINVAL;
}

int setup_parse_pages(const char *text, struct setup_pages *ret, struct err *e)
{
	CLEANUP_ARENA struct arena scratch = { 0 };
	const char *equals = strchr(text, '='), *at = equals ? strchr(equals, '@') : NULL;
	uint64_t count = 0, node = 0;
	int error = equals ? parse_size(text, (size_t)(equals - text), &ret->size_bytes) : -EINVAL;

	if (error == 0) {
		const char *number = equals + 1;
		size_t n = at ? (size_t)(at - number) : strlen(number);
		error = text_number(arena_strndup(&scratch, number, n), 10, PAGES_MAX, &count);
	}
	if (error == 0 && at)
		error = text_number(at + 1, 10, NODES_MAX, &node);
	if (error < 0 || count == 0)
		return err_usage(e,
				 "--hugepages %s: give a size and how many, and a node where it "
				 "matters: 1G=16, 2M=512@0",
				 text);
	ret->count = count;
	ret->node = at ? (int)node : -1;
	return 0;
}

/* The digits at *@text, which is moved behind them. */
static bool next_number(const char **text, uint64_t *ret)
{
	CLEANUP_ARENA struct arena scratch = { 0 };
	size_t n = strspn(*text, "0123456789");
	int error = text_number(arena_strndup(&scratch, *text, n), 10, PROCESSORS_MAX, ret);

	*text += n;
	return error == 0;
}

int setup_parse_processors(const char *text, struct err *e)
{
	const char *at = text;
	uint64_t first, last, least = 0;

	do {
		bool good = next_number(&at, &first) && first >= least;

		last = first;
		if (good && *at == '-') {
			at++;
			good = next_number(&at, &last) && last > first;
		}
		if (!good || (*at && *at != ','))
			return err_usage(e,
					 "--isolate %s: give numbers of processors in rising "
					 "order, such as 2-7,10",
					 text);
		least = last + 1;
	} while (*at++ == ',');
	return 0;
}

static bool is_name(const char *text, size_t n)
{
	return n > 0 && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789_-") >= n;
}

int setup_parse_kvm(struct arena *a, const char *text, const char **ret, struct err *e)
{
	static const char *const modules[] = { "kvm.", "kvm_intel.", "kvm_amd." };
	const char *equals = strchr(text, '='), *name = text, *prefix = "kvm.";

	for (size_t i = 0; i < ARRAY_SIZE(modules); i++) {
		if (str_starts(text, modules[i])) {
			name = text + strlen(modules[i]);
			prefix = "";
		}
	}
	if (!equals || equals < name || !is_name(name, (size_t)(equals - name)) || !equals[1] ||
	    equals[1 + strspn(equals + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					  "0123456789_-")])
		return err_usage(e,
				 "--kvm %s: give a parameter and its value: ignore_msrs=1, "
				 "kvm_intel.nested=1",
				 text);
	*ret = arena_concat(a, prefix, text);
	return 0;
}

static int parse_driver(const char *text, struct err *e)
{
	if (!is_name(text, strlen(text)))
		return err_usage(e, "--blacklist %s: give the name of a driver's module", text);
	if (host_is_vfio_driver(text) || str_starts(text, "vfio"))
		return err_usage(e, "--blacklist %s: nothing could be reserved without it", text);
	return 0;
}

static int parse_pages(struct arena *a, const struct option_list *list, struct setup_wish *ret,
		       struct err *e)
{
	struct setup_pages *pages = arena_array(a, list->n, sizeof(*pages));

	for (size_t i = 0; i < list->n; i++) {
		int error = setup_parse_pages(list->value[i], &pages[i], e);

		for (size_t k = 0; k < i && error == 0; k++) {
			bool both = pages[k].node < 0 || pages[i].node < 0 ||
				    pages[k].node == pages[i].node;
			if (both && pages[k].size_bytes == pages[i].size_bytes)
				error = err_usage(e,
						  "--hugepages %s and %s are about the same pages: "
						  "give one number, or one for each node",
						  list->value[k], list->value[i]);
		}
		if (error < 0)
			return error;
	}
	ret->pages = pages;
	ret->n_pages = list->n;
	return 0;
}

static int parse_words(struct arena *a, const struct setup_options *options, struct setup_wish *ret,
		       unsigned *ret_allowed, struct err *e)
{
	int error = 0;

	ret->kvm.name = arena_array(a, options->kvm.n, sizeof(*ret->kvm.name));
	for (size_t i = 0; i < options->kvm.n && error == 0; i++)
		error = setup_parse_kvm(a, options->kvm.value[i], &ret->kvm.name[ret->kvm.n++], e);
	ret->blacklisted.name =
		arena_array(a, options->blacklist.n, sizeof(*ret->blacklisted.name));
	for (size_t i = 0; i < options->blacklist.n && error == 0; i++) {
		ret->blacklisted.name[ret->blacklisted.n++] = options->blacklist.value[i];
		error = parse_driver(options->blacklist.value[i], e);
	}
	ret->allowed = (struct names){ .name = arena_array(a, options->allow.n,
							   sizeof(*ret->allowed.name)) };
	for (size_t i = 0; i < options->allow.n && error == 0; i++) {
		ret->allowed.name[ret->allowed.n++] = options->allow.value[i];
		error = handover_allow(options->allow.value[i], ret_allowed, e);
	}
	if (error == 0 && options->isolate)
		error = setup_parse_processors(options->isolate, e);
	ret->isolated = options->isolate;
	return error;
}

static int parse_limit(const struct setup_options *options, struct setup_wish *ret, struct err *e)
{
	if (!options->for_time)
		return 0;
	if (options->no_trial)
		return err_usage(e, "--for is about the trial boot, and --no-trial wants none: "
				    "give one of them");
	int error = bind_parse_time(options->for_time, &ret->limit_s, e);
	if (error == 0 && ret->limit_s < LIMIT_LEAST_S)
		return err_usage(e,
				 "--for %s: it counts from the start of the kernel, and the boot "
				 "itself takes its time: give 2m or more",
				 options->for_time);
	return error;
}

static int parse(struct arena *a, const struct setup_options *options, struct setup_wish *ret,
		 unsigned *ret_allowed, struct err *e)
{
	*ret = (struct setup_wish){
		.iommu_pt = options->iommu_pt,
		.no_trial = options->no_trial,
		.confirm_auto = options->confirm,
	};
	if (options->confirm && !str_eq(options->confirm, "auto"))
		return err_usage(e,
				 "--confirm %s: only auto can be given; without it `passthru "
				 "confirm` does it",
				 options->confirm);
	if (options->confirm && options->no_trial)
		return err_usage(e, "--confirm auto is about the trial boot, and --no-trial wants "
				    "none: give one of them");
	int error = parse_limit(options, ret, e);
	if (error == 0)
		error = parse_pages(a, &options->hugepages, ret, e);
	return error < 0 ? error : parse_words(a, options, ret, ret_allowed, e);
}

/* ---- devices ---- */

/* It only says that something could not be looked at. */
static bool is_gap(struct host *host, const struct handover_refusal *refusal)
{
	struct pci_function *f = host_find(host, refusal->function->address);
	const struct device_uses *uses = host_read_uses(host, f);

	for (size_t i = 0; i < uses->n_gaps && refusal->where; i++) {
		if (str_eq(uses->gap[i].where, refusal->where))
			return true;
	}
	return false;
}

/*
 * Whether it stands against a boot to come, and not only against a handover now. What the host
 * needs of disks and networks to come up, and the rules for groups, the plan itself judges. Of a
 * system that does not run it is not known what runs on it.
 */
static bool counts(struct host *host, const struct handover_refusal *refusal)
{
	if (!refusal->allow ||
	    (!str_eq(refusal->allow, "display") && !str_eq(refusal->allow, "input")))
		return false;
	return root_is_live(host->root) || !is_gap(host, refusal);
}

static int collect_refusals(struct host *host, struct setup_ask *ask, struct err *e)
{
	size_t n = 0;
	int error = handover_refusals(host, &ask->handover, &ask->refusals, e);

	if (error < 0)
		return error;
	for (size_t i = 0; i < ask->refusals.n; i++) {
		if (counts(host, &ask->refusals.refusal[i]))
			ask->refusals.refusal[n++] = ask->refusals.refusal[i];
	}
	ask->refusals.n = n;
	return 0;
}

static int select_devices(struct request *request, unsigned allowed, struct setup_ask *ask,
			  struct err *e)
{
	struct host *host = request->host;
	struct pci_function **functions;
	int error =
		handover_select(host, request->argument, request->n_arguments, &ask->handover, e);

	ask->handover.allowed = allowed;
	if (error == 0)
		error = handover_choose_drivers(host, &ask->handover, NULL, e);
	if (error == 0)
		error = collect_refusals(host, ask, e);
	if (error < 0)
		return error;
	functions = arena_array(&host->arena, ask->handover.n, sizeof(struct pci_function *));
	for (size_t i = 0; i < ask->handover.n; i++)
		functions[i] = ask->handover.functions[i].function;
	ask->wish.functions = functions;
	ask->wish.n_functions = ask->handover.n;
	return 0;
}

/* ---- parameters of kvm ---- */

/* @name "": whether the module shows any. */
static int look_parameter(struct host *host, const char *module, const char *name)
{
	return root_look(host->root, &host->arena,
			 arena_printf(&host->arena, "sys/module/%s/parameters%s%s", module,
				      *name ? "/" : "", name));
}

/*
 * The kernel passes over a parameter that its module does not have. Not all of them are in sysfs,
 * so one is wrong only where another of these modules has it.
 */
static int check_parameter(struct host *host, const char *word, struct err *e)
{
	static const char *const modules[] = { "kvm", "kvm_intel", "kvm_amd" };
	struct arena *a = &host->arena;
	const char *dot = strchr(word, '.'), *equals = strchr(word, '=');
	const char *module = arena_strndup(a, word, (size_t)(dot - word));
	char *name = arena_strndup(a, dot + 1, (size_t)(equals - dot - 1));

	for (char *c = name; *c; c++)
		*c = *c == '-' ? '_' : *c;
	if (look_parameter(host, module, "") < 0 || look_parameter(host, module, name) != -ENOENT)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(modules); i++) {
		if (look_parameter(host, modules[i], name) == 0)
			return err_usage(e,
					 "%s has no parameter %s, but %s has (sys/module/%s/"
					 "parameters): give --kvm %s.%s",
					 module, name, modules[i], modules[i], modules[i], dot + 1);
	}
	return 0;
}

static int check_parameters(struct host *host, const struct names *words, struct err *e)
{
	int error = 0;

	for (size_t i = 0; error == 0 && i < words->n; i++)
		error = check_parameter(host, words->name[i], e);
	return error;
}

int setup_ask(struct request *request, const struct setup_options *options, struct setup_ask *ret,
	      struct err *e)
{
	struct host *host = request->host;
	struct err refusal = { 0 };
	unsigned allowed = 0;
	int error;

	*ret = (struct setup_ask){ 0 };
	error = parse(&host->arena, options, &ret->wish, &allowed, e);
	if (error == 0)
		error = host_read_pci(host, e);
	if (error == 0)
		error = check_parameters(host, &ret->wish.kvm, e);
	if (error == 0)
		error = select_devices(request, allowed, ret, e);
	if (error < 0)
		return error;
	error = setup_make_plan(host, &ret->wish, &ret->plan, &refusal);
	if (error < 0 && refusal.kind == ERR_REFUSED) {
		ret->refused = arena_strdup(&host->arena, refusal.text);
		return 0;
	}
	if (error < 0 && e)
		*e = refusal;
	return error;
}

bool setup_is_refused(const struct setup_ask *ask)
{
	return ask->refused || ask->refusals.n || ask->plan.by_hand;
}

int setup_refuse(struct request *request, const struct setup_ask *ask, struct err *e)
{
	int error = handover_refuse(request->host, &ask->refusals, e);

	if (error < 0)
		return error;
	return ask->refused ? err_refuse(e, "%s", ask->refused) : 0;
}

/* What the document about it shows. */
static void read_files(struct host *host, const struct plan *plan)
{
	struct bytes text;

	for (size_t i = 0; i < plan->n_steps; i++) {
		if (plan->steps[i].kind == STEP_FILE)
			(void)!root_read_max(host->root, &host->arena, plan->steps[i].path,
					     SETUP_FILE_MAX, &text);
	}
}

/* What a plan asks besides its devices is the same for any of them. */
void setup_ask_all(struct host *host)
{
	static const char *words[] = { "disk", "network" };
	struct setup_wish wish = {
		.n_functions = 1,
		.isolated = "1",
		.allowed = { words, ARRAY_SIZE(words) },
	};
	struct pci_function *f = NULL;

	/* the first function may have no disk */
	(void)host_use_fstab(host);
	for (size_t i = 0; i < host->n_functions && !f; i++) {
		if (!host->functions[i].error && !pci_is_bridge(&host->functions[i]))
			f = &host->functions[i];
	}
	wish.functions = &f;
	for (int no_trial = 0; f && no_trial < 2; no_trial++) {
		struct setup_plan plan;

		wish.no_trial = no_trial;
		/* what cannot be read is recorded as that */
		if (setup_make_plan(host, &wish, &plan, NULL) == 0)
			read_files(host, &plan.now);
	}
}
