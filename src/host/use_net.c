// SPDX-License-Identifier: MIT
// Networks that a device carries. Routes come from proc/net, so no netlink socket is needed and a
// snapshot answers the same; only the main table stands there, which is where an administrator's
// way in is. Formats: net/ipv4/fib_trie.c, net/ipv6/route.c, net/ipv4/tcp_ipv4.c; links between
// interfaces: net/core/dev.c.

#include "base/text.h"
#include "host/use_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/ipv6_route.h>
#include <linux/route.h>
#include <stdio.h>
#include <string.h>

#define SSH_PORT 22
#define TCP_ESTABLISHED 1
#define V4_BITS 96 /* of ::ffff:0:0/96, below which IPv4 stands here */
#define CHAIN_MAX 32
#define INTERFACE_MAX 16 /* IFNAMSIZ */

/* ---- the tables of the host ---- */

/* Four bytes in the order that a little-endian kernel prints as a number. */
static void put_word(uint8_t *to, uint32_t word)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(word >> (8 * i));
}

static void put_v4(uint8_t to[16], uint32_t word)
{
	memset(to, 0, 10);
	to[10] = to[11] = 0xff;
	put_word(to + 12, word);
}

static bool is_v4(const uint8_t address[16])
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

	return memcmp(address, mapped, sizeof(mapped)) == 0;
}

static bool is_loopback(const uint8_t address[16])
{
	static const uint8_t v6[16] = { [15] = 1 };

	return is_v4(address) ? address[12] == 127 : memcmp(address, v6, sizeof(v6)) == 0;
}

static const char *print_destination(struct arena *a, const struct route *route)
{
	char text[INET6_ADDRSTRLEN];

	if (route->is_default)
		return "default";
	if (route->is_v4)
		inet_ntop(AF_INET, route->prefix + 12, text, sizeof(text));
	else
		inet_ntop(AF_INET6, route->prefix, text, sizeof(text));
	return arena_printf(a, "%s/%u", text, route->length_bits - (route->is_v4 ? V4_BITS : 0));
}

/* "eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0": false for the heading. */
static bool parse_v4(const char *line, char interface[INTERFACE_MAX], struct route *ret)
{
	uint32_t destination, flags, metric, mask;

	if (sscanf(line, "%15s %" SCNx32 " %*x %" SCNx32 " %*u %*u %" SCNu32 " %" SCNx32, interface,
		   &destination, &flags, &metric, &mask) != 5)
		return false;
	if (!(flags & RTF_UP) || flags & RTF_REJECT)
		return false;
	*ret = (struct route){
		.is_v4 = true,
		.length_bits = V4_BITS + (unsigned)__builtin_popcount(mask),
		.is_default = mask == 0,
		.metric = metric,
	};
	put_v4(ret->prefix, destination);
	return true;
}

static bool parse_v6(const char *line, char interface[INTERFACE_MAX], struct route *ret)
{
	uint32_t flags, metric;
	unsigned length_bits;
	char hex[33], digits[3] = "";

	if (sscanf(line, "%32s %x %*s %*x %*s %" SCNx32 " %*x %*x %" SCNx32 " %15s", hex,
		   &length_bits, &metric, &flags, interface) != 5)
		return false;
	if (!(flags & RTF_UP) || flags & RTF_REJECT || str_eq(interface, "lo") ||
	    strlen(hex) != 32 || length_bits > 128)
		return false;
	*ret = (struct route){
		.length_bits = length_bits,
		.is_default = length_bits == 0,
		.metric = metric,
	};
	for (size_t i = 0; i < 16; i++) {
		uint64_t byte;

		memcpy(digits, hex + 2 * i, 2);
		if (text_hex_prefix(digits, 2, &byte) != 2)
			return false;
		ret->prefix[i] = (uint8_t)byte;
	}
	/* addresses of the host itself, and what every interface has: link-local and multicast */
	bool own = flags & (RTF_LOCAL | RTF_ANYCAST);
	bool link = ret->prefix[0] == 0xff ||
		    (ret->prefix[0] == 0xfe && (ret->prefix[1] & 0xc0) == 0x80);
	return ret->is_default || !(own || link);
}

/* As evidence: the columns with a blank between them. */
static const char *one_line(struct arena *a, const char *line)
{
	char *text = arena_strdup(a, line), *end = text;

	for (const char *from = text; *from; from++) {
		bool blank = *from == ' ' || *from == '\t';

		if (!blank)
			*end++ = *from;
		else if (end > text && end[-1] != ' ')
			*end++ = ' ';
	}
	end -= end > text && end[-1] == ' ';
	*end = '\0';
	return text;
}

static void read_routes(struct host *host, struct use_facts *use, size_t *size, const char *path,
			bool (*parse)(const char *, char *, struct route *))
{
	struct arena *a = &host->arena;
	struct bytes text;
	char interface[INTERFACE_MAX];
	struct route route;
	const char *start;
	size_t n;
	int error = root_read_max(host->root, a, path, USE_TABLE_MAX_BYTES, &text);

	/* -ENOENT: a kernel without that protocol */
	if (error < 0) {
		if (error != -ENOENT && !use->route_error) {
			use->route_error = error;
			use->route_where = path;
		}
		return;
	}
	for (const char *rest = text.data; text_next_line(&rest, &start, &n);) {
		const char *line = arena_strndup(a, start, n);

		if (!parse(line, interface, &route))
			continue;
		route.interface = arena_strdup(a, interface);
		route.where = path;
		route.text = one_line(a, line);
		route.destination = print_destination(a, &route);
		use->route = use_grown(a, use->route, use->n_routes, size, sizeof(*use->route));
		use->route[use->n_routes++] = route;
	}
}

static bool matches(const struct route *route, const uint8_t address[16])
{
	unsigned whole = route->length_bits / 8, rest = route->length_bits % 8;

	if (route->is_v4 != is_v4(address) || memcmp(route->prefix, address, whole) != 0)
		return false;
	return rest == 0 || (route->prefix[whole] ^ address[whole]) >> (8 - rest) == 0;
}

/* The interface that packets to @address leave by; NULL: none does. */
static const char *interface_to(const struct use_facts *use, const uint8_t address[16])
{
	const struct route *best = NULL;

	for (size_t i = 0; i < use->n_routes; i++) {
		const struct route *route = &use->route[i];

		if (!matches(route, address))
			continue;
		if (!best || route->length_bits > best->length_bits ||
		    (route->length_bits == best->length_bits && route->metric < best->metric))
			best = route;
	}
	return best ? best->interface : NULL;
}

/*
 * "  3: 0A01A8C0:0016 0501A8C0:D431 01 0:0 02:0 0 0 0 4711 ...": whether it is a connection to the
 * port of SSH, or that of the session itself.
 */
static bool parse_ssh(const char *line, const struct session *session, uint8_t ret_remote[16])
{
	unsigned local_port, state;
	unsigned long inode = 0;
	uint64_t word;
	char local[33], remote[33], digits[9] = "";

	/* the number of the socket is the tenth word */
	if (sscanf(line,
		   " %*u: %32[0-9A-Fa-f]:%x %32[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %*u %*u %lu",
		   local, &local_port, remote, &state, &inode) < 4)
		return false;
	if (state != TCP_ESTABLISHED || (local_port != SSH_PORT && !use_is_session(session, inode)))
		return false;
	size_t n = strlen(remote);
	for (size_t at = 0; at + 8 <= n; at += 8) {
		memcpy(digits, remote + at, 8);
		text_hex_prefix(digits, 8, &word);
		if (n == 8)
			put_v4(ret_remote, (uint32_t)word);
		else
			put_word(ret_remote + at / 2, (uint32_t)word);
	}
	return (n == 8 || n == 32) && !is_loopback(ret_remote);
}

/* How long the first @n words of @text are. */
static size_t words_bytes(const char *text, int n)
{
	size_t at = strcspn(text, " ");

	while (--n > 0) {
		at += strspn(text + at, " ");
		at += strcspn(text + at, " ");
	}
	return at;
}

static void read_ssh(struct host *host, struct use_facts *use, size_t *size, const char *path,
		     const struct session *session)
{
	struct arena *a = &host->arena;
	struct bytes text;
	uint8_t remote[16] = { 0 };
	const char *start;
	size_t n;
	int error = root_read_max(host->root, a, path, USE_TABLE_MAX_BYTES, &text);

	if (error < 0) {
		if (error != -ENOENT && !use->ssh_error) {
			use->ssh_error = error;
			use->ssh_where = path;
		}
		return;
	}
	for (const char *rest = text.data; text_next_line(&rest, &start, &n);) {
		const char *line = arena_strndup(a, start, n);

		if (!parse_ssh(line, session, remote))
			continue;
		use->ssh = use_grown(a, use->ssh, use->n_ssh, size, sizeof(*use->ssh));
		line += strspn(line, " ");
		use->ssh[use->n_ssh++] = (struct ssh_connection){
			.interface = interface_to(use, remote),
			.where = path,
			/* up to the state; counters follow */
			.text = arena_strndup(a, line, words_bytes(line, 4)),
		};
	}
}

static void need_routes(struct host *host)
{
	struct use_facts *ret = host->use;
	size_t size = 0, ssh_size = 0;
	struct session session;

	if (ret->has_routes)
		return;
	ret->has_routes = true;
	read_routes(host, ret, &size, "proc/net/route", parse_v4);
	read_routes(host, ret, &size, "proc/net/ipv6_route", parse_v6);
	use_read_session(host, &session);
	read_ssh(host, ret, &ssh_size, "proc/net/tcp", &session);
	read_ssh(host, ret, &ssh_size, "proc/net/tcp6", &session);
}

/* ---- one device ---- */

/* The interfaces that a device carries: its own, then those upon them. */
struct chain {
	const char *name[CHAIN_MAX];
	size_t n;
};

static bool chain_add(struct chain *chain, const char *name)
{
	for (size_t i = 0; i < chain->n; i++) {
		if (str_eq(chain->name[i], name))
			return false;
	}
	if (chain->n == CHAIN_MAX)
		return false;
	chain->name[chain->n++] = name;
	return true;
}

/* "bridge", "bond", "vlan": DEVTYPE of its uevent; "interface" when it says nothing. */
static const char *type_of(struct use_search *search, const char *interface)
{
	static const char key[] = "DEVTYPE=";
	const char *line;
	size_t n;

	const char *rest =
		use_text(search, arena_concat(&search->host->arena,
					      use_class_path(search, "net", interface), "/uevent"));
	while (rest && text_next_line(&rest, &line, &n)) {
		if (n > sizeof(key) - 1 && strncmp(line, key, sizeof(key) - 1) == 0)
			return arena_strndup(&search->host->arena, line + sizeof(key) - 1,
					     n - sizeof(key) + 1);
	}
	return "interface";
}

/* Its master (bridge, bond, team) and what else stands on it (VLAN, macvlan). */
static void add_uppers(struct use_search *search, struct chain *chain, const char *interface)
{
	static const char prefix[] = "upper_";
	struct arena *a = &search->host->arena;
	struct names names;
	const char *master = NULL;
	const char *directory = use_class_path(search, "net", interface);

	if (!use_list(search, directory, &names))
		return;
	const char *link = arena_concat(a, directory, "/master");
	int error = root_link(search->host->root, a, link, &master);
	use_unknown(search, link, error);
	if (error == 0)
		master = text_last_part(master);
	for (size_t i = 0; i < names.n; i++) {
		if (!str_starts(names.name[i], prefix))
			continue;
		const char *upper = names.name[i] + sizeof(prefix) - 1;
		bool is_master = error == 0 && str_eq(upper, master);
		const char *type = type_of(search, upper);

		use_add(search,
			(struct device_use){
				.kind = USE_NETWORK,
				.active = true,
				.what = is_master ? arena_printf(a, "%s is a port of %s (%s)",
								 interface, upper, type)
						  : arena_printf(a, "%s (%s) stands on %s", upper,
								 type, interface),
				.where = arena_printf(a, "%s/%s", directory,
						      is_master ? "master" : names.name[i]),
				.value = upper,
				.stop = is_master ? arena_printf(a, "ip link set %s nomaster",
								 interface)
						  : arena_printf(a, "ip link delete %s", upper),
			});
		chain_add(chain, upper);
	}
}

static void add_routes(struct use_search *search, const char *interface)
{
	struct arena *a = &search->host->arena;
	const struct use_facts *facts = search->facts;

	for (size_t i = 0; i < facts->n_routes; i++) {
		const struct route *route = &facts->route[i];

		if (!str_eq(route->interface, interface))
			continue;
		use_add(search,
			(struct device_use){
				.kind = USE_NETWORK,
				.active = true,
				.what = route->is_default
						? arena_printf(a, "%s has the %sdefault route",
							       interface,
							       route->is_v4 ? "" : "IPv6 ")
						: arena_printf(a, "%s has the route to %s",
							       interface, route->destination),
				.where = route->where,
				.value = route->text,
			});
	}
	for (size_t i = 0; i < facts->n_ssh; i++) {
		const struct ssh_connection *ssh = &facts->ssh[i];

		if (!ssh->interface || !str_eq(ssh->interface, interface))
			continue;
		use_add(search, (struct device_use){
					.kind = USE_NETWORK,
					.active = true,
					.what = arena_printf(a, "an SSH connection goes through %s",
							     interface),
					.where = ssh->where,
					.value = ssh->text,
				});
		break;
	}
}

/* Up and with a cable, but nothing goes through it. */
static void add_idle(struct use_search *search, const char *interface)
{
	struct arena *a = &search->host->arena;
	const char *path = arena_concat(a, use_class_path(search, "net", interface), "/operstate");
	const char *state = use_text(search, path);

	if (state && str_eq(state, "up"))
		use_add(search,
			(struct device_use){
				.kind = USE_NETWORK,
				.what = arena_printf(a, "%s is up, without a route", interface),
				.where = path,
				.value = state,
				.stop = arena_printf(a, "ip link set %s down", interface),
			});
}

/* A folder for interfaces without any: they are there and shown in another namespace only. */
static void add_hidden(struct use_search *search)
{
	struct names names;
	const char *path = arena_concat(&search->host->arena, search->f->path, "/net");

	if (use_list(search, path, &names) && names.n == 0)
		use_add(search, (struct device_use){
					.kind = USE_NETWORK,
					.active = true,
					.what = "an interface of it is in another network "
						"namespace, of a container for example",
					.where = path,
					.value = "an empty directory",
				});
}

void use_find_network(struct use_search *search)
{
	const struct use_facts *facts = search->facts;
	bool any = false;

	for (size_t i = 0; i < facts->n_devices; i++) {
		const struct class_device *device = &facts->device[i];
		struct chain chain = { .name = { device->name }, .n = 1 };
		size_t before = search->found->n;

		if (!str_eq(device->class_name, "net") || !use_is_below(search, device->path))
			continue;
		any = true;
		need_routes(search->host);
		for (size_t k = 0; k < chain.n; k++) {
			add_routes(search, chain.name[k]);
			add_uppers(search, &chain, chain.name[k]);
		}
		if (search->found->n == before)
			add_idle(search, device->name);
		const struct names interfaces = { chain.name, chain.n };
		use_add_lost_way(search, &interfaces, before);
		use_add_network_root(search, &interfaces, before);
	}
	add_hidden(search);
	if (!any)
		return;
	use_unknown(search, facts->route_where, facts->route_error);
	use_unknown(search, facts->ssh_where, facts->ssh_error);
}
