/* SPDX-License-Identifier: ISC
 *
 * probe_here.c: what mail to the address of a test meets on this server, before it leaves (see probe.c).
 *
 *   authd's answer --> rewrite, access --> way out --> hold --> [asks queued] --> suppression --> route --> by MX, route, smarthost
 *                           |                 |                                        |
 *                           '-----------------'------------- probe_ends ---------------'
 *
 * The order and the words are those of smtpd (receive/policy_rcpt.c) for somebody who is logged in, so no rule about clients
 * counts. What is held is gone on with: what comes after its release is told too.
 */
#include <stdarg.h>

#include "net/suppressed.h"
#include "smtp/send/probe.h"

#define HOLD_ALL "[send] hold_all"
#define NO_WAY "this server sends no mail to other domains, neither [send] direct nor smarthost is set"

/* --- rules ------------------------------------------------------------------------------- */

/* smtpd says so at RCPT. */
static void refused(struct probe *p, const char *stage, const char *status, const char *fmt, ...) PRINTF(4, 5);
static void refused(struct probe *p, const char *stage, const char *status, const char *fmt, ...)
{
	struct str address = p->job.rcpt[0].address;
	struct buf b;
	va_list ap;

	buf_init(&b, PROBE_WORDS);
	buf_fmt(&b, "<%.*s>: ", STRF(address));
	va_start(ap, fmt);
	buf_vfmt(&b, fmt, ap);
	va_end(ap);
	p->refused = true;
	dsn_set(&p->nowhere, 550, status, "%s", buf_cstr(&b));
	probe_row(p, stage, PROBE_FAIL, "550 %s %s", status, buf_cstr(&b));
	buf_done(&b);
	p->done = true;
	probe_wake(p);
}

static void rewrite_sender(struct probe *p)
{
	const struct auth_test *t = p->job.test;

	if (t->sender.n == 0)
		return;
	probe_row(p, "rewrite", PROBE_OK, "the sender %.*s becomes %.*s", STRF(p->job.sender), STRF(t->sender));
	p->job.sender = t->sender;
}

static void rewrite_recipient(struct probe *p)
{
	const struct auth_test *t = p->job.test;
	struct arena *a = &p->job.a;
	struct str address, domain;

	if (t->address.n == 0 || probe_address(t->address, a, &address, &domain))
		return;
	probe_row(p, "rewrite", PROBE_OK, "%.*s becomes %.*s", STRF(p->job.rcpt[0].address), STRF(address));
	p->job.rcpt[0].address = address;
	p->domain = arena_str(a, domain);
}

/* False: refused. */
static bool access_allows(struct probe *p)
{
	const struct auth_test *t = p->job.test;

	switch (t->access) {
	case AUTH_ACCESS_REJECT:
		refused(p, "access", "5.7.1", "%.*s (the rule: %.*s reject)", STRF(t->text.n ? t->text : STR("refused by a rule of this server")), STRF(t->rule));
		return false;
	case AUTH_ACCESS_HOLD:
		p->held = arena_fmt(&p->job.a, "by the rule: %.*s hold", STRF(t->rule));
		probe_row(p, "access", PROBE_WARN, "held in the queue, by the rule: %.*s hold", STRF(t->rule));
		break;
	case AUTH_ACCESS_ALLOW:
	case AUTH_ACCESS_RELAY: /* of clients alone */
		probe_row(p, "access", PROBE_OK, "let through by the rule: %.*s allow", STRF(t->rule));
		break;
	case AUTH_ACCESS_NONE:
		probe_row(p, "access", PROBE_OK, "no rule is about it");
		break;
	}
	return true;
}

/* --- which way it goes ---------------------------------------------------------------------- */

static void by_dest(struct probe *p)
{
	struct dest *d = &p->dest;

	dest_init(d, p->sender);
	p->begun = true;
	d->name = mem_alloc(p->domain.n + 1, 1);
	memcpy(d->name, p->domain.p, p->domain.n);
	d->key = mem_strdup(d->name);
	d->way = way_ref(p->way);
	d->probe = p;
	dest_find(d);
}

static void by_smarthost(struct probe *p)
{
	struct host *h = mem_alloc(1, sizeof *h);

	host_init(h, p->sender, HOST_SMARTHOST);
	h->opt = p->sender->smarthost_host.opt;
	h->opt->refs++;
	h->key = mem_strdup("smarthost");
	h->probe = p;
	h->refs = 1;
	p->smarthost = h;
	p->found = true;
	probe_wake(p);
}

/* As route.c takes mail. */
static void leave(struct probe *p)
{
	const struct sender *s = p->sender;
	const struct way *way = p->way;

	if (way && way->route.host.n) {
		probe_row(p, "route", PROBE_OK, "by a route to %.*s:%u", STRF(way->route.host), way->route.port);
		by_dest(p);
	} else if (s->smarthost_host.opt) {
		probe_row(p, "route", PROBE_OK, "by the %s", s->smarthost_host.opt->label);
		by_smarthost(p);
	} else if (s->conf->send_direct) {
		probe_row(p, "route", PROBE_OK, "%s%s", p->domain.n && p->domain.p[0] == '[' ? "straight to this address" : "by MX",
			way ? ", with what a route says" : "");
		by_dest(p);
	} else {
		probe_ends(p, 451, "4.3.5", "route", "there is no way to the outside: neither [send] direct nor smarthost is set");
	}
}

/* --- the queue --------------------------------------------------------------------------------- */

static void hold_all(struct probe *p)
{
	if (!p->sender->conf->send_hold_all)
		return;
	if (!p->held)
		p->held = HOLD_ALL;
	probe_row(p, "hold", PROBE_WARN, "all mail is held in the queue until it is released (" HOLD_ALL ")");
}

static void unheard(struct probe *p)
{
	p->asks = 0;
	probe_row(p, "suppression", PROBE_WARN, "the queue does not answer: whether the address is on its list is not known");
	leave(p);
}

void probe_hear_queue(struct probe *p)
{
	if (p->asks && deadline_passed(p->asked_until))
		unheard(p);
}

static void ask_queue(struct probe *p)
{
	struct sender *s = p->sender;

	p->asks = ++s->last_question;
	p->asked_until = deadline_in(s->conf->send_lookup);
	if (sender_ask_suppressed(s, p->asks, p->job.rcpt[0].address, p->job.sender))
		probe_wake(p); /* for the time */
	else
		unheard(p);
}

void probe_suppressed(struct sender *s, const struct ipc_msg *m)
{
	struct str words = ipc_get(m, "words");
	struct probe *p;
	uint64_t id;

	if (ipc_get_u64(m, "id", UINT64_MAX, &id) < 0 || id == 0)
		return;
	TAILQ_FOREACH(p, &s->probes, link)
		if (p->asks == id)
			break;
	if (!p)
		return; /* too late */
	p->asks = 0;
	if (words.n) {
		refused(p, "suppression", arena_cstr(&p->job.a, ipc_get(m, "status")), SUPPRESSED_WORD "%.*s", STRF(words));
		return;
	}
	probe_row(p, "suppression", PROBE_OK, "the address is not on the suppression list");
	leave(p);
}

/* --- in order ------------------------------------------------------------------------------------ */

static bool way_out(const struct conf *c)
{
	return c->send_smarthost.n || c->send_direct || c->send_hold_all;
}

void probe_routed(struct probe *p, struct way *way)
{
	const struct auth_test *t = p->job.test;
	char words[400];

	p->waits = false;
	if (p->reply < 0) {
		probe_wake(p);
		return;
	}
	p->way = way_ref(way);
	rewrite_sender(p);
	if (!access_allows(p))
		return;
	rewrite_recipient(p);
	p->ours = t->ours;
	if (t->ours) {
		snprintf(words, sizeof words, "this is a domain of this server: its mail does not leave, it goes %.*s ('mansio alias who' tells more)",
			STRF(t->goes.n ? t->goes : STR("by aliases and accounts")));
		probe_ends(p, 550, "5.4.6", "route", words);
	} else if (!way_out(p->sender->conf)) {
		refused(p, "route", "5.7.1", "%s", way && way->route.host.n ? NO_WAY " (a route counts only beside one of them)" : NO_WAY);
	} else {
		hold_all(p);
		ask_queue(p);
	}
}
