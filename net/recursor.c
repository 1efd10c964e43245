/* SPDX-License-Identifier: ISC
 *
 * recursor.c: questions to libunbound, and what comes back (see recursor.h).
 *
 *     recursor_ask --> asked --answer--> fn, freed
 *                        |---time over--> fn, orphan --answer--> freed
 *
 * libunbound cannot be told to forget a question, so an orphan keeps its record until
 * libunbound gives up. There are at most ORPHANS times as many of them as questions, and the
 * rest is refused: a name server that never answers costs memory, and a bounded part of it.
 *
 * libunbound hands over the packet; what is in it is read by dns_parse.
 */
#include "net/recursor.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <unbound.h>

#include <unbound-event.h>

#include "base/clock.h"

#define ORPHANS 4
#define CLASS_IN 1
#define BOGUS 1
#define SECURE 2

/* The root's keys: https://data.iana.org/root-anchors/ (RFC 7958). */
static const char *const root_keys[] = {
	". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
	". IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16",
};

struct question {
	struct recursor *r;
	enum dns_type type;
	recursor_fn *fn; /* NULL: an orphan */
	void *arg;
	struct event timer;
};

struct recursor {
	struct ub_ctx *ub;
	struct event_base *base;
	size_t queries, live, orphans;
};

/* --- settings of libunbound ------------------------------------------------------- */

struct maker {
	struct ub_ctx *ub;
	int err;
	const char *why;
};

static void good(struct maker *k, int r)
{
	if (r && !k->err) {
		k->err = E_UNSUPPORTED;
		k->why = ub_strerror(r);
	}
}

static void set(struct maker *k, const char *name, const char *value)
{
	char option[64];

	snprintf(option, sizeof option, "%s:", name);
	good(k, ub_ctx_set_option(k->ub, option, value));
}

static void set_u64(struct maker *k, const char *name, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof text, "%llu", (unsigned long long)v);
	set(k, name, text);
}

/* Little at rest: tables in one piece, buffers for what is asked and no more. */
static void set_sizes(struct maker *k, const struct recursor_options *o)
{
	static const char *const slabs[] = { "msg-cache-slabs", "rrset-cache-slabs", "infra-cache-slabs", "key-cache-slabs" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(slabs); i++)
		set(k, slabs[i], "1");
	set_u64(k, "msg-cache-size", o->cache / 4);
	set_u64(k, "rrset-cache-size", o->cache / 2);
	set_u64(k, "key-cache-size", o->cache / 8);
	set_u64(k, "neg-cache-size", o->cache / 8);
	set(k, "infra-cache-numhosts", "2000");
	set(k, "num-queries-per-thread", "1024");
	set(k, "outgoing-range", "512");
	set(k, "outgoing-num-tcp", "32");
}

static void set_manners(struct maker *k, const struct recursor_options *o)
{
	bool forward = o->nservers > 0;

	set(k, "module-config", o->validate ? "validator iterator" : "iterator");
	set(k, "edns-buffer-size", "1232");
	set(k, "qname-minimisation", "yes");
	set(k, "harden-below-nxdomain", "yes");
	set(k, "harden-dnssec-stripped", "yes");
	set(k, "cache-max-negative-ttl", "900");
	set(k, "infra-host-ttl", "120");
	set(k, "do-not-query-localhost", "no"); /* a resolver of this machine, servers of a test */
	/* the addresses of a private network are known to its own name servers, if anybody is asked */
	set(k, "unblock-lan-zones", forward ? "yes" : "no");
	set(k, "insecure-lan-zones", forward ? "yes" : "no");
	set(k, "val-log-level", "2"); /* so that an answer says why it is bogus */
	ub_ctx_debugout(k->ub, NULL); /* the answer says what happened; nobody reads a log of libunbound */
}

static void set_server(const struct addr *a, char *out, size_t n)
{
	char text[ADDR_TEXT];

	snprintf(out, n, "%s@%u", addr_text(a, text), a->port);
}

static void set_servers(struct maker *k, const struct recursor_options *o)
{
	char text[ADDR_TEXT + 8];
	size_t i;

	for (i = 0; i < o->nservers; i++) {
		set_server(&o->server[i], text, sizeof text);
		good(k, ub_ctx_set_fwd(k->ub, text));
	}
	for (i = 0; i < o->nzones; i++) {
		set_server(&o->zone[i].server, text, sizeof text);
		good(k, ub_ctx_set_stub(k->ub, o->zone[i].name, text, 0));
	}
}

/* RFC 6761, 6303: names like test. and 10.in-addr.arpa. are answered here; not those of our zones.
 * Fixes the settings: the last of the calls. */
static void set_zones(struct maker *k, const struct recursor_options *o)
{
	size_t i;

	for (i = 0; i < o->nzones; i++)
		good(k, ub_ctx_zone_add(k->ub, o->zone[i].name, "transparent"));
}

/* Comments, and what automatic updates (RFC 5011) keep in such a file, are not for us. */
static void set_anchors(struct maker *k, const struct recursor_options *o)
{
	struct str rest = o->anchors, line;
	char text[2048];
	size_t i, n = 0;

	while (rest.p) {
		line = str_cut(&rest, '\n');
		line = str_trim(str_cut(&line, ';'));
		if (!line.n || line.n >= sizeof text)
			continue;
		snprintf(text, sizeof text, "%.*s", STRF(line));
		good(k, ub_ctx_add_ta(k->ub, text));
		n++;
	}
	for (i = 0; n == 0 && i < ARRAY_LEN(root_keys); i++)
		good(k, ub_ctx_add_ta(k->ub, root_keys[i]));
}

int recursor_new(struct event_base *base, const struct recursor_options *o, struct recursor **out, const char **why)
{
	struct maker k = { .ub = ub_ctx_create_event(base) };
	struct recursor *r;

	if (!k.ub) {
		*why = "libunbound cannot be had with this event loop";
		return E_UNSUPPORTED;
	}
	set_sizes(&k, o);
	set_manners(&k, o);
	set_servers(&k, o);
	if (o->validate)
		set_anchors(&k, o);
	set_zones(&k, o);
	if (k.err) {
		*why = k.why;
		ub_ctx_delete(k.ub);
		return k.err;
	}
	r = mem_alloc(1, sizeof *r);
	r->ub = k.ub;
	r->base = base;
	r->queries = o->queries;
	*out = r;
	return 0;
}

/* --- questions ------------------------------------------------------------------------ */

static void fail_now(recursor_fn *fn, void *arg, enum dns_state state)
{
	struct dns_answer x = { .state = state, .canonical = STR(""), .why = STR("") };

	fn(arg, &x);
}

/* libunbound's own sentence. It quotes what servers said: only its letters come through. */
static struct str why_text(struct arena *a, const char *why)
{
	struct str s = arena_str(a, str_sub(str_of(why), 0, MIN(strlen(why), (size_t)300)));
	char *p = (char *)(uintptr_t)s.p;
	size_t i;

	for (i = 0; i < s.n; i++)
		if (p[i] < ' ' || p[i] > '~')
			p[i] = '?';
	return s;
}

static void answered(void *arg, int rcode, void *packet, int len, int sec, char *why, int limited)
{
	struct question *q = arg;
	struct recursor *r = q->r;
	struct dns_answer x = { .state = DNS_SERVFAIL, .canonical = STR(""), .why = STR("") };
	struct arena a;

	(void)limited;
	arena_init(&a);
	if (q->fn) {
		if (packet && len > 0 && (rcode == 0 || rcode == 3) &&
			dns_parse(str_make(packet, (size_t)len), q->type, &a, &x) < 0)
			x.why = STR("the answer is malformed or too large");
		if (sec == BOGUS) {
			x.state = DNS_BOGUS;
			x.n = 0;
		}
		if (why && (x.state == DNS_BOGUS || x.state == DNS_SERVFAIL))
			x.why = why_text(&a, why);
		x.secure = sec == SECURE;
		event_del(&q->timer);
		r->live--;
		q->fn(q->arg, &x);
	} else {
		r->orphans--;
	}
	arena_done(&a);
	free(q);
}

static void timed_out(evutil_socket_t fd, short what, void *arg)
{
	struct question *q = arg;
	recursor_fn *fn = q->fn;

	(void)fd, (void)what;
	q->fn = NULL;
	q->r->live--;
	q->r->orphans++;
	fail_now(fn, q->arg, DNS_TIMEOUT);
}

void recursor_ask(struct recursor *r, const char *name, enum dns_type type, int64_t wait_ms, recursor_fn *fn, void *arg)
{
	struct question *q;
	int id;

	if (!dns_is_name(str_of(name)) && strcmp(name, ".") != 0) {
		fail_now(fn, arg, DNS_INVALID);
		return;
	}
	if (r->live >= r->queries || r->orphans >= ORPHANS * r->queries) {
		fail_now(fn, arg, DNS_BUSY);
		return;
	}
	q = mem_alloc(1, sizeof *q);
	*q = (struct question){ .r = r, .type = type, .fn = fn, .arg = arg };
	r->live++;
	evtimer_assign(&q->timer, r->base, timed_out, q);
	event_add(&q->timer, &(struct timeval){ wait_ms / 1000, wait_ms % 1000 * 1000 });
	/* what the cache holds is answered before this returns: q may be gone then */
	if (ub_resolve_event(r->ub, name, (int)type, CLASS_IN, q, answered, &id) == 0)
		return;
	event_del(&q->timer);
	r->live--;
	free(q);
	fail_now(fn, arg, DNS_SERVFAIL);
}

size_t recursor_load(const struct recursor *r)
{
	return r->live;
}

bool recursor_idle(const struct recursor *r)
{
	return r->live + r->orphans == 0;
}

void recursor_free(struct recursor *r)
{
	BUG_ON(!recursor_idle(r));
	ub_ctx_delete(r->ub);
	free(r);
}
