// SPDX-License-Identifier: MIT
// What can be known about a write that the kernel does not come back from: where in the kernel it
// waits, and whom it may wait for. vfio_unregister_group_dev() of drivers/vfio/vfio_main.c waits
// for the last user to close the device, drivers of graphics cards for their clients, and everybody
// else for the lock that the first one holds meanwhile.

#include "base/text.h"
#include "handover/internal.h"

#include <errno.h>
#include <stdio.h>

static struct fact_text read_text(struct host *host, const char *path)
{
	struct bytes data;
	int error = root_read(host->root, &host->arena, path, &data);

	if (error < 0)
		return (struct fact_text){ .error = error };
	return (struct fact_text){ .value = text_trimmed(&host->arena, data) };
}

/* ---- the process that waits ---- */

/* "D (disk sleep)" */
static struct fact_text state_of(struct host *host, const char *process)
{
	static const char key[] = "State:";
	struct fact_text status = read_text(host, arena_printf(&host->arena, "%s/status", process));
	const char *line;
	size_t n;

	if (status.error)
		return status;
	for (const char *rest = status.value; text_next_line(&rest, &line, &n);) {
		if (n <= strlen(key) || strncmp(line, key, strlen(key)) != 0)
			continue;
		size_t blanks = strlen(key) + strspn(line + strlen(key), " \t");
		return (struct fact_text){ .value = arena_strndup(&host->arena, line + blanks,
								  n - blanks) };
	}
	return (struct fact_text){ .error = -EBADMSG };
}

/* The stack where the kernel has it and lets us (CONFIG_STACKTRACE), or the function it waits in.
 */
static struct fact_text stack_of(struct host *host, const char *process)
{
	struct arena *a = &host->arena;
	struct fact_text stack = read_text(host, arena_printf(a, "%s/stack", process));

	if (stack.error == 0 && *stack.value)
		return stack;
	struct fact_text wchan = read_text(host, arena_printf(a, "%s/wchan", process));
	return wchan.error == 0 && *wchan.value && !str_eq(wchan.value, "0") ? wchan : stack;
}

/* ---- whom it may wait for ---- */

/* The entry of sys/class that a node belongs to, where the name says it: dri/card0, snd/pcmC0D0p.
 */
static const char *class_entry(struct arena *a, const char *node)
{
	static const struct {
		const char *prefix, *directory;
	} classes[] = {
		{ "dev/dri/", "sys/class/drm/" },
		{ "dev/snd/", "sys/class/sound/" },
		{ "dev/fb", "sys/class/graphics/fb" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		if (str_starts(node, classes[i].prefix))
			return arena_concat(a, classes[i].directory,
					    node + strlen(classes[i].prefix));
	}
	return NULL;
}

enum belongs { BELONGS_NOT, BELONGS_PERHAPS, BELONGS };

static enum belongs belongs_to(struct host *host, const struct pci_function *f, const char *node)
{
	const char *vfio[2], *path;
	size_t n = host_vfio_nodes(host, f, vfio);

	for (size_t i = 0; i < n; i++) {
		if (str_eq(node, vfio[i]))
			return BELONGS;
	}
	if (str_starts(node, "dev/vfio/"))
		return BELONGS_NOT;
	const char *entry = class_entry(&host->arena, node);
	if (!entry) /* nvidia's nodes are in no class */
		return str_starts(node, "dev/nvidia") && pci_is_display(f) && f->vendor == 0x10de
			       ? BELONGS_PERHAPS
			       : BELONGS_NOT;
	int error = root_follow(host->root, &host->arena, entry, &path);
	if (error < 0)
		return BELONGS_PERHAPS; /* its device is being taken apart */
	size_t length = strlen(f->path);
	return strncmp(path, f->path, length) == 0 && path[length] == '/' ? BELONGS : BELONGS_NOT;
}

static void find_users(struct host *host, const struct pci_function *f, struct handover_wait *wait)
{
	struct open_nodes open;

	host_read_open(host, &open);
	struct handover_user *user = arena_array(&host->arena, open.n, sizeof(*user));
	for (size_t i = 0; i < open.n; i++) {
		const struct open_node *held = &open.node[i];
		enum belongs belongs = belongs_to(host, f, held->node);

		if (belongs == BELONGS_NOT)
			continue;
		user[wait->n_users++] = (struct handover_user){
			.process =
				arena_printf(&host->arena, "%s (pid %s)",
					     *held->command ? held->command : "process", held->pid),
			.node = held->node,
			.certain = belongs == BELONGS,
		};
	}
	wait->user = user;
}

/* The driver that is written to, or that has the function. While a driver lets go of a function the
 * link to it is gone already (__device_release_driver() of drivers/base/dd.c). */
static const char *driver_directory(struct arena *a, const struct pci_function *f, const char *file)
{
	static const char prefix[] = "sys/bus/pci/drivers/";
	size_t n = strlen(prefix);

	if (!str_starts(file, prefix))
		return arena_concat(a, f->path, "/driver");
	return arena_strndup(a, file, n + strcspn(file + n, "/"));
}

static void find_module(struct host *host, const struct pci_function *f, struct handover_wait *wait)
{
	struct arena *a = &host->arena;
	struct names holders;
	const char *target;
	const char *link = arena_concat(a, driver_directory(a, f, wait->file), "/module");

	wait->module_references.error = -ENOENT;
	if (root_link(host->root, a, link, &target) < 0)
		return; /* no driver any more, or one that is built in */
	wait->module = text_last_part(target);
	wait->module_references =
		read_text(host, arena_printf(a, "sys/module/%s/refcnt", wait->module));
	if (root_list(host->root, a, arena_printf(a, "sys/module/%s/holders", wait->module),
		      &holders) < 0)
		return;
	wait->module_holder = holders.name;
	wait->n_module_holders = holders.n;
}

static const char *advice(struct host *host, const struct pci_function *f,
			  const struct handover_wait *wait)
{
	const char *then = "`passthru release` then completes the way back, `passthru bind` the "
			   "handover";

	if (wait->n_users > 0)
		return arena_printf(&host->arena,
				    "End %s: the kernel then comes back by itself, and %s.",
				    wait->user[0].process, then);
	return arena_printf(
		&host->arena,
		"No process is seen that has a node of %s open; one may have passed it on, or live "
		"in another container. When whatever holds it lets go, the kernel comes back by "
		"itself, and %s. Until then nothing helps but a reboot, and only after that: the "
		"process that waits cannot be ended.",
		f->name, then);
}

struct handover_wait *stuck_describe(struct host *host, const struct pci_function *f,
				     const char *file, const char *value, unsigned waited_ms,
				     pid_t writer)
{
	struct handover_wait *wait = arena_alloc(&host->arena, sizeof(*wait));
	const char *process = arena_printf(&host->arena, "proc/%d", (int)writer);

	*wait = (struct handover_wait){ .file = file,
					.value = value,
					.waited_ms = waited_ms,
					.writer = writer,
					.writer_state = state_of(host, process),
					.kernel_stack = stack_of(host, process) };
	find_users(host, f, wait);
	find_module(host, f, wait);
	wait->advice = advice(host, f, wait);
	return wait;
}
