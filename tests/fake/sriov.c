// SPDX-License-Identifier: MIT
// The rules stand in sriov.h. The functions are on the machine from the beginning; what the tree
// shows of them is put aside while they are not there.

#include "tests/fake/sriov.h"
#include "base/text.h"

#include <errno.h>
#include <linux/nvme_ioctl.h>
#include <stdio.h>

#define VF_DRIVER_IDS 0x8086154cu

struct fake_hidden {
	char *path, *data;
	enum fake_kind kind;
	size_t n;
};

static const char *const names[FAKE_VFS] = { "0000:01:10.0", "0000:01:10.1", "0000:01:10.2",
					     "0000:01:10.3" };

const char *fake_vf(unsigned index)
{
	return names[index];
}

static char *copy(const char *text, size_t n)
{
	char *to = malloc(n + 1);

	if (!to)
		abort();
	if (n)
		memcpy(to, text, n);
	to[n] = '\0';
	return to;
}

/* ---- functions that come and go ---- */

static bool belongs_to(const char *path, const char *name)
{
	const char *at = strstr(path, name);

	return at && (at[strlen(name)] == '\0' || at[strlen(name)] == '/');
}

static void hide(struct fake_sriov *f, const char *name)
{
	struct fake_tree *tree = &f->k->tree;

	for (size_t i = 0; i < tree->n;) {
		struct fake_node *node = &tree->nodes[i];

		if (!str_starts(node->path, "sys/") || !belongs_to(node->path, name)) {
			i++;
			continue;
		}
		f->hidden = realloc(f->hidden, (f->n_hidden + 1) * sizeof(*f->hidden));
		if (!f->hidden)
			abort();
		f->hidden[f->n_hidden++] = (struct fake_hidden){
			copy(node->path, strlen(node->path)),
			copy(node->data, node->n),
			node->kind,
			node->n,
		};
		char *path = copy(node->path, strlen(node->path));
		fake_remove(tree, path);
		free(path);
		i = 0;
	}
}

static void unhide(struct fake_sriov *f, const char *name)
{
	size_t left = 0;

	for (size_t i = 0; i < f->n_hidden; i++) {
		struct fake_hidden node = f->hidden[i];

		if (!belongs_to(node.path, name)) {
			f->hidden[left++] = node;
			continue;
		}
		if (node.kind == FAKE_LINK)
			fake_link(&f->k->tree, node.path, node.data);
		else if (node.kind == FAKE_FILE)
			fake_bytes(&f->k->tree, node.path, node.data, node.n);
		else
			fake_directory(&f->k->tree, node.path);
		free(node.path);
		free(node.data);
	}
	f->n_hidden = left;
}

static void pf_file(struct fake_sriov *f, const char *name, const char *text)
{
	char path[FAKE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", fake_directory_of(f->k, FAKE_PF), name);
	fake_file(&f->k->tree, path, text);
}

static void show(struct fake_sriov *f)
{
	char text[16];

	snprintf(text, sizeof(text), "%u\n", f->n);
	pf_file(f, "sriov_numvfs", text);
	pf_file(f, "sriov_drivers_autoprobe", f->autoprobe ? "1\n" : "0\n");
}

static int offer(struct fake_sriov *f, const char *name)
{
	if (!f->autoprobe && str_eq(fake_override_of(f->k, name), "(null)"))
		return 0;
	return fake_store(f->k, "sys/bus/pci/drivers_probe", name, strlen(name));
}

static int come(struct fake_sriov *f, unsigned i)
{
	char path[FAKE_PATH_MAX], target[64];

	unhide(f, names[i]);
	snprintf(path, sizeof(path), "%s/virtfn%u", fake_directory_of(f->k, FAKE_PF), i);
	snprintf(target, sizeof(target), "../%s", names[i]);
	fake_link(&f->k->tree, path, target);
	f->links[i] = (struct vf_link){ .vf = i, .known = 1u << VF_MAC };
	f->links[i].setting[VF_MAC] = (struct vf_setting){ .vf = i, .kind = VF_MAC };
	int error = offer(f, names[i]);
	f->taken_early += *fake_driver_of(f->k, names[i]) != '\0';
	return error;
}

static void go(struct fake_sriov *f, unsigned i)
{
	char path[FAKE_PATH_MAX];
	const char *driver = fake_driver_of(f->k, names[i]);

	f->driven += *driver && !str_eq(driver, "vfio-pci");
	if (*driver) {
		snprintf(path, sizeof(path), "sys/bus/pci/drivers/%s/unbind", driver);
		if (fake_store(f->k, path, names[i], strlen(names[i])) < 0)
			return; /* a guest has it: it hangs */
	}
	snprintf(path, sizeof(path), "%s/driver_override", fake_directory_of(f->k, names[i]));
	(void)!fake_store(f->k, path, "\n", 1);
	snprintf(path, sizeof(path), "%s/virtfn%u", fake_directory_of(f->k, FAKE_PF), i);
	fake_remove(&f->k->tree, path);
	hide(f, names[i]);
	f->controller[i].online = false;
}

static int store_count(struct fake_sriov *f, const char *text)
{
	unsigned wanted = (unsigned)atoi(text);

	if (wanted > FAKE_VFS)
		return -ERANGE;
	if (wanted == f->n)
		return 0;
	if (f->cannot || !*fake_driver_of(f->k, FAKE_PF))
		return -ENOENT;
	if (wanted && f->n)
		return -EBUSY;
	if (wanted > f->makes_less)
		wanted -= f->makes_less;
	for (unsigned i = 0; i < f->n; i++)
		go(f, i);
	for (unsigned i = 0; i < wanted; i++)
		(void)!come(f, i);
	f->n = wanted;
	show(f);
	return 0;
}

/* ---- the drive ---- */

static int store_reset(struct fake_sriov *f)
{
	if (f->cannot_reset)
		return -ENOTTY;
	f->resets++;
	f->queues.primary = f->next_queues;
	f->vectors.primary = f->next_vectors;
	return 0;
}

static void put(uint8_t *at, uint32_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

static void put_resource(uint8_t *at, const struct nvme_resource *r, unsigned assigned)
{
	put(at, r->total, 4);
	put(at + 4, assigned, 4);
	put(at + 8, r->primary, 2);
	put(at + 10, r->private, 2);
	put(at + 12, r->max, 2);
	put(at + 14, r->granularity, 2);
}

static int identify(struct fake_sriov *f, uint8_t cns, uint8_t *data)
{
	unsigned queues = 0, vectors = 0;

	for (unsigned i = 0; i < FAKE_VFS; i++) {
		uint8_t *entry = data + 32 * (i + 1);

		queues += f->controller[i].queues;
		vectors += f->controller[i].vectors;
		if (cns != 0x15)
			continue;
		put(entry, i + 1, 2);
		entry[4] = f->controller[i].online;
		put(entry + 8, i + 1, 2);
		put(entry + 10, f->controller[i].queues, 2);
		put(entry + 12, f->controller[i].vectors, 2);
	}
	if (cns == 0x15)
		data[0] = FAKE_VFS;
	if (cns == 0x01)
		data[256] = 0x80;
	if (cns != 0x14)
		return 0;
	data[4] = 3;
	put_resource(data + 32, &f->queues, queues);
	put_resource(data + 64, &f->vectors, vectors);
	return 0;
}

static unsigned given(const struct fake_sriov *f, bool vectors)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FAKE_VFS; i++)
		n += vectors ? f->controller[i].vectors : f->controller[i].queues;
	return n;
}

static int manage(struct fake_sriov *f, uint32_t cdw10, uint16_t n)
{
	unsigned action = cdw10 & 0xf, id = cdw10 >> 16;
	bool vectors = cdw10 >> 8 & 7;
	struct nvme_resource *r = vectors ? &f->vectors : &f->queues;
	struct fake_controller *c = id >= 1 && id <= FAKE_VFS ? &f->controller[id - 1] : NULL;

	if (action == 1) {
		if (id != 0 || n > r->total - given(f, vectors))
			return id ? 0x11f : 0x122;
		*(vectors ? &f->next_vectors : &f->next_queues) = n;
		return 0;
	}
	if (!c)
		return 0x11f;
	if (action == 7)
		c->online = false;
	if (action == 9) {
		if (c->queues < 2 || c->vectors < 1 || id > f->n)
			return 0x120;
		c->online = true;
	}
	if (action != 8)
		return 0;
	uint16_t *has = vectors ? &c->vectors : &c->queues;
	if (c->online)
		return 0x120;
	if (n > r->max)
		return 0x121;
	if (given(f, vectors) - *has + n > r->total - r->primary)
		return 0x122;
	*has = n;
	return 0;
}

static int fails(struct fake_sriov *f)
{
	return ++f->calls == f->fail_call ? f->fail_call_with : 0;
}

static int nvme_admin(const struct sriov_kernel *kernel, const char *controller,
		      struct nvme_passthru_cmd *command)
{
	/* the kernel is the first member */
	struct fake_sriov *f = (struct fake_sriov *)(uintptr_t)kernel;
	int error = fails(f);

	if (error)
		return error;
	if (f->kind != FAKE_DRIVE || !str_eq(controller, "nvme0"))
		return -ENOENT;
	if (command->opcode == 0x06)
		return identify(f, (uint8_t)command->cdw10, (uint8_t *)(uintptr_t)command->addr);
	return command->opcode == 0x1c ? manage(f, command->cdw10, (uint16_t)command->cdw11) : 1;
}

/* ---- the card ---- */

static int card_read(const struct sriov_kernel *kernel, struct arena *a, unsigned interface,
		     struct vf_links *ret, struct err *e)
{
	struct fake_sriov *f = (struct fake_sriov *)(uintptr_t)kernel;
	int error = fails(f);

	if (error || interface != 7)
		return err_fail(e, error ? error : -ENODEV, "the fake does not answer");
	*ret = (struct vf_links){ arena_memdup(a, f->links, f->n * sizeof(*f->links)), f->n };
	return 0;
}

static int card_set(const struct sriov_kernel *kernel, unsigned interface,
		    const struct vf_setting *setting, struct err *e)
{
	struct fake_sriov *f = (struct fake_sriov *)(uintptr_t)kernel;
	int error = fails(f);

	if (error || interface != 7 || setting->vf >= f->n)
		return err_fail(e, error ? error : -EINVAL, "the fake does not take it");
	if (setting->kind == VF_LINK && f->no_links)
		return err_fail(e, -EOPNOTSUPP, "the fake has no link state");
	f->set_late += *fake_driver_of(f->k, names[setting->vf]) != '\0';
	if (f->ignores)
		return 0;
	f->links[setting->vf].known |= 1u << setting->kind;
	f->links[setting->vf].setting[setting->kind] = *setting;
	return 0;
}

int fake_sriov_store(struct fake_sriov *f, const char *name, const char *text)
{
	if (str_eq(name, "sriov_numvfs"))
		return store_count(f, text);
	if (str_eq(name, "reset"))
		return store_reset(f);
	if (!str_eq(name, "sriov_drivers_autoprobe"))
		return -EACCES;
	f->autoprobe = *text == '1';
	show(f);
	return 0;
}

/* ---- the machine ---- */

static void add_card(struct fake_sriov *f)
{
	pf_file(f, "net/eth0/ifindex", "7\n");
}

static void add_drive(struct fake_sriov *f)
{
	pf_file(f, "nvme/nvme0/cntlid", "0\n");
	pf_file(f, "nvme/nvme0/state", "live\n");
	pf_file(f, "reset", "");
	/* as QEMU's: the primary controller has all to begin with */
	f->queues = (struct nvme_resource){ true, 16, 0, 16, 10, 8, 0 };
	f->vectors = (struct nvme_resource){ true, 8, 0, 8, 14, 4, 0 };
	f->next_queues = 16;
	f->next_vectors = 8;
}

struct fake_sriov *fake_sriov_new(enum fake_sriov_kind kind)
{
	struct fake_function functions[2 + FAKE_VFS] = {
		{ FAKE_PF_PORT, 0x8086, 0x1901, 0x060400, 1, "pcieport", NULL, NULL },
		{ FAKE_PF, 0x8086, 0x1572, kind == FAKE_CARD ? 0x020000 : 0x010802, 2,
		  kind == FAKE_CARD ? "i40e" : "nvme", FAKE_PF_PORT, NULL },
	};
	struct fake_sriov *f = calloc(1, sizeof(*f));
	char path[FAKE_PATH_MAX];

	if (!f)
		abort();
	for (unsigned i = 0; i < FAKE_VFS; i++)
		functions[2 + i] = (struct fake_function){ names[i],     0x8086,
							   0x154c,       functions[1].class_code,
							   10 + (int)i,  NULL,
							   FAKE_PF_PORT, NULL };
	*f = (struct fake_sriov){
		.kernel = { card_read, card_set, nvme_admin },
		.k = fake_kernel_new(functions, 2 + FAKE_VFS),
		.kind = kind,
		.autoprobe = true,
	};
	fake_driver(f->k, kind == FAKE_CARD ? "iavf" : "nvme", VF_DRIVER_IDS);
	pf_file(f, "sriov_totalvfs", "4\n");
	pf_file(f, "sriov_offset", "128\n");
	pf_file(f, "sriov_stride", "1\n");
	pf_file(f, "sriov_vf_device", "154c\n");
	for (unsigned i = 0; i < FAKE_VFS; i++) {
		snprintf(path, sizeof(path), "%s/physfn", fake_directory_of(f->k, names[i]));
		fake_link(&f->k->tree, path, "../" FAKE_PF);
		hide(f, names[i]);
	}
	if (kind == FAKE_CARD)
		add_card(f);
	else
		add_drive(f);
	show(f);
	return f;
}

void fake_sriov_free(struct fake_sriov *f)
{
	for (size_t i = 0; i < f->n_hidden; i++) {
		free(f->hidden[i].path);
		free(f->hidden[i].data);
	}
	free(f->hidden);
	fake_kernel_free(f->k);
	free(f);
}
