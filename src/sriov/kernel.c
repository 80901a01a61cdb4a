// SPDX-License-Identifier: MIT
// The running kernel: netlink, and admin commands through the character device of an NVMe
// controller (uAPI linux/nvme_ioctl.h; nvme_user_cmd() of drivers/nvme/host/ioctl.c gives the
// drive's status as a positive result).

#include "sriov/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nvme_ioctl.h>
#include <stdio.h>
#include <sys/ioctl.h>

static int nvme_admin(const struct sriov_kernel *kernel, const char *controller,
		      struct nvme_passthru_cmd *command)
{
	char node[64];

	(void)kernel;
	if ((size_t)snprintf(node, sizeof(node), "dev/%s", controller) >= sizeof(node))
		return -ENAMETOOLONG;
	/* only the running host has a kernel, and its root is this one */
	CLEANUP_CLOSE int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_CLOSE int fd = root < 0 ? -1 : openat(root, node, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int status = ioctl(fd, NVME_IOCTL_ADMIN_CMD, command);
	return status < 0 ? -errno : status;
}

const struct sriov_kernel sriov_kernel_live = {
	.link_read = link_read,
	.link_set = link_set,
	.nvme_admin = nvme_admin,
};
