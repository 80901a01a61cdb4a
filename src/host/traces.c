// SPDX-License-Identifier: MIT
// Files are searched line by line for a few words; they are programs and lists in many languages,
// which nothing less than running them would read fully. A line that is a comment does not count,
// except where a program is known by the comment that it leaves.

#include "host/traces.h"
#include "base/text.h"
#include "host/host.h"
#include "host/read.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define FILE_MAX ((size_t)1024 * 1024)
#define FOUND_MAX 256
#define FILES_MAX 256

/* ---- what was found ---- */

static void note_error(struct traces_facts *facts, const char *path, int error)
{
	if (facts->error || error == -ENOENT || error == -ENOTDIR || error == -EISDIR)
		return;
	facts->error = error;
	facts->error_path = path;
}

static void add_trace(struct traces_facts *facts, enum trace_kind kind, const char *path,
		      unsigned number, const char *text)
{
	if (facts->n_traces < FOUND_MAX)
		facts->traces[facts->n_traces++] = (struct trace){ kind, path, number, text };
}

static bool read_file(struct host *host, struct traces_facts *facts, const char *path,
		      struct bytes *ret)
{
	int error = root_read_max(host->root, &host->arena, path, FILE_MAX, ret);

	note_error(facts, path, error);
	return error == 0;
}

/* The paths of a directory's files; -ENOENT gives none. */
static struct names list_paths(struct host *host, struct traces_facts *facts, const char *path)
{
	struct names names = { 0 };
	int error = root_list(host->root, &host->arena, path, &names);

	if (error < 0) {
		note_error(facts, path, error);
		return (struct names){ 0 };
	}
	if (names.n > FILES_MAX)
		names.n = FILES_MAX;
	const char **paths = arena_array(&host->arena, names.n, sizeof(*paths));
	for (size_t i = 0; i < names.n; i++)
		paths[i] = arena_printf(&host->arena, "%s/%s", path, names.name[i]);
	return (struct names){ paths, names.n };
}

/* ---- lists of modules ---- */

static bool is_name_byte(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static void mention_line(struct host *host, struct traces_facts *facts, const char *path,
			 unsigned number, const char *line)
{
	line += strspn(line, " \t");
	if (*line == '#')
		return;
	while (*line) {
		size_t n = 0;

		while (is_name_byte(line[n]))
			n++;
		if (n >= 4 && memcmp(line, "vfio", 4) == 0 && facts->n_mentions < FOUND_MAX)
			facts->mentions[facts->n_mentions++] =
				(struct module_mention){ path, number,
							 arena_strndup(&host->arena, line, n) };
		line += n ? n : 1;
	}
}

static void mention_file(struct host *host, struct traces_facts *facts, const char *path)
{
	const char *rest, *line;
	struct bytes text;
	unsigned number = 0;
	size_t n;

	if (!read_file(host, facts, path, &text))
		return;
	rest = text.data;
	while (text_next_line(&rest, &line, &n))
		mention_line(host, facts, path, ++number, arena_strndup(&host->arena, line, n));
}

static void read_mentions(struct host *host, struct traces_facts *facts)
{
	static const char *const files[] = {
		"etc/modules",         "etc/initramfs-tools/modules",
		"etc/mkinitcpio.conf", "etc/dracut.conf",
		"etc/booster.yaml",    "etc/update-extlinux.conf",
	};
	static const char *const folders[] = {
		"etc/modules-load.d",      "usr/share/initramfs-tools/modules.d",
		"etc/dracut.conf.d",       "etc/mkinitcpio.conf.d",
		"etc/mkinitfs/features.d",
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		mention_file(host, facts, files[i]);
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		struct names paths = list_paths(host, facts, folders[i]);
		for (size_t k = 0; k < paths.n; k++)
			mention_file(host, facts, paths.name[k]);
	}
}

/* ---- other programs ---- */

/* Every line of the file that has @word in it and is no comment. */
static void search_file(struct host *host, struct traces_facts *facts, enum trace_kind kind,
			const char *path, const char *word)
{
	const char *rest, *start;
	struct bytes text;
	unsigned number = 0;
	size_t n;

	if (!read_file(host, facts, path, &text) || !memmem(text.data, text.n, word, strlen(word)))
		return;
	rest = text.data;
	while (text_next_line(&rest, &start, &n)) {
		const char *line = arena_strndup(&host->arena, start, n);

		number++;
		line += strspn(line, " \t");
		if (*line != '#' && strstr(line, word))
			add_trace(facts, kind, path, number, line);
	}
}

static void search_folder(struct host *host, struct traces_facts *facts, enum trace_kind kind,
			  const char *path, const char *word)
{
	struct names paths = list_paths(host, facts, path);

	for (size_t i = 0; i < paths.n; i++)
		search_file(host, facts, kind, paths.name[i], word);
}

/* A script runs for the guest and the moment that its folders name: qemu.d/GUEST/prepare/begin. */
static void search_hooks(struct host *host, struct traces_facts *facts, const char *path,
			 unsigned depth)
{
	struct names paths = list_paths(host, facts, path);

	for (size_t i = 0; i < paths.n; i++) {
		search_file(host, facts, TRACE_HOOK_VIRSH, paths.name[i], "virsh");
		if (depth > 0)
			search_hooks(host, facts, paths.name[i], depth - 1);
	}
}

static void read_driverctl(struct host *host, struct traces_facts *facts)
{
	struct names paths = list_paths(host, facts, "etc/driverctl.d");
	struct bytes text;

	for (size_t i = 0; i < paths.n; i++) {
		if (read_file(host, facts, paths.name[i], &text))
			add_trace(facts, TRACE_DRIVERCTL, paths.name[i], 0,
				  text_trimmed(&host->arena, text));
	}
}

static void read_marks(struct host *host, struct traces_facts *facts)
{
	static const struct {
		enum trace_kind kind;
		const char *path;
		const char *mark; /* NULL: that it is there */
	} marks[] = {
		{ TRACE_PROXMOX_HOST, "etc/pve/.version", NULL },
		{ TRACE_PROXMOX_HOST, "etc/kernel/proxmox-boot-uuids", NULL },
		{ TRACE_QUICKPASSTHROUGH, "etc/modprobe.d/vfio.conf",
		  "stubs your graphic card for use with vfio" },
		{ TRACE_VFIO_SCRIPT, "etc/vfio-gpu-passthrough.conf", NULL },
		{ TRACE_VFIO_SCRIPT, "etc/systemd/system/vfio-bind-selected-gpu.service", NULL },
		{ TRACE_OVERRIDE_SCRIPT, "usr/bin/vfio-pci-override.sh", NULL },
		{ TRACE_OVERRIDE_SCRIPT, "usr/sbin/vfio-pci-override.sh", NULL },
		{ TRACE_OVERRIDE_SCRIPT, "usr/local/bin/vfio-pci-override.sh", NULL },
	};
	struct bytes text;

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		if (!read_file(host, facts, marks[i].path, &text))
			continue;
		if (!marks[i].mark || strstr(text.data, marks[i].mark))
			add_trace(facts, marks[i].kind, marks[i].path, 0,
				  marks[i].mark ? marks[i].mark : "there");
	}
}

void host_read_traces(struct host *host, struct traces_facts *ret)
{
	*ret = (struct traces_facts){
		.mentions = arena_array(&host->arena, FOUND_MAX, sizeof(*ret->mentions)),
		.traces = arena_array(&host->arena, FOUND_MAX, sizeof(*ret->traces)),
	};
	read_mentions(host, ret);
	ret->mention_error = ret->error;
	ret->mention_error_path = ret->error_path;
	read_driverctl(host, ret);
	read_marks(host, ret);
	search_folder(host, ret, TRACE_PROXMOX, "etc/pve/qemu-server", "hostpci");
	search_folder(host, ret, TRACE_NEW_ID, "etc/udev/rules.d", "new_id");
	search_folder(host, ret, TRACE_NEW_ID, "etc/systemd/system", "new_id");
	search_file(host, ret, TRACE_NEW_ID, "etc/rc.local", "new_id");
	search_folder(host, ret, TRACE_NEW_ID, "etc/initramfs-tools/scripts/init-top", "new_id");
	search_hooks(host, ret, "etc/libvirt/hooks", 4);
}
