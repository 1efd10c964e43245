/* SPDX-License-Identifier: ISC
 *
 * queue_result.c: fuzz target of what a sender tells the queue of its jobs:
 * each recipient has at most one result, and that makes sense.
 */
#include "smtp/queue/queue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct job *make(struct queue *q, int *who)
{
	struct envelope_rcpt r = { .address = STR("anna@example.net") };
	struct rcpt_row x = { .m = 1, .dest = STR("example.net") };
	struct message_row row = { .m = 1, .id = STR("m1") };
	struct envelope e = { .id = STR("m1"), .rcpt = &r, .nrcpt = 1 };
	struct job *j;

	LIST_INIT(&q->jobs);
	table_init(&q->dests);
	j = job_new(q, &row, &e, 0, &x);
	for (r.number = 1; r.number <= 3; r.number++)
		BUG_ON(!job_add(j, &r, &x));
	jobs_ready(q, who, false, 1);
	j->state = JOB_SENT;
	j->sender = &q->sender[0];
	return j;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct conf *conf;
	struct queue q = { 0 };
	struct ipc_msg m;
	struct job *j;
	int who;
	size_t i;

	if (!conf)
		conf = conf_defaults();
	q.conf = conf;
	j = make(&q, &who);
	if (ipc_parse(str_make(data, size), &m) == 0)
		(void)jobs_result(&q, &who, &m);
	ipc_done(&m);
	for (i = 0; i < j->n; i++)
		BUG_ON(j->rcpt[i].told && ((j->rcpt[i].code && j->rcpt[i].code < 200) || j->rcpt[i].code > 599 || !j->rcpt[i].status.n ||
			j->rcpt[i].reply.n > QUEUE_REPLY_MAX));
	job_free(&q, j);
	dests_done(&q);
	return 0;
}
