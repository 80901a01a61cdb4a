// SPDX-License-Identifier: MIT
// The file of reserved functions, and the ways and configuration space that a hostile sysfs may
// hold.

#include "reserve/reserve.h"
#include "tests/fuzz/target.h"

#include <errno.h>
#include <string.h>

static struct reserve_record records[RESERVE_MAX];
static struct reserve_problem problems[8];
static char text[RESERVE_BYTES_MAX];

/* What was read can be written, and is then read as the same. */
static void check_trip(const struct reserve_file *file)
{
	static struct reserve_record again[RESERVE_MAX];
	struct reserve_file second = { .records = again };
	long n = reserve_write(file->records, file->n_records, text, sizeof(text));

	HOLDS(n > 0);
	HOLDS(reserve_parse(text, (size_t)n, &second) == 0);
	HOLDS(second.n_records == file->n_records);
	for (size_t i = 0; i < second.n_records; i++) {
		again[i].line = file->records[i].line;
		HOLDS(memcmp(&again[i], &file->records[i], sizeof(again[i])) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct reserve_file file = { .records = records,
				     .problems = problems,
				     .max_problems = ARRAY_SIZE(problems) };
	char slot[RESERVE_SLOT_MAX];
	uint64_t serial;
	int error = reserve_parse((const char *)data, n, &file);

	HOLDS(error == 0 || error == -EPROTONOSUPPORT);
	HOLDS(error == 0 || file.n_records == 0);
	if (error == 0)
		check_trip(&file);
	(void)reserve_serial(data, n, &serial);
	char *path = strndup((const char *)data, n);
	HOLDS(path);
	HOLDS(!reserve_slot(path, slot) || reserve_is_slot(slot));
	(void)reserve_is_slot(path);
	free(path);
	return 0;
}
