/* SPDX-License-Identifier: ISC
 *
 * authd_link.c: what each program may ask (auth.h), and how it is answered. The name of a link is master's word, so the
 * table at the end is the whole of the rights of all programs but front (exchange_messages.c) and webadmind (gate.c).
 * What is not in it drops the link.
 *
 *   message -> table -> answer at once, or lookup() -> answer
 *
 * A question holds its client, so an answer may come after the link closed.
 */
#include "auth/auth.h"
#include "auth/authd.h"
#include "auth/frame.h"
#include "auth/gate.h"
#include "base/clock.h"
#include "trace/trace.h"

#define QUESTIONS_MAX 10000 /* of one link, not answered yet */

struct question {
	struct client *c;
	uint64_t id;
	/* redeem */
	char service[16], session[RENEWAL_SESSION + 1];
	int64_t session_until; /* when the login is too old for a session to come back */
	bool with_key; /* rcpt */
	char *sender, *client; /* arrival: whose access is to be looked up */
	/* keys, rcpt */
	struct ipc_msg answer;
	size_t n, waiting;
	struct key_part {
		struct question *q;
		unsigned index;
	} *part;
};

static struct question *question_new(struct client *c, uint64_t id)
{
	struct question *q = mem_alloc(1, sizeof(*q));

	q->c = c;
	q->id = id;
	c->questions++;
	client_hold(c);
	return q;
}

/* Sends m as the answer; with it the question is over. No packet takes it: whoever asked tries later. */
static void answer(struct question *q, struct ipc_msg *m)
{
	struct client *c = q->c;
	uint64_t id = q->id;
	struct ipc_msg none;

	ipc_set_u64(m, "id", id);
	free(q->sender);
	free(q->client);
	free(q->part);
	free(q);
	c->questions--;
	if (client_send(c, m) < 0) {
		ipc_init(&none, "answer");
		ipc_set_u64(&none, "id", id);
		ipc_setc(&none, "result", "temp");
		client_send(c, &none);
	}
	client_release(c);
}

static void answer_result(struct question *q, const char *result)
{
	struct ipc_msg m;

	ipc_init(&m, "answer");
	ipc_setc(&m, "result", result);
	answer(q, &m);
}

/* --- redeem ----------------------------------------------------------------- */

static void copy_field(struct ipc_msg *to, const struct ipc_msg *from, const char *name)
{
	struct str v = ipc_get(from, name);

	if (v.p)
		ipc_set(to, name, v);
}

/* The ticket for the way back. An IMAP session's is its own, and lasts as long as the
 * session may; the others' lasts as long as a stay at the door. False: none. */
static bool renew_ticket(struct question *q, struct str user, char out[TICKET_LEN + 1])
{
	struct str service = str_of(q->service);
	int64_t now = clock_mono_ms();

	if (str_starts(service, "imap"))
		return q->session_until > now && renewal_issue(authd.renewals, str_of(q->session), user,
			service, q->session_until, out);
	ticket_issue(authd.tickets, user, service, now, authd.program.conf->auth_renew_time, out);
	return true;
}

static void redeem_identity(struct question *q, const struct ipc_msg *account)
{
	static const char *const fields[] = { "result", "user", "account", "name", "roles",
		"quota_bytes", "quota_messages" };
	char renew[TICKET_LEN + 1];
	struct str service = str_of(q->service);
	struct ipc_msg m;
	int key = -1;
	size_t i;

	if (service_has_key(service)) {
		key = key_open(&authd.keys, ipc_get(account, "home_local"), ipc_get(account, "home_domain"));
		if (key < 0) {
			trace_event(TRACE_ERROR, "key-failed", "", "%.*s: %s",
				STRF(ipc_get(account, "user")), err_text(key));
			answer_result(q, "temp");
			return;
		}
	}
	ipc_init(&m, "answer");
	for (i = 0; i < ARRAY_LEN(fields); i++)
		copy_field(&m, account, fields[i]);
	if (renew_ticket(q, ipc_get(account, "user"), renew))
		ipc_setc(&m, "renew", renew);
	explicit_bzero(renew, sizeof(renew));
	if (key >= 0)
		ipc_add_fd(&m, "key", key);
	answer(q, &m);
}

static void redeemed(void *arg, const struct ipc_msg *account)
{
	struct question *q = arg;

	if (!account)
		answer_result(q, "temp");
	else if (str_eqc(ipc_get(account, "result"), "inactive"))
		answer_result(q, "inactive");
	else if (!str_eqc(ipc_get(account, "result"), "ok"))
		answer_result(q, "unknown");
	else
		redeem_identity(q, account);
}

/* Which services' tickets a program may redeem. */
static bool may_redeem(const struct client *c, struct str service)
{
	if (strcmp(c->name, "imapd") == 0)
		return str_starts(service, "imap");
	if (strcmp(c->name, "pop3d") == 0)
		return str_starts(service, "pop3");
	return !service_has_key(service);
}

/* A login's ticket, or that of a session that comes back. */
static int redeem(struct question *q, struct str ticket, char **user_out)
{
	struct str service = str_of(q->service);
	int64_t now = clock_mono_ms();
	int r = ticket_redeem(authd.tickets, ticket, service, now, user_out);

	q->session_until = now + authd.program.conf->auth_session_age;
	if (r == E_NOTFOUND)
		r = renewal_redeem(authd.renewals, str_of(q->session), ticket, service, now, user_out,
			&q->session_until);
	return r;
}

static bool ask_redeem(struct client *c, struct ipc_msg *m, uint64_t id)
{
	struct str service = ipc_get(m, "service"), session = ipc_get(m, "session");
	struct question *q;
	char *user;

	if (!service_known(service) || !may_redeem(c, service))
		return false;
	q = question_new(c, id);
	snprintf(q->service, sizeof(q->service), "%.*s", STRF(service));
	if (session.n == RENEWAL_SESSION)
		snprintf(q->session, sizeof(q->session), "%.*s", STRF(session));
	if (redeem(q, ipc_get(m, "ticket"), &user) < 0) {
		answer_result(q, "unknown");
		return true;
	}
	lookup("account", STR(""), str_of(user), redeemed, q);
	free(user);
	return true;
}

/* --- keys -------------------------------------------------------------------- */

/* The last part sends the answer. */
static void part_ready(struct question *q)
{
	struct ipc_msg m = q->answer;

	if (--q->waiting == 0)
		answer(q, &m);
}

static void key_found(void *arg, const struct ipc_msg *account)
{
	struct key_part *part = arg;
	struct question *q = part->q;
	struct str result = account ? ipc_get(account, "result") : STR("temp");
	char name[24];
	int key;

	/* inactive accounts still receive */
	if (str_eqc(result, "ok") || str_eqc(result, "inactive")) {
		key = key_open(&authd.keys, ipc_get(account, "home_local"), ipc_get(account, "home_domain"));
		snprintf(name, sizeof(name), "key.%u", part->index);
		if (key >= 0)
			ipc_add_fd(&q->answer, name, key);
		else
			trace_event(TRACE_ERROR, "key-failed", "", "%.*s: %s",
				STRF(ipc_get(account, "user")), err_text(key));
	}
	part_ready(q);
}

static bool ask_keys(struct client *c, struct ipc_msg *m, uint64_t id)
{
	struct question *q;
	unsigned i;
	size_t n = 0;

	while (n <= IPC_MAX_FDS && ipc_get_nth(m, "account", n).p)
		n++;
	if (n > IPC_MAX_FDS)
		return false;
	q = question_new(c, id);
	ipc_init(&q->answer, "answer");
	ipc_setc(&q->answer, "result", "ok");
	q->waiting = n + 1; /* and this function itself */
	q->part = mem_alloc(n + 1, sizeof(*q->part));
	for (i = 0; i < n; i++) {
		q->part[i].q = q;
		q->part[i].index = i;
		lookup("account", STR(""), ipc_get_nth(m, "account", i), key_found, &q->part[i]);
	}
	part_ready(q);
	return true;
}

/* --- rcpt, sender ----------------------------------------------------------- */

/* The worker's answer goes on as it is; with the key of the only target, if asked for. */
static void resolved(void *arg, const struct ipc_msg *found)
{
	struct question *q = arg;
	struct ipc_msg *m = &q->answer;

	if (!found) {
		answer_result(q, "temp");
		return;
	}
	ipc_init(m, "answer");
	ipc_set_all(m, found);
	q->waiting = 1;
	if (q->with_key && ipc_get(m, "target").p && !ipc_get_nth(m, "target", 1).p) {
		q->waiting++;
		q->part = mem_alloc(1, sizeof(*q->part));
		q->part->q = q;
		lookup("account", STR(""), ipc_get(m, "target"), key_found, q->part);
	}
	part_ready(q);
}

/* What the rules say of client and sender goes before what they say of the recipient. */
static void access_found(void *arg, const struct ipc_msg *found)
{
	struct question *q = arg;
	struct ipc_msg m = q->answer;
	struct str action = found ? ipc_get(found, "access") : STR_NONE;

	if (!found) {
		ipc_done(&q->answer);
		answer_result(q, "temp");
		return;
	}
	if (action.p) {
		ipc_set(&m, "access_first", action);
		ipc_set(&m, "text_first", ipc_get(found, "text"));
	}
	answer(q, &m);
}

static void arrived(void *arg, const struct ipc_msg *found)
{
	struct question *q = arg;

	if (!found) {
		answer_result(q, "temp");
		return;
	}
	ipc_init(&q->answer, "answer");
	ipc_set_all(&q->answer, found);
	/* only reports come back, and only so many: nobody floods a person over us */
	if (str_eqc(ipc_get(found, "srs"), "good") && q->sender[0] == '\0' &&
		!bounce_take(&authd.bounces, ipc_get(found, "rewritten"), clock_unix(), authd.program.conf->forward_bounces))
		ipc_set_bool(&q->answer, "srs_limit", true);
	if (ipc_get_bool(found, "guarded")) {
		lookup("access", str_of(q->sender), str_of(q->client), access_found, q);
	} else {
		struct ipc_msg m = q->answer;

		answer(q, &m);
	}
}

static bool ask_arrival(struct client *c, struct ipc_msg *m, uint64_t id)
{
	struct question *q = question_new(c, id);
	struct arena *a = &m->arena;

	q->sender = mem_strdup(arena_cstr(a, ipc_get(m, "sender")));
	q->client = mem_strdup(arena_cstr(a, ipc_get(m, "client")));
	lookup("arrival", STR(""), ipc_get(m, "address"), arrived, q);
	return true;
}

static bool ask_rcpt(struct client *c, struct ipc_msg *m, uint64_t id)
{
	struct question *q = question_new(c, id);

	q->with_key = ipc_get_bool(m, "key") && strcmp(c->name, "lmtpd") == 0;
	lookup(ipc_get_bool(m, "own") ? "owner" : "rcpt", STR(""), ipc_get(m, "address"), resolved, q);
	return true;
}

static bool ask_sender(struct client *c, struct ipc_msg *m, uint64_t id)
{
	lookup("sender", ipc_get(m, "user"), ipc_get(m, "address"), resolved, question_new(c, id));
	return true;
}

static bool ask_srs(struct client *c, struct ipc_msg *m, uint64_t id)
{
	lookup("srs", ipc_get(m, "domain"), ipc_get(m, "sender"), resolved, question_new(c, id));
	return true;
}

/* --- link --------------------------------------------------------------------- */

/* A second link of the same standing, for a forked child. */
static bool ask_link(struct client *c, struct ipc_msg *m, uint64_t id)
{
	struct question *q = question_new(c, id);
	struct ipc_msg a;
	int pair[2];

	(void)m;
	if (ipc_pair(pair) < 0) {
		answer_result(q, "temp");
		return true;
	}
	client_new(c->name, c->instance, pair[0]);
	ipc_init(&a, "answer");
	ipc_setc(&a, "result", "ok");
	ipc_add_fd(&a, "link", pair[1]);
	answer(q, &a);
	return true;
}

/* --- route --------------------------------------------------------------------- */

/* No cache keeps the answer: there is a secret in it. */
static void route_found(struct pool_job *job, struct ipc_msg *found)
{
	struct question *q = job->arg;
	struct ipc_msg m;

	if (!found) {
		answer_result(q, "temp");
		return;
	}
	ipc_init(&m, "answer");
	ipc_set_all(&m, found);
	answer(q, &m);
}

static bool ask_route(struct client *c, struct ipc_msg *m, uint64_t id)
{
	struct pool_job *job = pool_job_new("route", route_found, question_new(c, id));

	job->lookup = true;
	ipc_set(&job->m, "address", ipc_get(m, "domain"));
	ipc_set(&job->m, "user", ipc_get(m, "sender"));
	ipc_set(&job->m, "recipient", ipc_get(m, "recipient"));
	ipc_set(&job->m, "from", ipc_get(m, "from"));
	if (!pool_add(authd.pool, STR(""), job)) {
		route_found(job, NULL);
		pool_job_free(job);
	}
	return true;
}

/* --- for a backup, for who looks after a domain -------------------------------------------------------------------- */

/* The worker's answer goes on with what it brings; it is not cached. */
static void passed_on(struct pool_job *job, struct ipc_msg *found)
{
	struct question *q = job->arg;
	struct ipc_msg m;
	int fd;

	if (!found || str_eqc(ipc_get(found, "result"), "temp")) {
		answer_result(q, "temp");
		return;
	}
	ipc_init(&m, "answer");
	ipc_set_all(&m, found);
	fd = ipc_take_fd(found, "database");
	if (fd >= 0)
		ipc_add_fd(&m, "database", fd);
	answer(q, &m);
}

static bool ask_worker(struct client *c, uint64_t id, const char *verb, struct str address)
{
	struct pool_job *job = pool_job_new(verb, passed_on, question_new(c, id));

	ipc_set(&job->m, "address", address);
	if (!pool_add(authd.pool, STR("backup"), job)) {
		passed_on(job, NULL);
		pool_job_free(job);
	}
	return true;
}

static bool ask_accounts(struct client *c, struct ipc_msg *m, uint64_t id)
{
	return ask_worker(c, id, "accounts", ipc_get(m, "after"));
}

static bool ask_copy(struct client *c, struct ipc_msg *m, uint64_t id)
{
	(void)m;
	return ask_worker(c, id, "copy", STR(""));
}

static bool ask_domain(struct client *c, struct ipc_msg *m, uint64_t id)
{
	return ask_worker(c, id, "domain", ipc_get(m, "domain"));
}

/* --- who may ask what ----------------------------------------------------------- */

static const struct {
	const char *verb;
	const char *programs; /* space at both ends */
	bool (*ask)(struct client *c, struct ipc_msg *m, uint64_t id);
} table[] = {
	{ "redeem", " smtpd imapd pop3d ", ask_redeem },
	{ "rcpt", " smtpd lmtpd mailboxd importd backupd queued ", ask_rcpt },
	{ "arrival", " smtpd ", ask_arrival },
	{ "sender", " smtpd ", ask_sender },
	{ "srs", " lmtpd ", ask_srs },
	{ "route", " sender ", ask_route },
	{ "keys", " lmtpd mailboxd importd backupd ", ask_keys },
	{ "domain", " signd checkd ", ask_domain },
	{ "link", " smtpd imapd pop3d lmtpd mailboxd importd backupd checkd ", ask_link },
	{ "accounts", " backupd ", ask_accounts },
	{ "copy", " backupd ", ask_copy },
};

static bool allowed(const char *programs, const char *name)
{
	char word[24];

	snprintf(word, sizeof(word), " %s ", name);
	return strstr(programs, word) != NULL;
}

bool link_message(struct client *c, struct ipc_msg *m)
{
	uint64_t id = 0;
	size_t i;

	if (strcmp(c->name, "front") == 0)
		return exchange_message(c, m);
	if (strcmp(c->name, "webadmind") == 0 && gate_message(c, m))
		return true;
	for (i = 0; i < ARRAY_LEN(table); i++)
		if (ipc_is(m, table[i].verb))
			break;
	if (i == ARRAY_LEN(table) || !allowed(table[i].programs, c->name) ||
	    ipc_get_u64(m, "id", UINT64_MAX, &id) < 0 || c->questions >= QUESTIONS_MAX) {
		trace_event(TRACE_WARN, "peer-dropped", "", "%s asked '%.*s'", c->name,
			STRF(m->verb));
		return false;
	}
	return table[i].ask(c, m, id);
}

void link_closed(struct client *c)
{
	exchange_drop_all(c);
}
