/* SPDX-License-Identifier: ISC
 *
 * records.c: what a domain publishes so that mail comes to this host, is believed by others, and
 * programs find their settings. Only what this host really serves is in the list.
 *
 * DKIM: keys.c; MTA-STS: RFC 8461; TLS-RPT: RFC 8460; MX: RFC 5321 5.1; SPF: RFC 7208; DMARC: RFC 7489; SRV: RFC 6186, 8314; TLSA: RFC 7672.
 */
#include "check/check.h"

#include <strings.h>

#include "auth/auth.h"
#include "conf/sts.h"
#include "net/cert.h"

#define TTL "3600"
#define UNKNOWN_ADDRESS "<the public address of this host>"

uint16_t listens_on(const struct conf *c, const char *service)
{
	struct str list, first;
	struct addr a = { 0 };
	struct buf b;

	buf_init(&b, 65536);
	if (conf_value(c, "listen", service, &b) == 0) {
		list = buf_view(&b);
		first = str_trim(str_cut(&list, ','));
		if (!first.n || addr_parse_hostport(first, &a) < 0)
			a.port = 0;
	}
	buf_done(&b);
	return a.port;
}

struct want *wants_add(struct wants *w, enum need need, const char *name, enum dns_type type, const char *value, const char *why)
{
	if (w->n == WANTS)
		return NULL;
	w->v[w->n] = (struct want){ .name = name, .type = type, .value = value, .why = why, .need = need };
	return &w->v[w->n++];
}

static void add_addresses(const struct facts *f, struct arena *a, struct wants *w)
{
	char text[ADDR_TEXT];
	bool any = false;
	struct buf name;
	size_t i;

	for (i = 0; i < f->naddrs; i++) {
		if (!addr_is_public(&f->addr[i]))
			continue;
		any = true;
		addr_text(&f->addr[i], text);
		wants_add(w, NEED_MUST, f->host, f->addr[i].family == 4 ? DNS_A : DNS_AAAA, arena_str(a, str_of(text)).p,
			"Where this host is.");
		buf_init(&name, 256);
		dns_reverse(&f->addr[i], &name);
		wants_add(w, NEED_MUST, arena_str(a, buf_view(&name)).p, DNS_PTR, arena_fmt(a, "%s.", f->host),
			"The name of the address. Whoever gave you the address (your provider) sets it; others refuse mail without it.");
		buf_done(&name);
	}
	if (!any)
		wants_add(w, NEED_MUST, f->host, DNS_A, UNKNOWN_ADDRESS,
			"Where this host is. Its own addresses are private ones: the router in front of it has the public one.");
}

/* --- SPF (RFC 7208): from where this domain's mail leaves ------------------------------ */

#define SPF_SENDERS 64

struct senders {
	struct buf text; /* " ip4:192.0.2.1 a:mail.example.net" */
	struct addr seen[SPF_SENDERS];
	size_t n;
	bool relay, name, inside; /* by another host; that is a name; it has a private address */
};

static void add_sender(struct senders *s, const struct addr *x)
{
	char text[ADDR_TEXT];
	size_t i;

	for (i = 0; i < s->n; i++)
		if (addr_eq(&s->seen[i], x))
			return;
	if (s->n == SPF_SENDERS)
		return;
	s->seen[s->n++] = *x;
	buf_fmt(&s->text, " ip%d:%s", x->family, addr_text(x, text));
}

/* Who takes all mail: it sends from its own addresses, or from others that only its operator knows. */
static void add_relay(struct senders *s, struct str host)
{
	struct addr x;

	s->relay = true;
	if (addr_parse(host, &x) == 0) {
		s->inside = !addr_is_public(&x);
		add_sender(s, &x);
	} else {
		s->name = true;
		buf_fmt(&s->text, " a:%.*s", STRF(host));
	}
}

/* Addresses of this host; behind a router the Internet sees others. */
static void add_sources(struct senders *s, struct str list)
{
	struct addr x;

	while (list.p)
		if (addr_parse(str_trim(str_cut(&list, ',')), &x) == 0 && addr_is_public(&x))
			add_sender(s, &x);
}

/* Who takes what goes nowhere else: by the table of routes, or the setting. False: nobody. */
static bool relay_of(const struct facts *f, const struct auth_domain *ways, struct str *host_out)
{
	uint16_t port;
	bool literal;

	*host_out = ways->host;
	return ways->host.n || (f->conf->send_smarthost.n && !addr_split_hostport(f->conf->send_smarthost, host_out, &port, &literal));
}

static void find_senders(struct check *k, const char *domain, struct senders *s)
{
	const struct facts *f = k->f;
	struct auth_domain ways = { .result = AUTH_TEMP };
	struct str host;
	size_t i;

	*s = (struct senders){ .n = 0 };
	buf_init(&s->text, 16384);
	if (k->authd >= 0 && auth_domain(k->authd, str_of(domain), &k->a, &ways, deadline_in(check_wait(k))) < 0)
		ways = (struct auth_domain){ .result = AUTH_TEMP }; /* not running: without routes */
	if (relay_of(f, &ways, &host))
		add_relay(s, host);
	else
		for (i = 0; i < f->conf->send_source.n; i++)
			add_sources(s, f->conf->send_source.v[i]);
	for (i = 0; i < ways.nsources; i++)
		add_sources(s, ways.source[i]);
}

bool relay_address(const struct check *k, struct addr *out)
{
	return k->f->conf->send_smarthost.n && addr_parse_server(k->f->conf->send_smarthost, 25, out) == 0;
}

static void add_spf(struct check *k, const char *domain, struct wants *w)
{
	struct arena *a = &k->a;
	const char *why = "SPF: who may send mail as this domain: the hosts that its MX names, and nobody else.";
	struct senders s;

	find_senders(k, domain, &s);
	if (s.relay && s.name)
		why = "SPF: who may send mail as this domain. Mail leaves by a smarthost: if its operator names an include:, put that in place of a:.";
	else if (s.relay && s.inside)
		why = "SPF: who may send mail as this domain. Mail leaves by a smarthost with a private address: put the public one that others see into its place.";
	else if (s.relay)
		why = "SPF: who may send mail as this domain. Mail leaves by a smarthost: if it sends from other addresses than its own, name those.";
	else if (s.text.n)
		why = "SPF: who may send mail as this domain: the hosts that its MX names, the addresses that mail leaves by, and nobody else.";
	wants_add(w, NEED_MUST, domain, DNS_TXT, txt_pieces(a, str_of(arena_fmt(a, "v=spf1 mx%s -all", buf_cstr(&s.text)))), why);
	buf_done(&s.text);
}

static void add_trust(struct check *k, const char *domain, struct wants *w)
{
	const struct facts *f = k->f;
	struct arena *a = &k->a;

	add_spf(k, domain, w);
	if (strcasecmp(f->host, domain) != 0)
		wants_add(w, NEED_SHOULD, f->host, DNS_TXT, "\"v=spf1 a -all\"", "SPF for the name that this host says in its greeting; reports come from it.");
	wants_add(w, NEED_SHOULD, arena_fmt(a, "_dmarc.%s", domain), DNS_TXT,
		arena_fmt(a, "\"v=DMARC1; p=none; rua=mailto:postmaster@%s\"", domain),
		"DMARC: large providers want to see one; p=none changes nothing, and reports come to the postmaster.");
}

static void add_services(const struct facts *f, struct arena *a, const char *domain, struct wants *w)
{
	static const struct {
		const char *setting, *service;
		int priority;
	} rows[] = { { "submissions", "_submissions", 0 }, { "submission", "_submission", 10 }, { "imaps", "_imaps", 0 },
		{ "imap", "_imap", 10 }, { "pop3s", "_pop3s", 20 }, { "pop3", "_pop3", 30 } };
	uint16_t port;
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		port = listens_on(f->conf, rows[i].setting);
		if (port)
			wants_add(w, NEED_SHOULD, arena_fmt(a, "%s._tcp.%s", rows[i].service, domain), DNS_SRV,
				arena_fmt(a, "%d 1 %u %s.", rows[i].priority, port, f->host), "Mail programs find their settings by it (RFC 6186).");
	}
	port = listens_on(f->conf, "https");
	if (!port)
		return;
	wants_add(w, NEED_SHOULD, arena_fmt(a, "autoconfig.%s", domain), DNS_CNAME, arena_fmt(a, "%s.", f->host),
		"Thunderbird and others fetch their settings there.");
	wants_add(w, NEED_SHOULD, arena_fmt(a, "autodiscover.%s", domain), DNS_CNAME, arena_fmt(a, "%s.", f->host),
		"Outlook fetches its settings there.");
	wants_add(w, NEED_MAY, arena_fmt(a, "_autodiscover._tcp.%s", domain), DNS_SRV, arena_fmt(a, "0 1 %u %s.", port, f->host),
		"Outlook, where autodiscover cannot be a name of its own.");
}

/* The certificate that who asks for the host's name is shown: the first that has it, else the first (net/tls.c). */
static const struct buf *served(const struct facts *f)
{
	size_t i;

	for (i = 0; i < f->ncerts; i++)
		if (cert_is_for(buf_view(&f->cert[i]), f->host))
			return &f->cert[i];
	return f->ncerts ? &f->cert[0] : NULL;
}

static void add_tlsa(const struct facts *f, struct arena *a, struct wants *w)
{
	const char *name = arena_fmt(a, "_25._tcp.%s", f->host);
	const struct buf *now = served(f);
	char text[CERT_TLSA], next[CERT_TLSA];
	struct want *x;

	if (!now || cert_tlsa(buf_view(now), text) < 0)
		return;
	wants_add(w, NEED_MAY, name, DNS_TLSA, arena_str(a, str_of(text)).p,
		"DANE: other servers then insist on this certificate's key. Only if the zone is signed (DNSSEC), and only if you change it before the key.");
	if (!f->next.n || cert_tlsa(buf_view(&f->next), next) < 0 || strcmp(text, next) == 0)
		return;
	x = wants_add(w, NEED_MAY, name, DNS_TLSA, arena_str(a, str_of(next)).p,
		"DANE: the next key. Publish it beside the one in use before 'mansio cert rekey --now'.");
	if (x)
		x->life = KEY_IS_NEXT;
}

/* The policy is served by https, on the port that others look for it alone. */
static void add_sts(const struct facts *f, struct arena *a, const char *domain, struct wants *w)
{
	char id[CONF_STS_ID + 1];
	struct buf text;

	buf_init(&text, 4096);
	if (listens_on(f->conf, "https") && conf_sts_policy(f->conf, &text, id)) {
		wants_add(w, NEED_MAY, arena_fmt(a, "mta-sts.%s", domain), DNS_CNAME, arena_fmt(a, "%s.", f->host),
			"MTA-STS: others fetch there what encryption to insist on. The certificate must be for this name too ([acme] names); port 443 must lead here.");
		wants_add(w, NEED_MAY, arena_fmt(a, "_mta-sts.%s", domain), DNS_TXT, arena_fmt(a, "\"v=STSv1; id=%s\"", id),
			"MTA-STS: that there is a policy, and which. Only when the name mta-sts serves it; change it whenever [sts] publish changes.");
	}
	buf_done(&text);
	wants_add(w, NEED_MAY, arena_fmt(a, "_smtp._tls.%s", domain), DNS_TXT, arena_fmt(a, "\"v=TLSRPTv1; rua=mailto:postmaster@%s\"", domain),
		"TLS-RPT: others report each day how encryption with this domain went.");
}

void wants_make(struct check *k, const char *domain, struct wants *out)
{
	const struct facts *f = k->f;
	struct arena *a = &k->a;

	out->n = 0;
	wants_add(out, NEED_MUST, domain, DNS_MX, arena_fmt(a, "10 %s.", f->host), "Where mail for the domain goes.");
	add_addresses(f, a, out);
	add_trust(k, domain, out);
	keys_add(k, domain, out);
	add_services(f, a, domain, out);
	add_tlsa(f, a, out);
	add_sts(f, a, domain, out);
}

/* --- for people --------------------------------------------------------------------- */

static const char *need_name(enum need n)
{
	static const char *const names[] = { [NEED_MUST] = "must", [NEED_SHOULD] = "should", [NEED_MAY] = "may" };

	return names[n];
}

static bool is_placeholder(const struct want *w)
{
	return w->value[0] == '<';
}

void wants_zone(const struct facts *f, const struct wants *w, const char *domain, struct buf *out)
{
	const char *said = "";
	char name[300];
	size_t i;

	buf_fmt(out, "; Records for mail of %s on %s, to be put into the zones of these names.\n", domain, f->host);
	for (i = 0; i < w->n; i++) {
		const struct want *x = &w->v[i];

		if (strcmp(said, x->why) != 0)
			buf_fmt(out, "\n; (%s) %s\n", need_name(x->need), x->why);
		said = x->why;
		snprintf(name, sizeof name, "%s.", x->name);
		/* what the owner of a zone cannot type as it is, or decides alone, stays a comment */
		buf_fmt(out, "%s%-40s %s IN %-5s %s\n", x->need == NEED_MAY || is_placeholder(x) || x->type == DNS_PTR ? "; " : "",
			name, TTL, dns_type_name(x->type), x->value);
	}
}

int verb_domain_dns(struct check *k, const char *domain, bool zone)
{
	struct ipc_msg row;
	struct buf text;
	struct wants w;
	size_t i;

	wants_make(k, domain, &w);
	for (i = 0; i < w.n && !zone; i++) {
		ipc_init(&row, "result");
		ipc_setc(&row, "name", w.v[i].name);
		ipc_setc(&row, "type", dns_type_name(w.v[i].type));
		ipc_setc(&row, "value", w.v[i].value);
		ipc_setc(&row, "why", w.v[i].why);
		ipc_setc(&row, "need", need_name(w.v[i].need));
		check_row(k, &row);
	}
	if (zone) {
		buf_init(&text, 64 * 1024);
		wants_zone(k->f, &w, domain, &text);
		ipc_init(&row, "result");
		ipc_set(&row, "text", buf_view(&text));
		check_row(k, &row);
		buf_done(&text);
	}
	return 0;
}
