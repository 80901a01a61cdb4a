// SPDX-License-Identifier: MIT
// How a drive's flexible queues and interrupts are shared out. A controller works from two queues
// (one for administration) and one interrupt on. At power on the primary controller may hold all of
// them; it lets go at its next reset other than of its enable bit (NVM Express 1.4, 8.5.1), for
// which a function-level reset serves. The driver restarts after it (nvme_reset_prepare() and
// nvme_reset_done() of drivers/nvme/host/pci.c).

#include "base/text.h"
#include "sriov/internal.h"

#include <errno.h>
#include <time.h>

#define QUEUES_MIN 2
#define VECTORS_MIN 1
#define POLL_MS 20

/* What a primary controller that lets go has to keep, when its private ones are too few. */
static unsigned kept(const struct nvme_resource *r, unsigned least)
{
	return r->private < least ? least - r->private : 0;
}

/*
 * What the secondary controllers could have between them, now or after the primary controller has
 * let go. What they have counts: all of them are taken offline first.
 */
static uint32_t available(const struct nvme_resource *r, unsigned least, bool let_go)
{
	uint32_t primary = let_go ? kept(r, least) : r->primary;

	return r->total > primary ? r->total - primary : 0;
}

static unsigned fair(const struct nvme_resource *r, unsigned count, unsigned least, bool let_go)
{
	unsigned share = available(r, least, let_go) / count;

	if (share > r->max)
		share = r->max;
	if (r->granularity > 1 && share - share % r->granularity >= least)
		share -= share % r->granularity;
	return share;
}

/* What each gets of one kind; *@reset is set when the primary controller has to let go for it. */
static int plan_kind(struct sriov *s, const struct nvme_resource *r, bool vectors, unsigned asked,
		     unsigned count, unsigned *ret, bool *reset, struct err *e)
{
	const char *kind = vectors ? "interrupts" : "queues";
	unsigned least = vectors ? VECTORS_MIN : QUEUES_MIN;

	if (!r->flexible) {
		*ret = 0;
		return asked ? err_usage(e, "the %s of %s are fixed", kind, s->nvme.controller) : 0;
	}
	if (asked && (asked < least || asked > r->max))
		return err_usage(e, "a controller of %s takes %u to %u %s, not %u",
				 s->nvme.controller, least, r->max, kind, asked);
	unsigned need = asked ? asked : least;
	if (available(r, least, true) / count < need)
		return err_usage(e,
				 "%s has %u %s to share: not enough for %u controllers with %u "
				 "each",
				 s->nvme.controller, r->total, kind, count, need);
	bool let_go = available(r, least, false) / count < need;
	*reset |= let_go;
	*ret = asked ? asked : fair(r, count, least, let_go);
	return 0;
}

int nvme_plan(struct sriov *s, const struct sriov_request *request, struct nvme_share *ret,
	      struct err *e)
{
	*ret = (struct nvme_share){ 0 };
	if (s->nvme.error == -EOPNOTSUPP || s->nvme.error == -ENOENT || request->count == 0)
		return 0;
	if (s->nvme.error)
		return err_io(e, s->nvme.error, "asking %s for its controllers",
			      s->nvme.controller);
	int error = plan_kind(s, &s->nvme.queues, false, request->queues, request->count,
			      &ret->queues, &ret->reset, e);
	if (error == 0)
		error = plan_kind(s, &s->nvme.vectors, true, request->vectors, request->count,
				  &ret->vectors, &ret->reset, e);
	if (error == 0 && ret->reset) {
		error = check_drive_unused(s, e);
		/* then all of it is free, for one kind as for the other */
		if (!request->queues && s->nvme.queues.flexible)
			ret->queues = fair(&s->nvme.queues, request->count, QUEUES_MIN, true);
		if (!request->vectors && s->nvme.vectors.flexible)
			ret->vectors = fair(&s->nvme.vectors, request->count, VECTORS_MIN, true);
	}
	return error;
}

/* ---- the reset ---- */

static bool is_live(struct sriov *s)
{
	struct arena *a = &s->host->arena;
	struct bytes text;

	/* it may come back under another number */
	nvme_read(s);
	if (!s->nvme.controller || s->nvme.error)
		return false;
	const char *path =
		arena_printf(a, "%s/%s/state", sriov_path(s, "nvme"), s->nvme.controller);
	return root_read(s->host->root, a, path, &text) == 0 &&
	       str_eq(text_trimmed(a, text), "live");
}

static int wait_live(struct sriov *s, unsigned limit_ms, struct err *e)
{
	const struct timespec pause = { 0, POLL_MS * 1000000L };
	const char *controller = s->nvme.controller;

	for (unsigned waited_ms = 0;; waited_ms += POLL_MS) {
		if (is_live(s))
			return 0;
		if (waited_ms >= limit_ms)
			return err_fail(e, -ETIMEDOUT,
					"%s does not work again after its reset: the kernel log "
					"says why",
					controller);
		nanosleep(&pause, NULL);
	}
}

static bool holds_too_many(const struct nvme_resource *r, unsigned least)
{
	return r->flexible && r->primary > kept(r, least);
}

int nvme_let_go(struct sriov *s, unsigned limit_ms, struct err *e)
{
	const char *path = sriov_path(s, "reset");
	int error = 0;
	pid_t child;

	for (int vectors = 0; vectors < 2 && error == 0; vectors++) {
		const struct nvme_resource *r = vectors ? &s->nvme.vectors : &s->nvme.queues;
		unsigned least = vectors ? VECTORS_MIN : QUEUES_MIN;
		if (holds_too_many(r, least))
			error = nvme_keep(s, vectors, kept(r, least), e);
	}
	if (error < 0)
		return error;
	error = root_write_watched(s->host->root, path, "1", limit_ms, &child);
	if (error == -ENOENT)
		return err_fail(
			e, error,
			"%s holds all queues until it is reset, and the kernel has no way to "
			"reset it",
			s->nvme.controller);
	if (error < 0)
		return err_io(e, error, "resetting %s", s->pf->name);
	error = wait_live(s, limit_ms, e);
	if (error == 0 && (holds_too_many(&s->nvme.queues, QUEUES_MIN) ||
			   holds_too_many(&s->nvme.vectors, VECTORS_MIN)))
		return err_fail(e, -EIO,
				"%s kept its flexible queues or interrupts through the reset: it "
				"takes a restart of the drive",
				s->nvme.controller);
	return error;
}

/* ---- giving and taking ---- */

int nvme_take(struct sriov *s, struct err *e)
{
	int error = 0;

	if (s->nvme.error)
		return 0;
	for (size_t i = 0; i < s->nvme.n && error == 0; i++) {
		struct nvme_secondary *c = &s->nvme.secondary[i];

		if (c->online)
			error = nvme_set_online(s, c->id, false, e);
		if (error == 0 && s->nvme.queues.flexible && c->queues)
			error = nvme_assign(s, c->id, false, 0, e);
		if (error == 0 && s->nvme.vectors.flexible && c->vectors)
			error = nvme_assign(s, c->id, true, 0, e);
	}
	return error;
}

static int give_one(struct sriov *s, const struct nvme_secondary *c, const struct nvme_share *share,
		    struct err *e)
{
	int error = 0;

	if (share->vectors)
		error = nvme_assign(s, c->id, true, share->vectors, e);
	if (error == 0 && share->queues)
		error = nvme_assign(s, c->id, false, share->queues, e);
	return error == 0 ? nvme_set_online(s, c->id, true, e) : error;
}

int nvme_give(struct sriov *s, unsigned count, const struct nvme_share *share, struct err *e)
{
	unsigned given = 0;
	int error = nvme_take(s, e);

	for (size_t i = 0; i < s->nvme.n && error == 0; i++) {
		const struct nvme_secondary *c = &s->nvme.secondary[i];

		if (c->vf == 0 || c->vf > count)
			continue;
		error = give_one(s, c, share, e);
		given++;
	}
	if (error < 0)
		return error;
	if (given < count)
		return err_fail(e, -ENODEV,
				"%s has controllers for %u of %u virtual functions only",
				s->nvme.controller, given, count);
	nvme_read(s);
	for (size_t i = 0; i < s->nvme.n && s->nvme.error == 0; i++) {
		const struct nvme_secondary *c = &s->nvme.secondary[i];

		if (c->vf && c->vf <= count && !c->online)
			return err_fail(e, -EIO, "controller %u of %s did not come online", c->id,
					s->nvme.controller);
	}
	return s->nvme.error ? err_io(e, s->nvme.error, "asking %s for its controllers",
				      s->nvme.controller)
			     : 0;
}
