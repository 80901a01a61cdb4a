/* SPDX-License-Identifier: MIT */
/* systemd-boot for those whose entries are made in other ways: unified images, kernelstub. */
#pragma once

#include "bootloader/bls.h"

/* The entries of $BOOT and the ESP. */
MUST_CHECK int systemd_boot_read(const struct boot_facts *facts, struct bls_list *ret,
				 struct err *e);
/* Fills in whether it was seen, with the evidence; whether it is what starts this host. */
bool systemd_boot_is_there(const struct boot_facts *facts, struct bootloader_candidate *ret);
/* Whether an entry can be chosen for one boot, and no entry of ours is taken for the default. */
MUST_CHECK int systemd_boot_ready(const struct boot_facts *facts, const struct bls_list *list,
				  struct err *e);
/* The step that chooses it. */
void systemd_boot_once(const struct boot_facts *facts, struct plan *plan, const char *file);
