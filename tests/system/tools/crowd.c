/* SPDX-License-Identifier: ISC
 *
 * crowd.c: a crowd of bad clients, held by one loop.
 *
 *   crowd MODE COUNT NETWORKS [option=value ...]
 *     MODE   silent      connects and says nothing
 *            mail rcpt   stops after MAIL, after RCPT
 *            data        sends a byte a second inside DATA
 *            deaf        asks for 100 kB of answers and reads none
 *            junk        sends `bytes` of junk and stays
 *            guess       wrong passwords by IMAP, one after the other, again and again
 *     smtp= imap= pop3=  ports on 127.0.0.1 and ::1; those given are used in turn
 *     rcpt=ADDRESS       who gets the mail that never comes
 *     user=ADDRESS       whose password is guessed; "*": another name each time
 *     bytes=N            of junk, on each connection (65536)
 *
 * Each connection begins with a PROXY header (the suite's proxy_from has our
 * address), every other one of IPv6: COUNT peers spread over NETWORKS networks.
 * Who is told to come later before it is where it wants to be comes again at once.
 * Prints "ready SETTLED" when all are where they want to be (or a minute is over), then lives until standard input ends, and prints what was counted:
 * "open N settled N closed N sent N replies N".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct peer {
	int fd;
	unsigned number, step;
	bool settled, started;
};

static const char *mode, *rcpt = "nobody@example.org", *user = "nobody@example.org";
static unsigned count, networks, nports;
static int ports[3];
static size_t junk_bytes = 65536;
static uint64_t settled, closed, sent, replies, failed;
static struct peer *peers;
static int epfd;

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void put(struct peer *p, const void *data, size_t n)
{
	ssize_t r = send(p->fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (r > 0)
		sent += (uint64_t)r;
}

static void say(struct peer *p, const char *line)
{
	put(p, line, strlen(line));
}

static void leave(struct peer *p)
{
	if (p->fd < 0)
		return;
	close(p->fd);
	p->fd = -1;
	closed++;
}

static void proxy_header(struct peer *p)
{
	char line[160];
	unsigned net = p->number % networks, host = p->number / networks % 200 + 1;

	if (p->number % 2)
		snprintf(line, sizeof(line), "PROXY TCP6 2001:db8:%x:%x::%x 2001:db8::1 40000 25\r\n", net / 65536 + 1,
			net % 65536, host);
	else
		snprintf(line, sizeof(line), "PROXY TCP4 %u.%u.%u.%u 192.0.2.1 40000 25\r\n", 20 + net / 65536,
			net / 256 % 256, net % 256, host);
	say(p, line);
}

static bool join(struct peer *p)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in from = { .sin_family = AF_INET };
	struct epoll_event e = { .events = strcmp(mode, "deaf") ? EPOLLIN : EPOLLOUT, .data.ptr = p };
	const int small = 4096;
	bool six = p->number % 2;
	int port = ports[p->number / 2 % nports], r;

	p->started = false;
	p->step = 0;
	p->fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (p->fd < 0)
		return false;
	if (!strcmp(mode, "deaf"))
		setsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	v4.sin_port = htons((uint16_t)port);
	v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	v6.sin6_port = htons((uint16_t)port);
	if (six) {
		r = connect(p->fd, (struct sockaddr *)&v6, sizeof(v6));
	} else {
		from.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		bind(p->fd, (struct sockaddr *)&from, sizeof(from));
		r = connect(p->fd, (struct sockaddr *)&v4, sizeof(v4));
	}
	if (r < 0) {
		close(p->fd);
		p->fd = -1;
		return false;
	}
	fcntl(p->fd, F_SETFL, O_NONBLOCK);
	proxy_header(p);
	epoll_ctl(epfd, EPOLL_CTL_ADD, p->fd, &e);
	return true;
}

static void settle(struct peer *p)
{
	if (!p->settled)
		settled++;
	p->settled = true;
}

static void guess(struct peer *p)
{
	char line[300];

	if (!strcmp(user, "*"))
		snprintf(line, sizeof(line), "g%u LOGIN nobody%llu@example.org wrong\r\n", p->step, (unsigned long long)replies);
	else
		snprintf(line, sizeof(line), "g%u LOGIN %s wrong%u\r\n", p->step, user, p->step);
	p->step++;
	say(p, line);
}

static void junk(struct peer *p)
{
	static char block[65536];
	size_t n;

	memset(block, '(', sizeof(block));
	for (n = 0; n < junk_bytes; n += sizeof(block))
		put(p, block, junk_bytes - n < sizeof(block) ? junk_bytes - n : sizeof(block));
}

/* After the greeting and after each answer. */
static void act(struct peer *p)
{
	char line[400];

	if (!strcmp(mode, "silent")) {
		settle(p);
		return;
	}
	if (!strcmp(mode, "junk")) {
		if (!p->step++)
			junk(p);
		settle(p);
		return;
	}
	if (!strcmp(mode, "guess")) {
		settle(p);
		guess(p);
		return;
	}
	switch (p->step++) {
	case 0:
		say(p, "EHLO crowd.example\r\n");
		break;
	case 1:
		say(p, "MAIL FROM:<crowd@elsewhere.example>\r\n");
		break;
	case 2:
		if (!strcmp(mode, "mail")) {
			settle(p);
			break;
		}
		snprintf(line, sizeof(line), "RCPT TO:<%s>\r\n", rcpt);
		say(p, line);
		break;
	case 3:
		if (!strcmp(mode, "data"))
			say(p, "DATA\r\n");
		else
			settle(p);
		break;
	case 4:
		p->started = true; /* a byte a second from now on */
		settle(p);
		say(p, "S");
		break;
	}
}

static void deaf(struct peer *p)
{
	static const char flood[] = "EHLO deaf.example\r\nEHLO deaf.example\r\nEHLO deaf.example\r\nEHLO deaf.example\r\n"
		"EHLO deaf.example\r\nEHLO deaf.example\r\nEHLO deaf.example\r\nEHLO deaf.example\r\n";

	struct epoll_event none = { .data.ptr = p };

	say(p, flood);
	if (++p->step < 60)
		return;
	settle(p); /* far more answers than the sockets hold */
	epoll_ctl(epfd, EPOLL_CTL_MOD, p->fd, &none);
}

static void hear(struct peer *p)
{
	char got[16384];
	ssize_t n = recv(p->fd, got, sizeof(got), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		leave(p);
		if (!strcmp(mode, "guess") || (!p->settled && strcmp(mode, "junk")))
			join(p); /* and again */
		return;
	}
	if (!p->settled && !strncmp(got, "421", 3))
		return; /* the end comes */
	if (got[n - 1] != '\n')
		return;
	replies++;
	act(p);
}

static void trickle(void)
{
	unsigned i;

	for (i = 0; i < count; i++)
		if (peers[i].fd >= 0 && peers[i].started)
			say(&peers[i], "x");
}

static void run(bool until_all)
{
	struct epoll_event e[256];
	struct pollfd in = { .fd = 0, .events = POLLIN };
	int64_t second = now_ms() + 1000, deadline = now_ms() + 60000;
	int i, n;

	for (;;) {
		if (until_all && (settled + failed >= count || now_ms() > deadline))
			return;
		if (!until_all && poll(&in, 1, 0) > 0)
			return;
		n = epoll_wait(epfd, e, 256, 50);
		for (i = 0; i < n; i++) {
			struct peer *p = e[i].data.ptr;

			if (p->fd < 0)
				continue;
			if (!strcmp(mode, "deaf")) {
				if (e[i].events & (EPOLLERR | EPOLLHUP))
					leave(p);
				else
					deaf(p);
			} else {
				hear(p);
			}
		}
		if (now_ms() >= second) {
			second += 1000;
			trickle();
		}
	}
}

static void option(const char *arg)
{
	static const char *const services[] = { "smtp", "imap", "pop3" };
	const char *value = strchr(arg, '=');
	size_t i;

	if (!value++)
		return;
	for (i = 0; i < 3; i++)
		if (!strncmp(arg, services[i], 4) && arg[4] == '=' && nports < 3)
			ports[nports++] = (int)strtol(value, NULL, 10);
	if (!strncmp(arg, "rcpt=", 5))
		rcpt = value;
	if (!strncmp(arg, "user=", 5))
		user = value;
	if (!strncmp(arg, "bytes=", 6))
		junk_bytes = strtoul(value, NULL, 10);
}

int main(int argc, char **argv)
{
	struct rlimit many;
	unsigned i, open = 0;
	int a;

	if (argc < 4)
		return 64;
	mode = argv[1];
	count = (unsigned)strtoul(argv[2], NULL, 10);
	networks = (unsigned)strtoul(argv[3], NULL, 10);
	for (a = 4; a < argc; a++)
		option(argv[a]);
	if (!nports || !networks)
		return 64;
	getrlimit(RLIMIT_NOFILE, &many);
	many.rlim_cur = many.rlim_max;
	setrlimit(RLIMIT_NOFILE, &many);
	peers = calloc(count, sizeof(*peers));
	epfd = epoll_create1(EPOLL_CLOEXEC);
	for (i = 0; i < count; i++) {
		peers[i].number = i;
		if (!join(&peers[i]))
			failed++;
	}
	run(true);
	printf("ready %llu\n", (unsigned long long)settled);
	fflush(stdout);
	run(false);
	for (i = 0; i < count; i++)
		open += peers[i].fd >= 0;
	printf("open %u settled %llu closed %llu sent %llu replies %llu\n", open, (unsigned long long)settled,
		(unsigned long long)closed, (unsigned long long)sent, (unsigned long long)replies);
	return 0;
}
