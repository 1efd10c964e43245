/* SPDX-License-Identifier: ISC
 *
 * exchange.c: SASL exchanges of the fronts (auth.h), in authd's loop.
 *
 *   sasl-start --> RUN --continue--> WAIT --sasl-step--> RUN
 *                   |                 |
 *                   | ok, fail        | deadline, sasl-abort, link closed
 *                   v                 v
 *                  LATE --timer--> answered, gone
 *
 *   RUN --ask--> ASK --oauthd's answer--> RUN
 *
 *   RUN   a worker has it, or it waits in its network's lane (fair.h)
 *   WAIT  the client's next step is awaited, at most auth.exchange_time
 *   ASK   the provider of tokens is asked (oauth_link.h), at most oauth.timeout
 *   LATE  the answer is known and held back (slowdown.h)
 *
 * A refused token is told in a "continue" (RFC 7628 3.2.2): it counts from then on, whether the client says another word or not.
 *
 * Invariants: an exchange stays with the worker that began it, and ends when
 * that one dies; every start and step is answered exactly once unless aborted;
 * a ticket is made at the moment in which "ok" goes out. The numbers that
 * workers see (serial) are ours: a front cannot reach another front's exchange.
 */
#include "auth/authd.h"
#include "auth/expiry.h"
#include "auth/frame.h"
#include "auth/guard.h"
#include "auth/oauth_link.h"
#include "auth/peek.h"
#include "auth/recent.h"
#include "base/clock.h"
#include "mail/address.h"
#include "trace/trace.h"

enum state { RUN, WAIT, ASK, LATE };

struct exchange {
	struct client *c;
	uint64_t id, serial;
	enum state state;
	struct arena a;
	struct sasl_start start; /* strings in the arena, no client data */
	struct str lane;
	struct pool_job *job; /* RUN */
	struct oauth_question *question; /* ASK */
	int worker;
	uint64_t life;
	struct event *timer;
	struct ipc_msg late; /* LATE: the answer, without the ticket */
	bool good; /* LATE: it is an "ok" */
	bool half; /* LATE, for the gate: the second factor is missing, `late` says what there is */
	bool sends; /* and would be one of submission, too */
	struct str user;
	struct str tried; /* the name that the client said; p NULL: none yet */
	enum ban_answer asked; /* whether it may be tried */
	struct recent_key recent;
	bool failed; /* it has: counted and logged, the client is told in one more step */
	int64_t failed_delay;
	/* a login at the gate instead of at a front: the outcome goes here, no ticket is made */
	exchange_fn *fn;
	void *arg;
};

/* Whose exchanges those of the gate are. */
static struct client gate = { .name = "gate", .fd = -1, .holds = 1 };

/* --- life of an exchange ---------------------------------------------------------- */

static void arm(struct exchange *x, int64_t ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000 };

	event_add(x->timer, &tv);
}

static struct str id_key(const uint64_t *id)
{
	return str_make(id, sizeof(*id));
}

static void exchange_free(struct exchange *x)
{
	struct client *c = x->c;

	table_remove(&c->exchanges, id_key(&x->id));
	if (x->question)
		oauth_forget(x->question);
	if (x->state != LATE) {
		c->questions--;
		authd.exchanges--;
	}
	event_free(x->timer);
	ipc_done(&x->late);
	arena_done(&x->a);
	free(x);
	client_release(c);
}

static void tell_abort(int worker, uint64_t life, uint64_t serial)
{
	struct ipc_msg m;

	ipc_init(&m, "sasl-abort");
	ipc_set_u64(&m, "id", serial);
	pool_tell(authd.pool, worker, life, &m);
	ipc_done(&m);
}

/* The worker forgets it too: now, or when it has answered its first message (unclaimed). */
static void abort_in_worker(struct exchange *x)
{
	if (x->job)
		pool_cancel(authd.pool, x->job);
	x->job = NULL;
	if (x->worker != POOL_ANY && x->state != LATE)
		tell_abort(x->worker, x->life, x->serial);
}

/* The client went away while a worker did its step: what the worker keeps for the next one has a place of few there. */
static void unclaimed(const struct pool_job *job, const struct ipc_msg *answer)
{
	struct str result = answer ? ipc_get(answer, "result") : STR("");
	uint64_t serial;

	if ((str_eqc(result, "continue") || str_eqc(result, "ask")) && ipc_get_u64(&job->m, "id", UINT64_MAX, &serial) == 0)
		tell_abort(job->worker, job->life, serial);
}

static void answer_begin(struct exchange *x, struct ipc_msg *m, const char *result)
{
	ipc_init(m, "sasl");
	ipc_set_u64(m, "id", x->id);
	ipc_setc(m, "result", result);
}

/* The last answer of an exchange; it is gone afterwards. */
static void answer_last(struct exchange *x, struct ipc_msg *m)
{
	struct client *c = x->c;

	client_hold(c);
	exchange_free(x);
	client_send(c, m);
	client_release(c);
}

/* The outcome for the gate; the exchange is gone when it hears of it. */
static void tell_gate(struct exchange *x, const char *result, const struct ipc_msg *answer)
{
	exchange_fn *fn = x->fn;
	void *arg = x->arg;
	char user[1024];

	snprintf(user, sizeof(user), "%.*s", STRF(x->user));
	exchange_free(x);
	fn(arg, result, str_of(user), answer);
}

static void answer_simple(struct exchange *x, const char *result, const char *text)
{
	struct ipc_msg m;

	if (x->fn) {
		tell_gate(x, result, NULL);
		return;
	}
	answer_begin(x, &m, result);
	ipc_setc(&m, "text", text);
	answer_last(x, &m);
}

static void log_result(const struct exchange *x, const char *event, struct str why, int64_t delay)
{
	struct trace t;
	char peer[ADDR_TEXT];

	trace_begin(&t, TRACE_INFO, event);
	trace_str(&t, "s", x->start.session);
	trace_str(&t, "user", x->user);
	trace_str(&t, "service", x->start.service);
	trace_str(&t, "mech", x->start.mech);
	trace_s(&t, "peer", x->start.peer.family ? addr_text(&x->start.peer, peer) : "local");
	trace_s(&t, "tls", x->start.tls ? "yes" : "no");
	if (why.n > 0)
		trace_str(&t, "why", why);
	if (delay > 0)
		trace_u64(&t, "delay_ms", (uint64_t)delay);
	trace_end(&t);
}

/* The counter of a security key went back (WebAuthn 6.1.1). */
static void log_copied(const struct exchange *x, struct str key)
{
	struct trace t;
	char peer[ADDR_TEXT];

	trace_begin(&t, TRACE_WARN, "key-copied");
	trace_str(&t, "user", x->user);
	trace_str(&t, "key", key);
	trace_s(&t, "peer", x->start.peer.family ? addr_text(&x->start.peer, peer) : "local");
	trace_end(&t);
}

/* x NULL: the client did not wait. */
static void log_moved_in(const struct exchange *x, struct str user)
{
	struct trace t;

	trace_begin(&t, TRACE_INFO, "moved-in");
	trace_str(&t, "s", x ? x->start.session : STR(""));
	trace_str(&t, "user", user);
	trace_end(&t);
}

/* Neither good nor bad. */
static void unavailable(struct exchange *x, struct str why)
{
	log_result(x, "login-unavailable", why, 0);
	if (!x->failed)
		guard_undecided(&x->start.peer, x->asked);
	answer_simple(x, "unavailable", NULL);
}

/* The held-back answer goes out now. */
static void answer_late(struct exchange *x)
{
	char ticket[TICKET_LEN + 1];
	struct ipc_msg m = x->late;
	/* an SMTP client may think between AUTH and its first MAIL; the others go on at once */
	int64_t life = str_starts(x->start.service, "submission") ?
		authd.program.conf->auth_renew_time : authd.program.conf->auth_ticket_time;

	x->late = (struct ipc_msg){ 0 };
	if (x->fn) {
		tell_gate(x, x->good ? "ok" : x->half ? "code" : "fail", &m);
		ipc_done(&m);
		return;
	}
	if (x->good && x->sends && service_has_key(x->start.service))
		before_login(&x->start.peer, x->user);
	if (x->good) {
		ticket_issue(authd.tickets, x->user, x->start.service, clock_mono_ms(), life, ticket);
		ipc_set(&m, "user", x->user);
		ipc_setc(&m, "ticket", ticket);
		explicit_bzero(ticket, sizeof(ticket));
	}
	answer_last(x, &m);
}

static void expired(evutil_socket_t fd, short what, void *arg)
{
	struct exchange *x = arg;

	(void)fd;
	(void)what;
	if (x->state == LATE) {
		answer_late(x);
		return;
	}
	abort_in_worker(x);
	if (x->state == ASK)
		unavailable(x, STR("the provider of tokens does not answer in time"));
	else if (x->state == RUN)
		answer_simple(x, "unavailable", "authentication takes too long");
	else
		exchange_free(x); /* no question is open: a later step hears "unavailable" */
}

/* Counts and logs an outcome: how long the answer waits, or SLOWDOWN_REFUSE. */
static int64_t counted(const struct exchange *x, const struct ipc_msg *answer, bool good)
{
	int64_t delay = good ? guard_good(x->tried, x->user, &x->start.peer, x->asked) :
			       guard_failed(x->tried, x->user, &x->start.peer, x->asked);

	log_result(x, delay == SLOWDOWN_REFUSE ? "login-refused" : good ? "login" : "login-failed",
		good ? STR("") : ipc_get(answer, "why"), delay);
	return delay;
}

/* The answer, `late`, goes out after so many ms, or (SLOWDOWN_REFUSE) another one now. */
static void hold(struct exchange *x, int64_t delay)
{
	if (delay == SLOWDOWN_REFUSE) {
		answer_simple(x, "limit", "too many failed logins: try again later");
		return;
	}
	x->state = LATE;
	x->c->questions--;
	authd.exchanges--;
	if (delay > 0)
		arm(x, delay);
	else
		answer_late(x);
}

/* Half a login. It waits like a good one, or its quick answer would tell the right guess from the wrong ones. */
static void decided_half(struct exchange *x, const struct ipc_msg *answer)
{
	x->half = true;
	answer_begin(x, &x->late, "code");
	ipc_set(&x->late, "ways", ipc_get(answer, "ways"));
	ipc_set(&x->late, "keys", ipc_get(answer, "keys"));
	hold(x, guard_half(x->user, &x->start.peer, x->asked));
}

/* The outcome is known: it may have to wait. */
static void decided(struct exchange *x, const struct ipc_msg *answer, bool good)
{
	int64_t delay;
	uint64_t expires = 0;

	x->good = good;
	x->sends = good && !ipc_get_bool(answer, "no_submission");
	delay = x->failed ? x->failed_delay : counted(x, answer, good);
	if (good && delay != SLOWDOWN_REFUSE && ipc_get_u64(answer, "expires", INT64_MAX, &expires) == 0)
		expiry_watch(x->user, expires);
	answer_begin(x, &x->late, good ? "ok" : "fail");
	if (good && ipc_get(answer, "data").p)
		ipc_set(&x->late, "data", ipc_get(answer, "data"));
	hold(x, delay);
}

static void step_done(struct pool_job *job, struct ipc_msg *answer);
static void run(struct exchange *x, struct pool_job *job);

/* What oauthd says is the exchange's next step. */
static void told(void *arg, const struct ipc_msg *answer)
{
	struct exchange *x = arg;
	struct pool_job *job = pool_job_new("sasl-told", step_done, x);

	x->question = NULL;
	job->worker = x->worker;
	job->life = x->life;
	ipc_set_u64(&job->m, "id", x->serial);
	ipc_set(&job->m, "result", ipc_get(answer, "result"));
	if (ipc_get(answer, "claims").p)
		ipc_set(&job->m, "claims", ipc_get(answer, "claims"));
	run(x, job);
}

/* The worker needs to know what only the provider does. */
static void ask(struct exchange *x, const struct ipc_msg *answer)
{
	const char *verb = str_eqc(ipc_get(answer, "ask"), "introspect") ? "introspect" : "renew";

	x->question = x->fn ? NULL : oauth_ask(verb, ipc_get(answer, "token"), told, x);
	x->state = ASK;
	if (x->question) {
		arm(x, authd.program.conf->oauth_timeout);
		return;
	}
	abort_in_worker(x);
	unavailable(x, STR("too many logins wait for the provider of tokens"));
}

static void step_done(struct pool_job *job, struct ipc_msg *answer)
{
	struct exchange *x = job->arg;
	struct str result;
	struct ipc_msg m;

	if (answer && ipc_get_bool(answer, "changed"))
		directory_changed(); /* better hash and keys were stored */
	if (answer && ipc_get_bool(answer, "moved_in"))
		log_moved_in(x, ipc_get(answer, "user"));
	if (!x) {
		unclaimed(job, answer);
		return;
	}
	x->job = NULL;
	x->worker = job->worker;
	x->life = job->life;
	result = answer ? ipc_get(answer, "result") : STR("unavailable");
	if (answer && ipc_get(answer, "user").n > 0)
		x->user = arena_str(&x->a, ipc_get(answer, "user"));
	if (str_eqc(result, "continue") && x->fn) {
		abort_in_worker(x);
		answer_simple(x, "unavailable", NULL);
	} else if (str_eqc(result, "continue")) {
		if (ipc_get_bool(answer, "failed") && !x->failed) {
			x->failed = true;
			x->failed_delay = counted(x, answer, false);
		}
		x->state = WAIT;
		arm(x, authd.program.conf->auth_exchange_time);
		answer_begin(x, &m, "continue");
		ipc_set(&m, "data", ipc_get(answer, "data"));
		client_send(x->c, &m);
	} else if (str_eqc(result, "ok") && x->user.n > 0 && !x->failed) {
		if (ipc_get_bool(answer, "lasting"))
			recent_keep(&x->recent, x->user);
		decided(x, answer, true);
	} else if (str_eqc(result, "code") && x->fn) {
		decided_half(x, answer);
	} else if (str_eqc(result, "fail")) {
		if (ipc_get(answer, "copied").p)
			log_copied(x, ipc_get(answer, "copied"));
		decided(x, answer, false);
	} else if (str_eqc(result, "clock")) { /* no guess of anything */
		log_result(x, "login-failed", ipc_get(answer, "why"), 0);
		guard_undecided(&x->start.peer, x->asked);
		answer_simple(x, "clock", NULL);
	} else if (str_eqc(result, "ask")) {
		ask(x, answer);
	} else {
		unavailable(x, answer ? ipc_get(answer, "why") : STR("worker died"));
	}
}

/* Whether the try may be made at all: asked with the first message that says a name, before
 * any work is done for it. False: it may not, and the exchange is gone. */
static bool allowed(struct exchange *x, struct str data)
{
	if (x->tried.p || !data.p)
		return true;
	x->tried = peek_name(x->start.mech, data, &x->a);
	x->asked = guard_ask(x->tried, &x->start.peer, x->start.service);
	if (x->asked != BAN_BANNED && x->asked != BAN_TRIES)
		return true;
	abort_in_worker(x);
	answer_simple(x, "limit", "too many failed logins from this network: try again later");
	return false;
}

/* Hands a job to the workers; the exchange may be gone when this returns. */
static void run(struct exchange *x, struct pool_job *job)
{
	x->state = RUN;
	x->job = job;
	arm(x, authd.program.conf->auth_exchange_time);
	if (pool_add(authd.pool, x->lane, job))
		return;
	x->job = NULL;
	pool_job_free(job);
	if (!x->failed)
		guard_undecided(&x->start.peer, x->asked);
	answer_simple(x, "unavailable", NULL);
}

/* --- messages of a front ------------------------------------------------------------ */

static struct str lane_of(struct arena *a, const struct addr *peer)
{
	struct addr net;
	char text[ADDR_TEXT];

	if (!peer->family)
		return STR("local");
	net = addr_network(peer);
	return str_of(arena_fmt(a, "%s", addr_text(&net, text)));
}

static struct exchange *exchange_new(struct client *c, const struct sasl_start *start)
{
	static uint64_t serial;
	struct exchange *x = mem_alloc(1, sizeof(*x));

	arena_init(&x->a);
	x->c = c;
	x->id = start->id;
	x->serial = ++serial;
	x->worker = POOL_ANY;
	x->start = *start;
	x->start.service = arena_str(&x->a, start->service);
	x->start.mech = arena_str(&x->a, start->mech);
	x->start.session = arena_str(&x->a, start->session);
	x->start.initial = x->start.cb_exporter = x->start.cb_end_point = x->start.cb_unique = x->start.client_chain = STR_NONE;
	x->lane = lane_of(&x->a, &start->peer);
	x->user = STR("");
	x->timer = evtimer_new(authd.base, expired, x);
	client_hold(c);
	c->questions++;
	authd.exchanges++;
	table_set(&c->exchanges, id_key(&x->id), x);
	return x;
}

/* Nobody need be asked: true, and the exchange is decided. */
static bool was_good(struct exchange *x, const struct sasl_start *s)
{
	const struct ipc_msg answer = { .nfields = 0 };
	struct str user;

	recent_find(s, &x->recent, &user);
	if (user.n == 0)
		return false;
	x->user = arena_str(&x->a, user);
	decided(x, &answer, true);
	return true;
}

static bool start(struct client *c, struct ipc_msg *m)
{
	struct sasl_start s;
	struct exchange *x;
	struct pool_job *job;
	int r = sasl_start_parse(m, authd.program.conf->limit_auth_line, &s);

	/* what the page's logins are asked is the gate's */
	if ((r < 0 && r != E_LIMIT) || table_get(&c->exchanges, id_key(&s.id)) || str_eqc(s.service, "web"))
		return false;
	x = exchange_new(c, &s);
	if (c->questions > (size_t)authd.program.conf->auth_exchanges) {
		answer_simple(x, "unavailable", "too many logins at once");
		return true;
	}
	if (r == E_LIMIT || !offer_has(!s.tls ? OFFER_CLEAR : s.client_chain.n ? OFFER_CERTIFICATE : OFFER_TLS, s.mech) ||
		(str_eqc(s.mech, "APOP") && !str_starts(s.service, "pop3"))) {
		log_result(x, "login-failed",
			r == E_LIMIT ? STR("too long") : STR("mechanism is not offered"), 0);
		answer_simple(x, "fail", NULL);
		return true;
	}
	if (!allowed(x, s.initial) || was_good(x, &s))
		return true;
	job = pool_job_new("sasl-start", step_done, x);
	s.id = x->serial;
	sasl_start_print(&s, &job->m);
	ipc_set_bool(&job->m, "scram", authd.scram);
	run(x, job);
	return true;
}

void exchange_login(const struct addr *peer, struct str user, struct str password, const struct sasl_second *second, exchange_fn *fn,
	void *arg)
{
	static uint64_t id;
	struct sasl_start s = { .id = ++id, .service = STR("web"), .mech = STR("PLAIN"), .peer = *peer,
		.session = STR(""), .tls = true, .tls_bits = 128 };
	struct exchange *x;
	struct pool_job *job;
	struct buf initial;

	if (id == 1)
		table_init(&gate.exchanges);
	x = exchange_new(&gate, &s);
	x->fn = fn;
	x->arg = arg;
	x->user = arena_str(&x->a, str_sub(user, 0, 512));
	/* RFC 4616: a NUL in either would make it another name and password */
	if (gate.questions > (size_t)authd.program.conf->auth_exchanges) {
		answer_simple(x, "unavailable", NULL);
		return;
	}
	if (str_find(user, '\0') >= 0 || str_find(password, '\0') >= 0 || user.n == 0 ||
		user.n + password.n + 2 > authd.program.conf->limit_auth_line) {
		log_result(x, "login-failed", STR("malformed"), 0);
		answer_simple(x, "fail", NULL);
		return;
	}
	x->tried = peek_normal(user, &x->a);
	x->asked = guard_ask(x->tried, peer, s.service);
	if (x->asked == BAN_BANNED || x->asked == BAN_TRIES) {
		answer_simple(x, "limit", NULL);
		return;
	}
	buf_init(&initial, authd.program.conf->limit_auth_line);
	buf_c(&initial, '\0');
	buf_str(&initial, user);
	buf_c(&initial, '\0');
	buf_str(&initial, password);
	s.id = x->serial;
	s.initial = buf_view(&initial);
	s.second = *second;
	s.second.code = str_sub(second->code, 0, FRAME_CODE_MAX);
	job = pool_job_new("sasl-start", step_done, x);
	sasl_start_print(&s, &job->m);
	ipc_set_bool(&job->m, "scram", authd.scram);
	buf_wipe(&initial);
	run(x, job);
}

static bool step(struct client *c, struct ipc_msg *m)
{
	struct sasl_step s;
	struct exchange *x;
	struct pool_job *job;
	struct ipc_msg none;
	int r = sasl_step_parse(m, authd.program.conf->limit_auth_line, &s);

	if (r < 0 && r != E_LIMIT)
		return false;
	x = table_get(&c->exchanges, id_key(&s.id));
	if (!x) {
		ipc_init(&none, "sasl");
		ipc_set_u64(&none, "id", s.id);
		ipc_setc(&none, "result", "unavailable");
		client_send(c, &none);
		return true;
	}
	if (x->state != WAIT)
		return false;
	if (r == E_LIMIT) {
		abort_in_worker(x);
		answer_simple(x, "fail", NULL);
		return true;
	}
	if (!allowed(x, s.data))
		return true;
	job = pool_job_new("sasl-step", step_done, x);
	job->worker = x->worker;
	job->life = x->life;
	ipc_set_u64(&job->m, "id", x->serial);
	ipc_set(&job->m, "data", s.data);
	run(x, job);
	return true;
}

static bool drop_one(struct str key, void *value, void *arg)
{
	struct exchange *x = value;

	(void)key;
	(void)arg;
	abort_in_worker(x);
	exchange_free(x);
	return true;
}

static bool abort_one(struct client *c, const struct ipc_msg *m)
{
	struct exchange *x;
	uint64_t id;

	if (ipc_get_u64(m, "id", UINT64_MAX, &id) < 0)
		return false;
	x = table_get(&c->exchanges, id_key(&id));
	if (x)
		drop_one(STR_NONE, x, NULL);
	return true;
}

void exchange_drop_all(struct client *c)
{
	table_each(&c->exchanges, drop_one, NULL);
}

static struct str forgotten; /* of the moment */

static bool forget_one(struct str key, void *value, void *arg)
{
	struct exchange *x = value;

	(void)key;
	(void)arg;
	if (x->state != LATE || !x->good || !address_is(forgotten, x->user))
		return true;
	x->good = false;
	ipc_done(&x->late);
	answer_begin(x, &x->late, "fail");
	return true;
}

static void forget_of(struct client *c)
{
	table_each(&c->exchanges, forget_one, NULL);
}

void exchanges_forget(struct str user)
{
	forgotten = user;
	clients_each(forget_of);
	if (gate.exchanges.bucket)
		forget_of(&gate);
}

/* A session is over: it does not come back. */
static bool forget(const struct ipc_msg *m)
{
	renewal_forget(authd.renewals, ipc_get(m, "session"));
	return true;
}

bool exchange_message(struct client *c, struct ipc_msg *m)
{
	bool good = false;

	if (ipc_is(m, "sasl-start"))
		good = start(c, m);
	else if (ipc_is(m, "sasl-step"))
		good = step(c, m);
	else if (ipc_is(m, "sasl-abort"))
		good = abort_one(c, m);
	else if (ipc_is(m, "before"))
		good = before_ask(c, m);
	else if (ipc_is(m, "forget"))
		good = forget(m);
	if (!good)
		trace_event(TRACE_WARN, "peer-dropped", "", "front %d sent '%.*s'", c->instance,
			STRF(m->verb));
	return good;
}
