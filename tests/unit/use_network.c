// SPDX-License-Identifier: MIT
// Networks that a device carries: routes, bridges, bonds, VLANs and SSH connections, by the files
// that a kernel shows of them.

#include "tests/unit/uses.h"

#define ROUTE_HEAD                                                                                 \
	"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
#define TCP_HEAD                                                                                   \
	"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
#define ZERO8 "00000000"
#define ZERO32 ZERO8 ZERO8 ZERO8 ZERO8

static void put_interface(struct uses *u, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/net/%s", name);
	uses_class(u, "net", uses_path(u, NIC, path));
	snprintf(path, sizeof(path), "/net/%s/operstate", name);
	uses_file(u, NIC, path, "up\n");
}

static void put_virtual(struct uses *u, const char *name, const char *type)
{
	char path[128], text[64];

	snprintf(path, sizeof(path), "sys/devices/virtual/net/%s", name);
	uses_class(u, "net", path);
	snprintf(path, sizeof(path), "sys/devices/virtual/net/%s/uevent", name);
	snprintf(text, sizeof(text), "DEVTYPE=%s\nINTERFACE=%s\n", type, name);
	fake_file(&u->k->tree, path, type ? text : "INTERFACE=x\n");
}

/* @upper stands on the interface whose directory is @lower. */
static void put_upper(struct uses *u, const char *lower, const char *upper, bool is_master)
{
	char path[1024], target[128];

	snprintf(target, sizeof(target), "../../../virtual/net/%s", upper);
	snprintf(path, sizeof(path), "%s/upper_%s", lower, upper);
	fake_link(&u->k->tree, path, target);
	snprintf(path, sizeof(path), "%s/master", lower);
	if (is_master)
		fake_link(&u->k->tree, path, target);
}

static void put_routes(struct uses *u, const char *lines)
{
	char text[1024];

	snprintf(text, sizeof(text), ROUTE_HEAD "%s", lines);
	fake_file(&u->k->tree, "proc/net/route", text);
}

static void test_nothing(void **state)
{
	struct uses *u = *state;

	assert_no_use(u, NIC, USE_NETWORK);
	put_routes(u, "wlan0\t" ZERO8 "\t0101A8C0\t0003\t0\t0\t600\t" ZERO8 "\t0\t0\t0\n");
	assert_no_use(u, NIC, USE_NETWORK);
	put_interface(u, "eth0");
	assert_use(u, NIC, USE_NETWORK, false, "eth0 is up, without a route");
	uses_file(u, NIC, "/net/eth0/operstate", "down\n");
	assert_no_use(u, NIC, USE_NETWORK);
}

static void test_default_route(void **state)
{
	struct uses *u = *state;

	put_interface(u, "eth0");
	put_routes(u, "eth0\t" ZERO8 "\t0101A8C0\t0003\t0\t0\t100\t" ZERO8 "\t0\t0\t0\n"
		      "eth0\t0001A8C0\t" ZERO8 "\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n");
	assert_use(u, NIC, USE_NETWORK, true, "eth0 has the default route");
	assert_use(u, NIC, USE_NETWORK, true, "eth0 has the route to 192.168.1.0/24");
	assert_int_equal(uses_count(u, NIC, USE_NETWORK), 2);
	assert_no_use(u, NVME, USE_NETWORK);
	/* not up, and one that refuses */
	put_routes(u, "eth0\t" ZERO8 "\t0101A8C0\t0002\t0\t0\t100\t" ZERO8 "\t0\t0\t0\n"
		      "eth0\t0001A8C0\t" ZERO8 "\t0201\t0\t0\t100\t00FFFFFF\t0\t0\t0\n");
	assert_use(u, NIC, USE_NETWORK, false, "eth0 is up, without a route");
}

static void test_v6(void **state)
{
	struct uses *u = *state;
	static const char tail[] = " 00000400 00000001 00000000 ";
	char text[2048];

	put_interface(u, "eth0");
	/* link-local, multicast, an own address, lo's default: what every host has */
	snprintf(text, sizeof(text),
		 "fe80" ZERO8 ZERO8 ZERO8 "0000 40 " ZERO32 " 00 " ZERO32 "%s00000001     eth0\n"
		 "ff00" ZERO8 ZERO8 ZERO8 "0000 08 " ZERO32 " 00 " ZERO32 "%s00000001     eth0\n"
		 "20010db8" ZERO8 ZERO8 "00000001 80 " ZERO32 " 00 " ZERO32
		 "%s80200001     eth0\n" ZERO32 " 00 " ZERO32 " 00 " ZERO32 "%s00200200       lo\n",
		 tail, tail, tail, tail);
	fake_file(&u->k->tree, "proc/net/ipv6_route", text);
	assert_use(u, NIC, USE_NETWORK, false, "eth0 is up, without a route");
	snprintf(text, sizeof(text),
		 "20010db8" ZERO8 ZERO8 ZERO8 " 40 " ZERO32 " 00 " ZERO32
		 "%s00000001     eth0\n" ZERO32 " 00 " ZERO32 " 00 fe80" ZERO8 ZERO8 "00000001"
		 "0000"
		 "%s00000003     eth0\n",
		 tail, tail);
	fake_file(&u->k->tree, "proc/net/ipv6_route", text);
	assert_use(u, NIC, USE_NETWORK, true, "eth0 has the route to 2001:db8::/64");
	assert_use(u, NIC, USE_NETWORK, true, "eth0 has the IPv6 default route");
}

/* Route on a bridge, on a bond, of which the interface is a port: both are named, and the route. */
static void test_bridge_and_bond(void **state)
{
	struct uses *u = *state;

	put_interface(u, "eth0");
	put_virtual(u, "bond0", "bond");
	put_virtual(u, "br0", "bridge");
	put_upper(u, uses_path(u, NIC, "/net/eth0"), "bond0", true);
	put_upper(u, "sys/devices/virtual/net/bond0", "br0", true);
	put_routes(u, "br0\t" ZERO8 "\t0101A8C0\t0003\t0\t0\t100\t" ZERO8 "\t0\t0\t0\n");
	assert_use(u, NIC, USE_NETWORK, true, "eth0 is a port of bond0 (bond)");
	assert_use(u, NIC, USE_NETWORK, true, "bond0 is a port of br0 (bridge)");
	assert_use(u, NIC, USE_NETWORK, true, "br0 has the default route");
	assert_int_equal(uses_count(u, NIC, USE_NETWORK), 3);
	assert_string_equal(uses_find(&u->found, USE_NETWORK, "eth0 is a port")->stop,
			    "ip link set eth0 nomaster");
}

#define DEFAULT_BY(name) name "\t" ZERO8 "\t0101A8C0\t0003\t0\t0\t100\t" ZERO8 "\t0\t0\t0\n"

/* The host's own port of an Open vSwitch bridge: only the hardware's is linked to ovs-system. */
static void test_open_vswitch(void **state)
{
	struct uses *u = *state;

	put_interface(u, "eth0");
	put_virtual(u, "ovs-system", NULL);
	put_virtual(u, "br-ex", NULL);
	put_routes(u, DEFAULT_BY("br-ex"));
	assert_use(u, NIC, USE_NETWORK, false, "eth0 is up, without a route");
	assert_int_equal(uses_count(u, NIC, USE_NETWORK), 1);
	put_upper(u, uses_path(u, NIC, "/net/eth0"), "ovs-system", true);
	assert_use(u, NIC, USE_NETWORK, true,
		   "the default route goes by br-ex, which may stand on eth0");
	/* another way is known */
	put_interface(u, "eth1");
	put_routes(u, DEFAULT_BY("br-ex") DEFAULT_BY("eth1"));
	assert_null(uses_find(uses_of(u, NIC), USE_NETWORK, "goes by"));
}

static void mount_root(struct uses *u, const char *line)
{
	char text[256];

	snprintf(text, sizeof(text), "22 1 0:21 / /proc rw - proc proc rw\n%s\n", line);
	fake_file(&u->k->tree, "proc/self/mountinfo", text);
}

/* Its root comes over the network: any interface with a route may be the way. */
static void test_network_root(void **state)
{
	static const char session[] =
		"sys/devices/platform/host6/session1/target6:0:0/6:0:0:0/block/sdb";
	struct uses *u = *state;

	put_interface(u, "eth0");
	mount_root(u, "29 1 0:40 / / rw - nfs4 10.0.0.5:/root rw");
	assert_null(uses_find(uses_of(u, NIC), USE_NETWORK, "over the network"));
	put_routes(u, "eth0\t0000000A\t" ZERO8 "\t0001\t0\t0\t0\t000000FF\t0\t0\t0\n");
	assert_use(u, NIC, USE_NETWORK, true, "/ is mounted over the network (10.0.0.5:/root)");
	/* a volume on a disk of iSCSI */
	uses_block(u, session, "8:16", NULL);
	uses_block(u, "sys/devices/virtual/block/dm-0", "254:0", NULL);
	fake_file(&u->k->tree, "sys/devices/virtual/block/dm-0/dm/name", "vg-root\n");
	mount_root(u, "29 1 0:32 / / rw - btrfs /dev/mapper/vg-root rw");
	assert_null(uses_find(uses_of(u, NIC), USE_NETWORK, "over the network"));
	fake_link(&u->k->tree, "sys/devices/virtual/block/dm-0/slaves/sdb", "x");
	assert_use(u, NIC, USE_NETWORK, true,
		   "/ is mounted over the network (/dev/mapper/vg-root)");
	mount_root(u, "29 1 8:16 / / rw - ext4 /dev/root rw");
	assert_use(u, NIC, USE_NETWORK, true, "/ is mounted over the network (/dev/root)");
	mount_root(u,
		   "29 1 8:17 / / rw - ext4 /dev/sda1 rw\n30 1 8:16 / /srv rw - ext4 /dev/sdb rw");
	assert_null(uses_find(uses_of(u, NIC), USE_NETWORK, "over the network"));
}

static void test_pppoe(void **state)
{
	static const char head[] = "Id       Address              Device\n";
	struct uses *u = *state;
	char text[256];

	put_interface(u, "eth0");
	put_virtual(u, "ppp0", "ppp");
	put_routes(u, DEFAULT_BY("ppp0"));
	/* by a modem, or not to be told */
	assert_use(u, NIC, USE_NETWORK, true, "the default route goes by ppp0");
	snprintf(text, sizeof(text), "%s00000011 00:11:22:33:44:55     eth0\n", head);
	fake_file(&u->k->tree, "proc/net/pppoe", text);
	assert_use(u, NIC, USE_NETWORK, true, "goes by ppp0, which may stand on eth0");
	snprintf(text, sizeof(text), "%s00000011 00:11:22:33:44:55     eth1\n", head);
	fake_file(&u->k->tree, "proc/net/pppoe", text);
	assert_null(uses_find(uses_of(u, NIC), USE_NETWORK, "goes by"));
	/* over a VLAN */
	put_virtual(u, "eth0.7", "vlan");
	put_upper(u, uses_path(u, NIC, "/net/eth0"), "eth0.7", false);
	snprintf(text, sizeof(text), "%s00000011 00:11:22:33:44:55   eth0.7\n", head);
	fake_file(&u->k->tree, "proc/net/pppoe", text);
	assert_use(u, NIC, USE_NETWORK, true, "goes by ppp0, which may stand on eth0");
}

static void test_vlan(void **state)
{
	struct uses *u = *state;

	put_interface(u, "eth0");
	put_virtual(u, "eth0.20", "vlan");
	put_virtual(u, "macvlan0", NULL);
	put_upper(u, uses_path(u, NIC, "/net/eth0"), "eth0.20", false);
	put_upper(u, uses_path(u, NIC, "/net/eth0"), "macvlan0", false);
	/* a loop that no kernel makes */
	put_upper(u, "sys/devices/virtual/net/macvlan0", "eth0.20", false);
	put_upper(u, "sys/devices/virtual/net/eth0.20", "macvlan0", false);
	put_routes(u, "eth0.20\t0000000A\t" ZERO8 "\t0001\t0\t0\t0\t000000FF\t0\t0\t0\n");
	assert_use(u, NIC, USE_NETWORK, true, "eth0.20 (vlan) stands on eth0");
	assert_use(u, NIC, USE_NETWORK, true, "macvlan0 (interface) stands on eth0");
	assert_use(u, NIC, USE_NETWORK, true, "eth0.20 has the route to 10.0.0.0/8");
}

/* The interface of a connection is the one that answers leave by, the longest route first. */
static void test_ssh(void **state)
{
	struct uses *u = *state;
	struct fake_tree *tree = &u->k->tree;

	put_interface(u, "eth0");
	put_interface(u, "eth1");
	put_routes(u, "eth1\t" ZERO8 "\t0101A8C0\t0003\t0\t0\t100\t" ZERO8 "\t0\t0\t0\n"
		      "eth0\t0005A8C0\t" ZERO8 "\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n");
	/* listening, to another port, from here, established from 192.168.5.9 */
	fake_file(tree, "proc/net/tcp",
		  TCP_HEAD "   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000\n"
			   "   1: 0205A8C0:01BB 0905A8C0:D431 01 00000000:00000000 00:00000000\n"
			   "   2: 0100007F:0016 0100007F:D432 01 00000000:00000000 00:00000000\n");
	assert_null(uses_find(uses_of(u, NIC), USE_NETWORK, "SSH"));
	fake_file(tree, "proc/net/tcp",
		  TCP_HEAD "   0: 0205A8C0:0016 0905A8C0:D431 01 00000000:00000000 00:00000000\n");
	assert_use(u, NIC, USE_NETWORK, true, "an SSH connection goes through eth0");
	assert_string_equal(uses_find(&u->found, USE_NETWORK, "SSH")->value,
			    "0: 0205A8C0:0016 0905A8C0:D431 01");
	/* IPv4 in a socket of IPv6: 203.0.113.7, by the default route */
	fake_remove(tree, "proc/net/tcp");
	fake_file(tree, "proc/net/tcp6",
		  TCP_HEAD "   0: " ZERO8 ZERO8 "FFFF00000205A8C0:0016 " ZERO8 ZERO8
			   "FFFF0000077100CB:D431 01 00000000:00000000\n");
	assert_use(u, NIC, USE_NETWORK, true, "an SSH connection goes through eth1");
	/* IPv6 proper */
	fake_file(tree, "proc/net/ipv6_route",
		  "20010db8" ZERO8 ZERO8 ZERO8 " 40 " ZERO32 " 00 " ZERO32
		  " 00000400 00000001 00000000 00000001     eth0\n");
	fake_file(tree, "proc/net/tcp6",
		  TCP_HEAD "   0: B80D0120" ZERO8 ZERO8 "01000000:0016 B80D0120" ZERO8 ZERO8
			   "02000000:D431 01 00000000:00000000\n");
	assert_use(u, NIC, USE_NETWORK, true, "an SSH connection goes through eth0");
}

/* A server at another port: the session is known by the socket of the server above us. */
static void test_session(void **state)
{
	struct uses *u = *state;
	struct fake_tree *tree = &u->k->tree;

	put_interface(u, "eth0");
	put_routes(u, "eth0\t0005A8C0\t" ZERO8 "\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n");
	fake_file(tree, "proc/net/tcp",
		  TCP_HEAD "   0: 0205A8C0:08AE 0905A8C0:D431 01 00000000:00000000 02:00000000 "
			   "00000000     0        0 777 4 0 20 4 29 10 -1\n");
	fake_file(tree, "proc/self/stat", "910 (passthru) R 909 910 909 0\n");
	fake_file(tree, "proc/909/stat", "909 (a ) shell) S 908 909 909 0\n");
	fake_file(tree, "proc/908/stat", "908 (sshd-session) S 1 908 908 0\n");
	fake_link(tree, "proc/908/fd/4", "socket:[778]");
	assert_null(uses_find(uses_of(u, NIC), USE_NETWORK, "SSH"));
	fake_link(tree, "proc/908/fd/5", "socket:[777]");
	assert_use(u, NIC, USE_NETWORK, true, "an SSH connection goes through eth0");
	/* a program that has that socket is no server of ours */
	fake_file(tree, "proc/908/stat", "908 (curl) S 1 908 908 0\n");
	assert_null(uses_find(uses_of(u, NIC), USE_NETWORK, "SSH"));
}

/* A container has the interface: only the empty folder shows it. */
static void test_namespace(void **state)
{
	struct uses *u = *state;

	fake_directory(&u->k->tree, uses_path(u, NIC, "/net"));
	assert_use(u, NIC, USE_NETWORK, true, "another network namespace");
}

static void test_gaps(void **state)
{
	struct uses *u = *state;

	put_routes(u, "");
	fake_error(&u->k->tree, "proc/net/route", -ENODATA);
	assert_no_use(u, NIC, USE_NETWORK);
	put_interface(u, "eth0");
	assert_gap(u, NIC, USE_NETWORK, -ENODATA);
	fake_remove(&u->k->tree, "proc/net/route");
	assert_null(device_uses_gap(uses_of(u, NIC), USE_NETWORK));
	fake_file(&u->k->tree, "proc/net/tcp", "");
	fake_error(&u->k->tree, "proc/net/tcp", -EACCES);
	assert_gap(u, NIC, USE_NETWORK, -EACCES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		USES_TEST(nothing),         USES_TEST(default_route), USES_TEST(v6),
		USES_TEST(bridge_and_bond), USES_TEST(vlan),          USES_TEST(ssh),
		USES_TEST(session),         USES_TEST(namespace),     USES_TEST(gaps),
		USES_TEST(open_vswitch),    USES_TEST(pppoe),         USES_TEST(network_root),
	};

	return cmocka_run_group_tests_name("use_network", tests, NULL, NULL);
}
