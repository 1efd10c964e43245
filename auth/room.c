/* SPDX-License-Identifier: ISC
 *
 * room.c: how a session comes into a room (struct auth_room in auth.h).
 *
 *   front --handover--> parent --redeem--> authd --identity, key--> parent --fork--> child
 *   front <------------------------- taken -------------------------------------------'
 *
 * Always true: a client of which front heard `taken` gets an answer to its login;
 * one of which it did not is front's. The parent reads nothing that a stranger
 * wrote, and never waits for a client.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/file.h"
#include "conf/zygote.h"
#include "net/handover.h"
#include "net/stream.h"

#define KEEP_MAX 32

static const struct auth_room *room_of(const struct zygote *z)
{
	return z->data;
}

/* --- a client that gets no session ------------------------------------------ */

/* 0, or negative if front is gone: then the session is over before it began. */
static int say_taken(int link, struct str id)
{
	struct ipc_msg m;
	int r;

	ipc_init(&m, "taken");
	ipc_set(&m, "id", id);
	r = ipc_send(link, &m);
	ipc_done(&m);
	return r;
}

static void send_refusal(const struct auth_room *room, const struct handover *h, int client,
	const char *text)
{
	struct buf line;

	buf_init(&line, 512);
	room->refusal(h, text, &line);
	if (!line.err)
		(void)!send(client, line.p, line.n, MSG_DONTWAIT | MSG_NOSIGNAL);
	buf_done(&line);
}

/* front stays silent after `taken`; without it, it gives up by itself and says so. */
static void turn_away(const struct auth_room *room, int link, const struct ipc_msg *m, const char *text)
{
	struct handover h;
	size_t i;

	if (handover_parse(m, &h) || say_taken(link, h.id))
		return;
	for (i = 0; i < m->nfds; i++)
		if (str_eqc(m->fd_name[i], "client"))
			send_refusal(room, &h, m->fd[i], text);
}

void auth_room_failed(struct zygote *z, struct zygote_job *j, int err)
{
	const struct auth_room *room = room_of(z);

	room->log_refused(ipc_get(&j->m, "id"), err_text(err));
	turn_away(room, j->link, &j->m, room->unavailable);
}

/* --- the child ---------------------------------------------------------------- */

static void child(struct zygote_child *c)
{
	const struct auth_room *room = room_of(c->z);
	const struct auth_identity *who = c->arg;
	struct stream stream;
	struct handover h;
	int client = ipc_take_fd(&c->job->m, "client");

	if (handover_parse(&c->job->m, &h) || say_taken(c->link, h.id))
		return;
	close(c->link);
	stream_init(&stream, client, ipc_take_fd(&c->job->m, "lease"), room->line_max, room->write_timeout);
	if (stream_unread(&stream, h.command)) {
		room->log_refused(h.id, "unread");
		send_refusal(room, &h, client, room->unavailable);
	} else {
		room->session(c->conf, who, &h, &c->job->m, &stream);
	}
	stream_done(&stream);
}

/* --- the parent --------------------------------------------------------------- */

static bool serves(const struct auth_room *room, const struct handover *h)
{
	return h->ticket.n && (!room->tagged || h->tag.n || h->state.n) &&
		(str_eqc(h->service, room->service) || str_eqc(h->service, room->service_tls));
}

int auth_room_request(struct zygote *z, const struct zygote_link *from, struct ipc_msg *m)
{
	const struct auth_room *room = room_of(z);
	char label[ZYGOTE_LABEL], ip[ADDR_TEXT];
	struct zygote_job *j;
	struct handover h;
	int r;

	if (strcmp(from->name, "front") || !ipc_is(m, "handover") || handover_parse(m, &h) ||
		!serves(room, &h))
		return E_PEER;
	snprintf(label, sizeof label, "%s %s", z->program.name, addr_text(&h.peer, ip));
	j = zygote_job_new(z, from, m, label);
	if (!j) {
		room->log_refused(h.id, "too many sessions");
		turn_away(room, from->fd, m, room->full);
		return 0;
	}
	r = auth_redeem_send(z->authd, h.ticket, h.service, h.id, j->id);
	if (r) {
		auth_room_failed(z, j, r);
		zygote_job_free(z, j);
	}
	return 0;
}

static void begin_session(struct zygote *z, struct zygote_job *j, struct auth_identity *who)
{
	char ip[ADDR_TEXT];
	struct handover h;
	int keep[KEEP_MAX];
	size_t n;

	if (handover_parse(&j->m, &h))
		BUG_ON(true); /* it was parsed when it came */
	snprintf(j->label, sizeof j->label, "%s %.*s %s", z->program.name, STRF(who->user),
		addr_text(&h.peer, ip));
	n = room_of(z)->keep(keep, KEEP_MAX - 1);
	keep[n++] = who->key;
	zygote_fork(z, j, 0, keep, n, child, who);
}

int auth_room_answer(struct zygote *z, struct ipc_msg *m)
{
	const struct auth_room *room = room_of(z);
	struct auth_identity who = { .key = -1 };
	struct zygote_job *j;
	struct arena a;
	uint64_t id;
	int r;

	arena_init(&a);
	r = auth_identity_parse(m, &a, &id, &who);
	j = r ? NULL : zygote_job_find(z, id);
	if (j && who.result == AUTH_OK && who.key >= 0) {
		begin_session(z, j, &who);
	} else if (j) {
		room->log_refused(ipc_get(&j->m, "id"), "ticket");
		turn_away(room, j->link, &j->m, who.result == AUTH_TEMP ? room->unavailable : room->denied);
		zygote_job_free(z, j);
	}
	fd_close(&who.key);
	arena_done(&a);
	return r;
}
