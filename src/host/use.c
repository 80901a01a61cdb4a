// SPDX-License-Identifier: MIT
// Who uses a device, put together from the files about each kind of use. Facts of the whole host
// are read once; what is asked per device is a few attributes below it. What could not be looked at
// stays beside what was found: no use found and no gap is the only "nobody".

#include "host/use.h"
#include "base/text.h"
#include "host/host.h"
#include "host/use_internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

void *use_grown(struct arena *a, void *array, size_t n, size_t *size, size_t element_bytes)
{
	if (n < *size)
		return array;
	*size = *size ? *size * 2 : 16;
	void *grown = arena_array(a, *size, element_bytes);
	if (n)
		memcpy(grown, array, n * element_bytes);
	return grown;
}

void use_add(struct use_search *search, struct device_use use)
{
	struct device_uses *found = search->found;

	found->use = use_grown(&search->host->arena, found->use, found->n, &search->size,
			       sizeof(*found->use));
	found->use[found->n++] = use;
}

static void add_gap(struct use_search *search, const char *where, int error, bool held)
{
	struct device_uses *found = search->found;

	if (error == 0 || error == -ENOENT)
		return;
	for (size_t i = 0; i < found->n_gaps; i++) {
		if (found->gap[i].kind == search->kind && str_eq(found->gap[i].where, where))
			return;
	}
	found->gap = use_grown(&search->host->arena, found->gap, found->n_gaps, &search->gap_size,
			       sizeof(*found->gap));
	found->gap[found->n_gaps++] = (struct use_gap){ search->kind, held, where, error };
}

void use_unknown(struct use_search *search, const char *where, int error)
{
	add_gap(search, where, error, false);
}

void use_unknown_holders(struct use_search *search)
{
	add_gap(search, search->facts->open.where, search->facts->open.error, true);
}

const char *use_class_path(const struct use_search *search, const char *class_name,
			   const char *name)
{
	const struct use_facts *facts = search->facts;

	for (size_t i = 0; i < facts->n_devices; i++) {
		const struct class_device *device = &facts->device[i];
		if (str_eq(device->class_name, class_name) && str_eq(device->name, name))
			return device->path;
	}
	return arena_printf(&search->host->arena, "sys/class/%s/%s", class_name, name);
}

bool use_is_below(const struct use_search *search, const char *path)
{
	size_t n = strlen(search->f->path);

	return strncmp(path, search->f->path, n) == 0 && path[n] == '/';
}

const char *use_unit_name(struct arena *a, const char *path, const char *suffix)
{
	char *name = arena_alloc(a, 4 * strlen(path) + strlen(suffix) + 2), *end = name;

	path += strspn(path, "/");
	for (; *path; path++) {
		unsigned char c = (unsigned char)*path;
		bool first = end == name;

		if (c == '/' && (path[1] == '/' || !path[1]))
			continue;
		if (c == '/')
			*end++ = '-';
		else if (isalnum(c) || c == ':' || c == '_' || (c == '.' && !first))
			*end++ = (char)c;
		else
			end += sprintf(end, "\\x%02x", c);
	}
	if (end == name)
		*end++ = '-';
	memcpy(end, suffix, strlen(suffix));
	return name;
}

const char *use_text(struct use_search *search, const char *path)
{
	struct bytes data;
	int error = root_read(search->host->root, &search->host->arena, path, &data);

	use_unknown(search, path, error);
	return error < 0 ? NULL : text_trimmed(&search->host->arena, data);
}

bool use_list(struct use_search *search, const char *path, struct names *ret)
{
	int error = root_list(search->host->root, &search->host->arena, path, ret);

	use_unknown(search, path, error);
	return error == 0;
}

/* The group's node stands for all of its functions: whoever holds it has them all. */
static void find_guests(struct use_search *search)
{
	const char *node[2];
	size_t n = host_vfio_nodes(search->host, search->f, node);

	for (size_t k = 0; k < n; k++)
		use_add_holders(search, USE_GUEST, node[k], true);
	if (n)
		use_unknown_holders(search);
}

static void find_uses(struct host *host, const struct pci_function *f, struct device_uses *ret)
{
	static const struct {
		enum use_kind kind;
		void (*find)(struct use_search *search);
	} finders[] = {
		{ USE_DISK, use_find_disks },      { USE_NETWORK, use_find_network },
		{ USE_DISPLAY, use_find_display }, { USE_SOUND, use_find_sound },
		{ USE_INPUT, use_find_input },     { USE_NODE, use_find_nodes },
		{ USE_GUEST, find_guests },
	};
	struct use_search search = { .host = host, .f = f, .facts = host_use(host), .found = ret };

	*ret = (struct device_uses){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(finders); i++) {
		search.kind = finders[i].kind;
		use_unknown(&search, search.facts->device_where, search.facts->device_error);
		finders[i].find(&search);
	}
}

struct device_uses_kept {
	const struct pci_function *f;
	struct device_uses uses;
	struct device_uses_kept *next;
};

const struct device_uses *host_read_uses(struct host *host, const struct pci_function *f)
{
	(void)host_use(host);
	for (const struct device_uses_kept *kept = host->use->kept; kept; kept = kept->next) {
		if (kept->f == f)
			return &kept->uses;
	}
	struct device_uses_kept *kept = arena_alloc(&host->arena, sizeof(*kept));
	kept->f = f;
	find_uses(host, f, &kept->uses);
	kept->next = host->use->kept;
	host->use->kept = kept;
	return &kept->uses;
}

const char *use_kind_word(enum use_kind kind)
{
	static const char *const words[] = {
		[USE_DISK] = "disk",   [USE_NETWORK] = "network", [USE_DISPLAY] = "display",
		[USE_SOUND] = "sound", [USE_INPUT] = "input",     [USE_GUEST] = "guest",
		[USE_NODE] = "node",
	};

	return words[kind];
}

const struct use_gap *device_uses_gap(const struct device_uses *uses, enum use_kind kind)
{
	for (size_t i = 0; i < uses->n_gaps; i++) {
		if (uses->gap[i].kind == kind)
			return &uses->gap[i];
	}
	return NULL;
}

/* As sd_booted(3) decides it. */
static bool has_systemd(struct host *host)
{
	struct names names;

	return root_list(host->root, &host->arena, "run/systemd/system", &names) == 0;
}

const struct use_facts *host_use(struct host *host)
{
	if (host->use)
		return host->use;
	struct use_facts *use = arena_alloc(&host->arena, sizeof(*use));
	use_read_classes(host, use);
	use_read_keyboards(host, use);
	host_read_open(host, &use->open);
	use_read_nodes(host, &use->open);
	use->has_systemd = has_systemd(host);
	host->use = use;
	return use;
}

bool use_has_name(const struct names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++) {
		if (str_eq(names->name[i], name))
			return true;
	}
	return false;
}

const struct use_facts *host_use_mounts(struct host *host)
{
	(void)host_use(host);
	if (!host->use->has_mounts)
		use_read_mounts(host, host->use);
	host->use->has_mounts = true;
	return host->use;
}

const struct use_facts *host_use_fstab(struct host *host)
{
	(void)host_use(host);
	if (!host->use->has_fstab)
		use_read_fstab(host, host->use);
	if (!host->use->has_fstab && host->use->n_fstab > 0)
		use_read_block_names(host, host->use);
	host->use->has_fstab = true;
	return host->use;
}
