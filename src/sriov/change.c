// SPDX-License-Identifier: MIT
// Changing the number of virtual functions, as a transaction. The kernel goes from none to N and
// back only (sriov_numvfs_store() of drivers/pci/iov.c), so a change is: take the old ones away,
// keep drivers off, create, set up, then let a driver have them. What fails takes everything back.
// Writes go through a child: making and removing functions runs the drivers of all of them.

#include "base/text.h"
#include "sriov/internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#define POLL_MS 20
#define DRIVER_WAIT_MS 2000

/* Making a hundred functions takes a driver its time. */
#define WRITE_LIMIT_MS 60000

/* ---- writes ---- */

static int write_attribute(struct sriov *s, const char *name, const char *value)
{
	pid_t child;

	return root_write_watched(s->host->root, sriov_path(s, name), value, WRITE_LIMIT_MS,
				  &child);
}

static int set_autoprobe(struct sriov *s, const char *value, struct err *e)
{
	int error = value ? write_attribute(s, SRIOV_AUTOPROBE, value) : 0;

	return error < 0 ? err_io(e, error, "writing " SRIOV_AUTOPROBE " of %s", s->pf->name) : 0;
}

/* What the kernel says in numbers. */
static int count_failed(struct sriov *s, int error, unsigned count, struct err *e)
{
	const char *driver = s->pf->driver.value;

	switch (error) {
	case -ENOENT:
		return err_refuse(e,
				  "the driver %s of %s cannot make virtual functions (it has no "
				  "sriov_configure)",
				  driver ? driver : "none", s->pf->name);
	case -ENOMEM:
	case -ENOSPC:
		return err_fail(
			e, error,
			"there is no room for %u virtual functions of %s in the memory or "
			"bus numbers that the firmware has set aside: turn SR-IOV on in the "
			"firmware, or start the kernel with pci=realloc (memory) or "
			"pci=assign-busses (bus numbers); the kernel log says which it is",
			count, s->pf->name);
	case -EBUSY:
	case -EPERM:
		return err_fail(
			e, error,
			"the driver %s of %s does not let its virtual functions go or come "
			"now: a guest has one, or another program makes them; the kernel log "
			"says why",
			driver ? driver : "none", s->pf->name);
	case -ETIMEDOUT:
		return err_fail(
			e, error,
			"the kernel does not come back from writing %u to sriov_numvfs of "
			"%s: a driver waits for one of its virtual functions; the kernel log "
			"says for what",
			count, s->pf->name);
	default:
		return err_io(e, error, "writing %u to sriov_numvfs of %s", count, s->pf->name);
	}
}

/* Reads everything again. */
static int refresh(struct sriov *s, struct err *e)
{
	struct pci_address address = s->pf->address;
	const char *name = s->pf->name;

	/* what was read about functions that are gone is of no use, and what uses them may be other
	 */
	s->host->use = NULL;
	s->host->devices = NULL;
	int error = host_read_pci(s->host, e);
	if (error < 0)
		return error;
	struct pci_function *pf = host_find(s->host, address);
	if (!pf)
		return err_fail(e, -ENODEV, "%s does not exist any more", name);
	return sriov_read(s->host, s->kernel, pf, s, e);
}

static int set_count(struct sriov *s, unsigned count, struct err *e)
{
	char text[16];
	size_t present = 0;

	snprintf(text, sizeof(text), "%u", count);
	int error = write_attribute(s, "sriov_numvfs", text);
	if (error < 0)
		return count_failed(s, error, count, e);
	error = refresh(s, e);
	if (error < 0)
		return error;
	for (size_t i = 0; i < s->n; i++)
		present += s->vf[i].function != NULL;
	if (s->now.error == 0 && s->now.value == count && present == count)
		return 0;
	return err_fail(e, -EIO,
			"the driver of %s made %zu virtual functions instead of %u: the kernel "
			"log says why",
			s->pf->name, present, count);
}

/* ---- taking away ---- */

/* By bind, or half of it, which keeps what it found under this name (passthru-bind(8)). */
static bool is_handed_over(struct sriov *s, const struct sriov_vf *vf)
{
	struct bytes record;
	const char *path = arena_concat(&s->host->arena, "run/passthru/", vf->name);

	return root_read(s->host->root, &s->host->arena, path, &record) == 0;
}

/*
 * Records of a handover end with it. No driver gets the functions in between: it would begin to
 * work with what is about to go, and not each gets over that (nvme of Linux 6.1, which ends its
 * probe in another thread, does not).
 */
static int remove_all(struct change *c, struct err *e)
{
	struct sriov *s = c->s;
	struct handover handover;
	int error = sriov_select(s, is_handed_over, &handover, e);

	if (error == 0 && handover.n)
		error = set_autoprobe(s, s->autoprobe.error ? NULL : "0", e);
	if (error == 0 && handover.n) {
		handover.going = true;
		error = handover_release(s->host, &handover, e);
	}
	if (handover.going && handover.n_units)
		c->stopped = text_join(&s->host->arena, handover.units, handover.n_units, " ");
	/* none, when another process hands one of them over */
	for (size_t i = 0; i < handover.n; i++)
		c->released |= handover.functions[i].state != HANDOVER_UNTOUCHED;
	return error == 0 ? set_count(s, 0, e) : error;
}

/* ---- setting up ---- */

static int verify_settings(struct change *c, struct err *e)
{
	struct sriov *s = c->s;
	int error = refresh(s, e);

	if (error < 0)
		return error;
	if (s->link_error)
		return err_io(e, s->link_error, "asking %s for its virtual functions",
			      s->interface);
	for (size_t i = 0; i < c->request->n_settings; i++) {
		const struct vf_setting *setting = &c->request->setting[i];
		const struct vf_link *link = setting->vf < s->n ? s->vf[setting->vf].link : NULL;

		if (link && link->known & 1u << setting->kind && !sriov_is_set(s, setting))
			return err_fail(
				e, -EIO,
				"the driver of %s says that virtual function %u has %s %s, "
				"after it took another one",
				s->pf->name, setting->vf, vf_setting_name(setting->kind),
				vf_setting_text(&s->host->arena, &link->setting[setting->kind]));
	}
	return 0;
}

static int apply_setting(struct sriov *s, const struct vf_setting *setting, struct err *e)
{
	int error = s->kernel->link_set(s->kernel, s->interface_index, setting, e);

	return error < 0 ? err_wrap(e, error, "%s %s of virtual function %u of %s",
				    vf_setting_name(setting->kind),
				    vf_setting_text(&s->host->arena, setting), setting->vf,
				    s->interface)
			 : 0;
}

static int apply_settings(struct change *c, struct err *e)
{
	int error = 0;

	if (c->request->n_settings == 0)
		return 0;
	/* the driver of some cards makes another interface when the functions come */
	if (!c->s->interface)
		return err_fail(e, -ENODEV, "%s has lost its network interface", c->s->pf->name);
	for (size_t i = 0; i < c->request->n_settings && error == 0; i++)
		error = apply_setting(c->s, &c->request->setting[i], e);
	return error == 0 ? verify_settings(c, e) : error;
}

static int give_to_guests(struct change *c, struct err *e)
{
	struct handover handover;
	int error = sriov_select(c->s, NULL, &handover, e);

	if (error == 0)
		error = handover_choose_drivers(c->s->host, &handover, NULL, e);
	if (error == 0)
		error = handover_bind(c->s->host, &handover, e);
	return error;
}

static bool has_drivers(const struct sriov *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->vf[i].function && s->vf[i].function->driver.error)
			return false;
	}
	return true;
}

/*
 * Whether the host has a driver for them shows afterwards; a module may just be on its way in. The
 * probe of one that is there has ended when the write has.
 */
static int give_to_host(struct change *c, struct err *e)
{
	const struct timespec pause = { 0, POLL_MS * 1000000L };
	unsigned limit_ms =
		c->request->limit_ms < DRIVER_WAIT_MS ? c->request->limit_ms : DRIVER_WAIT_MS;
	struct sriov *s = c->s;
	pid_t child;

	for (size_t i = 0; i < s->n; i++) {
		int error = root_write_watched(s->host->root, "sys/bus/pci/drivers_probe",
					       s->vf[i].name, WRITE_LIMIT_MS, &child);
		/* as in a handover: a driver was tried and did not want it */
		if (error < 0 && error != -EINVAL)
			return err_io(e, error, "asking the kernel for a driver for %s",
				      s->vf[i].name);
	}
	for (unsigned waited_ms = 0;; waited_ms += POLL_MS) {
		int error = refresh(s, e);
		if (error < 0 || has_drivers(s) || waited_ms >= limit_ms)
			return error;
		nanosleep(&pause, NULL);
	}
}

static int create(struct change *c, struct err *e)
{
	struct sriov *s = c->s;
	bool to_host = !c->request->guests && c->auto_before && !str_eq(c->auto_before, "0");
	int error = set_autoprobe(s, c->auto_before ? "0" : NULL, e);

	if (error == 0)
		error = set_count(s, c->request->count, e);
	if (error == 0)
		error = apply_settings(c, e);
	if (error == 0 && c->manages_nvme)
		error = nvme_give(s, c->request->count, &c->share, e);
	if (error == 0 && c->request->guests)
		error = give_to_guests(c, e);
	if (error == 0)
		error = set_autoprobe(s, c->auto_before, e);
	if (error == 0 && to_host)
		error = give_to_host(c, e);
	return error;
}

/* ---- the transaction ---- */

/* The old ones did not go. */
static int keep(struct change *c, int failure, struct err *e)
{
	if (c->stopped)
		failure = err_wrap(e, failure,
				   "stopped for a handover that is over, and not started again: %s",
				   c->stopped);
	if (set_autoprobe(c->s, c->auto_before, NULL) < 0)
		return err_wrap(e, failure,
				SRIOV_AUTOPROBE " of %s could not be put back to %s after this",
				c->s->pf->name, c->auto_before);
	bool drivers = !c->auto_before || !str_eq(c->auto_before, "0");
	if (c->released && drivers && give_to_host(c, NULL) < 0)
		return err_wrap(e, failure,
				"the virtual functions stay, and those that were handed over could "
				"not be given to drivers of the host after this");
	record_remove(c->s);
	return err_wrap(e, failure,
			c->released ? "the virtual functions stay, given back to the host where "
				      "they were handed over"
				    : "the virtual functions stay as they are");
}

/*
 * Back to as many as there were. The sentence is that of the failure; what else could not be done
 * goes in front of it, because the user has to act on it.
 */
static int take_back(struct change *c, int failure, struct err *e)
{
	struct sriov *s = c->s;

	/* the kernel is still at it: another write would wait behind it */
	if (failure == -ETIMEDOUT)
		return err_wrap(e, failure, "left as it is");
	int error = refresh(s, NULL);
	if (!c->removed && s->n)
		return keep(c, failure, e);
	if (error == 0 && s->nvme.error == 0 && s->n)
		error = nvme_take(s, NULL);
	if (s->n)
		error = remove_all(c, NULL);
	if (set_autoprobe(s, c->auto_before, NULL) < 0)
		return err_wrap(e, failure,
				SRIOV_AUTOPROBE " of %s could not be put back to %s after this",
				s->pf->name, c->auto_before);
	if (error == 0 && c->before && s->n == 0)
		error = set_count(s, (unsigned)c->before, NULL);
	if (error < 0)
		return err_wrap(e, failure,
				"%s could not be left with %s, as it was before, after this",
				s->pf->name, change_functions(c, c->before));
	record_remove(s);
	if (c->before)
		return err_wrap(e, failure, "%s has its %s again, made anew", s->pf->name,
				change_functions(c, c->before));
	return err_wrap(e, failure, "no virtual functions were left");
}

static int remake(struct change *c, struct err *e)
{
	struct sriov *s = c->s;
	const struct sriov_record record = { c->auto_before, c->before };
	int error = record_write(s, &record, e);

	if (error < 0)
		return error;
	if (c->before)
		error = remove_all(c, e);
	c->removed = error == 0;
	if (error == 0 && c->share.reset)
		error = nvme_let_go(s, c->request->limit_ms, e);
	if (error == 0 && c->request->count)
		error = create(c, e);
	else if (error == 0)
		error = set_autoprobe(s, c->auto_before, e);
	if (error < 0)
		return take_back(c, error, e);
	if (c->stopped)
		change_step(c,
			    "left stopped: what was stopped for the handover of the old ones; to "
			    "start it: systemctl start %s",
			    c->stopped);
	record_remove(s);
	return refresh(s, e);
}

/* Settings of functions that stay; what was set before a failure is set back. */
static int adjust(struct change *c, struct err *e)
{
	const struct sriov_request *request = c->request;
	struct sriov *s = c->s;
	const struct sriov before = *s;
	size_t n = 0;
	int error = 0;

	for (; n < request->n_settings; n++) {
		if (!sriov_is_set(&before, &request->setting[n]))
			error = apply_setting(s, &request->setting[n], e);
		if (error < 0)
			break; /* this one is as it was */
	}
	if (error == 0 && request->n_settings)
		error = verify_settings(c, e);
	if (error == 0 && request->guests && request->count && !sriov_are_with_vfio(s))
		error = give_to_guests(c, e);
	if (error == 0)
		return refresh(s, e);
	for (size_t i = n; i-- > 0;) {
		const struct vf_setting *setting = &request->setting[i];
		const struct vf_link *link =
			setting->vf < before.n ? before.vf[setting->vf].link : NULL;

		if (sriov_is_set(&before, setting) || !link || !(link->known & 1u << setting->kind))
			continue;
		if (apply_setting(s, &link->setting[setting->kind], NULL) < 0)
			return err_wrap(
				e, error,
				"%s of virtual function %u could not be set back after this",
				vf_setting_name(setting->kind), setting->vf);
	}
	return err_wrap(e, error, "nothing was changed");
}

int sriov_change(struct sriov *s, const struct sriov_request *request, struct sriov_steps *ret,
		 struct err *e)
{
	sigset_t held, before;
	struct change c;
	int lock, error = record_lock(s, &lock, e);

	*ret = (struct sriov_steps){ 0 };
	if (error < 0)
		return error;
	sigemptyset(&held);
	sigaddset(&held, SIGINT);
	sigaddset(&held, SIGTERM);
	sigaddset(&held, SIGHUP);
	sigprocmask(SIG_BLOCK, &held, &before);
	error = change_plan(&c, s, request, e);
	if (error == 0 && c.anew)
		error = remake(&c, e);
	else if (error == 0 && c.steps.n)
		error = adjust(&c, e);
	*ret = c.steps;
	record_unlock(s, lock);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return error;
}
