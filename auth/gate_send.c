/* SPDX-License-Identifier: ISC
 *
 * gate_send.c: mail by HTTP: who may send it gets a ticket for one hand-over to an smtpd.
 */
#include "auth/gate_private.h"

#include <sysexits.h>

#include "auth/ticket.h"
#include "base/clock.h"
#include "trace/trace.h"

/* A login as any other, for the log; the password was another time's. */
static void send_logged(const struct question *q, struct str user)
{
	struct trace t;
	char peer[ADDR_TEXT];

	trace_begin(&t, TRACE_INFO, "login");
	trace_str(&t, "s", str_sub(ipc_get(&q->m, "session"), 0, 20));
	trace_str(&t, "user", user);
	trace_s(&t, "service", "http");
	trace_str(&t, "mech", q->login[0] ? STR("cookie") : q->id.who);
	trace_s(&t, "peer", addr_text(&q->peer, peer));
	trace_s(&t, "tls", "yes");
	trace_end(&t);
}

static void send_allowed(struct question *q, struct str user)
{
	char ticket[TICKET_LEN + 1];
	struct ipc_msg m;

	ticket_issue(authd.tickets, user, STR("submission"), clock_mono_ms(), authd.program.conf->auth_ticket_time, ticket);
	send_logged(q, user);
	ipc_init(&m, "result");
	ipc_set(&m, "user", user);
	ipc_setc(&m, "ticket", ticket);
	explicit_bzero(ticket, sizeof(ticket));
	question_answer(q, &m);
}

/* The account that a token sends as, as it is now. */
static void send_account(void *arg, const struct ipc_msg *account)
{
	struct question *q = arg;
	struct str result = account ? ipc_get(account, "result") : STR("temp");

	if (str_eqc(result, "temp"))
		question_refuse(q, EX_TEMPFAIL, "the directory is not available: try again", NULL);
	else if (!str_eqc(result, "ok"))
		question_refuse(q, EX_NOPERM, "the account that this token sends as is not there, or not active", NULL);
	else
		send_allowed(q, ipc_get(account, "user"));
}

void gate_send(struct question *q)
{
	if (q->id.user.n > 0)
		send_allowed(q, q->id.user);
	else if (q->id.send.n > 0)
		lookup("account", STR(""), q->id.send, send_account, q);
	else
		question_refuse(q, EX_NOPERM, "this token may not send: it needs the role send:ADDRESS", NULL);
}
