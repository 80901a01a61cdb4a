/* SPDX-License-Identifier: MIT */
/* What the files of host/ share with each other and with their tests. */
#pragma once

#include "host/host.h"

/* An attribute in the directory of the function; @attribute begins with a slash. */
const char *host_path(struct host *host, const struct pci_function *f, const char *attribute);

/* Fills identity and driver of @f. -EBADMSG when it is not the uevent of a PCI function. */
MUST_CHECK int pci_parse_uevent(struct arena *a, struct bytes uevent, struct pci_function *f);

/* The text of `resource`: one line "start end flags" per BAR or window. -EBADMSG otherwise. */
MUST_CHECK int pci_parse_resources(struct arena *a, struct bytes text, struct pci_detail *ret);

void host_names_close(struct host_names *names);
