// SPDX-License-Identifier: MIT
// A snapshot file of unknown origin: opened, and asked as a command asks it.

#include "base/snapshot.h"
#include "base/text.h"
#include "host/host.h"
#include "tests/fuzz/target.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

static void read_host(struct root *root)
{
	struct host host;
	struct err e = { 0 };
	struct iommu_group *groups, group;
	size_t n;

	host_init(&host, root);
	if (host_read_pci(&host, &e) == 0) {
		host_groups(&host, &groups, &n);
		for (size_t i = 0; i < host.n_functions; i++) {
			struct pci_function *f = &host.functions[i];
			struct pci_detail detail;
			struct selection selection;

			host_read_detail(&host, f, &detail);
			host_companions(&host, f, &selection);
			(void)!host_group_of(&host, f, &group);
			for (const struct pci_function *up = f->parent; up; up = up->parent)
				HOLDS(strlen(up->path) < strlen(f->path));
		}
	} else {
		HOLDS(*e.text);
	}
	host_done(&host);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct root *root;
	struct err e = { 0 };
	char path[64];
	CLEANUP_CLOSE int fd = memfd_create("snapshot", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, n) != (ssize_t)n)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int error = snapshot_open_file(path, &root, &e);
	if (error == 0)
		read_host(root);
	else
		HOLDS(error < 0 && *e.text);
	return 0;
}
