/* SPDX-License-Identifier: MIT */
/* A host that passes every check about the host, and how tests ask it. */
#pragma once

#include "check/check.h"
#include "tests/unit/facts.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

#define CPUINFO                                                                                    \
	"vendor_id\t: %s\nflags\t\t: fpu %s\naddress sizes\t: %d bits physical, 48 bits virtual\n"
#define CONFIG                                                                                     \
	"CONFIG_VFIO=m\nCONFIG_VFIO_PCI=m\nCONFIG_VFIO_IOMMU_TYPE1=m\nCONFIG_VFIO_GROUP=y\n"       \
	"CONFIG_INTEL_IOMMU=y\nCONFIG_AMD_IOMMU=y\nCONFIG_IRQ_REMAP=y\nCONFIG_FB_EFI=y\n"
#define RELEASE "6.12.9"
#define MODULES "usr/lib/modules/" RELEASE
#define MODULES_DEP                                                                                \
	"kernel/drivers/vfio/vfio.ko:\nkernel/drivers/vfio/pci/vfio-pci.ko: "                      \
	"kernel/drivers/vfio/vfio.ko\nkernel/drivers/vfio/vfio_iommu_type1.ko:\n"                  \
	"kernel/sound/snd-hda-codec-hdmi.ko: kernel/sound/snd-hda-intel.ko\n"
#define UNIT "sys/class/iommu/dmar0/intel-iommu/"

/* ---- the host ---- */

static inline void processor(const char *vendor, const char *flag, int bits)
{
	char text[256];

	snprintf(text, sizeof(text), CPUINFO, vendor, flag, bits);
	has("proc/cpuinfo", text);
}

static inline void function(const char *name, const char *ids, const char *class_code,
			    const char *driver, int group)
{
	char path[128], text[256], target[64];

	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/uevent", name);
	snprintf(text, sizeof(text), "%s%s%sPCI_CLASS=%s\nPCI_ID=%s\nPCI_SUBSYS_ID=1043:8694\n",
		 driver ? "DRIVER=" : "", driver ? driver : "", driver ? "\n" : "", class_code,
		 ids);
	has(path, text);
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/iommu_group", name);
	snprintf(target, sizeof(target), "../../../kernel/iommu_groups/%d", group);
	fake_link(&machine.tree, path, target);
	snprintf(path, sizeof(path), "sys/kernel/iommu_groups/%d/type", group);
	has(path, "DMA-FQ\n");
}

/* Sets length and checksum, and makes it the file. */
static inline void table(const char *name, unsigned char *data, size_t n)
{
	char path[64];
	unsigned char sum = 0;

	memcpy(data, name, 4);
	data[4] = (unsigned char)n;
	data[9] = 0;
	for (size_t i = 0; i < n; i++)
		sum = (unsigned char)(sum + data[i]);
	data[9] = (unsigned char)-sum;
	snprintf(path, sizeof(path), "sys/firmware/acpi/tables/%s", name);
	fake_bytes(&machine.tree, path, data, n);
}

static inline void dmar(unsigned char flags)
{
	unsigned char data[64] = { 0 };

	data[36] = 38;
	data[37] = flags;
	data[50] = 16; /* one DRHD */
	data[52] = 1;
	table("DMAR", data, sizeof(data));
}

static inline void ivrs(bool dma_guard, bool has_region)
{
	unsigned char data[48 + 24 + 32] = { 0 };

	data[36] = dma_guard ? 2 : 0;
	data[48] = 0x10;
	data[50] = 24;
	data[72] = 0x20;
	data[74] = 32;
	data[88 + 1] = 0x10; /* start */
	data[96 + 1] = 0x10; /* length */
	table("IVRS", data, sizeof(data) - (has_region ? 0 : 32));
}

static inline void ready(void)
{
	processor("GenuineIntel", "vmx", 39);
	has("sys/class/misc/kvm/dev", "10:232\n");
	fake_link(&machine.tree, "sys/class/misc/kvm", "../../devices/virtual/misc/kvm");
	has(UNIT "cap", "1c0000c40660462\n");
	has(UNIT "ecap", "19e2ff0505e\n");
	dmar(DMAR_INTR_REMAP);
	has("proc/interrupts", " CPU0\n 0: 9 IR-IO-APIC 2-edge timer\n");
	has("proc/sys/kernel/osrelease", RELEASE "\n");
	has("proc/cmdline", "root=/dev/sda1 ro quiet intel_iommu=on\n");
	has("proc/modules", "vfio_pci 1 0 - Live 0x0\nkvm_intel 1 0 - Live 0x0\n");
	has("boot/config-" RELEASE, CONFIG);
	has(MODULES "/modules.dep", MODULES_DEP);
	has(MODULES "/modules.builtin", "kernel/drivers/ata/ahci.ko\n");
	has("sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
	has("etc/modprobe.d/vfio.conf", "options vfio-pci ids=10de:1c82,10de:0fb9\n"
					"blacklist nouveau\n");
	has("etc/modules", "vfio-pci\n");
	has("proc/meminfo", "MemTotal: 16000000 kB\nMemAvailable: 12000000 kB\n");
	has("proc/self/limits",
	    "Max locked memory         unlimited            unlimited  bytes\n");
	has("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0\n");
	has("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "0\n");
	function("0000:00:02.0", "8086:1912", "030000", "i915", 0);
	has("sys/bus/pci/devices/0000:00:02.0/boot_vga", "1\n");
	function("0000:01:00.0", "10de:1c82", "030000", NULL, 1);
	has("sys/bus/pci/devices/0000:01:00.0/boot_vga", "0\n");
	function("0000:01:00.1", "10de:0fb9", "040300", NULL, 1);
	function("0000:02:00.0", "144d:a804", "010802", "nvme", 2);
}

static inline void ready_amd(void)
{
	ready();
	processor("AuthenticAMD", "svm", 48);
	fake_remove(&machine.tree, "sys/class/iommu");
	has("sys/class/iommu/ivhd0/amd-iommu/cap", "40f0190b\n");
	fake_remove(&machine.tree, "sys/firmware/acpi/tables");
	ivrs(false, false);
}

static inline void without_iommu(void)
{
	fake_remove(&machine.tree, "sys/class/iommu");
	fake_remove(&machine.tree, "sys/kernel/iommu_groups");
}

/* ---- asking ---- */

static struct verdict verdict;

static inline void judge(const char *id)
{
	const struct check *check = check_find(id);
	struct err e = { 0 };

	if (!check)
		fail_msg("there is no check %s", id);
	assert_int_equal(host_read_pci(&host, &e), 0);
	host_read_facts(&host);
	verdict = (struct verdict){ .check = check, .sentence = "", .arena = &host.arena };
	check->judge(&host, NULL, &verdict);
}

static inline bool has_evidence(const char *where, const char *what)
{
	for (size_t i = 0; i < verdict.n_evidence; i++) {
		if (strstr(verdict.evidence[i].where, where) &&
		    strstr(verdict.evidence[i].what, what))
			return true;
	}
	return false;
}

/* The verdict, a part of its sentence, and of a piece of evidence. */
static inline void expect(const char *id, enum verdict_kind kind, const char *sentence,
			  const char *where, const char *what)
{
	judge(id);
	if (verdict.kind != kind || !strstr(verdict.sentence, sentence))
		fail_msg("%s: %d \"%s\", expected %d \"%s\"", id, verdict.kind, verdict.sentence,
			 kind, sentence);
	if (where && !has_evidence(where, what))
		fail_msg("%s: no evidence \"%s\" \"%s\" for \"%s\"", id, where, what,
			 verdict.sentence);
	if (kind == VERDICT_FAIL)
		assert_non_null(verdict.fix);
}

static inline void command_line(const char *more)
{
	char text[2048];

	snprintf(text, sizeof(text), "root=/dev/sda1 ro %s\n", more);
	has("proc/cmdline", text);
}
