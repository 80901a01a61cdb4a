// SPDX-License-Identifier: MIT
// Facts about kernels: the grammar of the command line, versions, configurations in every place,
// lists of modules, and what is installed besides the running one.

#include "tests/unit/facts.h"

#include "base/text.h"

#include <stdio.h>
#include <unistd.h>

static struct kernel_facts facts;

static void cut(const char *text)
{
	kernel_parse_command_line(&host.arena, text, &facts.parameters, &facts.n_parameters);
}

static void assert_parameter(size_t i, const char *name, const char *value)
{
	assert_true(i < facts.n_parameters);
	assert_string_equal(facts.parameters[i].name, name);
	if (value)
		assert_string_equal(facts.parameters[i].value, value);
	else
		assert_null(facts.parameters[i].value);
}

static void command_line_words(void **state)
{
	(void)state;
	cut("  ro\tquiet root=UUID=12-34  console=ttyS0,115200n8 empty=\n");
	assert_int_equal(facts.n_parameters, 5);
	assert_parameter(0, "ro", NULL);
	assert_parameter(1, "quiet", NULL);
	assert_parameter(2, "root", "UUID=12-34");
	assert_parameter(3, "console", "ttyS0,115200n8");
	assert_parameter(4, "empty", "");
	cut("");
	assert_int_equal(facts.n_parameters, 0);
}

static void command_line_quotes(void **state)
{
	(void)state;
	cut("a=\"b c\" \"d=e f\" g\"h i\"=k \"l m\" n=\"o\"p \"");
	assert_parameter(0, "a", "b c");
	assert_parameter(1, "d", "e f");
	assert_parameter(2, "g\"h i\"", "k");
	assert_parameter(3, "l m", NULL);
	assert_string_equal(facts.parameters[0].text, "a=\"b c\"");
	cut("dyndbg=\"file x +p; y=z\" vfio-pci.ids=1:2");
	assert_int_equal(facts.n_parameters, 2);
	assert_parameter(0, "dyndbg", "file x +p; y=z");
	assert_parameter(1, "vfio-pci.ids", "1:2");
}

static void command_line_stops_at_init(void **state)
{
	(void)state;
	cut("intel_iommu=on -- vfio-pci.ids=1:2");
	assert_int_equal(facts.n_parameters, 1);
	cut("a --b c--");
	assert_int_equal(facts.n_parameters, 3);
}

static void parameters_by_name(void **state)
{
	const struct kernel_parameter *p;

	(void)state;
	cut("vfio-pci.ids=1:2 x vfio_pci.ids=3:4 vfio_pci.ids");
	p = kernel_parameter_next(&facts, "vfio_pci.ids", NULL);
	assert_string_equal(p->value, "1:2");
	p = kernel_parameter_next(&facts, "vfio_pci.ids", p);
	assert_string_equal(p->value, "3:4");
	assert_ptr_equal(kernel_parameter_last(&facts, "vfio-pci.ids"),
			 kernel_parameter_next(&facts, "vfio_pci.ids", p));
	assert_null(kernel_parameter_last(&facts, "vfio_pci.id"));
	assert_null(kernel_parameter_last(&facts, "vfio_pci.ids2"));
}

static void versions(void **state)
{
	(void)state;
	assert_true(kernel_at_least("6.2.0-rc1", 6, 2));
	assert_true(kernel_at_least("6.10.3-arch1-1", 6, 2));
	assert_true(kernel_at_least("7.0-pve", 6, 17));
	assert_false(kernel_at_least("6.1.0-37-amd64", 6, 2));
	assert_false(kernel_at_least("5.15.0", 6, 0));
	assert_false(kernel_at_least("6", 6, 0));
	assert_false(kernel_at_least("", 1, 0));
	assert_false(kernel_at_least("v6.8", 6, 2));
}

/* ---- configuration ---- */

static void configuration_lines(void **state)
{
	static const char text[] = "#\n# Linux\nCONFIG_VFIO=m\nCONFIG_VFIO_PCI=y\n"
				   "# CONFIG_VFIO_GROUP is not set\nCONFIG_LOCALVERSION=\"-x\"\n";
	const struct kernel_config config = { .text = { text, sizeof(text) - 1 } };
	const struct kernel_config unknown = { .error = -ENOENT };

	(void)state;
	assert_int_equal(kernel_symbol(&config, "VFIO"), KERNEL_SYMBOL_MODULE);
	assert_int_equal(kernel_symbol(&config, "VFIO_PCI"), KERNEL_SYMBOL_ON);
	assert_int_equal(kernel_symbol(&config, "VFIO_GROUP"), KERNEL_SYMBOL_OFF);
	assert_int_equal(kernel_symbol(&config, "VFIO_P"), KERNEL_SYMBOL_ABSENT);
	assert_int_equal(kernel_symbol(&config, "PCI"), KERNEL_SYMBOL_ABSENT);
	assert_int_equal(kernel_symbol(&config, "LOCALVERSION"), KERNEL_SYMBOL_ON);
	assert_int_equal(kernel_symbol(&unknown, "VFIO"), KERNEL_SYMBOL_UNKNOWN);
}

static const struct kernel *read_running(void)
{
	host_read_facts(&host);
	const struct kernel *kernel = kernel_running(&host.facts->kernel);
	assert_non_null(kernel);
	return kernel;
}

static void configuration_places(void **state)
{
	static const char *const places[] = {
		"boot/config-6.1",
		"usr/lib/modules/6.1/config",
		"usr/lib/ostree-boot/config-6.1",
		"usr/lib/modules/6.1/build/.config",
		"usr/src/linux-6.1/.config",
	};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		machine_setup(state);
		has("proc/sys/kernel/osrelease", "6.1\n");
		has(places[i], "CONFIG_VFIO=y\n");
		const struct kernel *kernel = read_running();
		assert_string_equal(kernel->config.path, places[i]);
		assert_int_equal(kernel_symbol(&kernel->config, "VFIO"), KERNEL_SYMBOL_ON);
		machine_teardown(state);
	}
}

/* gzip -9n of "CONFIG_VFIO=y\n" */
static const unsigned char packed[] = {
	0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x73, 0xf6,
	0xf7, 0x73, 0xf3, 0x74, 0x8f, 0x0f, 0x73, 0xf3, 0xf4, 0xb7, 0xad, 0xe4,
	0x02, 0x00, 0x32, 0xe1, 0x60, 0xf8, 0x0e, 0x00, 0x00, 0x00,
};

static void configuration_packed(void **state)
{
	(void)state;
	has("proc/sys/kernel/osrelease", "6.1\n");
	fake_bytes(&machine.tree, "proc/config.gz", packed, sizeof(packed));
	const struct kernel *kernel = read_running();
	assert_int_equal(kernel->config.error, 0);
	assert_int_equal(kernel_symbol(&kernel->config, "VFIO"), KERNEL_SYMBOL_ON);
}

static void configuration_spoilt(void **state)
{
	(void)state;
	has("proc/sys/kernel/osrelease", "6.1\n");
	fake_bytes(&machine.tree, "proc/config.gz", packed, 12);
	assert_int_equal(read_running()->config.error, -EBADMSG);
}

static void configuration_denied(void **state)
{
	(void)state;
	has("proc/sys/kernel/osrelease", "6.1\n");
	denied("boot/config-6.1");
	const struct kernel *kernel = read_running();
	assert_int_equal(kernel->config.error, -EACCES);
	assert_string_equal(kernel->config.path, "boot/config-6.1");
}

/* ---- modules ---- */

static void module_lists(void **state)
{
	const char *path;

	(void)state;
	has("proc/sys/kernel/osrelease", "6.1\n");
	has("proc/modules", "vfio_pci 16384 0 - Live 0x0\nkvm 1 1 kvm_intel, Live 0x0\n");
	has("lib/modules/6.1/modules.dep",
	    "kernel/drivers/vfio/pci/vfio-pci.ko.xz: kernel/drivers/vfio/vfio.ko.xz\n"
	    "kernel/drivers/gpu/drm/xe.ko.zst:\n");
	has("lib/modules/6.1/modules.builtin", "kernel/drivers/nvme/host/nvme.ko\n");
	const struct kernel *kernel = read_running();
	assert_string_equal(kernel->path, "lib/modules/6.1");
	assert_int_equal(kernel_module(kernel, "vfio_pci", &path), KERNEL_MODULE_LOADABLE);
	assert_string_equal(path, "lib/modules/6.1/modules.dep");
	assert_int_equal(kernel_module(kernel, "nvme", &path), KERNEL_MODULE_BUILTIN);
	assert_string_equal(path, "lib/modules/6.1/modules.builtin");
	/* a dependency is no module of its own, and a part of a name no name */
	assert_int_equal(kernel_module(kernel, "vfio", NULL), KERNEL_MODULE_ABSENT);
	assert_int_equal(kernel_module(kernel, "pci", NULL), KERNEL_MODULE_ABSENT);
	assert_true(kernel_module_loaded(&host.facts->kernel, "vfio-pci"));
	assert_false(kernel_module_loaded(&host.facts->kernel, "kvm_intel"));
}

static void modules_of_other_kernels(void **state)
{
	(void)state;
	has("proc/sys/kernel/osrelease", "6.1\n");
	fake_link(&machine.tree, "lib", "usr/lib");
	has("usr/lib/modules/6.1/modules.builtin", "");
	has("usr/lib/modules/6.12/modules.builtin", "");
	has("usr/lib/modules/5.10/modules.softdep", ""); /* left behind by a removed one */
	host_read_facts(&host);
	assert_int_equal(host.facts->kernel.n_kernels, 2);
	assert_string_equal(host.facts->kernel.kernels[1].release, "6.12");
	assert_false(host.facts->kernel.kernels[1].running);
}

static void modules_of_a_kernel_that_is_gone(void **state)
{
	(void)state;
	has("proc/sys/kernel/osrelease", "6.1\n");
	has("usr/lib/modules/6.12/modules.builtin", "");
	const struct kernel *kernel = read_running();
	assert_int_equal(host.facts->kernel.n_kernels, 2);
	assert_int_equal(kernel->modules.error, -ENOENT);
	assert_int_equal(kernel_module(kernel, "vfio", NULL), KERNEL_MODULE_UNKNOWN);
}

static void lockdown_and_secure_boot(void **state)
{
	(void)state;
	has("sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	fake_bytes(&machine.tree, KERNEL_SECURE_BOOT, "\6\0\0\0\1", 5);
	host_read_facts(&host);
	assert_string_equal(host.facts->kernel.lockdown.value, "integrity");
	assert_int_equal(host.facts->kernel.secure_boot.value, 1);
	assert_int_equal(host.facts->kernel.release.error, -ENOENT);
	assert_null(kernel_running(&host.facts->kernel));
}

static void lockdown_not_understood(void **state)
{
	(void)state;
	has("sys/kernel/security/lockdown", "none\n");
	fake_bytes(&machine.tree, KERNEL_SECURE_BOOT, "\6\0\0\0", 4);
	host_read_facts(&host);
	assert_int_equal(host.facts->kernel.lockdown.error, -EBADMSG);
	assert_int_equal(host.facts->kernel.secure_boot.error, -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(command_line_words),
		MACHINE_TEST(command_line_quotes),
		MACHINE_TEST(command_line_stops_at_init),
		MACHINE_TEST(parameters_by_name),
		cmocka_unit_test(versions),
		cmocka_unit_test(configuration_lines),
		cmocka_unit_test(configuration_places),
		MACHINE_TEST(configuration_packed),
		MACHINE_TEST(configuration_spoilt),
		MACHINE_TEST(configuration_denied),
		MACHINE_TEST(module_lists),
		MACHINE_TEST(modules_of_other_kernels),
		MACHINE_TEST(modules_of_a_kernel_that_is_gone),
		MACHINE_TEST(lockdown_and_secure_boot),
		MACHINE_TEST(lockdown_not_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
