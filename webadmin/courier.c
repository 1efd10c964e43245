/* SPDX-License-Identifier: ISC
 *
 * courier.c: see courier.h.
 *
 *   OFFERED --taken--> TALKING --reply to the last BDAT, 421, end--> done
 *      ^                  |
 *      `---- handback ----'   smtpd gave the session back in the middle (it does that with
 *                             clients that are slow): it is offered again, with all that it said
 *
 * All is sent at once (RFC 2920): MAIL, each RCPT, BDAT with the message (RFC 3030: no byte of
 * it can be a command), QUIT; the replies come in that order. One deadline for all of it.
 */
#include "webadmin/courier.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "mail/smtp.h"
#include "net/handover.h"
#include "trace/trace.h"

#define REPLY_MAX 4096 /* one reply, all its lines */
#define READS 32
#define COMMANDS_MAX (8 * 1024 * 1024)

struct courier {
	struct courier *next, *prev;
	char id[16];
	const struct letter *letter;
	void (*done)(void *arg, const struct courier_result *result);
	void *arg;
	struct arena arena;
	int fd, lease;
	struct event ev, timer;
	bool taken, watches_write;
	const char *why; /* it is over for that, at the next turn of the loop */
	struct buf head; /* MAIL, RCPT, BDAT */
	size_t sent; /* of head, message, and QUIT, which are one stream */
	struct buf in;
	struct courier_reply mail, *rcpt, data;
	size_t nreplies;
};

static struct courier *couriers;
static int link_fd = -1;
static struct event *link_ev;
static const struct str quit = { "QUIT\r\n", 6 };

void courier_cancel(struct courier *c)
{
	event_del(&c->ev);
	event_del(&c->timer);
	fd_close(&c->fd);
	fd_close(&c->lease);
	if (c->next)
		c->next->prev = c->prev;
	if (c->prev)
		c->prev->next = c->next;
	else
		couriers = c->next;
	buf_wipe(&c->head);
	buf_done(&c->in);
	arena_wipe(&c->arena);
	free(c);
}

/* --- the end ------------------------------------------------------------------------ */

/* "Accepted as ID" */
static struct str accepted_as(struct str words)
{
	ssize_t blank = str_rfind(words, ' ');

	return blank < 0 ? STR("") : str_from(words, (size_t)blank + 1);
}

static void end(struct courier *c, const char *why)
{
	struct courier_result r = { .id = STR(""), .rcpt = c->rcpt, .last = c->data };

	if (c->data.code >= 200 && c->data.code < 300) {
		r.id = accepted_as(c->data.words);
	} else if (c->mail.code >= 400) {
		r.last = c->mail;
		r.mail = true;
	} else if (c->data.code == 0) {
		r.last = (struct courier_reply){ 0, STR(""), str_of(why) };
	}
	event_del(&c->ev);
	event_del(&c->timer);
	c->done(c->arg, &r);
	courier_cancel(c);
}

/* --- replies -------------------------------------------------------------------------- */

/* "550 5.1.1 words" */
static void reply_of(struct courier *c, int code, struct str text, struct courier_reply *out)
{
	struct str rest = text, status = str_cut(&rest, ' ');
	size_t i;

	out->code = code;
	for (i = 0; i < status.n && ((status.p[i] >= '0' && status.p[i] <= '9') || status.p[i] == '.'); i++)
		;
	if (status.n >= 5 && i == status.n) {
		out->status = arena_str(&c->arena, status);
		text = rest;
	} else {
		out->status = STR("");
	}
	out->words = arena_str(&c->arena, text);
}

/* True: that was the last one; c is gone. */
static bool take_reply(struct courier *c, int code, struct str text)
{
	size_t n = c->nreplies++;

	if (code == 421) {
		reply_of(c, code, text, &c->data);
		end(c, "");
		return true;
	}
	if (n == 0) {
		reply_of(c, code, text, &c->mail);
		return false;
	}
	if (n <= c->letter->nto) {
		reply_of(c, code, text, &c->rcpt[n - 1]);
		return false;
	}
	reply_of(c, code, text, &c->data);
	end(c, "");
	return true;
}

/* Whole lines of what has come. True: c is gone. */
static bool take_lines(struct courier *c)
{
	struct str all = buf_view(&c->in), line;
	size_t used = 0;
	uint64_t code;
	ssize_t nl;

	while ((nl = str_find(str_from(all, used), '\n')) >= 0) {
		line = str_trim(str_sub(all, used, used + (size_t)nl));
		used += (size_t)nl + 1;
		if (line.n < 4 || str_u64(str_sub(line, 0, 3), 599, &code) < 0) {
			end(c, "the process that takes mail said what nobody understands");
			return true;
		}
		if (line.p[3] != '-' && take_reply(c, (int)code, str_from(line, 4)))
			return true;
	}
	buf_drop(&c->in, used);
	return false;
}

/* --- bytes ------------------------------------------------------------------------------ */

static void event(evutil_socket_t fd, short what, void *arg);

static void watch(struct courier *c, bool write)
{
	if (c->watches_write == write && event_initialized(&c->ev) && event_pending(&c->ev, EV_READ, NULL))
		return;
	if (event_initialized(&c->ev))
		event_del(&c->ev);
	c->watches_write = write;
	event_assign(&c->ev, web.base, c->fd, (short)(EV_READ | EV_PERSIST | (write ? EV_WRITE : 0)), event, c);
	event_add(&c->ev, NULL);
}

/* What is left of the stream, its next piece. */
static struct str rest(const struct courier *c)
{
	struct str head = buf_view(&c->head), text = buf_view(&c->letter->message);
	size_t at = c->sent;

	if (at < head.n)
		return str_from(head, at);
	at -= head.n;
	if (at < text.n)
		return str_from(text, at);
	return str_from(quit, at - text.n);
}

static void put(struct courier *c)
{
	struct str piece;
	ssize_t n;

	while ((piece = rest(c)).n > 0) {
		n = send(c->fd, piece.p, piece.n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n <= 0)
			break; /* full; or closed, and what was said before is read all the same */
		c->sent += (size_t)n;
	}
	watch(c, rest(c).n > 0 && !(piece.n > 0 && errno == EPIPE));
}

static void event(evutil_socket_t fd, short what, void *arg)
{
	struct courier *c = arg;
	char p[4096];
	ssize_t n;

	if (what & EV_READ) {
		n = recv(fd, p, sizeof(p), MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			/* not while a hand-back is under way: that holds its other end */
			end(c, "the process that takes mail is gone: try again");
			return;
		} else if (n > 0) {
			buf_add(&c->in, p, (size_t)n);
			if (c->in.n > REPLY_MAX * 64 || c->in.err) {
				end(c, "the process that takes mail does not stop talking");
				return;
			}
			if (take_lines(c))
				return;
		}
	}
	if (what & EV_WRITE)
		put(c);
}

static void too_late(evutil_socket_t fd, short what, void *arg)
{
	struct courier *c = arg;

	(void)fd;
	(void)what;
	end(c, c->why ? c->why : c->taken ? "there was no answer in time" : "all processes that take mail are busy: try again");
}

static void arm(struct courier *c, int64_t ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000 };

	event_add(&c->timer, &tv);
}

/* --- the link --------------------------------------------------------------------------- */

static struct courier *courier_of(struct str id)
{
	struct courier *c;

	for (c = couriers; c && !str_eqc(id, c->id); c = c->next)
		;
	return c;
}

/* Who called courier_new has its courier first, and hears of the end later. */
static void end_soon(struct courier *c, const char *why)
{
	c->why = why;
	arm(c, 0);
}

static void offer(struct courier *c, struct ipc_msg *m, int room_fd)
{
	int lease[2], r;

	if (link_fd < 0 || ipc_pair(lease) < 0) {
		end_soon(c, "no process takes mail now: try again");
		return;
	}
	fd_close(&c->lease);
	c->lease = lease[0];
	c->taken = false;
	ipc_add_fd(m, "client", room_fd);
	ipc_add_fd(m, "lease", lease[1]);
	r = ipc_try_send(link_fd, m);
	close(lease[1]);
	if (r < 0)
		end_soon(c, "all processes that take mail are busy: try again");
	else
		arm(c, web.conf->limit_room_wait);
}

/* The same session, the same socket: another smtpd goes on with it. */
static void came_back(struct courier *c, struct ipc_msg *m)
{
	int fd = ipc_take_fd(m, "client");
	struct ipc_msg again;
	size_t i;

	ipc_init(&again, "handover");
	for (i = 0; i < m->nfields; i++)
		ipc_set(&again, arena_cstr(&again.arena, m->field[i].name), m->field[i].value);
	if (fd < 0)
		end_soon(c, "the process that takes mail gave the session back");
	else
		offer(c, &again, fd);
	ipc_done(&again);
	fd_close(&fd);
}

static void link_event(evutil_socket_t fd, short what, void *arg)
{
	struct courier *c;
	struct ipc_msg m;
	int i, r = 0;

	(void)what;
	(void)arg;
	for (i = 0; i < READS && r == 0; i++) {
		r = ipc_try_recv(fd, &m);
		c = r == 0 ? courier_of(ipc_get(&m, "id")) : NULL;
		if (c && ipc_is(&m, "taken")) {
			c->taken = true;
			arm(c, web.conf->web_send_wait);
		} else if (c && ipc_is(&m, "handback")) {
			came_back(c, &m);
		}
		ipc_done(&m);
	}
	if (r < 0 && r != -EAGAIN && r != -EINTR)
		courier_link(-1);
}

void courier_link(int fd)
{
	if (link_ev)
		event_free(link_ev);
	link_ev = NULL;
	fd_close(&link_fd);
	if (fd < 0)
		return;
	link_fd = fd;
	fd_nonblock(fd, true);
	link_ev = event_new(web.base, fd, EV_READ | EV_PERSIST, link_event, NULL);
	event_add(link_ev, NULL);
}

/* --- the begin ---------------------------------------------------------------------------- */

static void commands(struct courier *c)
{
	const struct letter *l = c->letter;
	size_t i;

	buf_fmt(&c->head, "MAIL FROM:<%.*s> SIZE=%zu%s%s%s\r\n", STRF(l->from), l->message.n,
		l->eight_bit ? " BODY=8BITMIME" : "", l->smtputf8 ? " SMTPUTF8" : "", l->verp ? " XVERP" : "");
	for (i = 0; i < l->nto; i++)
		buf_fmt(&c->head, "RCPT TO:<%.*s>\r\n", STRF(l->to[i]));
	buf_fmt(&c->head, "BDAT %zu LAST\r\n", l->message.n);
}

static void first_offer(struct courier *c, const struct courier_origin *o, int room_fd)
{
	char helo[ADDR_TEXT + 16], literal[ADDR_TEXT + 8];
	struct handover h = { .id = str_of(c->id), .service = STR("submission"), .peer = o->peer, .local = o->peer,
		.ticket = o->ticket, .user = o->user, .tls_version = o->tls_version, .tls_cipher = o->tls_cipher,
		.tls_bits = o->tls_bits, .pumped = true, .esmtp = true };
	struct ipc_msg m;

	snprintf(helo, sizeof(helo), "[%s]", addr_literal(&o->peer, literal));
	h.helo = str_of(helo);
	ipc_init(&m, "handover");
	handover_print(&h, &m);
	offer(c, &m, room_fd);
	ipc_done(&m);
}

struct courier *courier_new(const struct courier_origin *o, const struct letter *letter,
	void (*done)(void *arg, const struct courier_result *result), void *arg)
{
	struct courier *c;
	int pair[2];

	if (link_fd < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return NULL;
	c = mem_alloc(1, sizeof(*c));
	arena_init(&c->arena);
	snprintf(c->id, sizeof(c->id), "%s", o->session);
	c->letter = letter;
	c->done = done;
	c->arg = arg;
	c->fd = pair[0];
	c->lease = -1;
	fd_nonblock(c->fd, true);
	c->rcpt = arena_array(&c->arena, letter->nto, sizeof(*c->rcpt));
	buf_init(&c->head, COMMANDS_MAX);
	buf_init(&c->in, REPLY_MAX * 128);
	commands(c);
	event_assign(&c->timer, web.base, -1, 0, too_late, c);
	c->next = couriers;
	if (couriers)
		couriers->prev = c;
	couriers = c;
	watch(c, true);
	first_offer(c, o, pair[1]);
	close(pair[1]);
	return c;
}
