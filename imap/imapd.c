/* SPDX-License-Identifier: ISC
 *
 * imapd.c: the parent of all IMAP sessions. front hands over a client that
 * logged in; the ticket is redeemed at authd, and a child is forked that gets the
 * client, the lease and the key of one mailbox (docs/PROCESSES.md, life of a session).
 *
 * The child opens the store under the parent's filter (it binds the notify
 * socket), then locks itself up with the mailbox before it reads the first byte
 * of the client.
 */
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/sandbox.h"
#include "conf/zygote.h"
#include "imap/session.h"
#include "mail/charset.h"

#define RULES 16

static struct sandbox_rule rules[RULES]; /* [0]: place of the mailbox key */
static size_t nrules;
static char hostname[256];

/* --- a client that gets no session ----------------------------------------- */

/* Says `taken`, so that front stays silent, and the reply; never waits. */
static void turn_away(int link, const struct ipc_msg *m, const char *text)
{
	struct ipc_msg taken;
	struct handover h;
	char line[512];
	size_t i;
	int n;

	if (handover_parse(m, &h))
		return;
	ipc_init(&taken, "taken");
	ipc_set(&taken, "id", h.id);
	n = ipc_send(link, &taken);
	ipc_done(&taken);
	if (n)
		return; /* front gives up by itself, and says so */
	n = snprintf(line, sizeof line, "%.*s NO %s\r\n* BYE Try again later\r\n", STRF(h.tag), text);
	for (i = 0; i < m->nfds; i++)
		if (str_eqc(m->fd_name[i], "client"))
			(void)!send(m->fd[i], line, (size_t)MIN(n, (int)sizeof line - 1),
				MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void log_refused(struct str session, const char *why)
{
	struct trace t;

	trace_begin(&t, TRACE_WARN, "refused");
	trace_str(&t, "s", session);
	trace_s(&t, "why", why);
	trace_end(&t);
}

static void on_failed(struct zygote *z, struct zygote_job *j, int err)
{
	(void)z;
	log_refused(ipc_get(&j->m, "id"), err_text(err));
	turn_away(j->link, &j->m, "[UNAVAILABLE] Login is not possible now");
}

/* --- the child --------------------------------------------------------------- */

struct login {
	const struct auth_identity *who;
};

static int open_store(const struct conf *conf, const struct auth_identity *who, struct store **out)
{
	struct store_options opt = { .key = who->key, .host = hostname, .quota_bytes = who->quota_bytes,
		.quota_messages = who->quota_messages, .lock_timeout_ms = conf->mail_lock_timeout,
		.notify = true };

	return store_open(&opt, out);
}

static void lock_up(struct store *store)
{
	bool landlock;

	rules[0] = (struct sandbox_rule){ .fd = store_key(store), .access = SANDBOX_READ | SANDBOX_WRITE };
	if (sandbox_enter(SANDBOX_STORE, rules, nrules, &landlock))
		exit(EX_OSERR);
}

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

static void session(struct zygote_child *c)
{
	const struct login *login = c->arg;
	const struct conf *conf = c->conf;
	struct store *store = NULL;
	const char *why = NULL;
	struct stream stream;
	struct handover h;
	int client = ipc_take_fd(&c->job->m, "client"), r;

	if (handover_parse(&c->job->m, &h) || say_taken(c->link, h.id))
		return;
	close(c->link);
	stream_init(&stream, client, ipc_take_fd(&c->job->m, "lease"), (size_t)conf->imap_line_length + 2,
		conf->imap_write_timeout);
	r = stream_unread(&stream, h.command);
	if (!r)
		r = open_store(conf, login->who, &store);
	if (r) {
		log_refused(h.id, err_text(r));
		why = r == E_TEMP ? "Mailbox is busy, try again later" : "Mailbox cannot be opened";
	} else {
		lock_up(store);
	}
	imap_session_run(&stream, store, conf, &h, login->who->user, why);
	if (store)
		store_close(store);
	stream_done(&stream);
}

/* --- the parent -------------------------------------------------------------- */

static int on_handover(struct zygote *z, const struct zygote_link *from, struct ipc_msg *m)
{
	char label[ZYGOTE_LABEL], ip[ADDR_TEXT];
	struct zygote_job *j;
	struct handover h;
	int r;

	if (handover_parse(m, &h) || !h.ticket.n || !h.tag.n ||
		(!str_eqc(h.service, "imap") && !str_eqc(h.service, "imaps")))
		return E_PEER;
	snprintf(label, sizeof label, "imapd %s", addr_text(&h.peer, ip));
	j = zygote_job_new(z, from, m, label);
	if (!j) {
		log_refused(h.id, "too many sessions");
		turn_away(from->fd, m, "[UNAVAILABLE] Too many sessions");
		return 0;
	}
	r = auth_redeem_send(z->authd, h.ticket, h.service, j->id);
	if (r) {
		on_failed(z, j, r);
		zygote_job_free(z, j);
	}
	return 0;
}

static int on_request(struct zygote *z, const struct zygote_link *from, struct ipc_msg *m)
{
	if (strcmp(from->name, "front") || !ipc_is(m, "handover"))
		return E_PEER;
	return on_handover(z, from, m);
}

static void begin_session(struct zygote *z, struct zygote_job *j, const struct auth_identity *who)
{
	struct login login = { .who = who };
	char ip[ADDR_TEXT];
	struct handover h;
	int keep[RULES + 2];
	size_t n = 0, i;

	if (handover_parse(&j->m, &h))
		BUG_ON(true); /* it was parsed when it came */
	snprintf(j->label, sizeof j->label, "imapd %.*s %s", STRF(who->user), addr_text(&h.peer, ip));
	keep[n++] = who->key;
	keep[n++] = trace_link();
	for (i = 1; i < nrules; i++)
		keep[n++] = rules[i].fd;
	zygote_fork(z, j, 0, keep, n, session, &login);
}

static int on_answer(struct zygote *z, struct ipc_msg *m)
{
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
		log_refused(ipc_get(&j->m, "id"), "ticket");
		turn_away(j->link, &j->m, who.result == AUTH_TEMP ?
			"[UNAVAILABLE] Login is not possible now" : "[AUTHORIZATIONFAILED] Login was refused");
		zygote_job_free(z, j);
	}
	fd_close(&who.key);
	arena_done(&a);
	return r;
}

static void on_peer(struct zygote *z, const char *name, int fd)
{
	(void)z;
	if (!strcmp(name, "traced"))
		trace_open(fd, "imapd");
	else
		fd_close(&fd);
}

static void on_ended(struct zygote *z, const char *label, int status)
{
	struct trace t;

	(void)z;
	if (!status)
		return;
	trace_begin(&t, TRACE_ERROR, "died");
	trace_s(&t, "child", label);
	trace_s(&t, "status", proc_status_text(status));
	trace_end(&t);
}

static const struct zygote_ops ops = {
	.request = on_request,
	.answer = on_answer,
	.failed = on_failed,
	.peer = on_peer,
	.ended = on_ended,
};

static void set_hostname(const struct conf *conf)
{
	if (conf->server_hostname.n)
		snprintf(hostname, sizeof hostname, "%.*s", STRF(conf->server_hostname));
	else if (gethostname(hostname, sizeof hostname - 1))
		snprintf(hostname, sizeof hostname, "localhost");
}

int main(int argc, char **argv)
{
	static struct zygote z;
	struct zygote_options opt;

	zygote_start(&z, "imapd", &ops, argc, argv);
	trace_open(-1, "imapd");
	set_hostname(z.program.conf);
	opt = (struct zygote_options){ .max_children = (uint64_t)z.program.conf->imap_sessions,
		.renew_after = (uint64_t)z.program.conf->imap_renew_after };
	zygote_init(&z, &opt);
	charset_preload();
	store_prepare();
	nrules = 1 + sandbox_system_rules(rules + 1, RULES - 1);
	zygote_run(&z);
}
