/* SPDX-License-Identifier: ISC
 *
 * verbs_ban.c: mansio ban list|add|remove: networks whose logins are refused (ban.h). Answered by
 * authd's main process, which alone knows.
 */
#include <sysexits.h>

#include "auth/gate.h"
#include "auth/guard.h"
#include "base/clock.h"
#include "conf/value.h"

#define COMMENT_MAX BAN_COMMENT
#define LIST_MAX 10000

struct list {
	struct client *out;
	struct str match;
	uint64_t n, limit;
};

static void time_field(struct ipc_msg *m, const char *name, int64_t ms)
{
	ipc_set_u64(m, name, (uint64_t)MAX(clock_unix() + ms / 1000, 0));
}

static void send_row(void *arg, const struct ban_row *row)
{
	char net[ADDR_TEXT + 8], ip[ADDR_TEXT];
	struct list *l = arg;
	struct ipc_msg m;

	snprintf(net, sizeof(net), "%s/%u", addr_text(&row->net.net, ip), row->net.bits);
	if (l->n >= l->limit || (l->match.n > 0 && str_search(str_of(net), l->match) < 0))
		return;
	l->n++;
	ipc_init(&m, "result");
	ipc_setc(&m, "network", net);
	time_field(&m, "since", -row->since_ms);
	if (row->left_ms > 0)
		time_field(&m, "until", row->left_ms);
	else
		ipc_setc(&m, "until", "");
	ipc_set_u64(&m, "count", row->count);
	ipc_setc(&m, "door", row->door ? "closed" : "open");
	ipc_setc(&m, "reason", row->manual ? (row->comment[0] ? row->comment : "by hand") :
		row->door ? "failed logins" : "failed logins; accounts known there may still log in");
	client_send(l->out, &m);
}

static void list(const struct ipc_msg *m, int reply)
{
	struct list l = { .match = ipc_get(m, "match"), .limit = LIST_MAX };

	ipc_get_u64(m, "limit", LIST_MAX - 1, &l.limit);
	if (l.limit == 0)
		l.limit = LIST_MAX;
	l.out = client_new("reply", 0, reply);
	client_hold(l.out);
	bans_each(guard_bans(), guard_now(), send_row, &l);
	gate_end(l.out);
}

static void add(const struct ipc_msg *m, int reply, const struct addr_net *net)
{
	struct str time = ipc_get(m, "time"), comment = ipc_get(m, "comment");
	char text[COMMENT_MAX + 1];
	int64_t ms = 0;

	if (time.n > 0 && (conf_time_parse(time, &ms) < 0 || ms <= 0)) {
		gate_answer(reply, EX_DATAERR, "time: like 30m, 2h, 3d", NULL);
		return;
	}
	if (comment.n > COMMENT_MAX || !str_is_line(comment)) {
		gate_answer(reply, EX_DATAERR, "comment: one line of at most 63 bytes of UTF-8, without control characters", NULL);
		return;
	}
	snprintf(text, sizeof(text), "%.*s", STRF(comment));
	bans_add(guard_bans(), net, ms, text, guard_now());
	gate_answer(reply, EX_OK, NULL, NULL);
}

bool guard_verb(const struct ipc_msg *m, int reply)
{
	struct str verb = ipc_get(m, "verb");
	struct addr_net net;

	if (!str_starts(verb, "ban "))
		return false;
	if (str_eqc(verb, "ban list"))
		list(m, reply);
	else if (addr_net_parse(ipc_get(m, "network"), &net) < 0)
		gate_answer(reply, EX_DATAERR, "network: like 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32, with nothing behind its bits (not 192.0.2.7/24)", NULL);
	else if (str_eqc(verb, "ban add"))
		add(m, reply, &net);
	else if (bans_remove(guard_bans(), &net, guard_now()))
		gate_answer(reply, EX_OK, NULL, NULL);
	else
		gate_answer(reply, EX_NOUSER, "this network is not banned; 'mansio ban list' shows those that are", NULL);
	return true;
}
