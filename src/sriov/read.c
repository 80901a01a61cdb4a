// SPDX-License-Identifier: MIT
// A physical function and its virtual ones, as the kernel shows them (Documentation/ABI/testing/
// sysfs-bus-pci, sriov_*). The links virtfn<N> say which function has which number: settings and
// the controllers of a drive go by that number, not by the address.

#include "base/text.h"
#include "sriov/internal.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

const char *sriov_path(const struct sriov *s, const char *name)
{
	return arena_printf(&s->host->arena, "%s/%s", s->pf->path, name);
}

static struct fact_text read_text(struct sriov *s, const char *name)
{
	struct bytes text;
	struct fact_text fact = {
		.error = root_read(s->host->root, &s->host->arena, sriov_path(s, name), &text),
	};

	if (fact.error == 0)
		fact.value = text_trimmed(&s->host->arena, text);
	return fact;
}

/* Of what may wait for the kernel. */
static struct fact_text read_waiting(struct sriov *s, const char *name)
{
	struct bytes text;
	struct fact_text fact = {
		.error = host_read_waiting(s->host, s->pf, name, &text),
	};

	if (fact.error == 0)
		fact.value = text_trimmed(&s->host->arena, text);
	return fact;
}

static struct fact_number number_of(struct fact_text text)
{
	struct fact_number fact = { .error = text.error };

	if (fact.error == 0 && text_number(text.value, 10, UINT32_MAX, &fact.value) < 0)
		fact.error = -EBADMSG;
	return fact;
}

static struct fact_number read_number(struct sriov *s, const char *name)
{
	return number_of(read_text(s, name));
}

/* ---- interfaces ---- */

/* A card in switch mode also has an interface for each virtual function: "pf0vf1". */
static bool is_representor(struct sriov *s, const char *directory, const char *name)
{
	struct bytes port;
	const char *path = arena_printf(&s->host->arena, "%s/%s/phys_port_name", directory, name);

	return root_read(s->host->root, &s->host->arena, path, &port) == 0 &&
	       strstr(text_trimmed(&s->host->arena, port), "vf");
}

static const char *find_interface(struct sriov *s, const struct pci_function *f)
{
	struct names names;
	const char *directory = arena_concat(&s->host->arena, f->path, "/net");

	if (root_list(s->host->root, &s->host->arena, directory, &names) < 0)
		return NULL;
	for (size_t i = 0; i < names.n; i++) {
		if (!is_representor(s, directory, names.name[i]))
			return names.name[i];
	}
	return NULL;
}

static void read_links(struct sriov *s)
{
	struct bytes text;
	uint64_t index = 0;

	s->interface = find_interface(s, s->pf);
	s->link_error = -ENOENT;
	if (!s->interface)
		return;
	const char *path =
		arena_printf(&s->host->arena, "%s/net/%s/ifindex", s->pf->path, s->interface);
	s->link_error = root_read(s->host->root, &s->host->arena, path, &text);
	if (s->link_error == 0 &&
	    text_number(text_trimmed(&s->host->arena, text), 10, INT_MAX, &index) < 0)
		s->link_error = -EBADMSG;
	s->interface_index = (unsigned)index;
	if (s->link_error == 0)
		s->link_error = s->kernel
					? s->kernel->link_read(s->kernel, &s->host->arena,
							       s->interface_index, &s->links, NULL)
					: -ENODATA;
}

/* ---- the virtual functions ---- */

static int by_index(const void *a, const void *b)
{
	unsigned first = ((const struct sriov_vf *)a)->index,
		 second = ((const struct sriov_vf *)b)->index;

	return (first > second) - (first < second);
}

static struct pci_function *find_by_name(struct host *host, const char *name)
{
	struct pci_address address;

	return pci_address_parse(name, &address) ? host_find(host, address) : NULL;
}

static void read_vf(struct sriov *s, struct sriov_vf *vf)
{
	vf->function = find_by_name(s->host, vf->name);
	if (vf->function)
		vf->interface = find_interface(s, vf->function);
	for (size_t i = 0; i < s->links.n; i++) {
		if (s->links.link[i].vf == vf->index)
			vf->link = &s->links.link[i];
	}
	for (size_t i = 0; i < s->nvme.n; i++) {
		if (s->nvme.secondary[i].vf == vf->index + 1)
			vf->secondary = &s->nvme.secondary[i];
	}
}

static int read_vfs(struct sriov *s, struct err *e)
{
	static const char prefix[] = "virtfn";
	struct names names;
	uint64_t index;
	const char *target;
	int error = root_list(s->host->root, &s->host->arena, s->pf->path, &names);

	if (error < 0)
		return err_io(e, error, "listing %s", s->pf->path);
	s->vf = arena_array(&s->host->arena, names.n, sizeof(*s->vf));
	s->n = 0;
	for (size_t i = 0; i < names.n; i++) {
		if (!str_starts(names.name[i], prefix) ||
		    text_number(names.name[i] + sizeof(prefix) - 1, 10, UINT16_MAX, &index) < 0)
			continue;
		error = root_link(s->host->root, &s->host->arena, sriov_path(s, names.name[i]),
				  &target);
		if (error == -ENOENT)
			continue; /* removed meanwhile */
		if (error < 0)
			return err_io(e, error, "reading %s of %s", names.name[i], s->pf->name);
		s->vf[s->n++] = (struct sriov_vf){ .index = (unsigned)index,
						   .name = text_last_part(target) };
	}
	if (s->n > 1)
		qsort(s->vf, s->n, sizeof(*s->vf), by_index);
	for (size_t i = 0; i < s->n; i++)
		read_vf(s, &s->vf[i]);
	return 0;
}

int sriov_read(struct host *host, const struct sriov_kernel *kernel, struct pci_function *pf,
	       struct sriov *ret, struct err *e)
{
	struct sriov *s = ret;
	struct sriov_record record;
	const char *physical;

	*s = (struct sriov){ .host = host, .kernel = kernel, .pf = pf };
	if (root_link(host->root, &host->arena, sriov_path(s, "physfn"), &physical) == 0)
		return err_refuse(
			e, "%s is a virtual function itself: name the function it belongs to, %s",
			pf->name, text_last_part(physical));
	s->total = read_number(s, "sriov_totalvfs");
	if (s->total.error == -ENOENT)
		return err_refuse(
			e,
			"%s cannot have virtual functions: it has no SR-IOV capability, or "
			"the firmware has it turned off",
			pf->name);
	s->now = number_of(read_waiting(s, "/sriov_numvfs"));
	s->offset = read_number(s, "sriov_offset");
	s->stride = read_number(s, "sriov_stride");
	s->autoprobe = read_number(s, "sriov_drivers_autoprobe");
	s->vf_device = read_text(s, "sriov_vf_device");
	s->unfinished = record_read(s, &record);
	read_links(s);
	nvme_read(s);
	return read_vfs(s, e);
}
