// SPDX-License-Identifier: MIT
// One load from a device that may not be there. The kernel cannot serve a fault on a BAR whose
// memory decoding is off, that is asleep or was removed (vfio_pci_mmap_fault() in
// drivers/vfio/pci/vfio_pci_core.c), and a poisoned read ends the same way: SIGBUS, raised by the
// load itself and therefore on this thread.
//
// It is caught in this process, for this load only. A child would take the descriptors and the
// memory mapped for DMA with it: on older kernels fork() moves pages away from under the IOMMU, and
// a child that hangs in the load would keep the device when we are gone. Copying through a system
// call (EFAULT instead of a signal) would leave the width of the access to the kernel's memcpy, and
// registers want exactly one access of 32 bits.

#include "vfio/internal.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>

/* volatile: the handler reads them in the middle of the load */
static _Thread_local sigjmp_buf *volatile guarded;
static _Thread_local const volatile void *volatile guarded_address;

static void on_bus_error(int signal_number, siginfo_t *info, void *context)
{
	(void)context;
	if (guarded && info->si_code > 0 &&
	    info->si_addr == (const void *)(uintptr_t)guarded_address)
		siglongjmp(*guarded, 1);
	/* not ours: back to what it does without us; a fault comes again at once */
	signal(signal_number, SIG_DFL);
	if (info->si_code <= 0)
		raise(signal_number);
}

int vfio_load32(const volatile void *address, uint32_t *ret)
{
	struct sigaction action = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO };
	struct sigaction before;
	sigjmp_buf back;
	int error = 0;

	sigemptyset(&action.sa_mask);
	if (sigaction(SIGBUS, &action, &before) < 0)
		return -errno;
	/* with the signal mask, in which the handler has blocked SIGBUS */
	if (sigsetjmp(back, 1) == 0) {
		guarded_address = address;
		guarded = &back;
		*ret = *(const volatile uint32_t *)address;
	} else {
		error = -EFAULT;
	}
	guarded = NULL;
	(void)sigaction(SIGBUS, &before, NULL); /* what was there a moment ago is valid */
	return error;
}
