/* SPDX-License-Identifier: ISC
 *
 * receive.c: reports that others send us, read by a child of their own and kept (see policyd.h).
 *
 *   smtpd --report, the message in memory--> here --> child: signature, MIME, gzip, JSON
 *                                            here <-- policy, failure, failure, policy ..., done
 *
 * What the child says is a stranger's word in a known form: bounded here again, and kept as words and numbers. A report that
 * nobody signed, or that is about another domain than the one it came to, is not kept (RFC 8460 3); the mail is delivered
 * whatever becomes of this.
 */
#include "smtp/policy/policyd.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sandbox.h"
#include "trace/trace.h"

#define WAITING 100 /* reports that wait for a child */
#define SLACK 65536 /* a message around its report */

/* --- the child ---------------------------------------------------------------------------- */

static void say_failure(int link, const struct tlsrpt_failure *f)
{
	struct ipc_msg m;

	ipc_init(&m, "failure");
	ipc_set(&m, "result", f->result);
	ipc_set(&m, "local", f->local);
	ipc_set(&m, "mx", f->mx);
	ipc_set(&m, "helo", f->helo);
	ipc_set(&m, "ip", f->ip);
	ipc_set(&m, "reason", f->reason);
	ipc_set_u64(&m, "n", f->n);
	if (ipc_send(link, &m) < 0)
		_exit(3);
	ipc_done(&m);
}

static void say(const struct policyd *p, int link, const struct tlsrpt *r)
{
	size_t i, k, left = (size_t)p->conf->tlsrpt_failures;
	struct ipc_msg m;

	ipc_init(&m, "report");
	ipc_set(&m, "organisation", r->organisation);
	ipc_set(&m, "contact", r->contact);
	ipc_set(&m, "id", r->id);
	ipc_set_u64(&m, "start", (uint64_t)r->start);
	ipc_set_u64(&m, "end", (uint64_t)r->end);
	ipc_set(&m, "domain", r->policy[0].domain);
	if (ipc_send(link, &m) < 0)
		_exit(3);
	ipc_done(&m);
	for (i = 0; i < r->npolicies; i++) {
		const struct tlsrpt_policy *y = &r->policy[i];

		ipc_init(&m, "policy");
		ipc_set(&m, "type", y->type);
		ipc_set(&m, "text", y->text);
		ipc_set(&m, "mx", y->mx);
		ipc_set_u64(&m, "ok", y->ok);
		ipc_set_u64(&m, "failed", y->failed);
		if (ipc_send(link, &m) < 0)
			_exit(3);
		ipc_done(&m);
		for (k = 0; k < y->nfailures && left > 0; k++, left--)
			say_failure(link, &y->failure[k]);
	}
}

/* The whole message is in memory: 0 and the report. */
static int read_report(const struct policyd *p, const struct task *t, int resolver, struct str message, struct arena *a, struct tlsrpt *out,
	const char **why)
{
	struct buf packed, json;
	struct str domain = str_of(t->domain), submitter;
	size_t i;
	int r;

	buf_init(&packed, (size_t)p->conf->tlsrpt_size);
	buf_init(&json, (size_t)p->conf->tlsrpt_unpacked);
	*why = "there is no report in it, or a larger one than [tlsrpt] size";
	r = tlsrpt_letter_find(message, &packed);
	if (r == 0) {
		*why = "it is no gzip file, or larger than [tlsrpt] unpacked";
		r = tlsrpt_unpack(buf_view(&packed), &json);
	}
	if (r == 0)
		r = tlsrpt_parse(buf_view(&json), a, out, why);
	for (i = 0; r == 0 && i < out->npolicies; i++) {
		*why = "it is about another domain";
		if (!str_eq(out->policy[i].domain, domain.n ? domain : out->policy[0].domain))
			r = E_DENIED;
	}
	if (r == 0) {
		submitter = tlsrpt_domain_of(out->contact, a);
		r = tlsrpt_signed(message, submitter, resolver, p->conf->tlsrpt_wait / 4, why);
	}
	buf_done(&json);
	buf_done(&packed);
	return r;
}

void receive_child(struct policyd *p, struct task *t, int resolver)
{
	struct buf message;
	struct tlsrpt got;
	const char *why = "it cannot be read";
	struct arena a;
	int r;

	buf_init(&message, (size_t)p->conf->tlsrpt_size * 2 + SLACK);
	r = file_read_all(t->message, &message);
	child_keep(resolver, t->link);
	if (sandbox_enter(SANDBOX_CHECK, NULL, 0, NULL) < 0)
		_exit(3);
	arena_init(&a);
	if (r == 0)
		r = read_report(p, t, resolver, buf_view(&message), &a, &got, &why);
	if (r == 0)
		say(p, t->link, &got);
	child_done(t->link, r, r ? why : "");
}

/* --- what it says --------------------------------------------------------------------------- */

static struct str take(struct task *t, const struct ipc_msg *m, const char *name, size_t max)
{
	struct str s = ipc_get(m, name);

	return s.n && s.n <= max ? arena_str(&t->a, s) : STR("");
}

static uint64_t number(const struct ipc_msg *m, const char *name)
{
	uint64_t n = 0;

	return ipc_get_u64(m, name, INT64_MAX / 2, &n) == 0 ? n : ipc_get(m, name).n ? INT64_MAX / 2 : 0;
}

static int take_report(struct task *t, const struct ipc_msg *m)
{
	struct tlsrpt *r = &t->got;
	struct str domain = ipc_get(m, "domain");

	if (r->policy || !dns_is_name(domain) || domain.n >= sizeof t->domain)
		return E_PEER;
	snprintf(t->domain, sizeof t->domain, "%.*s", STRF(domain));
	r->organisation = take(t, m, "organisation", TLSRPT_TEXT);
	r->contact = take(t, m, "contact", TLSRPT_TEXT);
	r->id = take(t, m, "id", TLSRPT_TEXT);
	r->start = (int64_t)number(m, "start");
	r->end = (int64_t)number(m, "end");
	r->policy = arena_array(&t->a, TLSRPT_POLICIES, sizeof *r->policy);
	t->submitter = tlsrpt_domain_of(r->contact, &t->a);
	return 0;
}

static int take_policy(struct policyd *p, struct task *t, const struct ipc_msg *m)
{
	struct tlsrpt *r = &t->got;

	if (!r->policy || r->npolicies == TLSRPT_POLICIES)
		return E_PEER;
	r->policy[r->npolicies++] = (struct tlsrpt_policy){ .type = take(t, m, "type", TLSRPT_TEXT), .domain = str_of(t->domain),
		.text = take(t, m, "text", TLSRPT_LINES * (TLSRPT_TEXT + 1)), .mx = take(t, m, "mx", TLSRPT_LINES * (TLSRPT_TEXT + 1)),
		.ok = number(m, "ok"), .failed = number(m, "failed"),
		.failure = arena_array(&t->a, (size_t)p->conf->tlsrpt_failures + 1, sizeof *r->policy->failure) };
	return 0;
}

static int take_failure(struct policyd *p, struct task *t, const struct ipc_msg *m)
{
	struct tlsrpt *r = &t->got;
	struct tlsrpt_policy *y = r->npolicies ? &r->policy[r->npolicies - 1] : NULL;

	if (!y || t->nfailures++ == (size_t)p->conf->tlsrpt_failures)
		return E_PEER;
	y->failure[y->nfailures++] = (struct tlsrpt_failure){ .result = take(t, m, "result", TLSRPT_TEXT), .local = take(t, m, "local", TLSRPT_TEXT),
		.mx = take(t, m, "mx", TLSRPT_TEXT), .helo = take(t, m, "helo", TLSRPT_TEXT), .ip = take(t, m, "ip", TLSRPT_TEXT),
		.reason = take(t, m, "reason", TLSRPT_TEXT), .n = number(m, "n") };
	return 0;
}

static void refused(const struct task *t, const char *words)
{
	trace_event(TRACE_WARN, "tls-report-refused", NULL, "about %s: %s", t->domain[0] ? t->domain : "a domain of ours", words);
}

static void keep(const struct task *t)
{
	const struct tlsrpt *r = &t->got;
	uint64_t ok = 0, failed = 0;
	size_t i;
	int err = reports_begin();

	if (err == 0) {
		err = reports_receive(r, str_of(t->domain), t->submitter, clock_unix());
		if (err < 0)
			reports_undo();
		else
			err = reports_commit();
	}
	if (err < 0) {
		refused(t, err == E_EXISTS ? "it was here before" : err == E_FULL ? "[tlsrpt] received are kept already" : err_text(err));
		return;
	}
	for (i = 0; i < r->npolicies; i++) {
		ok += r->policy[i].ok;
		failed += r->policy[i].failed;
	}
	trace_event(TRACE_INFO, "tls-report", NULL, "about %s by %.*s: %llu sessions good, %llu failed", t->domain,
		STRF(r->organisation.n ? r->organisation : t->submitter), (unsigned long long)ok, (unsigned long long)failed);
}

void receive_said(struct policyd *p, struct task *t, const struct ipc_msg *m)
{
	char words[POLICY_WORDS];
	int r = E_PEER;

	if (t->state == TASK_OVER)
		return;
	if (!m) {
		refused(t, t->words[0] ? t->words : "the process that read it ended");
	} else if (ipc_is(m, "done") && !ipc_get_bool(m, "ok")) {
		snprintf(words, sizeof words, "%.*s", STRF(str_sub(ipc_get(m, "words"), 0, sizeof words - 1)));
		refused(t, words);
	} else if (ipc_is(m, "done") && t->got.npolicies) {
		keep(t);
	} else {
		r = ipc_is(m, "report") ? take_report(t, m) : ipc_is(m, "policy") ? take_policy(p, t, m) : ipc_is(m, "failure") ? take_failure(p, t, m) : E_PEER;
		if (r < 0)
			refused(t, "the process that read it spoke nonsense");
	}
	if (r < 0)
		t->state = TASK_OVER;
}

/* --- the way in --------------------------------------------------------------------------------- */

void receive_new(struct policyd *p, struct ipc_msg *m)
{
	struct str domain = ipc_get(m, "domain");
	char name[POLICY_DOMAIN];
	int fd = ipc_take_fd(m, "message");
	struct stat st;
	struct task *t;

	snprintf(name, sizeof name, "%.*s", STRF(domain));
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !p->reports || domain.n >= sizeof name || (domain.n && !dns_is_name(domain))) {
		fd_close(&fd);
		return;
	}
	if (p->nreads >= WAITING) {
		trace_event(TRACE_WARN, "tls-report-refused", NULL, "about %s: too many at once", name);
		fd_close(&fd);
		return;
	}
	t = task_new(p, true, name);
	t->message = fd;
}

/* A child for who waits, a few at once. */
void receive_work(struct policyd *p)
{
	size_t busy = 0;
	struct task *t;

	for (t = p->tasks; t; t = t->next)
		busy += t->reads && (t->state == TASK_LINK || t->state == TASK_CHILD);
	for (t = p->tasks; t && busy < (size_t)p->conf->tlsrpt_jobs; t = t->next) {
		if (!t->reads || t->state != TASK_WAITS)
			continue;
		if (task_ask_link(p, t, p->resolver) < 0) {
			snprintf(t->words, sizeof t->words, "the resolver is not there");
			receive_said(p, t, NULL);
		}
		busy++;
	}
}
