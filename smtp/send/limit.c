/* SPDX-License-Identifier: ISC
 *
 * limit.c: see limit.h.
 *
 * Messages a minute: a bucket of N/10 messages (one at least) that fills with the rest in a minute, so never
 * more than N begin within one. Back-off: a step down at most each STEP_DOWN_MS, since one refusal is often
 * said to all sessions that are open at that moment; a step up after UP_GOOD successes and STEP_UP_MS.
 */
#include "smtp/send/limit.h"

#include "base/base.h"

#define STEP_DOWN_MS 5000
#define STEP_UP_MS 10000
#define UP_GOOD 10
#define BAD_MANY 5 /* 4xx that are not 421: so many, and half of all, are a step down */
#define GAP_FIRST 250 /* ms */
#define GAP_MAX 60000
#define FORGET_MS 600000
#define MINUTE 60000

void limits_init(struct limits *l)
{
	table_init(&l->groups);
}

static bool drop(struct str key, void *value, void *arg)
{
	(void)key;
	(void)arg;
	free(value);
	return true;
}

void limits_done(struct limits *l)
{
	table_each(&l->groups, drop, NULL);
	table_done(&l->groups);
}

static int64_t bucket(const struct limit *g)
{
	return (int64_t)MAX(g->rules.minute / 10, 1u) * 1000;
}

struct limit *limit_group(struct limits *l, struct str name, const struct limit_rules *rules, int64_t now)
{
	struct limit *g = table_get(&l->groups, name);

	if (!g) {
		g = mem_alloc(1, sizeof(*g) + name.n + 1);
		memcpy(g->name, name.p, name.n);
		g->rules = *rules;
		g->tokens = bucket(g);
		g->filled = g->used = now;
		g->stepped = now - STEP_DOWN_MS;
		table_set(&l->groups, name, g);
	}
	g->rules = *rules;
	g->tokens = MIN(g->tokens, bucket(g));
	if (rules->sessions && g->allowed > rules->sessions)
		g->allowed = rules->sessions;
	return g;
}

struct sweep {
	struct limits *l;
	int64_t now;
};

static bool sweep_one(struct str key, void *value, void *arg)
{
	struct limit *g = value;
	struct sweep *s = arg;

	if (g->open == 0 && s->now - g->used >= FORGET_MS) {
		table_remove(&s->l->groups, key);
		free(g);
	}
	return true;
}

void limits_sweep(struct limits *l, int64_t now)
{
	struct sweep s = { l, now };

	table_each(&l->groups, sweep_one, &s);
}

static void fill(struct limit *g, int64_t now)
{
	int64_t full = bucket(g), per_minute = MAX((int64_t)g->rules.minute * 1000 - full, (int64_t)1000);
	int64_t more;

	if (g->rules.minute == 0)
		return;
	more = MIN(now - g->filled, (int64_t)MINUTE) * per_minute / MINUTE;
	if (more <= 0)
		return;
	g->tokens = MIN(g->tokens + more, full);
	/* the rest of the division is kept: it counts the next time */
	g->filled = g->tokens == full ? now : g->filled + more * MINUTE / per_minute;
}

bool limit_may_open(struct limit *const *g, size_t n, int64_t now)
{
	size_t i;

	(void)now;
	for (i = 0; i < n; i++) {
		if (!g[i])
			continue;
		if ((g[i]->rules.sessions && g[i]->open >= g[i]->rules.sessions) || (g[i]->allowed && g[i]->open >= g[i]->allowed))
			return false;
	}
	return true;
}

void limit_opened(struct limit *const *g, size_t n, int64_t now)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (g[i]) {
			g[i]->open++;
			g[i]->used = now;
		}
}

void limit_closed(struct limit *const *g, size_t n, int64_t now)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (g[i]) {
			BUG_ON(g[i]->open == 0);
			g[i]->open--;
			g[i]->used = now;
		}
}

static int64_t wait_of(struct limit *g, int64_t now)
{
	int64_t wait = MAX(g->next - now, (int64_t)0);

	if (g->rules.minute == 0)
		return wait;
	fill(g, now);
	if (g->tokens < 1000) {
		int64_t per_minute = MAX((int64_t)g->rules.minute * 1000 - bucket(g), (int64_t)1000);

		wait = MAX(wait, g->filled + ((1000 - g->tokens) * MINUTE + per_minute - 1) / per_minute - now);
	}
	return wait;
}

int64_t limit_wait(struct limit *const *g, size_t n, int64_t now)
{
	int64_t wait = 0;
	size_t i;

	for (i = 0; i < n; i++)
		if (g[i])
			wait = MAX(wait, wait_of(g[i], now));
	return wait;
}

bool limit_may_send(struct limit *const *g, size_t n, int64_t now)
{
	return limit_wait(g, n, now) == 0;
}

void limit_sent(struct limit *const *g, size_t n, int64_t now)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (!g[i])
			continue;
		fill(g[i], now);
		if (g[i]->rules.minute)
			g[i]->tokens -= 1000;
		g[i]->next = now + g[i]->gap;
		g[i]->used = now;
	}
}

/* --- what the other side bears --------------------------------------------------- */

static void down(struct limit *g, int64_t now)
{
	g->good = g->bad = 0;
	if (now - g->stepped < STEP_DOWN_MS)
		return;
	g->allowed = MAX((g->allowed ? MIN(g->allowed, MAX(g->open, 1u)) : MAX(g->open, 1u)) / 2, 1u);
	g->gap = g->gap ? MIN(g->gap * 2, (int64_t)GAP_MAX) : GAP_FIRST;
	g->next = MAX(g->next, now + g->gap);
	g->stepped = now;
}

static void up(struct limit *g, int64_t now)
{
	if (!g->allowed || g->good < UP_GOOD || now - g->stepped < STEP_UP_MS)
		return;
	g->good = g->bad = 0;
	g->stepped = now;
	g->gap = g->gap <= GAP_FIRST ? 0 : g->gap / 2;
	g->allowed++;
	/* as many as before, or more than anybody opens */
	if (g->gap == 0 && (g->rules.sessions ? g->allowed >= g->rules.sessions : g->allowed > 2 * g->open + 8))
		g->allowed = 0;
	else if (g->rules.sessions)
		g->allowed = MIN(g->allowed, g->rules.sessions);
}

void limit_reply(struct limit *const *g, size_t n, int code, int64_t now)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (!g[i])
			continue;
		g[i]->used = now;
		if (code >= 200 && code < 400)
			g[i]->good++;
		else if (code >= 400 && code < 500)
			g[i]->bad++;
		if (code == 421 || (g[i]->bad >= BAD_MANY && g[i]->bad >= g[i]->good))
			down(g[i], now);
		else
			up(g[i], now);
		if (g[i]->good + g[i]->bad >= 100) { /* old ones count less */
			g[i]->good /= 2;
			g[i]->bad /= 2;
		}
	}
}

unsigned limit_messages(struct limit *const *g, size_t n)
{
	unsigned least = 0;
	size_t i;

	for (i = 0; i < n; i++)
		if (g[i] && g[i]->rules.messages && (!least || g[i]->rules.messages < least))
			least = g[i]->rules.messages;
	return least;
}

/* --- names ----------------------------------------------------------------- */

static struct str last_label(struct str host, struct str *rest)
{
	ssize_t dot = str_rfind(host, '.');
	struct str label = dot < 0 ? host : str_from(host, (size_t)dot + 1);

	*rest = dot < 0 ? STR("") : str_sub(host, 0, (size_t)dot);
	return label;
}

struct str limit_provider(struct str host)
{
	/* below a country's two letters: what is registered there stands one label deeper */
	static const char *const second[] = { "ac", "co", "com", "edu", "go", "gob", "gov", "ne", "net", "nom", "or", "org" };
	struct str rest, tld, name;
	size_t i, labels = 2;

	if (host.n && host.p[host.n - 1] == '.')
		host = str_sub(host, 0, host.n - 1);
	if (host.n == 0 || host.p[0] == '[' || str_find(host, ':') >= 0)
		return host;
	tld = last_label(host, &rest);
	if (tld.n && tld.p[0] >= '0' && tld.p[0] <= '9')
		return host; /* an IPv4 address */
	name = last_label(rest, &rest);
	for (i = 0; i < ARRAY_LEN(second); i++)
		if (tld.n == 2 && str_ieq(name, str_of(second[i])))
			labels = 3;
	for (i = host.n; i > 0; i--)
		if (host.p[i - 1] == '.' && --labels == 0)
			return str_from(host, i);
	return host;
}

static bool fits(struct str pattern, struct str host)
{
	if (!str_starts(pattern, "*."))
		return str_ieq(pattern, host);
	pattern = str_from(pattern, 1);
	return host.n > pattern.n && str_ieq(str_from(host, host.n - pattern.n), pattern);
}

struct str limit_provider_named(const struct str *rules, size_t n, struct str host)
{
	struct str rest, name, whole = host;
	size_t i;

	if (whole.n && whole.p[whole.n - 1] == '.')
		whole.n--;
	for (i = 0; i < n; i++) {
		rest = rules[i];
		name = str_trim(str_cut(&rest, ':'));
		while ((rest = str_trim(rest)).n > 0)
			if (fits(str_cut(&rest, ' '), whole))
				return name;
	}
	return limit_provider(host);
}
