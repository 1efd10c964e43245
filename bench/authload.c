// SPDX-License-Identifier: ISC
/* authload.c: asks a server of passwords or recipients, as fast as it answers, for bench/auth.
 *
 *   authload KIND [-t SECONDS] [-n ANSWERS] [-c CONNECTIONS] [-d DEPTH] [-u USERS] [-T TABLE] [-D FD] WHERE
 *
 *   authd      WHERE: descriptors 5,6,...: links of fronts to authd (auth/auth.h); logins, PLAIN
 *   arrival    the same of smtpds: recipients
 *   dovecot    WHERE: a socket of Dovecot's auth service (its auth client protocol 1.x); logins, PLAIN
 *   proxymap   WHERE: the socket of Postfix's proxymap service; keys of the table -T
 *
 * The users u0001@bench.test ... are asked about in turn, their password is "bench"; DEPTH questions are on their way on each
 * connection (proxymap: one, it answers in order). What one turn has to ask on a connection is one write: several lines, or
 * a packet of several messages, as a front sends them (net/ipc_queue.h). Each answer is checked: it is about that user, and
 * good. -D: read and forget what comes there (the link of the log). It ends after SECONDS and ANSWERS, whichever is later.
 * One line comes out: answers, seconds, how many a second, bad ones, microseconds to the median answer and to that of which
 * 99 % were faster, own processor seconds.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 64
#define DEPTH 256
#define ROOM 65536
#define TIMES 2000000

#define NAME 40
#define BATCH 32 /* questions of one write; of ours below the limits of net/ipc.h */
#define QUESTION 1000

struct slot {
	unsigned long id; /* 0: free; its number is the rest by DEPTH */
	unsigned user;
	double began;
};

struct connection {
	int fd;
	char in[ROOM]; /* of a stream: what is no whole answer yet */
	size_t n;
	char out[BATCH * QUESTION];
	size_t nout;
	unsigned asked; /* questions in out */
	struct slot slot[DEPTH];
};

/* What is known of a question before it is asked: FIRST number BETWEEN session LAST, the last one about the user. */
struct question {
	char user[NAME];
	size_t nuser;
	char last[QUESTION / 2];
	size_t nlast;
};

/* One that answers. parse: a whole answer at p: its length, 0: not yet; id and user out as they stand there. */
struct answer {
	unsigned long id; /* 0: not an answer to a question */
	bool good;
	const char *user;
	size_t nuser;
};

static struct {
	const char *kind, *where, *table;
	double seconds;
	unsigned long answers;
	unsigned connections, depth, users;
	int drain;
} o = { .seconds = 2, .connections = 2, .depth = 16, .users = 1000, .drain = -1 };

static struct connection conn[CONNECTIONS];
static float times[TIMES];
static size_t ntimes;
static struct question *question; /* of each user */
static unsigned long last_id, answers, bad;
static unsigned next_user;
static double turn; /* when it began */

static void die(const char *what)
{
	fprintf(stderr, "authload: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t base64(const char *in, size_t n, char *out)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t i, at = 0;

	for (i = 0; i < n; i += 3) {
		unsigned long v = (unsigned long)(unsigned char)in[i] << 16;

		v |= i + 1 < n ? (unsigned long)(unsigned char)in[i + 1] << 8 : 0;
		v |= i + 2 < n ? (unsigned char)in[i + 2] : 0;
		out[at++] = digit[v >> 18];
		out[at++] = digit[v >> 12 & 63];
		out[at++] = i + 1 < n ? digit[v >> 6 & 63] : '=';
		out[at++] = i + 2 < n ? digit[v & 63] : '=';
	}
	out[at] = '\0';
	return at;
}

/* --- questions ------------------------------------------------------------------ */

static void last_authd(struct question *q)
{
	q->nlast = (size_t)snprintf(q->last, sizeof(q->last), "\nservice=imap\nmech=PLAIN\ninitial=%%00%s%%00bench\npeer=127.0.0.1\n"
		"local=127.0.0.1\n", q->user);
}

static void last_arrival(struct question *q)
{
	q->nlast = (size_t)snprintf(q->last, sizeof(q->last), "\naddress=%s\nsender=somebody@elsewhere.test\nclient=127.0.0.1\n", q->user);
}

static void last_dovecot(struct question *q)
{
	char plain[200], text[300];
	int n = snprintf(plain, sizeof(plain), "%c%s%cbench", 0, q->user, 0);

	base64(plain, (size_t)n, text);
	q->nlast = (size_t)snprintf(q->last, sizeof(q->last), "\tlip=127.0.0.1\trip=127.0.0.1\tresp=%s\n", text);
}

static size_t put(char *out, size_t at, const char *name, const char *value)
{
	at += (size_t)sprintf(out + at, "%s", name) + 1;
	return at + (size_t)sprintf(out + at, "%s", value) + 1;
}

static void last_proxymap(struct question *q)
{
	size_t n = put(q->last, 0, "request", "lookup");

	n = put(q->last, n, "table", o.table);
	n = put(q->last, n, "flags", "64");
	n = put(q->last, n, "key", q->user);
	q->last[n++] = '\0';
	q->nlast = n;
}

/* --- answers -------------------------------------------------------------------- */

/* One message of a packet; it ends where the next one begins. */
static size_t parse_ours(const char *p, size_t n, struct answer *a)
{
	static const char login[] = "mansio 1 sasl\n", answer[] = "mansio 1 answer\n", next[] = "mansio 1 ";
	bool ours = (n >= sizeof(login) - 1 && memcmp(p, login, sizeof(login) - 1) == 0) ||
		(n >= sizeof(answer) - 1 && memcmp(p, answer, sizeof(answer) - 1) == 0);
	const char *at = p, *end, *v;

	while (at < p + n && (end = memchr(at, '\n', (size_t)(p + n - at))) != NULL) {
		if (at > p && *at == 'm' && (size_t)(end - at) >= sizeof(next) - 1 && memcmp(at, next, sizeof(next) - 1) == 0)
			break;
		v = memchr(at, '=', (size_t)(end - at));
		if (ours && v && memcmp(at, "id=", 3) == 0)
			a->id = strtoul(v + 1, NULL, 10);
		else if (ours && v && memcmp(at, "result=", 7) == 0)
			a->good = end - v == 3 && memcmp(v + 1, "ok", 2) == 0;
		else if (ours && v && (memcmp(at, "user=", 5) == 0 || memcmp(at, "target=", 7) == 0)) {
			a->user = v + 1;
			a->nuser = (size_t)(end - v - 1);
		}
		at = end + 1;
	}
	return (size_t)(at - p);
}

static size_t parse_dovecot(const char *p, size_t n, struct answer *a)
{
	const char *end = memchr(p, '\n', n), *at;

	if (!end)
		return 0;
	if (strncmp(p, "OK\t", 3) == 0 || strncmp(p, "FAIL\t", 5) == 0) {
		a->good = p[0] == 'O';
		a->id = strtoul(strchr(p, '\t') + 1, NULL, 10);
		at = memmem(p, (size_t)(end - p), "\tuser=", 6);
		if (at) {
			a->user = at + 6;
			a->nuser = strcspn(a->user, "\t\n");
		}
	}
	return (size_t)(end - p) + 1;
}

static size_t parse_proxymap(const char *p, size_t n, struct answer *a)
{
	const char *at = p;

	/* name NUL value NUL ... NUL */
	while (at < p + n && *at) {
		const char *name = at, *value = memchr(at, '\0', (size_t)(p + n - at)), *end;

		end = value ? memchr(value + 1, '\0', (size_t)(p + n - value - 1)) : NULL;
		if (!end)
			return 0;
		a->good |= strcmp(name, "status") == 0 && strcmp(value + 1, "0") == 0;
		if (strcmp(name, "value") == 0) {
			a->user = value + 1;
			a->nuser = (size_t)(end - value - 1);
		}
		if (strcmp(name, "status") == 0)
			a->id = ~0ul; /* the one that is on its way */
		at = end + 1;
	}
	return at < p + n ? (size_t)(at - p) + 1 : 0;
}

static const struct kind {
	const char *name;
	const char *first, *between; /* of a question; first NULL: no number in it; between NULL: no session */
	void (*last)(struct question *q);
	size_t (*parse)(const char *p, size_t n, struct answer *a);
	bool packets; /* and the descriptors were there before us */
} kinds[] = {
	{ "authd", "mansio 1 sasl-start\nid=", "\nsession=bench", last_authd, parse_ours, true },
	{ "arrival", "mansio 1 arrival\nid=", NULL, last_arrival, parse_ours, true },
	{ "dovecot", "AUTH\t", "\tPLAIN\tservice=imap\tsecured\tsession=bench", last_dovecot, parse_dovecot, false },
	{ "proxymap", NULL, NULL, last_proxymap, parse_proxymap, false },
};
static const struct kind *kind;

/* --- the load ---------------------------------------------------------------------- */

static void flush(struct connection *c)
{
	size_t sent = 0;
	ssize_t r;

	while (sent < c->nout) {
		r = send(c->fd, c->out + sent, c->nout - sent, MSG_NOSIGNAL);
		if (r < 0 && errno != EINTR)
			die("send");
		sent += r > 0 ? (size_t)r : 0;
	}
	c->nout = c->asked = 0;
}

static void add(struct connection *c, const char *p, size_t n)
{
	memcpy(c->out + c->nout, p, n);
	c->nout += n;
}

static void add_number(struct connection *c, unsigned long v, unsigned least)
{
	char digits[24];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v || sizeof(digits) - at < least);
	add(c, digits + at, sizeof(digits) - at);
}

static void ask(struct connection *c, unsigned i)
{
	struct slot *s = &c->slot[i];
	const struct question *q;

	if (c->asked == BATCH)
		flush(c);
	last_id += DEPTH;
	s->id = last_id + i;
	s->user = next_user++ % o.users;
	s->began = turn;
	q = &question[s->user];
	if (kind->first) {
		add(c, kind->first, strlen(kind->first));
		add_number(c, s->id, 1);
	}
	if (kind->between) {
		add(c, kind->between, strlen(kind->between));
		add_number(c, s->id % 10000000, 7);
	}
	add(c, q->last, q->nlast);
	c->asked++;
}

static void take(struct connection *c, const struct answer *a, bool more)
{
	unsigned i = a->id == ~0ul ? 0 : (unsigned)(a->id % DEPTH);
	const struct question *q;

	if (!c->slot[i].id || (a->id != ~0ul && c->slot[i].id != a->id)) {
		fprintf(stderr, "authload: an answer that nobody asked for\n");
		exit(1);
	}
	q = &question[c->slot[i].user];
	if (!a->good || !a->user || a->nuser != q->nuser || memcmp(a->user, q->user, a->nuser) != 0)
		bad++;
	answers++;
	if (ntimes < TIMES)
		times[ntimes++] = (float)(turn - c->slot[i].began);
	c->slot[i].id = 0;
	if (more)
		ask(c, i);
}

static void receive(struct connection *c, bool more)
{
	ssize_t r = recv(c->fd, c->in + c->n, ROOM - c->n, 0);
	size_t at = 0, n;

	if (r == 0)
		errno = ECONNRESET;
	if (r <= 0)
		die("recv");
	c->n += (size_t)r;
	while (at < c->n) {
		struct answer a = { 0 };

		n = kind->parse(c->in + at, c->n - at, &a);
		if (n == 0)
			break;
		if (a.id)
			take(c, &a, more);
		at += n;
	}
	memmove(c->in, c->in + at, c->n - at);
	c->n -= at;
	flush(c);
}

static void forget(int fd)
{
	static char packet[ROOM];

	while (recv(fd, packet, sizeof(packet), MSG_DONTWAIT) > 0)
		;
}

static unsigned waiting(void)
{
	unsigned i, k, n = 0;

	for (i = 0; i < o.connections; i++)
		for (k = 0; k < o.depth; k++)
			n += conn[i].slot[k].id != 0;
	return n;
}

static void load(void)
{
	struct pollfd f[CONNECTIONS];
	double ends = now() + o.seconds;
	unsigned i, k;
	bool more = true;

	turn = now();
	for (i = 0; i < o.connections; i++) {
		for (k = 0; k < o.depth; k++)
			ask(&conn[i], k);
		flush(&conn[i]);
	}
	while (more || waiting()) {
		for (i = 0; i < o.connections; i++)
			f[i] = (struct pollfd){ .fd = conn[i].fd, .events = POLLIN };
		if (poll(f, o.connections, 10000) <= 0) {
			errno = ETIMEDOUT;
			die("no answer");
		}
		turn = now();
		more = more && (turn < ends || answers < o.answers);
		for (i = 0; i < o.connections; i++)
			if (f[i].revents)
				receive(&conn[i], more);
		if (o.drain >= 0)
			forget(o.drain);
	}
}

static void questions(void)
{
	unsigned i;

	question = calloc(o.users, sizeof(*question));
	if (!question)
		die("memory");
	for (i = 0; i < o.users; i++) {
		question[i].nuser = (size_t)snprintf(question[i].user, sizeof(question[i].user), "u%04u@bench.test", i + 1);
		kind->last(&question[i]);
	}
}

static int connect_path(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0 || strlen(path) >= sizeof(un.sun_path))
		die(path);
	memcpy(un.sun_path, path, strlen(path));
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0)
		die(path);
	return fd;
}

static void say(int fd, const char *text)
{
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		die("send");
}

static void open_all(void)
{
	const char *p = o.where;
	char text[100];
	unsigned i;

	if (kind->packets) {
		for (o.connections = 0; *p && o.connections < CONNECTIONS; p += *p == ',')
			conn[o.connections++].fd = (int)strtol(p, (char **)(uintptr_t)&p, 10);
		return;
	}
	for (i = 0; i < o.connections; i++) {
		conn[i].fd = connect_path(o.where);
		snprintf(text, sizeof(text), "VERSION\t1\t1\nCPID\t%u\n", (unsigned)getpid() + i);
		if (strcmp(kind->name, "dovecot") == 0)
			say(conn[i].fd, text);
	}
}

static int by_time(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static void options(int argc, char **argv)
{
	size_t i;
	int c;

	for (i = 0; argc > 1 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(argv[1], kinds[i].name) == 0)
			kind = &kinds[i];
	while (kind && (c = getopt(argc - 1, argv + 1, "t:n:c:d:u:T:D:")) != -1) {
		switch (c) {
		case 't': o.seconds = strtod(optarg, NULL); break;
		case 'n': o.answers = strtoul(optarg, NULL, 10); break;
		case 'c': o.connections = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'd': o.depth = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'u': o.users = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'T': o.table = optarg; break;
		case 'D': o.drain = (int)strtol(optarg, NULL, 10); break;
		default: kind = NULL;
		}
	}
	if (!kind || optind != argc - 2 || o.connections < 1 || o.connections > CONNECTIONS || o.depth < 1 || o.depth > DEPTH ||
		o.users < 1 || (strcmp(kind->name, "proxymap") == 0 && (!o.table || o.depth != 1))) {
		fprintf(stderr, "usage: authload authd|arrival|dovecot|proxymap [-t SECONDS] [-n ANSWERS] [-c CONNECTIONS] [-d DEPTH]\n"
			"       [-u USERS] [-T TABLE] [-D FD] FD,FD...|SOCKET\n");
		exit(2);
	}
	o.where = argv[argc - 1];
}

int main(int argc, char **argv)
{
	struct rusage own;
	double began;

	options(argc, argv);
	questions();
	open_all();
	began = now();
	load();
	began = now() - began;
	qsort(times, ntimes, sizeof(times[0]), by_time);
	getrusage(RUSAGE_SELF, &own);
	printf("answers=%lu seconds=%.3f rate=%.0f bad=%lu p50_us=%.0f p99_us=%.0f client_cpu_s=%.2f\n", answers, began, (double)answers / began,
		bad, (double)times[ntimes / 2] * 1e6, (double)times[ntimes * 99 / 100] * 1e6,
		(double)(own.ru_utime.tv_sec + own.ru_stime.tv_sec) + (double)(own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1e6);
	return bad ? 1 : 0;
}
