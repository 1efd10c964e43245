/* SPDX-License-Identifier: ISC
 *
 * probe.c: mansio test delivery: the way of mail to an address, gone without a message (see sender.h).
 *
 * A test is a job without a message, a destination and hosts of its own, and one session at a time: so it asks, decides and
 * talks by the same code as mail does, and no mail ever stands behind it. Nobody else's sessions are used or closed; its own
 * count in the limits of hosts and providers, and wait for room there.
 *
 *   here --> routed --> policy --> hosts --> [ reach --> connect ... RCPT --> RSET --> QUIT ] of each host --> result
 *     |                    |          |           '--- fails: the next host ---'                    ^
 *     '--------------------'----------'------------------------ nowhere ---------------------------'
 *
 * (here: what it meets on this server, probe_here.c.)
 *
 * What it finds out becomes rows at once (stage, host, state, words, ms since the row before); words are the other server's,
 * where it said any. Whoever calls in (dest.c, reach.c, a session) only leaves a note and wakes the test: what goes
 * on or ends does so in its own turn (work), when nobody stands in the middle of what is freed.
 *
 * Always true: a test ends within `[send] test_time`; after RCPT comes RSET, never DATA.
 */
#include <sysexits.h>
#include <unistd.h>

#include "mail/address.h"
#include "smtp/send/probe.h"

#define LOOK_MS 200 /* who is held up by limits looks again */

/* --- the end --------------------------------------------------------------------------- */

static void finish(int reply, int code, const char *error)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set_bool(&m, "done", true);
	ipc_set_u64(&m, "code", (uint64_t)code);
	ipc_setc(&m, "error", error);
	program_result(reply, &m);
	ipc_done(&m);
	close(reply);
}

static void end_session(struct probe *p)
{
	struct session *s = p->session;
	struct host *h;

	if (!s)
		return;
	h = s->host;
	h->sessions = NULL;
	h->nsessions = 0;
	session_free(s);
	p->session = NULL;
	p->sender->nsessions -= h->kind == HOST_MX;
	pace_session(h, false);
}

static void probe_free(struct probe *p)
{
	struct sender *s = p->sender;

	end_session(p);
	if (p->smarthost)
		host_release(p->smarthost);
	if (p->begun)
		dest_done(&p->dest);
	way_drop(p->way);
	event_del(&p->ev);
	arena_done(&p->job.a);
	TAILQ_REMOVE(&s->probes, p, link);
	s->nprobes--;
	free(p);
}

static void over(struct probe *p, int code, const char *error)
{
	if (p->reply >= 0)
		finish(p->reply, code, error);
	p->reply = -1;
	p->until = DEADLINE_NEVER;
	if (!p->waits) /* else the table of routes will answer */
		probe_free(p);
}

/* What would become of mail once it leaves, and in which words. */
static enum probe_state verdict(const struct probe *p, char *words, size_t size)
{
	const struct dsn *why = p->answer ? NULL : &p->nowhere;

	if (p->answer && p->answer < 300 && p->later.code)
		why = &p->later;
	if (why) {
		snprintf(words, size, "%s: %d %s %s", dsn_temporary(why) ? "would wait" : p->refused ? "would be refused" : "would be returned",
			why->code, why->status, why->text);
		return dsn_temporary(why) ? PROBE_WARN : PROBE_FAIL;
	}
	snprintf(words, size, "is %s by %s", p->answer < 300 ? "taken" : p->answer < 500 ? "deferred" : "refused", p->taker);
	return p->answer < 300 ? PROBE_OK : p->answer < 500 ? PROBE_WARN : PROBE_FAIL;
}

/* In one row. The code of the verb says the same (docs/SENDING.md). */
static void result(struct probe *p)
{
	static const struct {
		int code;
		const char *error;
	} end[] = { [PROBE_OK] = { EX_OK, NULL }, [PROBE_WARN] = { EX_TEMPFAIL, "mail for this address would wait now" },
		[PROBE_FAIL] = { EX_UNAVAILABLE, "mail for this address would not arrive now" } };
	char what[PROBE_WORDS - 600], words[PROBE_WORDS];
	enum probe_state state = verdict(p, what, sizeof what);

	if (p->held && !p->refused) {
		snprintf(words, sizeof words, "mail for %s would be held in the queue (%s); when it is released, it %s", p->name, p->held, what);
		state = PROBE_WARN;
	} else {
		snprintf(words, sizeof words, "mail for %s %s", p->name, what);
	}
	probe_tell(p, "result", "", state, str_of(words), clock_mono_ms() - p->began);
	over(p, end[state].code, end[state].error);
}

/* False: limits do not let it; it is tried again. */
static bool has_place(const struct probe *p, struct host *h)
{
	const struct sender *s = p->sender;

	if (h->kind != HOST_MX)
		return s->smarthost_host.nsessions < s->smarthost_host.max;
	return s->nsessions < (size_t)s->conf->send_connections && pace_may_open(h) && pace_host(h);
}

static void open_session(struct probe *p, struct host *h)
{
	struct dsn why = { 0 };

	p->sender->nsessions += h->kind == HOST_MX;
	pace_session(h, true);
	pace_sent(h, &p->dest);
	p->job.rcpt[0].state = RCPT_OPEN;
	p->stage = CLIENT_CONNECTING;
	p->said = 0;
	probe_lap(p);
	p->session = session_open(h, STR_NONE, &why);
	h->sessions = p->session;
	h->nsessions = 1;
}

/* The answer to RCPT (or to MAIL) is there. */
static void answered(struct probe *p, const struct session *s)
{
	char tls[64], ip[ADDR_TEXT];

	if (p->answer)
		return;
	p->answer = p->job.rcpt[0].code;
	security_told(&s->host->sec, s->tls ? tls_version(s->tls) : NULL, tls, sizeof tls);
	snprintf(p->taker, sizeof p->taker, "%s [%s], TLS: %s", s->client.opt->label, addr_text(&s->addr[s->at], ip),
		s->host->kind == HOST_MX ? tls : s->tls ? tls_version(s->tls) : "none");
}

/* As session_next_address will find. */
static bool has_another_try(const struct session *s)
{
	const struct client_options *o = s->client.opt;
	size_t at;

	return !s->client.login_failed && !s->ready_told &&
		(dial_left(s, &at) || (s->tls_failed && !s->clear && o->tls == CONF_SMARTHOST_OPPORTUNISTIC && !o->implicit));
}

/* True: the session is over. */
static bool serve(struct probe *p)
{
	struct session *s = p->session;
	struct client *c = &s->client;

	if (c->job && !job_open(&p->job) && client_take(c))
		answered(p, s);
	if (c->state == CLIENT_READY && !c->job) {
		if (c->served)
			client_quit(c);
		else
			client_start(c, &p->job);
		session_step(s);
	}
	if (c->state != CLIENT_CLOSED)
		return false;
	if (c->why.code && p->stage != CLIENT_QUIT) {
		p->nowhere = c->why;
		if (p->said < 400)
			probe_row(p, probe_stage(c, p->stage), has_another_try(s) ? PROBE_WARN : PROBE_FAIL, "%s", c->why.text);
	}
	return c->job || c->served || !session_next_address(s);
}

/* --- its turns ------------------------------------------------------------------------------------ */

static void next_host(struct probe *p)
{
	end_session(p);
	p->shown = false;
	if (p->smarthost || (p->answer && !p->all) || p->at + 1 >= p->dest.nmx)
		p->done = true;
	else
		p->at++;
}

/* This host cannot be used at all. */
static void pass_over(struct probe *p, struct host *h)
{
	probe_show_host(p, h);
	if (!h->sec.refused)
		probe_row(p, "address", PROBE_FAIL, "%s", h->down_why.text);
	p->nowhere = h->down_why;
	if (h->ours) /* RFC 5321 5.1: what is no better than this server is out of the question */
		p->done = true;
	else
		next_host(p);
}

/* True: it may go on at once. */
static bool turn(struct probe *p)
{
	struct host *h = p->smarthost ? p->smarthost : p->dest.mx[p->at].host;

	if (p->session) {
		if (!serve(p))
			return false;
		next_host(p);
		return true;
	}
	if (h->down_why.code) {
		pass_over(p, h);
		return true;
	}
	if (!host_reached(h))
		return false;
	if (!p->shown)
		probe_show_host(p, h);
	if (!has_place(p, h))
		return false;
	open_session(p, h);
	return true;
}

static void time_is_over(struct probe *p)
{
	const struct client *c = p->session ? &p->session->client : NULL;

	probe_row(p, c ? probe_stage(c, c->state) : p->shown ? "connect" : "dns", PROBE_FAIL, "the time of the test is over ([send] test_time): waited for %s",
		c ? client_waits_for(c) : p->shown ? "a place: limits hold it up" : "an answer");
	over(p, EX_TEMPFAIL, "the test took too long");
}

static void work(evutil_socket_t fd, short what, void *arg)
{
	struct probe *p = arg;
	int64_t ms;

	(void)fd, (void)what;
	if (p->reply >= 0 && deadline_passed(p->until) && !p->done) {
		time_is_over(p);
		return;
	}
	if (p->reply < 0) {
		over(p, EX_OK, NULL);
		return;
	}
	probe_hear_queue(p);
	while (!p->done && p->found && turn(p))
		;
	if (p->done) {
		if (p->ours)
			over(p, EX_DATAERR, p->nowhere.text);
		else
			result(p);
		return;
	}
	ms = deadline_left(p->until);
	if (p->shown && !p->session)
		ms = MIN(ms, (int64_t)LOOK_MS);
	if (p->asks)
		ms = MIN(ms, (int64_t)deadline_left(p->asked_until));
	event_add(&p->ev, &(struct timeval){ ms / 1000, ms % 1000 * 1000 });
}

void probe_wake(struct probe *p)
{
	event_active(&p->ev, EV_TIMEOUT, 0);
}

/* --- what others find out ----------------------------------------------------------------------------- */

void probe_ends(struct probe *p, int code, const char *status, const char *stage, const char *words)
{
	dsn_set(&p->nowhere, code, status, "%s", words);
	probe_row(p, stage, PROBE_FAIL, "%s", words);
	p->done = true;
	probe_wake(p);
}

void probe_unrouted(struct probe *p)
{
	p->waits = false;
	probe_ends(p, 451, "4.3.0", "route", "which way mail to this domain goes cannot be looked up at the moment");
}

/* As policy_told of dest.c takes it. */
void probe_policy(struct probe *p, const struct ipc_msg *m)
{
	static const char *const mode[] = { [STS_NONE] = "none", [STS_TESTING] = "testing", [STS_ENFORCE] = "enforce" };
	const struct dest *d = &p->dest;
	struct buf b;
	size_t i;

	buf_init(&b, PROBE_WORDS);
	for (i = 0; i < d->sts_n; i++)
		buf_fmt(&b, "%s%.*s", i ? ", " : "", STRF(d->sts_mx[i]));
	if (d->sts_found)
		probe_row(p, "policy", PROBE_OK, "MTA-STS: %s, for %s", mode[d->sts_mode], buf_cstr(&b));
	else if (!m) {
		dsn_set(&p->later, 451, "4.4.3", "whether it has an MTA-STS policy cannot be found out at the moment");
		probe_row(p, "policy", PROBE_WARN, "the process that keeps MTA-STS policies does not answer: mail waits until it does");
	} else if (str_eqc(ipc_get(m, "result"), "failed"))
		probe_row(p, "policy", PROBE_WARN, "whether there is an MTA-STS policy cannot be found out now (%.*s): mail goes as if there were none",
			STRF(ipc_get(m, "words")));
	else
		probe_row(p, "policy", PROBE_OK, p->sender->conf->sts_enabled ? "no MTA-STS policy" : "MTA-STS policies are not asked for ([sts] enabled is no)");
	buf_done(&b);
}

void probe_hosts(struct probe *p, const struct dns_answer *x)
{
	const struct dest *d = &p->dest;
	struct buf b;
	size_t i;

	buf_init(&b, PROBE_WORDS);
	for (i = 0; i < d->nmx; i++)
		if (x && x->state == DNS_OK)
			buf_fmt(&b, "%s%u %s", i ? ", " : "", d->mx[i].preference, d->mx[i].host->opt->host);
	if (x && x->state != DNS_OK)
		buf_puts(&b, "none: the domain itself is the server");
	if (x)
		probe_row(p, "mx", PROBE_OK, "%s; %s", buf_cstr(&b), d->secure ? "proven by DNSSEC" : "not proven by DNSSEC");
	buf_done(&b);
	p->found = true;
	probe_wake(p);
}

void probe_nowhere(struct probe *p, const struct dsn *why)
{
	probe_ends(p, why->code, why->status, "mx", why->text);
}

/* --- the verb ------------------------------------------------------------------------------------------- */

/* As it will be said in RCPT, and the domain as the queue has it: A-labels, lower case. E_SYNTAX. */
int probe_address(struct str in, struct arena *a, struct str *out, struct str *domain)
{
	struct address x;

	if (address_parse_all(in, a, &x) || !x.domain.n)
		return E_SYNTAX;
	if (x.literal)
		*domain = x.domain;
	else if (domain_normal(x.domain, a, domain))
		return E_SYNTAX;
	*out = address_text(a, &x);
	return 0;
}

static struct probe *probe_new(struct sender *s, struct str address, struct str from, int reply)
{
	struct probe *p = mem_alloc(1, sizeof *p);

	p->sender = s;
	p->reply = reply;
	arena_init(&p->job.a);
	p->job.fd = -1;
	p->job.probe = p;
	p->job.sender = arena_str(&p->job.a, from);
	p->job.rcpt = arena_array(&p->job.a, 1, sizeof *p->job.rcpt);
	p->job.rcpt[0].address = arena_str(&p->job.a, address);
	p->job.nrcpt = 1;
	p->job.until = p->until = deadline_in(s->conf->send_test_time);
	p->name = arena_cstr(&p->job.a, address);
	p->began = p->since = clock_mono_ms();
	evtimer_assign(&p->ev, s->base, work, p);
	TAILQ_INSERT_TAIL(&s->probes, p, link);
	s->nprobes++;
	return p;
}

void probe_start(struct sender *s, struct ipc_msg *m)
{
	struct str address, domain, none, from = ipc_get(m, "from");
	int reply = ipc_take_fd(m, "reply");
	struct probe *p;

	if (reply < 0)
		return;
	if (str_eqc(from, "<>"))
		from = STR("");
	if (!str_eqc(ipc_get(m, "verb"), "test delivery")) {
		finish(reply, EX_USAGE, "unknown verb");
	} else if (probe_address(ipc_get(m, "address"), &m->arena, &address, &domain)) {
		finish(reply, EX_DATAERR, "that is no mail address");
	} else if (from.n && probe_address(from, &m->arena, &from, &none)) {
		finish(reply, EX_DATAERR, "from: that is no mail address");
	} else if (s->stopping || s->nprobes >= (size_t)s->conf->send_tests) {
		finish(reply, EX_TEMPFAIL, s->stopping ? "the suite stops" : "as many tests run already as may ([send] tests)");
	} else {
		p = probe_new(s, address, from, reply);
		p->all = ipc_get_bool(m, "all") || str_eqc(ipc_get(m, "all"), "yes");
		event_add(&p->ev, &(struct timeval){ s->conf->send_test_time / 1000, 0 });
		p->waits = true;
		p->domain = arena_str(&p->job.a, domain);
		way_job(s, &p->job, domain);
	}
}

void probe_stop(struct sender *s)
{
	struct probe *p, *next;

	for (p = TAILQ_FIRST(&s->probes); p; p = next) {
		next = TAILQ_NEXT(p, link);
		over(p, EX_TEMPFAIL, "the suite stops");
	}
}
