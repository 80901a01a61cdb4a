// SPDX-License-Identifier: MIT
// Virtualization management of an NVMe drive: which controllers it has, and their queues and
// interrupts. NVM Express Base Specification 1.4: 5.15.2 (identify data CNS 01h, 14h and 15h), 5.22
// (virtualization management), 8.5. All numbers are little-endian.

#include "base/text.h"
#include "sriov/internal.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/nvme_ioctl.h>

#define IDENTIFY 0x06
#define VIRTUALIZATION 0x1c
#define DATA_BYTES 4096
#define LIMIT_MS 10000

/* identify data */
#define CNS_CONTROLLER 0x01
#define CNS_PRIMARY 0x14
#define CNS_SECONDARY 0x15

/* optional admin commands, of the controller's data */
#define OACS 256
#define OACS_VIRTUALIZATION 0x80

/* of the primary controller's capabilities: which kinds, and where each begins */
#define CRT 4
#define CRT_QUEUES 0x01
#define CRT_VECTORS 0x02
#define QUEUES 32
#define VECTORS 64

#define ENTRY_BYTES 32
#define ENTRIES_MAX 127

enum action { ACTION_KEEP = 0x1, ACTION_OFFLINE = 0x7, ACTION_ASSIGN = 0x8, ACTION_ONLINE = 0x9 };

static uint16_t word(const uint8_t *at)
{
	return (uint16_t)(at[0] | at[1] << 8);
}

static uint32_t long_word(const uint8_t *at)
{
	return word(at) | (uint32_t)word(at + 2) << 16;
}

/* ---- what the drive says about itself ---- */

static int identify(struct sriov *s, uint8_t cns, uint16_t controller, uint8_t data[DATA_BYTES])
{
	struct nvme_passthru_cmd command = {
		.opcode = IDENTIFY,
		.addr = (uintptr_t)data,
		.data_len = DATA_BYTES,
		.cdw10 = cns | (uint32_t)controller << 16,
		.timeout_ms = LIMIT_MS,
	};

	memset(data, 0, DATA_BYTES);
	int status = s->kernel->nvme_admin(s->kernel, s->nvme.controller, &command);
	return status > 0 ? -EREMOTEIO : status;
}

static void decode_resource(const uint8_t *at, bool flexible, struct nvme_resource *ret)
{
	*ret = (struct nvme_resource){
		.flexible = flexible,
		.total = long_word(at),
		.assigned = long_word(at + 4),
		.primary = word(at + 8),
		.private = word(at + 10),
		.max = word(at + 12),
		.granularity = word(at + 14),
	};
}

static int read_secondaries(struct sriov *s, uint8_t data[DATA_BYTES])
{
	struct nvme_virtualization *nvme = &s->nvme;
	uint16_t from = 0;

	/* a page of the list holds 127 of them, each page begins where the last one ended */
	for (size_t size = 0;; size += ENTRIES_MAX) {
		int error = identify(s, CNS_SECONDARY, from, data);
		size_t n = data[0] < ENTRIES_MAX ? data[0] : ENTRIES_MAX;

		if (error < 0 || n == 0)
			return error;
		struct nvme_secondary *all =
			arena_array(&s->host->arena, size + ENTRIES_MAX, sizeof(*all));
		if (nvme->n)
			memcpy(all, nvme->secondary, nvme->n * sizeof(*all));
		nvme->secondary = all;
		for (size_t i = 0; i < n; i++) {
			const uint8_t *at = data + ENTRY_BYTES * (i + 1);

			if (word(at) < from)
				return -EBADMSG; /* or this would not end */
			from = word(at);
			all[nvme->n++] = (struct nvme_secondary){
				.id = word(at),
				.primary = word(at + 2),
				.online = at[4] & 1,
				.vf = word(at + 8),
				.queues = word(at + 10),
				.vectors = word(at + 12),
			};
		}
		if (n < ENTRIES_MAX || from == UINT16_MAX)
			return 0;
		from++;
	}
}

static int read_drive(struct sriov *s)
{
	uint8_t *data = arena_alloc(&s->host->arena, DATA_BYTES);
	struct nvme_virtualization *nvme = &s->nvme;
	int error = identify(s, CNS_CONTROLLER, 0, data);

	if (error < 0)
		return error;
	bool says_so = word(data + OACS) & OACS_VIRTUALIZATION;
	error = identify(s, CNS_PRIMARY, nvme->id, data);
	/* QEMU's drive has it and does not say so, so the answer counts */
	if (!says_so &&
	    (error == -EREMOTEIO || (error == 0 && !(data[CRT] & (CRT_QUEUES | CRT_VECTORS)))))
		return -EOPNOTSUPP;
	if (error < 0)
		return error;
	decode_resource(data + QUEUES, data[CRT] & CRT_QUEUES, &nvme->queues);
	decode_resource(data + VECTORS, data[CRT] & CRT_VECTORS, &nvme->vectors);
	nvme->n = 0;
	return read_secondaries(s, data);
}

static const char *find_controller(struct sriov *s)
{
	struct names names;

	if (root_list(s->host->root, &s->host->arena, sriov_path(s, "nvme"), &names) < 0)
		return NULL;
	for (size_t i = 0; i < names.n; i++) {
		if (str_starts(names.name[i], "nvme"))
			return names.name[i];
	}
	return NULL;
}

void nvme_read(struct sriov *s)
{
	struct arena *a = &s->host->arena;
	struct bytes text;
	uint64_t id;

	s->nvme = (struct nvme_virtualization){ .controller = find_controller(s) };
	if (!s->nvme.controller) {
		s->nvme.error = -ENOENT;
		return;
	}
	const char *path =
		arena_printf(a, "%s/%s/cntlid", sriov_path(s, "nvme"), s->nvme.controller);
	s->nvme.error = root_read(s->host->root, a, path, &text);
	if (s->nvme.error == 0 && text_number(text_trimmed(a, text), 10, UINT16_MAX, &id) < 0)
		s->nvme.error = -EBADMSG;
	if (s->nvme.error == 0) {
		s->nvme.id = (uint16_t)id;
		s->nvme.error = s->kernel ? read_drive(s) : -ENODATA;
	}
}

/* ---- commands ---- */

/* Status of virtualization management, NVM Express 1.4, figure 227; type and code. */
static const char *status_text(int status)
{
	switch (status & 0x7ff) {
	case 0x001:
		return "the drive does not know this command";
	case 0x002:
		return "the drive does not accept a value in the command";
	case 0x11f:
		return "the drive has no such controller";
	case 0x120:
		return "the controller is in the wrong state for that: online, or without queues "
		       "and "
		       "interrupts";
	case 0x121:
		return "that is more than one controller can have";
	case 0x122:
		return "the drive has not that many left";
	default:
		return NULL;
	}
}

static int manage(struct sriov *s, enum action action, uint16_t id, bool vectors, unsigned n,
		  struct err *e, const char *what)
{
	struct nvme_passthru_cmd command = {
		.opcode = VIRTUALIZATION,
		.cdw10 = (uint32_t)action | (vectors ? 1u << 8 : 0) | (uint32_t)id << 16,
		.cdw11 = n,
		.timeout_ms = LIMIT_MS,
	};
	const char *drive = s->nvme.controller;
	int status = s->kernel->nvme_admin(s->kernel, drive, &command);

	if (status < 0)
		return err_io(e, status, "%s: %s", drive, what);
	if (status == 0)
		return 0;
	const char *text = status_text(status);
	return err_fail(e, -EREMOTEIO, "%s: %s: %s (status %#x)", drive, what,
			text ? text : "the drive refuses", (unsigned)status & 0x7ff);
}

static const char *kind_name(bool vectors)
{
	return vectors ? "interrupts" : "queues";
}

int nvme_assign(struct sriov *s, uint16_t id, bool vectors, unsigned n, struct err *e)
{
	return manage(s, ACTION_ASSIGN, id, vectors, n, e,
		      arena_printf(&s->host->arena, "giving controller %u %u %s", id, n,
				   kind_name(vectors)));
}

int nvme_keep(struct sriov *s, bool vectors, unsigned n, struct err *e)
{
	return manage(s, ACTION_KEEP, s->nvme.id, vectors, n, e,
		      arena_printf(&s->host->arena, "leaving the primary controller %u flexible %s",
				   n, kind_name(vectors)));
}

int nvme_set_online(struct sriov *s, uint16_t id, bool online, struct err *e)
{
	return manage(s, online ? ACTION_ONLINE : ACTION_OFFLINE, id, false, 0, e,
		      arena_printf(&s->host->arena, "setting controller %u %s", id,
				   online ? "online" : "offline"));
}
