// SPDX-License-Identifier: MIT
// passthru bind: hand devices to vfio-pci now, until the next boot or release.

#include "base/text.h"
#include "cmd/handover.h"

#include <stddef.h>
#include <stdint.h>

struct bind_options {
	struct option_list allow;
};

static int parse_allowed(const struct option_list *words, unsigned *ret, struct err *e)
{
	*ret = 0;
	for (size_t i = 0; i < words->n; i++) {
		if (str_eq(words->value[i], "disk"))
			*ret |= 1u << USE_DISK;
		else if (str_eq(words->value[i], "network"))
			*ret |= 1u << USE_NETWORK;
		else if (str_eq(words->value[i], "input"))
			*ret |= 1u << USE_INPUT;
		else
			return err_usage(e, "--allow knows disk, network and input, not %s",
					 words->value[i]);
	}
	return 0;
}

static int bind(struct request *request, struct handover *handover, struct err *e)
{
	const struct bind_options *options = request->options;
	unsigned allowed;
	int error = parse_allowed(&options->allow, &allowed, e);

	/* a bridge, or what no guest could have, is refused for that first */
	if (error == 0)
		error = handover_check(request->host, handover, e);
	if (error == 0)
		error = handover_check_uses(request->host, handover, allowed, e);
	return error < 0 ? error : handover_bind(request->host, handover, e);
}

static int run_bind(struct request *request, struct err *e)
{
	return handover_command(request, bind, e);
}

static const struct option_row rows[] = {
	{ "allow", 0, OPTION_LIST, "USE",
	  "take it although it is in use: disk, network or input; may be repeated",
	  offsetof(struct bind_options, allow) },
};

const struct command command_bind = {
	.name = "bind",
	.arguments = "DEVICE...",
	.summary = "hand devices to vfio-pci, until reboot or release",
	.help = "Takes each DEVICE, with the functions of its slot that belong to it, from its "
		"driver and gives it "
		"to vfio-pci, so that a guest can have it. Either all of them move or none does. "
		"Refused "
		"while a mounted file system, a route or the last keyboard of the host depends on "
		"it.",
	.min_arguments = 1,
	.max_arguments = SIZE_MAX,
	.flags = COMMAND_CHANGES_HOST,
	.options = rows,
	.n_options = ARRAY_SIZE(rows),
	.options_size = sizeof(struct bind_options),
	.run = run_bind,
};
