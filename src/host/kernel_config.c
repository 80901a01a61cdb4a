// SPDX-License-Identifier: MIT
// The configuration that a kernel was built with. Each distribution has its own place for it; one
// that is compressed (proc/config.gz, with CONFIG_IKCONFIG_PROC) is unpacked in memory by
// libarchive, which is loaded for that only. Format: scripts/kconfig/confdata.c.

#include "base/dl.h"
#include "base/text.h"
#include "host/host.h"
#include "host/kernel.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>

#define LIBRARY "libarchive.so.13"

/* clang-format off */
#define SYMBOLS(X) \
	X(archive_read_data) \
	X(archive_read_free) \
	X(archive_read_new) \
	X(archive_read_next_header) \
	X(archive_read_open_memory) \
	X(archive_read_support_filter_gzip) \
	X(archive_read_support_format_raw)

static struct {
	SYMBOLS(DL_POINTER)
} la;

#define ROW(symbol) DL_ROW(la, symbol)
static const struct dl_symbol symbols[] = { SYMBOLS(ROW) };
/* clang-format on */

#define CONFIG_MAX ((size_t)2 * 1024 * 1024)

static int unpack(struct arena *a, struct bytes packed, struct bytes *ret)
{
	struct archive_entry *entry;
	int error = dl_load(LIBRARY, symbols, ARRAY_SIZE(symbols), NULL);

	if (error < 0)
		return -ELIBACC;
	struct archive *archive = la.archive_read_new();
	if (!archive)
		return -ENOMEM;
	la.archive_read_support_filter_gzip(archive);
	la.archive_read_support_format_raw(archive);
	char *text = arena_alloc(a, CONFIG_MAX + 1);
	size_t n = 0;
	error = -EBADMSG;
	if (la.archive_read_open_memory(archive, packed.data, packed.n) == ARCHIVE_OK &&
	    la.archive_read_next_header(archive, &entry) == ARCHIVE_OK) {
		ssize_t got;
		while (n < CONFIG_MAX &&
		       (got = la.archive_read_data(archive, text + n, CONFIG_MAX - n)) > 0)
			n += (size_t)got;
		error = n == CONFIG_MAX ? -EFBIG : n == 0 ? -EBADMSG : 0;
	}
	la.archive_read_free(archive);
	*ret = (struct bytes){ text, n };
	return error;
}

/* Keeps the first error that is not "not there". */
static bool try_place(struct host *host, struct kernel_config *config, const char *path)
{
	size_t n = strlen(path);
	bool packed = n > 3 && str_eq(path + n - 3, ".gz");
	struct bytes text;
	int error = root_read_max(host->root, &host->arena, path, CONFIG_MAX, &text);

	if (error == 0 && packed)
		error = unpack(&host->arena, text, &text);
	if (error == 0) {
		*config = (struct kernel_config){ .path = path, .text = text };
		return true;
	}
	if (error != -ENOENT && config->error == -ENOENT)
		*config = (struct kernel_config){ .error = error, .path = path };
	return false;
}

void kernel_read_config(struct host *host, struct kernel *kernel)
{
	struct arena *a = &host->arena;
	const char *places[] = {
		arena_concat(a, "boot/config-", kernel->release),
		kernel->running ? "proc/config.gz" : NULL,
		arena_concat(a, kernel->path, "/config"),
		arena_printf(a, "usr/lib/ostree-boot/config-%s", kernel->release),
		arena_concat(a, kernel->path, "/build/.config"),
		arena_printf(a, "usr/src/linux-%s/.config", kernel->release),
		arena_printf(a, "usr/src/linux-headers-%s/.config", kernel->release),
	};

	kernel->config = (struct kernel_config){ .error = -ENOENT };
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (places[i] && try_place(host, &kernel->config, places[i]))
			return;
	}
}

/* What one line says of the symbol: "CONFIG_X=y" or "# CONFIG_X is not set". */
static enum kernel_symbol line_symbol(const char *line, size_t n, const char *name, size_t n_name)
{
	static const char set[] = "CONFIG_", off[] = "# CONFIG_", end[] = " is not set";
	const size_t n_set = sizeof(set) - 1, n_off = sizeof(off) - 1, n_end = sizeof(end) - 1;

	if (n > n_set + n_name + 1 && memcmp(line, set, n_set) == 0 &&
	    memcmp(line + n_set, name, n_name) == 0 && line[n_set + n_name] == '=')
		return line[n_set + n_name + 1] == 'm' ? KERNEL_SYMBOL_MODULE : KERNEL_SYMBOL_ON;
	if (n >= n_off + n_name + n_end && memcmp(line, off, n_off) == 0 &&
	    memcmp(line + n_off, name, n_name) == 0 &&
	    memcmp(line + n_off + n_name, end, n_end) == 0)
		return KERNEL_SYMBOL_OFF;
	return KERNEL_SYMBOL_ABSENT;
}

enum kernel_symbol kernel_symbol(const struct kernel_config *config, const char *name)
{
	const char *rest = config->text.data, *line;
	size_t n, n_name = strlen(name);

	if (config->error)
		return KERNEL_SYMBOL_UNKNOWN;
	while (text_next_line(&rest, &line, &n)) {
		enum kernel_symbol symbol = line_symbol(line, n, name, n_name);
		if (symbol != KERNEL_SYMBOL_ABSENT)
			return symbol;
	}
	return KERNEL_SYMBOL_ABSENT;
}
