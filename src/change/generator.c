// SPDX-License-Identifier: MIT
// The commands of a change: generators, which take minutes and must not be cut short.
//
// Each gets a process group of its own, so that Ctrl-C reaches us and not it, the signals as they
// were before we held ours back, and the descriptor of the lock: flock(2) belongs to the open file,
// so while a generator lives that outlived us, nobody else begins. What it says goes into memory
// and not into a pipe, whose end would kill it when we are killed.

#include "base/text.h"
#include "change/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAID_MAX 4096
#define LOOK_AGAIN_MS 5

extern char **environ;

static const int held[] = { SIGINT, SIGTERM, SIGHUP };

void generator_hold_signals(sigset_t *ret_before)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(held); i++)
		sigaddset(&set, held[i]);
	sigprocmask(SIG_BLOCK, &set, ret_before);
}

bool generator_interrupted(void)
{
	sigset_t set;

	sigpending(&set);
	for (size_t i = 0; i < ARRAY_SIZE(held); i++) {
		if (sigismember(&set, held[i]))
			return true;
	}
	return false;
}

/*
 * The PATH of whoever became root with "su", or of cron, has no directories of system programs, and
 * generators leave out what they do not find: grub-mkconfig the entries of other systems.
 */
static const char *search_path(struct arena *a)
{
	static const char *const usual[] = { "usr/local/sbin", "usr/local/bin", "usr/sbin",
					     "usr/bin",        "sbin",          "bin" };
	const char *path = getenv("PATH");

	path = path ? path : "";
	for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
		if (!strstr(arena_printf(a, ":%s:", path), arena_printf(a, ":/%s:", usual[i])))
			path = arena_printf(a, "%s%s/%s", path, *path ? ":" : "", usual[i]);
	}
	return path;
}

/* Where it is in @path, whose empty part is the working directory, which is never meant here. */
static const char *program_in(struct arena *a, const char *path, const char *name)
{
	if (strchr(name, '/'))
		return name;
	for (size_t n; *path; path += n + (path[n] == ':')) {
		n = strcspn(path, ":");
		const char *program = arena_printf(a, "%.*s/%s", (int)n, path, name);

		if (*path == '/' && faccessat(AT_FDCWD, program, X_OK, AT_EACCESS) == 0)
			return program;
	}
	return NULL;
}

/* lvm, which grub-probe asks, complains about every descriptor that it did not open itself. */
static char **environment_with(struct arena *a, const char *path)
{
	size_t n = 0, kept = 0;

	while (environ && environ[n])
		n++;
	char **copy = arena_array(a, n + 3, sizeof(*copy));
	for (size_t i = 0; i < n; i++) {
		if (!str_starts(environ[i], "PATH="))
			copy[kept++] = environ[i];
	}
	copy[kept++] = arena_printf(a, "PATH=%s", path);
	copy[kept] = arena_strdup(a, "LVM_SUPPRESS_FD_WARNINGS=1");
	return copy;
}

static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, defaults;

	sigemptyset(&none);
	sigfillset(&defaults);
	sigdelset(&defaults, SIGKILL);
	sigdelset(&defaults, SIGSTOP);
	int error = -posix_spawnattr_setflags(
		attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (error == 0)
		error = -posix_spawnattr_setsigmask(attributes, &none);
	return error < 0 ? error : -posix_spawnattr_setsigdefault(attributes, &defaults);
}

static int set_files(posix_spawn_file_actions_t *files, int output, int lock_fd)
{
	int error =
		-posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (error == 0)
		error = -posix_spawn_file_actions_adddup2(files, output, STDOUT_FILENO);
	if (error == 0)
		error = -posix_spawn_file_actions_adddup2(files, output, STDERR_FILENO);
	/* onto itself: stays open over exec */
	return error < 0 ? error : -posix_spawn_file_actions_adddup2(files, lock_fd, lock_fd);
}

static int start(struct arena *a, const char *const *argv, int output, int lock_fd, pid_t *ret)
{
	const char *path = search_path(a), *program = program_in(a, path, argv[0]);
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	char *const *arguments;

	if (!program)
		return -ENOENT;
	int error = -posix_spawn_file_actions_init(&files);
	if (error < 0)
		return error;
	error = -posix_spawnattr_init(&attributes);
	if (error == 0) {
		error = set_files(&files, output, lock_fd);
		if (error == 0)
			error = set_attributes(&attributes);
		/* posix_spawn() promises not to change what it takes without const */
		memcpy(&arguments, &argv, sizeof(arguments));
		if (error == 0)
			error = -posix_spawn(ret, program, &files, &attributes, arguments,
					     environment_with(a, path));
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&files);
	return error;
}

static int wait_within(pid_t pid, int *ret_status)
{
	static const struct timespec pause = { .tv_nsec = LOOK_AGAIN_MS * 1000000L };
	struct timespec begin, now;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (;;) {
		pid_t ended = waitpid(pid, ret_status, WNOHANG);

		if (ended == pid)
			return 0;
		if (ended < 0 && errno != EINTR)
			return -errno;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec - begin.tv_sec > CHANGE_COMMAND_LIMIT_S) {
			kill(-pid, SIGKILL);
			while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
				;
			return -ETIMEDOUT;
		}
		nanosleep(&pause, NULL);
	}
}

/* The last line that it said, or "". */
static const char *last_line(struct arena *a, int output)
{
	char text[SAID_MAX + 1];
	struct stat st;

	if (fstat(output, &st) < 0)
		return "";
	off_t from = st.st_size > SAID_MAX ? st.st_size - SAID_MAX : 0;
	ssize_t n = pread(output, text, SAID_MAX, from);
	if (n <= 0)
		return "";
	const char *said = text_trimmed(a, (struct bytes){ text, (size_t)n });
	const char *newline = strrchr(said, '\n');
	const char *line = newline ? newline + 1 : said;
	/* a sentence has room for no more */
	return arena_strndup(a, line, strnlen(line, 300));
}

int generator_run(const char *const *argv, int lock_fd, struct err *e)
{
	CLEANUP_ARENA struct arena a = { 0 };
	int status;
	pid_t pid;

	CLEANUP_CLOSE int output = memfd_create("output", MFD_CLOEXEC);
	if (output < 0)
		return err_io(e, -errno, "running %s", argv[0]);
	int error = start(&a, argv, output, lock_fd, &pid);
	if (error < 0)
		return err_io(e, error, "running %s", argv[0]);
	error = wait_within(pid, &status);
	if (error == -ETIMEDOUT)
		return err_fail(e, error, "%s has not come to an end within %d minutes", argv[0],
				CHANGE_COMMAND_LIMIT_S / 60);
	if (error < 0)
		return err_io(e, error, "waiting for %s", argv[0]);
	const char *said = last_line(&a, output);
	if (WIFSIGNALED(status))
		return err_fail(e, -EIO, "%s was ended by signal %d", argv[0], WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return err_fail(e, -EIO, "%s ended with status %d%s%s", argv[0],
				WEXITSTATUS(status), *said ? " and says: " : "", said);
	return 0;
}
