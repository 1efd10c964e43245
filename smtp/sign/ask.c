/* SPDX-License-Identifier: ISC
 *
 * ask.c: what the DNS tells of one message (see signd.h): each question is asked once, its answer is kept with
 * the message until that is answered. Questions have numbers above those of publish.c.
 */
#include "smtp/sign/signd.h"

#include "net/resolver.h"

#define QUESTIONS 200 /* of one message: 10 terms of SPF with 10 names each, the keys of a chain */
#define MEMORY 262144 /* bytes of answers of one message; what comes above that was not told */
#define FIRST ((uint64_t)1 << 32)

struct asked {
	struct asked *next;
	uint64_t id;
	struct str name;
	enum dns_type type;
	bool known;
	struct dns_answer answer;
};

static struct asked *new_question(struct inquiry *q, struct str name, enum dns_type type)
{
	struct asked *x = ARENA_NEW(&q->a, struct asked);

	x->name = arena_str(&q->a, name);
	x->type = type;
	x->next = q->first;
	q->first = x;
	q->n++;
	return x;
}

static void gave_up(struct asked *x, enum dns_state why)
{
	x->known = true;
	x->answer = (struct dns_answer){ .state = why };
}

const struct dns_answer *inquiry_ask(void *arg, struct str name, enum dns_type type)
{
	struct inquiry *q = arg;
	struct asked *x;
	int64_t wait = deadline_left(q->until);

	for (x = q->first; x; x = x->next)
		if (x->type == type && str_ieq(x->name, name))
			return x->known ? &x->answer : NULL;
	x = new_question(q, name, type);
	if (q->n > QUESTIONS)
		gave_up(x, DNS_BUSY);
	else if (q->d->resolver < 0 || wait <= 0)
		gave_up(x, DNS_AWAY);
	else {
		x->id = FIRST + ++q->d->inquiries;
		if (resolver_send(q->d->resolver, x->id, arena_cstr(&q->a, name), type, wait, false))
			gave_up(x, DNS_AWAY);
		else
			q->open++;
	}
	return x->known ? &x->answer : NULL;
}

bool inquiry_answer(struct inquiry *q, uint64_t id, const struct ipc_msg *m)
{
	struct asked *x;

	for (x = q->first; x && (x->id != id || x->known); x = x->next)
		;
	if (!x)
		return false;
	q->open--;
	x->known = true;
	if (q->a.used > MEMORY)
		gave_up(x, DNS_BUSY);
	else if (resolver_parse(m, x->type, &q->a, &x->answer))
		gave_up(x, DNS_SERVFAIL);
	return true;
}

void inquiry_lost(struct inquiry *q)
{
	struct asked *x;

	for (x = q->first; x; x = x->next)
		if (!x->known)
			gave_up(x, DNS_AWAY);
	q->open = 0;
}

void inquiry_init(struct inquiry *q, struct signd *d, int64_t wait_ms)
{
	*q = (struct inquiry){ .d = d, .until = deadline_in(wait_ms) };
	arena_init(&q->a);
}

void inquiry_done(struct inquiry *q)
{
	arena_done(&q->a);
}
