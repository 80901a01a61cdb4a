// SPDX-License-Identifier: MIT
// The running kernel and the installed ones. The command line is cut as next_arg() of lib/cmdline.c
// does it: quotes keep blanks together wherever they stand, and only those around a whole word or
// a whole value are dropped. Modules are looked up in the lists that depmod and the kernel's build
// write, so that a kernel can be asked that is not running.

#include "host/kernel.h"
#include "base/text.h"
#include "host/host.h"
#include "host/read.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

/* modules.dep of a distribution's kernel has 700 KiB */
#define LIST_MAX ((size_t)16 * 1024 * 1024)
#define MODULES_MAX ((size_t)1024 * 1024)
#define KERNELS_MAX 64

/* ---- names ---- */

static char plain(char c)
{
	return c == '-' ? '_' : c;
}

bool kernel_same_name(const char *a, const char *b)
{
	for (; *a && plain(*a) == plain(*b); a++, b++)
		;
	return plain(*a) == plain(*b);
}

/* The first @n bytes of @a are the name @b. */
static bool same_prefix(const char *a, size_t n, const char *b)
{
	for (size_t i = 0; i < n; i++) {
		if (!b[i] || plain(a[i]) != plain(b[i]))
			return false;
	}
	return !b[n];
}

bool kernel_at_least(const char *release, unsigned major, unsigned minor)
{
	unsigned found[2] = { 0, 0 };

	for (int i = 0; i < 2; i++) {
		if (!isdigit((unsigned char)*release))
			return false;
		for (; isdigit((unsigned char)*release) && found[i] < 100000; release++)
			found[i] = found[i] * 10 + (unsigned)(*release - '0');
		if (i == 0 && *release++ != '.')
			return false;
	}
	return found[0] != major ? found[0] > major : found[1] >= minor;
}

/* ---- command line ---- */

static const char *unquoted(struct arena *a, const char *text, size_t n)
{
	if (n > 0 && text[0] == '"') {
		text++;
		n--;
		if (n > 0 && text[n - 1] == '"')
			n--;
	}
	return arena_strndup(a, text, n);
}

/* The word that begins at @text; returns its length. */
static size_t parse_word(struct arena *a, const char *text, struct kernel_parameter *ret)
{
	bool quoted = false;
	size_t n = 0, equals = 0;

	for (; text[n] && (quoted || !isspace((unsigned char)text[n])); n++) {
		if (text[n] == '"')
			quoted = !quoted;
		else if (text[n] == '=' && !equals)
			equals = n;
	}
	ret->text = arena_strndup(a, text, n);
	ret->value = NULL;
	bool around = text[0] == '"';
	size_t end = around && n > 1 && text[n - 1] == '"' ? n - 1 : n;
	if (equals > (size_t)around) {
		ret->name = arena_strndup(a, text + around, equals - around);
		ret->value = unquoted(a, text + equals + 1, end - equals - 1);
	} else {
		ret->name = arena_strndup(a, text + around, end - around);
	}
	return n;
}

void kernel_parse_command_line(struct arena *a, const char *text, struct kernel_parameter **ret,
			       size_t *ret_n)
{
	struct kernel_parameter *list = arena_array(a, strlen(text) / 2 + 1, sizeof(*list));
	size_t n = 0;

	for (;;) {
		text += strspn(text, " \t\n\v\f\r");
		if (!*text)
			break;
		text += parse_word(a, text, &list[n]);
		if (str_eq(list[n].name, "--") && !list[n].value)
			break;
		n++;
	}
	*ret = list;
	*ret_n = n;
}

const struct kernel_parameter *kernel_parameter_next(const struct kernel_facts *facts,
						     const char *name,
						     const struct kernel_parameter *after)
{
	size_t i = after ? (size_t)(after - facts->parameters) + 1 : 0;

	for (; i < facts->n_parameters; i++) {
		if (kernel_same_name(facts->parameters[i].name, name))
			return &facts->parameters[i];
	}
	return NULL;
}

const struct kernel_parameter *kernel_parameter_last(const struct kernel_facts *facts,
						     const char *name)
{
	const struct kernel_parameter *found = NULL, *next = NULL;

	while ((next = kernel_parameter_next(facts, name, next)))
		found = next;
	return found;
}

/* ---- modules ---- */

/* "kernel/drivers/vfio/pci/vfio-pci.ko.xz: ..." is about the module @name. */
static bool line_names(const char *line, size_t n, const char *name)
{
	const char *colon = memchr(line, ':', n);
	size_t end = colon ? (size_t)(colon - line) : n;
	size_t start = end;

	while (start > 0 && line[start - 1] != '/')
		start--;
	const char *base = line + start, *suffix = memmem(base, end - start, ".ko", 3);
	return suffix && same_prefix(base, (size_t)(suffix - base), name);
}

static bool list_names(const struct kernel_list *list, const char *name)
{
	const char *rest = list->text.data, *line;
	size_t n;

	while (list->error == 0 && text_next_line(&rest, &line, &n)) {
		if (line_names(line, n, name))
			return true;
	}
	return false;
}

enum kernel_module kernel_module(const struct kernel *kernel, const char *name,
				 const char **ret_path)
{
	const char *ignored;

	if (!ret_path)
		ret_path = &ignored;
	*ret_path = kernel->builtin.path;
	if (list_names(&kernel->builtin, name))
		return KERNEL_MODULE_BUILTIN;
	*ret_path = kernel->modules.path;
	if (list_names(&kernel->modules, name))
		return KERNEL_MODULE_LOADABLE;
	if (kernel->modules.error && kernel->modules.error != -ENOENT)
		return KERNEL_MODULE_UNKNOWN;
	/* without either list nothing is known, as for a kernel whose files are gone */
	if (kernel->builtin.error) {
		*ret_path = kernel->builtin.path;
		return KERNEL_MODULE_UNKNOWN;
	}
	return KERNEL_MODULE_ABSENT;
}

bool kernel_module_loaded(const struct kernel_facts *facts, const char *name)
{
	for (size_t i = 0; facts->loaded_error == 0 && i < facts->loaded.n; i++) {
		if (kernel_same_name(facts->loaded.name[i], name))
			return true;
	}
	return false;
}

static void read_loaded(struct host *host, struct kernel_facts *ret)
{
	const char *rest, *line;
	struct bytes text;
	size_t n, lines = 0;

	ret->loaded_error =
		root_read_max(host->root, &host->arena, "proc/modules", MODULES_MAX, &text);
	if (ret->loaded_error)
		return;
	for (size_t i = 0; i < text.n; i++)
		lines += text.data[i] == '\n';
	ret->loaded.name = arena_array(&host->arena, lines + 1, sizeof(*ret->loaded.name));
	rest = text.data;
	while (text_next_line(&rest, &line, &n) && ret->loaded.n <= lines)
		ret->loaded.name[ret->loaded.n++] =
			arena_strndup(&host->arena, line, strcspn(line, " \n"));
}

/* ---- installed kernels ---- */

static void read_list(struct host *host, const char *directory, const char *name,
		      struct kernel_list *ret)
{
	ret->path = arena_printf(&host->arena, "%s/%s", directory, name);
	ret->error = root_read_max(host->root, &host->arena, ret->path, LIST_MAX, &ret->text);
}

/* A directory that a removed kernel left behind has no list of what was built in. */
static bool is_left_behind(const struct kernel *kernel)
{
	return !kernel->running && kernel->builtin.error == -ENOENT &&
	       kernel->config.error == -ENOENT;
}

static void add_kernel(struct host *host, struct kernel_facts *facts, const char *directory,
		       const char *release)
{
	struct kernel *kernel = &facts->kernels[facts->n_kernels];

	for (size_t i = 0; i < facts->n_kernels; i++) {
		if (str_eq(facts->kernels[i].release, release))
			return;
	}
	*kernel = (struct kernel){
		.release = release,
		.path = arena_printf(&host->arena, "%s/%s", directory, release),
		.running = facts->release.error == 0 && str_eq(facts->release.value, release),
	};
	read_list(host, kernel->path, "modules.dep", &kernel->modules);
	read_list(host, kernel->path, "modules.builtin", &kernel->builtin);
	kernel_read_config(host, kernel);
	facts->n_kernels += !is_left_behind(kernel);
}

static void read_kernels(struct host *host, struct kernel_facts *ret)
{
	static const char *const directories[] = { "usr/lib/modules", "lib/modules" };
	const char *target;
	struct names names;

	ret->kernels = arena_array(&host->arena, KERNELS_MAX + 1, sizeof(*ret->kernels));
	ret->kernels_error = -ENOENT;
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		/* where lib is a link, its modules are those of usr/lib */
		if (i > 0 && root_link(host->root, &host->arena, "lib", &target) == 0)
			break;
		int error = root_list(host->root, &host->arena, directories[i], &names);
		if (error == 0 || ret->kernels_error == -ENOENT)
			ret->kernels_error = error;
		for (size_t k = 0; error == 0 && k < names.n && ret->n_kernels < KERNELS_MAX; k++)
			add_kernel(host, ret, directories[i], names.name[k]);
	}
	/* the running kernel stands in the list also when its files are gone */
	if (ret->release.error == 0 && !kernel_running(ret))
		add_kernel(host, ret, directories[0], ret->release.value);
}

const struct kernel *kernel_running(const struct kernel_facts *facts)
{
	for (size_t i = 0; i < facts->n_kernels; i++) {
		if (facts->kernels[i].running)
			return &facts->kernels[i];
	}
	return NULL;
}

/* ---- lockdown, Secure Boot ---- */

/* "none [integrity] confidentiality" */
static struct fact_text read_lockdown(struct host *host)
{
	struct fact_text text = host_fact_text(host, KERNEL_LOCKDOWN);
	const char *open = text.error == 0 ? strchr(text.value, '[') : NULL;

	if (open)
		text.value = arena_strndup(&host->arena, open + 1, strcspn(open + 1, "]"));
	else if (text.error == 0)
		text = (struct fact_text){ .error = -EBADMSG };
	return text;
}

/* Four bytes of attributes, then the value. */
static struct fact_number read_secure_boot(struct host *host)
{
	struct bytes data;
	int error = root_read(host->root, &host->arena, KERNEL_SECURE_BOOT, &data);

	if (error == 0 && data.n < 5)
		error = -EBADMSG;
	if (error < 0)
		return (struct fact_number){ .error = error };
	return (struct fact_number){ .value = (unsigned char)data.data[4] };
}

void host_read_kernel(struct host *host, struct kernel_facts *ret)
{
	*ret = (struct kernel_facts){
		.release = host_fact_text(host, "proc/sys/kernel/osrelease"),
		.command_line = host_fact_text(host, KERNEL_COMMAND_LINE),
		.lockdown = read_lockdown(host),
		.secure_boot = read_secure_boot(host),
		.unsafe_noiommu = host_fact_text(host, KERNEL_UNSAFE_NOIOMMU),
		.unsafe_interrupts = host_fact_text(host, KERNEL_UNSAFE_INTERRUPTS),
	};
	if (ret->command_line.error == 0)
		kernel_parse_command_line(&host->arena, ret->command_line.value, &ret->parameters,
					  &ret->n_parameters);
	read_loaded(host, ret);
	read_kernels(host, ret);
}
