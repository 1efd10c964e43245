/* SPDX-License-Identifier: ISC
 *
 * tasks.h: private to smtp/queue/: what the admin asked for, slice by slice.
 */
#ifndef MANSIO_SMTP_QUEUE_TASKS_H
#define MANSIO_SMTP_QUEUE_TASKS_H

#include "smtp/queue/queue.h"

/* Those that look, or change a list, stand first; then those that change recipients; last those that may end messages. */
enum task_verb {
	TASK_LIST, TASK_SHOW, TASK_SUPPRESSIONS, TASK_DESTINATIONS, TASK_DESTINATION, TASK_WARMUPS,
	TASK_LIMITS, TASK_LIMIT_RESET, TASK_SUPPRESS, TASK_UNSUPPRESS,
	TASK_RETRY, TASK_HOLD, TASK_RELEASE, TASK_REROUTE, TASK_REMOVE, TASK_BOUNCE
};
enum task_by { BY_NONE, BY_DESTINATION, BY_SENDER };

struct filter {
	int64_t *m; /* messages by their ids, or NULL: all */
	size_t n;
	struct str sender, recipient, domain; /* p NULL: any */
	int64_t older; /* s */
	int state; /* -1: any */
};

struct outgoing {
	STAILQ_ENTRY(outgoing) link;
	struct ipc_msg m;
};

struct task {
	LIST_ENTRY(task) link;
	struct arena arena;
	enum task_verb verb;
	enum task_by by;
	struct filter filter;
	struct str hop; /* REROUTE: host:port, empty: its own way */
	bool fresh; /* RETRY: as if it came now */
	int64_t seconds; /* SUPPRESS: how long */
	struct str text; /* ... and why, empty: nothing was said; SUPPRESSIONS: only those with this text */
	const char *none; /* what is said if nothing was changed; NULL: "nothing matches" */
	uint64_t question; /* SUPPRESS: whether the address is ours is being asked, 0: no */
	deadline asked; /* ... until then */
	int reply;
	/* how far it is */
	size_t next; /* of filter.m */
	int64_t after; /* message */
	struct str *names; /* DESTINATIONS: all that there are at the start */
	size_t nnames;
	struct buf cursor; /* its bytes */
	struct table sums; /* destination or sender -> struct sum */
	uint64_t recipients, messages;
	uint64_t stopped; /* RELEASE: of the recipients, on the suppression list */
	uint64_t limit; /* recipients in a list, 0: no limit */
	bool cut; /* there are more */
	size_t nout;
	bool ended; /* no more slices */
	bool ran; /* in this turn */
	STAILQ_HEAD(outgoing_list, outgoing) out;
	deadline stuck; /* the command does not read: given up then */
};

extern const char *const task_states[RCPT_STATES]; /* of recipients, as the verbs name them */
bool task_is_in(struct str address, struct str domain); /* an address of that domain */
/* verbs.c: a question of the command. Takes the descriptor "reply" out of m. */
void verbs_message(struct queue *q, struct ipc_msg *m);
void task_result(struct task *t, struct ipc_msg *m); /* takes m */
/* The field `next`: s until the next attempt, "-" where none will come by itself. */
void task_next(struct ipc_msg *m, bool any, int64_t seconds);
void task_end(struct task *t, int code, const char *error);
/* lists.c: true while there is more */
bool lists_slice(struct queue *q, struct task *t);
/* task_change.c: does to the recipient what the verb says; false: not in this state */
bool task_change(struct queue *q, struct task *t, const struct message_row *row, struct rcpt_row *x);
/* tasks.c */
void task_start(struct queue *q, struct task *t); /* takes t */
void tasks_slice(struct queue *q);
void tasks_committed(struct queue *q, bool ok);
void tasks_stop(struct queue *q);
bool tasks_stuck(const struct queue *q); /* one waits for its command to read */
int64_t tasks_wait(const struct queue *q); /* ms until one gives up a question of its own */
enum ours { OURS_UNKNOWN, OURS_NO, OURS_YES };
void tasks_ask_again(struct queue *q); /* there is another who answers ops->ours */
/* The answer to ops->ours. */
void tasks_ours(struct queue *q, uint64_t question, enum ours ours);
struct str tasks_asked(const struct queue *q, uint64_t question); /* its address; empty: nobody waits for it */

#endif
