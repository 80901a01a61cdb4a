// SPDX-License-Identifier: MIT
// passthru run: a guest with the devices, directly on QEMU. What it was given must be with vfio-pci
// already: a guest that starts never takes a device from the host.

#include "base/text.h"
#include "cmd/cmd.h"
#include "handover/handover.h"
#include "vm/vm.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

struct run_options {
	struct option_list device;
	struct option_list disk;
	const char *kernel, *initrd, *append, *memory, *cpus, *qemu;
	bool print, no_kvm;
};

static const char *slot_of(struct host *host, const struct pci_function *f)
{
	return arena_strndup(&host->arena, f->name, strlen(f->name) - 2); /* without ".0" */
}

static int require_vfio(const struct handover_function *f, struct err *e)
{
	const struct pci_function *function = f->function;

	if (pci_is_bridge(function))
		return err_refuse(e, "%s is a bridge: bridges stay with the host", function->name);
	if (function->driver.error && function->driver.error != -ENOENT)
		return err_io(e, function->driver.error, "reading the driver of %s",
			      function->name);
	if (!function->driver.error && host_is_vfio_driver(function->driver.value))
		return 0;
	return err_refuse(e, "%s is with %s: `passthru bind %s` hands it over", function->name,
			  function->driver.error ? "no driver" : function->driver.value,
			  function->name);
}

static int collect(struct request *request, const struct option_list *devices,
		   struct vm_config *config, struct err *e)
{
	struct host *host = request->host;
	struct handover handover;
	int error = host_read_pci(host, e);

	if (error == 0)
		error = handover_select(host, devices->value, devices->n, &handover, e);
	if (error < 0)
		return error;
	struct vm_function *functions = arena_array(&host->arena, handover.n, sizeof(*functions));
	for (size_t i = 0; i < handover.n; i++) {
		const struct pci_function *f = handover.functions[i].function;

		error = require_vfio(&handover.functions[i], e);
		if (error < 0)
			return error;
		functions[i] = (struct vm_function){
			.host_address = f->name,
			.slot = slot_of(host, f),
			.function = f->address.function,
		};
	}
	config->functions = functions;
	config->n_functions = handover.n;
	return 0;
}

static int configure(struct request *request, const struct run_options *options,
		     struct vm_config *config, struct err *e)
{
	uint64_t cpus = 2;

	*config = (struct vm_config){
		.qemu = options->qemu,
		.kvm = !options->no_kvm && vm_has_kvm(),
		.memory_bytes = (uint64_t)2 << 30,
		.kernel = options->kernel,
		.initrd = options->initrd,
		.append = options->append,
		.disks = options->disk.value,
		.n_disks = options->disk.n,
	};
	if (options->memory && vm_parse_memory(options->memory, &config->memory_bytes) < 0)
		return err_usage(e, "--memory %s: give a size as 512M or 4G", options->memory);
	if (options->cpus && (text_number(options->cpus, 10, 1024, &cpus) < 0 || cpus == 0))
		return err_usage(e, "--cpus %s: give a number from 1 to 1024", options->cpus);
	if (!options->kernel && (options->initrd || options->append))
		return err_usage(e, "--initrd and --append belong to --kernel");
	config->cpus = (unsigned)cpus;
	return options->device.n ? collect(request, &options->device, config, e) : 0;
}

static int run_run(struct request *request, struct err *e)
{
	const struct run_options *options = request->options;
	struct arena *arena = &request->host->arena;
	struct vm_command command;
	struct vm_config config;
	int status;

	int error = configure(request, options, &config, e);
	if (error == 0)
		error = vm_command(arena, &config, &command, e);
	if (error < 0)
		return error;
	if (options->print) {
		doc_lines(doc_root(request->doc), "command", "", vm_command_text(arena, &command));
		return ANSWER_YES;
	}
	error = vm_run(&command, &status, e);
	return error < 0 ? error : ANSWER_YES;
}

#define OPTION(member) offsetof(struct run_options, member)

static const struct option_row rows[] = {
	{ "device", 'd', OPTION_LIST, "DEVICE", "give the guest this device; may be repeated",
	  OPTION(device) },
	{ "kernel", 0, OPTION_STRING, "FILE", "start this kernel", OPTION(kernel) },
	{ "initrd", 0, OPTION_STRING, "FILE", "with this initramfs", OPTION(initrd) },
	{ "append", 0, OPTION_STRING, "TEXT", "and this command line", OPTION(append) },
	{ "memory", 'm', OPTION_STRING, "SIZE", "memory of the guest (2G)", OPTION(memory) },
	{ "cpus", 0, OPTION_STRING, "N", "processors of the guest (2)", OPTION(cpus) },
	{ "disk", 0, OPTION_LIST, "FILE", "a disk: raw, or qcow2 by its name; may be repeated",
	  OPTION(disk) },
	{ "qemu", 0, OPTION_STRING, "PROGRAM", "QEMU to start (qemu-system-x86_64)", OPTION(qemu) },
	{ "no-kvm", 0, OPTION_FLAG, NULL, "emulate the processor, which is slow", OPTION(no_kvm) },
	{ "print", 0, OPTION_FLAG, NULL, "show QEMU's command line and start nothing",
	  OPTION(print) },
};

const struct command command_run = {
	.name = "run",
	.summary = "start a guest with devices, on QEMU",
	.help = "Starts a guest and connects its serial console to this terminal. Devices must be "
		"with vfio-pci "
		"(see bind); functions of one slot stay together. Ends when the guest ends; Ctrl-C "
		"asks it to power "
		"down, twice ends it.",
	.flags = COMMAND_NEEDS_LIVE,
	.options = rows,
	.n_options = ARRAY_SIZE(rows),
	.options_size = sizeof(struct run_options),
	.run = run_run,
};
