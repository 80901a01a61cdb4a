/* SPDX-License-Identifier: MIT */
/*
 * A guest on QEMU: its argument vector from a description, its process, its
 * console and its monitor (QMP, a connected socket pair: no name in any file
 * system). Nothing is run through a shell.
 *
 * Sources: QEMU's docs/pcie.txt (root ports, multifunction), docs/interop/qmp-spec.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vm_function {
	const char *host_address; /* "0000:01:00.0" */
	const char *slot;         /* functions with the same text share a slot of the guest */
	unsigned function;        /* its function number on the host */
};

struct vm_config {
	/* program, looked up in PATH when it has no slash; NULL: qemu-system-x86_64 */
	const char *qemu;
	bool kvm; /* accelerator: kvm, else tcg */
	uint64_t memory_bytes;
	unsigned cpus;
	const char *kernel; /* or NULL */
	const char *initrd; /* these two only with a kernel */
	const char *append;
	/* regular files or block devices; raw, or qcow2 when the name ends so */
	const char *const *disks;
	size_t n_disks;
	const struct vm_function *functions;
	size_t n_functions;
};

struct vm_command {
	char **argv; /* NULL ends it */
	size_t n;
};

/* Descriptors that QEMU inherits under these numbers: sockets that vm_run() connects. */
enum { VM_FD_QMP = 3, VM_FD_CONSOLE = 4 };

/*
 * The argument vector. Devices and disks are given as JSON (QEMU >= 6.2), so that no name needs
 * quoting. Every slot and every disk stands behind a root port of its own: first the slots in the
 * order of @config->functions, then the disks. Reads the first bytes of the disks, changes nothing.
 *
 * -EINVAL with a sentence for a file that does not exist, a disk whose content contradicts its
 * name, functions that cannot share a slot, or more slots than the machine has ports.
 */
MUST_CHECK int vm_command(struct arena *a, const struct vm_config *config, struct vm_command *ret,
			  struct err *e);

/* The command as lines for a shell, one option each. */
const char *vm_command_text(struct arena *a, const struct vm_command *command);

/*
 * Starts the guest, connects its first serial port to standard input and output, and returns when
 * it has ended. While it runs:
 *   - a terminal on standard input is raw, but for Ctrl-C
 *   - SIGINT, SIGTERM, SIGHUP and SIGQUIT ask the guest to power down, as does a standard output
 *     that nobody reads any more; again, or 30 seconds, end QEMU; 5 seconds more kill it
 *   - the end of standard input is none of the guest
 *   - when this process is killed, QEMU ends too
 * A guest that reboots ends.
 *
 * @ret_status: exit status of QEMU, 0 whenever this function returns 0.
 * Errors, with the last message of QEMU in the sentence: -ENOENT QEMU not found; -EIO it ended with
 * another status than 0, was killed by a signal, or stopped the guest for an error; -ETIMEDOUT it
 * had to be killed; -EINTR ended by a signal before the guest ran; -EPROTO its monitor speaks no
 * QMP; -EINVAL standard output is closed.
 */
MUST_CHECK int vm_run(const struct vm_command *command, int *ret_status, struct err *e);

/* Whether this user can run guests with KVM here: what @kvm of the configuration may be. */
bool vm_has_kvm(void);

/*
 * "512M", "4G", "4GiB", "1048576": bytes; bare numbers are MiB as in QEMU, letters K M G T in
 * either case, "B" for bytes. -EINVAL otherwise, and for 0 and what does not fit.
 */
MUST_CHECK int vm_parse_memory(const char *text, uint64_t *ret_bytes);

/* Whether this process may use KVM. */
bool vm_has_kvm(void);
