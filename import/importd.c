/* SPDX-License-Identifier: ISC
 *
 * importd.c: `mansio import` and `mansio export`: a zygote; each job runs in a child of its own
 * that holds the key of one mailbox, and parses all that is foreign.
 *
 *     control message --> job --fork--> child: key from authd, store, sandbox, the job;
 *                                       files at the other end by the command, on `reply`;
 *                                       progress to the parent, which `import list` asks
 *
 * An import by IMAP needs the network, which this process and its children do not have: the dialer
 * (dial.c), forked before anything is sealed, makes connections and has no mailbox.
 * The parent keeps the last jobs in memory; what an import has done stands in the mailbox.
 */
#include "conf/zygote.h"

#include <sysexits.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/file.h"
#include "import/dial.h"
#include "import/job.h"
#include "trace/trace.h"

#define JOBS_KEPT 100
#define AUTHD_WAIT_MS 10000
#define KEEP_MAX 32

struct listed {
	uint64_t id; /* 0: free */
	const char *state;
	char what[40], address[260], source[200], words[300];
	int64_t since;
	uint64_t done, total;
};
static struct listed listed[JOBS_KEPT];
static uint64_t last_id;
static int dialer = -1, resolver = -1; /* links; -1: not there */

static const struct {
	const char *verb;
	int (*run)(struct job *j);
} jobs[] = {
	{ "import maildir", import_maildir },
	{ "import mbox", import_mbox },
	{ "import imap", import_imap },
	{ "export maildir", export_maildir },
	{ "export mbox", export_mbox },
};

static int (*job_of(const struct ipc_msg *m))(struct job *j)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(jobs); i++)
		if (str_eqc(ipc_get(m, "verb"), jobs[i].verb))
			return jobs[i].run;
	return NULL;
}

/* --- the list ------------------------------------------------------------------ */

static struct listed *listed_find(uint64_t id)
{
	struct listed *l = &listed[id % JOBS_KEPT];

	return id && l->id == id ? l : NULL;
}

static struct listed *listed_new(const struct ipc_msg *m)
{
	struct listed *l = &listed[++last_id % JOBS_KEPT];
	struct str source = ipc_get(m, "path");

	if (!source.p)
		source = ipc_get(m, "host");
	*l = (struct listed){ .id = last_id, .state = "running", .since = clock_unix() };
	snprintf(l->what, sizeof(l->what), "%.*s", STRF(ipc_get(m, "verb")));
	snprintf(l->address, sizeof(l->address), "%.*s", STRF(ipc_get(m, "address")));
	snprintf(l->source, sizeof(l->source), "%.*s", STRF(source));
	return l;
}

/* May who asks see it? `scope`: domains and addresses; none: all. */
static bool in_scope(const struct ipc_msg *m, const char *address)
{
	const char *at = strchr(address, '@');
	struct str scope;
	size_t i;

	if (!ipc_get(m, "scope").p)
		return true;
	for (i = 0; (scope = ipc_get_nth(m, "scope", i)).p; i++)
		if (str_ieqc(scope, address) || (at && str_ieqc(scope, at + 1)))
			return true;
	return false;
}

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

static void answer_list(struct ipc_msg *m)
{
	int reply = ipc_take_fd(m, "reply");
	uint64_t id;

	for (id = last_id > JOBS_KEPT ? last_id - JOBS_KEPT : 1; id <= last_id; id++) {
		const struct listed *l = listed_find(id);
		struct ipc_msg row;

		if (!l || !in_scope(m, l->address))
			continue;
		ipc_init(&row, "result");
		ipc_set_u64(&row, "job", l->id);
		ipc_setc(&row, "what", l->what);
		ipc_setc(&row, "address", l->address);
		ipc_setc(&row, "source", l->source);
		ipc_setc(&row, "state", l->state);
		ipc_set_u64(&row, "taken", l->done);
		ipc_set_u64(&row, "total", l->total);
		ipc_set_u64(&row, "since", (uint64_t)l->since);
		ipc_setc(&row, "words", l->words);
		program_result(reply, &row);
		ipc_done(&row);
	}
	answer_end(reply, EX_OK, NULL);
	if (reply >= 0)
		close(reply);
}

/* --- the child --------------------------------------------------------------------- */

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
	case -ENOENT:
		return EX_NOINPUT;
	case E_DENIED:
	case -EACCES:
	case -EPERM:
		return EX_NOPERM;
	case E_EXISTS:
	case -EEXIST:
		return EX_CANTCREAT;
	case E_DAMAGED:
	case E_SYNTAX:
		return EX_DATAERR;
	default:
		return EX_IOERR;
	}
}

static void log_job(const struct job *j, int r)
{
	struct trace t;

	trace_begin(&t, r < 0 ? TRACE_WARN : TRACE_INFO, "import");
	trace_str(&t, "verb", ipc_get(j->m, "verb"));
	trace_str(&t, "user", j->account.account);
	trace_u64(&t, "done", j->done);
	if (r < 0)
		trace_s(&t, "why", j->error[0] ? j->error : err_text(r));
	trace_end(&t);
}

static void tell_end(struct job *j, int r)
{
	struct ipc_msg m;

	ipc_init(&m, "ended");
	ipc_set_u64(&m, "job", j->id);
	ipc_setc(&m, "state", r < 0 ? "failed" : j->failed ? "incomplete" : "done");
	ipc_set_u64(&m, "taken", j->done);
	ipc_set_u64(&m, "total", j->total);
	ipc_setc(&m, "words", r < 0 ? j->error[0] ? j->error : err_text(r) : "");
	ipc_send(j->parent, &m);
	ipc_done(&m);
}

static int run_job(struct job *j, int key)
{
	/* An import is the admin's word: no quota holds it up. */
	struct store_options opt = { .key = key, .host = conf_hostname(j->conf),
		.lock_timeout_ms = j->conf->mail_lock_timeout };
	int r = store_open(&opt, &j->store);

	if (r == 0)
		r = store_seal(&key, 1);
	if (r == 0)
		r = job_of(j->m)(j);
	return r;
}

static void child(struct zygote_child *c)
{
	struct ipc_msg *m = &c->job->m;
	struct job j = { .conf = c->conf, .m = m, .reply = ipc_take_fd(m, "reply"), .parent = c->parent,
		.dial = { -1, -1, -1, -1 } };
	const char *why = NULL;
	int key, code, r;

	if (c->arg)
		memcpy(j.dial, c->arg, sizeof(j.dial));
	arena_init(&j.a);
	ipc_get_u64(m, "job", UINT64_MAX, &j.id);
	j.dry = str_eqc(ipc_get(m, "dry_run"), "yes");
	code = auth_mailbox(c->peer, ipc_get(m, "address"), &j.a, &j.account, &key, &why, deadline_in(AUTHD_WAIT_MS));
	close(c->peer);
	if (code) {
		r = job_fail(&j, E_NOTFOUND, "%s", why);
	} else {
		r = run_job(&j, key);
		code = r < 0 ? code_of(r) : j.failed ? EX_DATAERR : EX_OK;
	}
	log_job(&j, r);
	tell_end(&j, r);
	if (!j.alone)
		answer_end(j.reply, code, r < 0 ? j.error[0] ? j.error : err_text(r) :
			j.failed ? "not all could be taken; the rows say what" : NULL);
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

static void heard(const struct ipc_msg *m)
{
	static const char *const states[] = { "done", "incomplete", "failed" };
	struct listed *l;
	uint64_t id = 0;
	size_t i;

	ipc_get_u64(m, "job", UINT64_MAX, &id);
	l = listed_find(id);
	if (!l)
		return;
	ipc_get_u64(m, "taken", UINT64_MAX, &l->done);
	ipc_get_u64(m, "total", UINT64_MAX, &l->total);
	snprintf(l->words, sizeof(l->words), "%.*s", STRF(ipc_get(m, "words")));
	for (i = 0; ipc_is(m, "ended") && i < ARRAY_LEN(states); i++)
		if (str_eqc(ipc_get(m, "state"), states[i]))
			l->state = states[i];
}

/* A first connection, and others for when it breaks. */
static bool prepare_connections(const struct ipc_msg *m, int end[4])
{
	size_t i;

	for (i = 0; i < 4; i++)
		end[i] = -1;
	for (i = 0; i < 4; i++) {
		int link = resolver >= 0 ? ipc_link_clone(resolver) : E_CLOSED;

		if (link < 0 || dial_prepare(dialer, m, link, &end[i]) < 0)
			break;
	}
	return i > 0;
}

static int on_request(struct zygote *z, const struct zygote_link *from, struct ipc_msg *m)
{
	struct zygote_job *job;
	struct listed *l;
	char label[ZYGOTE_LABEL];
	int keep[KEEP_MAX], end[4] = { -1, -1, -1, -1 };
	size_t n, i;

	if (strcmp(from->name, "child") == 0) {
		heard(m);
		return 0;
	}
	if (strcmp(from->name, "master") != 0)
		return E_PEER;
	if (str_eqc(ipc_get(m, "verb"), "import list")) {
		answer_list(m);
		return 0;
	}
	if (!job_of(m) || ipc_get(m, "address").n == 0) {
		refuse(m, EX_USAGE, "importd has no such verb, or its address is missing");
		return 0;
	}
	if (str_eqc(ipc_get(m, "verb"), "import imap") && !prepare_connections(m, end)) {
		refuse(m, EX_TEMPFAIL, "connections cannot be made now; try again");
		return 0;
	}
	l = listed_new(m);
	ipc_set_u64(m, "job", l->id);
	snprintf(label, sizeof(label), "%llu %.*s %.*s", (unsigned long long)l->id, STRF(ipc_get(m, "verb")),
		STRF(ipc_get(m, "address")));
	job = zygote_job_new(z, from, m, label);
	n = store_rule_fds(keep, KEEP_MAX - 5);
	keep[n++] = trace_link();
	for (i = 0; i < ARRAY_LEN(end); i++)
		keep[n++] = end[i];
	if (job) {
		zygote_fork(z, job, ZYGOTE_PEER_LINK | ZYGOTE_PARENT_LINK, keep, n, child, end);
	} else {
		l->id = 0;
		refuse(m, EX_TEMPFAIL, "too many imports run already ([import] jobs)");
	}
	for (i = 0; i < ARRAY_LEN(end); i++)
		fd_close(&end[i]);
	return 0;
}

static void on_failed(struct zygote *z, struct zygote_job *j, int err)
{
	struct listed *l;
	uint64_t id = 0;

	(void)z;
	(void)err;
	ipc_get_u64(&j->m, "job", UINT64_MAX, &id);
	l = listed_find(id);
	if (l)
		l->state = "failed";
	refuse(&j->m, EX_TEMPFAIL, "importd cannot do this now; try again");
}

/* Who died over his work: its label begins with the job's number. */
static void on_ended(struct zygote *z, const char *label, int status)
{
	struct str rest = str_of(label);
	struct listed *l;
	uint64_t id = 0;

	str_u64(str_cut(&rest, ' '), UINT64_MAX, &id);
	l = listed_find(id);
	if (l && strcmp(l->state, "running") == 0 && status != 0) {
		l->state = "failed";
		snprintf(l->words, sizeof(l->words), "it was killed; start it again, it goes on where it was");
	}
	trace_child_ended(z, label, status);
}

static void on_peer(struct zygote *z, const char *name, int fd)
{
	if (strcmp(name, "resolverd") != 0) {
		trace_peer(z, name, fd);
		return;
	}
	fd_close(&resolver);
	resolver = fd;
}

int main(int argc, char **argv)
{
	static const struct zygote_ops ops = { .request = on_request, .failed = on_failed, .peer = on_peer,
		.ended = on_ended };
	static struct zygote_options opt;
	static struct zygote z;

	zygote_start(&z, "importd", &ops, argc, argv);
	trace_open(-1, "importd");
	opt.max_children = (uint64_t)z.program.conf->import_jobs;
	dialer = dial_start(z.program.conf, ipc_take_fd(&z.program.start, "trust"));
	if (dialer < 0)
		return EX_OSERR;
	zygote_init(&z, &opt);
	store_prepare();
	zygote_run(&z);
}
