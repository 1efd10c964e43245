/* SPDX-License-Identifier: ISC
 *
 * imapd.c: the parent of all IMAP sessions: a room (auth/auth.h) whose children
 * each get the client, the lease and the key of one mailbox.
 *
 * The child opens the store under the parent's filter (it binds the notify
 * socket), then locks itself up with the mailbox before it reads the first byte
 * of the client.
 */
#include <sysexits.h>

#include "auth/auth.h"
#include "conf/zygote.h"
#include "imap/session.h"
#include "mail/charset.h"

static void refusal(const struct handover *h, const char *text, struct buf *out)
{
	if (h->state.n) /* it was asleep: no command waits for an answer */
		buf_fmt(out, "* BYE %s\r\n", text);
	else
		buf_fmt(out, "%.*s NO %s\r\n* BYE Try again later\r\n", STRF(h->tag), text);
}

static size_t keep(int *out, size_t cap)
{
	out[0] = trace_link();
	return 1 + store_rule_fds(out + 1, cap - 1);
}

static void session(const struct conf *conf, const struct auth_identity *who, const struct handover *h,
	struct ipc_msg *m, struct stream *stream)
{
	struct store_options opt = { .key = who->key, .host = conf_hostname(conf),
		.quota_bytes = who->quota_bytes, .quota_messages = who->quota_messages,
		.lock_timeout_ms = conf->mail_lock_timeout, .notify = true,
		.notified = ipc_take_fd(m, "notify") };
	struct handover way = *h;
	struct store *store = NULL;
	const char *why = NULL;
	int r = store_open(&opt, &store);

	if (r) {
		trace_refused(h->id, err_text(r));
		why = r == E_TEMP ? "Mailbox is busy, try again later" : "Mailbox cannot be opened";
	} else if (store_seal(&who->key, 1)) {
		exit(EX_OSERR);
	}
	way.ticket = who->renew;
	imap_session_run(stream, store, conf, &way, who->user, why);
	store_close(store);
}

static struct auth_room room = {
	.service = "imap",
	.service_tls = "imaps",
	.tagged = true,
	.unavailable = "[UNAVAILABLE] Login is not possible now",
	.full = "[UNAVAILABLE] Too many sessions",
	.denied = "[AUTHORIZATIONFAILED] Login was refused",
	.refusal = refusal,
	.log_refused = trace_refused,
	.keep = keep,
	.session = session,
};

static const struct zygote_ops ops = {
	.request = auth_room_request,
	.answer = auth_room_answer,
	.failed = auth_room_failed,
	.peer = trace_peer,
	.ended = trace_child_ended,
};

int main(int argc, char **argv)
{
	static struct zygote z;
	struct zygote_options opt;
	const struct conf *conf;

	zygote_start(&z, "imapd", &ops, argc, argv);
	trace_open(-1, "imapd");
	conf = z.program.conf;
	z.data = &room;
	room.line_max = (size_t)conf->imap_line_length + 2;
	room.write_timeout = conf->imap_write_timeout;
	opt = (struct zygote_options){ .max_children = (uint64_t)conf->imap_sessions,
		.renew_after = (uint64_t)conf->imap_renew_after };
	zygote_init(&z, &opt);
	charset_preload();
	store_prepare();
	zygote_run(&z);
}
