// SPDX-License-Identifier: MIT
// Who handed a function over: what others may know of a record, without its form.

#include "handover/internal.h"

bool handover_recorded(struct host *host, const struct pci_function *f, const char **ret_command,
		       const char **ret_pid)
{
	struct record record = { 0 };

	if (!journal_read(host, f, &record))
		return false;
	*ret_command = record.owner.command;
	*ret_pid = record.owner.pid;
	return true;
}
