// SPDX-License-Identifier: MIT
// The least that a handover can cost: for each function the writes that the kernel needs (override,
// unbind, probe) and nothing besides. No function is looked at, nothing is recorded, no error is
// survived. What `passthru bind` and `release` are held against.
//
// usage: bare_handover bind|release ADDRESS...

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0) {
		perror(path);
		exit(1);
	}
	close(fd);
}

int main(int argc, char **argv)
{
	char path[128];

	if (argc < 3)
		return 2;
	const char *override = strcmp(argv[1], "bind") == 0 ? "vfio-pci" : "\n";
	for (int i = 2; i < argc; i++) {
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver_override", argv[i]);
		write_to(path, override);
	}
	for (int i = 2; i < argc; i++) {
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver/unbind", argv[i]);
		write_to(path, argv[i]);
		write_to("/sys/bus/pci/drivers_probe", argv[i]);
	}
	return 0;
}
