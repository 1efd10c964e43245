/* SPDX-License-Identifier: ISC
 *
 * summary.c: see summary.h.
 */
#include "trace/summary.h"

static const char *const fate_name[FATES] = { "waiting", "delivered", "failed", "held", "removed", "rejected" };

/* What is shown of several: the first of these that one of them has. */
static const enum fate by_care[] = { FATE_FAILED, FATE_HELD, FATE_WAITING, FATE_REFUSED, FATE_REMOVED, FATE_DONE };

static const struct {
	const char *event;
	enum fate fate;
} fates[] = {
	{ "delivered", FATE_DONE }, { "forwarded", FATE_DONE }, { "sent", FATE_DONE }, { "deferred", FATE_WAITING },
	{ "failed", FATE_FAILED }, { "expired", FATE_FAILED }, { "bounced", FATE_FAILED }, { "held", FATE_HELD },
	{ "released", FATE_WAITING }, { "removed", FATE_REMOVED }, { "undelivered", FATE_WAITING },
};

void summary_init(struct summary *x, const struct record *r, const struct fields *e, struct arena *a)
{
	bool done = fields_raw(e, "done").n > 0;
	size_t i;

	*x = (struct summary){ .time = r->time };
	x->m = arena_str(a, fields_raw(e, "m"));
	x->s = arena_str(a, fields_raw(e, "s"));
	x->from = arena_str(a, fields_raw(e, "from"));
	x->user = arena_str(a, fields_raw(e, "user"));
	x->mid = arena_str(a, fields_raw(e, "mid"));
	x->subject = arena_str(a, fields_raw(e, "subject"));
	x->size = fields_u64(e, "size");
	x->rcpts = fields_u64(e, "rcpts");
	x->last = arena_str(a, fields_raw(e, "reply"));
	x->accepted = str_eqc(fields_raw(e, "state"), "accepted");
	x->settled = !x->accepted || done;
	x->made = fields_raw(e, "made").n > 0;
	for (i = 0; i < e->n; i++) {
		if (str_eqc(e->f[i].key, "to") && x->nrcpt < FLIGHT_RCPTS) {
			x->rcpt[x->nrcpt].to = arena_str(a, e->f[i].raw);
			x->rcpt[x->nrcpt++].fate = !x->accepted ? FATE_REFUSED : done ? FATE_DONE : FATE_WAITING;
		}
		if (str_eqc(e->f[i].key, "box") && x->nbox < FLIGHT_RCPTS)
			x->box[x->nbox++] = arena_str(a, e->f[i].raw);
	}
}

void summary_event(struct summary *x, const struct record *r, const struct fields *e, struct arena *a)
{
	struct str to = fields_raw(e, "to"), reply = fields_raw(e, "reply");
	size_t i, k;

	(void)r;
	for (k = 0; k < ARRAY_LEN(fates) && !str_eqc(e->event, fates[k].event); k++)
		;
	if (k == ARRAY_LEN(fates) || !to.p)
		return;
	for (i = 0; i < x->nrcpt && !str_ieq(x->rcpt[i].to, to); i++)
		;
	if (i == x->nrcpt && x->nrcpt < FLIGHT_RCPTS) {
		x->rcpt[x->nrcpt++].to = arena_str(a, to);
		x->rcpts = MAX(x->rcpts, (uint64_t)x->nrcpt);
	}
	if (i == x->nrcpt)
		return;
	x->rcpt[i].fate = fates[k].fate;
	if (fates[k].fate == FATE_FAILED || str_eqc(e->event, "deferred"))
		x->last = arena_str(a, reply);
}

bool summary_narrow(struct summary *x, const struct scope *s)
{
	size_t i, n = 0;
	bool boxed = false;

	if (!x->made && (scope_has(s, x->from) || scope_has(s, x->user)))
		return true;
	for (i = 0; i < x->nbox; i++)
		boxed |= scope_has(s, x->box[i]);
	for (i = 0; i < x->nrcpt; i++)
		if (scope_has(s, x->rcpt[i].to))
			x->rcpt[n++] = x->rcpt[i];
	if (n < x->nrcpt)
		x->last = STR_NONE; /* perhaps it was another's */
	if (!n && boxed && x->nrcpt == 1) /* by an alias: its name is in the message anyway */
		n = 1;
	x->nrcpt = n;
	x->rcpts = n;
	return n || boxed;
}

static size_t count(const struct summary *x, enum fate f)
{
	size_t i, n = 0;

	for (i = 0; i < x->nrcpt; i++)
		n += x->rcpt[i].fate == f;
	return n;
}

const char *summary_state(const struct summary *x)
{
	size_t i;

	if (!x->accepted)
		return fate_name[FATE_REFUSED];
	for (i = 0; i < ARRAY_LEN(by_care); i++)
		if (count(x, by_care[i]))
			return fate_name[by_care[i]];
	return fate_name[FATE_DONE];
}

void summary_words(const struct summary *x, struct arena *a, struct buf *out)
{
	const char *comma = "";
	size_t i, n;

	if (!x->accepted) {
		buf_puts(out, "Refused: ");
		buf_str(out, x->last.n ? fields_text(a, x->last) : STR("it stayed with its sender."));
		return;
	}
	if (x->nrcpt < 2) {
		buf_fmt(out, "%c%s", ascii_upper(summary_state(x)[0]), summary_state(x) + 1);
	} else {
		for (i = 0; i < ARRAY_LEN(by_care); i++)
			if ((n = count(x, by_care[i]))) {
				buf_fmt(out, "%s%zu %s", comma, n, fate_name[by_care[i]]);
				comma = ", ";
			}
	}
	if (x->last.n && (count(x, FATE_FAILED) || count(x, FATE_WAITING))) {
		buf_puts(out, ": ");
		buf_str(out, fields_text(a, x->last));
	} else {
		buf_c(out, '.');
	}
}
