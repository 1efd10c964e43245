/* SPDX-License-Identifier: ISC
 *
 * lookup.c: questions to resolverd and policyd, and their answers (see sender.h, net/resolver.h,
 * smtp/policy/policyd.h).
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
	size_t i;

	table_init(&s->questions);
	for (i = 0; i < LOOKUP_LINKS; i++) {
		struct lookup_link *k = &s->link[i];

		k->sender = s;
		k->fd = -1;
		TAILQ_INIT(&k->asked);
		TAILQ_INIT(&k->unasked);
	}
}

/* Takes it out of its list; it is free for the next question then. */
void lookup_stop(struct sender *s, struct lookup *l)
{
	struct lookup_link *k = &s->link[l->to];

	if (!l->id)
		return;
	if (l->sent) {
		TAILQ_REMOVE(&k->asked, l, link);
		k->nasked--;
	} else {
		TAILQ_REMOVE(&k->unasked, l, link);
	}
	table_remove(&s->questions, key_of(&l->id));
	l->id = 0;
	l->fresh = false;
}

static int64_t wait_of(const struct lookup *l, const struct conf *c)
{
	return (l->kind == LOOKUP_POLICY ? c->sts_wait : c->send_lookup) + SLACK_MS;
}

static int say(struct lookup_link *k, const struct lookup *l)
{
	int64_t wait = k->sender->conf->send_lookup;
	struct ipc_msg m;
	int r;

	if (l->kind == LOOKUP_ADDRESSES)
		return resolver_send_address(k->fd, l->id, l->name, wait, l->fresh);
	if (l->kind == LOOKUP_RECORDS)
		return resolver_send(k->fd, l->id, l->name, l->type, wait, l->fresh);
	ipc_init(&m, "policy");
	ipc_set_u64(&m, "id", l->id);
	ipc_setc(&m, "domain", l->name);
	r = ipc_try_send(k->fd, &m);
	ipc_done(&m);
	return r;
}

/* As many as there is room for. A link that is gone is no reason to fail: a new one comes. */
static void ask(struct lookup_link *k)
{
	struct sender *s = k->sender;
	size_t room = (size_t)MAX(s->conf->dns_queries / 4, (int64_t)1); /* an address takes two */
	struct lookup *l;

	while (k->fd >= 0 && k->nasked < room && (l = TAILQ_FIRST(&k->unasked))) {
		int r = say(k, l);

		if (r == -EAGAIN) {
			event_add(&k->ev_out, NULL);
			return;
		}
		if (r == E_CLOSED)
			return;
		TAILQ_REMOVE(&k->unasked, l, link);
		TAILQ_INSERT_TAIL(&k->asked, l, link);
		l->sent = true;
		l->until = deadline_in(wait_of(l, s->conf));
		k->nasked++;
	}
}

void lookup_start(struct sender *s, struct lookup *l, enum lookup_kind kind, const char *name)
{
	static const enum lookup_to to[] = { [LOOKUP_RECORDS] = LOOKUP_RESOLVER, [LOOKUP_ADDRESSES] = LOOKUP_RESOLVER,
		[LOOKUP_POLICY] = LOOKUP_POLICYD };

	BUG_ON(l->id);
	l->id = ++s->last_question;
	l->kind = kind;
	l->to = to[kind];
	l->sent = false;
	/* while nobody is there to ask, the time runs all the same */
	l->until = deadline_in(wait_of(l, s->conf));
	snprintf(l->name, sizeof l->name, "%s", name);
	table_set(&s->questions, key_of(&l->id), l);
	TAILQ_INSERT_TAIL(&s->link[l->to].unasked, l, link);
	ask(&s->link[l->to]);
	sender_wake(s); /* for the tick */
}

bool lookup_waits(const struct sender *s)
{
	return s->questions.n > 0;
}

/* --- answers ------------------------------------------------------------------------ */

static void give_up(struct sender *s, struct lookup *l, enum dns_state state)
{
	struct resolver_addresses a = { .id = l->id, .state = state };
	struct dns_answer x = { .id = l->id, .state = state, .canonical = STR(""), .why = STR("") };

	lookup_stop(s, l);
	snprintf(a.error, sizeof a.error, "%s", dns_state_text(state));
	if (l->kind == LOOKUP_ADDRESSES)
		l->addresses(l, &a);
	else if (l->kind == LOOKUP_RECORDS)
		l->answered(l, &x);
	else
		l->told(l, NULL);
}

static void take(struct sender *s, const struct ipc_msg *m)
{
	struct resolver_addresses a;
	struct dns_answer x;
	struct arena arena;
	struct lookup *l;
	uint64_t id;
	int r = 0;

	if (ipc_get_u64(m, "id", UINT64_MAX, &id) || !(l = table_get(&s->questions, key_of(&id))))
		return; /* too late */
	arena_init(&arena);
	if (l->kind == LOOKUP_ADDRESSES)
		r = resolver_parse_address(m, &a);
	else if (l->kind == LOOKUP_RECORDS)
		r = resolver_parse(m, l->type, &arena, &x);
	if (r < 0) {
		give_up(s, l, DNS_SERVFAIL);
	} else {
		lookup_stop(s, l);
		if (l->kind == LOOKUP_ADDRESSES)
			l->addresses(l, &a);
		else if (l->kind == LOOKUP_RECORDS)
			l->answered(l, &x);
		else
			l->told(l, m);
	}
	arena_done(&arena);
}

void lookup_tick(struct sender *s)
{
	struct lookup *l;
	size_t i;

	for (i = 0; i < LOOKUP_LINKS; i++) {
		struct lookup_link *k = &s->link[i];

		while ((l = TAILQ_FIRST(&k->asked)) && deadline_passed(l->until))
			give_up(s, l, DNS_TIMEOUT);
		while (k->fd < 0 && (l = TAILQ_FIRST(&k->unasked)) && deadline_passed(l->until))
			give_up(s, l, DNS_AWAY);
		ask(k);
	}
}

/* --- the links ------------------------------------------------------------------------- */

/* The other side died: master starts it anew and sends a new link; what was asked is asked again. */
static void lost(struct lookup_link *k)
{
	struct lookup *l;

	if (k->fd < 0)
		return;
	event_del(&k->ev);
	event_del(&k->ev_out);
	fd_close(&k->fd);
	while ((l = TAILQ_LAST(&k->asked, lookup_list))) {
		TAILQ_REMOVE(&k->asked, l, link);
		TAILQ_INSERT_HEAD(&k->unasked, l, link);
		l->sent = false;
	}
	k->nasked = 0;
}

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct lookup_link *k = arg;
	struct ipc_msg m;
	int i, r = 0;

	(void)what;
	for (i = 0; i < 64 && r == 0 && k->fd == fd; i++) {
		r = ipc_try_recv(fd, &m);
		if (r == 0)
			take(k->sender, &m);
		ipc_done(&m);
	}
	if (r < 0 && r != -EAGAIN && r != -EINTR)
		lost(k);
	ask(k);
}

static void writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	ask(arg);
}

void lookup_linked(struct sender *s, enum lookup_to to, int fd)
{
	struct lookup_link *k = &s->link[to];

	lost(k);
	fd_nonblock(fd, true);
	k->fd = fd;
	event_assign(&k->ev, s->base, fd, EV_READ | EV_PERSIST, readable, k);
	event_assign(&k->ev_out, s->base, fd, EV_WRITE, writable, k);
	event_add(&k->ev, NULL);
	ask(k);
}
