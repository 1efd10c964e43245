/* SPDX-License-Identifier: ISC
 *
 * tally.c: what sender tells of its sessions, added up in memory for a moment, then in the store (see policyd.h).
 *
 * What the policy was is told with TLSA; an MTA-STS policy is in our own cache.
 */
#include "smtp/policy/policyd.h"

#include "trace/trace.h"

#define FLUSH_MS 2000
#define ENTRIES 500 /* different ones: then at once */
#define TEXT_MAX (TLSRPT_LINES * TLSRPT_TEXT)

static struct str clean(struct str s)
{
	s = str_sub(s, 0, TLSRPT_TEXT);
	return s.p && !str_has_ctl(s) ? s : STR("");
}

static void print_key(const struct report_count *c, struct buf *out)
{
	const struct tlsrpt_failure *f = &c->failure;
	const struct str part[] = { c->domain, c->type, c->text, c->mx, f->result, f->local, f->mx, f->helo, f->ip, f->reason };
	size_t i;

	for (i = 0; i < ARRAY_LEN(part); i++) {
		buf_str(out, part[i]);
		buf_c(out, '\0');
	}
}

static void add(struct policyd *p, const struct report_count *c)
{
	struct arena *a = &p->tally_arena;
	struct report_count *e;
	struct buf key;

	buf_init(&key, 4 * TEXT_MAX);
	print_key(c, &key);
	e = key.err ? NULL : table_get(&p->tally, buf_view(&key));
	if (e) {
		e->failure.n++;
	} else if (!key.err) {
		e = ARENA_NEW(a, struct report_count);
		*e = (struct report_count){ .domain = arena_str(a, c->domain), .type = arena_str(a, c->type), .text = arena_str(a, c->text),
			.mx = arena_str(a, c->mx), .failure = { .result = arena_str(a, c->failure.result), .local = arena_str(a, c->failure.local),
				.mx = arena_str(a, c->failure.mx), .helo = arena_str(a, c->failure.helo), .ip = arena_str(a, c->failure.ip),
				.reason = arena_str(a, c->failure.reason), .n = 1 } };
		table_set(&p->tally, buf_view(&key), e);
	}
	buf_done(&key);
	if (!p->tally_at)
		p->tally_at = deadline_in(FLUSH_MS);
	if (p->tally.n >= ENTRIES)
		tally_flush(p);
}

/* As RFC 8460 4.5 wants it: the lines of the policy; its host patterns. */
static void sts_text(struct policyd *p, const char *domain, struct buf *text, struct buf *mx)
{
	struct policy known;
	struct arena a;
	size_t i;

	arena_init(&a);
	if (cache_load(p->dir, domain, &a, &known) == 0) {
		buf_fmt(text, "version: STSv1\nmode: %s", sts_mode_name(known.sts.mode));
		for (i = 0; i < known.sts.n; i++) {
			buf_fmt(text, "\nmx: %.*s", STRF(known.sts.mx[i]));
			buf_fmt(mx, "%s%.*s", i ? "\n" : "", STRF(known.sts.mx[i]));
		}
		buf_fmt(text, "\nmax_age: %lld", (long long)(known.expires - known.fetched));
	}
	arena_done(&a);
}

void tally_take(struct policyd *p, const struct ipc_msg *m)
{
	struct report_count c = { .domain = ipc_get(m, "domain"), .type = ipc_get(m, "type"), .failure = { .result = clean(ipc_get(m, "result")),
		.local = STR(""), .mx = STR(""), .helo = STR(""), .ip = STR(""), .reason = STR("") } };
	char domain[POLICY_DOMAIN];
	struct buf text, mx;
	struct str tlsa;
	size_t i;

	if (!p->reports || !p->conf->tlsrpt_count || !dns_is_hostname(c.domain) || c.domain.n >= sizeof domain)
		return;
	buf_init(&text, TEXT_MAX);
	buf_init(&mx, TEXT_MAX);
	snprintf(domain, sizeof domain, "%.*s", STRF(c.domain));
	if (str_eqc(c.type, "sts"))
		sts_text(p, domain, &text, &mx);
	for (i = 0; str_eqc(c.type, "tlsa") && i < TLSRPT_LINES && (tlsa = ipc_get_nth(m, "tlsa", i)).p; i++)
		buf_fmt(&text, "%s%.*s", i ? "\n" : "", STRF(clean(tlsa)));
	c.text = text.err ? STR("") : buf_view(&text);
	c.mx = mx.err ? STR("") : buf_view(&mx);
	if (c.failure.result.n) {
		c.failure.local = clean(ipc_get(m, "local"));
		c.failure.mx = clean(ipc_get(m, "mx"));
		c.failure.helo = clean(ipc_get(m, "helo"));
		c.failure.ip = clean(ipc_get(m, "ip"));
		c.failure.reason = clean(ipc_get(m, "reason"));
	}
	add(p, &c);
	buf_done(&mx);
	buf_done(&text);
}

void tally_policy(struct policyd *p, const char *domain, const char *result, const char *reason)
{
	struct report_count c = { .domain = str_of(domain), .type = STR("sts"), .text = STR(""), .mx = STR(""), .failure = {
		.result = str_of(result), .local = STR(""), .mx = STR(""), .helo = STR(""), .ip = STR(""), .reason = clean(str_of(reason)) } };

	if (p->reports && p->conf->tlsrpt_count && result)
		add(p, &c);
}

struct flush {
	struct policyd *p;
	int64_t now;
	int err;
};

static bool flush_one(struct str key, void *value, void *arg)
{
	struct flush *f = arg;
	int r;

	(void)key;
	r = reports_count(value, f->now);
	if (r == E_FULL && !f->p->full_told) {
		trace_event(TRACE_WARN, "tls-report-full", NULL, "more than %lld domains a day ([tlsrpt] domains): the rest is not counted",
			(long long)f->p->conf->tlsrpt_domains);
		f->p->full_told = true;
	}
	f->err = r == E_FULL ? 0 : r;
	return f->err == 0;
}

void tally_flush(struct policyd *p)
{
	struct flush f = { .p = p, .now = clock_unix() };
	int r;

	p->tally_at = DEADLINE_NEVER;
	if (!p->tally.n)
		return;
	r = reports_begin();
	while (r == 0 && (r = reports_seal(f.now, p->conf->tlsrpt_delay / 1000, p->conf->tlsrpt_lifetime / 1000)) > 0) {
		p->full_told = false; /* another day */
		r = 0;
	}
	if (r == 0) {
		table_each(&p->tally, flush_one, &f);
		r = reports_commit();
	}
	if (r < 0 || f.err < 0)
		trace_event(TRACE_ERROR, "tls-report-store", NULL, "sessions of the last seconds are not counted: %s", err_text(r < 0 ? r : f.err));
	table_done(&p->tally);
	table_init(&p->tally);
	arena_reset(&p->tally_arena);
}
