/* SPDX-License-Identifier: ISC
 *
 * probe_rows.c: what a test tells of hosts and sessions (see probe.c, probe.h). Words of others go out as they came, but for
 * what is not printable (reply_print).
 */
#include <stdarg.h>
#include <time.h>

#include "smtp/send/probe.h"

int64_t probe_lap(struct probe *p)
{
	int64_t now = clock_mono_ms(), ms = now - p->since;

	p->since = now;
	return ms;
}

static const struct host *host_of(const struct probe *p)
{
	return p->smarthost ? p->smarthost : p->found && p->at < p->dest.nmx ? p->dest.mx[p->at].host : NULL;
}

void probe_tell(struct probe *p, const char *stage, const char *host, enum probe_state state, struct str words, int64_t ms)
{
	static const char *const name[] = { "OK", "WARN", "FAIL" };
	struct ipc_msg m;

	if (p->reply < 0)
		return;
	ipc_init(&m, "result");
	ipc_setc(&m, "stage", stage);
	ipc_setc(&m, "host", host);
	ipc_setc(&m, "state", name[state]);
	ipc_set(&m, "words", str_sub(words, 0, PROBE_WORDS));
	ipc_set_u64(&m, "ms", (uint64_t)MAX(ms, (int64_t)0));
	program_result(p->reply, &m);
	ipc_done(&m);
}

/* A row about the host that is looked at. */
void probe_row(struct probe *p, const char *stage, enum probe_state state, const char *fmt, ...)
{
	const struct host *h = host_of(p);
	struct buf b;
	va_list ap;

	buf_init(&b, PROBE_WORDS + 1);
	va_start(ap, fmt);
	buf_vfmt(&b, fmt, ap);
	va_end(ap);
	probe_tell(p, stage, h ? h->opt->label : "", state, buf_view(&b), probe_lap(p));
	buf_done(&b);
}

/* --- what a host is known for -------------------------------------------------------------- */

static void show_addresses(struct probe *p, const struct host *h)
{
	char ip[ADDR_TEXT];
	struct buf b;
	size_t i;

	buf_init(&b, PROBE_WORDS);
	for (i = 0; i < h->naddrs; i++)
		buf_fmt(&b, "%s%s", i ? ", " : "", addr_text(&h->addr[i], ip));
	if (h->alias)
		buf_fmt(&b, " (an alias of %s)", h->alias);
	if (h->kind == HOST_MX)
		buf_puts(&b, h->facts.address_secure ? "; proven by DNSSEC" : "; not proven by DNSSEC");
	probe_row(p, "address", PROBE_OK, "%s", buf_cstr(&b));
	buf_done(&b);
}

static void show_tlsa(struct probe *p, const struct host *h)
{
	const struct dns_answer *x = h->facts.tlsa;
	struct buf b;
	size_t i;

	if (!x) {
		probe_row(p, "tlsa", PROBE_OK, "not asked for: %s", h->facts.by_admin ? "a route says what TLS must be" : h->facts.literal ?
			"an address has none" : h->facts.mx_secure ? "its address is not proven by DNSSEC" : "its name is not proven by DNSSEC");
		return;
	}
	buf_init(&b, PROBE_WORDS);
	for (i = 0; i < x->n; i++)
		buf_fmt(&b, "%s%.*s", i ? ", " : "", STRF(x->record[i].data));
	if (x->n)
		probe_row(p, "tlsa", x->secure ? PROBE_OK : PROBE_WARN, "%s%s", buf_cstr(&b), x->secure ? "" : " (not proven: they do not count)");
	else
		probe_row(p, "tlsa", x->state == DNS_NODATA || x->state == DNS_NXDOMAIN ? PROBE_OK : PROBE_FAIL, "%s", dns_state_text(x->state));
	buf_done(&b);
}

void probe_show_host(struct probe *p, const struct host *h)
{
	static const char *const level[] = { [SEC_NONE] = "in clear", [SEC_MAY] = "TLS if it is offered", [SEC_ENCRYPT] = "TLS, with whomever",
		[SEC_VERIFY] = "verified TLS", [SEC_DANE] = "TLS that a TLSA record vouches for" };

	if (h->naddrs)
		show_addresses(p, h);
	if (h->kind == HOST_MX && (h->decided || h->sec.refused)) {
		show_tlsa(p, h);
		probe_row(p, "demand", h->sec.refused ? PROBE_FAIL : h->sec.sts_mismatch ? PROBE_WARN : PROBE_OK, "%s (%s)", h->sec.refused ? "not by this host" : level[h->sec.level],
			h->sec.words);
	}
	p->shown = true;
}

/* --- the session ------------------------------------------------------------------------------ */

const char *probe_stage(const struct client *c, enum client_state s)
{
	static const char *const name[CLIENT_NSTATES] = { [CLIENT_CONNECTING] = "connect", [CLIENT_GREETING] = "greeting", [CLIENT_HELLO] = "ehlo",
		[CLIENT_HELO] = "helo", [CLIENT_STARTTLS] = "starttls", [CLIENT_HANDSHAKE] = "tls", [CLIENT_AUTH] = "login", [CLIENT_RSET] = "rset",
		[CLIENT_QUIT] = "quit" };

	if (s == CLIENT_ENVELOPE)
		return c->answered ? "rcpt" : "mail";
	return name[s] ? name[s] : "session";
}

static struct probe *probe_of(struct client *c)
{
	return ((struct session *)((char *)c - offsetof(struct session, client)))->host->probe;
}

/* A refusal here is not the end (RFC 5321 3.2; opportunistic TLS). */
static bool goes_on(const struct client *c)
{
	return c->state == CLIENT_HELLO || (c->state == CLIENT_STARTTLS && c->opt->tls == CONF_SMARTHOST_OPPORTUNISTIC);
}

static void heard(struct client *c, const struct reply *r)
{
	struct probe *p = probe_of(c);
	struct buf words;

	p->said = r->code;
	if (c->state == CLIENT_AUTH && r->code == 334)
		return; /* a step of the login: nobody's business */
	buf_init(&words, 2 * REPLY_TEXT);
	reply_print(r, &words);
	probe_row(p, probe_stage(c, c->state), r->code < 400 ? PROBE_OK : r->code < 500 || goes_on(c) ? PROBE_WARN : PROBE_FAIL, "%s", buf_cstr(&words));
	buf_done(&words);
}

static void show_connection(struct probe *p, const struct session *s)
{
	char ip[ADDR_TEXT];

	if (s->failures[0])
		probe_row(p, "connect", PROBE_WARN, "not reached%s", s->failures);
	probe_row(p, "connect", PROBE_OK, "%s port %u", addr_text(&s->addr[s->at], ip), s->addr[s->at].port);
}

/* Who vouches for the server, under which name, and until when. */
static void show_tls(struct probe *p, const struct session *s)
{
	const struct security *sec = &s->host->sec;
	char told[64], record[80], until[32] = "?";
	bool dane = tls_dane_matched(s->tls, record, sizeof record), verified = tls_verified(s->tls);
	struct cert_facts f = { 0 };
	time_t t;
	struct tm tm;

	if (s->host->kind == HOST_MX)
		security_told(sec, tls_version(s->tls), told, sizeof told);
	else
		snprintf(told, sizeof told, "%s %s", tls_version(s->tls), s->client.verified ? "verified" : "not verified");
	if (tls_peer_facts(s->tls, &f) == 0 && (t = (time_t)f.not_after, gmtime_r(&t, &tm)))
		strftime(until, sizeof until, "%Y-%m-%d %H:%M", &tm);
	probe_row(p, "tls", sec->testing && !verified ? PROBE_WARN : PROBE_OK, "%s, %s; certificate of %s, by %s, until %s UTC; %s%s", told, tls_cipher(s->tls),
		f.names[0] ? f.names : f.subject, f.self_signed ? "itself" : f.issuer, until,
		dane ? "vouched for by " : verified ? "an authority that is trusted here vouches for it" : "nobody vouches for it", dane ? record : "");
}

static void moved(struct client *c, enum client_state from)
{
	struct session *s = (struct session *)((char *)c - offsetof(struct session, client));
	struct probe *p = s->host->probe;

	if (c->state == CLIENT_CLOSED) {
		p->stage = from;
		return;
	}
	if (from == CLIENT_CONNECTING)
		show_connection(p, s);
	else if (from == CLIENT_HANDSHAKE)
		show_tls(p, s);
	else if (c->state == CLIENT_READY && from < CLIENT_READY && !c->secure)
		probe_row(p, "tls", PROBE_WARN, "no TLS: mail goes there in clear");
	p->said = 0;
}

const struct client_watch probe_watch = { .reply = heard, .moved = moved };
