// SPDX-License-Identifier: MIT
// Ways to the network that the links between interfaces do not show. An internal port of Open
// vSwitch stands on nothing (net/openvswitch/vport-netdev.c links the ports of hardware to
// ovs-system alone), and neither does a tunnel or a PPP session; for PPPoE the sessions are listed
// (drivers/net/ppp/pppoe.c). When the default route goes by one of these, what may carry it counts.

#include "base/text.h"
#include "host/use_internal.h"

#include <string.h>

#define PPPOE "proc/net/pppoe"

static const struct class_device *interface_of(const struct use_facts *facts, const char *name)
{
	for (size_t i = 0; i < facts->n_devices; i++) {
		if (str_eq(facts->device[i].class_name, "net") &&
		    str_eq(facts->device[i].name, name))
			return &facts->device[i];
	}
	return NULL;
}

static bool is_hardware(const struct class_device *interface)
{
	return !str_starts(interface->path, "sys/devices/virtual/");
}

static void add(struct arena *a, struct names *names, size_t *size, const char *name)
{
	if (use_has_name(names, name))
		return;
	names->name = use_grown(a, names->name, names->n, size, sizeof(*names->name));
	names->name[names->n++] = name;
}

/* All interfaces of hardware, and what stands on them. */
static void read_grounded(struct use_search *search, struct names *ret)
{
	static const char prefix[] = "upper_";
	const struct use_facts *facts = search->facts;
	struct arena *a = &search->host->arena;
	struct names entries;
	size_t size = 0;

	for (size_t i = 0; i < facts->n_devices; i++) {
		if (str_eq(facts->device[i].class_name, "net") && is_hardware(&facts->device[i]))
			add(a, ret, &size, facts->device[i].name);
	}
	for (size_t i = 0; i < ret->n; i++) {
		if (!use_list(search, use_class_path(search, "net", ret->name[i]), &entries))
			continue;
		for (size_t k = 0; k < entries.n; k++) {
			if (str_starts(entries.name[k], prefix))
				add(a, ret, &size, entries.name[k] + sizeof(prefix) - 1);
		}
	}
}

static bool is_grounded(struct use_search *search, const char *name)
{
	struct use_facts *facts = search->host->use;
	const struct class_device *interface = interface_of(facts, name);

	if (!interface || is_hardware(interface))
		return true;
	if (!facts->has_grounded)
		read_grounded(search, &facts->grounded);
	facts->has_grounded = true;
	return use_has_name(&facts->grounded, name);
}

/* The default route that counts, when none can be followed to a device. */
static const struct route *lost_route(struct use_search *search, bool is_v4)
{
	const struct use_facts *facts = search->facts;
	const struct route *best = NULL;

	for (size_t i = 0; i < facts->n_routes; i++) {
		const struct route *route = &facts->route[i];

		if (!route->is_default || route->is_v4 != is_v4)
			continue;
		if (is_grounded(search, route->interface))
			return NULL;
		if (!best || route->metric < best->metric)
			best = route;
	}
	return best;
}

/* The interfaces of PPPoE sessions: "00000011 00:11:22:33:44:55     eth0" */
static void read_sessions(struct use_search *search, struct names *ret)
{
	struct arena *a = &search->host->arena;
	const char *rest = use_text(search, PPPOE), *start;
	size_t n, size = 0;

	*ret = (struct names){ 0 };
	while (rest && text_next_line(&rest, &start, &n)) {
		const char *line = arena_strndup(a, start, n);
		const char *id = text_next_word(a, &line);
		const char *address = text_next_word(a, &line);
		const char *interface = text_next_word(a, &line);

		if (interface && !str_eq(id, "Id") && strchr(address, ':'))
			add(a, ret, &size, interface);
	}
}

/* Whether that route may go through what was found from @before on, of these interfaces. */
static bool may_carry(struct use_search *search, const struct route *route,
		      const struct names *interfaces, size_t before)
{
	const struct device_uses *found = search->found;
	bool is_ppp = str_starts(route->interface, "ppp");
	struct names sessions = { 0 };

	if (is_ppp)
		read_sessions(search, &sessions);
	for (size_t i = 0; i < interfaces->n && sessions.n > 0; i++) {
		if (use_has_name(&sessions, interfaces->name[i]))
			return true;
	}
	/* PPP needs a cable only, all others a route or a bridge */
	for (size_t i = before; i < found->n && sessions.n == 0; i++) {
		if (is_ppp || found->use[i].active)
			return true;
	}
	return false;
}

void use_add_lost_way(struct use_search *search, const struct names *interfaces, size_t before)
{
	for (int is_v4 = 1; is_v4 >= 0; is_v4--) {
		const struct route *route = lost_route(search, is_v4);

		if (!route || !may_carry(search, route, interfaces, before))
			continue;
		use_add(search, (struct device_use){
					.kind = USE_NETWORK,
					.active = true,
					.what = arena_printf(&search->host->arena,
							     "the %sdefault route goes by %s, "
							     "which may stand on %s",
							     is_v4 ? "" : "IPv6 ", route->interface,
							     interfaces->name[0]),
					.where = route->where,
					.value = route->text,
				});
	}
}
