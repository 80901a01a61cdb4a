// SPDX-License-Identifier: MIT
// Opens a device through VFIO as a VMM does, step by step, and says which step the kernel refuses.
// The order is that of Documentation/driver-api/vfio.rst, "VFIO Usage Example".
//
// usage: vfio_open ADDRESS [SECONDS [alone]]   keeps it open for so long; alone: the device only,
// as one who got its descriptor from another process, so that no link in /proc/PID/fd names a node
// of VFIO prints: "opened ADDRESS", or "STEP: NAME OF THE ERROR" with status 1

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int refused(const char *step, const char *why)
{
	printf("%s: %s\n", step, why);
	return 1;
}

static const char *name_of_error(void)
{
	const char *name = strerrorname_np(errno);

	return name ? name : "an error without a name";
}

/* "/dev/vfio/7": the node of the device's group. */
static int group_node(const char *address, char *ret, size_t size)
{
	char path[PATH_MAX], target[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", address);
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return -1;
	target[n] = '\0';
	snprintf(ret, size, "/dev/vfio/%s", strrchr(target, '/') + 1);
	return 0;
}

static int open_device(int container, int group, const char *address, unsigned seconds, int alone)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };

	if (ioctl(container, VFIO_GET_API_VERSION) != VFIO_API_VERSION)
		return refused("VFIO_GET_API_VERSION", "another version");
	if (ioctl(container, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) != 1)
		return refused("VFIO_CHECK_EXTENSION", "no TYPE1v2");
	if (ioctl(group, VFIO_GROUP_GET_STATUS, &status) < 0)
		return refused("VFIO_GROUP_GET_STATUS", name_of_error());
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		return refused("VFIO_GROUP_GET_STATUS", "not viable");
	if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) < 0)
		return refused("VFIO_GROUP_SET_CONTAINER", name_of_error());
	if (ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) < 0)
		return refused("VFIO_SET_IOMMU", name_of_error());
	int device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, address);
	if (device < 0)
		return refused("VFIO_GROUP_GET_DEVICE_FD", name_of_error());
	if (alone) {
		close(group);
		close(container);
	}
	printf("opened %s\n", address);
	fflush(stdout);
	sleep(seconds);
	close(device);
	return 0;
}

int main(int argc, char **argv)
{
	char node[PATH_MAX + 16];

	if (argc < 2 || argc > 4)
		return 2;
	if (group_node(argv[1], node, sizeof(node)) < 0)
		return refused("iommu_group", name_of_error());
	int container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (container < 0)
		return refused("/dev/vfio/vfio", name_of_error());
	int group = open(node, O_RDWR | O_CLOEXEC);
	if (group < 0)
		return refused("/dev/vfio/GROUP", name_of_error());
	return open_device(container, group, argv[1], argc > 2 ? (unsigned)atoi(argv[2]) : 0,
			   argc > 3);
}
