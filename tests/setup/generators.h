/* SPDX-License-Identifier: MIT */
/* Stand-ins of the other generators for a host of machine.h: images with cpio, from the hooks that
 * are there. */
#pragma once

#include "tests/setup/machine.h"

#define BEGIN                                                                                      \
	"mode=$(cat \"$programs/mode\" 2>/dev/null || true)\n"                                     \
	"work=$(mktemp -d)\n"                                                                      \
	"modules=$work/lib/modules/$release\n"                                                     \
	"mkdir -p \"$modules/kernel/vfio\"\n"                                                      \
	"cp \"$root/usr/lib/modules/$release/modules.\"* \"$modules/\"\n"                          \
	"take() {\n"                                                                               \
	"\tmkdir -p \"$work/etc/passthru\" \"$work/${helper%/*}\"\n"                               \
	"\tcp \"$root/$helper\" \"$work/$helper\"\n"                                               \
	"\tcp \"$root/etc/passthru/devices\" \"$work/etc/passthru/devices\"\n"                     \
	"\tcp \"$root/usr/lib/modules/$release/kernel/vfio\"/*.ko \"$modules/kernel/vfio/\"\n"     \
	"}\n"
#define END "(cd \"$work\" && find . | LC_ALL=C sort | cpio -o -H newc --quiet) >\"$out\"\n"

#define DRACUT                                                                                     \
	"[ \"$1\" = --force ]\n"                                                                   \
	"out=$root$2 release=$3\n" BEGIN                                                           \
	"if [ -e \"$root/usr/lib/dracut/modules.d/02passthru/module-setup.sh\" ]; then\n"          \
	"\ttake\n"                                                                                 \
	"\thooks=$work/usr/lib/dracut/hooks/pre-udev\n"                                            \
	"\t[ \"$mode\" != unmerged ] || hooks=$work/lib/dracut/hooks/pre-udev\n"                   \
	"\tmkdir -p \"$hooks\" \"$work/usr/lib/systemd/system\"\n"                                 \
	"\t: >\"$work/usr/lib/systemd/systemd\"\n"                                                 \
	"\t[ \"$mode\" = service ] || : >\"$work/usr/lib/systemd/system/dracut-pre-udev.service\"" \
	"\n"                                                                                       \
	"\t[ \"$mode\" = hook ] || cp "                                                            \
	"\"$root/usr/lib/dracut/modules.d/02passthru/passthru.sh\" "                               \
	"\"$hooks/02-passthru.sh\"\n"                                                              \
	"fi\n" END

#define MKINITCPIO                                                                                 \
	"[ \"$1 $3\" = '-k -g' ]\n"                                                                \
	"out=$root$4 release=$2\n" BEGIN "rm \"$modules/modules.dep\" "                            \
	"\"$modules/modules.builtin\"\n"                                                           \
	". \"$root/etc/mkinitcpio.conf\"\n"                                                        \
	"dropin=$root/etc/mkinitcpio.conf.d/zz-passthru.conf\n"                                    \
	"[ ! -e \"$dropin\" ] || HOOKS=\"$HOOKS $(sed -n 's/^HOOKS+=(\\(.*\\))/\\1/p' "            \
	"\"$dropin\")\"\n"                                                                         \
	"case \" $HOOKS \" in\n"                                                                   \
	"*' passthru '*) take\n"                                                                   \
	"\tmkdir -p \"$work/hooks\" \"$work/usr/lib/systemd/system/sysinit.target.wants\"\n"       \
	"\tcp \"$root/etc/initcpio/hooks/passthru\" \"$work/hooks/\"\n"                            \
	"\t[ \"$mode\" != systemd ] || { rm \"$work/hooks/passthru\"; ln -s "                      \
	"../passthru-early.service "                                                               \
	"\"$work/usr/lib/systemd/system/sysinit.target.wants/passthru-early.service\"; : "         \
	">\"$work/usr/lib/systemd/system/passthru-early.service\"; } ;;\n"                         \
	"esac\n"                                                                                   \
	"[ \"$mode\" = early ] || echo \"EARLYHOOKS=\\\"$HOOKS\\\"\" >\"$work/config\"\n" END

#define MKINITFS                                                                                   \
	"[ \"$1\" = -o ]\n"                                                                        \
	"out=$root$2 release=$3\n" BEGIN "etc=$root/etc/mkinitfs basedir= init=$work.init\n"       \
	"initfs_base() { :; }\n"                                                                   \
	"printf '#!/bin/sh\\n# initramfs init\\n' >\"$init\"\n"                                    \
	"sed 's|^\\[ ! -r /etc/mkinitfs/passthru.conf \\] .* # added by passthru$|read_own|' "     \
	"\"$etc/mkinitfs.conf\" >\"$work.conf\"\n"                                                 \
	"read_own() {\n"                                                                           \
	"\tsed \"s|-x /|-x $root/|; s|-e /etc|-e $root/etc|\" \"$etc/passthru.conf\" "             \
	">\"$work.own\"\n"                                                                         \
	"\t. \"$work.own\"\n"                                                                      \
	"}\n"                                                                                      \
	". \"$work.conf\"\n"                                                                       \
	"case \" $features \" in\n"                                                                \
	"*' passthru '*) take\n"                                                                   \
	"\tgrep -q '^kernel/drivers/vfio/pci/vfio\\[-_\\]pci.ko\\*$' "                             \
	"\"$etc/features.d/passthru.modules\"\n"                                                   \
	"\tfor file in $(grep '^/' \"$etc/features.d/passthru.files\"); do\n"                      \
	"\t\tmkdir -p \"$work/${file%/*}\"\n"                                                      \
	"\t\tcp \"$root$file\" \"$work$file\"\n"                                                   \
	"\tdone ;;\n"                                                                              \
	"esac\n"                                                                                   \
	"[ \"$mode\" != script ] || rm \"$work/etc/mkinitfs/passthru-early\"\n"                    \
	"[ \"$mode\" != init ] || init=$work.init\n"                                               \
	"cp \"$init\" \"$work/init\"\n" END
