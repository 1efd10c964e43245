/* SPDX-License-Identifier: ISC
 *
 * dest.c: a destination: the jobs that wait for it, and the servers that take its mail, best
 * first (RFC 5321 5.1, see sender.h). Two are fixed, our own lmtpd and the smarthost; the
 * others are named by a domain or an address literal, and found by their MX records.
 *
 *   unknown --jobs--> asking --answer--> known: in the line of host[at] --the host fails--> at + 1
 *                        |                                    ^                      |
 *                        `--no way--> all that waits fails <--|------ none is left --'
 *
 * What is known lasts a minute, then it is asked for anew while mail goes on; so mail that
 * went to a second best server comes back to the best. Where nobody could be reached, nobody
 * is tried for `[send] down`, and queued is told the same; DNS is looked at meanwhile when its answer is
 * over: a domain may get other servers (change.c).
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
#include "trace/trace.h"

#define KNOWN_MS 60000
#define LOOK_MS 3000 /* at the earliest, whatever the records say */

/* --- life ------------------------------------------------------------------------- */

static void answered(struct lookup *l, const struct dns_answer *x);
static void policy_told(struct lookup *l, const struct ipc_msg *m);
static void no_way(struct dest *d, int code, const char *status, const char *what);

void dest_init(struct dest *d, struct sender *s)
{
	*d = (struct dest){ .sender = s };
	d->last = &d->waiting;
	d->lookup.answered = answered;
	d->lookup.type = DNS_MX;
	d->policy.told = policy_told;
	arena_init(&d->a);
}

struct dest *dest_get(struct sender *s, struct str name, struct way *way, enum dest_tls tls)
{
	static const char *const suffix[] = { [DEST_TLS_USUAL] = "", [DEST_TLS_REQUIRED] = " required", [DEST_TLS_OPTIONAL] = " optional" };
	struct dest *d;
	char key[420];

	snprintf(key, sizeof key, "%.*s%s%s%s", STRF(name), way ? " " : "", way ? way->key : "", suffix[tls]);
	d = table_get(&s->dests, str_of(key));
	if (!d) {
		d = mem_alloc(1, sizeof *d);
		dest_init(d, s);
		d->name = mem_alloc(name.n + 1, 1);
		memcpy(d->name, name.p, name.n);
		d->key = mem_strdup(key);
		d->way = way_ref(way);
		d->tls = tls;
		table_set(&s->dests, str_of(key), d);
		d->alike = table_get(&s->names, name);
		table_set(&s->names, name, d);
	}
	d->used_until = deadline_in(KNOWN_MS);
	return d;
}

static void leave(struct dest *d)
{
	if (d->attached)
		host_detach(d->mx[d->at].host, d);
}

static void forget(struct dest *d)
{
	size_t i;

	leave(d);
	for (i = 0; i < d->nmx; i++)
		host_release(d->mx[i].host);
	free(d->mx);
	d->mx = NULL;
	d->nmx = d->at = 0;
	d->known = d->tried = false;
	d->why = (struct dsn){ 0 };
}

void dest_forget(struct dest *d)
{
	d->down = DEADLINE_NEVER;
	lookup_stop(d->sender, &d->policy);
	lookup_stop(d->sender, &d->lookup);
	d->lookup.fresh = true;
	d->looks = false;
	forget(d);
}

void dest_done(struct dest *d)
{
	forget(d);
	lookup_stop(d->sender, &d->lookup);
	lookup_stop(d->sender, &d->policy);
	arena_done(&d->a);
	way_drop(d->way);
	free(d->key);
	free(d->name);
}

static void dest_free(struct dest *d)
{
	struct dest *first = table_get(&d->sender->names, str_of(d->name)), **at = &first;

	while (*at != d)
		at = &(*at)->alike;
	*at = d->alike;
	table_remove(&d->sender->names, str_of(d->name));
	if (first)
		table_set(&d->sender->names, str_of(first->name), first);
	table_remove(&d->sender->dests, str_of(d->key));
	dest_done(d);
	free(d);
}

/* --- jobs --------------------------------------------------------------------------- */

static void push(struct dest *d, struct job *j, bool front)
{
	j->next = front ? d->waiting : NULL;
	if (front) {
		if (!d->waiting)
			d->last = &j->next;
		d->waiting = j;
	} else {
		*d->last = j;
		d->last = &j->next;
	}
	d->nwaiting++;
}

static struct job *pop(struct dest *d)
{
	struct job *j = d->waiting;

	if (!j)
		return NULL;
	d->waiting = j->next;
	if (!d->waiting)
		d->last = &d->waiting;
	j->next = NULL;
	d->nwaiting--;
	return j;
}

struct job *dest_take(struct dest *d)
{
	struct job *j = pop(d);

	d->active++;
	if (!d->waiting)
		leave(d);
	return j;
}

static void fail_all(struct dest *d, const struct dsn *why, bool memory)
{
	struct job *j;

	leave(d);
	while ((j = pop(d))) {
		j->memory = memory;
		job_fail(j, why);
		sender_done(d->sender, j);
	}
}

void dest_fail(struct dest *d, const struct dsn *why)
{
	fail_all(d, why, false);
}

void dest_wait(struct dest *d, const struct dsn *why, int64_t seconds)
{
	struct job *j;

	leave(d);
	while ((j = pop(d))) {
		j->again = (unsigned)seconds;
		j->patient = true;
		job_fail(j, why);
		sender_done(d->sender, j);
	}
}

struct job *dest_withdraw(struct dest *d)
{
	struct job *all = d->waiting;

	leave(d);
	d->waiting = NULL;
	d->last = &d->waiting;
	d->nwaiting = 0;
	return all;
}

void dest_drop(struct dest *d)
{
	struct job *j;

	leave(d);
	while ((j = pop(d)))
		sender_drop(d->sender, j);
}

/* --- which host ------------------------------------------------------------------------ */

/* Remembers why one host does not do; what is for now makes the whole for now. */
static void note(struct dest *d, const struct dsn *why)
{
	bool first = !d->why.code, weaker = !first && dsn_temporary(&d->why) && !dsn_temporary(why);
	struct dsn all = *why;

	if (first) {
		d->why = *why;
		return;
	}
	dsn_set(&all, weaker ? d->why.code : why->code, weaker ? d->why.status : why->status, "%s; %s", d->why.text, why->text);
	d->why = all;
}

/* How long nobody is tried: if nobody was tried now either, until the first of the hosts may be again. */
static int64_t time_down(const struct dest *d, bool memory)
{
	int64_t ms = d->sender->conf->send_down;
	size_t i;

	for (i = 0; memory && i < d->nmx; i++)
		if (host_is_down(d->mx[i].host))
			ms = MIN(ms, MAX((int64_t)deadline_left(d->mx[i].host->down), (int64_t)1));
	return ms;
}

/* When DNS may say something new of one that is down. */
static deadline when_to_look(const struct dest *d)
{
	return d->known ? MAX(d->known_until, deadline_in(LOOK_MS)) : deadline_in(KNOWN_MS);
}

/* Nobody can be had: nobody is tried for a while. memory: that was known from before. */
static void go_down(struct dest *d, const struct dsn *why, bool memory)
{
	struct dsn reason = *why;
	int64_t ms = time_down(d, memory);

	if (d->probe) {
		probe_nowhere(d->probe, why);
		return;
	}
	if (d->name) {
		d->down = ms ? deadline_in(ms) : DEADLINE_NEVER;
		d->down_why = reason;
		d->look_at = when_to_look(d);
		if (d->down && dsn_temporary(&reason))
			sender_tell_down(d->sender, d, &reason, ms);
	}
	d->at = 0;
	d->known &= d->nmx > 0 || !d->name;
	d->tried = false;
	d->why = (struct dsn){ 0 };
	fail_all(d, &reason, memory);
}

/* That host does not do. If it is this server, what is as good or worse is out of the question
 * too (RFC 5321 5.1). */
static void skip(struct dest *d, const struct dsn *why, bool ours)
{
	note(d, why);
	if (!ours)
		d->at++;
	else
		while (d->nmx > d->at)
			host_release(d->mx[--d->nmx].host);
}

/* Into the line of the first host, from `at` on, that is not known to be out of reach. */
static void attach(struct dest *d)
{
	struct dsn none = { 0 };

	while (d->at < d->nmx && host_is_down(d->mx[d->at].host))
		skip(d, &d->mx[d->at].host->down_why, d->mx[d->at].host->ours);
	if (d->at < d->nmx) {
		host_attach(d->mx[d->at].host, d);
	} else if (d->why.code) {
		go_down(d, &d->why, !d->tried);
	} else {
		dsn_set(&none, 451, "4.3.5", "there is no way to the outside: neither [send] direct nor smarthost is set");
		dest_fail(d, &none);
	}
}

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

void dest_find(struct dest *d)
{
	if (d->name[0] == '[' || has_host(d) || str_starts(str_of(d->name), DEST_HOP))
		answered(&d->lookup, NULL);
	else
		ask(d);
}

static void go(struct dest *d)
{
	if (!d->waiting || d->sender->stopping)
		return;
	if (d->down && !deadline_passed(d->down)) {
		fail_all(d, &d->down_why, true);
		return;
	}
	d->down = DEADLINE_NEVER;
	if (d->name && !d->lookup.id && !d->policy.id && (!d->known || deadline_passed(d->known_until)))
		dest_find(d);
	if (d->known && !d->attached && d->waiting)
		attach(d);
}

void dest_host_failed(struct dest *d, const struct dsn *why, bool ours)
{
	d->tried = true;
	skip(d, why, ours);
	attach(d);
}

void dest_add(struct dest *d, struct job *j)
{
	j->until = deadline_in(d->sender->conf->send_attempt);
	if (j->fresh && d->name)
		dests_fresh(d);
	j->fresh = false;
	push(d, j, false);
	go(d);
	if (d->attached)
		host_wake(d->mx[d->at].host);
}

void dest_again(struct dest *d, struct job *j)
{
	push(d, j, true);
	go(d);
}

void dest_released(struct dest *d)
{
	d->active--;
	d->used_until = deadline_in(KNOWN_MS);
	if (d->attached) /* perhaps at another host than the one that it came from */
		host_wake(d->mx[d->at].host);
}

/* --- what policyd says ------------------------------------------------------------------- */

/* A policy that cannot be had is none: policyd keeps those that it once had (RFC 8461 5.1). Where policyd itself says nothing
 * (m is NULL) what was known stays; else mail waits: there may be one in force. */
static void policy_told(struct lookup *l, const struct ipc_msg *m)
{
	struct dest *d = (struct dest *)((char *)l - offsetof(struct dest, policy));
	struct str mx;

	if (!m && !d->known && !d->probe) {
		no_way(d, 451, "4.4.3", "whether it has an MTA-STS policy cannot be found out at the moment");
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

/* Is there a host now that is not known to be out of reach? Then mail for it goes again. */
static void looked(struct dest *d)
{
	size_t i;

	if (!d->looks)
		return;
	d->looks = false;
	d->look_at = when_to_look(d);
	for (i = 0; i < d->nmx && host_is_down(d->mx[i].host); i++)
		;
	if (i == d->nmx)
		return;
	d->down = DEADLINE_NEVER;
	sender_tell_way(d->sender, str_of(d->name));
}

/* A list of n hosts; the jobs that stood in a line move to the new one. */
static void learn(struct dest *d, struct mx *mx, size_t n, uint32_t ttl)
{
	forget(d); /* the new references are there already: hosts that stay keep their sessions */
	d->mx = mx;
	d->nmx = n;
	d->known = true;
	d->known_until = d->name ? deadline_in(MAX(MIN((int64_t)ttl * 1000, (int64_t)KNOWN_MS), (int64_t)1000)) : DEADLINE_NEVER;
	looked(d);
}

static void one_host(struct dest *d, struct str name, uint16_t port, uint32_t ttl)
{
	struct mx *mx = mem_alloc(1, sizeof *mx);

	mx->host = host_get(d, name, port ? port : (uint16_t)d->sender->conf->send_port);
	learn(d, mx, 1, ttl);
}

void dest_fix(struct dest *d, struct host *h)
{
	struct mx *mx = h ? mem_alloc(1, sizeof *mx) : NULL;

	if (h) {
		mx->host = h;
		h->refs++;
	}
	learn(d, mx, h ? 1 : 0, 0);
	go(d);
}

static void no_way(struct dest *d, int code, const char *status, const char *what)
{
	struct dsn why = { 0 };

	if (d->looks && !d->waiting) { /* it is as before */
		d->looks = false;
		return;
	}
	dsn_set(&why, code, status, "%s: %s", d->name, what);
	forget(d);
	go_down(d, &why, false);
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
		no_way(d, 550, "5.1.2", "this is no address that mail can be sent to");
	else
		one_host(d, in, 0, KNOWN_MS / 1000);
}

/* "hop HOST:PORT": where the admin wants it to go. */
static void hop(struct dest *d)
{
	struct str host;
	uint16_t port;
	bool is_literal;

	if (addr_split_hostport(str_of(d->name + strlen(DEST_HOP)), &host, &port, &is_literal))
		no_way(d, 451, "4.3.5", "this is no host and port");
	else
		one_host(d, host, port, KNOWN_MS / 1000);
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
		no_way(d, 556, "5.1.10", "takes no mail (null MX, RFC 7505)");
		return;
	}
	v = mem_alloc(x->n, sizeof *v);
	n = usable(d, x, v, &ours);
	if (n == 0 && ours) {
		no_way(d, 554, "5.4.6",
			"its best mail server is this server, which has no such domain: mail would go in a circle");
	} else if (n == 0) {
		no_way(d, 451, "4.4.4", "its MX records name no host that can be connected to");
	} else {
		mx = mem_alloc(n, sizeof *mx);
		for (i = 0; i < n; i++) {
			mx[i].host = host_get(d, v[i].name, (uint16_t)d->sender->conf->send_port);
			mx[i].preference = v[i].priority;
		}
		learn(d, mx, n, x->ttl);
	}
	free(v);
}

static void answered(struct lookup *l, const struct dns_answer *x)
{
	struct dest *d = (struct dest *)((char *)l - offsetof(struct dest, lookup));
	char what[200];

	if (!x && has_host(d)) {
		one_host(d, d->way->route.host, d->way->route.port, KNOWN_MS / 1000);
	} else if (!x && d->name[0] == '[') {
		literal(d);
	} else if (!x) {
		hop(d);
	} else if (x->state == DNS_OK) {
		d->secure = x->secure;
		by_mx(d, x);
	} else if (x->state == DNS_NODATA) {
		d->secure = x->secure;
		one_host(d, str_of(d->name), 0, KNOWN_MS / 1000);
	} else if (x->state == DNS_NXDOMAIN || x->state == DNS_INVALID) {
		no_way(d, 550, "5.1.2", x->state == DNS_INVALID ? "this is no name that DNS can have" :
			"there is no such domain in DNS");
	} else if (d->known) {
		d->looks = false;
		d->known_until = deadline_in(KNOWN_MS / 4); /* what was true a minute ago will do */
	} else {
		snprintf(what, sizeof what, "its MX records cannot be looked up: %s%s%.*s", dns_state_text(x->state), x->why.n ? ": " : "", STRF(x->why));
		no_way(d, 451, "4.4.3", what);
	}
	if (d->probe && d->known)
		probe_hosts(d->probe, x);
	if (x && d->known && d->waiting && !d->attached)
		attach(d);
}

/* --- time ------------------------------------------------------------------------------ */

static void too_late(struct dest *d)
{
	struct dsn why = { 0 };
	size_t i, n = d->nwaiting;

	dsn_set(&why, 451, "4.4.5", "%s was busy for too long with other mail",
		d->nmx && d->mx[0].host->opt ? d->mx[d->at < d->nmx ? d->at : 0].host->opt->label : "nobody");
	for (i = 0; i < n; i++) {
		struct job *j = pop(d);

		if (deadline_passed(j->until)) {
			job_fail(j, &why);
			sender_done(d->sender, j);
		} else {
			push(d, j, false);
		}
	}
	if (!d->waiting)
		leave(d);
}

/* A domain may get other servers while those of before are out of reach. */
static void look(struct dest *d)
{
	if (!d->name || d->waiting || d->lookup.id || d->policy.id || !d->down || deadline_passed(d->down) || !deadline_passed(d->look_at) ||
	    d->name[0] == '[' || has_host(d) || str_starts(str_of(d->name), DEST_HOP))
		return;
	d->look_at = deadline_in(KNOWN_MS);
	d->looks = true;
	ask(d);
}

void dest_tick(struct dest *d)
{
	look(d);
	if (d->waiting)
		too_late(d);
	if (d->waiting && !d->attached)
		go(d);
	if (d->name && !d->waiting && !d->active && !d->lookup.id && !d->policy.id && deadline_passed(d->used_until) &&
		(!d->down || deadline_passed(d->down)))
		dest_free(d);
}
