/* SPDX-License-Identifier: ISC
 *
 * reach.c: where a host is, and how safe a connection to it must be (see sender.h, security.h):
 *
 *   addresses --proven?--> TLSA of the name that its aliases lead to --none--> TLSA of its own name --> security_decide
 *
 * RFC 7672 2.2.2 and 2.2.3: an alias that is proven may lead into a zone that is not; then the alias itself is asked for, and
 * the records stand at its own name. The name at which records were found is the first that the certificate may have (3.2.2).
 */
#include "smtp/send/sender.h"

#include "trace/trace.h"

#define ADDRESSES_MS 60000 /* addresses are asked for again after this */

/* Would mail come back to one of our own doors? */
static bool is_our_door(const struct host *h, const struct addr *a)
{
	const struct conf *c = h->sender->conf;
	const struct conf_list *lists[] = { &c->listen_smtp, &c->listen_submission, &c->listen_submissions };
	struct addr own, any = { 0 };
	size_t i, k;

	for (i = 0; i < ARRAY_LEN(lists); i++)
		for (k = 0; k < lists[i]->n; k++) {
			if (addr_parse_hostport(lists[i]->v[k], &own) || own.port != h->opt->port)
				continue;
			any.family = own.family;
			if (own.family == 0 || addr_eq(&own, a) || addr_eq(&own, &any))
				return true;
		}
	return false;
}

static void no_address(struct host *h, int code, const char *status, const char *what, bool ours)
{
	struct dsn why = { 0 };

	dsn_set(&why, code, status, "%s %s", h->opt->label, what);
	host_note_failure(h, why.text);
	trace_event(TRACE_WARN, "no-address", NULL, "%s", why.text);
	host_failed(h, &why, ours);
}

/* The families in turn, so that a second connection soon tries the other one (RFC 8305 4). */
static void alternate(struct addr *v, size_t n)
{
	size_t i, k;

	for (i = 1; i < n; i++) {
		for (k = i; k < n && v[k].family == v[i - 1].family; k++)
			;
		if (k < n && k > i) {
			struct addr x = v[k];

			memmove(&v[i + 1], &v[i], (k - i) * sizeof *v);
			v[i] = x;
		}
	}
}

/* The sessions of now are as safe as was asked for when they began; the next ones are as safe as is asked now. */
static void decide(struct host *h)
{
	static const int64_t tls[] = { [SEC_NONE] = CONF_SMARTHOST_NONE, [SEC_MAY] = CONF_SMARTHOST_OPPORTUNISTIC,
		[SEC_ENCRYPT] = CONF_SMARTHOST_ENCRYPT, [SEC_VERIFY] = CONF_SMARTHOST_VERIFY, [SEC_DANE] = CONF_SMARTHOST_ENCRYPT };
	struct client_options *old = h->opt;
	struct security was = h->sec;

	security_decide(&h->facts, &h->sec);
	if (h->sec.refused) {
		tlsrpt_refused(h);
		no_address(h, h->sec.code, h->sec.status, h->sec.words, false);
		h->naddrs = 0;
		return;
	}
	h->decided = true;
	if (old->tls != tls[h->sec.level] || was.level != h->sec.level) {
		h->opt = host_options(h, str_of(old->host), old->port);
		h->opt->tls = tls[h->sec.level];
		h->facts.host = h->opt->host;
		security_decide(&h->facts, &h->sec);
		options_drop(old);
	}
	host_wake(h);
}

static void ask_tlsa(struct host *h, const char *base)
{
	char name[300];

	snprintf(name, sizeof name, "_%u._tcp.%s", h->opt->port, base);
	h->tlsa.type = DNS_TLSA;
	lookup_start(h->sender, &h->tlsa, LOOKUP_RECORDS, name);
}

/* The answer lives as long as the decision does. */
static void keep(struct host *h, const struct dns_answer *x)
{
	struct dns_answer *to = &h->tlsa_answer;
	size_t i;

	arena_reset(&h->records);
	*to = *x;
	to->record = arena_array(&h->records, x->n + 1, sizeof *to->record);
	for (i = 0; i < x->n; i++) {
		to->record[i] = x->record[i];
		to->record[i].data = arena_str(&h->records, x->record[i].data);
	}
	to->why = arena_str(&h->records, x->why);
	to->canonical = arena_str(&h->records, x->canonical);
	h->facts.tlsa = to;
}

/* RFC 7672 2.2.3: without proven records at the expanded name the original one is tried. */
static void tlsa(struct lookup *l, const struct dns_answer *x)
{
	struct host *h = (struct host *)((char *)l - offsetof(struct host, tlsa));
	bool there = x->state == DNS_OK && x->secure;
	bool none = x->state == DNS_NODATA || x->state == DNS_NXDOMAIN || (x->state == DNS_OK && !x->secure);

	if (h->asked == REACH_PROOF && (there || (none && x->secure))) {
		h->facts.address_secure = true; /* the name itself is; what it leads to needs no proof then */
		h->asked = REACH_OWN;
		ask_tlsa(h, h->opt->host);
	} else if (h->asked == REACH_PROOF && none) {
		decide(h);
	} else if (h->asked == REACH_ALIAS && none) {
		h->asked = REACH_OWN;
		ask_tlsa(h, h->opt->host);
	} else {
		if (h->asked == REACH_ALIAS && there)
			h->facts.base = h->alias;
		h->facts.address_secure |= h->asked == REACH_PROOF; /* nobody knows: no downgrade */
		keep(h, x);
		decide(h);
	}
}

/* The addresses are there: what is still to be known? */
static void prove(struct host *h)
{
	struct security_facts *f = &h->facts;

	h->decided = false;
	lookup_stop(h->sender, &h->tlsa);
	if (h->kind != HOST_MX) {
		host_wake(h);
	} else if (security_wants_tlsa(f)) {
		h->asked = h->alias ? REACH_ALIAS : REACH_OWN;
		ask_tlsa(h, h->alias ? h->alias : h->opt->host);
	} else if (h->alias && !f->by_admin && !f->literal && f->mx_secure) {
		h->asked = REACH_PROOF;
		h->tlsa.type = DNS_CNAME;
		lookup_start(h->sender, &h->tlsa, LOOKUP_RECORDS, h->opt->host);
	} else {
		decide(h);
	}
}

static void addresses(struct lookup *l, const struct resolver_addresses *a)
{
	struct host *h = (struct host *)((char *)l - offsetof(struct host, lookup));
	bool none = a->state == DNS_NODATA || a->state == DNS_NXDOMAIN;
	char text[256];
	size_t i;

	if (!a->n) {
		snprintf(text, sizeof text, "has no address: %s", a->error);
		if (h->kind == HOST_MX && none)
			no_address(h, 550, "5.4.4", text, false);
		else
			no_address(h, 451, "4.4.3", text, false);
		return;
	}
	for (i = 0; i < a->n; i++) {
		if (a->local[i] && is_our_door(h, &a->addr[i])) {
			no_address(h, h->kind == HOST_MX ? 554 : 451, h->kind == HOST_MX ? "5.4.6" : "4.4.6",
				"is this server itself: mail would go in a circle", true);
			return;
		}
		h->addr[i] = a->addr[i];
		h->addr[i].port = h->opt->port;
	}
	h->naddrs = h->kind == HOST_MX ? MIN(a->n, (size_t)h->sender->conf->send_addresses) : a->n;
	alternate(h->addr, h->naddrs);
	h->addrs_until = deadline_in(ADDRESSES_MS);
	free(h->alias);
	h->alias = dns_is_hostname(str_of(a->canonical)) && !str_ieqc(str_of(a->canonical), h->opt->host) ? mem_strdup(a->canonical) : NULL;
	h->facts.address_secure = a->secure;
	h->facts.tlsa = NULL;
	h->facts.base = NULL;
	prove(h);
}

void reach_init(struct host *h)
{
	h->lookup.addresses = addresses;
	h->tlsa.answered = tlsa;
}

bool host_reached(struct host *h)
{
	if (h->kind == HOST_LMTP || (h->naddrs && !deadline_passed(h->addrs_until) && (h->decided || h->kind != HOST_MX)))
		return true;
	if (!h->lookup.id && !h->tlsa.id)
		lookup_start(h->sender, &h->lookup, LOOKUP_ADDRESSES, h->opt->host);
	return false;
}
