// SPDX-License-Identifier: MIT
// What a change would do, and everything that can be refused before it: the same sentences are
// shown by --dry-run and as what was done.

#include "base/text.h"
#include "sriov/internal.h"

#include <errno.h>
#include <stdarg.h>

void change_step(struct change *c, const char *format, ...)
{
	struct arena *a = &c->s->host->arena;
	const char **grown = arena_array(a, c->steps.n + 1, sizeof(*grown));
	va_list args;

	va_start(args, format);
	if (c->steps.n)
		memcpy(grown, c->steps.step, c->steps.n * sizeof(*grown));
	grown[c->steps.n++] = arena_vprintf(a, format, args);
	c->steps.step = grown;
	va_end(args);
}

/* ---- what is to be done ---- */

const char *change_functions(struct change *c, uint64_t n)
{
	return text_count(&c->s->host->arena, n, "virtual function", "virtual functions");
}

bool sriov_is_set(const struct sriov *s, const struct vf_setting *setting)
{
	const struct vf_link *link = setting->vf < s->n ? s->vf[setting->vf].link : NULL;

	return link && link->known & 1u << setting->kind &&
	       vf_setting_same(&link->setting[setting->kind], setting);
}

bool sriov_are_with_vfio(const struct sriov *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct pci_function *f = s->vf[i].function;

		if (f && !(f->driver.error == 0 && host_is_vfio_driver(f->driver.value)))
			return false;
	}
	return true;
}

int sriov_select(struct sriov *s, bool (*fits)(struct sriov *, const struct sriov_vf *),
		 struct handover *ret, struct err *e)
{
	const char **names = arena_array(&s->host->arena, s->n, sizeof(*names));
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (s->vf[i].function && (!fits || fits(s, &s->vf[i])))
			names[n++] = s->vf[i].name;
	}
	*ret = (struct handover){ 0 };
	return n ? handover_select(s->host, names, n, ret, e) : 0;
}

static int plan_guests(struct change *c, struct err *e)
{
	struct sriov *s = c->s;
	struct handover handover;

	if (c->anew && s->pf->iommu_group.error == -ENOENT)
		return err_refuse(
			e,
			"%s is in no IOMMU group, and neither would its virtual functions "
			"be: no guest could have one; `passthru check` says why",
			s->pf->name);
	if (c->anew) {
		change_step(c, "give them to the driver of guests");
		return 0;
	}
	if (sriov_are_with_vfio(s))
		return 0;
	int error = sriov_select(s, NULL, &handover, e);
	if (error == 0)
		error = handover_check(s->host, &handover, e);
	if (error == 0)
		error = handover_check_uses(s->host, &handover, 0, e);
	change_step(c, "give them to the driver of guests");
	return error;
}

static void plan_settings(struct change *c)
{
	for (size_t i = 0; i < c->request->n_settings; i++) {
		const struct vf_setting *setting = &c->request->setting[i];

		if (c->anew || !sriov_is_set(c->s, setting))
			change_step(c, "virtual function %u: %s %s", setting->vf,
				    vf_setting_name(setting->kind),
				    vf_setting_text(&c->s->host->arena, setting));
	}
}

static int plan_anew(struct change *c, struct err *e)
{
	struct sriov *s = c->s;
	int error = nvme_plan(s, c->request, &c->share, e);

	if (error == 0)
		error = check_unused(s, e);
	if (error < 0)
		return error;
	if (c->before)
		change_step(c, "remove %s", change_functions(c, c->before));
	if (c->share.reset)
		change_step(c, "reset %s, so that it lets go of queues and interrupts",
			    s->nvme.controller);
	if (c->request->count == 0)
		return 0;
	if (c->auto_before)
		change_step(c, "keep drivers away from what is made (" SRIOV_AUTOPROBE " 0)");
	change_step(c, "create %s", change_functions(c, c->request->count));
	plan_settings(c);
	c->manages_nvme = s->nvme.error == 0;
	if (c->manages_nvme)
		change_step(
			c,
			"give each controller of %s %u queues and %u interrupts and set it online",
			s->nvme.controller, c->share.queues, c->share.vectors);
	if (c->request->guests)
		error = plan_guests(c, e);
	if (c->auto_before)
		change_step(c, "put " SRIOV_AUTOPROBE " back to %s", c->auto_before);
	if (!c->request->guests && c->auto_before && !str_eq(c->auto_before, "0"))
		change_step(c, "let the drivers of the host have them");
	return error;
}

int change_plan(struct change *c, struct sriov *s, const struct sriov_request *request,
		struct err *e)
{
	struct sriov_record record;
	int error = check_request(s, request, e);

	*c = (struct change){ .s = s, .request = request, .before = s->now.value };
	if (error < 0)
		return error;
	s->unfinished = record_read(s, &record);
	if (s->unfinished)
		c->auto_before = record.autoprobe;
	else if (s->autoprobe.error == 0)
		c->auto_before = s->autoprobe.value ? "1" : "0";
	c->anew =
		s->unfinished || request->count != c->before || request->queues || request->vectors;
	if (c->anew)
		return plan_anew(c, e);
	plan_settings(c);
	return request->guests && request->count ? plan_guests(c, e) : 0;
}

int sriov_plan(struct sriov *s, const struct sriov_request *request, struct sriov_steps *ret,
	       struct err *e)
{
	struct change c;
	int error = change_plan(&c, s, request, e);

	*ret = c.steps;
	return error;
}
