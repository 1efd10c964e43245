/* SPDX-License-Identifier: ISC
 *
 * queue.h: private to smtp/queue/: the queue without its sockets.
 *
 *   queued.c    the process: loop, links, control
 *   turn.c      one turn: all changes that came together in one transaction
 *   message.c   files of the spool; a new message becomes rows
 *   jobs.c      attempts in hand: from rows to a job, and what the sender says
 *   outcome.c   results become rows
 *   ended.c     what ends without a word of another server: suppression, the administrator
 *   pick.c      which recipients are tried next
 *   dests.c     what is known of destinations
 *   catchup.c   what waits for a domain is tried now (ETRN)
 *   suppress.c  addresses to which nothing is sent     classify.c  kinds of failures
 *   limits.c    how much an account may send
 *   warmup.c    what new source addresses sent today
 *   sent.c      what has left          said.c   what others say of that: complaints, bounces
 *   recover.c   after a start: what was in hand, what is missing, what is left over
 *   held.c      what is held stays so without queue.db; what is wanted of mail in hand
 *   report.c    reports to the senders (RFC 3461 - 3464)
 *   notice.c    who hears of a refused forward
 *   verbs.c     mansio queue ...: a question becomes a task
 *   tasks.c     tasks, slice by slice      lists.c  those of suppressions and destinations
 *   ours.c      asks authd whether an address is of this server
 *   rows.c, rows_rcpts.c, rows_due.c  the database      schedule.c  when to try again
 *
 * Always true:
 * 1. Memory holds what came in this turn and the jobs in hand, `[queue] active` at most.
 * 2. A recipient in a job is ACTIVE in the database, and the other way round, but
 *    for those of a queued that has died (recover.c).
 * 3. What a turn wants to say (answers, jobs, names to unlink) is said after its commit.
 *    A turn that could not be committed because the disk is full is undone whole: puts
 *    are refused, results stay with their jobs and are written by a later turn. Any
 *    other failure of a sync or commit ends the process (q->failed): what is on the disk is
 *    not known, and only a new start looks.
 */
#ifndef MANSIO_SMTP_QUEUE_QUEUE_H
#define MANSIO_SMTP_QUEUE_QUEUE_H

#include <sys/queue.h>

#include "base/clock.h"
#include "base/table.h"
#include "net/ipc.h"
#include "smtp/queue/held.h"
#include "smtp/queue/limits.h"
#include "smtp/queue/rows.h"
#include "smtp/queue/schedule.h"
#include "smtp/queue/sent.h"
#include "smtp/queue/suppress.h"
#include "smtp/queue/warmup.h"

#define QUEUE_REPLY_MAX 1000 /* bytes kept of a remote reply */
#define QUEUE_SENDERS 64
#define REPLY_ADMIN "returned by the administrator of this server"
#define REPLY_REMOVED "removed by the administrator of this server"

/* --- what comes from and goes to the links (queued.c, or a test) --------------- */

struct queue;
struct queue_ops {
	/* The answer to a put: ok, exists, full, busy, limit, damaged. */
	void (*answer)(void *who, uint64_t question, const char *result);
	/* A job for a sender: 0, or -EAGAIN: it takes no more at the moment, E_CLOSED. */
	int (*job)(void *who, const struct ipc_msg *m);
	/* The answer to a catchup (net/catchup.h). */
	void (*caught)(void *who, uint64_t question, const char *result, uint64_t messages, uint64_t again);
	/* Is that address of this server? Answered by tasks_ours. 0; E_CLOSED: there will be tasks_ask_again; negative: it
	 * cannot be asked now. NULL: nobody is asked. */
	int (*ours)(uint64_t question, struct str address);
	/* Removes a file of the spool, soon (removal.h); NULL: at once. settle: all of them are gone. */
	void (*remove)(const char *id);
	void (*settle)(void);
};

struct sender {
	void *who; /* NULL: free place */
	uint64_t credit[2]; /* jobs that it may take: 0: outside, 1: here */
	deadline blocked; /* its socket is full until then */
	bool told; /* what new addresses sent today */
};

/* --- jobs ------------------------------------------------------------------------ */

/* What the admin wants of a recipient when the attempt in hand is over. */
enum job_wish { WISH_NONE, WISH_HOLD, WISH_REMOVE, WISH_BOUNCE };

struct job_rcpt {
	uint32_t number;
	struct str address, dest, orcpt;
	uint32_t notify, attempts;
	int64_t last; /* attempt that counted, 0: none */
	bool delayed;
	/* the result */
	int code; /* 0: not tried */
	int64_t again; /* code 0: s */
	struct str status, reply, remote, ip, tls, tried;
	bool dsn; /* the next server takes care of NOTIFY */
	bool patient; /* code 0: it waits as long as it must */
	bool memory; /* nobody was asked: the sender, or we, knew the answer from before */
	bool told, applied, applying, logged;
	enum job_wish wish;
};

/* NEW --send--> SENT --result done=1--> ENDED; sender gone, silent --> LOST; could not be
 * sent --> UNSENT. The last three are over as soon as their rows are committed. */
enum job_state { JOB_NEW, JOB_SENT, JOB_ENDED, JOB_LOST, JOB_UNSENT };

#define DEST_NAME_MAX 320

/* A destination that is in use, or of which the sender told something (dests.c). */
struct dest {
	unsigned jobs; /* in hand */
	bool answers; /* the last attempt was answered by a server, with whatever */
	uint32_t stream; /* who had the last turn */
	enum dest_state { DEST_UP, DEST_SLOW, DEST_DOWN } state;
	deadline until; /* of the state */
	deadline fresh; /* until then the next job tells the sender to forget what it knows of it */
	unsigned limit; /* SLOW: jobs at once */
	int64_t since; /* Unix seconds: of the state, as the admin is told (dest_shown) */
	int64_t said_at; /* Unix seconds: what came of the last attempt, 0: none in this life */
	char *said;
	int code;
	char status[12];
	char *reply; /* why, or NULL */
	char name[];
};

struct job {
	LIST_ENTRY(job) link;
	uint64_t id;
	enum job_state state;
	struct arena arena;
	struct message_row row;
	bool local;
	uint64_t offset, size;
	int fd; /* of its file, for reading, until it is sent; negative: to be opened */
	bool body8, smtputf8, requiretls, forward, report;
	bool confirmed; /* the sender of this forward, as the sender's process found */
	int ret, priority;
	struct str envid, user, peer, helo, from, alias;
	struct str verp; /* outside, of one recipient: its sender is made with these delimiters */
	struct str warm; /* counts for a new source address (warmup.c), p NULL: no */
	bool warm_applied, warm_applying;
	struct str to, hop; /* outside: the domain of all its recipients, empty if they are mixed */
	struct job_rcpt *rcpt;
	size_t n, max;
	size_t bytes; /* about, of its message */
	struct sender *sender;
	struct dest *dest;
	bool unanswered; /* its destination had not answered when it was begun */
	deadline until;
};

/* --- this turn ---------------------------------------------------------------------- */

struct put {
	STAILQ_ENTRY(put) link;
	void *who;
	uint64_t question;
	int fd;
	char id[ENVELOPE_ID_MAX + 1];
	struct envelope e;
	uint64_t offset;
	bool named; /* the file has its name */
	const char *result; /* decided already, or NULL */
};

struct name {
	STAILQ_ENTRY(name) link;
	char id[ENVELOPE_ID_MAX + 1];
};

struct turn {
	struct arena arena;
	STAILQ_HEAD(put_list, put) puts;
	size_t nputs;
	STAILQ_HEAD(name_list, name) unlink; /* after the commit */
	struct name_list made; /* reports: unlink if the commit fails */
	bool names; /* a file got its name: the directory must be synced */
	bool changed; /* something is to be written */
	int64_t about_m; /* the message whose envelope was read last, 0: none */
	struct envelope about;
};

struct task;
struct recovery {
	enum { RECOVER_ROWS, RECOVER_FILES, RECOVER_REST } phase;
	int64_t m; /* rows up to this one were looked at */
	void *dir; /* DIR */
	deadline again; /* REST: when the files are looked at next */
	uint64_t found, missing, removed;
};

struct queue {
	const struct conf *conf;
	const struct queue_ops *ops;
	struct schedule schedule;
	int spool;
	struct rows rows;
	struct suppress suppress;
	struct sent sent;
	struct warmup warmup;
	struct limits limits;
	struct held held;
	bool no_routes; /* the sender says so: mail of several domains may go to the smarthost in one job */
	int failed; /* the process must end */
	int64_t next_m, first_m; /* of the next message; of the first one that came in this life */
	uint64_t messages; /* about */
	struct turn turn;
	deadline full_until; /* the disk is full: nothing is tried before */
	struct sender sender[QUEUE_SENDERS];
	LIST_HEAD(job_list, job) jobs;
	size_t njobs, jobs_of[2]; /* [local] */
	size_t unanswered; /* of them */
	uint64_t next_job;
	struct table notices; /* domain -> how many today (notice.c) */
	struct table dests; /* name -> struct dest */
	bool backlog[2]; /* more was due than could be tried */
	int64_t next_due[2]; /* Unix seconds, INT64_MAX: none */
	int64_t next_release; /* of mail that is to leave later */
	char cursor[2][256]; /* destinations: where the next round goes on */
	bool capped[2]; /* this turn: every due destination has its share */
	struct recovery recovery;
	LIST_HEAD(catchup_list, catchup) catchups;
	struct table caught; /* domain -> int64_t: when it was caught up, monotonic ms */
	LIST_HEAD(task_list, task) tasks;
	size_t ntasks;
	uint64_t next_question; /* of ops->ours */
	deadline reports_after; /* the last one could not be written */
	struct queue_copy *copy; /* a backup looks at the queue (copy.h) */
	bool more; /* there is work for another turn at once */
	bool stopping;
	int64_t wall, mono; /* of the last look at the clocks */
	bool bring_back;
	deadline sweep_at;
};

/* Opens what is in the current directory (queue.db) and the spool; takes spool.
 * 0 or negative (E_FULL: later). */
int queue_open(struct queue *q, const struct conf *conf, const struct queue_ops *ops, int spool);
void queue_close(struct queue *q);
void queue_settings(struct queue *q, const struct conf *conf);

/* turn.c: everything that waits, in one transaction. Sets q->more if there is more to do at once. */
void queue_turn(struct queue *q);
/* ms until the next turn is due without a message from outside. */
int64_t queue_wait(const struct queue *q);
void queue_unlink_later(struct queue *q, struct str id);
void queue_made(struct queue *q, struct str id);

/* message.c */
/* A file for a new message: its descriptor, E_FULL, E_TEMP. */
int message_file(struct queue *q);
/* Takes fd. The answer comes by ops->answer. */
void message_put(struct queue *q, struct str id, int fd, void *who, uint64_t question);
void message_take(struct queue *q, struct put *p);
/* Head of a file: 0 and the envelope (in the arena), or negative. */
int message_head(int fd, struct arena *a, struct envelope *out, uint64_t *offset_out);
/* Opens the file of a message and reads its head. A descriptor or negative. */
int message_open(struct queue *q, struct str id, struct arena *a, struct envelope *out,
	uint64_t *offset_out);
/* Rows for a message; jobs for it if it may be tried at once. look: what its account's limits say, or NULL. */
void message_insert(struct queue *q, const struct envelope *e, uint64_t offset, bool at_once, struct limits_look *look);
void message_dest(const struct envelope_rcpt *r, struct arena *a, struct str *out);
/* The envelope of a message, read once a turn if it is asked for again and again. NULL: it cannot be read. */
const struct envelope *message_envelope(struct queue *q, const struct message_row *row);
/* NOTIFY of a recipient, which stands in the file alone. */
uint32_t message_notify(struct queue *q, const struct message_row *row, uint32_t number);
/* Its recipients are kept for the admin. */
void message_damaged(struct queue *q, const struct message_row *row, int err);
bool report_wanted(enum report_to reports, uint32_t notify, enum report_kind kind);

/* jobs.c */
#define JOB_RCPTS 100 /* recipients of a job */
#define JOB_BYTES 60000 /* of its message, about */
struct job *job_new(struct queue *q, const struct message_row *row, const struct envelope *e,
	uint64_t offset, const struct rcpt_row *x);
/* May go in one job with x: on the same way, and to the same destination where that counts. */
bool job_fits(const struct job *j, const struct rcpt_row *x);
/* false: it is full. */
bool job_add(struct job *j, const struct envelope_rcpt *r, const struct rcpt_row *x);
void job_free(struct queue *q, struct job *j);
void jobs_send(struct queue *q); /* all NEW ones, after the commit */
void jobs_drop_new(struct queue *q); /* the commit failed */
/* Is an attempt in hand, whose results are not all in the rows yet? */
bool jobs_of_message(const struct queue *q, int64_t m);
void jobs_ready(struct queue *q, void *who, bool local, uint64_t n);
bool jobs_routes(struct queue *q, const struct ipc_msg *m); /* what the sender knows of routes */
/* false: the sender broke the rules. */
bool jobs_result(struct queue *q, void *who, const struct ipc_msg *m);
void jobs_sender_gone(struct queue *q, void *who);
void jobs_timeouts(struct queue *q);
bool job_is_over(const struct job *j);
/* What MAIL says. Where the recipient's own one is no address the plain one will do. */
struct str job_sender(const struct job *j, struct arena *a);

/* outcome.c */
void jobs_apply(struct queue *q); /* results into rows */
void jobs_applied(struct queue *q, bool committed);
/* A recipient whose destination is down fails for now, as if it had been tried. */
void jobs_defer(struct queue *q, const struct rcpt_row *x, const struct dest *d);

/* ended.c: over by a word of this server */
/* The row of one that fails by it, but for `due`. why: the list's word, NULL: the administrator's. */
void ended_fill(struct rcpt_row *x, enum bounce_class class, const struct suppressed *why);
/* Of a message that comes: x, which has no row yet, fails. True: nobody is to be told, so it needs none. */
bool ended_new(const struct message_row *row, const struct envelope *e, const struct envelope_rcpt *r,
	struct rcpt_row *x, const struct suppressed *why);
/* One that waits is on the list. Its message may be gone then. */
void ended_suppressed(struct queue *q, const struct message_row *row, const struct rcpt_row *x, const struct suppressed *why);
/* The administrator bounces it, or removes it without a report. The caller looks whether that was the last of its message. */
void ended_bounced(struct queue *q, const struct message_row *row, struct rcpt_row *x);
void ended_removed(struct queue *q, const struct message_row *row, struct rcpt_row *x);

/* dests.c */
struct dest *dest_take(struct queue *q, struct str name); /* a job more */
void dest_give(struct queue *q, struct dest *d);
struct dest *dest_of(const struct queue *q, struct str name); /* NULL: nothing is known */
const struct dest *dest_down(const struct queue *q, struct str name); /* NULL: it is not */
bool dest_room(const struct queue *q, struct str name, uint64_t share); /* for one job more */
uint64_t dest_seconds(const struct dest *d); /* that its state lasts, 0: up */
bool dests_message(struct queue *q, const struct ipc_msg *m); /* false: the sender broke the rules */
void dests_sweep(struct queue *q);
void dests_done(struct queue *q);

/* It is to be tried as if nothing were known of it: not down, whatever the sender said, who is to forget it too. */
void dest_again(struct queue *q, struct str name);
/* What came of an attempt there: the words of a server of it (answers), or why there was none. */
void dest_said(struct dest *d, bool answers, struct str reply);
/* Its state as the admin is told: down from the first attempt that reached nobody until somebody answers there, be it
 * that it may be tried. */
enum dest_state dest_shown(const struct dest *d);

/* catchup.c: mail that waits for the domain (below: and all below it) is due now; answered by
 * ops->caught. */
void catchup_start(struct queue *q, struct str domain, bool below, void *who, uint64_t question);
/* Mail to a domain goes another way from now on: the same, as often as it is said, and answered to nobody.
 * ".example.net": what is below it; "": all that is outside. */
void catchup_way(struct queue *q, struct str domain);
void catchups_slice(struct queue *q);
void catchups_committed(struct queue *q, bool ok);
void catchups_gone(struct queue *q, const void *who);
void catchups_sweep(struct queue *q);
void catchups_stop(struct queue *q);

/* pick.c */
bool pick_may(struct queue *q, const struct rcpt_row *x, int64_t percent);
struct str pick_key(const struct rcpt_row *x); /* its destination: the hop, or dest */
uint64_t pick_room(const struct queue *q, bool local); /* jobs that may be started */
void pick_due(struct queue *q);

/* notice.c */
enum report_to notice_whom(const struct envelope *e);
/* The address that hears of this refused forward; false: no more today (told in the log). */
bool notice_take(struct queue *q, const struct message_row *row, const struct envelope *e, struct str *to_out);
void notices_done(struct queue *q);

/* said.c */
void said_complaint(struct queue *q, const struct ipc_msg *m);
void said_bounce(struct queue *q, const struct ipc_msg *m);

/* report.c */
void reports_make(struct queue *q);

/* recover.c */
void recover_start(struct queue *q);
void recover_slice(struct queue *q);
void recover_again(struct queue *q); /* a slice was undone: from the start */
void recover_stop(struct queue *q);

#endif
