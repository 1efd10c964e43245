/* SPDX-License-Identifier: ISC
 *
 * verbs.c: mansio queue list, show, retry, hold, release, reroute, remove, bounce, mansio suppression and
 * mansio destination: a question becomes a task (tasks.c, lists.c do it), or is refused with a sentence.
 */
#include <sysexits.h>
#include <unistd.h>

#include "conf/value.h"
#include "mail/address.h"
#include "net/addr.h"
#include "smtp/queue/tasks.h"
#include "trace/trace.h"

#define TASKS_MAX 16
#define IDS_MAX 1000
#define HOP_MAX 280
#define COMMENT_MAX 200
#define LIMIT 10000 /* lines of a list, if nothing else is said: the command holds all of them */

static const struct {
	const char *name;
	enum task_verb verb;
} verbs[] = {
	{ "queue list", TASK_LIST }, { "queue show", TASK_SHOW }, { "queue retry", TASK_RETRY },
	{ "queue hold", TASK_HOLD }, { "queue release", TASK_RELEASE }, { "queue remove", TASK_REMOVE },
	{ "queue bounce", TASK_BOUNCE }, { "queue reroute", TASK_REROUTE },
	{ "suppression list", TASK_SUPPRESSIONS }, { "suppression add", TASK_SUPPRESS },
	{ "suppression remove", TASK_UNSUPPRESS }, { "destination list", TASK_DESTINATIONS },
	{ "destination show", TASK_DESTINATION }, { "warmup list", TASK_WARMUPS }, { "limit list", TASK_LIMITS }, { "limit reset", TASK_LIMIT_RESET },
};

static struct str lower(struct arena *a, struct str s)
{
	char *p = arena_cstr(a, s);
	size_t i;

	for (i = 0; i < s.n; i++)
		p[i] = ascii_lower(p[i]);
	return str_make(p, s.n);
}

static int state_named(struct str s)
{
	int i;

	for (i = 0; i < RCPT_STATES; i++)
		if (str_eqc(s, task_states[i]))
			return i;
	return -1;
}

/* The messages that were named. A sentence if one is not there. */
static const char *read_ids(struct queue *q, struct task *t, const struct ipc_msg *m, int *code)
{
	struct filter *f = &t->filter;
	struct str id;
	size_t n = 0;
	int r;

	while (ipc_get_nth(m, "message", n).p)
		n++;
	if (n == 0)
		return NULL;
	if (n > IDS_MAX)
		return "too many messages at once: 1000 are the most";
	f->m = arena_array(&t->arena, n, sizeof(*f->m));
	rows_begin(&q->rows);
	for (f->n = 0; f->n < n; f->n++) {
		id = ipc_get_nth(m, "message", f->n);
		r = rows_find(&q->rows, id, &f->m[f->n]);
		if (r == E_NOTFOUND) {
			*code = EX_NOUSER;
			return arena_fmt(&t->arena, "there is no message '%.*s' in the queue", STRF(id));
		}
		if (r < 0) {
			*code = EX_TEMPFAIL;
			return "the queue cannot be read at the moment";
		}
	}
	return NULL;
}

static const char *read_filter(struct task *t, const struct ipc_msg *m)
{
	struct filter *f = &t->filter;
	struct str older = ipc_get(m, "older"), state = ipc_get(m, "state");
	int64_t ms;

	f->sender = ipc_get(m, "sender");
	f->recipient = ipc_get(m, "recipient");
	f->domain = ipc_get(m, "domain");
	/* STR_NONE stays: any; an empty sender is the null sender */
	if (f->sender.p)
		f->sender = lower(&t->arena, str_eqc(f->sender, "<>") ? STR("") : f->sender);
	if (f->recipient.p)
		f->recipient = lower(&t->arena, f->recipient);
	if (f->domain.p)
		f->domain = lower(&t->arena, f->domain);
	if (older.p) {
		if (conf_time_parse(older, &ms) < 0)
			return "older: must be a time, like 30m, 2h, 3d";
		f->older = ms / 1000;
	}
	f->state = state.p ? state_named(state) : -1;
	if (state.p && f->state < 0)
		return "state: must be waiting, active, held, failed, done, damaged, scheduled or throttled";
	return NULL;
}

static bool selects(const struct filter *f)
{
	return f->m || f->sender.p || f->recipient.p || f->domain.p || f->older > 0 || f->state >= 0;
}

/* Host and port, by name or as an address. */
static const char *read_hop(struct task *t, const struct ipc_msg *m)
{
	struct str hop = ipc_get(m, "hop"), host;
	uint16_t port;
	bool literal;

	if (!hop.p)
		return "where to? Say hop=HOST:PORT, or hop= to let them go their own way again";
	if (hop.n && (hop.n > HOP_MAX || addr_split_hostport(hop, &host, &port, &literal) < 0 || port == 0))
		return "hop: must be HOST:PORT, like mail.example.net:25, 192.0.2.1:25 or [2001:db8::1]:25; or empty";
	t->hop = lower(&t->arena, hop);
	return NULL;
}

/* What is kept is a domain: an address there would stop more than was said. */
static const char *read_sender(struct task *t)
{
	struct str sender = t->filter.sender;
	ssize_t at = str_rfind(sender, '@');

	if (at >= 0)
		return arena_fmt(&t->arena, "sender: must be a domain, and all its senders are meant: say sender=%.*s, or leave it out",
			STRF(str_from(sender, (size_t)at + 1)));
	if (str_find(sender, '.') <= 0 || domain_normal(sender, &t->arena, &t->filter.domain) < 0)
		return "sender: must be a domain, like example.org";
	return NULL;
}

static const char *read_suppression(struct queue *q, struct task *t, const struct ipc_msg *m)
{
	struct str address = ipc_get(m, "address"), time = ipc_get(m, "time"), comment = ipc_get(m, "comment");
	int64_t ms = q->conf->queue_suppress ? q->conf->queue_suppress : 7 * INT64_C(86400000);
	struct address parsed;
	const char *wrong;

	if (t->verb == TASK_SUPPRESSIONS) {
		t->text = lower(&t->arena, ipc_get(m, "match"));
		buf_fmt(&t->cursor, "%.*s\n~", STRF(lower(&t->arena, str_sub(ipc_get(m, "after"), 0, DEST_NAME_MAX)))); /* all senders of it */
	}
	if (t->verb == TASK_LIMITS || t->verb == TASK_LIMIT_RESET)
		t->filter.sender = ipc_get(m, "address").p ? lower(&t->arena, address) : STR_NONE;
	if (t->verb != TASK_SUPPRESS && t->verb != TASK_UNSUPPRESS)
		return NULL;
	if (address.n > DEST_NAME_MAX || address_parse_all(address, &t->arena, &parsed) < 0 || !parsed.domain.n)
		return "address: must be one, like anna@example.net";
	t->filter.domain = STR(""); /* for all senders */
	if (t->filter.sender.n && (wrong = read_sender(t)) != NULL)
		return wrong;
	if (time.p && (conf_time_parse(time, &ms) < 0 || ms < 1000))
		return "time: must be a time, like 30m, 2h, 3d";
	if (comment.n > COMMENT_MAX || !str_is_line(comment))
		return "comment: one line of at most 200 bytes of UTF-8, without control characters";
	t->filter.recipient = lower(&t->arena, address);
	t->seconds = ms / 1000;
	t->text = arena_str(&t->arena, comment);
	return NULL;
}

static const char *read_question(struct queue *q, struct task *t, const struct ipc_msg *m, int *code)
{
	struct str by = ipc_get(m, "by");
	const char *wrong = read_filter(t, m);

	*code = EX_USAGE;
	t->limit = LIMIT;
	if (t->verb == TASK_DESTINATION) {
		t->names = arena_array(&t->arena, 1, sizeof(*t->names));
		t->names[t->nnames++] = lower(&t->arena, str_sub(ipc_get(m, "destination"), 0, DEST_NAME_MAX));
	}
	ipc_get_u64(m, "limit", INT64_MAX, &t->limit);
	if (!wrong)
		wrong = t->verb == TASK_REROUTE ? read_hop(t, m) : read_suppression(q, t, m);
	t->fresh = ipc_get_bool(m, "fresh") || str_eqc(ipc_get(m, "fresh"), "yes");
	if (!wrong)
		wrong = read_ids(q, t, m, code);
	if (wrong)
		return wrong;
	if (by.p && !str_eqc(by, "destination") && !str_eqc(by, "sender"))
		return "by: must be destination or sender";
	if (by.p && selects(&t->filter))
		return "by: cannot be combined with a choice of messages";
	if (by.p)
		t->by = str_eqc(by, "sender") ? BY_SENDER : BY_DESTINATION;
	if ((t->verb == TASK_SHOW || t->verb >= TASK_RETRY) && !selects(&t->filter) && !str_eqc(ipc_get(m, "all"), "yes"))
		return "which messages? Name them, or say sender=, recipient=, domain=, older=, state=, or --all";
	return NULL;
}

static struct task *task_new(int reply)
{
	struct task *t = mem_alloc(1, sizeof(*t));

	arena_init(&t->arena);
	table_init(&t->sums);
	buf_init(&t->cursor, 8192);
	STAILQ_INIT(&t->out);
	t->reply = reply;
	return t;
}

void verbs_message(struct queue *q, struct ipc_msg *m)
{
	struct str name = ipc_get(m, "verb");
	const char *wrong = NULL;
	struct task *t;
	int reply = ipc_take_fd(m, "reply"), code = EX_UNAVAILABLE;
	size_t i;

	if (reply < 0)
		return;
	for (i = 0; i < ARRAY_LEN(verbs) && !str_eqc(name, verbs[i].name); i++)
		;
	t = task_new(reply);
	if (i == ARRAY_LEN(verbs)) {
		wrong = "this program has no such verb";
	} else if (!q->rows.db || q->full_until) {
		code = EX_TEMPFAIL;
		wrong = "the disk of the queue is full: try again when there is room";
	} else if (q->ntasks >= TASKS_MAX) {
		code = EX_TEMPFAIL;
		wrong = "too many commands at once: try again";
	} else {
		t->verb = verbs[i].verb;
		wrong = read_question(q, t, m, &code);
	}
	if (wrong)
		task_end(t, code, wrong);
	task_start(q, t);
}
