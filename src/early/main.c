// SPDX-License-Identifier: MIT
// passthru-early [DIRECTORY]: see passthru-early(8). Whatever happens its status is 0, because some
// generator's script may stop at another one, and a boot that stops is worse than any device lost.

#include "early/early.h"

#include <fcntl.h>
#include <signal.h>

/* A driver lets go in milliseconds; those that reset hardware before take a second or two. */
#define ONE_MS 5000
#define ALL_MS 15000

int main(int argc, char **argv)
{
	int root = open(argc > 1 ? argv[1] : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct early_limits limits = { .one_ms = ONE_MS, .all_ms = ALL_MS };

	signal(SIGPIPE, SIG_IGN);
	if (root >= 0)
		early_run(root, &early_kernel_real, limits, STDOUT_FILENO);
	return 0;
}
