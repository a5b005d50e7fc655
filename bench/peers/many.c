/*
 * many COUNT: the kernel's part of making spaces, one after another, and nothing else: for each a namespace, a veth pair,
 * an address at both ends and a default route. No NAT, no port, no state, no check, no undo. many -d COUNT lets go of
 * the namespaces, with which the kernel ends their links. many -s reads the links, addresses and routes of every
 * namespace that has a name, one after another, and looks at none of them: what anybody has to read who is to tell whether
 * they are as they should be. It prints how many namespaces there were.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <sys/mount.h>
#include "netlink.h"

enum { FIRST_INDEX = 100000, PREFIX_LENGTH = 30 };

static const char *const names = "/run/netns";

static void put_ipv4(int type, uint32_t value)
{
	value = htonl(value);
	put(type, &value, sizeof(value));
}

static void add_address(int index, uint32_t address, int flags)
{
	struct ifaddrmsg header = { .ifa_family = AF_INET, .ifa_prefixlen = PREFIX_LENGTH, .ifa_index = index };

	begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL | flags, &header, sizeof(header));
	put_ipv4(IFA_LOCAL, address);
	put_ipv4(IFA_ADDRESS, address);
}

static void add_veth(const char *name, int index, int namespace_fd)
{
	struct ifinfomsg host = { .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	struct ifinfomsg inner = { .ifi_index = index + 1 };
	struct nlattr *info, *data, *peer;

	begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &host, sizeof(host));
	put_string(IFLA_IFNAME, name);
	info = nest(IFLA_LINKINFO);
	put_string(IFLA_INFO_KIND, "veth");
	data = nest(IFLA_INFO_DATA);
	peer = nest(VETH_INFO_PEER);
	append(&inner, sizeof(inner));
	put_string(IFLA_IFNAME, "eth0");
	put(IFLA_NET_NS_FD, &namespace_fd, sizeof(namespace_fd));
	end(peer);
	end(data);
	end(info);
}

static void connect_inside(int socket, int index, uint32_t gateway)
{
	struct ifinfomsg link = { .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	struct rtmsg route = {
		.rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_STATIC,
		.rtm_scope = RT_SCOPE_UNIVERSE, .rtm_type = RTN_UNICAST,
	};

	begin(RTM_NEWLINK, 0, &link, sizeof(link));
	add_address(index, gateway + 1, 0);
	begin(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &route, sizeof(route));
	put_ipv4(RTA_GATEWAY, gateway);
	send_all(socket, sequence, "inside");
}

static void make(int home, int host, int number)
{
	char file[64], name[IFNAMSIZ];
	int index = FIRST_INDEX + 2 * number;
	uint32_t gateway = (10u << 24 | 250u << 16) + 4 * number + 1;

	snprintf(file, sizeof(file), "/run/netns/m%d", number);
	snprintf(name, sizeof(name), "m%d", number);
	int created = open(file, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	check(created < 0, file);
	close(created);
	check(unshare(CLONE_NEWNET) != 0, "unshare");
	check(mount("/proc/self/ns/net", file, "none", MS_BIND, NULL) != 0, "mount");
	int inner = netlink_socket(NETLINK_ROUTE);
	int namespace_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	check(namespace_fd < 0 || setns(home, CLONE_NEWNET) != 0, "setns");
	add_veth(name, index, namespace_fd);
	add_address(index, gateway, NLM_F_ACK);
	send_all(host, sequence, name);
	connect_inside(inner, index + 1, gateway);
	close(inner);
	close(namespace_fd);
}

static void let_go(int number)
{
	char file[64];

	snprintf(file, sizeof(file), "/run/netns/m%d", number);
	check(umount2(file, MNT_DETACH) != 0, file);
	check(unlink(file) != 0, file);
}

/* Asks for all objects of a kind, and lets go of the answer. */
static void read_all(int socket, int type)
{
	static char answer[65536] __attribute__((aligned(4)));
	struct rtgenmsg any = { .rtgen_family = AF_UNSPEC };

	begin(type, NLM_F_DUMP, &any, sizeof(any));
	check(send(socket, buffer, used, 0) < 0, "dump");
	used = 0;
	message = NULL;
	for (;;) {
		ssize_t length = recv(socket, answer, sizeof(answer), 0);
		struct nlmsghdr *at = (struct nlmsghdr *)answer;

		check(length < 0, "dump");
		for (; NLMSG_OK(at, length); at = NLMSG_NEXT(at, length)) {
			if (at->nlmsg_type == NLMSG_DONE)
				return;
			if (at->nlmsg_type == NLMSG_ERROR) {
				errno = -((struct nlmsgerr *)NLMSG_DATA(at))->error;
				check(1, "dump");
			}
		}
	}
}

static void read_here(void)
{
	int socket = netlink_socket(NETLINK_ROUTE);

	read_all(socket, RTM_GETLINK);
	read_all(socket, RTM_GETADDR);
	read_all(socket, RTM_GETROUTE);
	close(socket);
}

static int read_everywhere(void)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), count = 0;
	DIR *folder = opendir(names);
	struct dirent *entry;

	check(home < 0 || !folder, names);
	read_here();
	while ((entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		int space = openat(dirfd(folder), entry->d_name, O_RDONLY | O_CLOEXEC);
		check(space < 0 || setns(space, CLONE_NEWNET) != 0, entry->d_name);
		close(space);
		read_here();
		count++;
	}
	check(setns(home, CLONE_NEWNET) != 0, "setns");
	closedir(folder);
	return count;
}

int main(int count, char **words)
{
	if (count == 2 && strcmp(words[1], "-s") == 0) {
		printf("%d\n", read_everywhere());
		return 0;
	}
	int removes = count == 3 && strcmp(words[1], "-d") == 0;
	int spaces = count == 2 || removes ? atoi(words[count - 1]) : 0;

	if (spaces <= 0) {
		fprintf(stderr, "usage: many [-d] COUNT, or many -s\n");
		return 2;
	}
	if (removes) {
		for (int number = 0; number < spaces; number++)
			let_go(number);
		return 0;
	}
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	check(home < 0, "/proc/self/ns/net");
	int host = netlink_socket(NETLINK_ROUTE);
	for (int number = 0; number < spaces; number++)
		make(home, host, number);
	return 0;
}
