// SPDX-License-Identifier: MIT
// Why a fact is not known, in words: the one place where errors of reading become text for people.

#include "host/host.h"

#include <string.h>

const char *fact_reason(int error)
{
	switch (error) {
	case -ENODATA:
		return "not recorded";
	case -EACCES:
	case -EPERM:
		return "permission denied";
	case -EBADMSG:
		return "not understood";
	case PCI_MISSING:
		return "its files are missing";
	case PCI_BUSY:
		return "it is being handed over, and the kernel does not come back from that";
	case PCI_ASLEEP:
		return "the device sleeps; reading it would wake it";
	default: {
		const char *text = strerrordesc_np(-error);
		return text ? text : "error";
	}
	}
}
