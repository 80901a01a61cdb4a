// SPDX-License-Identifier: MIT
// The steps of an explanation in words, in the terms of lspci and of the specification.

#include "host/isolation.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

const char *isolation_acs_text(struct arena *a, uint16_t controls)
{
	static const struct {
		uint16_t bit;
		const char *name;
	} names[] = {
		{ PCI_ACS_SV, "SV" }, { PCI_ACS_TB, "TB" }, { PCI_ACS_RR, "RR" },
		{ PCI_ACS_CR, "CR" }, { PCI_ACS_UF, "UF" }, { PCI_ACS_EC, "EC" },
		{ PCI_ACS_DT, "DT" },
	};
	const char *text = "";

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (controls & names[i].bit)
			text = arena_printf(a, "%s%s%s", text, *text ? " " : "", names[i].name);
	}
	return text;
}

static const char *not_read_text(struct arena *a, int error)
{
	switch (error) {
	case PCI_ASLEEP:
		return "unknown: it is asleep, and reading would wake it";
	case PCI_SILENT:
		return "unknown: it does not answer";
	case -EACCES:
		return "unknown: its configuration space is readable in full by root only";
	case -ENODATA:
		return "unknown: its extended configuration space was not recorded";
	default:
		return arena_printf(a, "unknown: reading its configuration space: %s",
				    strerror(-error));
	}
}

const char *isolation_step_text(struct arena *a, const struct isolation_step *step)
{
	const char *type = step->express_type < 0
				   ? "function"
				   : pci_express_type_name((uint8_t)step->express_type);

	switch (step->reason) {
	case ISOLATION_NOT_READ:
		return not_read_text(a, step->error);
	case ISOLATION_ACS_ON:
		return arena_printf(a, "ACS on: %s",
				    isolation_acs_text(a, step->acs_enabled & step->acs_supported));
	case ISOLATION_SINGLE_FUNCTION:
		return step->is_virtual ? "virtual function"
					: arena_printf(a, "%s with a single function", type);
	case ISOLATION_QUIRK_YES:
		return arena_printf(a, "isolates without ACS: %s", step->quirk);
	case ISOLATION_NO_ACS:
		return arena_printf(a, "%s without ACS", type);
	case ISOLATION_ACS_OFF:
		return arena_printf(a, "ACS off: %s", isolation_acs_text(a, step->acs_missing));
	case ISOLATION_FUNCTIONS_NO_ACS:
		return arena_printf(a, "%s with several functions, without ACS", type);
	case ISOLATION_CONVENTIONAL:
		return "conventional PCI, which has no ACS";
	case ISOLATION_BRIDGE:
		return "bridge to conventional PCI: what is behind it shares a requester id";
	case ISOLATION_EVENT_COLLECTOR:
		return "event collector, which never has ACS";
	case ISOLATION_QUIRK_NO:
		return arena_printf(a, "does not isolate: %s", step->quirk);
	}
	return "unknown";
}
