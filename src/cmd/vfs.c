// SPDX-License-Identifier: MIT
// passthru vfs: the virtual functions of a device, shown, created and removed.

#include "cmd/vfs.h"
#include "base/text.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

/* A drive that was reset takes its time. */
#define LIMIT_MS 10000

struct vfs_options {
	bool guests, dry_run;
	struct option_list mac, vlan, trust, spoof_check, link, rate;
	const char *mac_base, *queues, *vectors;
};

static int find_device(struct request *request, struct pci_function **ret, struct err *e)
{
	struct selection selection;
	int error = host_read_pci(request->host, e);

	if (error == 0)
		error = select_device(request->host, request->argument[0], &selection, e);
	if (error < 0)
		return error;
	if (selection.n > 1)
		return err_usage(e, "%s has %zu functions: name one of them, %s say",
				 request->argument[0], selection.n, selection.function[0]->name);
	*ret = selection.function[0];
	return 0;
}

static int parse_count(const char *option, const char *text, unsigned *ret, struct err *e)
{
	uint64_t number;

	if (!text)
		return 0;
	if (text_number(text, 10, UINT16_MAX, &number) < 0)
		return err_usage(e, "%s is a number from 0 to %d, not %s", option, UINT16_MAX,
				 text);
	*ret = (unsigned)number;
	return 0;
}

static int parse_settings(struct request *request, struct sriov_request *ret, struct err *e)
{
	const struct vfs_options *o = request->options;
	const struct option_list *const lists[VF_SETTINGS] = {
		[VF_MAC] = &o->mac,     [VF_VLAN] = &o->vlan,
		[VF_TRUST] = &o->trust, [VF_SPOOF_CHECK] = &o->spoof_check,
		[VF_LINK] = &o->link,   [VF_RATE] = &o->rate,
	};
	/* one for each function and kind, and a last one that is then said to be twice */
	size_t room = ((size_t)ret->count + 1) * VF_SETTINGS;
	struct vf_setting *list = arena_array(&request->host->arena, room, sizeof(*list));
	int error = 0;

	for (int kind = 0; kind < VF_SETTINGS; kind++) {
		for (size_t i = 0; i < lists[kind]->n && error == 0; i++)
			error = vf_parse_setting((enum vf_setting_kind)kind, lists[kind]->value[i],
						 ret->count, list, &ret->n_settings, e);
	}
	if (error == 0 && o->mac_base)
		error = vf_parse_mac_base(o->mac_base, ret->count, list, &ret->n_settings, e);
	ret->setting = list;
	return error;
}

static bool asks_for_change(const struct request *request)
{
	const struct vfs_options *o = request->options;

	return request->n_arguments > 1 || o->guests || o->mac.n || o->vlan.n || o->trust.n ||
	       o->spoof_check.n || o->link.n || o->rate.n || o->mac_base || o->queues || o->vectors;
}

/* Without a number it is about those that there are. */
static int parse_request(struct request *request, const struct sriov *s, struct sriov_request *ret,
			 struct err *e)
{
	const struct vfs_options *o = request->options;
	int error;

	*ret = (struct sriov_request){
		.count = s->now.error ? 0 : (unsigned)s->now.value,
		.guests = o->guests,
		.limit_ms = LIMIT_MS,
	};
	error = parse_count("COUNT", request->n_arguments > 1 ? request->argument[1] : NULL,
			    &ret->count, e);
	if (error == 0 && ret->count > s->total.value)
		return 0; /* that is said first */
	if (error == 0)
		error = parse_count("--queues", o->queues, &ret->queues, e);
	if (error == 0)
		error = parse_count("--vectors", o->vectors, &ret->vectors, e);
	return error == 0 ? parse_settings(request, ret, e) : error;
}

static int may_change(const struct request *request, struct err *e)
{
	if (!root_is_live(request->host->root))
		return err_usage(e, "vfs changes the running host only: with --root add --dry-run");
	if (geteuid() != 0)
		return err_fail(e, -EACCES,
				"vfs needs root: it changes the virtual functions of this host");
	return 0;
}

static int run_vfs(struct request *request, struct err *e)
{
	const struct vfs_options *options = request->options;
	const struct sriov_kernel *kernel =
		root_is_live(request->host->root) ? &sriov_kernel_live : NULL;
	struct sriov_request wanted;
	struct sriov_steps steps;
	struct pci_function *pf = NULL;
	struct sriov s;
	int error = 0;

	if (asks_for_change(request) && !options->dry_run)
		error = may_change(request, e);
	if (error == 0)
		error = find_device(request, &pf, e);
	if (error == 0)
		error = sriov_read(request->host, kernel, pf, &s, e);
	if (error < 0)
		return error;
	if (!asks_for_change(request)) {
		vfs_answer(request, &s);
		return ANSWER_YES;
	}
	error = parse_request(request, &s, &wanted, e);
	if (error == 0)
		error = options->dry_run ? sriov_plan(&s, &wanted, &steps, e)
					 : sriov_change(&s, &wanted, &steps, e);
	if (error < 0)
		return error;
	vfs_answer_steps(request, &steps, options->dry_run);
	vfs_answer(request, &s);
	return ANSWER_YES;
}

/* What sriov_read() asks of files, for every device that can have virtual functions. */
static void read_all(struct host *host)
{
	struct sriov s;

	for (size_t i = 0; i < host->n_functions; i++)
		(void)!sriov_read(host, NULL, &host->functions[i], &s, NULL);
}

#define OPTION(member) offsetof(struct vfs_options, member)

static const struct option_row rows[] = {
	{ "guests", 'g', OPTION_FLAG, NULL,
	  "give them to the driver of guests; no other gets them before", OPTION(guests) },
	{ "mac", 0, OPTION_LIST, "VF=MAC", "the MAC address of one", OPTION(mac) },
	{ "mac-base", 0, OPTION_STRING, "MAC", "the address of the first, others count on from it",
	  OPTION(mac_base) },
	{ "vlan", 0, OPTION_LIST, "VF=ID[:QOS[:PROTO]]",
	  "put it into a VLAN without its knowledge; 0: none", OPTION(vlan) },
	{ "trust", 0, OPTION_LIST, "VF=on|off", "whether it may change its address and the like",
	  OPTION(trust) },
	{ "spoof-check", 0, OPTION_LIST, "VF=on|off",
	  "whether it may send from its own address only", OPTION(spoof_check) },
	{ "link", 0, OPTION_LIST, "VF=auto|on|off", "what it sees of the card's link",
	  OPTION(link) },
	{ "rate", 0, OPTION_LIST, "VF=[MIN-]MAX", "how much it may send, in Mbit/s; 0: no limit",
	  OPTION(rate) },
	{ "queues", 0, OPTION_STRING, "N",
	  "queues of each controller of an NVMe drive, one of them for administration",
	  OPTION(queues) },
	{ "vectors", 0, OPTION_STRING, "N", "interrupts of each controller of an NVMe drive",
	  OPTION(vectors) },
	{ "dry-run", 0, OPTION_FLAG, NULL, "say what would be done and do nothing",
	  OPTION(dry_run) },
};

const struct command command_vfs = {
	.name = "vfs",
	.arguments = "DEVICE [COUNT]",
	.summary = "virtual functions of a device: show, create, remove",
	.help = "Shows the SR-IOV virtual functions of DEVICE. With COUNT there will be so many: "
		"those that there are go first, for the kernel knows all or none, which is refused "
		"while one is in use. Settings are made before any driver gets a new function. VF "
		"is a number from 0 on, or `all`.",
	.min_arguments = 1,
	.max_arguments = 2,
	.options = rows,
	.n_options = ARRAY_SIZE(rows),
	.options_size = sizeof(struct vfs_options),
	.run = run_vfs,
	.read_all = read_all,
};
