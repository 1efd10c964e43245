/* SPDX-License-Identifier: ISC
 *
 * deliver.c: a whole message into the mailboxes of its recipients.
 *
 * Order: keys from authd; the sandbox closes (session.h); only then is the
 * content looked at. Each copy is durable in its store before its 250
 * goes out; replies come in the order of the RCPT commands (RFC 2033 4.2).
 *
 * One mailbox and folder gets one copy, however many recipients lead to it:
 * the later ones share the result of the first. The delivery id "<id>r<n>"
 * (n: XN=; target k > 0 of an alias: "<id>r<n>t<k>") names the copy for ever: delivering
 * it again writes nothing and is a success.
 *
 * Final delivery takes old Return-Path fields away and puts ours on top (RFC
 * 5321 4.4), with Delivered-To, by which a loop through this mailbox is seen
 * when the message comes round again.
 */
#include "delivery/session.h"

#include <fcntl.h>
#include <poll.h>

#include "base/file.h"
#include "delivery/forward.h"
#include "mail/charset.h"
#include "mail/header.h"
#include "mail/received.h"
#include "store/store.h"

#define AUTHD_WAIT_MS 10000
#define DELIVERED_TO_MAX 1000
#define SUBJECT_MAX 1000 /* bytes of it that are looked at */

/* What the header says to us. */
struct facts {
	struct str *piece; /* the message without its Return-Path fields */
	size_t npieces, size;
	struct str *delivered_to;
	size_t ndelivered_to;
	size_t received;
	struct str subject, message_id; /* as they stand there */
};

/* One copy that was tried. */
struct done {
	const struct target *target;
	struct dsn why;
};

static void add_piece(struct facts *f, struct str message, size_t from, size_t to)
{
	if (to > from) {
		f->piece[f->npieces++] = str_sub(message, from, to);
		f->size += to - from;
	}
}

/* Two passes: the first counts, so that the arrays fit. */
static void read_header(struct session *s, struct facts *f)
{
	struct str message = buf_view(&s->tx.body);
	struct header_walk w = { .message = message };
	struct header_field field;
	size_t paths = 0, from = 0, at;

	while (header_walk(&w, &field)) {
		f->received += str_ieqc(field.name, "Received");
		f->ndelivered_to += str_ieqc(field.name, "Delivered-To");
		paths += str_ieqc(field.name, "Return-Path");
		if (!f->subject.p && str_ieqc(field.name, "Subject"))
			f->subject = field.body;
		if (!f->message_id.p && str_ieqc(field.name, "Message-ID"))
			f->message_id = field.body;
	}
	f->ndelivered_to = MIN(f->ndelivered_to, (size_t)DELIVERED_TO_MAX);
	f->delivered_to = arena_array(&s->tx.a, f->ndelivered_to + 1, sizeof(struct str));
	f->piece = arena_array(&s->tx.a, paths + 1, sizeof(struct str));
	f->ndelivered_to = 0;
	w = (struct header_walk){ .message = message };
	while (header_walk(&w, &field)) {
		if (str_ieqc(field.name, "Delivered-To") && f->ndelivered_to < DELIVERED_TO_MAX)
			f->delivered_to[f->ndelivered_to++] = str_trim(field.body);
		if (!str_ieqc(field.name, "Return-Path"))
			continue;
		at = (size_t)(field.raw.p - message.p);
		add_piece(f, message, from, at);
		from = at + field.raw.n;
	}
	add_piece(f, message, from, message.n);
}

void deliver_fields(const struct session *s, struct str account, struct buf *out)
{
	const struct tx *tx = &s->tx;
	char peer[ADDR_TEXT + 8];
	struct received r = {
		.helo = s->helo,
		.by = str_of(s->hostname),
		.id = str_of(tx->id),
		.for_address = tx->nrcpt == 1 ? tx->rcpt[0].address : STR_NONE,
		.lmtp = true,
		.utf8 = tx->smtputf8,
		.time = clock_unix(),
	};

	buf_fmt(out, "Delivered-To: %.*s\r\n", STRF(account));
	if (s->inside) /* smtpd's Received stands there; this is the same system */
		return;
	if (s->peer.family)
		r.peer = str_of(addr_literal(&s->peer, peer));
	received_print(&r, out);
}

void deliver_head(const struct session *s, struct str account, struct buf *out)
{
	buf_fmt(out, "Return-Path: <%.*s>\r\n", STRF(s->tx.sender));
	deliver_fields(s, account, out);
}

/* --- one copy -------------------------------------------------------------------- */

static void failed(struct dsn *why, const struct account *acc, int err)
{
	switch (err) {
	case E_QUOTA:
		dsn_set(why, 552, "5.2.2", "Mailbox is full");
		break;
	case -ENOSPC:
	case -EDQUOT:
		dsn_set(why, 452, "4.3.1", "Insufficient system storage, try again later");
		break;
	case E_TEMP:
	case E_TIMEOUT:
		dsn_set(why, 451, "4.2.0", "Mailbox is busy, try again later");
		break;
	default:
		dsn_set(why, 451, "4.3.0", "Mailbox is not available at the moment, try again later");
		break;
	}
	dsn_log(why, "%.*s: %s", STRF(acc->name), err_text(err));
}

/* The folder that user+detail names, if there is one; else INBOX. */
static struct str folder_of(struct store *store, struct str detail)
{
	bool there = false;

	if (detail.n && !store_folder_exists(store, detail, &there) && there)
		return detail;
	return STR("INBOX");
}

static int write_copy(struct store *store, const struct store_save_options *opt, struct str head,
	const struct facts *f, uint32_t *validity, uint32_t *uid)
{
	struct store_save *w;
	size_t i;
	int r = store_save_begin(store, opt, head.n + f->size, &w);

	if (r)
		return r;
	r = store_save_write(w, head.p, head.n);
	for (i = 0; !r && i < f->npieces; i++)
		r = store_save_write(w, f->piece[i].p, f->piece[i].n);
	if (r) {
		store_save_abort(w);
		return r;
	}
	return store_save_commit(w, validity, uid);
}

static void trace_delivered(struct session *s, const struct account *acc, struct str to,
	struct str folder, uint32_t uid, bool again)
{
	struct trace t;

	event_begin(s, &t, TRACE_INFO, "delivered");
	trace_str(&t, "to", str_sub(to, 0, TRACE_TEXT));
	trace_str(&t, "account", acc->name);
	trace_str(&t, "folder", folder);
	trace_u64(&t, "uid", uid);
	if (again)
		trace_s(&t, "again", "1");
	trace_end(&t);
}

/* What smtpd tells of its messages (`accepted`) is told here of those that others brought. */
static void trace_message(struct session *s, const struct facts *f)
{
	struct buf text;
	struct trace t;

	event_begin(s, &t, TRACE_INFO, "message");
	trace_str(&t, "from", str_sub(s->tx.sender, 0, TRACE_TEXT));
	trace_u64(&t, "rcpts", s->tx.nrcpt);
	trace_u64(&t, "size", s->tx.body.n);
	if (f->message_id.p)
		trace_str(&t, "mid", str_sub(str_trim(f->message_id), 0, TRACE_TEXT));
	if (f->subject.p && s->conf->trace_subjects) {
		buf_init(&text, TRACE_TEXT);
		encoded_words_decode(header_unfold(str_sub(f->subject, 0, SUBJECT_MAX), &s->tx.a), &text);
		trace_str(&t, "subject", buf_view(&text));
		buf_done(&text);
	}
	trace_end(&t);
}

static int open_store(struct session *s, const struct account *acc, struct store **out)
{
	struct store_options opt = {
		.host = s->hostname,
		.quota_bytes = acc->quota_bytes,
		.quota_messages = acc->quota_messages,
		.lock_timeout_ms = s->conf->mail_lock_timeout,
	};
	int r;

	if (acc->key < 0)
		return E_DENIED;
	opt.key = fcntl(acc->key, F_DUPFD_CLOEXEC, 3);
	if (opt.key < 0)
		return -errno;
	r = store_open(&opt, out);
	if (r)
		fd_close(&opt.key); /* still ours */
	return r;
}

/* The other end is gone, not only done with sending: a copy would be a double later. */
static bool somebody_waits(void *arg)
{
	const struct session *s = arg;
	struct pollfd p = { .fd = s->io.fd };

	return poll(&p, 1, 0) == 0;
}

static void store_copy_of(struct session *s, const struct facts *f, const struct recipient *rcpt,
	const struct target *target, struct str id, struct dsn *why)
{
	const struct account *acc = &s->tx.account[target->account];
	struct store_save_options opt = { .delivery_id = id, .wanted = somebody_waits, .wanted_arg = s };
	uint32_t validity, uid = 0;
	struct store *store;
	struct buf head;
	int r = open_store(s, acc, &store);

	if (r) {
		failed(why, acc, r);
		return;
	}
	buf_init(&head, 16384);
	deliver_head(s, acc->name, &head);
	opt.folder = folder_of(store, target->detail);
	r = head.err ? head.err : write_copy(store, &opt, buf_view(&head), f, &validity, &uid);
	if (r == E_NOTFOUND && target->detail.n) { /* the folder went away just now */
		opt.folder = STR("INBOX");
		r = write_copy(store, &opt, buf_view(&head), f, &validity, &uid);
	}
	if (!r || r == E_EXISTS) {
		trace_delivered(s, acc, rcpt->address, opt.folder, uid, r == E_EXISTS);
		dsn_set(why, 250, "2.1.5", "Delivered");
	} else {
		failed(why, acc, r);
	}
	buf_done(&head);
	store_close(store);
}

static bool loops(const struct facts *f, struct str account)
{
	size_t i;

	for (i = 0; i < f->ndelivered_to; i++)
		if (str_ieq(f->delivered_to[i], account))
			return true;
	return false;
}

static void copy_to(struct session *s, const struct facts *f, const struct recipient *rcpt, size_t k,
	struct dsn *why)
{
	struct target *target = &rcpt->target[k];
	struct str id = STR_NONE;

	if (loops(f, s->tx.account[target->account].name)) {
		dsn_set(why, 554, "5.4.6", "<%.*s>: this message has been delivered here before, a loop",
			STRF(rcpt->address));
		return;
	}
	if (s->tx.xid && k)
		id = str_of(arena_fmt(&s->tx.a, "%sr%ut%zu", s->tx.id, rcpt->number, k));
	else if (s->tx.xid)
		id = str_of(arena_fmt(&s->tx.a, "%sr%u", s->tx.id, rcpt->number));
	store_copy_of(s, f, rcpt, target, id, why);
}

/* --- all of them ------------------------------------------------------------------- */

static void worse(struct dsn *sum, const struct dsn *why)
{
	if (why->code != 250 && !dsn_temporary(sum))
		*sum = *why;
}

static void forward_to(struct session *s, const struct facts *f, const struct recipient *rcpt,
	struct dsn *sum)
{
	struct dsn why = { 0 };

	if (loops(f, forward_mark(s, rcpt)))
		dsn_set(&why, 554, "5.4.6", "<%.*s>: this message was forwarded from here before, a loop",
			STRF(rcpt->address));
	else
		forward(s, rcpt, f->piece, f->npieces, &why);
	worse(sum, &why);
	if (!rcpt->ntargets)
		*sum = why;
}

/* All targets of a recipient must have it; what is temporary may still become good. */
static void deliver_to(struct session *s, const struct facts *f, const struct recipient *rcpt,
	struct done *done, size_t *ndone, struct dsn *sum)
{
	size_t k, i;

	dsn_set(sum, 250, "2.1.5", "Delivered");
	for (k = 0; k < rcpt->ntargets; k++) {
		const struct target *t = &rcpt->target[k];

		for (i = 0; i < *ndone; i++)
			if (done[i].target->account == t->account && str_eq(done[i].target->detail, t->detail))
				break;
		if (i == *ndone) {
			done[i] = (struct done){ .target = t };
			copy_to(s, f, rcpt, k, &done[i].why);
			(*ndone)++;
		}
		worse(sum, &done[i].why);
	}
	if (rcpt->noutside)
		forward_to(s, f, rcpt, sum);
}

static int get_keys(struct session *s)
{
	struct tx *tx = &s->tx;
	struct str *name = arena_array(&tx->a, tx->naccounts, sizeof *name);
	size_t *index = arena_array(&tx->a, tx->naccounts, sizeof *index);
	int *key = arena_array(&tx->a, tx->naccounts, sizeof *key);
	size_t i, n = 0;
	int r;

	for (i = 0; i < tx->naccounts; i++) {
		if (tx->account[i].key >= 0)
			continue;
		name[n] = tx->account[i].name;
		index[n++] = i;
	}
	if (!n)
		return 0;
	r = auth_keys(s->authd, name, n, key, deadline_in(AUTHD_WAIT_MS));
	for (i = 0; !r && i < n; i++)
		tx->account[index[i]].key = key[i];
	return r;
}

/* Behind the first time this process can reach the mailboxes it has keys of, and
 * nothing else (session.h). */
static int lock_in(struct session *s)
{
	const struct tx *tx = &s->tx;
	int *key;
	size_t i;

	if (s->served++)
		return 0;
	if (s->may_serve > 1)
		return store_seal_shared();
	key = arena_array(&s->tx.a, tx->naccounts, sizeof *key);
	for (i = 0; i < tx->naccounts; i++)
		key[i] = tx->account[i].key;
	return store_seal(key, tx->naccounts);
}

static void refuse_all(struct session *s, const struct dsn *why)
{
	size_t i;

	for (i = 0; i < s->tx.nrcpt; i++)
		reply_dsn(s, why);
}

static void deliver_all(struct session *s)
{
	struct facts f = { 0 };
	struct dsn why = { 0 };
	struct done *done;
	size_t i, ndone = 0;
	int r = get_keys(s);

	if (!r)
		r = lock_in(s);
	if (r) {
		dsn_set(&why, 451, "4.3.0", "Mailboxes are not available at the moment, try again later");
		dsn_log(&why, "keys or sandbox: %s", err_text(r));
		refuse_all(s, &why);
		return;
	}
	read_header(s, &f);
	if (f.received > (uint64_t)s->conf->smtp_hops + 1) { /* one of them is ours */
		dsn_set(&why, 554, "5.4.6", "Too many hops: this message runs in a loop");
		refuse_all(s, &why);
		return;
	}
	if (!s->inside)
		trace_message(s, &f);
	done = arena_array(&s->tx.a, s->tx.ntargets, sizeof *done);
	for (i = 0; i < s->tx.nrcpt; i++) {
		deliver_to(s, &f, &s->tx.rcpt[i], done, &ndone, &why);
		reply_dsn(s, &why);
		if (stream_flush(&s->io)) /* nobody waits any more: a copy nobody hears of would be a double later */
			break;
	}
}

void deliver(struct session *s)
{
	deliver_all(s);
	if (file_fsync_failed())
		s->may_serve = 0; /* the next message is for another process */
	store_leave(); /* tx_reset closes the keys */
}
