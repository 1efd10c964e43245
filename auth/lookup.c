/* SPDX-License-Identifier: ISC
 *
 * lookup.c: questions to the directory (account, rcpt, sender), with a cache of
 * answers in front of the workers. A change of the directory between question
 * and answer keeps that answer out of the cache (`epoch`).
 */
#include "auth/authd.h"
#include "auth/recent.h"
#include "auth/worker.h"
#include "base/clock.h"

static uint64_t epoch;

struct question {
	lookup_fn *fn;
	void *arg;
	uint64_t epoch;
	struct buf key;
};

void directory_changed(void)
{
	epoch++;
	cache_clear(authd.cache);
	recent_clear();
	offer_refresh();
}

static bool past_cache;

void lookup_past_cache(bool on)
{
	past_cache = on;
	recent_hold(on);
}

/* What changed lately: a sender that dies before it has read that leaves it to the next one. */
#define ROUTES_KEPT 16
#define ROUTES_MS 60000

static struct {
	char to[260];
	deadline until;
} changed[ROUTES_KEPT];
static size_t nchanged;

static void tell_route(struct client *c, size_t i)
{
	struct ipc_msg m;

	if (strcmp(c->name, "sender") != 0)
		return;
	ipc_init(&m, "routes");
	ipc_setc(&m, "to", changed[i].to);
	client_send(c, &m);
}

static void tell_last(struct client *c)
{
	tell_route(c, nchanged - 1);
}

void routes_tell(struct client *c)
{
	size_t i;

	for (i = 0; i < nchanged; i++)
		if (!deadline_passed(changed[i].until))
			tell_route(c, i);
}

void routes_changed(struct str to)
{
	while (nchanged > 0 && deadline_passed(changed[nchanged - 1].until))
		nchanged--; /* the last one is the youngest: all are over */
	if (nchanged == ROUTES_KEPT || to.n >= sizeof(changed[0].to)) {
		to = STR("*"); /* too many to be told one by one */
		nchanged = 0;
	}
	snprintf(changed[nchanged].to, sizeof(changed[0].to), "%.*s", STRF(to));
	changed[nchanged++].until = deadline_in(ROUTES_MS);
	clients_each(tell_last);
}

/* Kind and arguments, each closed by a NUL, which none of them may hold (C15). */
static void key_of(struct buf *key, const char *kind, struct str user, struct str address)
{
	buf_puts(key, kind);
	buf_c(key, '\0');
	buf_str(key, user);
	buf_c(key, '\0');
	buf_str(key, address);
}

static void answered(struct pool_job *job, struct ipc_msg *answer)
{
	struct question *q = job->arg;
	struct buf text;
	bool good = answer && ipc_is(answer, "answer") && !str_eqc(ipc_get(answer, "result"), "temp");

	if (good && q->epoch == epoch) {
		buf_init(&text, IPC_MAX);
		if (ipc_print(answer, &text) == 0)
			cache_put(authd.cache, buf_view(&q->key), buf_view(&text), clock_mono_ms());
		buf_done(&text);
	}
	q->fn(q->arg, good ? answer : NULL);
	buf_done(&q->key);
	free(q);
}

static bool from_cache(struct str key, lookup_fn *fn, void *arg)
{
	struct str text = cache_get(authd.cache, key, clock_mono_ms());
	uint64_t until;
	struct ipc_msg m;
	bool good;

	if (!text.p)
		return false;
	good = ipc_parse(text, &m) == 0 &&
		(ipc_get_u64(&m, LOOKUP_GOOD_UNTIL, INT64_MAX, &until) < 0 || (int64_t)until > clock_unix());
	if (good)
		fn(arg, &m);
	ipc_done(&m);
	return good;
}

void lookup(const char *kind, struct str user, struct str address, lookup_fn *fn, void *arg)
{
	struct question *q;
	struct pool_job *job;
	struct buf key;

	if (str_find(user, '\0') >= 0 || str_find(address, '\0') >= 0) {
		/* no name holds a NUL: asked as the empty one, which nobody has */
		user = STR("");
		address = STR("");
	}
	buf_init(&key, IPC_MAX);
	key_of(&key, kind, user, address);
	if (!past_cache && from_cache(buf_view(&key), fn, arg)) {
		buf_done(&key);
		return;
	}
	q = mem_alloc(1, sizeof(*q));
	q->fn = fn;
	q->arg = arg;
	q->epoch = epoch;
	q->key = key;
	job = pool_job_new(kind, answered, q);
	job->lookup = true;
	ipc_set(&job->m, "user", user);
	ipc_set(&job->m, "address", address);
	if (!pool_add(authd.pool, STR(""), job)) {
		answered(job, NULL);
		pool_job_free(job);
	}
}
