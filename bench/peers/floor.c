/*
 * The floor: the system calls that batch.sh comes down to, and nothing else. No shell, no parser, no check of what
 * is there already, no undo. It says how much of a tool's time is the kernel's.
 *
 * Theory of operation. One process makes the namespace, opens a netlink socket on each side of it, and sends each side
 * its requests in one datagram: link and address to host1; up, address and route to the namespace; then the ruleset
 * as one nftables batch. Interface indexes are chosen, so that none has to be looked up.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>
#include "netlink.h"

enum { HOST_INDEX = 2000001, INNER_INDEX = 2000002 };

static const char *const name_file = "/run/netns/myspace";

static void put_be32(int type, uint32_t value)
{
	value = htonl(value);
	put(type, &value, sizeof(value));
}

static void put_address(int type, const char *text)
{
	struct in_addr address;

	inet_pton(AF_INET, text, &address);
	put(type, &address, sizeof(address));
}

static void add_veth(int namespace_fd)
{
	struct ifinfomsg host = { .ifi_index = HOST_INDEX, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	/* The inner end cannot be brought up here: it is made first, and has no peer yet. */
	struct ifinfomsg inner = { .ifi_index = INNER_INDEX };
	struct nlattr *info, *data, *peer;

	begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &host, sizeof(host));
	put_string(IFLA_IFNAME, "veth1");
	info = nest(IFLA_LINKINFO);
	put_string(IFLA_INFO_KIND, "veth");
	data = nest(IFLA_INFO_DATA);
	peer = nest(VETH_INFO_PEER);
	append(&inner, sizeof(inner));
	put_string(IFLA_IFNAME, "veth2");
	put(IFLA_NET_NS_FD, &namespace_fd, sizeof(namespace_fd));
	end(peer);
	end(data);
	end(info);
}

static void set_up(int index)
{
	struct ifinfomsg header = { .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };

	begin(RTM_NEWLINK, 0, &header, sizeof(header));
}

static void add_address(int index, const char *text, int flags)
{
	struct ifaddrmsg header = { .ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_index = index };

	begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL | flags, &header, sizeof(header));
	put_address(IFA_LOCAL, text);
	put_address(IFA_ADDRESS, text);
}

static void add_default_route(const char *gateway)
{
	struct rtmsg header = {
		.rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_STATIC,
		.rtm_scope = RT_SCOPE_UNIVERSE, .rtm_type = RTN_UNICAST,
	};

	begin(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &header, sizeof(header));
	put_address(RTA_GATEWAY, gateway);
}

static void begin_nft(int type, int flags)
{
	struct nfgenmsg header = { .nfgen_family = NFPROTO_IPV4, .version = NFNETLINK_V0 };

	begin(NFNL_SUBSYS_NFTABLES << 8 | type, flags, &header, sizeof(header));
}

static void batch_edge(int type)
{
	struct nfgenmsg header = { .version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES) };

	begin(type, 0, &header, sizeof(header));
}

static void add_chain(const char *name, const char *type, int hook, int priority)
{
	struct nlattr *where;

	begin_nft(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	put_string(NFTA_CHAIN_TABLE, "article");
	put_string(NFTA_CHAIN_NAME, name);
	put_string(NFTA_CHAIN_TYPE, type);
	where = nest(NFTA_CHAIN_HOOK);
	put_be32(NFTA_HOOK_HOOKNUM, hook);
	put_be32(NFTA_HOOK_PRIORITY, priority);
	end(where);
}

static struct nlattr *begin_rule(const char *chain)
{
	begin_nft(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	put_string(NFTA_RULE_TABLE, "article");
	put_string(NFTA_RULE_CHAIN, chain);
	return nest(NFTA_RULE_EXPRESSIONS);
}

static struct nlattr *element, *element_data;

static void begin_expression(const char *name)
{
	element = nest(NFTA_LIST_ELEM);
	put_string(NFTA_EXPR_NAME, name);
	element_data = nest(NFTA_EXPR_DATA);
}

static void end_expression(void)
{
	end(element_data);
	end(element);
}

static void equals(const void *data, size_t length)
{
	struct nlattr *value;

	begin_expression("cmp");
	put_be32(NFTA_CMP_SREG, NFT_REG_1);
	put_be32(NFTA_CMP_OP, NFT_CMP_EQ);
	value = nest(NFTA_CMP_DATA);
	put(NFTA_DATA_VALUE, data, length);
	end(value);
	end_expression();
}

static void meta_equals(int key, const void *data, size_t length)
{
	begin_expression("meta");
	put_be32(NFTA_META_DREG, NFT_REG_1);
	put_be32(NFTA_META_KEY, key);
	end_expression();
	equals(data, length);
}

static void interface_equals(int key, const char *name)
{
	char padded[IFNAMSIZ] = "";

	strcpy(padded, name);
	meta_equals(key, padded, sizeof(padded));
}

static void payload_equals(int base, int offset, const void *data, size_t length)
{
	begin_expression("payload");
	put_be32(NFTA_PAYLOAD_DREG, NFT_REG_1);
	put_be32(NFTA_PAYLOAD_BASE, base);
	put_be32(NFTA_PAYLOAD_OFFSET, offset);
	put_be32(NFTA_PAYLOAD_LEN, length);
	end_expression();
	equals(data, length);
}

static void immediate(int reg, const void *data, size_t length)
{
	struct nlattr *value;

	begin_expression("immediate");
	put_be32(NFTA_IMMEDIATE_DREG, reg);
	value = nest(NFTA_IMMEDIATE_DATA);
	put(NFTA_DATA_VALUE, data, length);
	end(value);
	end_expression();
}

static void publish(const char *chain)
{
	static const unsigned char host1[] = { 192, 168, 1, 32 }, inner[] = { 192, 168, 45, 3 };
	static const unsigned char tcp = 6, from[] = { 8080 >> 8, 8080 & 255 }, to[] = { 0, 80 };
	struct nlattr *expressions = begin_rule(chain);

	payload_equals(NFT_PAYLOAD_NETWORK_HEADER, 16, host1, sizeof(host1));
	meta_equals(NFT_META_L4PROTO, &tcp, sizeof(tcp));
	payload_equals(NFT_PAYLOAD_TRANSPORT_HEADER, 2, from, sizeof(from));
	immediate(NFT_REG_1, inner, sizeof(inner));
	immediate(NFT_REG_2, to, sizeof(to));
	begin_expression("nat");
	put_be32(NFTA_NAT_TYPE, NFT_NAT_DNAT);
	put_be32(NFTA_NAT_FAMILY, NFPROTO_IPV4);
	put_be32(NFTA_NAT_REG_ADDR_MIN, NFT_REG_1);
	put_be32(NFTA_NAT_REG_PROTO_MIN, NFT_REG_2);
	put_be32(NFTA_NAT_FLAGS, NF_NAT_RANGE_PROTO_SPECIFIED);
	end_expression();
	end(expressions);
}

static void masquerade(void)
{
	static const unsigned char network[] = { 192, 168, 45 };
	struct nlattr *expressions = begin_rule("postrouting");

	payload_equals(NFT_PAYLOAD_NETWORK_HEADER, 12, network, sizeof(network));
	interface_equals(NFT_META_OIFNAME, "eth0");
	begin_expression("masq");
	end_expression();
	end(expressions);
}

static void forward(const char *in, const char *out)
{
	struct nlattr *expressions = begin_rule("forward"), *data, *verdict;

	interface_equals(NFT_META_IIFNAME, in);
	interface_equals(NFT_META_OIFNAME, out);
	begin_expression("immediate");
	put_be32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = nest(NFTA_IMMEDIATE_DATA);
	verdict = nest(NFTA_DATA_VERDICT);
	put_be32(NFTA_VERDICT_CODE, NF_ACCEPT);
	end(verdict);
	end(data);
	end_expression();
	end(expressions);
}

static void add_ruleset(int socket)
{
	batch_edge(NFNL_MSG_BATCH_BEGIN);
	begin_nft(NFT_MSG_NEWTABLE, NLM_F_CREATE);
	put_string(NFTA_TABLE_NAME, "article");
	add_chain("prerouting", "nat", NF_INET_PRE_ROUTING, -100);
	add_chain("output", "nat", NF_INET_LOCAL_OUT, -100);
	add_chain("postrouting", "nat", NF_INET_POST_ROUTING, 100);
	add_chain("forward", "filter", NF_INET_FORWARD, 0);
	publish("prerouting");
	publish("output");
	masquerade();
	forward("eth0", "veth1");
	forward("veth1", "eth0");
	message->nlmsg_flags |= NLM_F_ACK;
	unsigned last = message->nlmsg_seq;
	batch_edge(NFNL_MSG_BATCH_END);
	send_all(socket, last, "ruleset");
}

int main(void)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int host = netlink_socket(NETLINK_ROUTE), nft = netlink_socket(NETLINK_NETFILTER);
	int file = open(name_file, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);

	check(home < 0 || file < 0, name_file);
	check(unshare(CLONE_NEWNET) != 0, "unshare");
	check(mount("/proc/self/ns/net", name_file, "none", MS_BIND, NULL) != 0, "mount");
	int inner = netlink_socket(NETLINK_ROUTE);
	int namespace_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	check(namespace_fd < 0 || setns(home, CLONE_NEWNET) != 0, "setns");

	add_veth(namespace_fd);
	add_address(HOST_INDEX, "192.168.45.2", NLM_F_ACK);
	send_all(host, sequence, "veth1");
	set_up(INNER_INDEX);
	add_address(INNER_INDEX, "192.168.45.3", 0);
	add_default_route("192.168.45.2");
	send_all(inner, sequence, "veth2");

	int forwarding = open("/proc/sys/net/ipv4/ip_forward", O_WRONLY | O_CLOEXEC);
	check(forwarding < 0 || write(forwarding, "1\n", 2) != 2, "ip_forward");
	add_ruleset(nft);
	return 0;
}
