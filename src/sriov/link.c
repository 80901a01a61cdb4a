// SPDX-License-Identifier: MIT
// Settings of virtual functions over rtnetlink: IFLA_VFINFO_LIST of the physical function's
// interface (net/core/rtnetlink.c: rtnl_fill_vfinfo(), do_setvfinfo()). Each setting is a request
// of its own, so that a refusal has a name. The attributes are laid here and not by libnl-route's
// objects: its 3.7 sends the VLAN protocol in the order of the machine, where the kernel wants that
// of the network.

#include "base/dl.h"
#include "sriov/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/handlers.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <string.h>

#define LIBRARY "libnl-3.so.200"

/* clang-format off */
#define SYMBOLS(X) \
	X(nl_connect) \
	X(nl_geterror) \
	X(nl_recvmsgs_default) \
	X(nl_send_auto) \
	X(nl_send_sync) \
	X(nl_socket_alloc) \
	X(nl_socket_enable_msg_peek) \
	X(nl_socket_free) \
	X(nl_socket_modify_cb) \
	X(nl_wait_for_ack) \
	X(nla_data) \
	X(nla_find) \
	X(nla_get_u32) \
	X(nla_len) \
	X(nla_nest_end) \
	X(nla_nest_start) \
	X(nla_next) \
	X(nla_ok) \
	X(nla_put) \
	X(nla_put_u32) \
	X(nla_type) \
	X(nlmsg_alloc_simple) \
	X(nlmsg_append) \
	X(nlmsg_find_attr) \
	X(nlmsg_free) \
	X(nlmsg_hdr)

static struct {
	SYMBOLS(DL_POINTER)
} nl;

#define ROW(symbol) DL_ROW(nl, symbol)
static const struct dl_symbol symbols[] = { SYMBOLS(ROW) };
/* clang-format on */

static int load(struct err *e)
{
	return dl_load(LIBRARY, symbols, ARRAY_SIZE(symbols), e);
}

/* ---- attributes ---- */

static void known(struct vf_link *link, const struct vf_setting *setting)
{
	link->known |= 1u << setting->kind;
	link->setting[setting->kind] = *setting;
}

/* The data of @a as a structure of @size bytes, which begins with the number of the function. */
static bool take(struct nlattr *a, void *ret, size_t size)
{
	if ((size_t)nl.nla_len(a) < size)
		return false;
	memcpy(ret, nl.nla_data(a), size);
	return true;
}

static void read_switch(struct nlattr *a, enum vf_setting_kind kind, struct vf_link *link)
{
	struct ifla_vf_spoofchk s; /* struct ifla_vf_trust is the same */

	/* (u32)-1: the driver does not say */
	if (take(a, &s, sizeof(s)) && s.setting != UINT32_MAX)
		known(link, &(struct vf_setting){ s.vf, kind, .on = s.setting });
}

static void read_vlans(struct nlattr *list, struct vf_link *link)
{
	struct ifla_vf_vlan_info v;
	struct nlattr *a = nl.nla_find(nl.nla_data(list), nl.nla_len(list), IFLA_VF_VLAN_INFO);

	if (a && take(a, &v, sizeof(v)))
		known(link, &(struct vf_setting){ v.vf, VF_VLAN,
						  .vlan = { (uint16_t)v.vlan, (uint8_t)v.qos,
							    ntohs(v.vlan_proto) } });
}

static void read_attribute(struct nlattr *a, struct vf_link *link)
{
	struct vf_setting setting = { 0 };
	union {
		struct ifla_vf_mac mac;
		struct ifla_vf_vlan vlan;
		struct ifla_vf_link_state state;
		struct ifla_vf_rate rate;
	} u;

	switch (nl.nla_type(a)) {
	case IFLA_VF_MAC:
		if (!take(a, &u.mac, sizeof(u.mac)))
			return;
		link->vf = u.mac.vf;
		setting = (struct vf_setting){ u.mac.vf, VF_MAC };
		memcpy(setting.mac, u.mac.mac, sizeof(setting.mac));
		known(link, &setting);
		return;
	case IFLA_VF_VLAN:
		/* kernels before 4.9; the list, where there is one, comes later and says more */
		if (take(a, &u.vlan, sizeof(u.vlan)))
			known(link,
			      &(struct vf_setting){ u.vlan.vf, VF_VLAN,
						    .vlan = { (uint16_t)u.vlan.vlan,
							      (uint8_t)u.vlan.qos, ETH_P_8021Q } });
		return;
	case IFLA_VF_VLAN_LIST:
		read_vlans(a, link);
		return;
	case IFLA_VF_SPOOFCHK:
		read_switch(a, VF_SPOOF_CHECK, link);
		return;
	case IFLA_VF_TRUST:
		read_switch(a, VF_TRUST, link);
		return;
	case IFLA_VF_LINK_STATE:
		if (take(a, &u.state, sizeof(u.state)))
			known(link, &(struct vf_setting){
					    u.state.vf, VF_LINK,
					    .link = (enum vf_link_state)u.state.link_state });
		return;
	case IFLA_VF_RATE:
		if (take(a, &u.rate, sizeof(u.rate)))
			known(link, &(struct vf_setting){
					    u.rate.vf, VF_RATE,
					    .rate = { u.rate.min_tx_rate, u.rate.max_tx_rate } });
		return;
	default:
		return;
	}
}

static struct nlattr *next_attribute(struct nlattr *a, int *remaining)
{
	a = nl.nla_next(a, remaining);
	return nl.nla_ok(a, *remaining) ? a : NULL;
}

static struct nlattr *first_attribute(struct nlattr *nest, int *ret_remaining)
{
	struct nlattr *a = nl.nla_data(nest);

	*ret_remaining = nl.nla_len(nest);
	return nl.nla_ok(a, *ret_remaining) ? a : NULL;
}

static int by_vf(const void *a, const void *b)
{
	unsigned first = ((const struct vf_link *)a)->vf, second = ((const struct vf_link *)b)->vf;

	return (first > second) - (first < second);
}

int link_parse(struct arena *a, struct nlmsghdr *message, struct vf_links *ret, struct err *e)
{
	int remaining, inner, error = load(e);

	*ret = (struct vf_links){ 0 };
	if (error < 0)
		return error;
	struct nlattr *list =
		nl.nlmsg_find_attr(message, sizeof(struct ifinfomsg), IFLA_VFINFO_LIST);
	if (!list)
		return 0;
	/* a function takes more than one attribute of four bytes */
	ret->link = arena_array(a, (size_t)nl.nla_len(list) / NLA_HDRLEN + 1, sizeof(*ret->link));
	for (struct nlattr *info = first_attribute(list, &remaining); info;
	     info = next_attribute(info, &remaining)) {
		if (nl.nla_type(info) != IFLA_VF_INFO)
			continue;
		for (struct nlattr *one = first_attribute(info, &inner); one;
		     one = next_attribute(one, &inner))
			read_attribute(one, &ret->link[ret->n]);
		ret->n += ret->link[ret->n].known != 0;
	}
	if (ret->n > 1)
		qsort(ret->link, ret->n, sizeof(*ret->link), by_vf);
	return 0;
}

static int put_vlan(struct nl_msg *message, const struct vf_setting *s)
{
	struct ifla_vf_vlan_info info;
	struct ifla_vf_vlan plain = { s->vf, s->vlan.id, s->vlan.qos };

	memset(&info, 0, sizeof(info)); /* what it is padded with as well */
	info.vf = s->vf;
	info.vlan = s->vlan.id;
	info.qos = s->vlan.qos;
	info.vlan_proto = htons(s->vlan.protocol);
	/* drivers that know one protocol only are asked as they always were */
	if (s->vlan.protocol == ETH_P_8021Q)
		return nl.nla_put(message, IFLA_VF_VLAN, sizeof(plain), &plain);
	struct nlattr *list = nl.nla_nest_start(message, IFLA_VF_VLAN_LIST);
	if (!list)
		return -NLE_MSGSIZE;
	int error = nl.nla_put(message, IFLA_VF_VLAN_INFO, sizeof(info), &info);
	nl.nla_nest_end(message, list);
	return error;
}

static int put_setting(struct nl_msg *message, const struct vf_setting *s)
{
	struct ifla_vf_mac mac = { .vf = s->vf };
	struct ifla_vf_spoofchk on = { .vf = s->vf };
	struct ifla_vf_link_state state = { .vf = s->vf };
	struct ifla_vf_rate rate = { .vf = s->vf };

	switch (s->kind) {
	case VF_MAC:
		memcpy(mac.mac, s->mac, sizeof(s->mac));
		return nl.nla_put(message, IFLA_VF_MAC, sizeof(mac), &mac);
	case VF_VLAN:
		return put_vlan(message, s);
	case VF_TRUST:
		on.setting = s->on;
		return nl.nla_put(message, IFLA_VF_TRUST, sizeof(on), &on);
	case VF_SPOOF_CHECK:
		on.setting = s->on;
		return nl.nla_put(message, IFLA_VF_SPOOFCHK, sizeof(on), &on);
	case VF_LINK:
		state.link_state = (uint32_t)s->link;
		return nl.nla_put(message, IFLA_VF_LINK_STATE, sizeof(state), &state);
	case VF_RATE:
		rate.min_tx_rate = s->rate.min_mbps;
		rate.max_tx_rate = s->rate.max_mbps;
		return nl.nla_put(message, IFLA_VF_RATE, sizeof(rate), &rate);
	case VF_SETTINGS:
		break;
	}
	return -NLE_INVAL;
}

/* ---- requests ---- */

static void free_message(struct nl_msg **message)
{
	if (*message)
		nl.nlmsg_free(*message);
}

static void free_socket(struct nl_sock **socket)
{
	if (*socket)
		nl.nl_socket_free(*socket);
}

/* libnl has errors of its own; those that mean something to us go back to what the kernel said. */
static int failed(struct err *e, int error, const char *what)
{
	static const struct {
		int nle, error;
	} table[] = {
		{ NLE_OPNOTSUPP, -EOPNOTSUPP }, { NLE_PERM, -EPERM },   { NLE_NOACCESS, -EACCES },
		{ NLE_BUSY, -EBUSY },           { NLE_INVAL, -EINVAL }, { NLE_RANGE, -ERANGE },
		{ NLE_NODEV, -ENODEV },         { NLE_NOMEM, -ENOMEM },
	};
	int number = -EIO;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (error == -table[i].nle)
			number = table[i].error;
	}
	return err_fail(e, number, "%s: %s", what, nl.nl_geterror(error));
}

static int begin(int type, unsigned interface, struct nl_msg **ret)
{
	struct ifinfomsg header = { .ifi_family = AF_UNSPEC, .ifi_index = (int)interface };

	*ret = nl.nlmsg_alloc_simple(type, 0);
	return *ret ? nl.nlmsg_append(*ret, &header, sizeof(header), NLMSG_ALIGNTO) : -NLE_NOMEM;
}

int link_build(unsigned interface, const struct vf_setting *setting, struct nl_msg **ret,
	       struct err *e)
{
	int error = load(e);

	*ret = NULL;
	if (error < 0)
		return error;
	error = begin(RTM_SETLINK, interface, ret);
	if (error < 0)
		return failed(e, error, "building a netlink request");
	struct nlattr *list = nl.nla_nest_start(*ret, IFLA_VFINFO_LIST);
	struct nlattr *info = list ? nl.nla_nest_start(*ret, IFLA_VF_INFO) : NULL;
	error = info ? put_setting(*ret, setting) : -NLE_MSGSIZE;
	if (error < 0) {
		nl.nlmsg_free(*ret);
		*ret = NULL;
		return failed(e, error, "building a netlink request");
	}
	nl.nla_nest_end(*ret, info);
	nl.nla_nest_end(*ret, list);
	return 0;
}

static int open_socket(struct nl_sock **ret, struct err *e)
{
	*ret = nl.nl_socket_alloc();
	int error = *ret ? nl.nl_connect(*ret, NETLINK_ROUTE) : -NLE_NOMEM;

	if (error < 0)
		return failed(e, error, "opening a netlink socket");
	/* an answer about 128 functions does not fit in a page */
	nl.nl_socket_enable_msg_peek(*ret);
	return 0;
}

int link_set(const struct sriov_kernel *kernel, unsigned interface,
	     const struct vf_setting *setting, struct err *e)
{
	CLEANUP(free_message) struct nl_msg *message = NULL;
	CLEANUP(free_socket) struct nl_sock *socket = NULL;
	int error = link_build(interface, setting, &message, e);

	(void)kernel;
	if (error == 0)
		error = open_socket(&socket, e);
	if (error < 0)
		return error;
	error = nl.nl_send_sync(socket, message);
	message = NULL; /* it is freed there */
	return error < 0 ? failed(e, error, "the kernel does not take it") : 0;
}

struct answer {
	struct arena *a;
	struct vf_links *links;
	struct err *e;
	int error;
};

static int take_answer(struct nl_msg *message, void *closure)
{
	struct answer *answer = closure;

	answer->error = link_parse(answer->a, nl.nlmsg_hdr(message), answer->links, answer->e);
	return NL_OK;
}

int link_read(const struct sriov_kernel *kernel, struct arena *a, unsigned interface,
	      struct vf_links *ret, struct err *e)
{
	CLEANUP(free_message) struct nl_msg *message = NULL;
	CLEANUP(free_socket) struct nl_sock *socket = NULL;
	struct answer answer = { a, ret, e, 0 };
	int error = load(e);

	(void)kernel;
	*ret = (struct vf_links){ 0 };
	if (error == 0)
		error = open_socket(&socket, e);
	if (error < 0)
		return error;
	error = begin(RTM_GETLINK, interface, &message);
	if (error == 0)
		error = nl.nla_put_u32(message, IFLA_EXT_MASK, RTEXT_FILTER_VF);
	if (error == 0)
		error = nl.nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, take_answer,
					       &answer);
	if (error == 0)
		error = nl.nl_send_auto(socket, message);
	if (error >= 0)
		error = nl.nl_recvmsgs_default(socket);
	if (error < 0)
		return failed(e, error, "asking for the virtual functions of the card");
	return answer.error;
}
