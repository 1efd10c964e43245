/* SPDX-License-Identifier: ISC
 *
 * mailboxd.c: `mansio mailbox list|status|rebuild|check|restored`: a zygote; each verb
 * runs in a child of its own that holds the key of one mailbox.
 *
 *     control message --> job --fork--> child: quota and key from authd, store,
 *                                       sandbox, verb, answer on `reply`
 *
 * A damaged mailbox may crash or hang the child: the command then sees its
 * answer break off ([mail] verb_timeout ends a child that hangs), and nothing
 * else is touched.
 */
#include "conf/zygote.h"

#include <sysexits.h>
#include <unistd.h>

#include "auth/auth.h"
#include "store/store.h"
#include "trace/trace.h"

#define CHILDREN 16
#define AUTHD_WAIT_MS 10000
#define KEEP_MAX 32
#define REPORT_MAX (4 * 1024 * 1024)

/* What a verb works with, in the child. */
struct work {
	int reply;
	const struct conf *conf;
	const struct ipc_msg *m;
	struct arena a;
	struct auth_target account;
	struct store *store;
};

/* --- answers ----------------------------------------------------------------- */

static void answer_end(int reply, int code, const char *error)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set_bool(&m, "done", true);
	ipc_set_u64(&m, "code", (uint64_t)code);
	ipc_setc(&m, "error", error);
	program_result(reply, &m);
	ipc_done(&m);
}

static void send_row(struct work *w, struct ipc_msg *row)
{
	program_result(w->reply, row);
	ipc_done(row);
}

static int code_of(int err)
{
	switch (err) {
	case E_TEMP:
	case E_TIMEOUT:
	case E_CLOSED:
	case -ENOSPC:
	case -EDQUOT:
		return EX_TEMPFAIL;
	case E_NOTFOUND:
		return EX_NOUSER;
	case E_DENIED:
		return EX_NOPERM;
	case E_DAMAGED:
		return EX_DATAERR;
	default:
		return EX_IOERR;
	}
}

/* --- the verbs: 0, or negative -------------------------------------------------- */

static int folder_row(struct work *w, const struct store_folder *f)
{
	struct store_status st = { 0 };
	struct ipc_msg row;
	bool real = !(f->flags & (STORE_NOSELECT | STORE_NONEXISTENT));
	int r = real ? store_status(w->store, f->name, &st) : 0;

	if (r == E_NOTFOUND)
		return 0; /* deleted while we looked */
	if (r < 0)
		return r;
	ipc_init(&row, "result");
	ipc_set(&row, "name", f->name);
	ipc_set_u64(&row, "messages", st.messages);
	ipc_set_u64(&row, "unseen", st.unseen);
	ipc_set_u64(&row, "size", st.size);
	ipc_set_u64(&row, "uidvalidity", st.uidvalidity);
	ipc_set_u64(&row, "uidnext", st.uidnext);
	ipc_set(&row, "special", f->special.p ? f->special : STR(""));
	ipc_setc(&row, "subscribed", f->flags & STORE_SUBSCRIBED ? "yes" : "no");
	send_row(w, &row);
	return 0;
}

static int do_list(struct work *w)
{
	struct store_folder *f;
	size_t n, i;
	int r = store_folders(w->store, &w->a, &f, &n);

	for (i = 0; r == 0 && i < n; i++)
		r = folder_row(w, &f[i]);
	return r;
}

static int do_status(struct work *w)
{
	struct store_folder *f;
	struct ipc_msg row;
	uint64_t bytes, messages;
	size_t n;
	int r = store_usage(w->store, &bytes, &messages);

	if (r == 0)
		r = store_folders(w->store, &w->a, &f, &n);
	if (r < 0)
		return r;
	ipc_init(&row, "result");
	ipc_set(&row, "address", w->account.account);
	ipc_set_u64(&row, "usage", bytes);
	ipc_set_u64(&row, "quota", w->account.quota_bytes);
	ipc_set_u64(&row, "messages", messages);
	ipc_set_u64(&row, "quota_messages", w->account.quota_messages);
	ipc_set_u64(&row, "folders", n);
	send_row(w, &row);
	return 0;
}

static int do_rebuild(struct work *w)
{
	int r = store_rebuild(w->store);

	return r < 0 ? r : do_status(w);
}

/* The sessions that are open hear that their folder is another one. */
static int do_restored(struct work *w)
{
	int r = store_restored(w->store);

	return r < 0 ? r : do_list(w);
}

static int check_once(struct work *w, bool repair, bool tell, size_t *findings)
{
	struct buf report;
	struct str rest;
	struct ipc_msg row;
	int r;

	buf_init(&report, REPORT_MAX);
	r = store_check(w->store, repair, &report, findings);
	report.err = 0;
	rest = buf_view(&report);
	while (r == 0 && tell && rest.n > 0) {
		ipc_init(&row, "result");
		ipc_set(&row, "finding", str_cut(&rest, '\n'));
		send_row(w, &row);
	}
	buf_done(&report);
	return r;
}

/* Repaired means: a second look finds nothing. */
static int do_check(struct work *w)
{
	bool repair = str_eqc(ipc_get(w->m, "repair"), "yes");
	size_t found = 0, left;
	char text[80];
	int r = check_once(w, repair, true, &found);

	left = found;
	if (r == 0 && repair && found > 0)
		r = check_once(w, false, false, &left);
	if (r < 0 || left == 0)
		return r;
	snprintf(text, sizeof(text), "%zu finding%s%s", left, left == 1 ? "" : "s",
		repair ? " could not be mended" : "; repair=yes mends what can be mended");
	answer_end(w->reply, EX_DATAERR, text);
	exit(0);
}

static const struct {
	const char *verb;
	int (*run)(struct work *w);
} verbs[] = {
	{ "mailbox list", do_list },
	{ "mailbox status", do_status },
	{ "mailbox rebuild", do_rebuild },
	{ "mailbox check", do_check },
	{ "mailbox restored", do_restored },
};

static int (*verb_of(const struct ipc_msg *m))(struct work *w)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(verbs); i++)
		if (str_eqc(ipc_get(m, "verb"), verbs[i].verb))
			return verbs[i].run;
	return NULL;
}

/* --- the child --------------------------------------------------------------------- */

static int open_mailbox(struct work *w, int key)
{
	struct store_options opt = { .key = key, .host = conf_hostname(w->conf),
		.quota_bytes = w->account.quota_bytes, .quota_messages = w->account.quota_messages,
		.lock_timeout_ms = w->conf->mail_lock_timeout };
	int r = store_open(&opt, &w->store);

	return r < 0 ? r : store_seal(&key, 1);
}

static void log_verb(const struct work *w, int r)
{
	struct trace t;

	trace_begin(&t, r < 0 ? TRACE_WARN : TRACE_INFO, "mailbox-verb");
	trace_str(&t, "verb", ipc_get(w->m, "verb"));
	trace_str(&t, "user", w->account.account);
	if (r < 0)
		trace_s(&t, "why", err_text(r));
	trace_end(&t);
}

static void child(struct zygote_child *c)
{
	struct ipc_msg *m = &c->job->m;
	struct work w = { .reply = ipc_take_fd(m, "reply"), .conf = c->conf, .m = m };
	const char *why = NULL;
	int key, code, r;

	alarm((unsigned)(c->conf->mail_verb_timeout / 1000));
	arena_init(&w.a);
	code = auth_mailbox(c->peer, ipc_get(m, "address"), &w.a, &w.account, &key, &why,
		deadline_in(AUTHD_WAIT_MS));
	close(c->peer);
	if (code) {
		answer_end(w.reply, code, why);
		return;
	}
	r = open_mailbox(&w, key);
	if (r == 0)
		r = verb_of(m)(&w);
	log_verb(&w, r);
	answer_end(w.reply, r < 0 ? code_of(r) : EX_OK, r < 0 ? err_text(r) : NULL);
}

/* --- the parent --------------------------------------------------------------------- */

static void refuse(struct ipc_msg *m, int code, const char *why)
{
	int reply = ipc_take_fd(m, "reply");

	if (reply < 0)
		return;
	answer_end(reply, code, why);
	close(reply);
}

static int on_request(struct zygote *z, const struct zygote_link *from, struct ipc_msg *m)
{
	struct zygote_job *job;
	char label[ZYGOTE_LABEL];
	int keep[KEEP_MAX];
	size_t n;

	if (strcmp(from->name, "master") != 0)
		return E_PEER;
	if (!verb_of(m) || ipc_get(m, "address").n == 0) {
		refuse(m, EX_USAGE, "mailboxd has no such verb, or its address is missing");
		return 0;
	}
	snprintf(label, sizeof(label), "%.*s %.*s", STRF(ipc_get(m, "verb")), STRF(ipc_get(m, "address")));
	job = zygote_job_new(z, from, m, label);
	n = store_rule_fds(keep, KEEP_MAX - 1);
	keep[n++] = trace_link();
	if (job)
		zygote_fork(z, job, ZYGOTE_PEER_LINK, keep, n, child, NULL);
	else
		refuse(m, EX_TEMPFAIL, "too many mailbox verbs run already");
	return 0;
}

static void on_failed(struct zygote *z, struct zygote_job *j, int err)
{
	(void)z;
	(void)err;
	refuse(&j->m, EX_TEMPFAIL, "mailboxd cannot do this now; try again");
}

int main(int argc, char **argv)
{
	static const struct zygote_ops ops = { .request = on_request, .failed = on_failed, .peer = trace_peer,
		.ended = trace_child_ended };
	static const struct zygote_options opt = { .max_children = CHILDREN };
	static struct zygote z;

	zygote_start(&z, "mailboxd", &ops, argc, argv);
	trace_open(-1, "mailboxd");
	zygote_init(&z, &opt);
	store_prepare();
	zygote_run(&z);
}
