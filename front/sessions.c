/* SPDX-License-Identifier: ISC
 *
 * sessions.c: the verbs "session list" and "session kick" for this front's
 * connections. Rows go out as the reader takes them: the list is a snapshot
 * of ids, written from the event loop, so that a stopped `mansio` command
 * holds up nobody.
 */
#include "front/conn.h"

#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "mail/address.h"
#include "trace/trace.h"

#define LIST_WAIT 10 /* seconds without a row taken, then the list is given up */

struct listing {
	struct front *front;
	int fd;
	struct event ev;
	char (*id)[13];
	size_t n, at;
};

static void send_done(int fd, int code, const char *error)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set_bool(&m, "done", true);
	ipc_set_u64(&m, "code", (uint64_t)code);
	ipc_setc(&m, "error", error);
	ipc_try_send(fd, &m);
	ipc_done(&m);
}

static const char *state_name(const struct conn *c)
{
	switch (c->state) {
	case CONN_HANDSHAKE:
	case CONN_STARTTLS:
		return "handshake";
	case CONN_AUTHD:
		return "login";
	case CONN_WAIT:
		return "waiting";
	case CONN_OFFERED:
	case CONN_ROOM:
		return "room";
	case CONN_SLEEP:
		return "asleep";
	case CONN_CLOSING:
	case CONN_LINGER:
		return "closing";
	default:
		return c->ticket ? "idle" : "new";
	}
}

static int send_row(int fd, const struct conn *c)
{
	char peer[ADDR_TEXT];
	struct ipc_msg m;
	int r;

	ipc_init(&m, "result");
	ipc_setc(&m, "id", c->id);
	ipc_setc(&m, "service", c->service->name);
	ipc_setc(&m, "peer", addr_text(&c->peer, peer));
	ipc_setc(&m, "user", c->user ? c->user : "");
	ipc_setc(&m, "tls", c->tls && c->state != CONN_HANDSHAKE ? tls_version(c->tls) : "");
	ipc_setc(&m, "state", state_name(c));
	ipc_set_u64(&m, "seconds", (uint64_t)MAX(clock_unix() - c->since, 0));
	ipc_setc(&m, "device", c->service->dialogue == &imap_dialogue && c->u.imap.id_params ? c->u.imap.id_params : "");
	r = ipc_try_send(fd, &m);
	ipc_done(&m);
	return r;
}

static void listing_free(struct listing *l)
{
	event_del(&l->ev);
	close(l->fd);
	free(l->id);
	free(l);
}

static void list_event(evutil_socket_t fd, short what, void *arg)
{
	struct listing *l = arg;
	int r = 0;

	while (l->at < l->n && !(what & EV_TIMEOUT)) {
		struct conn *c = table_get(&l->front->by_id, str_of(l->id[l->at]));

		r = c ? send_row(fd, c) : 0;
		if (r == -EAGAIN)
			return; /* EV_PERSIST: when there is room */
		if (r < 0)
			break;
		l->at++;
	}
	if (l->at == l->n)
		send_done(fd, EX_OK, NULL);
	listing_free(l);
}

/* Does this session concern one of the repeated field `scope`? None: every one does. */
static bool in_scope(const struct conn *c, const struct ipc_msg *m)
{
	struct str user = str_of(c->user), scope;
	size_t i;

	for (i = 0; (scope = ipc_get_nth(m, "scope", i)).p; i++)
		if (user.n > 0 && (str_ieq(scope, user) ||
			(str_rfind(user, '@') >= 0 && str_ieq(scope, str_from(user, (size_t)str_rfind(user, '@') + 1)))))
			return true;
	return i == 0;
}

/* Takes fd. */
static void list(struct front *f, const struct ipc_msg *m, int fd)
{
	struct timeval wait = { LIST_WAIT, 0 };
	struct listing *l = mem_alloc(1, sizeof *l);
	struct conn *c;

	l->front = f;
	l->fd = fd;
	l->id = mem_alloc(f->nconns ? f->nconns : 1, sizeof *l->id);
	for (c = f->conns; c && l->n < f->nconns; c = c->next)
		if (in_scope(c, m))
			memcpy(l->id[l->n++], c->id, sizeof c->id);
	event_assign(&l->ev, f->base, fd, EV_WRITE | EV_PERSIST, list_event, l);
	event_add(&l->ev, &wait);
}

static bool matches(const struct conn *c, const struct ipc_msg *m)
{
	struct str id = ipc_get(m, "id"), peer = ipc_get(m, "peer"), user;
	char text[ADDR_TEXT];
	size_t i;

	for (i = 0; (user = ipc_get_nth(m, "user", i)).p; i++)
		if (c->user && address_is(user, str_of(c->user)))
			return true;
	return (id.n > 0 && str_eqc(id, c->id)) || (peer.n > 0 && str_eqc(peer, addr_text(&c->peer, text)));
}

/* Takes fd. Ends what has this id, peer, or one of these users (address_is); one row each. */
static void kick(struct front *f, struct ipc_msg *m, int fd)
{
	struct conn *c, *next;

	for (c = f->conns; c; c = next) {
		next = c->next;
		if (!matches(c, m) || !in_scope(c, m))
			continue;
		trace_event(TRACE_INFO, "kick", c->id, "by the administrator");
		send_row(fd, c);
		handover_end(c, BYE_KICK);
	}
	send_done(fd, EX_OK, NULL);
	close(fd);
}

void sessions_control(struct front *f, struct ipc_msg *m)
{
	struct str verb = ipc_get(m, "verb");
	int fd = ipc_take_fd(m, "reply");

	if (fd < 0)
		return;
	if (str_eqc(verb, "session list")) {
		list(f, m, fd);
	} else if (str_eqc(verb, "session kick")) {
		kick(f, m, fd);
	} else {
		send_done(fd, EX_USAGE, "front has no such verb");
		close(fd);
	}
}
