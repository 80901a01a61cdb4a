// SPDX-License-Identifier: MIT
// From a wish to words of the kernel's command line: which ones, in which order, and what stands
// there already that they would contradict.

#include "tests/setup/machine.h"

#include <errno.h>

static int start(void **state)
{
	return machine_start(state);
}

static int plan(struct machine *m)
{
	machine_wish(m, GPU, AUDIO, NULL);
	return machine_plan(m);
}

static void words_are(struct machine *m, const char *wanted)
{
	machine_ok(m, plan(m));
	assert_string_equal(text_join(&m->host.arena, m->plan.words.name, m->plan.words.n, " "),
			    wanted);
}

static void refused(struct machine *m, const char *says)
{
	machine_says(m, plan(m), says);
	assert_int_equal(m->e.kind, ERR_REFUSED);
}

static void command_line(struct machine *m, const char *words)
{
	char text[512];

	snprintf(text, sizeof(text), COMMAND_LINE " %s\n", words);
	temporary_file(&m->t, "proc/cmdline", text);
}

/* A DMAR with one unit, its checksum right. */
static void put_dmar(struct machine *m)
{
	unsigned char data[64] = { 'D', 'M', 'A', 'R', 64 };
	unsigned char sum = 0;

	data[36] = 38;
	data[50] = 16;
	data[52] = 1;
	for (size_t i = 0; i < sizeof(data); i++)
		sum = (unsigned char)(sum + data[i]);
	data[9] = (unsigned char)-sum;
	temporary_bytes(&m->t, "sys/firmware/acpi/tables/DMAR", data, sizeof(data));
}

static void without_unit(struct machine *m)
{
	assert_int_equal(unlink(temporary_path(&m->t, "sys/class/iommu/dmar0/intel-iommu/cap")), 0);
	assert_int_equal(rmdir(temporary_path(&m->t, "sys/class/iommu/dmar0/intel-iommu")), 0);
	assert_int_equal(rmdir(temporary_path(&m->t, "sys/class/iommu/dmar0")), 0);
}

static void test_iommu(void **state)
{
	struct machine *m = *state;

	words_are(m, "passthru.boot=1");
	put_dmar(m);
	words_are(m, "passthru.boot=1"); /* it is on */
	without_unit(m);
	words_are(m, "passthru.boot=1 intel_iommu=on");
	m->wish.iommu_pt = true;
	words_are(m, "passthru.boot=1 intel_iommu=on iommu=pt");
	command_line(m, "intel_iommu=off");
	refused(m, "the kernel's command line has intel_iommu=off");
	command_line(m, "intel_iommu=igfx_off,off");
	refused(m, "intel_iommu=igfx_off,off");
	command_line(m, "iommu=off");
	refused(m, "iommu=off");
	command_line(m, "amd_iommu=off");
	refused(m, "amd_iommu=off");
	command_line(m, "iommu=nopt");
	refused(m, "iommu=nopt, the contrary of iommu=pt");
	command_line(m, "intel_iommu=igfx_off iommu=pt");
	words_are(m, "passthru.boot=1 intel_iommu=on iommu=pt");
	assert_int_equal(unlink(temporary_path(&m->t, "sys/firmware/acpi/tables/DMAR")), 0);
	refused(m, "no IOMMU that its firmware tells of");
}

/* An ordinary user sees that there is a DMAR and no more: the plan is the one that root would get.
 */
static void test_iommu_unreadable(void **state)
{
	struct machine *m = *state;
	uid_t own = geteuid();

	put_dmar(m);
	without_unit(m);
	assert_int_equal(chmod(temporary_path(&m->t, "sys/firmware/acpi/tables/DMAR"), 0), 0);
	assert_int_equal(chmod(m->t.path, 0755), 0);
	if (own == 0)
		assert_int_equal(seteuid(65534), 0);
	words_are(m, "passthru.boot=1 intel_iommu=on");
	assert_int_equal(m->host.facts->platform.dmar_table.error, -EACCES);
	assert_int_equal(seteuid(own), 0);
}

/* What is on because of our word stays asked for. */
static void test_iommu_again(void **state)
{
	struct machine *m = *state;
	struct names recovered;

	put_dmar(m);
	without_unit(m);
	words_are(m, "passthru.boot=1 intel_iommu=on");
	machine_ok(m, setup_apply(&m->host, &m->wish, &m->plan, &m->number, &recovered, &m->e));
	machine_file(m, "1\n", "sys/class/iommu/dmar0/intel-iommu/cap");
	command_line(m, "passthru.boot=1 intel_iommu=on passthru.trial=1");
	words_are(m, "passthru.boot=1 intel_iommu=on");
	struct setup_undone undone;
	machine_open(m);
	machine_ok(m, setup_undo(&m->host, 0, false, &undone, &m->e));
	words_are(m, "passthru.boot=1 intel_iommu=on");
	/* that of the user needs no other */
	command_line(m, "intel_iommu=on passthru.boot=1");
	words_are(m, "passthru.boot=1");
}

static void test_pages(void **state)
{
	const uint64_t mib = 1024 * 1024, gib = 1024 * mib;
	struct machine *m = *state;
	struct setup_pages pages[3] = { { 2 * mib, 512, -1 } };

	m->wish.pages = pages;
	m->wish.n_pages = 1;
	words_are(m, "passthru.boot=1 hugepagesz=2M hugepages=512");
	pages[1] = (struct setup_pages){ gib, 4, -1 };
	m->wish.n_pages = 2;
	refused(m, "no huge pages of 1G");
	machine_file(m, "0\n", "sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages");
	words_are(m, "passthru.boot=1 hugepagesz=2M hugepages=512 hugepagesz=1G hugepages=4");
	pages[1].count = 16;
	refused(m, "leave too little of the 15.2 GiB");
	pages[1].count = UINT64_MAX / 2;
	machine_says(m, plan(m), "more than any host has");
	/* by node, another size in between */
	pages[0].node = 0;
	pages[1].count = 1;
	pages[2] = (struct setup_pages){ 2 * mib, 256, 1 };
	m->wish.n_pages = 3;
	refused(m, "no memory node 0");
	machine_file(m, "Node 0 MemTotal: 8000000 kB\n", "sys/devices/system/node/node0/meminfo");
	machine_file(m, "Node 1 MemTotal: 8000000 kB\n", "sys/devices/system/node/node1/meminfo");
	words_are(m,
		  "passthru.boot=1 hugepagesz=2M hugepages=0:512,1:256 hugepagesz=1G hugepages=1");
	pages[2].node = -1;
	machine_says(m, plan(m), "asked for twice");
	m->wish.n_pages = 1;
	command_line(m, "hugepagesz=2M hugepages=10");
	refused(m, "hugepagesz=2M, and the kernel takes the number of pages of a size once only");
	command_line(m, "hugepages=10");
	refused(m, "hugepages=10");
	command_line(m, "default_hugepagesz=2048k hugepages=10");
	refused(m, "hugepages=10");
	command_line(m, "default_hugepagesz=1G hugepages=1");
	words_are(m, "passthru.boot=1 hugepagesz=2M hugepages=0:512");
	command_line(m, "hugepagesz=1G hugepages=1");
	words_are(m, "passthru.boot=1 hugepagesz=2M hugepages=0:512");
}

static void test_processors(void **state)
{
	struct machine *m = *state;

	m->wish.isolated = "2-4,7";
	words_are(m, "passthru.boot=1 isolcpus=managed_irq,domain,2-4,7 nohz_full=2-4,7 "
		     "rcu_nocbs=2-4,7");
	m->wish.isolated = "2-8";
	refused(m, "no processor 8");
	m->wish.isolated = "0-3";
	refused(m, "processor 0 has to stay");
	m->wish.isolated = "0-7";
	refused(m, "no processor is left");
	static const char *const wrong[] = { "", "a", "1-", "3-2", "1,,2", "1,", "1 2", "-1" };
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		m->wish.isolated = wrong[i];
		machine_says(m, plan(m), "is no list of processors");
		assert_int_equal(m->e.kind, ERR_USAGE);
	}
	m->wish.isolated = "2";
	command_line(m, "isolcpus=3");
	refused(m, "isolcpus=3");
}

/* One that does not know a flag passes over the whole parameter. */
static void test_processors_of_an_old_kernel(void **state)
{
	struct machine *m = *state;

	machine_kernel(m, "5.5.0-1");
	temporary_file(&m->t, "proc/sys/kernel/osrelease", "5.5.0-1\n");
	m->wish.isolated = "2";
	words_are(m, "passthru.boot=1 isolcpus=2 nohz_full=2 rcu_nocbs=2");
	machine_kernel(m, "5.6.0-1");
	temporary_file(&m->t, "proc/sys/kernel/osrelease", "5.6.0-1\n");
	words_are(m, "passthru.boot=1 isolcpus=managed_irq,domain,2 nohz_full=2 rcu_nocbs=2");
}

static void test_modules(void **state)
{
	static const char *kvm[] = { "kvm.ignore_msrs=1", "" },
			  *drivers[] = { "nouveau", "radeon" };
	struct machine *m = *state;

	m->wish.kvm = (struct names){ kvm, 1 };
	m->wish.blacklisted = (struct names){ drivers, 2 };
	words_are(m, "passthru.boot=1 kvm.ignore_msrs=1 modprobe.blacklist=nouveau,radeon");
	bool told = false;
	for (size_t i = 0; i < m->plan.now.n_notes; i++)
		told = told || strstr(m->plan.now.notes[i].text, "the driver radeon by itself");
	assert_true(told);
	command_line(m, "kvm.ignore_msrs=1");
	words_are(m, "passthru.boot=1 modprobe.blacklist=nouveau,radeon");
	command_line(m, "kvm.ignore_msrs=0");
	refused(m, "which contradicts kvm.ignore_msrs=1");
	kvm[0] = kvm[1] = "kvm.nested=1";
	m->wish.kvm.n = 2;
	words_are(m, "passthru.boot=1 kvm.nested=1 modprobe.blacklist=nouveau,radeon");
	kvm[1] = "kvm.nested=0";
	machine_says(m, plan(m), "kvm.nested=1 and kvm.nested=0 are both asked for");
	assert_int_equal(m->e.kind, ERR_USAGE);
	m->wish.kvm.n = 1;
	drivers[1] = "nouveau";
	kvm[0] = "kvm.x=1";
	words_are(m, "passthru.boot=1 kvm.x=1 modprobe.blacklist=nouveau");
	drivers[1] = "radeon";
	kvm[0] = "quiet";
	machine_says(m, plan(m), "'quiet' is no option of kvm");
	m->wish.kvm.n = 0;
	drivers[1] = "vfio-pci";
	machine_says(m, plan(m), "vfio-pci is what gives the devices to guests");
	drivers[1] = "a b";
	machine_says(m, plan(m), "'a b' is no name of a driver");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_iommu, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_iommu_unreadable, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_iommu_again, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_pages, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_processors, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_processors_of_an_old_kernel, start,
						machine_stop),
		cmocka_unit_test_setup_teardown(test_modules, start, machine_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
