/* SPDX-License-Identifier: ISC
 *
 * dest.c: a destination: the jobs that wait for it, and the servers that take its mail, best
 * first (RFC 5321 5.1, see sender.h). Two are fixed, our own lmtpd and the smarthost; the
 * others are named by a domain or an address literal, and found by their MX records (find.c).
 *
 *   unknown --jobs--> asking --answer--> known: in the line of host[at] --the host fails--> at + 1
 *                        |                                    ^                      |
 *                        `--no way--> all that waits fails <--|------ none is left --'
 *
 * What is known lasts a minute, then it is asked for anew while mail goes on; so mail that
 * went to a second best server comes back to the best. Where nobody could be reached, nobody
 * is tried for `[send] down`, and queued is told the same; DNS is looked at meanwhile when its answer is
 * over: a domain may get other servers (change.c).
 */
#include "smtp/send/sender.h"

#define LOOK_MS 3000 /* at the earliest, whatever the records say */

/* --- life ------------------------------------------------------------------------- */

void dest_init(struct dest *d, struct sender *s)
{
	*d = (struct dest){ .sender = s };
	d->last = &d->waiting;
	dest_find_init(d);
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
	d->used_until = deadline_in(DEST_KNOWN_MS);
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
	return d->known ? MAX(d->known_until, deadline_in(LOOK_MS)) : deadline_in(DEST_KNOWN_MS);
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

void dest_go(struct dest *d)
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
	dest_go(d);
	if (d->attached)
		host_wake(d->mx[d->at].host);
}

void dest_again(struct dest *d, struct job *j)
{
	push(d, j, true);
	dest_go(d);
}

void dest_released(struct dest *d)
{
	d->active--;
	d->used_until = deadline_in(DEST_KNOWN_MS);
	if (d->attached) /* perhaps at another host than the one that it came from */
		host_wake(d->mx[d->at].host);
}

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
void dest_learn(struct dest *d, struct mx *mx, size_t n, uint32_t ttl)
{
	forget(d); /* the new references are there already: hosts that stay keep their sessions */
	d->mx = mx;
	d->nmx = n;
	d->known = true;
	d->known_until = d->name ? deadline_in(MAX(MIN((int64_t)ttl * 1000, (int64_t)DEST_KNOWN_MS), (int64_t)1000)) : DEADLINE_NEVER;
	looked(d);
}

void dest_fix(struct dest *d, struct host *h)
{
	struct mx *mx = h ? mem_alloc(1, sizeof *mx) : NULL;

	if (h) {
		mx->host = h;
		h->refs++;
	}
	dest_learn(d, mx, h ? 1 : 0, 0);
	dest_go(d);
}

void dest_no_way(struct dest *d, int code, const char *status, const char *what)
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

void dest_tick(struct dest *d)
{
	dest_look(d);
	if (d->waiting)
		too_late(d);
	if (d->waiting && !d->attached)
		dest_go(d);
	if (d->name && !d->waiting && !d->active && !d->lookup.id && !d->policy.id && deadline_passed(d->used_until) &&
		(!d->down || deadline_passed(d->down)))
		dest_free(d);
}
