/* SPDX-License-Identifier: MIT */
/*
 * What checks judge about the host, beyond its functions: the platform, the kernel, its
 * configuration, and memory. Read by host_read_facts(), part by part; every part keeps the errno of
 * what it could not read. Who uses devices: use.h; all about one device: device.h.
 */
#pragma once

#include "host/kernel.h"
#include "host/memory.h"
#include "host/modprobe.h"
#include "host/platform.h"
#include "host/reserved.h"
#include "host/traces.h"

struct host_facts {
	struct platform_facts platform; /* processor, KVM, IOMMU units, DMAR, IVRS */
	struct kernel_facts kernel; /* release, command line, configuration, modules, lockdown */
	struct modprobe_facts modprobe; /* modprobe.d of all directories, line by line */
	struct memory_facts memory;     /* huge pages, free memory, limits */
	struct traces_facts traces;     /* lists of modules, other programs' files */
	struct reserved_facts reserved; /* functions for guests from the boot on */
};
