/* SPDX-License-Identifier: ISC
 *
 * change.c: mail goes another way from now on, or an admin wants it tried now (see sender.h).
 *
 *   authd: routes changed --.
 *   reload: smarthost -------+--> marks of those destinations are forgotten, jobs that wait there are led anew,
 *   DNS: other MX hosts ----'     and queued is told ("way"), so that what waits in the queue is tried at once
 *   a job with fresh=1 ---------> the marks of its destination, and DNS is asked, not its cache
 *
 * What is in a session stays there: that is an attempt, and its end is told as always.
 */
#include "smtp/send/sender.h"

/* "*", a domain, or ".domain" for what is below it: as in the table of routes (auth/route.h). */
static bool fits(struct str pattern, struct str name)
{
	if (str_eqc(pattern, "*"))
		return true;
	if (pattern.n > 0 && pattern.p[0] == '.')
		return name.n > pattern.n && str_eq(str_from(name, name.n - pattern.n), pattern);
	return str_eq(name, pattern);
}

/* --- an admin's retry ------------------------------------------------------------------- */

static void forget_host(struct host *h)
{
	h->down = h->hold = DEADLINE_NEVER;
	if (!h->sessions && h->kind == HOST_MX) { /* else its addresses are good */
		h->naddrs = 0;
		h->decided = false;
		lookup_stop(h->sender, &h->lookup);
		lookup_stop(h->sender, &h->tlsa);
		h->lookup.fresh = true;
	}
	host_wake(h);
}

void dests_fresh(struct dest *d)
{
	struct dest *x;
	size_t i;

	for (x = table_get(&d->sender->names, str_of(d->name)); x; x = x->alike) {
		for (i = 0; i < x->nmx; i++)
			forget_host(x->mx[i].host);
		dest_forget(x);
	}
}

/* --- another way ----------------------------------------------------------------------- */

struct moved {
	struct str pattern;
	struct job *first, **last;
};

static void take(struct moved *m, struct dest *d)
{
	*m->last = dest_withdraw(d);
	while (*m->last)
		m->last = &(*m->last)->next;
}

static bool take_named(struct str key, void *value, void *arg)
{
	struct dest *d = value;
	struct moved *m = arg;

	(void)key;
	if (str_starts(str_of(d->name), DEST_HOP) || !fits(m->pattern, str_of(d->name)))
		return true;
	take(m, d);
	dest_forget(d);
	return true;
}

void change_lead(struct sender *s, struct job *all)
{
	struct job *j;

	while ((j = all)) {
		all = j->next;
		j->next = NULL;
		if (s->stopping)
			sender_drop(s, j);
		else
			route_job(s, j);
	}
}

void change_way(struct sender *s, struct str pattern)
{
	struct moved m = { .pattern = pattern };

	m.last = &m.first;
	take(&m, &s->smarthost); /* of all domains */
	table_each(&s->dests, take_named, &m);
	change_lead(s, m.first);
	sender_tell_way(s, pattern);
}

/* The same server, asked in the same manner? */
bool change_same(const struct client_options *a, const struct client_options *b)
{
	if (!a || !b)
		return a == b;
	return strcmp(a->host, b->host) == 0 && a->port == b->port && a->implicit == b->implicit && a->tls == b->tls &&
		str_eq(a->user, b->user) && str_eq(a->password, b->password) && str_eq(a->mech, b->mech);
}
