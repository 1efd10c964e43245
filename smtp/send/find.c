/* SPDX-License-Identifier: ISC
 *
 * find.c: which servers take the mail of a destination (see sender.h, dest.c): first how safe a connection must be
 * (MTA-STS, by policyd), then its MX records, or what its name says by itself.
 *
 *   what DNS says of the domain                        what becomes of its mail
 *   MX records                                         by preference, equal ones shuffled
 *   there are none, but an address                     that (implicit MX)
 *   MX 0 . alone                                       556 5.1.10 (RFC 7505)
 *   no such domain                                     550 5.1.2
 *   no MX and no address; no MX with an address        550 5.4.4
 *   this server is the best, or an equal to it         554 5.4.6, and what is worse than it never tried
 *   SERVFAIL, bogus, silence, too busy                 451 4.4.3: never read as "there is none"
 */
#include "smtp/send/sender.h"

#include "base/rand.h"

/* Its route names the server: no MX is asked for. */
static bool has_host(const struct dest *d)
{
	return d->way && d->way->route.host.n > 0;
}

/* First how safe it must be (MTA-STS, RFC 8461), then where. */
static void ask(struct dest *d)
{
	lookup_start(d->sender, &d->policy, LOOKUP_POLICY, d->name);
}

/* --- what policyd says ------------------------------------------------------------------- */

/* A policy that cannot be had is none: policyd keeps those that it once had (RFC 8461 5.1). Where policyd itself says nothing
 * (m is NULL) what was known stays; else mail waits: there may be one in force. */
static void policy_told(struct lookup *l, const struct ipc_msg *m)
{
	struct dest *d = (struct dest *)((char *)l - offsetof(struct dest, policy));
	struct str mx;

	if (!m && !d->known && !d->probe) {
		dest_no_way(d, 451, "4.4.3", "whether it has an MTA-STS policy cannot be found out at the moment");
		return;
	}
	if (!m) {
		if (d->probe)
			probe_policy(d->probe, NULL);
		lookup_start(d->sender, &d->lookup, LOOKUP_RECORDS, d->name);
		return;
	}
	arena_reset(&d->a);
	d->sts_found = ipc_is(m, "policy") && str_eqc(ipc_get(m, "result"), "found") &&
		sts_mode_parse(ipc_get(m, "mode"), &d->sts_mode) == 0;
	d->sts_n = 0;
	d->sts_mx = arena_array(&d->a, STS_MX, sizeof *d->sts_mx);
	while (d->sts_found && d->sts_n < STS_MX && (mx = ipc_get_nth(m, "mx", d->sts_n)).p)
		d->sts_mx[d->sts_n++] = arena_str(&d->a, mx);
	if (d->probe)
		probe_policy(d->probe, m);
	lookup_start(d->sender, &d->lookup, LOOKUP_RECORDS, d->name);
}

/* --- what DNS says ---------------------------------------------------------------------- */

static void one_host(struct dest *d, struct str name, uint16_t port, uint32_t ttl)
{
	struct mx *mx = mem_alloc(1, sizeof *mx);

	mx->host = host_get(d, name, port ? port : (uint16_t)d->sender->conf->send_port);
	dest_learn(d, mx, 1, ttl);
}

/* "[192.0.2.1]", "[IPv6:2001:db8::1]" (RFC 5321 4.1.3). */
static void literal(struct dest *d)
{
	struct str in = str_sub(str_of(d->name), 1, strlen(d->name) - 1);
	struct addr a;

	if (in.n && in.p[in.n - 1] == ']')
		in.n--;
	if (str_istarts(in, "IPv6:"))
		in = str_from(in, 5);
	if (addr_parse(in, &a))
		dest_no_way(d, 550, "5.1.2", "this is no address that mail can be sent to");
	else
		one_host(d, in, 0, DEST_KNOWN_MS / 1000);
}

/* "hop HOST:PORT": where the admin wants it to go. */
static void hop(struct dest *d)
{
	struct str host;
	uint16_t port;
	bool is_literal;

	if (addr_split_hostport(str_of(d->name + strlen(DEST_HOP)), &host, &port, &is_literal))
		dest_no_way(d, 451, "4.3.5", "this is no host and port");
	else
		one_host(d, host, port, DEST_KNOWN_MS / 1000);
}

/* By preference; the order of equal ones is chance (RFC 5321 5.1). */
static void sort(struct dns_record *v, size_t n)
{
	struct dns_record x;
	size_t i, k;

	for (i = n; i > 1; i--) {
		k = (size_t)(rand_u64() % i);
		x = v[i - 1];
		v[i - 1] = v[k];
		v[k] = x;
	}
	for (i = 1; i < n; i++) {
		x = v[i];
		for (k = i; k > 0 && v[k - 1].priority > x.priority; k--)
			v[k] = v[k - 1];
		v[k] = x;
	}
}

/* Those that can be used, in order; how many. *ours: this server is among them, what is as
 * good as it or worse is left out. */
static size_t usable(const struct dest *d, const struct dns_answer *x, struct dns_record *out, bool *ours)
{
	const char *self = conf_hostname(d->sender->conf);
	uint32_t limit = UINT32_MAX;
	size_t i, n = 0;

	for (i = 0; i < x->n; i++)
		if (str_ieqc(x->record[i].name, self))
			limit = MIN(limit, (uint32_t)x->record[i].priority);
	for (i = 0; i < x->n; i++)
		if (dns_is_hostname(x->record[i].name) && x->record[i].priority < limit)
			out[n++] = x->record[i];
	sort(out, n);
	*ours = limit != UINT32_MAX;
	return MIN(n, (size_t)d->sender->conf->send_hosts);
}

static void by_mx(struct dest *d, const struct dns_answer *x)
{
	struct dns_record *v;
	struct mx *mx;
	bool ours;
	size_t i, n;

	if (x->n == 1 && str_eqc(x->record[0].name, ".")) {
		dest_no_way(d, 556, "5.1.10", "takes no mail (null MX, RFC 7505)");
		return;
	}
	v = mem_alloc(x->n, sizeof *v);
	n = usable(d, x, v, &ours);
	if (n == 0 && ours) {
		dest_no_way(d, 554, "5.4.6",
			"its best mail server is this server, which has no such domain: mail would go in a circle");
	} else if (n == 0) {
		dest_no_way(d, 451, "4.4.4", "its MX records name no host that can be connected to");
	} else {
		mx = mem_alloc(n, sizeof *mx);
		for (i = 0; i < n; i++) {
			mx[i].host = host_get(d, v[i].name, (uint16_t)d->sender->conf->send_port);
			mx[i].preference = v[i].priority;
		}
		dest_learn(d, mx, n, x->ttl);
	}
	free(v);
}

static void answered(struct lookup *l, const struct dns_answer *x)
{
	struct dest *d = (struct dest *)((char *)l - offsetof(struct dest, lookup));
	char what[200];

	if (!x && has_host(d)) {
		one_host(d, d->way->route.host, d->way->route.port, DEST_KNOWN_MS / 1000);
	} else if (!x && d->name[0] == '[') {
		literal(d);
	} else if (!x) {
		hop(d);
	} else if (x->state == DNS_OK) {
		d->secure = x->secure;
		by_mx(d, x);
	} else if (x->state == DNS_NODATA) {
		d->secure = x->secure;
		one_host(d, str_of(d->name), 0, DEST_KNOWN_MS / 1000);
	} else if (x->state == DNS_NXDOMAIN || x->state == DNS_INVALID) {
		dest_no_way(d, 550, "5.1.2", x->state == DNS_INVALID ? "this is no name that DNS can have" :
			"there is no such domain in DNS");
	} else if (d->known) {
		d->looks = false;
		d->known_until = deadline_in(DEST_KNOWN_MS / 4); /* what was true a minute ago will do */
	} else {
		snprintf(what, sizeof what, "its MX records cannot be looked up: %s%s%.*s", dns_state_text(x->state), x->why.n ? ": " : "", STRF(x->why));
		dest_no_way(d, 451, "4.4.3", what);
	}
	if (d->probe && d->known)
		probe_hosts(d->probe, x);
	if (x)
		dest_go(d);
}

/* --- questions --------------------------------------------------------------------------- */

void dest_find_init(struct dest *d)
{
	d->lookup.answered = answered;
	d->lookup.type = DNS_MX;
	d->policy.told = policy_told;
}

void dest_find(struct dest *d)
{
	if (d->name[0] == '[' || has_host(d) || str_starts(str_of(d->name), DEST_HOP))
		answered(&d->lookup, NULL);
	else
		ask(d);
}

/* A domain may get other servers while those of before are out of reach. */
void dest_look(struct dest *d)
{
	if (!d->name || d->waiting || d->lookup.id || d->policy.id || !d->down || deadline_passed(d->down) || !deadline_passed(d->look_at) ||
	    d->name[0] == '[' || has_host(d) || str_starts(str_of(d->name), DEST_HOP))
		return;
	d->look_at = deadline_in(DEST_KNOWN_MS);
	d->looks = true;
	ask(d);
}
