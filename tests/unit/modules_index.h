/* SPDX-License-Identifier: MIT */
/* What depmod of kmod 30 makes of kernel/vfio/vfio-pci.ko, vfio-pci-core.ko and vfio.ko, and of a
 * modules.builtin with kernel/drivers/ata/ahci.ko. */
#pragma once

/* clang-format off */
static const char modules_dep_bin[] =
	"\xb0\x07\xf4W\x00\x02\x00\x01 \x00\x00\xce" "core\x00\x00\x00\x00\x01\x00"
	"\x00\x00\x01kernel/vfio/vfio-pci-core.ko: kernel/vfio/vfio.ko\x00pci\x00"
	"__\xc0\x00\x00\x0c\x00\x00\x00\x01\x00\x00\x00\x00kernel/vfio/vfio-pci."
	"ko: kernel/vfio/vfio-pci-core.ko kernel/vfio/vfio.ko\x00" "fio\x00__\xe0"
	"\x00\x00K\x00\x00\x00\x01\x00\x00\x00\x02kernel/vfio/vfio.ko:\x00vv\xe0"
	"\x00\x00\xa7";
static const char modules_builtin_bin[] =
	"\xb0\x07\xf4W\x00\x02\x00\x01 \x00\x00\x19hci\x00\x00\x00\x00\x01\x00\x00"
	"\x00\x00\x00" "aa\xc0\x00\x00\x0c";
/* clang-format on */

/* The literals end with one byte more. */
#define N_MODULES_DEP_BIN (sizeof(modules_dep_bin) - 1)
#define N_MODULES_BUILTIN_BIN (sizeof(modules_builtin_bin) - 1)
