/* SPDX-License-Identifier: ISC
 *
 * ask.c: questions for policies (see policyd.h).
 *
 * A question first hears what the DNS says: TXT of _mta-sts.DOMAIN (RFC 8461 3.1). The same id as that of the policy we have:
 * that one. Another: it is fetched, and who asked waits. No record, or no answer: the policy we have, if we have one.
 */
#include "smtp/policy/policyd.h"

#include "net/resolver.h"
#include "trace/trace.h"

static void reply(struct policyd *p, const struct question *q, const struct policy *known, const char *result, const char *words)
{
	struct ipc_msg m;
	size_t i;

	if (q->internal || p->asker[q->asker] < 0)
		return;
	ipc_init(&m, "policy");
	ipc_set_u64(&m, "id", q->id);
	ipc_setc(&m, "result", known ? "found" : result);
	ipc_setc(&m, "mode", known ? sts_mode_name(known->sts.mode) : "none");
	for (i = 0; known && i < known->sts.n; i++)
		ipc_set(&m, "mx", known->sts.mx[i]);
	ipc_setc(&m, "words", words);
	ipc_send(p->asker[q->asker], &m);
	ipc_done(&m);
}

static void drop(struct policyd *p, struct question **at)
{
	struct question *q = *at;

	*at = q->next;
	p->nquestions--;
	free(q);
}

/* The end of a question without a fetch: what is known, or the result. */
static void end(struct policyd *p, struct question **at, const char *result, const char *words)
{
	struct question *q = *at;
	struct policy known;
	struct arena a;
	bool have;

	arena_init(&a);
	have = cache_load(p->dir, q->domain, &a, &known) == 0;
	reply(p, q, have ? &known : NULL, result, words);
	arena_done(&a);
	drop(p, at);
}

static void look_up(struct policyd *p, struct question *q)
{
	char name[POLICY_DOMAIN + 16];

	q->lookup = ++p->serial;
	snprintf(name, sizeof name, "_mta-sts.%s", q->domain);
	if (p->resolver >= 0)
		resolver_send(p->resolver, q->lookup, name, DNS_TXT, p->conf->sts_wait, false); /* unsent: its deadline */
}

static struct question *add(struct policyd *p, struct str domain, uint64_t id, bool internal)
{
	struct question *q = mem_alloc(1, sizeof *q);

	q->id = id;
	q->internal = internal;
	q->until = deadline_in(p->conf->sts_wait);
	snprintf(q->domain, sizeof q->domain, "%.*s", STRF(domain));
	q->next = p->questions;
	p->questions = q;
	p->nquestions++;
	return q;
}

void ask_new(struct policyd *p, size_t asker, struct ipc_msg *m)
{
	struct str domain = ipc_get(m, "domain");
	struct question *q;
	uint64_t id;

	if (ipc_get_u64(m, "id", UINT64_MAX, &id))
		return;
	q = add(p, domain.n < POLICY_DOMAIN ? domain : STR_NONE, id, false);
	q->asker = asker;
	if (!p->conf->sts_enabled || !dns_is_hostname(domain) || domain.n + strlen("_mta-sts.") >= POLICY_DOMAIN)
		end(p, &p->questions, "none", "");
	else if (p->nquestions > (size_t)p->conf->sts_questions)
		end(p, &p->questions, "failed", "too many questions at once");
	else
		look_up(p, q);
}

void ask_renew(struct policyd *p, const char *domain)
{
	if (p->nquestions < (size_t)p->conf->sts_questions)
		look_up(p, add(p, str_of(domain), 0, true));
}

void ask_again(struct policyd *p)
{
	struct question *q;

	for (q = p->questions; q; q = q->next)
		if (q->lookup)
			look_up(p, q);
}

/* Exactly one record is one (RFC 8461 3.1). */
static bool find_id(const struct dns_answer *x, struct str *id_out)
{
	struct str id;
	size_t i, n = 0;
	int r;

	for (i = 0; i < x->n; i++) {
		r = sts_record_parse(x->record[i].data, &id);
		if (r == 0)
			continue;
		if (r < 0 || ++n > 1)
			return false;
		*id_out = id;
	}
	return n == 1;
}

static void decide(struct policyd *p, struct question **at, const struct dns_answer *x)
{
	struct question *q = *at;
	char words[POLICY_WORDS] = "";
	struct policy known;
	struct arena a;
	struct str id;
	bool have;

	if (x->state != DNS_OK && x->state != DNS_NODATA && x->state != DNS_NXDOMAIN) {
		end(p, at, "failed", dns_state_text(x->state));
		return;
	}
	if (x->state != DNS_OK || !find_id(x, &id)) {
		end(p, at, "none", "");
		return;
	}
	arena_init(&a);
	have = cache_load(p->dir, q->domain, &a, &known) == 0;
	arena_done(&a); /* its names are not needed */
	if (have && str_eqc(id, known.id)) {
		if (clock_unix() - known.fetched > (known.expires - known.fetched) / 2)
			fetch_start(p, q->domain, known.id, words); /* in the background */
		end(p, at, "none", "");
		return;
	}
	snprintf(known.id, sizeof known.id, "%.*s", STRF(id));
	q->lookup = 0;
	if (!fetch_start(p, q->domain, known.id, words))
		end(p, at, "failed", words);
}

void ask_answer(struct policyd *p, const struct ipc_msg *m)
{
	struct question **at;
	struct dns_answer x;
	struct arena a;

	arena_init(&a);
	if (resolver_parse(m, DNS_TXT, &a, &x) == 0) {
		for (at = &p->questions; *at && (*at)->lookup != x.id; at = &(*at)->next)
			;
		if (*at)
			decide(p, at, &x);
	}
	arena_done(&a);
}

void ask_fetched(struct policyd *p, const char *domain, const struct policy *got, const char *words, const char *result)
{
	struct question **at = &p->questions;

	while (*at) {
		if ((*at)->lookup || strcmp((*at)->domain, domain) != 0) {
			at = &(*at)->next;
			continue;
		}
		if (!got) {
			if (!(*at)->internal)
				tally_policy(p, domain, result, words);
			end(p, at, "failed", words);
			continue;
		}
		reply(p, *at, got, "found", "");
		drop(p, at);
	}
}

void ask_drop(struct policyd *p, size_t asker)
{
	struct question **at = &p->questions;

	while (*at)
		if ((*at)->internal || (*at)->asker != asker)
			at = &(*at)->next;
		else
			drop(p, at);
}

void ask_tick(struct policyd *p)
{
	struct question **at = &p->questions;

	while (*at)
		if (deadline_passed((*at)->until))
			end(p, at, "failed", (*at)->lookup ? "no answer from the DNS in time" : "the policy was not fetched in time");
		else
			at = &(*at)->next;
}

deadline ask_next(const struct policyd *p)
{
	const struct question *q;
	deadline d = DEADLINE_NEVER;

	for (q = p->questions; q; q = q->next)
		if (d == DEADLINE_NEVER || q->until < d)
			d = q->until;
	return d;
}
