/* SPDX-License-Identifier: ISC
 *
 * guard.c: see guard.h.
 *
 *   exchange.c --ask, outcome--> ban.h --banned--> fronts, log
 *                                  |  ---spray---> log; strangers wait in one line an account
 *                                  `----save-----> ban_file.h
 *
 * The clock of bans began as Unix time when we began and runs with the monotonic one: nobody's
 * ban ends or grows by a clock that is set, and what was saved can be read by the next of us.
 * Events are few: at most BANS_TOLD bans a minute are told one by one, the others as a number.
 */
#include "auth/guard.h"

#include "auth/authd.h"
#include "auth/ban_file.h"
#include "base/clock.h"
#include "trace/trace.h"

#define BANS_TOLD 60 /* a minute */
#define MINUTE_MS 60000
#define BATCH 500 /* networks in a message to a front */

static struct {
	struct bans *bans;
	struct ban_file file;
	int64_t base; /* of the clock */
	struct addr_net never[64];
	int64_t minute;
	unsigned told, untold;
	/* a list on its way to a front */
	struct client *to;
	struct ipc_msg batch;
	size_t nbatch;
} guard;

/* Whom strangers are taken for while a spray is on: all of them wait in one line (slowdown.h). */
static const struct addr strangers = { .family = 4 };

int64_t guard_now(void)
{
	return guard.base + clock_mono_ms();
}

struct bans *guard_bans(void)
{
	return guard.bans;
}

/* --- to the fronts ------------------------------------------------------------------ */

static void net_text(const struct addr_net *n, char *out, size_t cap)
{
	char ip[ADDR_TEXT];

	snprintf(out, cap, "%s/%u", addr_text(&n->net, ip), n->bits);
}

static void add_net(struct ipc_msg *m, const struct ban_row *row)
{
	char net[ADDR_TEXT + 8], text[ADDR_TEXT + 40];

	net_text(&row->net, net, sizeof(net));
	snprintf(text, sizeof(text), "%s %lld", net, (long long)(row->left_ms < 0 ? -1 : row->left_ms));
	ipc_setc(m, "net", text);
}

static struct ipc_msg single;

static void send_single(struct client *c)
{
	struct ipc_msg m;
	size_t i;

	if (strcmp(c->name, "front") != 0)
		return;
	ipc_init(&m, "bans");
	for (i = 0; i < single.nfields; i++)
		ipc_set(&m, "net", single.field[i].value);
	client_send(c, &m);
}

static void batch_send(void)
{
	client_send(guard.to, &guard.batch);
	guard.nbatch = 0;
}

static void batch_add(void *arg, const struct ban_row *row)
{
	(void)arg;
	if (!row->door)
		return;
	add_net(&guard.batch, row);
	if (++guard.nbatch < BATCH)
		return;
	batch_send();
	ipc_init(&guard.batch, "bans");
}

void guard_link(struct client *c)
{
	if (strcmp(c->name, "front") != 0)
		return;
	client_hold(c);
	ipc_init(&guard.batch, "bans");
	ipc_set_bool(&guard.batch, "reset", true);
	guard.to = c;
	bans_each(guard.bans, guard_now(), batch_add, NULL);
	batch_send();
	guard.to = NULL;
	client_release(c);
}

/* --- what bans say ---------------------------------------------------------------------- */

static bool tell_one(void)
{
	int64_t minute = clock_mono_ms() / MINUTE_MS;

	if (minute != guard.minute) {
		if (guard.untold > 0)
			trace_event(TRACE_WARN, "bans-untold", "", "%u", guard.untold);
		guard.minute = minute;
		guard.told = guard.untold = 0;
	}
	if (guard.told < BANS_TOLD) {
		guard.told++;
		return true;
	}
	guard.untold++;
	return false;
}

static void trace_ban(const struct ban_row *row)
{
	char net[ADDR_TEXT + 8];
	struct trace t;

	net_text(&row->net, net, sizeof(net));
	if (row->left_ms < 0) {
		trace_begin(&t, TRACE_INFO, "ban-over");
		trace_s(&t, "net", net);
	} else {
		trace_begin(&t, row->manual ? TRACE_INFO : TRACE_WARN, "banned");
		trace_s(&t, "net", net);
		trace_u64(&t, "failures", row->count);
		trace_u64(&t, "seconds", (uint64_t)(row->left_ms + 999) / 1000);
		trace_s(&t, "door", row->door ? "closed" : "open");
		trace_s(&t, "by", row->manual ? "hand" : "itself");
	}
	trace_end(&t);
}

static void on_banned(void *arg, const struct ban_row *row)
{
	(void)arg;
	if (tell_one())
		trace_ban(row);
	/* who has let it in all the time is not told that it ends; telling it too often does no harm */
	if (row->left_ms >= 0 && !row->door)
		return;
	ipc_init(&single, "bans");
	add_net(&single, row);
	clients_each(send_single);
	ipc_done(&single);
}

static void on_spray(void *arg, const struct spray_news *n)
{
	struct trace t;

	(void)arg;
	trace_begin(&t, n->begins ? TRACE_WARN : TRACE_INFO, n->begins ? "spray" : "spray-over");
	trace_u64(&t, "failures", n->failures);
	if (n->begins) {
		trace_u64(&t, "networks", n->networks);
		trace_u64(&t, "names", n->names);
		trace_u64(&t, "usual", n->usual);
	} else {
		trace_u64(&t, "seconds", (uint64_t)MAX(n->ms, 0) / 1000);
	}
	trace_end(&t);
}

static void on_save(void *arg, size_t slot, const struct ban_record *r)
{
	(void)arg;
	if (ban_file_write(&guard.file, slot, r))
		trace_event(TRACE_ERROR, "bans-unsaved", "", "%s", strerror(guard.file.err));
}

/* --- logins -------------------------------------------------------------------------------- */

enum ban_answer guard_ask(struct str name, const struct addr *peer, struct str service)
{
	int64_t now = guard_now();
	enum ban_answer r = bans_ask(guard.bans, name, peer, now);
	char text[ADDR_TEXT];
	struct trace t;

	if ((r != BAN_BANNED && r != BAN_TRIES) || !bans_tell(guard.bans, peer, now))
		return r;
	trace_begin(&t, TRACE_WARN, "guess-refused");
	trace_str(&t, "user", name);
	trace_str(&t, "service", service);
	trace_s(&t, "peer", addr_text(peer, text));
	trace_s(&t, "why", r == BAN_BANNED ? "its network is banned" : "too many failed logins of its network in an hour");
	trace_end(&t);
	return r;
}

enum oldserver_from guard_from(const struct addr *peer, enum ban_answer was)
{
	if (was == BAN_KNOWN)
		return OLDSERVER_KNOWN;
	return was == BAN_FREE || bans_friend(guard.bans, peer, guard_now()) ? OLDSERVER_FRIEND : OLDSERVER_STRANGER;
}

/* The line of this account and network, and while a spray is on the one of all strangers. */
static int64_t lines(struct str user, const struct addr *peer, int64_t strange,
	int64_t (*slowdown)(struct slowdown *s, struct str name, const struct addr *peer, int64_t now_ms))
{
	int64_t now = clock_mono_ms(), wait = slowdown(authd.slowdown, user, peer, now), all;

	if (strange == 0 || wait == SLOWDOWN_REFUSE)
		return wait;
	all = slowdown(authd.slowdown, user, &strangers, now);
	return all == SLOWDOWN_REFUSE ? all : MAX(MAX(wait, all), strange);
}

int64_t guard_failed(struct str tried, struct str user, const struct addr *peer, enum ban_answer was)
{
	int64_t now = guard_now(), strange = bans_strange(guard.bans, peer, was, now);

	/* the worker has seen another name than we have: nobody is known by that */
	if (was == BAN_KNOWN && user.n > 0 && !str_ieq(tried, user))
		was = BAN_PASS;
	bans_failed(guard.bans, tried, peer, was, now);
	return lines(user, peer, strange, slowdown_failed);
}

int64_t guard_good(struct str tried, struct str user, const struct addr *peer, enum ban_answer was)
{
	int64_t now = guard_now(), strange = bans_strange(guard.bans, peer, was, now);

	bans_good(guard.bans, tried, peer, was, now);
	/* an alias, or the name without its domain: the account itself is known there as well */
	if (!str_eq(tried, user))
		bans_good(guard.bans, user, peer, BAN_KNOWN, now);
	return lines(user, peer, strange, slowdown_good);
}

int64_t guard_half(struct str user, const struct addr *peer, enum ban_answer was)
{
	int64_t now = guard_now();

	bans_undecided(guard.bans, peer, was, now);
	return lines(user, peer, bans_strange(guard.bans, peer, was, now), slowdown_half);
}

void guard_undecided(const struct addr *peer, enum ban_answer was)
{
	bans_undecided(guard.bans, peer, was, guard_now());
}

void guard_token(const struct addr *peer, struct str id)
{
	int64_t now = guard_now();
	struct str name = id.p ? id : STR("");
	enum ban_answer was = bans_ask(guard.bans, name, peer, now);

	if (id.p)
		bans_good(guard.bans, name, peer, was, now);
	else
		bans_failed(guard.bans, name, peer, was, now);
}

/* --- life ------------------------------------------------------------------------------------ */

static struct ban_limits limits(void)
{
	const struct conf *c = authd.program.conf;
	struct ban_limits l = { .failures = (unsigned)c->ban_failures, .wide = (unsigned)c->ban_wide,
		.growth = (unsigned)c->ban_growth, .tries = (unsigned)c->ban_tries, .office = (unsigned)c->ban_office,
		.window_ms = c->ban_window, .first_ms = c->ban_first, .longest_ms = MAX(c->ban_longest, c->ban_first),
		.memory_ms = c->ban_memory, .good_ms = c->ban_good, .entries = (size_t)c->ban_networks,
		.spray = { .failures = (unsigned)c->ban_spray, .delay_ms = c->ban_spray_delay }, .never = guard.never };
	size_t i;

	for (i = 0; i < c->ban_never.n && l.nnever < ARRAY_LEN(guard.never); i++)
		if (addr_net_parse(c->ban_never.v[i], &guard.never[l.nnever]) == 0)
			l.nnever++;
	return l;
}

static bool loaded(void *arg, size_t slot, const struct ban_record *r)
{
	return bans_load(guard.bans, slot, r, *(const int64_t *)arg);
}

void guard_init(int dir)
{
	static const struct ban_ops ops = { .banned = on_banned, .spray = on_spray, .save = on_save };
	struct ban_limits l = limits();
	int64_t now;
	int r = ban_file_open(&guard.file, dir);

	guard.base = clock_unix_us() / 1000 - clock_mono_ms();
	now = guard_now();
	guard.bans = bans_new(&l, &ops);
	if (r < 0)
		trace_event(TRACE_ERROR, "bans-unsaved", "", "%s", err_text(r));
	ban_file_read(&guard.file, 2 * l.entries, loaded, &now);
}

void guard_reload(void)
{
	struct ban_limits l = limits();

	bans_set(guard.bans, &l);
}

void guard_sweep(void)
{
	bans_sweep(guard.bans, guard_now());
}
