/*
 * Traffic, and what it costs. But for the stream everything is done by one process that has a socket on either side, so
 * that nobody has to be woken, and what is timed is the way of the packets through the kernel:
 *
 *   load connections CLIENT SERVER ADDRESS FIRST COUNT PORT NUMBER
 *     NUMBER new TCP connections from the namespace file CLIENT to ADDRESS, to the COUNT ports from FIRST on in turn,
 *     all of which lead to PORT in the namespace file SERVER. Prints the median of their times in nanoseconds.
 *   load packets CLIENT SERVER ADDRESS PORT NUMBER
 *     NUMBER datagrams of one UDP flow from CLIENT to ADDRESS in SERVER, one after another; prints the same.
 *   load pieces CLIENT SERVER ADDRESS PORT NUMBER
 *     NUMBER pieces of 64 kB of one TCP stream from CLIENT to ADDRESS in SERVER, one after another; prints the same.
 *   load stream CLIENT SERVER ADDRESS PORT MILLISECONDS
 *     One TCP stream from CLIENT to ADDRESS in SERVER, for so long, its ends on two processors. Prints the bytes that
 *     arrived in a second.
 *   load datagrams CLIENT SERVER ADDRESS PORT RATE MILLISECONDS
 *     RATE datagrams of 18 bytes a second from CLIENT to ADDRESS in SERVER, where nobody reads them, for so long, evenly
 *     by the millisecond. Prints how many were sent.
 *
 * A connection is ended by a reset from either side (SO_LINGER 0): it leaves no TIME_WAIT behind that would use up the
 * client's ports. The next port is far from the one before, so that a list of rules is not searched in its own order.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A stride without a factor in common with any number of ports that is measured. */
#define STRIDE 7919
#define PIECE (64 * 1024)

static void check(int failed, const char *what)
{
	if (!failed)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* The sockets that are opened from now on belong to this namespace. */
static void enter(const char *file)
{
	int opened = open(file, O_RDONLY | O_CLOEXEC);

	check(opened < 0 || setns(opened, CLONE_NEWNET) != 0, file);
	close(opened);
}

static struct sockaddr_in endpoint(const char *address, int port)
{
	struct sockaddr_in made = { .sin_family = AF_INET, .sin_port = htons(port) };

	check(inet_pton(AF_INET, address, &made.sin_addr) != 1, address);
	return made;
}

static int new_socket(int type)
{
	int made = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	check(made < 0, "socket");
	return made;
}

static int listen_in(const char *file, int type, int port)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(port) };
	int on = 1, made;

	enter(file);
	made = new_socket(type);
	setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	check(bind(made, (struct sockaddr *)&any, sizeof(any)) != 0, "bind");
	check(type == SOCK_STREAM && listen(made, 128) != 0, "listen");
	return made;
}

static void connect_to(int client, struct sockaddr_in to)
{
	check(connect(client, (struct sockaddr *)&to, sizeof(to)) != 0, "connect");
}

static void reset(int connection)
{
	struct linger none = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(connection, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(connection);
}

static int compare(const void *one, const void *other)
{
	int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;

	return (a > b) - (a < b);
}

static void print_median(int64_t *times, int number)
{
	qsort(times, number, sizeof(*times), compare);
	printf("%lld\n", (long long)times[number / 2]);
}

static void connections(char **words)
{
	int first = atoi(words[3]), count = atoi(words[4]), number = atoi(words[6]);
	int server = listen_in(words[1], SOCK_STREAM, atoi(words[5]));
	int64_t *times = calloc(number, sizeof(*times));

	check(times == NULL, "calloc");
	enter(words[0]);
	for (int i = 0; i < number; i++) {
		struct sockaddr_in to = endpoint(words[2], first + (int64_t)i * STRIDE % count);
		int64_t start = nanoseconds();
		int client = new_socket(SOCK_STREAM), accepted;

		connect_to(client, to);
		accepted = accept(server, NULL, NULL);
		check(accepted < 0, "accept");
		reset(client);
		times[i] = nanoseconds() - start;
		reset(accepted);
	}
	print_median(times, number);
}

static void packets(char **words)
{
	int number = atoi(words[4]), port = atoi(words[3]);
	int server = listen_in(words[1], SOCK_DGRAM, port), client;
	int64_t *times = calloc(number, sizeof(*times));
	char data[64] = "";
	struct sockaddr_in from;
	socklen_t length = sizeof(from);

	check(times == NULL, "calloc");
	enter(words[0]);
	client = new_socket(SOCK_DGRAM);
	connect_to(client, endpoint(words[2], port));
	/* To connection tracking a flow is new until it was answered. */
	check(send(client, data, sizeof(data), 0) < 0, "send");
	check(recvfrom(server, data, sizeof(data), 0, (struct sockaddr *)&from, &length) < 0, "recvfrom");
	check(sendto(server, data, sizeof(data), 0, (struct sockaddr *)&from, length) < 0, "sendto");
	check(recv(client, data, sizeof(data), 0) < 0, "recv");
	for (int i = 0; i < number; i++) {
		int64_t start = nanoseconds();

		check(send(client, data, sizeof(data), 0) < 0, "send");
		check(recv(server, data, sizeof(data), 0) < 0, "recv");
		times[i] = nanoseconds() - start;
	}
	print_median(times, number);
}

static void pieces(char **words)
{
	int port = atoi(words[3]), number = atoi(words[4]), room = 4 * PIECE;
	int server = listen_in(words[1], SOCK_STREAM, port), client, accepted;
	int64_t *times = calloc(number, sizeof(*times));
	static char data[PIECE];

	check(times == NULL, "calloc");
	setsockopt(server, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	enter(words[0]);
	client = new_socket(SOCK_STREAM);
	setsockopt(client, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	connect_to(client, endpoint(words[2], port));
	accepted = accept(server, NULL, NULL);
	check(accepted < 0, "accept");
	for (int i = 0; i < number; i++) {
		int64_t start = nanoseconds();

		check(send(client, data, PIECE, 0) != PIECE, "send");
		/* MSG_TRUNC throws the bytes away where they are: to copy them would only hide what is measured. */
		for (ssize_t received, rest = PIECE; rest > 0; rest -= received) {
			received = recv(accepted, data, rest, MSG_TRUNC);
			check(received <= 0, "recv");
		}
		times[i] = nanoseconds() - start;
	}
	reset(client);
	reset(accepted);
	print_median(times, number);
}

/* A processor of its own for each end; where there is only one, both stay on it. */
static void stay_on(int processor)
{
	cpu_set_t only;

	CPU_ZERO(&only);
	CPU_SET(processor, &only);
	sched_setaffinity(0, sizeof(only), &only);
}

static void stream(char **words)
{
	int port = atoi(words[3]), server = listen_in(words[1], SOCK_STREAM, port), accepted;
	int64_t length = atoi(words[4]) * INT64_C(1000000), start, bytes = 0;
	static char data[4 * PIECE];
	pid_t sender = fork();

	check(sender < 0, "fork");
	if (sender == 0) {
		int client;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		stay_on(0);
		enter(words[0]);
		client = new_socket(SOCK_STREAM);
		connect_to(client, endpoint(words[2], port));
		while (send(client, data, sizeof(data), MSG_NOSIGNAL) > 0)
			;
		_exit(0);
	}
	stay_on(1);
	accepted = accept(server, NULL, NULL);
	check(accepted < 0, "accept");
	start = nanoseconds();
	while (nanoseconds() - start < length) {
		ssize_t received = recv(accepted, data, sizeof(data), 0);

		check(received <= 0, "recv");
		bytes += received;
	}
	printf("%.0f\n", bytes * 1e9 / (nanoseconds() - start));
	reset(accepted);
	waitpid(sender, NULL, 0);
}

static void sleep_until(int64_t moment)
{
	struct timespec at = { .tv_sec = moment / 1000000000, .tv_nsec = moment % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		;
}

static void datagrams(char **words)
{
	int port = atoi(words[3]), length = atoi(words[5]), client;
	int64_t rate = atoi(words[4]), sent = 0, start;
	/* With the headers of Ethernet, IP and UDP the smallest frame there is. */
	char data[18] = "";

	listen_in(words[1], SOCK_DGRAM, port);
	enter(words[0]);
	client = new_socket(SOCK_DGRAM);
	connect_to(client, endpoint(words[2], port));
	start = nanoseconds();
	for (int passed = 1; passed <= length; passed++) {
		for (; sent < rate * passed / 1000; sent++)
			check(send(client, data, sizeof(data), 0) < 0, "send");
		sleep_until(start + passed * INT64_C(1000000));
	}
	printf("%lld\n", (long long)sent);
}

int main(int count, char **words)
{
	/* A connection that does not come about fails instead of waiting for long. */
	alarm(30);
	if (count == 9 && strcmp(words[1], "connections") == 0)
		connections(words + 2);
	else if (count == 7 && strcmp(words[1], "packets") == 0)
		packets(words + 2);
	else if (count == 7 && strcmp(words[1], "pieces") == 0)
		pieces(words + 2);
	else if (count == 7 && strcmp(words[1], "stream") == 0)
		stream(words + 2);
	else if (count == 8 && strcmp(words[1], "datagrams") == 0)
		datagrams(words + 2);
	else
		return 2;
	return 0;
}
