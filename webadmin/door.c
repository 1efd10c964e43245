/* SPDX-License-Identifier: ISC
 *
 * door.c: connections from front, and the way of their bytes to libmicrohttpd.
 *
 *   client (front's pair) --> in --head_check--> to_http --> pair --> libmicrohttpd
 *   client <-- to_client <------------------------------- pair <--
 *
 *     HEAD --head is good--> BODY --all of it passed on--> ANSWER --answered--> HEAD
 *       | refused (4xx)                                      | last request
 *       v                                                    v
 *     LAST (what is left goes out) --> gone
 *
 * Always true: one request at a time is beyond this point, and of it exactly the
 * bytes that head_check counted; a refusal of ours is therefore never inside an
 * answer. Every state has a deadline. Buffers have a maximum, and who does not
 * read is not read from. A TLS close ends the connection, whatever the state. When
 * front ends a connection (kick, stop), an answer that is on its way is finished first;
 * a live page is not waited for.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "net/handover.h"
#include "trace/trace.h"
#include "webadmin/head.h"
#include "webadmin/web.h"

#define CHUNK (16 * 1024)
#define LAST_ANSWER_MS 1500 /* front waits for the last word of a room that long, and a little more */
#define OUT_MAX (64 * 1024) /* to the client: more is left in the pair */

enum state { HEAD, BODY, ANSWER, LAST };

struct visit {
	struct visit *next, *prev;
	enum state state;
	int client, lease, pair, http_fd; /* http_fd: the other end, libmicrohttpd's own */
	struct event ev_client, ev_lease, ev_pair, timer;
	short client_mask, pair_mask;
	struct addr peer;
	char id[16];
	struct buf in, to_http, to_client;
	uint64_t body_left;
	int64_t requests;
	bool http_eof;
	bool clear; /* it came without TLS */
	bool large; /* its request is a message, and one of [web] sends */
	char tls_version[16], tls_cipher[64];
	uint32_t tls_bits;
	bool streams; /* the answer goes on until somebody ends it */
	bool leaving; /* no further request */
	bool stuck; /* an answer waits for a client that does not read: the timer runs */
};

static struct visit *visits;
static int64_t larges;
static struct visit **by_fd;
static size_t nby_fd;

static struct visit *visit_of(int fd)
{
	return fd >= 0 && (size_t)fd < nby_fd ? by_fd[fd] : NULL;
}

static void visit_map(int fd, struct visit *v)
{
	size_t n = nby_fd;

	if ((size_t)fd >= n) {
		nby_fd = (size_t)fd + 64;
		by_fd = mem_grow(by_fd, nby_fd, sizeof(*by_fd));
		memset(by_fd + n, 0, (nby_fd - n) * sizeof(*by_fd));
	}
	by_fd[fd] = v;
}

static void large_end(struct visit *v)
{
	larges -= v->large;
	v->large = false;
}

static void visit_free(struct visit *v)
{
	large_end(v);
	event_del(&v->ev_client);
	event_del(&v->ev_lease);
	event_del(&v->ev_pair);
	event_del(&v->timer);
	fd_close(&v->client);
	fd_close(&v->lease);
	fd_close(&v->pair);
	if (visit_of(v->http_fd) == v)
		by_fd[v->http_fd] = NULL;
	if (v->next)
		v->next->prev = v->prev;
	if (v->prev)
		v->prev->next = v->next;
	else
		visits = v->next;
	buf_wipe(&v->in);
	buf_wipe(&v->to_http);
	buf_wipe(&v->to_client);
	free(v);
	web.connections--;
	program_status(&web.program, web.connections, NULL);
	if (web.stopping && !visits)
		event_base_loopexit(web.base, NULL);
	http_kick(); /* its end of the pair is closed there */
}

static void arm(struct visit *v, int64_t ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000 };

	event_add(&v->timer, &tv);
}

/* --- refusals of our own ------------------------------------------------------ */

static void refuse(struct visit *v, const char *status, const char *why)
{
	struct buf body;

	trace_event(TRACE_INFO, "http-refused", v->id, "%s", why);
	buf_init(&body, 512);
	buf_fmt(&body, "{\"error\":\"%s\",\"code\":65}", why);
	buf_fmt(&v->to_client, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
		"X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n%s",
		status, body.n, buf_cstr(&body));
	buf_done(&body);
	v->state = LAST;
	buf_reset(&v->in);
	arm(v, web.conf->web_body_wait);
}

static void refuse_head(struct visit *v, int r, const struct head *h)
{
	if (r == E_LIMIT)
		refuse(v, "431 Request Header Fields Too Large", "the head of the request is too long");
	else if (r == E_UNSUPPORTED && h->n > 0)
		refuse(v, "411 Length Required", "a body needs Content-Length");
	else if (r == E_UNSUPPORTED)
		refuse(v, "505 HTTP Version Not Supported", "another version of HTTP is spoken here: 1.1");
	else
		refuse(v, "400 Bad Request", "this is not a well-formed request");
}

/* --- the way in --------------------------------------------------------------- */

static void pass(struct visit *v, size_t n)
{
	buf_add(&v->to_http, v->in.p, n);
	buf_drop(&v->in, n);
}

/* A message may be longer than other requests; so many at once, and half of them at most from
 * one address. */
static bool take_large(struct visit *v, const struct head *h)
{
	const struct conf *conf = web.conf;
	const struct visit *o;
	int64_t same = 0;

	if (!str_starts(buf_view(&v->in), "POST /api/v1/send ") && !str_starts(buf_view(&v->in), "POST /api/v1/send?")) {
		refuse(v, "413 Content Too Large", "the body of the request is too long");
		return false;
	}
	if (h->body > conf->web_send_size) {
		refuse(v, "413 Content Too Large", "the message is too large ([web] send_size)");
		return false;
	}
	for (o = visits; o; o = o->next)
		same += o->large && addr_eq(&o->peer, &v->peer);
	if (larges >= conf->web_sends || same >= (conf->web_sends + 1) / 2) {
		refuse(v, "503 Service Unavailable", "too many messages are on their way: try again");
		return false;
	}
	v->large = true;
	larges++;
	return true;
}

/* What has come, as far as it may go on. */
static void take(struct visit *v)
{
	struct head h;
	size_t n;
	int r;

	if (v->state == HEAD) {
		/* RFC 9112 2.2: an empty line before a request is left out */
		while (v->in.n >= 2 && v->in.p[0] == '\r' && v->in.p[1] == '\n')
			buf_drop(&v->in, 2);
		if (v->in.n == 0)
			return;
		r = head_check(buf_view(&v->in), (size_t)web.conf->web_head, &h);
		if (r < 0)
			refuse_head(v, r, &h);
		else if (r > 0 && h.body > web.conf->web_body && !take_large(v, &h))
			return;
		if (r <= 0 || v->state == LAST)
			return;
		v->requests++;
		pass(v, h.n);
		v->body_left = h.body;
		v->state = BODY;
		arm(v, v->large ? web.conf->web_send_wait : web.conf->web_body_wait);
	}
	if (v->state == BODY) {
		n = (size_t)MIN(v->body_left, v->in.n);
		pass(v, n);
		v->body_left -= n;
		if (v->body_left == 0) {
			v->state = ANSWER;
			event_del(&v->timer);
		}
	}
}

static void watch(struct visit *v);

/* Bytes the client sent. False: the connection is gone. */
static bool read_client(struct visit *v)
{
	char p[CHUNK];
	ssize_t n = recv(v->client, p, sizeof(p), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0) {
		visit_free(v);
		return false;
	}
	if (v->state == LAST)
		return true;
	if (v->state == HEAD && v->in.n == 0)
		arm(v, web.conf->web_head_wait);
	buf_add(&v->in, p, (size_t)n);
	take(v);
	return true;
}

static bool wants_in(const struct visit *v)
{
	return v->state == LAST || (v->state != ANSWER && v->to_http.n == 0) ||
		(v->state == ANSWER && v->in.n == 0);
}

/* --- both ways ---------------------------------------------------------------- */

/* False: gone. */
static bool put(struct visit *v, int fd, struct buf *b)
{
	ssize_t n;

	while (b->n > 0) {
		n = send(fd, b->p, b->n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (n <= 0) {
			visit_free(v);
			return false;
		}
		buf_drop(b, (size_t)n);
	}
	buf_wipe(b);
	return true;
}

/* Answers of libmicrohttpd, as much as there is room for. */
static void read_http(struct visit *v)
{
	char p[CHUNK];
	ssize_t n;

	while (v->to_client.n < OUT_MAX && !v->http_eof) {
		n = recv(v->pair, p, sizeof(p), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0)
			v->http_eof = true;
		else
			buf_add(&v->to_client, p, (size_t)n);
	}
}

/* A client that takes nothing of its answer for [web] body_wait loses it. */
static void pace(struct visit *v, size_t before)
{
	if (v->state != ANSWER || v->leaving)
		return;
	if (v->to_client.n == 0) {
		if (v->stuck)
			event_del(&v->timer);
		v->stuck = false;
	} else if (!v->stuck || v->to_client.n < before) {
		arm(v, web.conf->web_body_wait);
		v->stuck = true;
	}
}

static void go_on(struct visit *v)
{
	size_t before = v->to_client.n;

	if (!put(v, v->client, &v->to_client))
		return;
	pace(v, before);
	if (v->to_http.n > 0) {
		if (!put(v, v->pair, &v->to_http))
			return;
		http_kick();
	}
	if ((v->state == LAST || v->http_eof) && v->to_client.n == 0) {
		visit_free(v);
		return;
	}
	watch(v);
}

static void client_event(evutil_socket_t fd, short what, void *arg)
{
	struct visit *v = arg;

	(void)fd;
	if ((what & EV_READ) && !read_client(v))
		return;
	go_on(v);
}

static void pair_event(evutil_socket_t fd, short what, void *arg)
{
	struct visit *v = arg;

	(void)fd;
	if (what & EV_READ)
		read_http(v);
	go_on(v);
}

static void leave(struct visit *v)
{
	v->leaving = true;
	if (v->state != ANSWER || v->streams)
		visit_free(v);
	else
		arm(v, LAST_ANSWER_MS);
}

static void lease_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	leave(arg); /* front ended it */
}

static void timer_event(evutil_socket_t fd, short what, void *arg)
{
	struct visit *v = arg;

	(void)fd;
	(void)what;
	if (v->state == HEAD && v->in.n > 0) {
		refuse(v, "408 Request Timeout", "the request came too slowly");
		go_on(v);
		return;
	}
	if (v->stuck)
		trace_event(TRACE_INFO, "http-slow", v->id, "a client does not take its answer: dropped");
	visit_free(v);
}

static void watch_one(struct event *ev, int fd, short want, short *have, event_callback_fn fn, void *arg)
{
	if (want == *have)
		return;
	event_del(ev);
	*have = want;
	event_assign(ev, web.base, fd, (short)(want | EV_PERSIST), fn, arg);
	if (want)
		event_add(ev, NULL);
}

static void watch(struct visit *v)
{
	short client = (short)((wants_in(v) ? EV_READ : 0) | (v->to_client.n > 0 ? EV_WRITE : 0));
	short pair = (short)((v->to_client.n < OUT_MAX && !v->http_eof ? EV_READ : 0) |
		(v->to_http.n > 0 ? EV_WRITE : 0));

	watch_one(&v->ev_client, v->client, client, &v->client_mask, client_event, v);
	watch_one(&v->ev_pair, v->pair, pair, &v->pair_mask, pair_event, v);
}

/* --- what http.c says ----------------------------------------------------------- */

void door_answered(int fd)
{
	struct visit *v = visit_of(fd);

	if (!v || v->state != ANSWER)
		return;
	v->streams = v->stuck = false;
	large_end(v);
	if (v->leaving) { /* what libmicrohttpd has written goes out, then it is over */
		v->state = LAST;
		event_active(&v->ev_pair, EV_READ, 0);
		return;
	}
	v->state = HEAD;
	arm(v, v->in.n > 0 ? web.conf->web_head_wait : web.conf->web_idle);
	/* the next request is taken from the loop, not from inside libmicrohttpd */
	event_active(&v->ev_pair, EV_READ, 0);
	if (v->in.n > 0)
		take(v);
}

bool door_last(int fd)
{
	const struct visit *v = visit_of(fd);

	return !v || v->leaving || v->requests >= web.conf->web_requests;
}

void door_streams(int fd)
{
	struct visit *v = visit_of(fd);

	if (v)
		v->streams = true;
}

const struct addr *door_peer(int fd)
{
	static const struct addr none;
	const struct visit *v = visit_of(fd);

	return v ? &v->peer : &none;
}

void door_tls(int fd, struct str *version_out, struct str *cipher_out, uint32_t *bits_out)
{
	const struct visit *v = visit_of(fd);

	*version_out = str_of(v ? v->tls_version : "");
	*cipher_out = str_of(v ? v->tls_cipher : "");
	*bits_out = v ? v->tls_bits : 0;
}

bool door_clear(int fd)
{
	const struct visit *v = visit_of(fd);

	return !v || v->clear;
}

void door_drop(int fd)
{
	struct visit *v = visit_of(fd);

	if (v) /* not now: the caller may be inside libmicrohttpd */
		arm(v, 0);
}

/* --- begin, end ------------------------------------------------------------------- */

static struct visit *visit_new(const struct handover *h, int client, int lease, int pair, int http_fd)
{
	struct visit *v = mem_alloc(1, sizeof(*v));

	v->state = HEAD;
	v->client = client;
	v->lease = lease;
	v->pair = pair;
	v->http_fd = http_fd;
	v->peer = h->peer;
	v->clear = !str_eqc(h->service, "https") || h->tls_version.n == 0;
	snprintf(v->id, sizeof(v->id), "%.*s", STRF(h->id));
	snprintf(v->tls_version, sizeof(v->tls_version), "%.*s", STRF(h->tls_version));
	snprintf(v->tls_cipher, sizeof(v->tls_cipher), "%.*s", STRF(h->tls_cipher));
	v->tls_bits = h->tls_bits;
	buf_init(&v->in, web.conf->web_head + CHUNK * 2);
	buf_init(&v->to_http, web.conf->web_head + CHUNK * 2);
	buf_init(&v->to_client, OUT_MAX + CHUNK * 2);
	event_assign(&v->ev_client, web.base, client, EV_READ | EV_PERSIST, client_event, v);
	event_assign(&v->ev_pair, web.base, pair, EV_READ | EV_PERSIST, pair_event, v);
	event_assign(&v->ev_lease, web.base, lease, EV_READ, lease_event, v);
	event_assign(&v->timer, web.base, -1, 0, timer_event, v);
	v->next = visits;
	if (visits)
		visits->prev = v;
	visits = v;
	visit_map(http_fd, v);
	web.connections++;
	program_status(&web.program, web.connections, NULL);
	return v;
}

static void tell_taken(int link, struct str id)
{
	struct ipc_msg m;

	ipc_init(&m, "taken");
	ipc_set(&m, "id", id);
	ipc_try_send(link, &m);
	ipc_done(&m);
}

/* False: nothing was taken, the descriptors are closed. */
static bool admit(struct ipc_msg *m, int link, int client, int lease)
{
	struct handover h;
	struct visit *v;
	int pair[2];

	if (client < 0 || lease < 0 || handover_parse(m, &h) < 0 || !(str_eqc(h.service, "https") || str_eqc(h.service, "http")) ||
	    h.command.n > CHUNK || web.stopping ||
	    web.connections >= (size_t)web.conf->web_connections ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return false;
	v = visit_new(&h, client, lease, pair[0], pair[1]);
	if (http_add(pair[1], &h.peer) < 0) {
		visit_free(v);
		return true;
	}
	tell_taken(link, h.id);
	event_add(&v->ev_lease, NULL);
	arm(v, web.conf->web_head_wait);
	buf_str(&v->in, h.command);
	take(v);
	go_on(v);
	return true;
}

void door_open(struct ipc_msg *m, int link)
{
	int client = ipc_take_fd(m, "client"), lease = ipc_take_fd(m, "lease");

	if (admit(m, link, client, lease))
		return;
	fd_close(&client);
	fd_close(&lease);
}

void door_stop(void)
{
	struct visit *v, *next;

	web.stopping = true;
	for (v = visits; v; v = next) {
		next = v->next;
		if (!v->leaving)
			leave(v);
	}
	if (!visits)
		event_base_loopexit(web.base, NULL);
}
