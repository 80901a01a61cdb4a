/* SPDX-License-Identifier: MIT */
/* What the checks of devices share. */
#pragma once

#include "check/internal.h"

/* "sys/devices/.../<attribute>" */
const char *device_path(struct verdict *v, const struct pci_function *f, const char *attribute);

/* Whether @f goes to a guest together with the device whose facts these are. */
bool device_is_together(const struct device_facts *facts, const struct pci_function *f);

/* "0000:02:00.0 (nvme)" */
const char *device_with_driver(struct verdict *v, const struct pci_function *f);

/* The release of the running kernel is that or later; @if_unknown when it is not known. */
bool device_kernel_at_least(const struct host *host, unsigned major, unsigned minor,
			    bool if_unknown);

/* Whether host or guests use it now, its virtual functions included, so that no command may be
 * offered that takes it away. */
bool device_is_in_use(const struct pci_function *f);

/* A pair of verdicts about the uses of one kind. */
struct use_words {
	enum use_kind kind;
	enum verdict_kind active; /* when something uses it now */
	enum verdict_kind idle;   /* when it has data, or is connected, and nothing uses it */
	const char *nobody;       /* when there is no use at all; NULL: VERDICT_SKIP */
	const char *fix;
};

/* Judges the uses of that kind: those in use, what could not be looked at, the rest. */
void device_judge_uses(struct verdict *v, const struct pci_function *f,
		       const struct use_words *words);
