// SPDX-License-Identifier: MIT
// Lanes and speed of the link. Fewer lanes than the device has are a slot that is too small, or a
// bad contact. A lower speed alone is no fault: links slow down while nobody uses them. What sleeps
// is not asked, since the answer would wake it or be wrong. The functions of a card have one link,
// so the first of them speaks for all.

#include "base/text.h"
#include "check/device.h"

#include <errno.h>

static const struct fact_text *first_error(const struct pci_detail *detail)
{
	const struct fact_text *const facts[] = {
		&detail->link_width_max,
		&detail->link_width,
		&detail->link_speed_max,
		&detail->link_speed,
	};

	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		if (facts[i]->error)
			return facts[i];
	}
	return NULL;
}

static bool is_further_function(const struct pci_function *f)
{
	const struct selection *together = &f->facts->together;

	for (size_t i = 0; i < together->n; i++) {
		const struct pci_function *other = together->function[i];

		if (pci_same_slot(other->address, f->address) &&
		    other->address.function < f->address.function)
			return true;
	}
	return false;
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct pci_detail *detail = &f->facts->detail;
	const struct fact_text *missing = first_error(detail);
	const char *path = device_path(v, f, "current_link_width");
	uint64_t now, most;

	(void)host;
	if (f->error || pci_is_bridge(f) || is_further_function(f))
		return;
	if (missing) {
		/*
		 * No link at all: integrated, conventional or virtual. And a card that sleeps is no
		 * reason to call a host not ready: `show` says that its link is not known.
		 */
		if (missing->error != -ENOENT && missing->error != PCI_ASLEEP)
			verdict_unknown(v, path, missing->error);
		return;
	}
	verdict_evidence(v, path, "x%s of x%s", detail->link_width.value,
			 detail->link_width_max.value);
	verdict_evidence(v, device_path(v, f, "current_link_speed"), "%s of %s",
			 detail->link_speed.value, detail->link_speed_max.value);
	if (text_number(detail->link_width.value, 10, 64, &now) < 0 ||
	    text_number(detail->link_width_max.value, 10, 64, &most) < 0) {
		verdict_unknown(v, path, -EBADMSG);
		return;
	}
	if (now < most) {
		verdict_set(v, VERDICT_WARN, "its link runs at x%s and could run at x%s",
			    detail->link_width.value, detail->link_width_max.value);
		verdict_fix(v, NULL,
			    "Seat the card again, or use a slot with more lanes; some boards share "
			    "lanes between slots.");
		return;
	}
	if (str_eq(detail->link_speed.value, detail->link_speed_max.value))
		verdict_set(v, VERDICT_PASS, "its link runs at x%s, %s", detail->link_width.value,
			    detail->link_speed.value);
	else
		verdict_set(v, VERDICT_PASS,
			    "its link runs at x%s, %s of %s now: links slow down when idle, or the "
			    "slot is slower",
			    detail->link_width.value, detail->link_speed.value,
			    detail->link_speed_max.value);
}

const struct check check_link_width = {
	.id = "link-width",
	.title = "PCI Express link",
	.area = "device",
	.scope = CHECK_DEVICE,
	.judge = judge,
};
