/* SPDX-License-Identifier: ISC
 *
 * queue.h: a queue in a temporary folder for the tests of smtp/queue/, with
 * senders and submitters that are functions of the test.
 */
#ifndef MANSIO_TESTS_QUEUE_H
#define MANSIO_TESTS_QUEUE_H

#include "smtp/queue/tasks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define T0 INT64_C(1800000000) /* the wall clock at the start of a test */
#define BOX_JOBS 2000

struct box_job {
	struct ipc_msg m;
	uint64_t id;
	int fd;
};

struct box {
	char path[64];
	struct conf *conf;
	struct queue q;
	int spool;
	/* what the queue said */
	char answer[100][16];
	size_t nanswers;
	struct box_job job[BOX_JOBS];
	size_t njobs, seen;
	char caught[64]; /* the answer to a catchup: "RESULT MESSAGES[ again]" */
	struct ipc_msg told; /* the last message for a sender that was no job */
	size_t ntold;
	int job_error; /* what a sender's socket says */
};

extern struct box box;

/* settings: lines for a settings file, "" for the defaults. */
void box_open(const char *settings);
void box_again(const char *path, const char *settings); /* one that another process made */
void box_close(void);
/* As after kill -9 (what was in memory is gone) and a new start. */
void box_restart(void);
void box_settle(void); /* turns until there is nothing to do at once */

/* A message, put and answered. rcpt: "anna@example.org bert@example.net", local where
 * the domain is example.org. Its answer ("ok"). */
struct box_message {
	const char *id, *sender, *rcpt;
	bool unconfirmed;
	uint32_t notify;
	int ret, refused; /* refused: code of the first recipient */
	int64_t time; /* 0: now */
	int64_t release;
	int priority;
	const char *content, *envid, *verp, *future, *user;
};
const char *box_put(const struct box_message *m);
/* The same, without a turn. */
void box_ask_put(const struct box_message *m);
/* A sender with that many places of each way. */
void box_sender(uint64_t places);
/* The last job; NULL if there was none since the last call. */
struct box_job *box_job(void);
/* The result of all recipients of a job: "250 2.0.0 250 2.0.0 fine". */
void box_result(struct box_job *j, const char *result);
/* Of one of them; done: the last word. */
void box_result_one(struct box_job *j, uint32_t number, const char *result, bool done);
const char *box_field(struct box_job *j, const char *name);
/* "waiting", "active" ... of a recipient; "gone". */
const char *box_state(const char *id, uint32_t number);
struct rcpt_row *box_row(const char *id, uint32_t number); /* NULL: gone */
bool box_file(const char *id);
size_t box_files(void);
/* A verb: its last answer's code; its last row. */
int box_verb(const char *verb, const char *name, const char *value, struct ipc_msg *row_out);
int box_verb2(const char *verb, const char *name, const char *value, const char *name2, const char *value2,
	struct ipc_msg *row_out);

#endif
