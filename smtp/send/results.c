/* SPDX-License-Identifier: ISC
 *
 * results.c: what queued is told (docs/QUEUE.md): results of jobs, and how many more it may
 * send. All of it goes through one line, as far as the link takes it.
 */
#include "smtp/send/sender.h"

#include "base/file.h"
#include "trace/trace.h"

#define RESULTS 30 /* recipients in one message, so that their replies fit */

void results_flush(struct sender *s)
{
	while (s->results && s->queued >= 0) {
		struct result *x = s->results;
		int r = ipc_try_send(s->queued, &x->m);

		if (r == -EAGAIN) {
			event_add(&s->ev_queued_out, NULL);
			return;
		}
		if (r == E_CLOSED) {
			sender_queued_lost(s);
			return;
		}
		if (r) /* cannot be said: queued learns of it by the job's time */
			trace_event(TRACE_ERROR, "result-lost", NULL, "%s", err_text(r));
		s->results = x->next;
		if (!s->results)
			s->last_result = &s->results;
		ipc_done(&x->m);
		free(x);
	}
}

static struct ipc_msg *new_result(struct sender *s)
{
	struct result *x = mem_alloc(1, sizeof *x);

	*s->last_result = x;
	s->last_result = &x->next;
	return &x->m;
}

void results_forget(struct sender *s)
{
	while (s->results) {
		struct result *x = s->results;

		s->results = x->next;
		ipc_done(&x->m);
		free(x);
	}
	s->last_result = &s->results;
}

void sender_tell_dest(struct sender *s, const char *name, const struct dsn *down, int64_t ms)
{
	struct ipc_msg *m;

	if (s->queued < 0)
		return;
	m = new_result(s);
	ipc_init(m, "dest");
	ipc_setc(m, "name", name);
	ipc_setc(m, "state", down ? "down" : "up");
	if (down) {
		ipc_set_u64(m, "again", (uint64_t)(ms + 999) / 1000);
		ipc_set_u64(m, "code", (uint64_t)down->code);
		ipc_setc(m, "status", down->status);
		ipc_setc(m, "reply", down->text);
	}
}

/* --- places ------------------------------------------------------------------ */

static void grant(struct sender *s, bool local)
{
	size_t places = route_places(s, local);
	struct ipc_msg *m;

	if (s->queued < 0 || s->stopping || s->granted[local] >= places)
		return;
	m = new_result(s);
	ipc_init(m, "ready");
	ipc_setc(m, "via", local ? "lmtp" : "smtp");
	ipc_set_u64(m, "n", places - s->granted[local]);
	s->granted[local] = places;
}

void places_grant(struct sender *s)
{
	grant(s, true);
	grant(s, false);
	results_flush(s);
}

/* Jobs of an earlier queued hold their places until they are done. */
void places_start(struct sender *s)
{
	s->granted[0] = s->in_hand[0];
	s->granted[1] = s->in_hand[1];
	places_grant(s);
}

/* --- jobs ---------------------------------------------------------------------- */

void sender_drop(struct sender *s, struct job *j)
{
	s->in_hand[j->lmtp]--;
	job_free(j);
}

void sender_done(struct sender *s, struct job *j)
{
	bool last = j->orphan || s->queued < 0, local = j->lmtp;

	while (!last)
		job_results(j, RESULTS, new_result(s), &last);
	s->granted[local] -= s->granted[local] > 0;
	sender_drop(s, j);
	grant(s, local);
	results_flush(s);
}

void sender_tell(struct sender *s, struct job *j)
{
	bool last;

	while (job_news(j) && !j->orphan && s->queued >= 0)
		job_results(j, RESULTS, new_result(s), &last);
	results_flush(s);
}
