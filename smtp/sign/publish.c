/* SPDX-License-Identifier: ISC
 *
 * publish.c: is a key that waits (NEXT) in the DNS? One question at a time, a round of all such keys
 * every [dkim] look. Only an answer says that a record is there or not; servers that are
 * silent, or a resolver that is gone, say nothing.
 */
#include "smtp/sign/signd.h"

#include "net/resolver.h"

#define ANSWER_MS 10000
#define AGAIN_MS 2000

struct search {
	const char *after_domain, *after_selector; /* where the round is */
	struct sign_key *found;
};

static int compare(const struct sign_key *x, const char *domain, const char *selector)
{
	int r = strcmp(x->of->name, domain);

	return r ? r : strcmp(x->selector, selector);
}

/* The first waiting key behind the last one asked for, in the order of names. */
static bool search(struct str name, void *value, void *arg)
{
	struct sign_domain *d = value;
	struct search *s = arg;
	struct sign_key *x;

	(void)name;
	for (x = d->first; x; x = x->next)
		if (x->state == KEY_NEXT && compare(x, s->after_domain, s->after_selector) > 0 &&
			(!s->found || compare(x, s->found->of->name, s->found->selector) < 0))
			s->found = x;
	return true;
}

static void end_round(struct signd *d)
{
	d->asked[0] = d->asked_selector[0] = '\0';
	d->look_at = deadline_in(d->program.conf->dkim_look);
}

static void ask_next(struct signd *d)
{
	struct search s = { d->asked, d->asked_selector, NULL };
	char name[KEYS_DOMAIN_MAX + DKIM_SELECTOR_MAX + 20];
	static uint64_t questions;

	table_each(&d->keys.domains, search, &s);
	if (!s.found) {
		end_round(d);
		return;
	}
	snprintf(d->asked, sizeof d->asked, "%s", s.found->of->name);
	snprintf(d->asked_selector, sizeof d->asked_selector, "%s", s.found->selector);
	snprintf(name, sizeof name, "%s._domainkey.%s", s.found->selector, s.found->of->name);
	d->look_at = deadline_in(AGAIN_MS);
	if (resolver_send(d->resolver, ++questions, name, DNS_TXT, ANSWER_MS, false) == 0) {
		d->question = questions;
		d->question_until = deadline_in(ANSWER_MS + RESOLVER_SLACK_MS);
	}
}

void publish_tick(struct signd *d)
{
	if (d->question && deadline_passed(d->question_until))
		d->question = 0;
	if (d->due && !d->question) {
		d->due = false;
		end_round(d);
		d->look_at = deadline_in(0);
	}
	if (!d->question && d->resolver >= 0 && deadline_passed(d->look_at))
		ask_next(d);
}

/* The same public key, however the record is written. */
static bool same_key(struct str a, struct str b)
{
	struct dkim_tags x, y;
	struct arena mem;
	bool same;

	if (dkim_tags_parse(a, &x) || dkim_tags_parse(b, &y))
		return false;
	arena_init(&mem);
	same = dkim_tag(&x, "p").n && str_eq(dkim_compact(dkim_tag(&x, "p"), &mem), dkim_compact(dkim_tag(&y, "p"), &mem));
	arena_done(&mem);
	return same;
}

static struct sign_key *asked_key(struct signd *d)
{
	struct sign_domain *of = keys_domain(&d->keys, str_of(d->asked));
	struct sign_key *x;

	for (x = of ? of->first : NULL; x && strcmp(x->selector, d->asked_selector) != 0; x = x->next)
		;
	return x;
}

void publish_answer(struct signd *d, const struct ipc_msg *m)
{
	struct sign_key *x = asked_key(d);
	struct dns_answer answer;
	bool seen = false;
	struct arena a;
	size_t i;

	arena_init(&a);
	if (resolver_parse(m, DNS_TXT, &a, &answer) == 0 && answer.id == d->question && d->question) {
		d->question = 0;
		d->look_at = deadline_in(0); /* the next key of the round */
		for (i = 0; x && answer.state == DNS_OK && i < answer.n; i++)
			seen |= same_key(answer.record[i].data, str_of(x->record));
		if (x && (answer.state == DNS_OK || answer.state == DNS_NODATA || answer.state == DNS_NXDOMAIN))
			keys_seen(&d->keys, x, seen, clock_unix());
	}
	arena_done(&a);
}
