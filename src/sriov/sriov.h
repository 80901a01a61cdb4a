/* SPDX-License-Identifier: MIT */
/*
 * SR-IOV: the virtual functions of a device. What they are, creating and removing them as a
 * transaction, and what makes them of use: addresses and VLANs of network cards, queues and
 * interrupts of NVMe drives.
 *
 * The kernel knows all of them or none: their number goes from 0 to N and back to 0 only. While
 * they are made no driver may take one (sriov_drivers_autoprobe), so that a function has its
 * address, its queues and the driver of guests before anything uses it. What that switch was before
 * is recorded under run/passthru; what a run that was killed left, the next one puts right.
 *
 * Sources: Documentation/PCI/pci-iov-howto.rst, Documentation/ABI/testing/sysfs-bus-pci,
 * drivers/pci/iov.c, uAPI linux/if_link.h and linux/nvme_ioctl.h.
 */
#pragma once

#include "base/err.h"
#include "handover/handover.h"
#include "host/host.h"

struct nvme_passthru_cmd;

/* ---- settings.c: what the driver of a network card keeps for each of its virtual functions ----
 */

enum vf_setting_kind {
	VF_MAC,
	VF_VLAN,
	VF_TRUST,
	VF_SPOOF_CHECK,
	VF_LINK,
	VF_RATE,
	VF_SETTINGS,
};

/* IFLA_VF_LINK_STATE_* of linux/if_link.h */
enum vf_link_state { VF_LINK_AUTO, VF_LINK_ON, VF_LINK_OFF };

struct vf_vlan {
	uint16_t id; /* 0: none */
	uint8_t qos;
	uint16_t protocol; /* ETH_P_8021Q or ETH_P_8021AD, in the order of this machine */
};

struct vf_rate {
	uint32_t min_mbps, max_mbps; /* 0: no limit */
};

struct vf_setting {
	unsigned vf;
	enum vf_setting_kind kind;
	union {
		uint8_t mac[6];
		struct vf_vlan vlan;
		bool on; /* VF_TRUST, VF_SPOOF_CHECK */
		enum vf_link_state link;
		struct vf_rate rate;
	};
};

/* What the card's driver says about one of them. */
struct vf_link {
	unsigned vf;
	unsigned known; /* bits 1 << enum vf_setting_kind */
	struct vf_setting setting[VF_SETTINGS];
};

struct vf_links {
	struct vf_link *link;
	size_t n;
};

/*
 * "2=02:00:00:00:00:02", "all=on": the settings of @text for @count functions are appended to
 * @list, which has room for as many. A usage error when it is malformed, names a function that
 * there will not be, or when the same was said before.
 */
MUST_CHECK int vf_parse_setting(enum vf_setting_kind kind, const char *text, unsigned count,
				struct vf_setting *list, size_t *n, struct err *e);
/* The first address of a row: function i gets it plus i. */
MUST_CHECK int vf_parse_mac_base(const char *text, unsigned count, struct vf_setting *list,
				 size_t *n, struct err *e);
/* The setting as people write it: "02:00:00:00:00:02", "100", "100:3:802.1ad", "on". */
const char *vf_setting_text(struct arena *a, const struct vf_setting *setting);
/* "MAC address", "VLAN", ... */
const char *vf_setting_name(enum vf_setting_kind kind);

/* ---- nvme.c: NVMe controllers share queues and interrupts (NVM Express 1.3, 8.5) ---- */

/* One kind of resource of a drive: queues, or interrupts. */
struct nvme_resource {
	bool flexible;            /* controllers can be given more or less of it */
	uint32_t total, assigned; /* flexible ones; those that secondary controllers have */
	uint16_t primary;         /* flexible ones that the primary controller has */
	uint16_t private;         /* what only the primary controller can have */
	uint16_t max;             /* for one secondary controller */
	uint16_t granularity;     /* preferred; 0: any number */
};

struct nvme_secondary {
	uint16_t id, primary;
	uint16_t vf; /* its virtual function, from 1; 0: none */
	bool online;
	uint16_t queues, vectors;
};

struct nvme_virtualization {
	const char *controller; /* "nvme0"; NULL: the device is no NVMe drive, or has no driver */
	uint16_t id;
	int error; /* of asking it; -EOPNOTSUPP: it has no virtualization management */
	struct nvme_resource queues, vectors;
	struct nvme_secondary *secondary;
	size_t n;
};

/* ---- kernel.c: what is asked of the kernel otherwise than by files; tests replace it ---- */

struct sriov_kernel {
	/* The settings of all virtual functions of the interface with that index. */
	int (*link_read)(const struct sriov_kernel *kernel, struct arena *a, unsigned interface,
			 struct vf_links *ret, struct err *e);
	int (*link_set)(const struct sriov_kernel *kernel, unsigned interface,
			const struct vf_setting *setting, struct err *e);
	/*
	 * An admin command to a controller ("nvme0"): 0, the status of the drive (positive) or a
	 * negative errno.
	 */
	int (*nvme_admin)(const struct sriov_kernel *kernel, const char *controller,
			  struct nvme_passthru_cmd *command);
};

/* Of the running host. */
extern const struct sriov_kernel sriov_kernel_live;

/* ---- read.c ---- */

struct sriov_vf {
	unsigned index;
	const char *name;
	struct pci_function *function;          /* NULL: it is not there (any more) */
	const char *interface;                  /* NULL: none */
	const struct vf_link *link;             /* NULL: nothing is known */
	const struct nvme_secondary *secondary; /* NULL: none */
};

struct sriov {
	struct host *host;
	const struct sriov_kernel *kernel; /* NULL: only files can be read */
	struct pci_function *pf;
	struct fact_number total, now, offset, stride, autoprobe;
	struct fact_text vf_device; /* id, in hex */
	struct sriov_vf *vf;
	size_t n;
	const char *interface; /* of a network card; NULL: it is none, or has no driver */
	unsigned interface_index;
	int link_error; /* of asking for the settings; -ENOENT: no network card */
	struct vf_links links;
	struct nvme_virtualization nvme;
	bool unfinished; /* a run that was killed has left its record */
};

/*
 * Everything about @pf and its virtual functions; parts that could not be read keep their errno.
 * -EPERM (ERR_REFUSED) when it cannot have any.
 */
MUST_CHECK int sriov_read(struct host *host, const struct sriov_kernel *kernel,
			  struct pci_function *pf, struct sriov *ret, struct err *e);

/* ---- change.c ---- */

struct sriov_request {
	unsigned count;
	bool guests; /* they get the driver of guests, and no other before */
	const struct vf_setting *setting;
	size_t n_settings;
	unsigned queues, vectors; /* for each controller of an NVMe drive; 0: a fair share */
	unsigned limit_ms;        /* how long to wait for drivers and drives */
};

/* What a change consists of, in sentences, in order. */
struct sriov_steps {
	const char **step;
	size_t n;
};

/*
 * Checks all that can be known before: a usage error for a number that the device does not offer
 * or settings that it does not have, -EPERM (ERR_REFUSED) when virtual functions that have to go
 * are in use, by name. *@ret: what would be done, nothing when it is as asked already.
 */
MUST_CHECK int sriov_plan(struct sriov *s, const struct sriov_request *request,
			  struct sriov_steps *ret, struct err *e);

/*
 * Does it, having checked as sriov_plan() does, and reads @s again. After an error there are no
 * virtual functions, or as many as before; the sentence says what is different. SIGINT, SIGTERM and
 * SIGHUP wait until it has ended.
 */
MUST_CHECK int sriov_change(struct sriov *s, const struct sriov_request *request,
			    struct sriov_steps *ret, struct err *e);
