/* SPDX-License-Identifier: ISC
 *
 * notice.c: who hears of a failure (queue.h, enum report_to), and how often.
 *
 * A message that an address of ours sends on was accepted from a stranger. If the target refuses it, a report to
 * the sender's address would hit whoever's name was forged (backscatter): so it goes there only when something
 * confirms the sender, as signd finds it (SPF, or a DKIM signature of his own). Otherwise the postmaster of the
 * alias's domain gets it, with the message, so that nothing is lost without a word. What forged mail in masses
 * makes of that is bounded a day and domain; beyond it the event `unreported` is the word.
 *
 * Nobody is told of a message without a sender: a refused report makes no other (RFC 5321 6.1), or two
 * servers whose postmasters forward to each other would never end.
 */
#include "smtp/queue/queue.h"
#include "trace/trace.h"

#define DAY 86400

struct notices {
	int64_t day;
	int64_t n;
};

enum report_to notice_whom(const struct envelope *e)
{
	if (!e->sender.n || e->report)
		return REPORTS_NOBODY;
	if (e->confirmed)
		return REPORTS_SENDER;
	return e->forward && str_find(e->alias, '@') >= 0 ? REPORTS_KEEPER : REPORTS_NOBODY;
}

static struct str domain_of(const struct envelope *e)
{
	return str_from(e->alias, (size_t)(str_rfind(e->alias, '@') + 1));
}

/* One notice more about this domain today? Domains of aliases are ours, so they are few. */
static bool take(struct queue *q, struct str domain)
{
	struct notices *c = table_get(&q->notices, domain);
	int64_t today = clock_unix() / DAY;

	if (!c) {
		c = mem_alloc(1, sizeof *c);
		table_set(&q->notices, domain, c);
	}
	if (c->day != today)
		*c = (struct notices){ .day = today };
	if (c->n >= q->conf->forward_notices)
		return false;
	c->n++;
	return true;
}

bool notice_take(struct queue *q, const struct message_row *row, const struct envelope *e, struct str *to_out)
{
	struct trace t;

	if (take(q, domain_of(e))) {
		*to_out = str_of(arena_fmt(&q->turn.arena, "postmaster@%.*s", STRF(domain_of(e))));
		return true;
	}
	trace_begin(&t, TRACE_WARN, "unreported");
	trace_str(&t, "s", row->session);
	trace_str(&t, "m", row->id);
	trace_str(&t, "from", str_sub(row->sender, 0, TRACE_TEXT));
	trace_str(&t, "alias", str_sub(e->alias, 0, TRACE_TEXT));
	trace_end(&t);
	return false;
}

static bool forget(struct str name, void *value, void *arg)
{
	(void)name, (void)arg;
	free(value);
	return true;
}

void notices_done(struct queue *q)
{
	table_each(&q->notices, forget, NULL);
	table_done(&q->notices);
}
