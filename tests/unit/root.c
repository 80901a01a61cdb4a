// SPDX-License-Identifier: MIT
// Files below one directory: nothing outside is reached whatever links say, nothing hangs or grows
// without bound, and files are replaced whole or not at all.

#include "base/root.h"
#include "base/root_dir.h"
#include "base/text.h"
#include "tests/unit/temporary.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

struct fixture {
	struct temporary t;
	struct root *root;
	struct arena a;
	struct err e;
};

static int start(void **state)
{
	static struct fixture f;

	f = (struct fixture){ 0 };
	*state = &f;
	/* a test that hangs ends here */
	alarm(120);
	return temporary_make(&f.t) || root_dir_open(f.t.path, false, &f.root, &f.e);
}

static int stop(void **state)
{
	struct fixture *f = *state;

	root_close(f->root);
	arena_free(&f->a);
	return temporary_remove(&f->t);
}

static const char *read_text(struct fixture *f, const char *path)
{
	struct bytes data;
	int error = root_read(f->root, &f->a, path, &data);

	if (error < 0)
		return arena_printf(&f->a, "%s", strerrorname_np(-error));
	assert_int_equal(data.data[data.n], 0);
	return data.data;
}

/* ---- reading ---- */

static void test_stays_inside(void **state)
{
	struct fixture *f = *state;

	temporary_file(&f->t, "etc/hostname", "inside");
	temporary_file(&f->t, "a/b/file", "here");
	temporary_link(&f->t, "absolute", "/etc/hostname");
	temporary_link(&f->t, "up", "../../../../../../../../etc/hostname");
	temporary_link(&f->t, "a/b/up", "../../../../../../../etc/hostname");
	temporary_link(&f->t, "a/directory", "/etc");
	temporary_link(&f->t, "a/top", "/");
	temporary_link(&f->t, "out", "/etc/no-such-file-here");
	temporary_link(&f->t, "root", "..");

	assert_string_equal(read_text(f, "etc/hostname"), "inside");
	assert_string_equal(read_text(f, "absolute"), "inside");
	assert_string_equal(read_text(f, "up"), "inside");
	assert_string_equal(read_text(f, "a/b/up"), "inside");
	assert_string_equal(read_text(f, "a/directory/hostname"), "inside");
	assert_string_equal(read_text(f, "a/top/a/top/etc/hostname"), "inside");
	assert_string_equal(read_text(f, "root/etc/hostname"), "inside");
	assert_string_equal(read_text(f, "../../../../etc/hostname"), "inside");
	assert_string_equal(read_text(f, "a/b/../../../../../etc/hostname"), "inside");
	assert_string_equal(read_text(f, "/etc/hostname"), "inside");
	assert_string_equal(read_text(f, "out"), "ENOENT");
	assert_string_equal(read_text(f, "etc/passwd"), "ENOENT");
	assert_string_equal(read_text(f, "a/directory/passwd"), "ENOENT");
}

/* The same for what a link says, also in a directory that was just looked into. */
static void test_links_stay_inside(void **state)
{
	struct fixture *f = *state;
	const char *target;

	temporary_link(&f->t, "etc/link", "inside");
	temporary_file(&f->t, "etc/hostname", "inside");
	temporary_link(&f->t, "a/directory", "/etc");
	temporary_link(&f->t, "proc/self", "inside");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(root_link(f->root, &f->a, "a/directory/link", &target), 0);
		assert_string_equal(target, "inside");
		assert_int_equal(root_link(f->root, &f->a, "../../etc/link", &target), 0);
		assert_string_equal(target, "inside");
		assert_string_equal(read_text(f, "/etc/hostname"), "inside");
		assert_int_equal(root_link(f->root, &f->a, "/etc/link", &target), 0);
		assert_string_equal(target, "inside");
		assert_int_equal(root_link(f->root, &f->a, "/proc/self", &target), 0);
		assert_string_equal(target, "inside");
	}
}

static void test_magic_links(void **state)
{
	struct fixture *f = *state;
	struct root *proc;
	struct bytes data;
	const char *target;

	/* what a link of proc names is no path: it would lead out of any root */
	if (root_dir_open("/proc/self", false, &proc, &f->e) < 0)
		skip();
	assert_int_equal(root_read(proc, &f->a, "exe", &data), -ELOOP);
	assert_int_equal(root_read(proc, &f->a, "root/etc/passwd", &data), -ELOOP);
	assert_int_equal(root_link(proc, &f->a, "exe", &target), 0);
	root_close(proc);
}

static void test_errors(void **state)
{
	struct fixture *f = *state;
	const char *target;
	struct names names;

	temporary_file(&f->t, "file", "x");
	temporary_file(&f->t, "folder/file", "x");
	temporary_link(&f->t, "one", "two");
	temporary_link(&f->t, "two", "one");
	temporary_link(&f->t, "itself/x", "x");
	assert_string_equal(read_text(f, "nothing"), "ENOENT");
	assert_string_equal(read_text(f, "no/thing"), "ENOENT");
	assert_string_equal(read_text(f, "file/x"), "ENOTDIR");
	assert_string_equal(read_text(f, "folder"), "EISDIR");
	assert_string_equal(read_text(f, "one"), "ELOOP");
	assert_string_equal(read_text(f, "one/x"), "ELOOP");
	assert_string_equal(read_text(f, "itself/x"), "ELOOP");
	assert_int_equal(root_link(f->root, &f->a, "nothing", &target), -ENOENT);
	assert_int_equal(root_link(f->root, &f->a, "file", &target), -EINVAL);
	assert_int_equal(root_link(f->root, &f->a, "folder/file", &target), -EINVAL);
	assert_int_equal(root_link(f->root, &f->a, "folder", &target), -EINVAL);
	assert_int_equal(root_link(f->root, &f->a, "one", &target), 0);
	assert_string_equal(target, "two");
	assert_int_equal(root_list(f->root, &f->a, "file", &names), -ENOTDIR);
	assert_int_equal(root_list(f->root, &f->a, "nothing", &names), -ENOENT);

	assert_int_equal(chmod(temporary_path(&f->t, "file"), 0), 0);
	if (geteuid() != 0)
		assert_string_equal(read_text(f, "file"), "EACCES");
}

static void test_fifo(void **state)
{
	struct fixture *f = *state;
	struct bytes data;

	assert_int_equal(mkfifo(temporary_path(&f->t, "fifo"), 0644), 0);
	temporary_link(&f->t, "to-fifo", "fifo");
	/* nobody writes: what counts is that it comes back */
	(void)!root_read(f->root, &f->a, "fifo", &data);
	(void)!root_read(f->root, &f->a, "to-fifo", &data);
}

static void test_large(void **state)
{
	static const size_t sizes[] = {
		0, 1, 4095, 4096, 4097, 65535, 65536, 65537, 131072, 200000
	};
	struct fixture *f = *state;
	struct bytes data;
	char *content = arena_alloc(&f->a, 200000);

	for (size_t i = 0; i < 50000; i++)
		content[i] = (char)(i * 31 % 251);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t n = sizes[i];

		temporary_bytes(&f->t, "file", content, n);
		assert_int_equal(root_read_max(f->root, &f->a, "file", n, &data), 0);
		assert_int_equal(data.n, n);
		assert_memory_equal(data.data, content, n);
		assert_int_equal(data.data[n], 0);
		if (n)
			assert_int_equal(root_read_max(f->root, &f->a, "file", n - 1, &data),
					 -EFBIG);
		assert_int_equal(root_read(f->root, &f->a, "file", &data),
				 n > ROOT_READ_MAX ? -EFBIG : 0);
	}
}

/* A file of proc answers in pieces that are shorter than what was asked for. */
static void test_short_reads(void **state)
{
	struct fixture *f = *state;
	struct root *live;
	struct bytes data;

	for (size_t i = 0; i < 400; i++) {
		void *page = mmap(NULL, 4096, i % 2 ? PROT_READ : PROT_NONE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert_ptr_not_equal(page, MAP_FAILED);
	}
	assert_int_equal(root_open_live(&live, &f->e), 0);
	assert_true(root_is_live(live));
	assert_int_equal(root_read_max(live, &f->a, "proc/self/maps", 1 << 24, &data), 0);
	assert_true(data.n > 4 * 4096);
	assert_non_null(strstr(data.data, "[stack]"));
	root_close(live);
}

static void test_follow(void **state)
{
	struct fixture *f = *state;
	const char *path;

	temporary_link(&f->t, "bus/pci/devices/x", "../../../devices/pci0000:00/x");
	temporary_link(&f->t, "bus/abs", "/devices//./y/");
	temporary_link(&f->t, "bus/top", "../../../..");
	temporary_link(&f->t, "near", "x");
	assert_int_equal(root_follow(f->root, &f->a, "bus/pci/devices/x", &path), 0);
	assert_string_equal(path, "devices/pci0000:00/x");
	assert_int_equal(root_follow(f->root, &f->a, "bus/abs", &path), 0);
	assert_string_equal(path, "devices/y");
	assert_int_equal(root_follow(f->root, &f->a, "bus/top", &path), 0);
	assert_string_equal(path, "");
	assert_int_equal(root_follow(f->root, &f->a, "near", &path), 0);
	assert_string_equal(path, "x");
	assert_int_equal(root_follow(f->root, &f->a, "nothing", &path), -ENOENT);
	temporary_file(&f->t, "plain", "");
	assert_int_equal(root_follow(f->root, &f->a, "plain", &path), -EINVAL);
}

static void test_list(void **state)
{
	struct fixture *f = *state;
	struct names names;
	char name[32];

	assert_int_equal(root_list(f->root, &f->a, "", &names), 0);
	assert_int_equal(names.n, 0);
	for (int i = 299; i >= 0; i--) {
		snprintf(name, sizeof(name), "many/%03d", i);
		temporary_file(&f->t, name, "");
	}
	temporary_file(&f->t, "many/.hidden", "");
	temporary_file(&f->t, "many/\xff", "");
	assert_int_equal(root_list(f->root, &f->a, "many", &names), 0);
	assert_int_equal(names.n, 302);
	assert_string_equal(names.name[0], ".hidden");
	assert_string_equal(names.name[1], "000");
	assert_string_equal(names.name[300], "299");
	assert_string_equal(names.name[301], "\xff");
	temporary_link(&f->t, "link", "many");
	assert_int_equal(root_list(f->root, &f->a, "link", &names), 0);
	assert_int_equal(names.n, 302);
}

/* ---- changing ---- */

static void test_write(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(root_write(f->root, "new", "x"), -ENOENT);
	assert_string_equal(read_text(f, "new"), "ENOENT");
	temporary_file(&f->t, "folder/file", "before");
	assert_string_equal(read_text(f, "folder/file"), "before");
	assert_int_equal(root_write(f->root, "folder/file", "AFT"), 0);
	assert_string_equal(read_text(f, "folder/file"), "AFTore");
	assert_int_equal(root_write(f->root, "folder", "x"), -EISDIR);
}

static void test_replace(void **state)
{
	struct fixture *f = *state;
	struct names names;
	struct stat st;

	temporary_file(&f->t, "outside", "safe");
	temporary_file(&f->t, "folder/old", "old");
	temporary_link(&f->t, "folder/link", "../outside");
	assert_int_equal(mkdir(temporary_path(&f->t, "folder/directory"), 0755), 0);

	assert_int_equal(root_replace(f->root, "folder/new", "new", 3, 0640), 0);
	assert_string_equal(read_text(f, "folder/new"), "new");
	assert_int_equal(stat(temporary_path(&f->t, "folder/new"), &st), 0);
	assert_int_equal(st.st_mode & 07137, 0);
	assert_int_equal(root_replace(f->root, "folder/old", "", 0, 0644), 0);
	assert_string_equal(read_text(f, "folder/old"), "");
	/* the link is replaced, not what it names */
	assert_int_equal(root_replace(f->root, "folder/link", "new", 3, 0644), 0);
	assert_string_equal(read_text(f, "folder/link"), "new");
	assert_string_equal(read_text(f, "outside"), "safe");
	assert_int_equal(root_replace(f->root, "top", "new", 3, 0644), 0);
	assert_string_equal(read_text(f, "top"), "new");

	assert_int_equal(root_replace(f->root, "folder/directory", "x", 1, 0644), -EISDIR);
	assert_int_equal(root_replace(f->root, "nowhere/x", "x", 1, 0644), -ENOENT);
	assert_int_equal(root_list(f->root, &f->a, "folder", &names), 0);
	assert_int_equal(names.n, 4);
}

/* Someone who reads meanwhile sees the one or the other, whole. */
static void test_replace_is_atomic(void **state)
{
	struct fixture *f = *state;
	char text[5000];

	memset(text, 'a', sizeof(text));
	assert_int_equal(root_replace(f->root, "x/file", text, 1, 0644), -ENOENT);
	assert_int_equal(root_mkdir(f->root, "x", 0755), 0);
	assert_int_equal(root_replace(f->root, "x/file", text, sizeof(text), 0644), 0);
	pid_t writer = fork();
	if (writer == 0) {
		for (int i = 0; i < 100; i++) {
			memset(text, 'a' + i % 26, sizeof(text));
			if (root_replace(f->root, "x/file", text, sizeof(text), 0644) < 0)
				_exit(1);
		}
		_exit(0);
	}
	int status = 0;
	while (waitpid(writer, &status, WNOHANG) == 0) {
		struct bytes data;
		assert_int_equal(root_read(f->root, &f->a, "x/file", &data), 0);
		assert_int_equal(data.n, sizeof(text));
		for (size_t i = 1; i < data.n; i++)
			assert_int_equal(data.data[i], data.data[0]);
	}
	assert_int_equal(status, 0);
}

static void test_remove_and_mkdir(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(root_mkdir(f->root, "x", 0755), 0);
	assert_int_equal(root_mkdir(f->root, "x", 0755), 0);
	assert_int_equal(root_mkdir(f->root, "y/z", 0755), -ENOENT);
	temporary_file(&f->t, "x/file", "text");
	assert_string_equal(read_text(f, "x/file"), "text");
	assert_int_equal(root_remove(f->root, "x"), -ENOTEMPTY);
	assert_int_equal(root_remove(f->root, "x/file"), 0);
	assert_int_equal(root_remove(f->root, "x/file"), -ENOENT);
	assert_string_equal(read_text(f, "x/file"), "ENOENT");
	assert_int_equal(root_remove(f->root, "x"), 0);
	/* another directory of that name is another one */
	assert_int_equal(root_mkdir(f->root, "x", 0755), 0);
	temporary_file(&f->t, "x/file", "again");
	assert_string_equal(read_text(f, "x/file"), "again");

	temporary_file(&f->t, "kept", "text");
	temporary_link(&f->t, "link", "kept");
	assert_int_equal(root_remove(f->root, "link"), 0);
	assert_string_equal(read_text(f, "kept"), "text");
}

static void test_lock(void **state)
{
	struct fixture *f = *state;
	int first, second;

	assert_int_equal(root_lock(f->root, "lock", "", &first), 0);
	assert_int_equal(root_lock(f->root, "lock", "", &second), -EWOULDBLOCK);
	pid_t child = fork();
	if (child == 0) {
		close(first);
		_exit(root_lock(f->root, "lock", "", &second) == -EWOULDBLOCK ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(first);
	assert_int_equal(root_lock(f->root, "lock", "", &second), 0);
	close(second);
	assert_int_equal(root_lock(f->root, "no/lock", "", &second), -ENOENT);
	temporary_file(&f->t, "elsewhere", "");
	temporary_link(&f->t, "link", "elsewhere");
	assert_int_equal(root_lock(f->root, "link", "", &second), -ELOOP);
}

/* openat2() gives EAGAIN on ".." while something is renamed anywhere; nobody may notice. */
static void test_renames_elsewhere(void **state)
{
	struct fixture *f = *state;
	char one[1024], two[1024];

	temporary_file(&f->t, "devices/x/file", "text");
	temporary_link(&f->t, "bus/pci/x", "../../devices/x");
	temporary_file(&f->t, "one", "");
	snprintf(one, sizeof(one), "%s", temporary_path(&f->t, "one"));
	snprintf(two, sizeof(two), "%s", temporary_path(&f->t, "two"));
	pid_t child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			rename(one, two);
			rename(two, one);
		}
	}
	for (int i = 0; i < 5000; i++) {
		struct bytes data;
		assert_int_equal(root_read(f->root, &f->a, "bus/pci/x/file", &data), 0);
		/* so that the directory of the first is looked up each time */
		assert_int_equal(root_read(f->root, &f->a, "devices/x/../x/file", &data), 0);
		if (i % 1000 == 0)
			arena_free(&f->a);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void test_open(void **state)
{
	struct fixture *f = *state;
	struct root *root;

	assert_int_equal(root_open("/no/such/place", &root, &f->e), -ENOENT);
	assert_string_equal(f->e.text, "opening root /no/such/place: No such file or directory");
	assert_int_equal(mkfifo(temporary_path(&f->t, "fifo"), 0644), 0);
	assert_int_equal(root_open(temporary_path(&f->t, "fifo"), &root, &f->e), -EINVAL);
	assert_int_equal(root_open(f->t.path, &root, &f->e), 0);
	assert_false(root_is_live(root));
	root_close(root);
	root_close(NULL);
}

/* ---- old kernels ---- */

/* As before Linux 5.6. Exits with what failed. */
static void without_openat2(struct fixture *f)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { ARRAY_SIZE(filter), filter };
	struct root *root = NULL;
	struct err e = { 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(0);
	if (root_dir_open(f->t.path, false, &root, &e) != -ENOSYS)
		_exit(1);
	if (!strstr(e.text, "Linux 5.6") ||
	    !strstr(e.text, arena_printf(&f->a, "chroot %s", f->t.path)))
		_exit(2);
	_exit(root_dir_open("/", true, &root, &e) < 0 ? 3 : 0);
}

static void test_old_kernel(void **state)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		without_openat2(*state);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(stays_inside),
		TEST(links_stay_inside),
		TEST(magic_links),
		TEST(errors),
		TEST(fifo),
		TEST(large),
		TEST(short_reads),
		TEST(follow),
		TEST(list),
		TEST(write),
		TEST(replace),
		TEST(replace_is_atomic),
		TEST(remove_and_mkdir),
		TEST(lock),
		TEST(renames_elsewhere),
		TEST(open),
		TEST(old_kernel),
	};

	return cmocka_run_group_tests_name("root", tests, NULL, NULL);
}
