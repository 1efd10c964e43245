/* SPDX-License-Identifier: ISC
 *
 * lookup.c: questions to resolverd and its answers (see sender.h, net/resolver.h).
 *
 *   asked:   (nothing) --lookup_*--> unasked --room--> asked --answer, time--> (nothing)
 *                                       ^                |
 *                                       `--- new link ---'
 *
 * At most half of what the resolver takes at once is under way, the rest waits here in
 * order: a thousand destinations whose name servers are silent hold up the others for a while,
 * and never make the resolver refuse somebody else's question. Answers are cached by resolverd.
 * Every question is answered once, at the latest by its time.
 */
#include "smtp/send/sender.h"

#include "base/file.h"

#define SLACK_MS 2000 /* the resolver's own end of a question comes first */

static struct str key_of(const uint64_t *id)
{
	return str_make((const char *)id, sizeof *id);
}

void lookup_init(struct sender *s)
{
	table_init(&s->questions);
	TAILQ_INIT(&s->asked);
	TAILQ_INIT(&s->unasked);
}

/* Takes it out of its list; it is free for the next question then. */
void lookup_stop(struct sender *s, struct lookup *l)
{
	if (!l->id)
		return;
	if (l->sent) {
		TAILQ_REMOVE(&s->asked, l, link);
		s->nasked--;
	} else {
		TAILQ_REMOVE(&s->unasked, l, link);
	}
	table_remove(&s->questions, key_of(&l->id));
	l->id = 0;
}

static int say(struct sender *s, const struct lookup *l)
{
	if (l->address)
		return resolver_send_address(s->resolver, l->id, l->name, s->conf->send_lookup);
	return resolver_send(s->resolver, l->id, l->name, l->type, s->conf->send_lookup);
}

/* As many as there is room for. A link that is gone is no reason to fail: a new one comes. */
static void ask(struct sender *s)
{
	size_t room = (size_t)MAX(s->conf->dns_queries / 4, (int64_t)1); /* an address takes two */
	struct lookup *l;

	while (s->resolver >= 0 && s->nasked < room && (l = TAILQ_FIRST(&s->unasked))) {
		int r = say(s, l);

		if (r == -EAGAIN) {
			event_add(&s->ev_resolver_out, NULL);
			return;
		}
		if (r == E_CLOSED)
			return;
		TAILQ_REMOVE(&s->unasked, l, link);
		TAILQ_INSERT_TAIL(&s->asked, l, link);
		l->sent = true;
		l->until = deadline_in(s->conf->send_lookup + SLACK_MS);
		s->nasked++;
	}
}

static void begin(struct sender *s, struct lookup *l, const char *name)
{
	BUG_ON(l->id);
	l->id = ++s->last_question;
	l->sent = false;
	/* while there is no resolver, the time runs all the same */
	l->until = deadline_in(s->conf->send_lookup + SLACK_MS);
	snprintf(l->name, sizeof l->name, "%s", name);
	table_set(&s->questions, key_of(&l->id), l);
	TAILQ_INSERT_TAIL(&s->unasked, l, link);
	ask(s);
	sender_wake(s); /* for the tick */
}

void lookup_records(struct sender *s, struct lookup *l, const char *name, enum dns_type type)
{
	l->address = false;
	l->type = type;
	begin(s, l, name);
}

void lookup_addresses(struct sender *s, struct lookup *l, const char *name)
{
	l->address = true;
	begin(s, l, name);
}

bool lookup_waits(const struct sender *s)
{
	return !TAILQ_EMPTY(&s->asked) || !TAILQ_EMPTY(&s->unasked);
}

/* --- answers ------------------------------------------------------------------------ */

static void give_up(struct sender *s, struct lookup *l, enum dns_state state)
{
	struct resolver_addresses a = { .id = l->id, .state = state };
	struct dns_answer x = { .id = l->id, .state = state, .canonical = STR(""), .why = STR("") };

	lookup_stop(s, l);
	snprintf(a.error, sizeof a.error, "%s", dns_state_text(state));
	if (l->address)
		l->addresses(l, &a);
	else
		l->answered(l, &x);
}

static void take(struct sender *s, const struct ipc_msg *m)
{
	struct resolver_addresses a;
	struct dns_answer x;
	struct arena arena;
	struct lookup *l;
	uint64_t id;
	int r;

	if (ipc_get_u64(m, "id", UINT64_MAX, &id) || !(l = table_get(&s->questions, key_of(&id))))
		return; /* too late */
	arena_init(&arena);
	r = l->address ? resolver_parse_address(m, &a) : resolver_parse(m, l->type, &arena, &x);
	if (r < 0) {
		give_up(s, l, DNS_SERVFAIL);
	} else {
		lookup_stop(s, l);
		if (l->address)
			l->addresses(l, &a);
		else
			l->answered(l, &x);
	}
	arena_done(&arena);
}

void lookup_tick(struct sender *s)
{
	struct lookup *l;

	while ((l = TAILQ_FIRST(&s->asked)) && deadline_passed(l->until))
		give_up(s, l, DNS_TIMEOUT);
	while (s->resolver < 0 && (l = TAILQ_FIRST(&s->unasked)) && deadline_passed(l->until))
		give_up(s, l, DNS_AWAY);
	ask(s);
}

/* --- the link ------------------------------------------------------------------------- */

/* resolverd died: master starts it anew and sends a new link; what was asked is asked again. */
static void lost(struct sender *s)
{
	struct lookup *l;

	if (s->resolver < 0)
		return;
	event_del(&s->ev_resolver);
	event_del(&s->ev_resolver_out);
	fd_close(&s->resolver);
	while ((l = TAILQ_LAST(&s->asked, lookup_list))) {
		TAILQ_REMOVE(&s->asked, l, link);
		TAILQ_INSERT_HEAD(&s->unasked, l, link);
		l->sent = false;
	}
	s->nasked = 0;
}

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct sender *s = arg;
	struct ipc_msg m;
	int i, r = 0;

	(void)what;
	for (i = 0; i < 64 && r == 0 && s->resolver == fd; i++) {
		r = ipc_try_recv(fd, &m);
		if (r == 0)
			take(s, &m);
		ipc_done(&m);
	}
	if (r < 0 && r != -EAGAIN && r != -EINTR)
		lost(s);
	ask(s);
}

static void writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	ask(arg);
}

void lookup_link(struct sender *s, int fd)
{
	lost(s);
	fd_nonblock(fd, true);
	s->resolver = fd;
	event_assign(&s->ev_resolver, s->base, fd, EV_READ | EV_PERSIST, readable, s);
	event_assign(&s->ev_resolver_out, s->base, fd, EV_WRITE, writable, s);
	event_add(&s->ev_resolver, NULL);
	ask(s);
}
