/* SPDX-License-Identifier: ISC
 *
 * pace.c: limits of others (limit.h) as they bind hosts and destinations by MX.
 *
 *   host      `[send] host_sessions`, and what its replies make of them
 *   provider  all hosts of one registered domain, or that `[send] providers` names: `provider_sessions`, `provider_minute`
 *   domain    a destination: `destination_minute`; its own refusals slow it alone down
 *
 * A host that may not go on notes it (h->pace) and is woken by its tick. The group of a destination is made when it is
 * needed first: with a limit of its own, or after a 4xx.
 */
#include "smtp/send/sender.h"

#define LOOK_MS 1000 /* who is held up by others' sessions looks again */

enum { HOST, PROVIDER, NGROUPS };

struct str pace_provider(const struct host *h)
{
	const struct conf_list *l = &h->sender->conf->send_providers;

	return limit_provider_named(l->v, l->n, str_of(h->opt->host));
}

static struct limit *group(struct sender *s, char kind, struct str name, const struct limit_rules *rules, bool make)
{
	char key[320];

	snprintf(key, sizeof key, "%c %.*s", kind, STRF(str_sub(name, 0, 300)));
	if (!make && !table_get(&s->limits.groups, str_of(key)))
		return NULL;
	return limit_group(&s->limits, str_of(key), rules, clock_mono_ms()); /* the rules are those of now */
}

static size_t groups(struct host *h, struct limit **g)
{
	const struct conf *c = h->sender->conf;
	struct limit_rules host = { .sessions = (unsigned)c->send_host_sessions };
	struct limit_rules provider = { .sessions = (unsigned)c->send_provider_sessions, .minute = (unsigned)c->send_provider_minute };

	if (h->kind != HOST_MX || !h->opt)
		return 0;
	g[HOST] = group(h->sender, 'h', str_of(h->key), &host, true);
	g[PROVIDER] = group(h->sender, 'p', pace_provider(h), &provider, true);
	return NGROUPS;
}

static struct limit *dest_group(struct dest *d, bool make)
{
	struct limit_rules rules = { .minute = (unsigned)d->sender->conf->send_destination_minute };

	if (!d->name)
		return NULL;
	return group(d->sender, 'd', str_of(d->name), &rules, make || rules.minute);
}

static bool held_up(struct host *h, int64_t ms)
{
	h->pace = deadline_in(MAX(ms, (int64_t)1));
	return false;
}

bool pace_may_open(struct host *h)
{
	struct limit *g[NGROUPS];
	size_t n = groups(h, g);

	return limit_may_open(g, n, clock_mono_ms()) || held_up(h, LOOK_MS);
}

void pace_session(struct host *h, bool opened)
{
	struct limit *g[NGROUPS];
	size_t n = groups(h, g);

	if (opened)
		limit_opened(g, n, clock_mono_ms());
	else
		limit_closed(g, n, clock_mono_ms());
}

bool pace_host(struct host *h)
{
	struct limit *g[NGROUPS];
	int64_t wait = limit_wait(g, groups(h, g), clock_mono_ms());

	return wait == 0 || held_up(h, wait);
}

size_t pace_dest(struct host *h, struct dest *d)
{
	struct limit *g = h->kind == HOST_MX ? dest_group(d, false) : NULL;
	int64_t wait = g ? limit_wait(&g, 1, clock_mono_ms()) : 0;

	if (wait > 0) {
		held_up(h, wait);
		return 0;
	}
	return g && g->allowed ? g->allowed : SIZE_MAX;
}

void pace_sent(struct host *h, struct dest *d)
{
	struct limit *g[NGROUPS], *own = h->kind == HOST_MX ? dest_group(d, false) : NULL;
	int64_t now = clock_mono_ms();

	limit_sent(g, groups(h, g), now);
	limit_sent(&own, 1, now);
}

void pace_reply(struct host *h, struct dest *d, int code)
{
	struct limit *g[NGROUPS], *own = NULL;
	int64_t now = clock_mono_ms();

	limit_reply(g, groups(h, g), code, now);
	if (d && h->kind == HOST_MX)
		own = dest_group(d, code >= 400 && code < 500);
	if (own)
		own->open = (unsigned)d->active; /* its sessions are those that carry its mail */
	limit_reply(&own, 1, code, now);
	if (own)
		own->open = 0;
}

/* As many sessions as it bears, and as many jobs that wait for them. */
void pace_tell(struct dest *d)
{
	struct limit *g = dest_group(d, false);

	sender_tell_limit(d->sender, d, g && g->allowed ? 2 * g->allowed : 0);
}

/* What a job's replies say of the pace: one that went through speaks for all. */
int pace_code(const struct job *j)
{
	int code = 0;
	size_t i;

	for (i = 0; i < j->nrcpt; i++) {
		if (j->rcpt[i].code >= 200 && j->rcpt[i].code < 300)
			return j->rcpt[i].code;
		if (!code)
			code = j->rcpt[i].code;
	}
	return code;
}
