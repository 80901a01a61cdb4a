// SPDX-License-Identifier: MIT
// Whether QEMU can use KVM here and now, for this user: it opens this device itself, by this name,
// and asks the same question. It is a door and no fact of the host, so it is not read through the
// root. See the kernel's Documentation/virt/kvm/api.rst, KVM_GET_API_VERSION.

#include "vm/vm.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

bool vm_has_kvm(void)
{
	CLEANUP_CLOSE int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	return fd >= 0 && ioctl(fd, KVM_GET_API_VERSION, 0) == KVM_API_VERSION;
}
