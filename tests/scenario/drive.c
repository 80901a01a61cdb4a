// SPDX-License-Identifier: MIT
// The plan of tests/scenario/formats.h, on a tree at a place that another program has made.
//
// usage: drive make|apply|undo|frozen DIR
//
// "frozen" is killed while it has frozen the file system of DIR: that is thawed all the same, by
// the process that it has for that.

#include "tests/scenario/formats.h"

/*
 * As many names as a /boot has: XFS keeps a directory of a few names in its inode, and for a moment
 * GRUB finds none of them when a new name turns it into one with blocks of its own.
 */
static void fill(struct machine *m)
{
	static const char *const kinds[] = { "config", "System.map", "vmlinuz", "symvers" };
	char name[128];

	for (size_t i = 0; i < 4 * ARRAY_SIZE(kinds); i++) {
		snprintf(name, sizeof(name), "boot/%s-6.%zu.0-124.8.1.el9_1.x86_64",
			 kinds[i % ARRAY_SIZE(kinds)], i);
		temporary_file(&m->t, name, "x\n");
		snprintf(name, sizeof(name), "boot/grub/fonts-of-a-good-length-%zu", i);
		temporary_file(&m->t, name, "x\n");
	}
}

static int apply_it(struct machine *m)
{
	unsigned number;

	return machine_apply(m, &number);
}

static int frozen(struct machine *m)
{
	struct trial trial = { .fate = FATE_FROZEN };

	formats_plan(m);
	run(m, apply_it, &trial);
	if (!trial.killed)
		return err_fail(&m->e, -EIO, "nothing was frozen");
	/* this waits for ever while it is frozen */
	pid_t child = fork();
	if (child == 0) {
		temporary_file(&m->t, "thawed", "x");
		_exit(0);
	}
	for (int i = 0; i < 200 && waitpid(child, NULL, WNOHANG) == 0; i++)
		usleep(100000);
	if (kill(child, 0) < 0)
		return machine_recover(m);
	int fd = open(m->t.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)!ioctl(fd, FITHAW, 0);
	close(fd);
	return err_fail(&m->e, -EIO, "it stays frozen");
}

static int say(struct machine *m, const char *what)
{
	fprintf(stderr, "%s: %s\n", what, m->e.text);
	return 1;
}

int main(int argc, char **argv)
{
	static struct machine m;
	unsigned number = 0;
	int error = 0;

	if (argc != 3)
		return 2;
	snprintf(m.t.path, sizeof(m.t.path), "%s", argv[2]);
	snprintf(m.script, sizeof(m.script), "%s/script", m.t.path);
	snprintf(m.top, sizeof(m.top), "%s", m.t.path);
	if (str_eq(argv[1], "make")) {
		formats_files(&m);
		fill(&m);
	}
	machine_open(&m);
	if (str_eq(argv[1], "apply")) {
		formats_plan(&m);
		error = machine_apply(&m, &number);
	} else if (str_eq(argv[1], "frozen")) {
		error = frozen(&m);
	} else if (str_eq(argv[1], "undo")) {
		error = machine_undo(&m, 0);
	}
	int answer = error < 0 ? say(&m, argv[1]) : 0;
	host_done(&m.host);
	return answer;
}
