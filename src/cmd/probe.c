// SPDX-License-Identifier: MIT
// passthru probe: open devices through VFIO as a VMM does, and report whether a guest could use
// them. What is tried stands in probe/.

#include "cmd/probe.h"
#include "base/text.h"
#include "vm/vm.h"

#include <stddef.h>
#include <stdint.h>

#define GUEST_BYTES ((uint64_t)16 << 30)

struct probe_command_options {
	const char *backend, *memory;
	bool gentle, bus_master, all;
};

static int configure(const struct probe_command_options *options, struct probe_options *ret,
		     struct err *e)
{
	*ret = (struct probe_options){
		.kernel = vfio_kernel_live(),
		.backends = 1u << VFIO_GROUP | 1u << VFIO_IOMMUFD,
		.gentle = options->gentle,
		.bus_master = options->bus_master,
		.guest_bytes = GUEST_BYTES,
		.much_memory = options->memory,
	};
	if (options->backend) {
		ret->backends = 0;
		for (unsigned i = 0; i < VFIO_BACKENDS; i++) {
			if (str_eq(options->backend, vfio_backend_name((enum vfio_backend)i)))
				ret->backends = 1u << i;
		}
		if (!ret->backends)
			return err_usage(e, "--backend %s: give group or iommufd",
					 options->backend);
	}
	if (options->memory && vm_parse_memory(options->memory, &ret->guest_bytes) < 0)
		return err_usage(e, "--memory %s: give a size as 512M or 4G", options->memory);
	return 0;
}

static int run_probe(struct request *request, struct err *e)
{
	const struct probe_command_options *given = request->options;
	struct probe_options options;
	struct handover devices;
	struct probe probe;

	int error = configure(given, &options, e);
	if (error == 0)
		error = host_read_pci(request->host, e);
	if (error == 0)
		error = handover_select(request->host, request->argument, request->n_arguments,
					&devices, e);
	if (error == 0)
		error = probe_run(request->host, &devices, &options, &probe, e);
	if (error < 0)
		return error;
	probe_answer(request, &probe, given->all);
	return probe_exit(&probe);
}

#define OPTION(member) offsetof(struct probe_command_options, member)

static const struct option_row rows[] = {
	{ "gentle", 0, OPTION_FLAG, NULL, "no reset but those of opening and closing",
	  OPTION(gentle) },
	{ "backend", 0, OPTION_STRING, "NAME", "group or iommufd only", OPTION(backend) },
	{ "memory", 'm', OPTION_STRING, "SIZE", "of the guest (16G); maps 1 GiB to measure",
	  OPTION(memory) },
	{ "bus-master", 0, OPTION_FLAG, NULL, "try whether it may become bus master",
	  OPTION(bus_master) },
	{ "all", 'a', OPTION_FLAG, NULL, "show regions, interrupts and differences too",
	  OPTION(all) },
};

const struct command command_probe = {
	.name = "probe",
	.arguments = "DEVICE...",
	.summary = "open devices as a guest would, and say whether one could",
	.help = "Opens each DEVICE, with the functions of its slot that belong to it, through VFIO "
		"as a VMM does: reads what it offers, maps memory for it, triggers its interrupts, "
		"resets it by each method that the kernel has for it, and puts everything back. It "
		"must be with vfio-pci already (see bind), and no guest may have it. Exit status: "
		"0 a guest can use it, 1 it cannot, 3 could not find out, 4 not all of it works.",
	.min_arguments = 1,
	.max_arguments = SIZE_MAX,
	.flags = COMMAND_NEEDS_LIVE,
	.options = rows,
	.n_options = ARRAY_SIZE(rows),
	.options_size = sizeof(struct probe_command_options),
	.run = run_probe,
};
