// SPDX-License-Identifier: MIT
// Whether one function isolates, as the kernel judges it: the answer of its table of quirks when
// that has one, else by the type of the function and its ACS capability.
//
// The kernel demands source validation, redirection of requests and of completions, and upstream
// forwarding, of ports and of functions that have neighbours. A control that the capability does
// not offer counts as on: it is there for what a device can do, and this one then cannot.

#include "host/isolation_internal.h"

#include <errno.h>
#include <linux/pci_regs.h>

#define REQUIRED (PCI_ACS_SV | PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_UF)

static struct isolation_function *function_of(struct isolation_reader *r,
					      const struct pci_function *f)
{
	struct isolation_function **slot = &r->functions[f - r->host->functions];

	if (!*slot)
		*slot = arena_alloc(&r->host->arena, sizeof(**slot));
	return *slot;
}

const struct pci_config *isolation_config(struct isolation_reader *r, struct pci_function *f)
{
	struct isolation_function *known = function_of(r, f);

	if (!known->has_config) {
		struct host *host = r->host;

		known->has_config = true;
		(void)host_read_config(host, f, &known->config);
		known->is_virtual = host_is_virtual(host, f);
	}
	return &known->config;
}

bool isolation_is_multifunction(struct isolation_reader *r, struct pci_function *f)
{
	const struct pci_config *config = isolation_config(r, f);

	if (function_of(r, f)->is_virtual)
		return false;
	return f->address.function > 0 || (config->error == 0 && config->multifunction);
}

/* A capability list with a loop ends there for the kernel; what it has not found is not there. */
static int kernel_error(int error)
{
	return error == -EBADMSG ? -ENOENT : error;
}

int isolation_express_type(struct isolation_reader *r, struct pci_function *f, uint8_t *ret)
{
	const struct pci_express *express = &isolation_config(r, f)->express;
	uint8_t above;

	if (express->error)
		return kernel_error(express->error);
	*ret = express->type;
	if (*ret != PCI_EXP_TYPE_DOWNSTREAM && *ret != PCI_EXP_TYPE_UPSTREAM)
		return 0;
	/* ports that cannot be what they say: set_pcie_port_type() of drivers/pci/probe.c */
	if (!f->parent || isolation_express_type(r, f->parent, &above) != 0)
		return 0;
	if (*ret == PCI_EXP_TYPE_DOWNSTREAM &&
	    (above == PCI_EXP_TYPE_ROOT_PORT || above == PCI_EXP_TYPE_DOWNSTREAM ||
	     above == PCI_EXP_TYPE_PCIE_BRIDGE))
		*ret = PCI_EXP_TYPE_UPSTREAM;
	else if (*ret == PCI_EXP_TYPE_UPSTREAM && above == PCI_EXP_TYPE_UPSTREAM)
		*ret = PCI_EXP_TYPE_DOWNSTREAM;
	return 0;
}

static void say(struct isolation_step *step, enum isolation_verdict verdict,
		enum isolation_reason reason)
{
	step->verdict = verdict;
	step->reason = reason;
}

static void say_unknown(struct isolation_step *step, int error)
{
	step->error = error;
	say(step, ISOLATION_UNKNOWN, ISOLATION_NOT_READ);
}

static void judge_acs(struct isolation_reader *r, struct isolation_step *step,
		      enum isolation_reason without)
{
	const struct pci_acs *acs = &isolation_config(r, step->function)->acs;
	int error = kernel_error(acs->error);

	if (error == -ENOENT) {
		say(step, ISOLATION_NO, without);
		return;
	}
	if (error) {
		say_unknown(step, error);
		return;
	}
	step->acs_supported = acs->supported;
	step->acs_enabled = acs->enabled;
	step->acs_missing = (uint16_t)(REQUIRED & acs->supported & ~acs->enabled &
				       ~isolation_broken_acs(step->function));
	if (step->acs_missing)
		say(step, ISOLATION_NO, ISOLATION_ACS_OFF);
	else
		say(step, ISOLATION_YES, ISOLATION_ACS_ON);
}

static void judge_type(struct isolation_reader *r, struct isolation_step *step)
{
	switch (step->express_type) {
	case -1:
		/* host and ISA bridges have no PCI bus behind them, and the header of a function */
		say(step, ISOLATION_NO,
		    isolation_config(r, step->function)->bridge.error ? ISOLATION_CONVENTIONAL
								      : ISOLATION_BRIDGE);
		break;
	case PCI_EXP_TYPE_PCI_BRIDGE:
	case PCI_EXP_TYPE_PCIE_BRIDGE:
		say(step, ISOLATION_NO, ISOLATION_BRIDGE);
		break;
	case PCI_EXP_TYPE_RC_EC:
		say(step, ISOLATION_NO, ISOLATION_EVENT_COLLECTOR);
		break;
	case PCI_EXP_TYPE_ROOT_PORT:
	case PCI_EXP_TYPE_DOWNSTREAM:
		judge_acs(r, step, ISOLATION_NO_ACS);
		break;
	case PCI_EXP_TYPE_ENDPOINT:
	case PCI_EXP_TYPE_LEG_END:
	case PCI_EXP_TYPE_UPSTREAM:
	case PCI_EXP_TYPE_RC_END:
		if (isolation_is_multifunction(r, step->function)) {
			judge_acs(r, step, ISOLATION_FUNCTIONS_NO_ACS);
			break;
		}
		say(step, ISOLATION_YES, ISOLATION_SINGLE_FUNCTION);
		break;
	default:
		say(step, ISOLATION_YES, ISOLATION_SINGLE_FUNCTION);
	}
}

const struct isolation_step *isolation_judge(struct isolation_reader *r, struct pci_function *f)
{
	struct isolation_function *known = function_of(r, f);
	struct isolation_step *step = &known->step;
	uint8_t type;

	if (known->judged)
		return step;
	known->judged = true;
	*step = (struct isolation_step){ .function = f, .express_type = -1 };
	int error = isolation_express_type(r, f, &type);
	step->is_virtual = known->is_virtual;
	if (error == 0)
		step->express_type = type;
	if (isolation_quirk(r, f, step))
		return step;
	if (error && error != -ENOENT)
		say_unknown(step, error);
	else
		judge_type(r, step);
	return step;
}
