/* SPDX-License-Identifier: ISC
 *
 * sink.c: the other side of `bench/send`: a mail server that takes everything at once and keeps
 * nothing, and a name server for as many destinations as are asked for.
 *
 *   sink COUNTERS [--smtp ADDRESS PORT] [--dns ADDRESS PORT] [--delay-ms N]
 *
 * One process, epoll. SMTP with PIPELINING, 8BITMIME and SIZE; each message is read to its end and
 * counted, and by its field X-Bench-Seq it is seen whether it came before. What was counted stands in the file
 * COUNTERS (struct counters), for bench/send to map. --delay-ms: each message is answered so much later, as a server that
 * writes it to a disk would.
 *
 * DNS (UDP): dN.bench has MX mN.bench; mN.bench has the address 127.(64 + N / 65536).(N / 256).N if N is
 * even, and 127.(128 + N / 65536).(N / 256).N if it is odd: there the connection is taken, and nothing is ever said. Nothing else exists.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SEQS (1u << 21)
#define IN 16384
#define OUT 8192
#define LATER 65536 /* connections that wait for their delay */

struct counters {
	uint64_t messages, doubled, bytes, connections, open, most_open, queries, errors;
	uint64_t first_ns, last_ns; /* CLOCK_MONOTONIC of the first and the last message */
	uint8_t seen[SEQS / 8];
};

enum kind { LISTEN, DNS, CLIENT };
struct conn {
	enum kind kind;
	int fd;
	bool data, quit, waits;
	unsigned state; /* how much of CRLF . CRLF was seen */
	size_t nin, nout;
	long seq;
	char in[IN], out[OUT];
};

static struct counters *g;
static int ep;
static long delay_ms;
static struct later {
	struct conn *c;
	uint64_t at;
} later[LATER];
static size_t later_from, later_n;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void watch(int op, struct conn *c, uint32_t events)
{
	struct epoll_event e = { .events = events, .data = { .ptr = c } };

	if (epoll_ctl(ep, op, c->fd, &e) < 0)
		die("epoll_ctl");
}

/* --- SMTP -------------------------------------------------------------------- */

static void drop(struct conn *c)
{
	close(c->fd);
	c->fd = -1;
	g->open--;
	if (!c->waits)
		free(c);
}

static void say(struct conn *c, const char *text)
{
	size_t n = strlen(text);

	if (n > OUT - c->nout) {
		g->errors++;
		c->quit = true;
		return;
	}
	memcpy(c->out + c->nout, text, n);
	c->nout += n;
}

/* False: the connection is gone. */
static bool flush(struct conn *c)
{
	ssize_t n = c->nout ? send(c->fd, c->out, c->nout, MSG_NOSIGNAL) : 0;

	if (n < (ssize_t)c->nout || c->quit) { /* replies are short: a socket that takes none is broken */
		g->errors += !c->quit;
		drop(c);
		return false;
	}
	c->nout = 0;
	return true;
}

static void took(struct conn *c)
{
	uint64_t ns = now_ns();

	if (c->seq >= 0 && c->seq < (long)SEQS) {
		uint8_t bit = (uint8_t)(1u << (c->seq % 8));

		g->doubled += (g->seen[c->seq / 8] & bit) != 0;
		g->seen[c->seq / 8] |= bit;
	}
	if (!g->messages)
		g->first_ns = ns;
	g->last_ns = ns;
	g->messages++;
	c->data = false;
	if (!delay_ms) {
		say(c, "250 2.0.0 taken\r\n");
	} else if (later_n < LATER) {
		later[(later_from + later_n++) % LATER] = (struct later){ c, ns + (uint64_t)delay_ms * 1000000u };
		c->waits = true;
	}
}

static void command(struct conn *c, const char *line, size_t n)
{
	if (n >= 4 && !strncasecmp(line, "EHLO", 4)) {
		say(c, "250-sink.bench\r\n250-PIPELINING\r\n250-SIZE 100000000\r\n250 8BITMIME\r\n");
	} else if (n >= 4 && !strncasecmp(line, "DATA", 4)) {
		say(c, "354 go\r\n");
		c->data = true;
		c->state = 2; /* a dot may be the first byte */
		c->seq = -1;
	} else if (n >= 4 && !strncasecmp(line, "QUIT", 4)) {
		say(c, "221 bye\r\n");
		c->quit = true;
	} else {
		say(c, "250 2.1.0 ok\r\n");
	}
}

static void find_seq(struct conn *c, const char *p, size_t n)
{
	static const char name[] = "\nX-Bench-Seq: ";
	const char *at = c->seq < 0 ? memmem(p, n, name, sizeof name - 1) : NULL;

	if (at)
		c->seq = strtol(at + sizeof name - 1, NULL, 10);
}

/* How many of these bytes belong to the message; *end: it ends there. */
static size_t content(struct conn *c, const char *p, size_t n, bool *end)
{
	static const char mark[] = "\r\n.\r\n";
	size_t i = 0;

	while (i < n) {
		if (c->state == 0) {
			const char *cr = memchr(p + i, '\r', n - i);

			if (!cr)
				return n;
			i = (size_t)(cr - p);
		}
		if (p[i] == mark[c->state])
			c->state++;
		else
			c->state = p[i] == '\r';
		i++;
		if (c->state == 5) {
			*end = true;
			return i;
		}
	}
	return n;
}

static bool read_client(struct conn *c)
{
	size_t at = 0;
	ssize_t n;

	if (c->nin == IN - 1) /* waits for its delay */
		return true;
	n = recv(c->fd, c->in + c->nin, IN - 1 - c->nin, 0);

	if (n <= 0) {
		if (n < 0 && errno == EAGAIN)
			return true;
		drop(c);
		return false;
	}
	g->bytes += (uint64_t)n;
	c->nin += (size_t)n;
	c->in[c->nin] = '\0';
	while (at < c->nin && !c->waits) {
		if (c->data) {
			bool end = false;
			size_t used = content(c, c->in + at, c->nin - at, &end);

			find_seq(c, c->in + at, used);
			at += used;
			if (end)
				took(c);
		} else {
			char *lf = memchr(c->in + at, '\n', c->nin - at);

			if (!lf)
				break;
			command(c, c->in + at, (size_t)(lf - c->in) - at);
			at = (size_t)(lf - c->in) + 1;
		}
	}
	memmove(c->in, c->in + at, c->nin - at);
	c->nin -= at;
	return flush(c);
}

/* One of the addresses that say nothing. */
static bool is_dead(int fd)
{
	struct sockaddr_in own;
	socklen_t len = sizeof own;

	return getsockname(fd, (struct sockaddr *)&own, &len) == 0 && (ntohl(own.sin_addr.s_addr) >> 16 & 0xff) >= 128;
}

static void accept_all(struct conn *l)
{
	struct conn *c;
	int fd;

	while ((fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		c = calloc(1, sizeof *c);
		if (!c)
			die("memory");
		c->kind = CLIENT;
		c->fd = fd;
		g->connections++;
		g->open++;
		if (g->open > g->most_open)
			g->most_open = g->open;
		watch(EPOLL_CTL_ADD, c, EPOLLIN);
		if (is_dead(fd))
			continue;
		say(c, "220 sink.bench ESMTP\r\n");
		flush(c);
	}
}

static void answer_later(void)
{
	uint64_t ns = now_ns();

	while (later_n && later[later_from].at <= ns) {
		struct conn *c = later[later_from].c;

		later_from = (later_from + 1) % LATER;
		later_n--;
		c->waits = false;
		if (c->fd < 0) {
			free(c);
		} else {
			say(c, "250 2.0.0 taken\r\n");
			flush(c);
		}
	}
}

/* --- DNS -------------------------------------------------------------------------- */

static size_t put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return 2;
}

/* Header of a record whose owner is the question; its data comes behind. */
static size_t record(uint8_t *p, unsigned type, unsigned length)
{
	size_t n = put16(p, 0xc00c);

	n += put16(p + n, type);
	n += put16(p + n, 1);
	n += put16(p + n, 0);
	n += put16(p + n, 3600);
	return n + put16(p + n, length);
}

/* p: a query of n bytes, made into its answer. The length, 0: none. */
static size_t dns_answer(uint8_t *p, size_t n)
{
	size_t at = 12, label = p[12], i;
	unsigned long number = 0;
	unsigned type;
	bool ours;

	if (n < 18 || label > 20)
		return 0;
	ours = n > 12 + 1 + label + 6 && !memcmp(p + 13 + label, "\5bench", 7);
	for (i = 1; i < label; i++)
		number = number * 10 + (p[13 + i] - (unsigned)'0');
	while (at < n && p[at])
		at += p[at] + 1u;
	if (at + 5 > n)
		return 0;
	type = (unsigned)p[at + 1] << 8 | p[at + 2];
	n = at + 5;
	put16(p + 2, ours ? 0x8580 : 0x8583); /* answer, authoritative, recursion; NXDOMAIN */
	memset(p + 4, 0, 8);
	p[5] = 1;
	g->queries++;
	if (ours && (p[13] | 32) == 'd' && type == 15) {
		p[7] = 1;
		n += record(p + n, type, 2 + 1 + (unsigned)label + 7);
		n += put16(p + n, 10);
		memcpy(p + n, p + 12, label + 1);
		p[n + 1] = 'm';
		n += label + 1;
		memcpy(p + n, "\5bench", 7);
		n += 7;
	} else if (ours && (p[13] | 32) == 'm' && type == 1) {
		p[7] = 1;
		n += record(p + n, type, 4);
		n += put16(p + n, 127 * 256 + (number % 2 ? 128 : 64) + ((unsigned)(number >> 16) & 63));
		n += put16(p + n, (unsigned)number & 0xffff);
	}
	return n;
}

static void read_dns(struct conn *c)
{
	uint8_t p[1024];
	struct sockaddr_storage from;
	socklen_t len = sizeof from;
	ssize_t n;

	while ((n = recvfrom(c->fd, p, 512, MSG_DONTWAIT, (struct sockaddr *)&from, &len)) > 0) {
		size_t out = dns_answer(p, (size_t)n);

		if (out)
			sendto(c->fd, p, out, 0, (struct sockaddr *)&from, len);
		len = sizeof from;
	}
}

/* --- all ------------------------------------------------------------------------------ */

static void serve(enum kind kind, const char *address, const char *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	struct conn *c = calloc(1, sizeof *c);
	int on = 1, room = 4 << 20;

	if (!c || inet_pton(AF_INET, address, &sin.sin_addr) != 1)
		die(address);
	c->kind = kind;
	c->fd = socket(AF_INET, (kind == DNS ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(c->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (kind == DNS)
		setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
	if (bind(c->fd, (struct sockaddr *)&sin, sizeof sin) < 0 || (kind == LISTEN && listen(c->fd, 4096) < 0))
		die("bind");
	watch(EPOLL_CTL_ADD, c, EPOLLIN);
}

static void loop(void)
{
	struct epoll_event e[256];
	int i, n;

	for (;;) {
		n = epoll_wait(ep, e, 256, later_n ? 1 : -1);
		for (i = 0; i < n; i++) {
			struct conn *c = e[i].data.ptr;

			if (c->kind == LISTEN)
				accept_all(c);
			else if (c->kind == DNS)
				read_dns(c);
			else
				read_client(c);
		}
		answer_later();
	}
}

int main(int argc, char **argv)
{
	struct rlimit lim = { 65536, 65536 };
	int fd, i;

	if (argc < 2) {
		fprintf(stderr, "usage: sink COUNTERS [--smtp ADDRESS PORT] [--dns ADDRESS PORT] [--delay-ms N]\n");
		return 64;
	}
	signal(SIGPIPE, SIG_IGN);
	setrlimit(RLIMIT_NOFILE, &lim);
	fd = open(argv[1], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof *g) < 0)
		die(argv[1]);
	g = mmap(NULL, sizeof *g, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ep = epoll_create1(EPOLL_CLOEXEC);
	if (g == MAP_FAILED || ep < 0)
		die("start");
	for (i = 2; i < argc; i++) {
		if (!strcmp(argv[i], "--smtp") && i + 2 < argc) {
			serve(LISTEN, argv[i + 1], argv[i + 2]);
			i += 2;
		} else if (!strcmp(argv[i], "--dns") && i + 2 < argc) {
			serve(DNS, argv[i + 1], argv[i + 2]);
			i += 2;
		} else if (!strcmp(argv[i], "--delay-ms") && i + 1 < argc) {
			delay_ms = atol(argv[++i]);
		} else {
			fprintf(stderr, "sink: %s?\n", argv[i]);
			return 64;
		}
	}
	puts("ready");
	fflush(stdout);
	loop();
}
