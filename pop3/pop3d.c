/* SPDX-License-Identifier: ISC
 *
 * pop3d.c: the parent of all POP3 sessions: a room (auth/auth.h) whose children
 * each get the client, the lease and the key of one mailbox.
 *
 * The child opens the mailbox and locks itself up with it before it reads the
 * first byte of the client; it answers the command that logged in.
 */
#include <sysexits.h>

#include "auth/auth.h"
#include "conf/zygote.h"
#include "pop3/session.h"
#include "trace/trace.h"

static void refusal(const struct handover *h, const char *text, struct buf *out)
{
	(void)h;
	buf_fmt(out, "-ERR %s\r\n", text);
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
		.lock_timeout_ms = conf->mail_lock_timeout };
	struct store *store = NULL;
	const char *why = NULL;
	int r = store_open(&opt, &store);

	(void)m;
	if (r) {
		trace_refused(h->id, err_text(r));
		why = r == E_TEMP ? "mailbox is busy, try again later" : "mailbox cannot be opened";
	} else if (store_seal(&who->key, 1)) {
		exit(EX_OSERR);
	}
	pop3_session_run(stream, store, conf, h, who->user, why);
	store_close(store);
}

static struct auth_room room = {
	.service = "pop3",
	.service_tls = "pop3s",
	.unavailable = "[SYS/TEMP] login is not possible now",
	.full = "[SYS/TEMP] too many sessions",
	.denied = "[AUTH] login was refused",
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

	zygote_start(&z, "pop3d", &ops, argc, argv);
	trace_open(-1, "pop3d");
	conf = z.program.conf;
	z.data = &room;
	room.line_max = (size_t)conf->limit_prelogin_line + POP3_LINE_MAX;
	room.write_timeout = conf->pop3_write_timeout;
	opt = (struct zygote_options){ .max_children = (uint64_t)conf->pop3_sessions,
		.renew_after = (uint64_t)conf->pop3_renew_after };
	zygote_init(&z, &opt);
	store_prepare();
	zygote_run(&z);
}
