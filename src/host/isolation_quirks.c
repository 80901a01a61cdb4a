// SPDX-License-Identifier: MIT
// Devices that the kernel knows better than their registers do: they isolate without ACS, or not in
// spite of it.
//
// The ids are facts from pci_dev_acs_enabled of drivers/pci/quirks.c, which is the same in Linux
// 6.1.192 and 6.12.117; the vendors told them to the kernel's maintainers. The first row that has
// something to say of a function counts, so rows stand in the kernel's order where a vendor has
// several.

#include "host/config_bytes.h"
#include "host/isolation_internal.h"

#include <errno.h>
#include <linux/pci_regs.h>

#define ANY_FIRST 0x0000
#define ANY_LAST 0xffff

/* What a row demands of the function besides its ids, and what it says then. */
enum quirk {
	FUNCTIONS,         /* functions do not talk to each other: isolates */
	PORT,              /* any type: isolates */
	ROOT_PORT,         /* a root port: isolates */
	ROOT_OR_DOWN_PORT, /* a root or downstream port: isolates */
	INTEGRATED,        /* an endpoint in the root complex: isolates */
	PCH_PORT,    /* a root port whose chipset the kernel could set up: isolates, else not */
	WIDE_ACS,    /* a root port with ACS whose control register is 32 bit and 8 bytes in */
	SOUTHBRIDGE, /* one of several functions on the root bus, with AMD's IOMMU: isolates */
	NEVER,       /* does not isolate */
	NEVER_PORT,  /* a root or downstream port: does not isolate */
};

static const struct row {
	uint16_t vendor, first, last;
	uint8_t quirk;
	uint8_t stride; /* from one id to the next */
	const char *about;
} rows[] = {
	{ 0x1002, 0x4383, 0x4385, SOUTHBRIDGE, 1, "AMD SBx00 southbridge" },
	{ 0x1002, 0x4399, 0x4399, SOUTHBRIDGE, 1, "AMD SBx00 southbridge" },
	{ 0x1002, 0x439c, 0x439d, SOUTHBRIDGE, 1, "AMD SBx00 southbridge" },
	{ 0x1022, 0x7809, 0x7809, SOUTHBRIDGE, 1, "AMD FCH" },
	{ 0x1022, 0x780f, 0x780f, SOUTHBRIDGE, 1, "AMD FCH" },
	{ 0x1924, 0x0903, 0x0903, FUNCTIONS, 1, "Solarflare network card" },
	{ 0x1924, 0x0923, 0x0923, FUNCTIONS, 1, "Solarflare network card" },
	{ 0x1924, 0x0a03, 0x0a03, FUNCTIONS, 1, "Solarflare network card" },
	{ 0x8086, 0x10c6, 0x10c6, FUNCTIONS, 1, "Intel 82598 network card" },
	{ 0x8086, 0x10db, 0x10db, FUNCTIONS, 1, "Intel 82598 network card" },
	{ 0x8086, 0x10dd, 0x10dd, FUNCTIONS, 1, "Intel 82598 network card" },
	{ 0x8086, 0x10e1, 0x10e1, FUNCTIONS, 1, "Intel 82598 network card" },
	{ 0x8086, 0x10f1, 0x10f1, FUNCTIONS, 1, "Intel 82598 network card" },
	{ 0x8086, 0x10f7, 0x10fc, FUNCTIONS, 1, "Intel 82599 network card" },
	{ 0x8086, 0x1507, 0x1507, FUNCTIONS, 1, "Intel 82599 network card" },
	{ 0x8086, 0x1514, 0x1514, FUNCTIONS, 1, "Intel 82599 network card" },
	{ 0x8086, 0x151c, 0x151c, FUNCTIONS, 1, "Intel 82599 network card" },
	{ 0x8086, 0x1529, 0x152a, FUNCTIONS, 1, "Intel 82599 network card" },
	{ 0x8086, 0x154d, 0x154d, FUNCTIONS, 1, "Intel 82599 network card" },
	{ 0x8086, 0x154f, 0x154f, FUNCTIONS, 1, "Intel 82599 network card" },
	{ 0x8086, 0x1551, 0x1551, FUNCTIONS, 1, "Intel 82599 network card" },
	{ 0x8086, 0x1558, 0x1558, FUNCTIONS, 1, "Intel 82599 network card" },
	{ 0x8086, 0x1509, 0x1509, FUNCTIONS, 1, "Intel 82580 network card" },
	{ 0x8086, 0x150e, 0x1511, FUNCTIONS, 1, "Intel 82580 network card" },
	{ 0x8086, 0x1516, 0x1516, FUNCTIONS, 1, "Intel 82580 network card" },
	{ 0x8086, 0x1527, 0x1527, FUNCTIONS, 1, "Intel 82580 network card" },
	{ 0x8086, 0x10c9, 0x10c9, FUNCTIONS, 1, "Intel 82576 network card" },
	{ 0x8086, 0x10e6, 0x10e8, FUNCTIONS, 1, "Intel 82576 network card" },
	{ 0x8086, 0x150a, 0x150a, FUNCTIONS, 1, "Intel 82576 network card" },
	{ 0x8086, 0x150d, 0x150d, FUNCTIONS, 1, "Intel 82576 network card" },
	{ 0x8086, 0x1518, 0x1518, FUNCTIONS, 1, "Intel 82576 network card" },
	{ 0x8086, 0x1526, 0x1526, FUNCTIONS, 1, "Intel 82576 network card" },
	{ 0x8086, 0x10a7, 0x10a7, FUNCTIONS, 1, "Intel 82575 network card" },
	{ 0x8086, 0x10a9, 0x10a9, FUNCTIONS, 1, "Intel 82575 network card" },
	{ 0x8086, 0x10d6, 0x10d6, FUNCTIONS, 1, "Intel 82575 network card" },
	{ 0x8086, 0x1521, 0x1524, FUNCTIONS, 1, "Intel I350 network card" },
	{ 0x8086, 0x105e, 0x1060, FUNCTIONS, 1, "Intel 82571 network card" },
	{ 0x8086, 0x10d9, 0x10d9, FUNCTIONS, 1, "Intel 82571 network card" },
	{ 0x8086, 0x15b7, 0x15b8, FUNCTIONS, 1, "Intel I219 network controller" },
	{ 0x8086, ANY_FIRST, ANY_LAST, INTEGRATED, 1, "Intel endpoint in the root complex" },
	{ 0x17cb, 0x0400, 0x0401, PORT, 1, "Qualcomm root port" },
	{ 0x17cb, 0x0111, 0x0111, PORT, 1, "Qualcomm root port" },
	{ 0x17cb, 0x0115, 0x0115, PORT, 1, "Qualcomm root port" },
	{ 0x17cb, 0x0120, 0x0120, PORT, 1, "Qualcomm root port" },
	{ 0x1dbf, 0x0401, 0x0401, PORT, 1, "HXT root port" },
	{ 0x8086, 0x3b42, 0x3b51, PCH_PORT, 1, "Intel Ibex Peak root port" },
	{ 0x8086, 0x1c10, 0x1c1f, PCH_PORT, 1, "Intel Cougar Point root port" },
	{ 0x8086, 0x1e10, 0x1e1f, PCH_PORT, 1, "Intel Panther Point root port" },
	{ 0x8086, 0x8c10, 0x8c1f, PCH_PORT, 1, "Intel Lynx Point root port" },
	{ 0x8086, 0x9c10, 0x9c1b, PCH_PORT, 1, "Intel Lynx Point-LP root port" },
	{ 0x8086, 0x9c90, 0x9c9b, PCH_PORT, 1, "Intel Wildcat Point root port" },
	{ 0x8086, 0x1d10, 0x1d1e, PCH_PORT, 2, "Intel Patsburg root port" },
	{ 0x8086, 0x8d10, 0x8d1e, PCH_PORT, 1, "Intel Wellsburg root port" },
	{ 0x8086, 0x8c90, 0x8c9e, PCH_PORT, 2, "Intel 9 series root port" },
	{ 0x8086, 0xa110, 0xa11f, WIDE_ACS, 1, "Intel 100 series root port" },
	{ 0x8086, 0xa167, 0xa16a, WIDE_ACS, 1, "Intel 100 series root port" },
	{ 0x8086, 0xa290, 0xa29f, WIDE_ACS, 1, "Intel 200 series root port" },
	{ 0x8086, 0xa2e7, 0xa2ee, WIDE_ACS, 1, "Intel 200 series root port" },
	{ 0x8086, 0x9d10, 0x9d1b, WIDE_ACS, 1, "Intel 100 series mobile root port" },
	{ 0x19a2, 0x0710, 0x0710, FUNCTIONS, 1, "Emulex BE3-R" },
	{ 0x10df, 0x0720, 0x0720, FUNCTIONS, 1, "Emulex Skyhawk-R" },
	{ 0x177d, 0xa000, 0xa7ff, ROOT_PORT, 1, "Cavium ThunderX root port" },
	{ 0x177d, 0xaf84, 0xaf84, ROOT_PORT, 1, "Cavium ThunderX2 root port" },
	{ 0x177d, 0xb884, 0xb884, ROOT_PORT, 1, "Cavium ThunderX3 root port" },
	{ 0x177d, 0xa026, 0xa026, FUNCTIONS, 1, "Cavium device" },
	{ 0x177d, 0xa059, 0xa059, FUNCTIONS, 1, "Cavium device" },
	{ 0x177d, 0xa060, 0xa060, FUNCTIONS, 1, "Cavium device" },
	{ 0x10e8, 0xe004, 0xe004, PORT, 1, "APM X-Gene root port" },
	{ 0x1def, 0xe005, 0xe00c, PORT, 1, "Ampere root port" },
	{ 0x14e4, 0x16d7, 0x16d7, FUNCTIONS, 1, "Broadcom network card" },
	{ 0x14e4, 0x1750, 0x1752, FUNCTIONS, 1, "Broadcom network card" },
	{ 0x14e4, 0x1760, 0x1763, FUNCTIONS, 1, "Broadcom network card" },
	{ 0x14e4, 0xd714, 0xd714, PORT, 1, "Broadcom iProc root port" },
	{ 0x0014, 0x3c09, 0x3c29, PORT, 0x10, "Loongson root port" },
	{ 0x0014, 0x7a09, 0x7a69, PORT, 0x10, "Loongson root port" },
	{ 0x1c36, 0x0031, 0x0031, ROOT_PORT, 1, "Annapurna Labs root port" },
	{ 0x1d17, 0x3038, 0x3038, FUNCTIONS, 1, "Zhaoxin device" },
	{ 0x1d17, 0x3104, 0x3104, FUNCTIONS, 1, "Zhaoxin device" },
	{ 0x1d17, 0x9083, 0x9083, FUNCTIONS, 1, "Zhaoxin device" },
	{ 0x1957, 0x8d80, 0x8d83, PORT, 1, "NXP LX2 root port" },
	{ 0x1957, 0x8d88, 0x8d8b, PORT, 1, "NXP LX2 root port" },
	{ 0x1957, 0x8d90, 0x8d93, PORT, 1, "NXP LX2 root port" },
	{ 0x1957, 0x8d98, 0x8d9b, PORT, 1, "NXP LX2 root port" },
	{ 0x1957, 0x8da0, 0x8da1, PORT, 1, "NXP LX2 root port" },
	{ 0x1957, 0x8da8, 0x8da9, PORT, 1, "NXP LX2 root port" },
	{ 0x1957, 0x8db0, 0x8db1, PORT, 1, "NXP LX2 root port" },
	{ 0x1957, 0x8db8, 0x8db9, PORT, 1, "NXP LX2 root port" },
	{ 0x1d17, 0x0710, 0x071e, ROOT_OR_DOWN_PORT, 1, "Zhaoxin port" },
	{ 0x1d17, 0x0721, 0x0721, ROOT_OR_DOWN_PORT, 1, "Zhaoxin port" },
	{ 0x1d17, 0x0723, 0x0752, ROOT_OR_DOWN_PORT, 1, "Zhaoxin port" },
	{ 0x1d17, ANY_FIRST, ANY_LAST, NEVER_PORT, 1, "other Zhaoxin port" },
	{ 0x8088, 0x0100, 0x010f, FUNCTIONS, 1, "Wangxun network card" },
	{ 0x8088, 0x1001, 0x1001, FUNCTIONS, 1, "Wangxun network card" },
	{ 0x8088, 0x2001, 0x2001, FUNCTIONS, 1, "Wangxun network card" },
	{ 0x8088, 0x5010, 0x5010, FUNCTIONS, 1, "Wangxun network card" },
	{ 0x8088, 0x5025, 0x5025, FUNCTIONS, 1, "Wangxun network card" },
	{ 0x8088, 0x5040, 0x5040, FUNCTIONS, 1, "Wangxun network card" },
	{ 0x8088, 0x5110, 0x5110, FUNCTIONS, 1, "Wangxun network card" },
	{ 0x8088, 0x5125, 0x5125, FUNCTIONS, 1, "Wangxun network card" },
	{ 0x8088, 0x5140, 0x5140, FUNCTIONS, 1, "Wangxun network card" },
	{ 0x8088, ANY_FIRST, ANY_LAST, NEVER, 1, "other Wangxun device" },
};

/* The kernel could set it up when the chipset's register block is on, which the LPC bridge says. */
static bool chipset_is_set_up(struct isolation_reader *r, const struct pci_function *port)
{
	const uint8_t rcba = 0xf0, rcba_enable = 0x01;
	struct pci_address address = port->address;

	address.device = 0x1f;
	address.function = 0;
	struct pci_function *lpc = host_find(r->host, address);
	if (!lpc)
		return true;
	const struct pci_config *config = isolation_config(r, lpc);
	return config->error || config->n_bytes < PCI_CONFIG_BYTES ||
	       config_byte(config, rcba) & rcba_enable;
}

static bool says(struct isolation_step *ret, enum isolation_verdict verdict)
{
	ret->verdict = verdict;
	ret->reason = verdict == ISOLATION_YES  ? ISOLATION_QUIRK_YES
		      : verdict == ISOLATION_NO ? ISOLATION_QUIRK_NO
						: ISOLATION_NOT_READ;
	return true;
}

/* The control register where these ports have it. False: without ACS the row says nothing. */
static bool judge_wide_acs(const struct pci_config *config, struct isolation_step *ret)
{
	const uint16_t required = PCI_ACS_SV | PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_UF;

	if (config->acs.error == -ENOENT || config->acs.error == -EBADMSG)
		return false;
	ret->error = config->acs.error ? config->acs.error
				       : config_bounds(config, config->acs.offset, 12,
						       PCI_CONFIG_EXTENDED_BYTES);
	if (ret->error)
		return says(ret, ISOLATION_UNKNOWN);
	ret->acs_supported = config->acs.supported;
	ret->acs_enabled = config_word(config, config->acs.offset + 8u);
	ret->acs_missing = (uint16_t)(required & ret->acs_supported & ~ret->acs_enabled);
	ret->verdict = ret->acs_missing ? ISOLATION_NO : ISOLATION_YES;
	ret->reason = ret->acs_missing ? ISOLATION_ACS_OFF : ISOLATION_ACS_ON;
	return true;
}

static bool judge_southbridge(struct isolation_reader *r, struct pci_function *f,
			      struct isolation_step *ret)
{
	int ivrs = isolation_has_ivrs(r);

	if (!isolation_is_multifunction(r, f) || f->parent || ivrs == 0)
		return false;
	ret->error = ivrs < 0 ? ivrs : 0;
	return says(ret, ivrs < 0 ? ISOLATION_UNKNOWN : ISOLATION_YES);
}

/* False when the row says nothing of this function. */
static bool judge_row(struct isolation_reader *r, struct pci_function *f, const struct row *row,
		      struct isolation_step *ret)
{
	bool is_root = false, is_down = false, is_integrated = false;
	uint8_t type;

	switch (row->quirk) {
	case FUNCTIONS:
	case PORT:
		return says(ret, ISOLATION_YES);
	case NEVER:
		return says(ret, ISOLATION_NO);
	case SOUTHBRIDGE:
		return judge_southbridge(r, f, ret);
	}
	ret->error = isolation_express_type(r, f, &type);
	if (ret->error && ret->error != -ENOENT)
		return says(ret, ISOLATION_UNKNOWN);
	if (ret->error == 0) {
		is_root = type == PCI_EXP_TYPE_ROOT_PORT;
		is_down = type == PCI_EXP_TYPE_DOWNSTREAM;
		is_integrated = type == PCI_EXP_TYPE_RC_END;
	}
	ret->error = 0;
	switch (row->quirk) {
	case ROOT_PORT:
		return is_root && says(ret, ISOLATION_YES);
	case ROOT_OR_DOWN_PORT:
		return (is_root || is_down) && says(ret, ISOLATION_YES);
	case NEVER_PORT:
		return (is_root || is_down) && says(ret, ISOLATION_NO);
	case INTEGRATED:
		return is_integrated && says(ret, ISOLATION_YES);
	case PCH_PORT:
		return is_root && says(ret, chipset_is_set_up(r, f) ? ISOLATION_YES : ISOLATION_NO);
	case WIDE_ACS:
		return is_root && judge_wide_acs(isolation_config(r, f), ret);
	}
	return false;
}

bool isolation_quirk(struct isolation_reader *r, struct pci_function *f, struct isolation_step *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];

		if (row->vendor != f->vendor || f->device < row->first || f->device > row->last ||
		    (f->device - row->first) % row->stride)
			continue;
		if (judge_row(r, f, row, ret)) {
			ret->quirk = row->about;
			return true;
		}
	}
	return false;
}

uint16_t isolation_broken_acs(const struct pci_function *f)
{
	/* IDT switches 89H32H8G2 and 89HPES: source validation hits completions (Linux 6.19) */
	return f->vendor == 0x111d && (f->device == 0x80b5 || f->device == 0x8090) ? PCI_ACS_SV : 0;
}
