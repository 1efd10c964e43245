/* SPDX-License-Identifier: ISC
 *
 * mailq.c: the queue in the form that scripts and people know from other mail
 * servers, from the verb `queue list`; and `sendmail -q`, the verb `queue retry`.
 */
#include <stdio.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "master/client.h"
#include "master/sendmail.h"

static int ask(const char *state, const char *verb, const char *flag, struct answer *out, struct buf *why)
{
	const struct verb *v = verb_named(verb);
	struct ipc_msg m;

	ipc_init(&m, "control");
	ipc_setc(&m, "verb", verb);
	if (flag)
		ipc_setc(&m, flag, "yes");
	client_ask(state, v, &m, out);
	ipc_done(&m);
	if (out->code)
		buf_puts(why, out->error);
	return out->code;
}

static uint64_t number(const struct ipc_msg *row, const char *name)
{
	uint64_t n = 0;

	ipc_get_u64(row, name, INT64_MAX, &n);
	return n;
}

/* "4x7k2m9q1abc*   1234 Sun Nov 22 02:30:00  sender" with * active, ! held, as elsewhere. */
static void first_line(const struct ipc_msg *row)
{
	time_t came = (time_t)(clock_unix() - (int64_t)number(row, "age"));
	struct str state = ipc_get(row, "state"), sender = ipc_get(row, "sender");
	char when[40] = "";
	struct tm tm;

	if (localtime_r(&came, &tm))
		strftime(when, sizeof(when), "%a %b %e %H:%M:%S", &tm);
	printf("%.*s%c %8llu %s  %.*s\n", STRF(ipc_get(row, "message")),
		str_eqc(state, "active") ? '*' : str_eqc(state, "held") ? '!' : ' ',
		(unsigned long long)number(row, "size"), when, STRF(sender.n ? sender : STR("MAILER-DAEMON")));
}

/* Rows of one message follow one another. */
static void list(const struct answer *a)
{
	struct str last = STR_NONE, id, reply;
	uint64_t bytes = 0;
	size_t i, n = 0;

	printf("-Queue ID-       --Size-- ---Arrival Time---- -Sender/Recipient-------\n");
	for (i = 0; i < a->n; i++) {
		id = ipc_get(&a->row[i], "message");
		if (!id.n)
			continue;
		if (!str_eq(id, last)) {
			if (n++)
				putchar('\n');
			bytes += number(&a->row[i], "size");
			first_line(&a->row[i]);
		}
		last = id;
		reply = ipc_get(&a->row[i], "reply");
		if (reply.n)
			printf("%44s(%.*s)\n", "", STRF(reply));
		printf("%44s%.*s\n", "", STRF(ipc_get(&a->row[i], "recipient")));
	}
	printf("\n-- %llu Kbytes in %zu Request%s.\n", (unsigned long long)(bytes + 1023) / 1024, n, n == 1 ? "" : "s");
}

int mailq(const char *state, struct buf *why)
{
	struct answer a = { 0 };
	int code = ask(state, "queue list", NULL, &a, why);

	if (code == 0 && (a.n == 0 || !ipc_get(&a.row[0], "message").n))
		printf("Mail queue is empty\n");
	else if (code == 0)
		list(&a);
	answer_done(&a);
	return code;
}

int mailq_flush(const char *state, struct buf *why)
{
	struct answer a = { 0 };
	int code = ask(state, "queue retry", "all", &a, why);

	answer_done(&a);
	if (code == EX_NOUSER) { /* nothing waits */
		buf_reset(why);
		code = 0;
	}
	return code;
}
