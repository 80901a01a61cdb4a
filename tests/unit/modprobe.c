// SPDX-License-Identifier: MIT
// modprobe.d: the order of the files, which hide which, the grammar of lines; memory and the traces
// of other programs, which are read line by line as well.

#include "tests/unit/facts.h"

#include "base/text.h"

#include <stdio.h>

static const struct modprobe_facts *read_modprobe(void)
{
	host_read_facts(&host);
	return &host.facts->modprobe;
}

static void assert_line(const struct modprobe_line *line, enum modprobe_command command,
			const char *place, const char *module, const char *rest)
{
	assert_int_equal(line->command, command);
	assert_string_equal(modprobe_place(&host.arena, line), place);
	assert_string_equal(line->module, module);
	assert_string_equal(line->rest, rest);
}

static void lines(void **state)
{
	(void)state;
	has("etc/modprobe.d/a.conf", "# options x y\n"
				     "options vfio-pci  ids=1:2 \tdisable_vga=1  \n"
				     "\n"
				     "  blacklist nouveau\n"
				     "softdep nvidia pre: vfio-pci\n"
				     "install pcspkr /bin/false\n"
				     "remove snd_pcsp /bin/true\n"
				     "alias pci:v* x\n"
				     "weakdep a b\n"
				     "options\n"
				     "blacklist last");
	const struct modprobe_facts *facts = read_modprobe();
	assert_int_equal(facts->error, 0);
	assert_int_equal(facts->n_lines, 8);
	const struct modprobe_line *line = facts->lines;
	assert_line(&line[0], MODPROBE_OPTIONS, "etc/modprobe.d/a.conf:2", "vfio-pci",
		    "ids=1:2 \tdisable_vga=1");
	assert_line(&line[1], MODPROBE_BLACKLIST, "etc/modprobe.d/a.conf:4", "nouveau", "");
	assert_line(&line[2], MODPROBE_SOFTDEP, "etc/modprobe.d/a.conf:5", "nvidia",
		    "pre: vfio-pci");
	assert_line(&line[3], MODPROBE_INSTALL, "etc/modprobe.d/a.conf:6", "pcspkr", "/bin/false");
	assert_line(&line[4], MODPROBE_REMOVE, "etc/modprobe.d/a.conf:7", "snd_pcsp", "/bin/true");
	assert_line(&line[5], MODPROBE_ALIAS, "etc/modprobe.d/a.conf:8", "pci:v*", "x");
	assert_line(&line[6], MODPROBE_OTHER, "etc/modprobe.d/a.conf:9", "a", "b");
	assert_line(&line[7], MODPROBE_BLACKLIST, "etc/modprobe.d/a.conf:11", "last", "");
}

static void continued_lines(void **state)
{
	(void)state;
	has("etc/modprobe.d/a.conf", "options vfio-pci \\\n  ids=1:2,\\\n3:4\n"
				     "blacklist a\\b\n"
				     "# comment \\\nblacklist hidden\n"
				     "blacklist c\\");
	const struct modprobe_facts *facts = read_modprobe();
	assert_int_equal(facts->n_lines, 3);
	assert_line(&facts->lines[0], MODPROBE_OPTIONS, "etc/modprobe.d/a.conf:1", "vfio-pci",
		    "ids=1:2,3:4");
	assert_line(&facts->lines[1], MODPROBE_BLACKLIST, "etc/modprobe.d/a.conf:4", "ab", "");
	assert_line(&facts->lines[2], MODPROBE_BLACKLIST, "etc/modprobe.d/a.conf:7", "c", "");
}

static void files_in_order(void **state)
{
	(void)state;
	has("usr/lib/modprobe.d/10.conf", "blacklist one\n");
	has("etc/modprobe.d/20.conf", "blacklist two\n");
	has("run/modprobe.d/15.conf", "blacklist three\n");
	has("usr/local/lib/modprobe.d/30.conf", "blacklist four\n");
	has("lib/modprobe.d/05.conf", "blacklist five\n");
	has("etc/modprobe.d/README", "blacklist six\n");
	has("etc/modprobe.d/.hidden.conf", "blacklist seven\n");
	has("etc/modprobe.d/40.conf.bak", "blacklist eight\n");
	has("etc/modprobe.d/.conf", "blacklist nine\n");
	has("etc/modprobe.d/50.alias", "blacklist ten\n");
	static const char *const expected[] = { "five", "one", "three", "two", "four", "ten" };
	const struct modprobe_facts *facts = read_modprobe();
	assert_int_equal(facts->n_lines, ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		assert_string_equal(facts->lines[i].module, expected[i]);
}

static void files_hide_others(void **state)
{
	(void)state;
	has("lib/modprobe.d/x.conf", "blacklist three\n");
	has("usr/lib/modprobe.d/x.conf", "blacklist two\n");
	has("etc/modprobe.d/x.conf", "");
	const struct modprobe_facts *facts = read_modprobe();
	assert_int_equal(facts->n_lines, 0);
	assert_int_equal(facts->n_files, 3);
	assert_null(facts->files[0].masked_by);
	assert_string_equal(facts->files[1].masked_by, "etc/modprobe.d/x.conf");
	assert_string_equal(facts->files[2].masked_by, "etc/modprobe.d/x.conf");
}

static void merged_usr(void **state)
{
	(void)state;
	fake_link(&machine.tree, "lib", "usr/lib");
	has("usr/lib/modprobe.d/x.conf", "blacklist one\n");
	const struct modprobe_facts *facts = read_modprobe();
	assert_int_equal(facts->n_files, 1);
	assert_int_equal(facts->n_lines, 1);
}

static void denied_file(void **state)
{
	(void)state;
	denied("etc/modprobe.d/a.conf");
	has("etc/modprobe.d/b.conf", "blacklist b\n");
	const struct modprobe_facts *facts = read_modprobe();
	assert_int_equal(facts->error, -EACCES);
	assert_string_equal(facts->error_path, "etc/modprobe.d/a.conf");
	assert_int_equal(facts->n_lines, 1);
}

static void lines_by_module(void **state)
{
	const struct modprobe_line *line;

	(void)state;
	has("etc/modprobe.d/a.conf", "options vfio_pci a=1\noptions kvm b=1\n"
				     "options vfio-pci c=1\n");
	const struct modprobe_facts *facts = read_modprobe();
	line = modprobe_next(facts, MODPROBE_OPTIONS, "vfio_pci", NULL);
	assert_string_equal(line->rest, "a=1");
	line = modprobe_next(facts, MODPROBE_OPTIONS, "vfio_pci", line);
	assert_string_equal(line->rest, "c=1");
	assert_null(modprobe_next(facts, MODPROBE_OPTIONS, "vfio_pci", line));
	assert_null(modprobe_next(facts, MODPROBE_BLACKLIST, NULL, NULL));
}

/* ---- memory ---- */

static void memory_pools_and_nodes(void **state)
{
	static const char nodes[] = "sys/devices/system/node/";
	char path[128];

	(void)state;
	has("proc/meminfo", "MemTotal:       16000000 kB\nMemAvailable:    8000000 kB\n");
	has("proc/self/limits",
	    "Limit                     Soft Limit           Hard Limit           Units     \n"
	    "Max locked memory         8388608              unlimited            bytes     \n");
	has("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "8\n");
	has("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "5\n");
	has("sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages", "1\n");
	has("sys/kernel/mm/hugepages/other", "");
	has("sys/devices/system/node/online", "0-1\n");
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%snode%d/meminfo", nodes, i);
		has(path, "Node 0 MemTotal:  1024 kB\nNode 0 MemFree:  512 kB\n");
	}
	has("sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages", "8\n");
	host_read_facts(&host);
	const struct memory_facts *m = &host.facts->memory;
	assert_int_equal(m->available_bytes.value, UINT64_C(8000000) * 1024);
	assert_int_equal(m->lock_soft_bytes.value, 8388608);
	assert_true(m->lock_hard_bytes.value == MEMORY_UNLIMITED);
	assert_int_equal(m->n_nodes, 2);
	assert_int_equal(m->nodes[1].number, 1);
	assert_int_equal(m->nodes[1].free_bytes.value, 512 * 1024);
	assert_int_equal(m->n_pools, 2);
	assert_int_equal(m->pools[0].node, MEMORY_ALL_NODES);
	assert_int_equal(m->pools[0].page_bytes, 2048 * 1024);
	assert_int_equal(m->pools[0].free.value, 5);
	assert_int_equal(m->pools[0].reserved.value, 1);
	assert_int_equal(m->pools[1].node, 1);
	assert_int_equal(m->pools[1].total.value, 8);
	assert_int_equal(m->pools[1].free.error, -ENOENT);
}

static void memory_unknown(void **state)
{
	(void)state;
	denied("proc/self/limits");
	has("proc/meminfo", "MemTotal: many kB\n");
	host_read_facts(&host);
	const struct memory_facts *m = &host.facts->memory;
	assert_int_equal(m->lock_soft_bytes.error, -EACCES);
	assert_int_equal(m->total_bytes.error, -EBADMSG);
	assert_int_equal(m->available_bytes.error, -ENOENT);
	assert_int_equal(m->pools_error, -ENOENT);
	assert_int_equal(m->nodes_error, -ENOENT);
}

/* ---- traces ---- */

static void mentions_of_modules(void **state)
{
	(void)state;
	has("etc/modules", "# vfio_old\nvfio\n  vfio_virqfd # why\nloop\n");
	has("etc/mkinitcpio.conf", "MODULES=(vfio_pci vfio-x btrfs)\n");
	host_read_facts(&host);
	const struct traces_facts *t = &host.facts->traces;
	assert_int_equal(t->n_mentions, 4);
	assert_string_equal(t->mentions[0].module, "vfio");
	assert_int_equal(t->mentions[0].number, 2);
	assert_string_equal(t->mentions[1].module, "vfio_virqfd");
	assert_string_equal(t->mentions[2].module, "vfio_pci");
	assert_string_equal(t->mentions[3].module, "vfio-x");
}

static void traces_denied(void **state)
{
	(void)state;
	denied("etc/rc.local");
	host_read_facts(&host);
	assert_int_equal(host.facts->traces.error, -EACCES);
	assert_string_equal(host.facts->traces.error_path, "etc/rc.local");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(lines),           MACHINE_TEST(continued_lines),
		MACHINE_TEST(files_in_order),  MACHINE_TEST(files_hide_others),
		MACHINE_TEST(merged_usr),      MACHINE_TEST(denied_file),
		MACHINE_TEST(lines_by_module), MACHINE_TEST(memory_pools_and_nodes),
		MACHINE_TEST(memory_unknown),  MACHINE_TEST(mentions_of_modules),
		MACHINE_TEST(traces_denied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
