// SPDX-License-Identifier: MIT
// Settings of a network card's virtual functions, as people write them. What the kernel takes in
// silence and a guest then stumbles over (an address for a group of stations, VLAN 4095) is a usage
// error here. Limits: linux/if_vlan.h, net/core/rtnetlink.c (do_setvfinfo()).

#include "base/text.h"
#include "sriov/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <stdio.h>

#define VLAN_ID_MAX 4094
#define VLAN_QOS_MAX 7

static const struct {
	const char *option, *name, *form;
} kinds[VF_SETTINGS] = {
	[VF_MAC] = { "mac", "MAC address", "VF=02:00:00:00:00:01" },
	[VF_VLAN] = { "vlan", "VLAN", "VF=ID[:PRIORITY[:802.1Q|802.1ad]]" },
	[VF_TRUST] = { "trust", "trust", "VF=on or VF=off" },
	[VF_SPOOF_CHECK] = { "spoof-check", "spoof check", "VF=on or VF=off" },
	[VF_LINK] = { "link", "link state", "VF=auto, VF=on or VF=off" },
	[VF_RATE] = { "rate", "rate", "VF=MBIT or VF=MIN-MAX" },
};

const char *vf_setting_name(enum vf_setting_kind kind)
{
	return kinds[kind].name;
}

/* ---- values ---- */

static bool parse_mac(const char *text, uint8_t mac[6])
{
	uint64_t byte;

	for (int i = 0; i < 6; i++) {
		if (text_hex_prefix(text, 2, &byte) != 2 || text[2] != (i < 5 ? ':' : '\0'))
			return false;
		mac[i] = (uint8_t)byte;
		text += 3;
	}
	return true;
}

/* Neither a group's nor zero, as is_valid_ether_addr() of linux/etherdevice.h. */
static bool is_station(const uint8_t mac[6])
{
	static const uint8_t zero[6];

	return !(mac[0] & 1) && memcmp(mac, zero, sizeof(zero)) != 0;
}

static bool parse_vlan(const char *text, struct vf_vlan *ret)
{
	char id[8], qos[8] = "0", protocol[8] = "802.1Q";
	uint64_t number;
	int n = 0;

	sscanf(text, "%7[0-9]%n:%7[0-9]%n:%7[0-9.a-zA-Z]%n", id, &n, qos, &n, protocol, &n);
	if (n == 0 || text[n] || text_number(id, 10, VLAN_ID_MAX, &number) < 0)
		return false;
	ret->id = (uint16_t)number;
	if (text_number(qos, 10, VLAN_QOS_MAX, &number) < 0)
		return false;
	ret->qos = (uint8_t)number;
	ret->protocol = str_eq(protocol, "802.1ad") ? ETH_P_8021AD : ETH_P_8021Q;
	return ret->protocol == ETH_P_8021AD || str_eq(protocol, "802.1Q");
}

static bool parse_switch(const char *text, bool *ret)
{
	*ret = str_eq(text, "on");
	return *ret || str_eq(text, "off");
}

static const char *const link_words[] = {
	[VF_LINK_AUTO] = "auto", [VF_LINK_ON] = "on", [VF_LINK_OFF] = "off"
};

static bool parse_link(const char *text, enum vf_link_state *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(link_words); i++) {
		if (!str_eq(text, link_words[i]))
			continue;
		*ret = (enum vf_link_state)i;
		return true;
	}
	return false;
}

static bool parse_rate(const char *text, struct vf_rate *ret)
{
	char first[12], second[12] = "";
	uint64_t number;
	int n = 0;

	sscanf(text, "%11[0-9]%n-%11[0-9]%n", first, &n, second, &n);
	if (n == 0 || text[n])
		return false;
	*ret = (struct vf_rate){ 0 };
	if (*second) {
		if (text_number(first, 10, UINT32_MAX, &number) < 0)
			return false;
		ret->min_mbps = (uint32_t)number;
	}
	if (text_number(*second ? second : first, 10, UINT32_MAX, &number) < 0)
		return false;
	ret->max_mbps = (uint32_t)number;
	return ret->min_mbps <= ret->max_mbps;
}

static bool parse_value(const char *text, struct vf_setting *ret)
{
	switch (ret->kind) {
	case VF_MAC:
		return parse_mac(text, ret->mac) && is_station(ret->mac);
	case VF_VLAN:
		return parse_vlan(text, &ret->vlan);
	case VF_TRUST:
	case VF_SPOOF_CHECK:
		return parse_switch(text, &ret->on);
	case VF_LINK:
		return parse_link(text, &ret->link);
	case VF_RATE:
		return parse_rate(text, &ret->rate);
	case VF_SETTINGS:
		break;
	}
	return false;
}

const char *vf_setting_text(struct arena *a, const struct vf_setting *s)
{
	switch (s->kind) {
	case VF_MAC:
		return arena_printf(a, "%02x:%02x:%02x:%02x:%02x:%02x", s->mac[0], s->mac[1],
				    s->mac[2], s->mac[3], s->mac[4], s->mac[5]);
	case VF_VLAN:
		if (s->vlan.id == 0 && s->vlan.qos == 0)
			return "none";
		return arena_printf(
			a, s->vlan.qos || s->vlan.protocol == ETH_P_8021AD ? "%u:%u%s" : "%u",
			s->vlan.id, s->vlan.qos,
			s->vlan.protocol == ETH_P_8021AD ? ":802.1ad" : "");
	case VF_TRUST:
	case VF_SPOOF_CHECK:
		return s->on ? "on" : "off";
	case VF_LINK:
		return s->link < ARRAY_SIZE(link_words) ? link_words[s->link] : "unknown";
	case VF_RATE:
		if (s->rate.min_mbps == 0 && s->rate.max_mbps == 0)
			return "unlimited";
		return s->rate.min_mbps ? arena_printf(a, "%" PRIu32 "-%" PRIu32 " Mbit/s",
						       s->rate.min_mbps, s->rate.max_mbps)
					: arena_printf(a, "%" PRIu32 " Mbit/s", s->rate.max_mbps);
	case VF_SETTINGS:
		break;
	}
	return "unknown";
}

bool vf_setting_same(const struct vf_setting *a, const struct vf_setting *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case VF_MAC:
		return memcmp(a->mac, b->mac, sizeof(a->mac)) == 0;
	case VF_VLAN:
		/* without a VLAN nothing says which protocol it would have */
		return a->vlan.id == b->vlan.id && a->vlan.qos == b->vlan.qos &&
		       (a->vlan.protocol == b->vlan.protocol || (!a->vlan.id && !a->vlan.qos));
	case VF_TRUST:
	case VF_SPOOF_CHECK:
		return a->on == b->on;
	case VF_LINK:
		return a->link == b->link;
	case VF_RATE:
		return a->rate.min_mbps == b->rate.min_mbps && a->rate.max_mbps == b->rate.max_mbps;
	case VF_SETTINGS:
		break;
	}
	return false;
}

/* ---- lists ---- */

static int append(const struct vf_setting *setting, struct vf_setting *list, size_t *n,
		  struct err *e)
{
	for (size_t i = 0; i < *n; i++) {
		const struct vf_setting *other = &list[i];

		if (other->kind != setting->kind)
			continue;
		if (other->vf == setting->vf)
			return err_usage(e, "--%s says two things about virtual function %u",
					 kinds[setting->kind].option, setting->vf);
		if (setting->kind == VF_MAC && vf_setting_same(setting, other))
			return err_usage(e,
					 "virtual functions %u and %u cannot have the same MAC "
					 "address",
					 other->vf, setting->vf);
	}
	list[(*n)++] = *setting;
	return 0;
}

int vf_parse_setting(enum vf_setting_kind kind, const char *text, unsigned count,
		     struct vf_setting *list, size_t *n, struct err *e)
{
	const char *equals = strchr(text, '=');
	struct vf_setting setting = { .kind = kind };
	char vf[16] = "";
	uint64_t index = 0;

	if (equals && (size_t)(equals - text) < sizeof(vf))
		memcpy(vf, text, (size_t)(equals - text));
	bool all = str_eq(vf, "all") && kind != VF_MAC;
	if (!*vf || (!all && text_number(vf, 10, UINT16_MAX, &index) < 0) ||
	    !parse_value(equals + 1, &setting))
		return err_usage(e, "--%s takes %s, not %s", kinds[kind].option, kinds[kind].form,
				 text);
	if (!all && index >= count)
		return err_usage(e,
				 "--%s %s: there is no virtual function %" PRIu64
				 " of %u, they count from 0",
				 kinds[kind].option, text, index, count);
	for (unsigned i = 0; i < (all ? count : 1); i++) {
		setting.vf = all ? i : (unsigned)index;
		int error = append(&setting, list, n, e);
		if (error < 0)
			return error;
	}
	return 0;
}

int vf_parse_mac_base(const char *text, unsigned count, struct vf_setting *list, size_t *n,
		      struct err *e)
{
	struct vf_setting setting = { .kind = VF_MAC };

	if (!parse_mac(text, setting.mac) || !is_station(setting.mac))
		return err_usage(e,
				 "--mac-base takes the address of the first virtual function, "
				 "02:00:00:00:00:00 say, not %s",
				 text);
	for (setting.vf = 0; setting.vf < count; setting.vf++) {
		int error = is_station(setting.mac) ? append(&setting, list, n, e)
						    : err_usage(e,
								"--mac-base %s: the addresses end "
								"before the virtual functions",
								text);
		if (error < 0)
			return error;
		for (int i = 5; i >= 0 && ++setting.mac[i] == 0; i--)
			;
	}
	return 0;
}
