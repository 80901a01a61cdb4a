// SPDX-License-Identifier: MIT
// NixOS: what starts the host is made from a declaration, and what a program changes in its results
// is gone with the next one. So the declaration is shown.
//
// The early helper of this program is not part of an initrd that nixos-rebuild makes; the
// declaration sets driver_override by address instead, without comparing what is there.

#include "base/text.h"
#include "bootloader/menu.h"
#include "host/host.h"

static void detect(const struct boot_facts *facts, struct bootloader_candidate *ret)
{
	if (boot_has(facts, "etc/NIXOS"))
		boot_evidence(facts, ret, "etc/NIXOS exists");
	if (facts->os_id && str_eq(facts->os_id, "nixos"))
		boot_evidence(facts, ret, "os-release says ID=nixos");
	ret->counts = ret->manages = ret->evidence.n > 0;
	ret->seen = ret->counts;
}

/* "a" "b" */
static const char *parameters(struct arena *a, const struct boot_change *change)
{
	const char *words = menu_words_by_hand(a, change), *text = "", *word;

	while ((word = text_next_word(a, &words)))
		text = arena_printf(a, "%s \"%s\"", text, word);
	return text;
}

static const char *by_hand(const struct boot_setup *boot, const struct boot_change *change)
{
	struct arena *a = boot->facts.arena;

	return arena_printf(
		a,
		"NixOS is configured by declaration. Add this to configuration.nix:\n"
		"\n"
		"  boot.kernelParams = [%s ];\n"
		"  boot.initrd.availableKernelModules = [ \"vfio_pci\" ];\n"
		"  boot.initrd.preDeviceCommands = ''\n"
		"    for address in %s; do\n"
		"      echo vfio-pci > /sys/bus/pci/devices/$address/driver_override\n"
		"    done\n"
		"    modprobe -i vfio-pci\n"
		"  '';\n"
		"\n"
		"Then make a generation of it, and restart:\n"
		"\n"
		"  nixos-rebuild boot\n"
		"\n"
		"The generation before stays in the boot menu: that is the way back.\n"
		"Addresses change when cards are moved or the firmware counts anew, and this\n"
		"takes whatever is at an address then: compare after each such change. Lists of\n"
		"ids (vfio-pci.ids=) would take every card of a kind instead.\n"
		"With boot.initrd.systemd.enable there is no preDeviceCommands: there it has to\n"
		"be a service before systemd-udev-trigger.service in the initrd.\n",
		parameters(a, change),
		text_join(a, change->addresses.name, change->addresses.n, " "));
}

const struct bootloader bootloader_nixos = {
	.name = "nixos",
	.title = "NixOS",
	.detect = detect,
	.by_hand = by_hand,
};
