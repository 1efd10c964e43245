/* SPDX-License-Identifier: ISC
 *
 * deliver.c: reports of days that are over, sent to who asks for them (RFC 8460 3, 5; see policyd.h).
 *
 * A report that is due: TXT _smtp._tls.DOMAIN; no record: nobody wants it. Else each address of the record in turn, until one
 * takes it: https by a child that has the network, mailto by a child that hands a message to the queue. If none does it is
 * tried again, each time later, for `[tlsrpt] lifetime`. It keeps its report-id, so one that arrives twice is seen to be one.
 */
#include "smtp/policy/policyd.h"

#include <unistd.h>

#include "base/rand.h"
#include "base/sandbox.h"
#include "mail/envelope.h"
#include "net/https.h"
#include "net/resolver.h"
#include "net/spool.h"
#include "smtp/policy/get.h"
#include "trace/trace.h"

#define LOOK_MS 60000
#define AGAIN_MS 1000
#define REPORT_MAX (16 * 1024 * 1024)
#define BOUNDARY 24
#define ID 12

/* --- the end ----------------------------------------------------------------------------------- */

static int set(const struct task *t, enum report_state s, int64_t due, const char *words)
{
	int r = reports_set(t->report, s, due, str_of(words));

	if (r < 0)
		trace_event(TRACE_ERROR, "tls-report-store", NULL, "what became of a report is not kept: %s", err_text(r));
	return r;
}

/* Later, and later each time; or never. */
static void failed(struct policyd *p, struct task *t)
{
	int64_t now = clock_unix(), wait = p->conf->tlsrpt_retry / 1000;
	struct report_row row;
	struct tlsrpt r;
	struct arena a;
	uint64_t i;

	arena_init(&a);
	if (reports_load(t->report, &a, &row, &r) < 0)
		row = (struct report_row){ 0 };
	arena_done(&a); /* its numbers are needed alone */
	for (i = 0; i < row.tries && wait < p->conf->tlsrpt_retry_max / 1000; i++)
		wait *= 2;
	wait = MIN(wait, p->conf->tlsrpt_retry_max / 1000);
	if (now + wait > row.until) {
		set(t, REPORT_GIVEN_UP, 0, t->words);
		trace_event(TRACE_WARN, "tls-report-dropped", NULL, "to %s: %s", t->domain, t->words);
	} else {
		set(t, REPORT_WAITING, now + wait, t->words);
		trace_event(TRACE_INFO, "tls-report-failed", NULL, "to %s: %s", t->domain, t->words);
	}
	t->state = TASK_OVER;
	p->deliver_at = DEADLINE_NEVER; /* when is the next due? */
}

static void unwanted(struct task *t, const char *words)
{
	set(t, REPORT_UNWANTED, 0, words);
	t->state = TASK_OVER;
}

/* --- where to ------------------------------------------------------------------------------------- */

/* The next address that can be tried; without one it failed. */
static void next(struct policyd *p, struct task *t)
{
	struct str to;
	uint16_t port;
	int r = -1;

	for (; t->at < t->nuris && r < 0; t->at += r < 0) {
		snprintf(t->words, sizeof t->words, "%.*s cannot be used", (int)MIN(t->uri[t->at].n, (size_t)120), t->uri[t->at].p);
		if (tlsrpt_https(t->uri[t->at], &to, &port) == 0 && (port ? port : 443) == p->conf->tlsrpt_port)
			r = task_ask_link(p, t, p->resolver);
		else if (tlsrpt_mailto(t->uri[t->at], &t->a, &to) == 0)
			r = task_ask_link(p, t, p->queued);
	}
	if (r < 0)
		failed(p, t);
}

bool deliver_answer(struct policyd *p, const struct ipc_msg *m)
{
	struct str uri[TLSRPT_URIS];
	struct dns_answer x;
	struct task *t;
	uint64_t id;
	size_t i, k, n = 0, found = 0;
	int r = 0;

	if (ipc_get_u64(m, "id", UINT64_MAX, &id) || id == 0)
		return false;
	for (t = p->tasks; t && (t->asked != id || t->state != TASK_DNS); t = t->next)
		;
	if (!t)
		return false;
	t->asked = 0;
	if (resolver_parse(m, DNS_TXT, &t->a, &x) < 0)
		x = (struct dns_answer){ .state = DNS_SERVFAIL };
	if (x.state == DNS_NODATA || x.state == DNS_NXDOMAIN) {
		unwanted(t, "no record asks for reports");
		return true;
	}
	if (x.state != DNS_OK) {
		snprintf(t->words, sizeof t->words, "_smtp._tls: %s", dns_state_text(x.state));
		failed(p, t);
		return true;
	}
	/* exactly one counts (3) */
	for (i = 0; i < x.n && r >= 0; i++) {
		r = tlsrpt_record_parse(x.record[i].data, uri, &n);
		found += r != 0;
		for (k = 0; r == 1 && k < n; k++)
			t->uri[k] = arena_str(&t->a, uri[k]);
		t->nuris = r == 1 ? n : t->nuris;
	}
	if (found != 1 || r < 0 || t->nuris == 0)
		unwanted(t, found ? "the record that asks for reports cannot be read" : "no record asks for reports");
	else
		next(p, t);
	return true;
}

/* --- the child --------------------------------------------------------------------------------------- */

static int post(struct policyd *p, const struct task *t, int resolver, struct str packed, char *words)
{
	struct get g = { .resolver = resolver, .port = (uint16_t)p->conf->tlsrpt_port, .wait = p->conf->tlsrpt_wait,
		.inside = &p->conf->sts_inside_networks };
	struct str host, uri = t->uri[t->at];
	struct buf trust;
	struct arena a;
	uint16_t port;

	load_trust(p->trust, &trust);
	g.trust = buf_view(&trust);
	https_init();
	child_keep(resolver, t->link);
	if (sandbox_enter(SANDBOX_CHECK, NULL, 0, NULL) < 0 || tlsrpt_https(uri, &host, &port) < 0)
		return E_TEMP;
	arena_init(&a);
	return get_post(&g, arena_cstr(&a, uri), "application/tlsrpt+gzip", packed, words);
}

/* A message of ours: its envelope sender is who the report comes from, so signd signs it as his; nobody is told if it
 * fails. Its field "TLS-Required: No" tells sender that no policy keeps it. */
static int mail(struct policyd *p, const struct task *t, int queued, const struct tlsrpt *r, struct str packed, char *words)
{
	char boundary[BOUNDARY + 1], id[ID + 1], name[POLICY_DOMAIN];
	struct str from = p->conf->tlsrpt_from, to;
	struct envelope_rcpt rcpt = { .number = 1, .notify = NOTIFY_NEVER };
	struct envelope e = { .time = clock_unix(), .sender = from, .user = from, .confirmed = true, .session = str_of(id), .rcpt = &rcpt, .nrcpt = 1 };
	struct tlsrpt_letter l = { .from = from, .now = e.time, .report = r, .domain = str_of(t->domain), .packed = packed };
	struct buf text, head;
	struct arena a;
	int fd = -1, err;

	arena_init(&a);
	rand_id(boundary, BOUNDARY);
	rand_id(id, ID);
	tlsrpt_mailto(t->uri[t->at], &a, &to);
	snprintf(name, sizeof name, "%s", conf_hostname(p->conf));
	l.to = rcpt.address = to;
	l.host = str_of(name);
	l.boundary = str_of(boundary);
	e.id = str_of(id);
	child_keep(queued, t->link);
	buf_init(&text, REPORT_MAX);
	buf_init(&head, ENVELOPE_HEAD_MAX);
	tlsrpt_letter_print(&l, &text);
	e.size = text.n;
	envelope_print(&e, &head);
	err = text.err ? text.err : head.err ? head.err : spool_file(queued, &fd, deadline_in(p->conf->tlsrpt_wait));
	if (err == 0) {
		const struct str piece[] = { buf_view(&head), buf_view(&text) };

		err = spool_put(queued, fd, e.id, piece, ARRAY_LEN(piece), deadline_in(p->conf->tlsrpt_wait));
	}
	snprintf(words, POLICY_WORDS, err ? "the queue: %s" : "message %s", err ? err_text(err) : id);
	return err;
}

void deliver_child(struct policyd *p, struct task *t, int other)
{
	char words[POLICY_WORDS] = "";
	struct buf json, packed;
	struct tlsrpt r = t->got;
	int err;

	buf_init(&json, REPORT_MAX);
	buf_init(&packed, REPORT_MAX);
	err = tlsrpt_print(&r, &json);
	if (err == 0)
		err = tlsrpt_pack(buf_view(&json), &packed);
	if (err < 0)
		child_done(t->link, err, err_text(err));
	if (str_istarts(t->uri[t->at], "https:"))
		err = post(p, t, other, buf_view(&packed), words);
	else
		err = mail(p, t, other, &r, buf_view(&packed), words);
	child_done(t->link, err, words);
}

void deliver_done(struct policyd *p, struct task *t, const struct ipc_msg *m)
{
	char said[POLICY_WORDS + 200];
	struct str uri = str_sub(t->uri[t->at], 0, 150);

	t->asked = 0;
	if (!m && t->state != TASK_CHILD) { /* no answer of the resolver, no link */
		failed(p, t);
		return;
	}
	if (t->link >= 0)
		close(t->link);
	t->link = -1;
	if (m && ipc_is(m, "done") && ipc_get_bool(m, "ok")) {
		snprintf(said, sizeof said, "%.*s: %.*s", STRF(uri), STRF(str_sub(ipc_get(m, "words"), 0, 100)));
		set(t, REPORT_SENT, 0, said);
		trace_event(TRACE_INFO, "tls-report-sent", NULL, "about %s to %s", t->domain, said);
		t->state = TASK_OVER;
		return;
	}
	snprintf(said, sizeof said, "%.*s: %.*s", STRF(uri), STRF(m ? str_sub(ipc_get(m, "words"), 0, 180) : STR("its process ended")));
	t->at++;
	if (t->at < t->nuris)
		next(p, t);
	else {
		snprintf(t->words, sizeof t->words, "%.*s", (int)sizeof t->words - 1, said);
		failed(p, t);
	}
}

/* --- what is due --------------------------------------------------------------------------------------- */

static bool in_hand(const struct policyd *p, int64_t report)
{
	const struct task *t;

	for (t = p->tasks; t; t = t->next)
		if (!t->reads && t->report == report)
			return true;
	return false;
}

/* All that it says is read now: a child has no database. */
static void begin(struct policyd *p, const struct report_row *row)
{
	char name[POLICY_DOMAIN + 16], domain[POLICY_DOMAIN];
	struct report_row again;
	struct task *t;

	snprintf(domain, sizeof domain, "%.*s", STRF(row->domain));
	t = task_new(p, false, domain);
	t->report = row->id;
	if (!p->conf->tlsrpt_send || !p->conf->tlsrpt_from.n) {
		unwanted(t, "[tlsrpt] send is off");
		return;
	}
	if (reports_load(row->id, &t->a, &again, &t->got) < 0) {
		t->state = TASK_OVER;
		return;
	}
	t->got.organisation = p->conf->tlsrpt_organisation.n ? p->conf->tlsrpt_organisation : str_of(conf_hostname(p->conf));
	t->got.contact = p->conf->tlsrpt_from;
	t->got.id = str_of(arena_fmt(&t->a, "%.*s@%.*s", STRF(again.uid), STRF(tlsrpt_domain_of(p->conf->tlsrpt_from, &t->a))));
	snprintf(name, sizeof name, "_smtp._tls.%s", t->domain);
	t->state = TASK_DNS;
	t->asked = ++p->serial;
	snprintf(t->words, sizeof t->words, "the resolver is not there");
	if (p->resolver < 0 || resolver_send(p->resolver, t->asked, name, DNS_TXT, p->conf->tlsrpt_wait / 2, false) < 0)
		failed(p, t);
}

void deliver_work(struct policyd *p)
{
	int64_t now = clock_unix(), after = 0, due, wait;
	struct report_row row;
	struct arena a;
	int r;

	if (!p->reports || (p->deliver_at && !deadline_passed(p->deliver_at)))
		return;
	r = reports_begin();
	while (r == 0 && (r = reports_seal(now, p->conf->tlsrpt_delay / 1000, p->conf->tlsrpt_lifetime / 1000)) > 0) {
		p->full_told = false;
		r = 0;
	}
	if (r == 0)
		r = reports_commit();
	if (r < 0)
		trace_event(TRACE_ERROR, "tls-report-store", NULL, "days that are over: %s", err_text(r));
	arena_init(&a);
	while (p->ntasks < (size_t)p->conf->tlsrpt_jobs && reports_due(now, after, &a, &row) == 1) {
		after = row.id;
		if (!in_hand(p, row.id))
			begin(p, &row);
		arena_reset(&a);
	}
	arena_done(&a);
	due = reports_next();
	wait = due ? (due - now) * 1000 : LOOK_MS;
	p->deliver_at = deadline_in(MIN(MAX(wait, (int64_t)AGAIN_MS), (int64_t)LOOK_MS));
}

bool deliver_now(struct policyd *p, struct str domain, int64_t *id_out, const char **why_out)
{
	int64_t id;

	*why_out = "reports are not sent: set [tlsrpt] send = yes and from";
	if (!p->reports || !p->conf->tlsrpt_send || !p->conf->tlsrpt_from.n)
		return false;
	tally_flush(p);
	id = reports_seal_now(domain, clock_unix(), p->conf->tlsrpt_lifetime / 1000);
	*why_out = id < 0 ? err_text((int)id) : "nothing was counted for that domain since its last report";
	if (id <= 0)
		return false;
	p->deliver_at = DEADLINE_NEVER;
	*id_out = id;
	return true;
}
