// SPDX-License-Identifier: MIT
// Settings of virtual functions: as people write them, and as the kernel takes and gives them. The
// bytes are those of uAPI linux/if_link.h. As root the kernel itself is asked: its answer to a
// request for an interface without virtual functions differs from that to a malformed one.

#include "base/text.h"
#include "sriov/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <string.h>

#define COUNT 3

/* ---- words ---- */

static const struct {
	enum vf_setting_kind kind;
	const char *text, *value; /* NULL: wrong */
	unsigned vf;
} words[] = {
	{ VF_MAC, "0=02:00:00:00:00:0a", "02:00:00:00:00:0a", 0 },
	{ VF_MAC, "2=AA:bb:0C:00:00:01", "aa:bb:0c:00:00:01", 2 },
	{ VF_MAC, "0=01:00:00:00:00:01", NULL, 0 }, /* a group's */
	{ VF_MAC, "0=00:00:00:00:00:00", NULL, 0 },
	{ VF_MAC, "0=02:00:00:00:00", NULL, 0 },
	{ VF_MAC, "0=02:00:00:00:00:01:02", NULL, 0 },
	{ VF_MAC, "0=02-00-00-00-00-01", NULL, 0 },
	{ VF_MAC, "3=02:00:00:00:00:01", NULL, 0 },
	{ VF_MAC, "all=02:00:00:00:00:01", NULL, 0 },
	{ VF_MAC, "02:00:00:00:00:01", NULL, 0 },
	{ VF_MAC, "=02:00:00:00:00:01", NULL, 0 },
	{ VF_VLAN, "1=100", "100", 1 },
	{ VF_VLAN, "1=100:3", "100:3", 1 },
	{ VF_VLAN, "1=100:0:802.1ad", "100:0:802.1ad", 1 },
	{ VF_VLAN, "1=100:7:802.1Q", "100:7", 1 },
	{ VF_VLAN, "1=0", "none", 1 },
	{ VF_VLAN, "1=4094", "4094", 1 },
	{ VF_VLAN, "1=4095", NULL, 0 },
	{ VF_VLAN, "1=100:8", NULL, 0 },
	{ VF_VLAN, "1=100:", NULL, 0 },
	{ VF_VLAN, "1=100:1:802.1x", NULL, 0 },
	{ VF_VLAN, "1=-1", NULL, 0 },
	{ VF_TRUST, "2=on", "on", 2 },
	{ VF_TRUST, "2=yes", NULL, 0 },
	{ VF_SPOOF_CHECK, "0=off", "off", 0 },
	{ VF_LINK, "0=auto", "auto", 0 },
	{ VF_LINK, "0=on", "on", 0 },
	{ VF_LINK, "0=off", "off", 0 },
	{ VF_LINK, "0=up", NULL, 0 },
	{ VF_RATE, "0=1000", "1000 Mbit/s", 0 },
	{ VF_RATE, "0=100-1000", "100-1000 Mbit/s", 0 },
	{ VF_RATE, "0=0", "unlimited", 0 },
	{ VF_RATE, "0=1000-100", NULL, 0 },
	{ VF_RATE, "0=1g", NULL, 0 },
	{ VF_RATE, "x=1", NULL, 0 },
	{ VF_RATE, "-1=1", NULL, 0 },
};

static void test_words(void **state)
{
	CLEANUP_ARENA struct arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct vf_setting list[COUNT];
		struct err e = { 0 };
		size_t n = 0;
		int error = vf_parse_setting(words[i].kind, words[i].text, COUNT, list, &n, &e);

		if (!words[i].value) {
			assert_int_equal(error, -EINVAL);
			assert_int_equal(e.kind, ERR_USAGE);
			assert_int_equal(n, 0);
			continue;
		}
		if (error)
			fail_msg("%s: %s", words[i].text, e.text);
		assert_int_equal(n, 1);
		assert_int_equal(list[0].vf, words[i].vf);
		assert_string_equal(vf_setting_text(&a, &list[0]), words[i].value);
	}
}

static void test_lists(void **state)
{
	struct vf_setting list[16];
	struct err e = { 0 };
	size_t n = 0;

	(void)state;
	assert_int_equal(vf_parse_setting(VF_VLAN, "all=7", COUNT, list, &n, &e), 0);
	assert_int_equal(n, COUNT);
	assert_int_equal(list[2].vf, 2);
	assert_int_equal(vf_parse_setting(VF_VLAN, "1=8", COUNT, list, &n, &e), -EINVAL);
	assert_non_null(strstr(e.text, "two things about virtual function 1"));
	assert_int_equal(vf_parse_setting(VF_MAC, "1=02:00:00:00:00:01", COUNT, list, &n, &e), 0);
	assert_int_equal(vf_parse_setting(VF_MAC, "0=02:00:00:00:00:01", COUNT, list, &n, &e),
			 -EINVAL);
	assert_non_null(strstr(e.text, "cannot have the same MAC"));
	n = 0;
	assert_int_equal(vf_parse_mac_base("02:00:00:00:fe:ff", COUNT, list, &n, &e), 0);
	assert_int_equal(n, COUNT);
	assert_memory_equal(list[1].mac, ((uint8_t[]){ 2, 0, 0, 0, 0xff, 0 }), 6);
	assert_int_equal(list[2].mac[5], 1);
	n = 0;
	assert_int_equal(vf_parse_mac_base("fe:ff:ff:ff:ff:ff", COUNT, list, &n, &e), -EINVAL);
	assert_int_equal(vf_parse_mac_base("03:00:00:00:00:00", COUNT, list, &n, &e), -EINVAL);
}

/* ---- bytes ---- */

static const struct vf_setting settings[] = {
	{ 5, VF_MAC, .mac = { 2, 1, 2, 3, 4, 5 } },
	{ 5, VF_VLAN, .vlan = { 100, 3, ETH_P_8021Q } },
	{ 5, VF_VLAN, .vlan = { 100, 3, ETH_P_8021AD } },
	{ 5, VF_TRUST, .on = true },
	{ 5, VF_SPOOF_CHECK, .on = false },
	{ 5, VF_LINK, .link = VF_LINK_OFF },
	{ 5, VF_RATE, .rate = { 10, 1000 } },
};

/* The attribute inside of IFLA_VFINFO_LIST, IFLA_VF_INFO. */
static const struct nlattr *innermost(struct nl_msg *message)
{
	struct nlmsghdr *header = nlmsg_hdr(message);
	struct ifinfomsg *info = nlmsg_data(header);

	assert_int_equal(header->nlmsg_type, RTM_SETLINK);
	assert_int_equal(info->ifi_index, 7);
	const struct nlattr *list = nlmsg_find_attr(header, sizeof(*info), IFLA_VFINFO_LIST);
	assert_non_null(list);
	const struct nlattr *one = nla_data(list);
	assert_int_equal(nla_type(one), IFLA_VF_INFO);
	assert_int_equal(nla_len(list), nla_total_size(nla_len(one)));
	const struct nlattr *attribute = nla_data(one);
	assert_int_equal(nla_len(one), nla_total_size(nla_len(attribute)));
	return attribute;
}

static void test_requests(void **state)
{
	const struct ifla_vf_mac mac = { .vf = 5, .mac = { 2, 1, 2, 3, 4, 5 } };
	const struct ifla_vf_vlan vlan = { 5, 100, 3 };
	static const struct ifla_vf_vlan_info info = { 5, 100, 3, 0xa888 }; /* 88a8, swapped */
	const struct ifla_vf_trust trust = { 5, 1 };
	const struct ifla_vf_spoofchk spoof = { 5, 0 };
	const struct ifla_vf_link_state link = { 5, IFLA_VF_LINK_STATE_DISABLE };
	const struct ifla_vf_rate rate = { 5, 10, 1000 };
	const struct {
		int type;
		const void *data;
		size_t n;
	} wanted[ARRAY_SIZE(settings)] = {
		{ IFLA_VF_MAC, &mac, sizeof(mac) },
		{ IFLA_VF_VLAN, &vlan, sizeof(vlan) },
		{ IFLA_VF_VLAN_LIST, &info, sizeof(info) },
		{ IFLA_VF_TRUST, &trust, sizeof(trust) },
		{ IFLA_VF_SPOOFCHK, &spoof, sizeof(spoof) },
		{ IFLA_VF_LINK_STATE, &link, sizeof(link) },
		{ IFLA_VF_RATE, &rate, sizeof(rate) },
	};
	CLEANUP_ARENA struct arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		struct nl_msg *message;
		struct vf_links links;
		struct err e = { 0 };

		assert_int_equal(link_build(7, &settings[i], &message, &e), 0);
		const struct nlattr *attribute = innermost(message);
		assert_int_equal(nla_type(attribute), wanted[i].type);
		if (wanted[i].type == IFLA_VF_VLAN_LIST) {
			attribute = nla_data(attribute);
			assert_int_equal(nla_type(attribute), IFLA_VF_VLAN_INFO);
		}
		assert_int_equal(nla_len(attribute), wanted[i].n);
		assert_memory_equal(nla_data(attribute), wanted[i].data, wanted[i].n);
		/* answers have the same attributes */
		assert_int_equal(link_parse(&a, nlmsg_hdr(message), &links, &e), 0);
		assert_int_equal(links.n, 1);
		assert_int_equal(links.link[0].known, 1u << settings[i].kind);
		assert_true(
			vf_setting_same(&links.link[0].setting[settings[i].kind], &settings[i]));
		assert_int_equal(links.link[0].setting[settings[i].kind].vf, 5);
		nlmsg_free(message);
	}
}

/* ---- an answer ---- */

static void put_function(struct nl_msg *message, unsigned vf)
{
	struct nlattr *info = nla_nest_start(message, IFLA_VF_INFO);
	const struct ifla_vf_mac mac = { .vf = vf, .mac = { 2, 0, 0, 0, 0, (uint8_t)vf } };
	const struct ifla_vf_vlan vlan = { vf, 100, 0 };
	const struct ifla_vf_vlan_info more = { vf, 100, 0, htons(ETH_P_8021AD) };
	const struct ifla_vf_trust silent = { vf, (uint32_t)-1 };

	nla_put(message, IFLA_VF_MAC, sizeof(mac), &mac);
	nla_put(message, IFLA_VF_VLAN, sizeof(vlan), &vlan);
	nla_put(message, IFLA_VF_TRUST, sizeof(silent), &silent);
	/* cut short: nothing is known by it */
	nla_put(message, IFLA_VF_RATE, 4, &vf);
	struct nlattr *list = nla_nest_start(message, IFLA_VF_VLAN_LIST);
	nla_put(message, IFLA_VF_VLAN_INFO, sizeof(more), &more);
	nla_nest_end(message, list);
	nla_nest_end(message, info);
}

static void test_answer(void **state)
{
	const struct ifinfomsg header = { .ifi_index = 7 };
	CLEANUP_ARENA struct arena a = { 0 };
	struct nl_msg *message = nlmsg_alloc_simple(RTM_NEWLINK, 0);
	struct ifinfomsg at = header;
	struct vf_links links;
	struct err e = { 0 };

	(void)state;
	nlmsg_append(message, &at, sizeof(at), NLMSG_ALIGNTO);
	assert_int_equal(link_parse(&a, nlmsg_hdr(message), &links, &e), 0);
	assert_int_equal(links.n, 0);
	struct nlattr *list = nla_nest_start(message, IFLA_VFINFO_LIST);
	put_function(message, 1);
	put_function(message, 0);
	nla_nest_end(message, list);
	assert_int_equal(link_parse(&a, nlmsg_hdr(message), &links, &e), 0);
	assert_int_equal(links.n, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(links.link[i].vf, i);
		assert_int_equal(links.link[i].setting[VF_MAC].mac[5], i);
		assert_int_equal(links.link[i].setting[VF_VLAN].vlan.protocol, ETH_P_8021AD);
		assert_int_equal(links.link[i].known, 1u << VF_MAC | 1u << VF_VLAN);
	}
	nlmsg_free(message);
}

/* ---- the kernel ---- */

/* EOPNOTSUPP comes from behind the kernel's check of the message, EINVAL and ERANGE from it. */
static void test_kernel_understands(void **state)
{
	CLEANUP_ARENA struct arena a = { 0 };
	unsigned lo = if_nametoindex("lo");
	struct vf_links links;
	struct err e = { 0 };

	(void)state;
	if (lo == 0)
		skip();
	assert_int_equal(sriov_kernel_live.link_read(&sriov_kernel_live, &a, lo, &links, &e), 0);
	assert_int_equal(links.n, 0);
	assert_int_not_equal(
		sriov_kernel_live.link_read(&sriov_kernel_live, &a, 0x7ffffff0, &links, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		int error = sriov_kernel_live.link_set(&sriov_kernel_live, lo, &settings[i], &e);

		if (error == -EPERM)
			skip(); /* an ordinary user */
		if (error != -EOPNOTSUPP)
			fail_msg("%s: %d %s", vf_setting_name(settings[i].kind), error, e.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_kernel_understands),
	};

	return cmocka_run_group_tests_name("sriov_settings", tests, NULL, NULL);
}
