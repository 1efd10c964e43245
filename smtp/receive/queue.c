/* SPDX-License-Identifier: ISC
 *
 * queue.c: a message on its way into the queue (docs/QUEUE.md): envelope, our
 * head and the content go from memory into a file of the spool; queued names it
 * and commits; only then is it true that somebody else is responsible.
 *
 * The id is the transaction's, the numbers are those of the recipients: what a
 * mailbox got on the straight path and did not say, it will not take twice.
 */
#include "smtp/receive/session.h"

#include "base/file.h"
#include "mail/envelope.h"
#include "net/spool.h"

static int not_now(struct dsn *why, const char *who, int err)
{
	if (err == E_FULL)
		dsn_set(why, 452, "4.3.1", "Insufficient system storage, try again later");
	else if (err == E_LIMIT)
		dsn_set(why, 452, "4.7.1", "Too much mail of this account is kept back by its sending limits; the administrator sees it, try again later");
	else
		dsn_set(why, 451, "4.3.0", "The message cannot be queued at the moment, try again later");
	dsn_log(why, "%s: %s", who, err_text(err));
	return -1;
}

/* Would a report to the sender stay here? */
static int sender_local(struct session *s, bool *out)
{
	struct auth_rcpt rcpt = { .result = AUTH_TEMP };
	struct room *room = s->room;
	int link = room->authd, r;

	*out = false;
	if (!policy_report(s))
		return 0;
	r = auth_rcpt(link, s->tx.sender, &s->cmd, &rcpt, deadline_in(AUTHD_WAIT_MS));
	if (r && room_relink(room, &room->authd, link))
		r = auth_rcpt(room->authd, s->tx.sender, &s->cmd, &rcpt, deadline_in(AUTHD_WAIT_MS));
	if (!r && rcpt.result == AUTH_TEMP)
		r = E_TEMP;
	*out = rcpt.result != AUTH_NODOMAIN;
	return r;
}

static void recipients(struct session *s, struct envelope *e)
{
	struct tx *tx = &s->tx;
	size_t i;

	e->rcpt = arena_array(&tx->a, tx->nrcpt, sizeof *e->rcpt);
	for (i = 0; i < tx->nrcpt; i++) {
		const struct recipient *r = &tx->rcpt[i];
		bool failed = r->code >= 500;

		if (r->code == 250 || (failed && !policy_report(s)))
			continue;
		e->rcpt[e->nrcpt++] = (struct envelope_rcpt){
			.address = r->address,
			.number = (uint32_t)i + 1,
			.local = r->route != ROUTE_OUTSIDE,
			.notify = r->notify,
			.orcpt = r->orcpt,
			.code = failed ? r->code : 0,
			.status = failed ? r->status : STR_NONE,
			.reply = failed ? r->reply : STR_NONE,
		};
	}
}

/* A file that queued has for us. */
static int new_file(struct room *room, int *fd_out, deadline d)
{
	int link = room->queued, r = spool_file(link, fd_out, d);

	if (r == E_CLOSED && room_relink(room, &room->queued, link))
		r = spool_file(room->queued, fd_out, d);
	return r;
}

static int hand_over(struct session *s, struct str envelope, struct str head)
{
	const struct str piece[] = { envelope, head, buf_view(&s->tx.body) };
	deadline d = deadline_in(s->room->conf->smtp_queue_timeout);
	int fd = -1, r;

	room_update(s->room);
	r = new_file(s->room, &fd, d);
	if (!r)
		r = spool_put(s->room->queued, fd, str_of(s->tx.id), piece, ARRAY_LEN(piece), d);
	fd_close(&fd);
	return r;
}

int queue_put(struct session *s, struct dsn *why)
{
	struct tx *tx = &s->tx;
	char peer[ADDR_TEXT];
	struct envelope e = {
		.id = str_of(tx->id),
		.time = clock_unix(),
		.sender = tx->sender,
		.confirmed = policy_trusted(s),
		.user = s->authenticated ? s->who.user : STR_NONE,
		.session = s->h.id,
		.envid = tx->envid,
		.ret = tx->ret,
		.body8 = tx->body8,
		.smtputf8 = tx->smtputf8,
		.requiretls = tx->requiretls,
		.release = tx->release,
		.future = tx->future,
		.priority = tx->priority,
		.verp = tx->verp,
		.hold = tx->hold,
		.peer = s->h.peer.family ? str_of(addr_text(&s->h.peer, peer)) : STR_NONE,
		.helo = str_sub(s->h.helo, 0, HELO_KEPT),
	};
	struct buf head, envelope;
	int r = sender_local(s, &e.sender_local);

	if (r)
		return not_now(why, "authd", r);
	buf_init(&head, 16384);
	buf_init(&envelope, ENVELOPE_HEAD_MAX);
	content_head(s, &head);
	BUG_ON(head.err);
	recipients(s, &e);
	e.size = head.n + tx->body.n;
	envelope_print(&e, &envelope);
	r = envelope.err ? envelope.err : hand_over(s, buf_view(&envelope), buf_view(&head));
	buf_done(&envelope);
	buf_done(&head);
	return r ? not_now(why, "queued", r) : 0;
}
