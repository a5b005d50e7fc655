/* Netlink messages built in one buffer and sent together: what the C programs of the benchmarks have in common. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void check(int failed, const char *what)
{
	if (!failed)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

/* The datagram being built: messages one after another, the last one at `message`. */
static char buffer[16384] __attribute__((aligned(4)));
static size_t used;
static struct nlmsghdr *message;
static unsigned sequence;

static void *append(const void *data, size_t length)
{
	char *at = buffer + used;

	memset(at, 0, NLMSG_ALIGN(length));
	if (data)
		memcpy(at, data, length);
	used += NLMSG_ALIGN(length);
	if (message)
		message->nlmsg_len = buffer + used - (char *)message;
	return at;
}

static void begin(int type, int flags, const void *header, size_t length)
{
	struct nlmsghdr start = {
		.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags, .nlmsg_seq = ++sequence,
	};

	message = NULL;
	message = append(&start, sizeof(start));
	append(header, length);
}

static void put(int type, const void *data, size_t length)
{
	struct nlattr header = { .nla_len = NLA_HDRLEN + length, .nla_type = type };

	append(&header, sizeof(header));
	append(data, length);
}

static void put_string(int type, const char *text) { put(type, text, strlen(text) + 1); }

static struct nlattr *nest(int type)
{
	struct nlattr header = { .nla_type = NLA_F_NESTED | type };

	return append(&header, sizeof(header));
}

static void end(struct nlattr *nested) { nested->nla_len = buffer + used - (char *)nested; }

/* Sends what was built, and waits for the answer to its last message that asked for one. */
static void send_all(int socket, unsigned last, const char *what)
{
	char answer[32768];

	check(send(socket, buffer, used, 0) < 0, what);
	for (;;) {
		ssize_t length = recv(socket, answer, sizeof(answer), 0);
		struct nlmsghdr *at = (struct nlmsghdr *)answer;

		check(length < 0, what);
		for (; NLMSG_OK(at, length); at = NLMSG_NEXT(at, length)) {
			if (at->nlmsg_type != NLMSG_ERROR)
				continue;
			errno = -((struct nlmsgerr *)NLMSG_DATA(at))->error;
			check(errno != 0, what);
			if (at->nlmsg_seq == last) {
				used = 0;
				message = NULL;
				return;
			}
		}
	}
}

static int netlink_socket(int protocol)
{
	int opened = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	check(opened < 0, "socket");
	return opened;
}
