/* SPDX-License-Identifier: MIT */
/*
 * Changing what a host does at its next boot. Editors of boot configuration: text in, text out;
 * nothing here reads or writes a file.
 *
 * An editor changes one place of a file, every other byte stays. edit_add() writes only the words
 * that do not stand there yet and says which those were; edit_remove() with just those words gives
 * the bytes from before again, which edit_add() has tried on its own result before it returns. What
 * cannot be edited with that certainty is refused with -EOPNOTSUPP (kind ERR_REFUSED) and a
 * sentence that shows the line. Callers put the path of the file in front of it (err_wrap()).
 *
 * Words are made of letters, digits and "_-.,:=+/@": nothing in them means anything to a shell, to
 * GRUB script, to the kernel's quoting, to YAML or JSON. Other words are refused with -EINVAL.
 */
#pragma once

#include "base/root.h"
#include "change/step.h"

#include <stdbool.h>

enum edit_format {
	/*
	 * Files that a shell sources: etc/default/grub, update-extlinux.conf, mkinitfs.conf. The
	 * last assignment of the variable is edited: quoted, unquoted or mixed, over several lines,
	 * made from itself (V="$V x"), exported. Refused where a later command may change it again
	 * or the file may end before it: conditions, functions, includes, another value made from
	 * it.
	 */
	EDIT_SHELL,
	/* The same for files that only bash reads: also V+=x, V=(a b) and V[key]=x.
	 * mkinitcpio.conf, dracut.conf; the name may be that of an element: KERNEL_CMDLINE[default]
	 * (Limine). */
	EDIT_BASH,
	/* etc/kernel/cmdline: the whole file is one command line. Refused when it is empty: a
	 * command line of our words alone does not boot. */
	EDIT_CMDLINE,
	/* The same where only the first line counts, and has to name the root= (Proxmox). */
	EDIT_CMDLINE_FIRST,
	/* A boot loader entry (BLS). Its first options line: GRUB's blscfg reads no other,
	 * systemd-boot reads all of them. */
	EDIT_BLS,
	/* The same for systemd-boot alone: an options line of our own behind the others. */
	EDIT_BLS_OWN_LINE,
	/* GRUB's environment block; the name is the variable: kernelopts. */
	EDIT_GRUBENV,
	/* refind_linux.conf: pairs of quoted strings; the name is the first of the pair. */
	EDIT_REFIND,
	/* syslinux.cfg, extlinux.conf: APPEND of the LABEL of that name. */
	EDIT_EXTLINUX,
	/* limine.conf, limine.cfg: the command line of the entry with that title. */
	EDIT_LIMINE,
	/* kernelstub's configuration: user.kernel_options. */
	EDIT_KERNELSTUB,
	/* etc/initramfs-tools/modules: one module a line. */
	EDIT_MODULES,
	/* booster.yaml: a list with commas; the name is the key: modules_force_load. */
	EDIT_BOOSTER,
};

struct edit_place {
	enum edit_format format;
	/* variable, label, title, key: see the format. NULL where it says nothing of one, and for a
	 * menu (rEFInd, extlinux, Limine) that has one command line only. */
	const char *name;
	/* EDIT_SHELL, EDIT_BASH: the words are names (modules, hooks, features), not kernel words.
	 */
	bool names;
	/* EDIT_SHELL, EDIT_BASH, EDIT_BOOSTER: append a line where the name is not set at all. Not
	 * for variables whose default is lost by setting them. */
	bool create;
};

struct edit {
	struct bytes text;
	/* what edit_remove() has to take away again; in the order of the request */
	struct names added;
};

/*
 * @text with those of @words that it does not have. Kernel words are compared as the kernel does
 * ('-' is '_' in names, values exact); a word counts wherever it stands, whether a later one
 * contradicts it is the caller's question. They keep their order and go behind the user's words, in
 * front of " -- "; hugepagesz= and the hugepages= behind it are one thing.
 * -ENOENT: there is no such variable, entry or key. -E2BIG: longer than the kernel's command line.
 * -ENOSPC: no room in the environment block. -EOPNOTSUPP: refused.
 */
MUST_CHECK int edit_add(struct arena *a, struct bytes text, const struct edit_place *place,
			const struct names *words, struct edit *ret, struct err *e);

/* Whether the word and the one behind it are one thing: hugepages= counts pages of the size before
 * it. */
bool edit_is_pair(const struct names *words, size_t at);

/*
 * @text without @words, each taken away once, the last of several that are equal. What is not
 * there is no error: somebody else took it away.
 */
MUST_CHECK int edit_remove(struct arena *a, struct bytes text, const struct edit_place *place,
			   const struct names *words, struct bytes *ret, struct err *e);

/*
 * One key of loader.conf (systemd-boot): @value NULL takes its line away. *@ret_before is the value
 * that it had, NULL for none: setting that again gives @text, byte for byte.
 */
MUST_CHECK int edit_loader_set(struct arena *a, struct bytes text, const char *key,
			       const char *value, struct bytes *ret, const char **ret_before,
			       struct err *e);

/*
 * One variable of GRUB's environment block (next_entry), as grub-editenv sets and unsets it.
 * *@ret_before as above, except that a variable that was not set is not remembered in its place.
 */
MUST_CHECK int edit_grubenv_set(struct arena *a, struct bytes text, const char *name,
				const char *value, struct bytes *ret, const char **ret_before,
				struct err *e);

/* Files of our own that a system reads besides the user's. */
enum edit_dropin {
	EDIT_DROPIN_SHELL,   /* etc/default/grub.d: V="$V a b" */
	EDIT_DROPIN_BASH,    /* dracut.conf.d, limine-entry-tool.d: V+=" a b " */
	EDIT_DROPIN_ARRAY,   /* mkinitcpio.conf.d: V+=(a b) */
	EDIT_DROPIN_CMDLINE, /* cmdline.d: a b */
	EDIT_DROPIN_LINES,   /* modules.d: one a line */
};

/* @name is the variable, where there is one. -EINVAL for words as above. */
MUST_CHECK int edit_dropin_text(struct arena *a, enum edit_dropin kind, const char *name,
				const struct names *words, struct bytes *ret, struct err *e);
