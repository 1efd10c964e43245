/* SPDX-License-Identifier: ISC
 *
 * forward.c: what an alias sends to the outside: the message, as it came, goes to
 * the queue before the recipient gets its 250, so that nothing acknowledged hangs in
 * the air. With it goes the sender that the next server is told: one of the alias's
 * domain (SRS, auth/srs.h), unless the sender is ours anyway.
 *
 *   RCPT: forward_open() gets a link to queued, by way of the parent (which must
 *         not wait for anybody) while the process may still take one
 *   end of the message: forward() writes envelope and content, one put a recipient
 *
 * The id of the forwarded message follows from the delivery id: if this child
 * dies after the put, the second delivery finds it taken and is a success.
 * Delivered-To marks the way: a message that comes back is refused (A -> B -> A).
 *
 * NOTIFY (RFC 3461 5.2.7.2, an alias): the wish for failure and delay goes along;
 * success is told here, by whoever queued the message for us ("expanded").
 */
#include "delivery/forward.h"

#include "base/codec.h"
#include "base/file.h"
#include "base/rand.h"
#include "mail/envelope.h"
#include "net/spool.h"

#define AUTHD_WAIT_MS 10000

bool forward_allowed(const struct conf *conf)
{
	return conf->send_smarthost.n || conf->send_direct || conf->send_hold_all;
}

static void not_now(struct dsn *why, int err)
{
	if (err == E_FULL)
		dsn_set(why, 452, "4.3.1", "Insufficient system storage, try again later");
	else
		dsn_set(why, 451, "4.3.0", "Forwarding is not available at the moment, try again later");
	dsn_log(why, "queued: %s", err_text(err));
}

int forward_open(struct session *s, struct dsn *why)
{
	struct ipc_msg question, answer;
	int r;

	if (s->tx.queue >= 0)
		return 0;
	ipc_init(&question, "queue");
	ipc_setc(&question, "id", s->id);
	r = ipc_call(s->parent, &question, &answer, deadline_in(s->conf->smtp_queue_timeout));
	if (!r) {
		s->tx.queue = ipc_take_fd(&answer, "link");
		if (s->tx.queue < 0)
			r = E_CLOSED;
	}
	ipc_done(&question);
	ipc_done(&answer);
	if (r)
		not_now(why, r);
	return r ? -1 : 0;
}

/* "<id>f<number>"; without a delivery id, or where it is too long, one of its own. */
static struct str message_id(struct session *s, const struct recipient *rcpt)
{
	char fresh[TX_ID + 1];
	struct str id;

	if (s->tx.xid) {
		id = str_of(arena_fmt(&s->tx.a, "%sf%u", s->tx.id, rcpt->number));
		if (envelope_id_ok(id))
			return id;
	}
	rand_id(fresh, TX_ID);
	return arena_str(&s->tx.a, str_of(fresh));
}

/* Is the sender one of ours, so that a report would stay here, and which one is told to others? 0 or negative. */
static int senders(struct session *s, struct envelope *e)
{
	ssize_t at = str_rfind(e->alias, '@');
	struct str from = e->sender;
	int r = e->sender.n == 0 ? 0 : auth_forward_sender(s->authd, e->sender, str_from(e->alias, (size_t)(at + 1)), &s->tx.a,
		&from, &e->sender_local, deadline_in(AUTHD_WAIT_MS));

	if (!r && !str_eq(from, e->sender))
		e->from = from;
	return r;
}

/* ORCPT: the one that was given, else the address of the alias (RFC 3461 5.2.1). */
static struct str original(struct session *s, const struct recipient *rcpt)
{
	struct str given = rcpt->orcpt;
	struct buf b;

	if (given.n || !str_is_ascii(rcpt->address))
		return given;
	buf_init(&b, 4096);
	buf_puts(&b, "rfc822;");
	xtext_encode(rcpt->address, &b);
	given = arena_str(&s->tx.a, buf_view(&b));
	buf_done(&b);
	return given;
}

static uint32_t notify_on(uint32_t notify)
{
	uint32_t rest = notify & ~(uint32_t)NOTIFY_SUCCESS;

	return notify && !rest ? NOTIFY_NEVER : rest;
}

static bool served_before(const struct tx *tx, struct str address, struct dsn *why)
{
	size_t i;

	for (i = 0; i < tx->nforwarded; i++) {
		if (!str_ieq(tx->forwarded[i].address, address))
			continue;
		*why = tx->forwarded[i].why;
		return true;
	}
	return false;
}

static void trace_forwarded(struct session *s, const struct recipient *rcpt, const struct envelope *e, bool again)
{
	size_t i;

	for (i = 0; i < e->nrcpt; i++) {
		struct trace t;

		event_begin(s, &t, TRACE_INFO, "forwarded");
		trace_str(&t, "to", str_sub(rcpt->address, 0, TRACE_TEXT));
		trace_str(&t, "target", str_sub(e->rcpt[i].address, 0, TRACE_TEXT));
		trace_str(&t, "as", e->id);
		if (again)
			trace_s(&t, "again", "1");
		trace_end(&t);
	}
}

/* Envelope, our field, the message: into a file of the spool. 0 or negative. */
static int put(struct session *s, struct envelope *e, struct str head, const struct str *piece, size_t npieces)
{
	deadline d = deadline_in(s->conf->smtp_queue_timeout);
	struct str *all = arena_array(&s->tx.a, npieces + 2, sizeof *all);
	struct buf envelope;
	size_t i;
	int fd = -1, r;

	buf_init(&envelope, ENVELOPE_HEAD_MAX);
	e->size = head.n;
	for (i = 0; i < npieces; i++)
		e->size += piece[i].n;
	envelope_print(e, &envelope);
	all[0] = buf_view(&envelope);
	all[1] = head;
	memcpy(all + 2, piece, npieces * sizeof *all);
	r = envelope.err;
	if (!r)
		r = spool_file(s->tx.queue, &fd, d);
	if (!r)
		r = spool_put(s->tx.queue, fd, e->id, all, npieces + 2, d);
	fd_close(&fd);
	buf_done(&envelope);
	return r;
}

static int submit(struct session *s, const struct recipient *rcpt, struct envelope *e, const struct str *piece,
	size_t npieces)
{
	struct buf head;
	int r;

	e->alias = forward_mark(s, rcpt);
	r = senders(s, e);

	if (r)
		return r;
	buf_init(&head, 16384);
	deliver_fields(s, e->alias, &head);
	r = head.err ? head.err : put(s, e, buf_view(&head), piece, npieces);
	buf_done(&head);
	if (!r || (r == E_EXISTS && s->tx.xid)) {
		trace_forwarded(s, rcpt, e, r == E_EXISTS);
		return 0;
	}
	return r;
}

struct str forward_mark(struct session *s, const struct recipient *rcpt)
{
	if (str_find(rcpt->address, '@') >= 0)
		return rcpt->address;
	return str_of(arena_fmt(&s->tx.a, "%.*s@%s", STRF(rcpt->address), s->hostname)); /* <postmaster> */
}

void forward(struct session *s, const struct recipient *rcpt, const struct str *piece, size_t npieces,
	struct dsn *why)
{
	struct tx *tx = &s->tx;
	struct envelope e = {
		.id = message_id(s, rcpt),
		.time = clock_unix(),
		.sender = tx->sender,
		.confirmed = tx->user.n > 0,
		.user = tx->user,
		.session = str_of(s->id),
		.envid = tx->envid,
		.ret = tx->ret,
		.body8 = tx->body8,
		.smtputf8 = tx->smtputf8,
		.requiretls = tx->requiretls, /* RFC 8689 4.1, RFC 6710 4.4 */
		.priority = tx->priority,
		.peer = tx->peer,
		.helo = tx->helo,
		.forward = true,
	};
	size_t i;
	int r;

	dsn_set(why, 250, "2.1.5", "Forwarded");
	if (!tx->forwarded)
		tx->forwarded = arena_array(&tx->a, tx->noutside, sizeof *tx->forwarded);
	e.rcpt = arena_array(&tx->a, rcpt->noutside, sizeof *e.rcpt);
	for (i = 0; i < rcpt->noutside; i++) {
		struct dsn before;

		if (served_before(tx, rcpt->outside[i], &before)) {
			if (before.code != 250)
				*why = before;
			continue;
		}
		e.rcpt[e.nrcpt++] = (struct envelope_rcpt){ .address = rcpt->outside[i], .number = (uint32_t)i + 1,
			.notify = notify_on(rcpt->notify), .orcpt = original(s, rcpt) };
		e.smtputf8 |= !str_is_ascii(rcpt->outside[i]);
	}
	if (!e.nrcpt)
		return;
	r = submit(s, rcpt, &e, piece, npieces);
	if (r)
		not_now(why, r);
	for (i = 0; i < e.nrcpt; i++)
		tx->forwarded[tx->nforwarded++] = (struct forwarded){ .address = e.rcpt[i].address, .why = *why };
}
