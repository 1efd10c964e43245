/* SPDX-License-Identifier: ISC
 *
 * verbs.c: report list, report show, report send (see policyd.h).
 */
#include "smtp/policy/policyd.h"

#include <sysexits.h>
#include <unistd.h>

#include "mail/address.h"

#define LINES 200 /* if nothing is said */

static void finish(int reply, struct ipc_msg *m, int code, const char *error)
{
	ipc_set_bool(m, "done", true);
	ipc_set_u64(m, "code", (uint64_t)code);
	ipc_setc(m, "error", error);
	program_result(reply, m);
	ipc_done(m);
}

/* Without a field `scope` everything may be seen; with it what others say of these domains. */
static bool in_scope(const struct ipc_msg *m, const struct report_row *r)
{
	struct str s;
	size_t i;

	for (i = 0; (s = ipc_get_nth(m, "scope", i)).p; i++)
		if (r->state == REPORT_RECEIVED && str_ieq(s, r->domain))
			return true;
	return i == 0;
}

struct listing {
	const struct ipc_msg *m;
	int reply;
	uint64_t left;
};

static bool list_row(void *arg, const struct report_row *r)
{
	struct listing *l = arg;
	struct ipc_msg m;
	struct buf main, types;
	char day[11];

	if (!in_scope(l->m, r))
		return true;
	tlsrpt_day(r->start, day);
	buf_init(&main, 8192);
	buf_init(&types, 1024);
	reports_failures(r->id, &main);
	reports_types(r->id, &types);
	ipc_init(&m, "result");
	ipc_set_u64(&m, "id", (uint64_t)r->id);
	ipc_setc(&m, "day", day);
	ipc_set(&m, "domain", r->domain);
	ipc_setc(&m, "by", r->state == REPORT_RECEIVED ? "others" : "us");
	ipc_set(&m, "organisation", r->organisation);
	ipc_set(&m, "policies", buf_view(&types));
	ipc_set_u64(&m, "successes", r->ok);
	ipc_set_u64(&m, "failures", r->failed);
	ipc_set(&m, "results", buf_view(&main));
	ipc_setc(&m, "state", report_state_name(r->state));
	ipc_set(&m, "words", r->words);
	program_result(l->reply, &m);
	ipc_done(&m);
	buf_done(&types);
	buf_done(&main);
	return --l->left > 0;
}

static void list(struct ipc_msg *m, struct str domain, int reply)
{
	struct listing l = { .m = m, .reply = reply, .left = LINES };
	struct ipc_msg last;

	ipc_get_u64(m, "limit", UINT32_MAX, &l.left);
	if (l.left == 0)
		l.left = UINT64_MAX;
	reports_each(domain, list_row, &l);
	ipc_init(&last, "result");
	finish(reply, &last, EX_OK, NULL);
}

static const char *one_line(struct str lines, struct arena *a)
{
	struct buf b;
	const char *out;

	buf_init(&b, IPC_MAX);
	while (lines.n) {
		buf_str(&b, str_cut(&lines, '\n'));
		if (lines.n)
			buf_puts(&b, "; ");
	}
	out = arena_cstr(a, buf_view(&b));
	buf_done(&b);
	return out;
}

static void show_row(int reply, const struct tlsrpt_policy *y, const struct tlsrpt_failure *f)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set(&m, "policy", y->type);
	ipc_setc(&m, "text", one_line(y->text, &m.arena));
	ipc_setc(&m, "result", f ? NULL : "success");
	if (f)
		ipc_set(&m, "result", f->result);
	ipc_set_u64(&m, "sessions", f ? f->n : y->ok);
	ipc_set(&m, "mx", f ? f->mx : STR(""));
	ipc_set(&m, "ip", f ? f->ip : STR(""));
	ipc_set(&m, "from", f ? f->local : STR(""));
	ipc_set(&m, "helo", f ? f->helo : STR(""));
	ipc_set(&m, "words", f ? f->reason : STR(""));
	program_result(reply, &m);
	ipc_done(&m);
}

static void show(struct ipc_msg *m, int reply)
{
	struct report_row row;
	struct ipc_msg last;
	struct tlsrpt r;
	struct arena a;
	uint64_t id;
	size_t i, k;
	bool there;

	arena_init(&a);
	there = ipc_get_u64(m, "id", INT64_MAX, &id) == 0 && reports_load((int64_t)id, &a, &row, &r) == 0 && in_scope(m, &row);
	for (i = 0; there && i < r.npolicies; i++) {
		show_row(reply, &r.policy[i], NULL);
		for (k = 0; k < r.policy[i].nfailures; k++)
			show_row(reply, &r.policy[i], &r.policy[i].failure[k]);
	}
	ipc_init(&last, "result");
	finish(reply, &last, there ? EX_OK : EX_DATAERR, there ? NULL : "there is no such report");
	arena_done(&a);
}

static void send_now(struct policyd *p, struct str domain, int reply)
{
	const char *why;
	struct ipc_msg m;
	int64_t id = 0;

	ipc_init(&m, "result");
	if (!deliver_now(p, domain, &id, &why)) {
		finish(reply, &m, EX_UNAVAILABLE, why);
		return;
	}
	ipc_set_u64(&m, "id", (uint64_t)id);
	ipc_set(&m, "domain", domain);
	ipc_setc(&m, "state", report_state_name(REPORT_WAITING));
	finish(reply, &m, EX_OK, NULL);
}

void report_verb(struct policyd *p, struct ipc_msg *m)
{
	struct str verb = ipc_get(m, "verb"), domain = ipc_get(m, "domain"), normal;
	int reply = ipc_take_fd(m, "reply");
	struct ipc_msg last;

	if (reply < 0)
		return;
	if (domain.n && domain_normal(domain, &m->arena, &normal) == 0)
		domain = normal;
	if (p->reports)
		tally_flush(p);
	if (!p->reports) {
		ipc_init(&last, "result");
		finish(reply, &last, EX_UNAVAILABLE, "the reports cannot be opened: see the log");
	} else if (str_eqc(verb, "report list")) {
		list(m, domain, reply);
	} else if (str_eqc(verb, "report show")) {
		show(m, reply);
	} else if (str_eqc(verb, "report send")) {
		send_now(p, domain, reply);
	} else {
		ipc_init(&last, "result");
		finish(reply, &last, EX_USAGE, "unknown verb");
	}
	close(reply);
}
