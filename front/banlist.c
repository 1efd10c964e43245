/* SPDX-License-Identifier: ISC
 *
 * banlist.c: networks that guess passwords get no connection to what has logins: submission, IMAP,
 * POP3 and the page. Which they are authd says (auth/guard.h); a new link begins with the whole list.
 * Mail of other servers (port 25) and port 80 are nobody's way to guess and stay open to all.
 *
 * A refusal costs a look-up for each length of prefix that is banned, a line in clear where the
 * protocol has one, and a close: no TLS, no event of its own: they are counted, and told
 * in at most one event every TELL_S seconds. The line comes after [ban] hold: who is turned away at once
 * is at the door again at once, and would cost more than the guesses did. So many wait at most; others go at once. A table's value is the time until which (ms, monotonic), as a
 * pointer to it.
 */
#include <event2/event.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "front/conn.h"
#include "trace/trace.h"

#define TELL_S 10
#define FOR_EVER INT64_MAX
#define SWEEP 10000 /* entries above which those that are over are looked for now and then */

struct held {
	TAILQ_ENTRY(held) link;
	int fd;
	const struct service *service;
	deadline until;
};

struct banlist {
	TAILQ_HEAD(held_list, held) held; /* the first that waited goes first */
	size_t nheld;
	struct event *release;
	struct table table; /* family, bits, prefix -> int64_t */
	unsigned bits[2][129]; /* networks of so many bits */
	size_t sweep_at;
	struct event *timer;
	uint64_t refused; /* since the last event */
	struct addr last;
	const struct service *service;
};

static void key_of(const struct addr *a, unsigned bits, uint8_t out[18])
{
	struct addr p = addr_prefix(a, bits);

	out[0] = p.family;
	out[1] = (uint8_t)bits;
	memcpy(out + 2, p.ip, 16);
}

static void drop(struct banlist *b, struct str key)
{
	int64_t *until = table_remove(&b->table, key);

	if (until)
		b->bits[key.p[0] == 6][(uint8_t)key.p[1]]--;
	free(until);
}

static bool drop_one(struct str key, void *value, void *arg)
{
	uint8_t copy[18];

	(void)value;
	memcpy(copy, key.p, sizeof copy);
	drop(arg, str_make(copy, sizeof copy));
	return true;
}

static bool drop_old(struct str key, void *value, void *arg)
{
	return *(int64_t *)value > clock_mono_ms() || drop_one(key, value, arg);
}

static void set(struct banlist *b, const struct addr_net *n, int64_t until)
{
	uint8_t key[18];
	int64_t *at;

	key_of(&n->net, n->bits, key);
	at = table_get(&b->table, str_make(key, sizeof key));
	if (!at) {
		at = mem_alloc(1, sizeof *at);
		table_set(&b->table, str_make(key, sizeof key), at);
		b->bits[n->net.family == 6][n->bits]++;
	}
	*at = until;
	if (b->table.n >= b->sweep_at) {
		table_each(&b->table, drop_old, b);
		b->sweep_at = MAX(2 * b->table.n, (size_t)SWEEP);
	}
}

/* "192.0.2.0/24 600000" */
static void take(struct banlist *b, struct str text)
{
	struct str rest = text, net = str_cut(&rest, ' ');
	struct addr_net n;
	uint8_t key[18];
	uint64_t ms;

	if (addr_net_parse(net, &n) < 0)
		return;
	if (str_u64(rest, INT64_MAX / 2, &ms) == 0) {
		set(b, &n, ms == 0 ? FOR_EVER : clock_mono_ms() + (int64_t)ms);
		return;
	}
	key_of(&n.net, n.bits, key);
	drop(b, str_make(key, sizeof key));
}

void banlist_message(struct banlist *b, const struct ipc_msg *m)
{
	struct str net;
	size_t i;

	if (ipc_get_bool(m, "reset"))
		table_each(&b->table, drop_one, b);
	for (i = 0; (net = ipc_get_nth(m, "net", i)).p; i++)
		take(b, net);
}

static void tell(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval soon = { TELL_S, 0 };
	struct banlist *b = arg;
	char text[ADDR_TEXT];
	struct trace t;

	(void)fd, (void)what;
	if (b->refused == 0)
		return;
	event_add(b->timer, &soon);
	trace_begin(&t, TRACE_INFO, "banned");
	trace_u64(&t, "n", b->refused);
	trace_s(&t, "service", b->service->name);
	trace_s(&t, "peer", addr_text(&b->last, text));
	trace_end(&t);
	b->refused = 0;
}

static void release_later(struct banlist *b)
{
	struct held *first = TAILQ_FIRST(&b->held);
	int64_t ms = first ? MAX(deadline_left(first->until), 1) : 0;
	const struct timeval wait = { (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000) };

	if (first)
		event_add(b->release, &wait);
}

static void release(evutil_socket_t fd, short what, void *arg)
{
	struct banlist *b = arg;
	struct held *h;

	(void)fd, (void)what;
	while ((h = TAILQ_FIRST(&b->held)) != NULL && deadline_passed(h->until)) {
		TAILQ_REMOVE(&b->held, h, link);
		b->nheld--;
		bye_say(h->service, h->fd, BYE_BANNED);
		free(h);
	}
	release_later(b);
}

void banlist_refuse(struct banlist *b, const struct service *s, int fd, const struct conf *conf)
{
	struct held *h;

	if (conf->ban_hold == 0 || b->nheld >= (size_t)conf->ban_held) {
		bye_say(s, fd, BYE_BANNED);
		return;
	}
	h = mem_alloc(1, sizeof *h);
	*h = (struct held){ .fd = fd, .service = s, .until = deadline_in(conf->ban_hold) };
	TAILQ_INSERT_TAIL(&b->held, h, link);
	if (b->nheld++ == 0)
		release_later(b);
}

static bool has_logins(const struct service *s)
{
	return !s->local && s->dialogue != &http_dialogue && (s->dialogue != &smtp_dialogue || s->submission);
}

static bool is_banned(const struct banlist *b, const struct addr *peer)
{
	unsigned i, most = peer->family == 6 ? 128 : 32;
	const int64_t *until;
	uint8_t key[18];

	for (i = 0; i <= most; i++) {
		if (b->bits[peer->family == 6][i] == 0)
			continue;
		key_of(peer, i, key);
		until = table_get(&b->table, str_make(key, sizeof key));
		if (until && *until > clock_mono_ms())
			return true;
	}
	return false;
}

bool banlist_hit(struct banlist *b, const struct service *s, const struct addr *peer)
{
	if (b->table.n == 0 || (peer->family != 4 && peer->family != 6) || !has_logins(s) || !is_banned(b, peer))
		return false;
	b->refused++;
	b->last = *peer;
	b->service = s;
	if (!event_pending(b->timer, EV_TIMEOUT, NULL))
		tell(-1, 0, b);
	return true;
}

struct banlist *banlist_new(struct event_base *base)
{
	struct banlist *b = mem_alloc(1, sizeof *b);

	table_init(&b->table);
	TAILQ_INIT(&b->held);
	b->release = evtimer_new(base, release, b);
	b->sweep_at = SWEEP;
	b->timer = evtimer_new(base, tell, b);
	return b;
}
