/* SPDX-License-Identifier: MIT */
/* A host that systemd runs: the machine of uses.h, and the commands of tests/fake/systemd. */
#pragma once

#include "tests/unit/temporary.h"
#include "tests/unit/uses.h"

#include "base/text.h"
#include "handover/internal.h"

struct systemd {
	struct uses *uses;
	struct temporary directory;
	char *path; /* as it was before */
};

/* "<the tree's top>/tests/fake/systemd" from the name of this file */
static inline void systemd_commands(char *ret, size_t size)
{
	static const char own[] = "/tests/unit/systemd.h";
	const char *here = __FILE__;
	char *real = realpath(here, NULL);

	assert_non_null(real);
	snprintf(ret, size, "%.*s/tests/fake/systemd", (int)(strlen(real) - strlen(own)), real);
	free(real);
}

static inline int systemd_start(void **state)
{
	static struct systemd s;
	char commands[1024], path[4096];
	void *uses;

	s = (struct systemd){ 0 };
	uses_start(&uses);
	s.uses = uses;
	if (temporary_make(&s.directory) < 0)
		return -1;
	systemd_commands(commands, sizeof(commands));
	s.path = strdup(getenv("PATH"));
	snprintf(path, sizeof(path), "%s:%s", commands, s.path);
	setenv("PATH", path, 1);
	setenv("FAKE_SYSTEMD", s.directory.path, 1);
	fake_directory(&s.uses->k->tree, "run/systemd/system");
	fake_file(&s.uses->k->tree, "proc/self/cgroup",
		  "0::/user.slice/user-0.slice/session-3.scope\n");
	*state = &s;
	return 0;
}

static inline int systemd_stop(void **state)
{
	struct systemd *s = *state;
	void *uses = s->uses;

	setenv("PATH", s->path, 1);
	free(s->path);
	temporary_remove(&s->directory);
	return uses_stop(&uses);
}

/* A unit that is active and has a file, with these lines besides. */
static inline void systemd_unit(struct systemd *s, const char *unit, const char *lines)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "Id=%s\nActiveState=active\nFragmentPath=/etc/systemd/system/%s\n%s", unit, unit,
		 lines);
	temporary_file(&s->directory, unit, text);
}

/* What was asked of systemd, without `show`; empties it. */
static inline const char *systemd_log(struct systemd *s)
{
	static char text[4096];
	FILE *stream = fopen(temporary_path(&s->directory, "log"), "r");
	size_t n = 0;

	if (stream) {
		n = fread(text, 1, sizeof(text) - 1, stream);
		fclose(stream);
		remove(temporary_path(&s->directory, "log"));
	}
	text[n] = '\0';
	return text;
}

/* A new process, on a host that runs. */
static inline void systemd_read(struct systemd *s, const char *device, struct handover *ret)
{
	struct host *host = &s->uses->host;
	struct err e = { 0 };

	(void)uses_of(s->uses, device);
	host->root->live = true;
	assert_int_equal(handover_select(host, &device, 1, ret, &e), 0);
}
