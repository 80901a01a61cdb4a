// SPDX-License-Identifier: MIT
// The argument vector of a guest. Everything that QEMU would add by itself is switched off first,
// so that the guest has what stands here and nothing else, with every version of QEMU. What holds a
// name of the user's is either an argument of its own or JSON, where commas and quotes need no
// doubling. Follows QEMU's docs/pcie.txt and the qapi schema of -device and -blockdev.

#include "base/text.h"
#include "vm/internal.h"

#include <errno.h>
#include <inttypes.h>

#define MIB ((uint64_t)1024 * 1024)

/* Those without an argument: the others take the word after them, also when it begins with '-'. */
static const char *const flags[] = { "-nodefaults", "-no-user-config", "-no-reboot", "-S" };

void vm_argv_add(struct vm_argv *v, const char *word)
{
	/* always room for the NULL that ends it */
	if (v->n + 1 >= v->size) {
		size_t size = v->size ? v->size * 2 : 64;
		char **larger = arena_array(v->arena, size, sizeof(*larger));
		if (v->n > 0)
			memcpy(larger, v->word, v->n * sizeof(*larger));
		v->word = larger;
		v->size = size;
	}
	v->word[v->n++] = arena_strdup(v->arena, word);
}

int vm_argv_add_json(struct vm_argv *v, const char *option, json_t *object, const char *what,
		     struct err *e)
{
	if (!object)
		return err_usage(e, "%s: its name is not UTF-8, which QEMU requires", what);
	CLEANUP_FREE char *text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	if (!text)
		return err_io(e, -ENOMEM, "%s", what);
	vm_argv_add(v, option);
	vm_argv_add(v, text);
	return 0;
}

static void add_two(struct vm_argv *v, const char *option, const char *argument)
{
	vm_argv_add(v, option);
	vm_argv_add(v, argument);
}

/* MiB where it comes out even, since people read it. */
static const char *memory_text(struct arena *a, uint64_t bytes)
{
	if (bytes % MIB == 0)
		return arena_printf(a, "%" PRIu64 "M", bytes / MIB);
	return arena_printf(a, "%" PRIu64 "B", bytes);
}

static void add_machine(struct vm_argv *v, const struct vm_config *config)
{
	vm_argv_add(v, config->qemu ? config->qemu : "qemu-system-x86_64");
	vm_argv_add(v, "-nodefaults");
	vm_argv_add(v, "-no-user-config");
	vm_argv_add(v, "-no-reboot");
	add_two(v, "-display", "none");
	add_two(v, "-vga", "none");
	add_two(v, "-machine", config->kvm ? "q35,accel=kvm" : "q35,accel=tcg");
	add_two(v, "-cpu", config->kvm ? "host" : "max");
	add_two(v, "-m", memory_text(v->arena, config->memory_bytes));
	add_two(v, "-smp", arena_printf(v->arena, "%u", config->cpus));
}

static int add_monitor_and_console(struct vm_argv *v, struct err *e)
{
	add_two(v, "-chardev", arena_printf(v->arena, "socket,id=qmp,fd=%d", VM_FD_QMP));
	add_two(v, "-mon", "chardev=qmp,mode=control");
	add_two(v, "-chardev", arena_printf(v->arena, "socket,id=console,fd=%d", VM_FD_CONSOLE));
	return vm_argv_add_json(
		v, "-device", json_pack("{s:s, s:s}", "driver", "isa-serial", "chardev", "console"),
		"console", e);
}

static int add_kernel(struct vm_argv *v, const struct vm_config *config, struct err *e)
{
	int error;

	if (!config->kernel) {
		if (config->initrd || config->append)
			return err_usage(e, "an initrd and a kernel command line need a kernel");
		return 0;
	}
	error = vm_file_check("kernel", config->kernel, e);
	if (error == 0 && config->initrd)
		error = vm_file_check("initrd", config->initrd, e);
	if (error < 0)
		return error;
	add_two(v, "-kernel", config->kernel);
	if (config->initrd)
		add_two(v, "-initrd", config->initrd);
	if (config->append)
		add_two(v, "-append", config->append);
	return 0;
}

int vm_command(struct arena *a, const struct vm_config *config, struct vm_command *ret,
	       struct err *e)
{
	struct vm_argv v = { .arena = a };
	size_t port = 0;

	if (config->memory_bytes == 0)
		return err_usage(e, "a guest needs memory");
	if (config->cpus == 0)
		return err_usage(e, "a guest needs a processor");
	add_machine(&v, config);
	int error = add_monitor_and_console(&v, e);
	if (error == 0)
		error = add_kernel(&v, config, e);
	if (error == 0)
		error = vm_slots_add(&v, config, &port, e);
	for (size_t i = 0; error == 0 && i < config->n_disks; i++)
		error = vm_disk_add(&v, config->disks[i], i, port + i, e);
	if (error < 0)
		return error;
	*ret = (struct vm_command){ v.word, v.n };
	return 0;
}

static bool takes_argument(const char *option)
{
	if (option[0] != '-')
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (str_eq(option, flags[i]))
			return false;
	return true;
}

const char *vm_command_text(struct arena *a, const struct vm_command *command)
{
	const char **line = arena_array(a, command->n + 1, sizeof(*line));
	size_t n = 0;

	for (size_t i = 0; i < command->n; i++) {
		const char *word = text_shell_word(a, command->argv[i]);
		if (i > 0 && i + 1 < command->n && takes_argument(command->argv[i]))
			word = arena_printf(a, "%s %s", word,
					    text_shell_word(a, command->argv[++i]));
		line[n++] = word;
	}
	return arena_printf(a, "%s\n", text_join(a, line, n, " \\\n\t"));
}
