/* SPDX-License-Identifier: ISC
 *
 * exchange.c: SASL exchanges of the fronts (auth.h), in authd's loop: their life and outcome. exchange_messages.c reads
 * what fronts and the gate say.
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
 * A refused token is told in a "continue" (RFC 7628 3.2.2): it counts from then on, whether the client says another
 * word or not.
 *
 * Invariants: an exchange stays with the worker that began it, and ends when
 * that one dies; every start and step is answered exactly once unless aborted;
 * a ticket is made at the moment in which "ok" goes out. The numbers that
 * workers see (serial) are ours: a front cannot reach another front's exchange.
 */
#include "auth/exchange_private.h"

#include "auth/expiry.h"
#include "auth/peek.h"
#include "base/clock.h"
#include "trace/trace.h"

/* --- life of an exchange ---------------------------------------------------------- */

static void expired(evutil_socket_t fd, short what, void *arg);

static void arm(struct exchange *x, int64_t ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000 };

	if (!x->timer)
		x->timer = evtimer_new(authd.base, expired, x);
	event_add(x->timer, &tv);
}

struct str exchange_key(const uint64_t *id)
{
	return str_make(id, sizeof(*id));
}

void exchange_free(struct exchange *x)
{
	struct client *c = x->c;

	table_remove(&c->exchanges, exchange_key(&x->id));
	if (x->question)
		oauth_forget(x->question);
	if (x->state != LATE) {
		c->questions--;
		authd.exchanges--;
	}
	if (x->timer)
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
void exchange_abort(struct exchange *x)
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

void exchange_answer_begin(struct exchange *x, struct ipc_msg *m, const char *result)
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

void exchange_answer(struct exchange *x, const char *result, const char *text)
{
	struct ipc_msg m;

	if (x->fn) {
		tell_gate(x, result, NULL);
		return;
	}
	exchange_answer_begin(x, &m, result);
	ipc_setc(&m, "text", text);
	answer_last(x, &m);
}

void exchange_log(const struct exchange *x, const char *event, struct str why, int64_t delay)
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
	trace_later(&t);
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
	exchange_log(x, "login-unavailable", why, 0);
	if (!x->failed)
		guard_undecided(&x->start.peer, x->asked);
	exchange_answer(x, "unavailable", NULL);
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
	exchange_abort(x);
	if (x->state == ASK)
		unavailable(x, STR("the provider of tokens does not answer in time"));
	else if (x->state == RUN)
		exchange_answer(x, "unavailable", "authentication takes too long");
	else
		exchange_free(x); /* no question is open: a later step hears "unavailable" */
}

/* Counts and logs an outcome: how long the answer waits, or SLOWDOWN_REFUSE. */
static int64_t counted(const struct exchange *x, const struct ipc_msg *answer, bool good)
{
	int64_t delay = good ? guard_good(x->tried, x->user, &x->start.peer, x->asked) :
			       guard_failed(x->tried, x->user, &x->start.peer, x->asked);

	exchange_log(x, delay == SLOWDOWN_REFUSE ? "login-refused" : good ? "login" : "login-failed",
		good ? STR("") : ipc_get(answer, "why"), delay);
	return delay;
}

/* The answer, `late`, goes out after so many ms, or (SLOWDOWN_REFUSE) another one now. */
static void hold(struct exchange *x, int64_t delay)
{
	if (delay == SLOWDOWN_REFUSE) {
		exchange_answer(x, "limit", "too many failed logins: try again later");
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
	exchange_answer_begin(x, &x->late, "code");
	ipc_set(&x->late, "ways", ipc_get(answer, "ways"));
	ipc_set(&x->late, "keys", ipc_get(answer, "keys"));
	hold(x, guard_half(x->user, &x->start.peer, x->asked));
}

void exchange_decided(struct exchange *x, const struct ipc_msg *answer, bool good)
{
	int64_t delay;
	uint64_t expires = 0;

	x->good = good;
	x->sends = good && !ipc_get_bool(answer, "no_submission");
	delay = x->failed ? x->failed_delay : counted(x, answer, good);
	if (good && delay != SLOWDOWN_REFUSE && ipc_get_u64(answer, "expires", INT64_MAX, &expires) == 0)
		expiry_watch(x->user, expires);
	exchange_answer_begin(x, &x->late, good ? "ok" : "fail");
	if (good && ipc_get(answer, "data").p)
		ipc_set(&x->late, "data", ipc_get(answer, "data"));
	hold(x, delay);
}

/* That of its network; made when it is needed first. */
static struct str lane_of(struct exchange *x)
{
	struct addr net = addr_network(&x->start.peer);
	char text[ADDR_TEXT];

	if (!x->lane.p)
		x->lane = x->start.peer.family ? arena_str(&x->a, str_of(addr_text(&net, text))) : STR("local");
	return x->lane;
}

/* What oauthd says is the exchange's next step. */
static void told(void *arg, const struct ipc_msg *answer)
{
	struct exchange *x = arg;
	struct pool_job *job = pool_job_new("sasl-told", exchange_step_done, x);

	x->question = NULL;
	job->worker = x->worker;
	job->life = x->life;
	ipc_set_u64(&job->m, "id", x->serial);
	ipc_set(&job->m, "result", ipc_get(answer, "result"));
	if (ipc_get(answer, "claims").p)
		ipc_set(&job->m, "claims", ipc_get(answer, "claims"));
	exchange_run(x, job);
}

/* The worker needs to know what only the provider does. */
static void ask(struct exchange *x, const struct ipc_msg *answer)
{
	const char *verb = str_eqc(ipc_get(answer, "ask"), "introspect") ? "introspect" : "renew";

	x->question = x->fn ? NULL : oauth_ask(verb, lane_of(x), ipc_get(answer, "token"), told, x);
	x->state = ASK;
	if (x->question) {
		arm(x, authd.program.conf->oauth_timeout);
		return;
	}
	exchange_abort(x);
	unavailable(x, STR("too many logins wait for the provider of tokens"));
}

/* The client says another word; or it was told that it failed, and what it says next ends it. */
static void go_on(struct exchange *x, const struct ipc_msg *answer)
{
	struct ipc_msg m;

	if (x->fn) { /* the gate has said all that it has to say */
		exchange_abort(x);
		exchange_answer(x, "unavailable", NULL);
		return;
	}
	if (ipc_get_bool(answer, "failed") && !x->failed) {
		x->failed = true;
		x->failed_delay = counted(x, answer, false);
	}
	x->state = WAIT;
	arm(x, authd.program.conf->auth_exchange_time);
	exchange_answer_begin(x, &m, "continue");
	ipc_set(&m, "data", ipc_get(answer, "data"));
	client_send(x->c, &m);
}

/* A good ticket of Kerberos, by another clock: no guess of anything. */
static void wrong_clock(struct exchange *x, const struct ipc_msg *answer)
{
	exchange_log(x, "login-failed", ipc_get(answer, "why"), 0);
	guard_undecided(&x->start.peer, x->asked);
	exchange_answer(x, "clock", NULL);
}

void exchange_step_done(struct pool_job *job, struct ipc_msg *answer)
{
	struct exchange *x = job->arg;
	struct str result;

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
	if (str_eqc(result, "continue")) {
		go_on(x, answer);
	} else if (str_eqc(result, "ok") && x->user.n > 0 && !x->failed) {
		if (ipc_get_bool(answer, "lasting"))
			recent_keep(&x->recent, x->user);
		exchange_decided(x, answer, true);
	} else if (str_eqc(result, "code") && x->fn) {
		decided_half(x, answer);
	} else if (str_eqc(result, "fail")) {
		if (ipc_get(answer, "copied").p)
			log_copied(x, ipc_get(answer, "copied"));
		exchange_decided(x, answer, false);
	} else if (str_eqc(result, "clock")) {
		wrong_clock(x, answer);
	} else if (str_eqc(result, "ask")) {
		ask(x, answer);
	} else {
		unavailable(x, answer ? ipc_get(answer, "why") : STR("worker died"));
	}
}

bool exchange_allowed(struct exchange *x, struct str data)
{
	/* who begins LOGIN or CRAM-MD5 with an empty response (RFC 4954 4: "=") says his name later */
	if (x->tried.p || !data.p || (data.n == 0 && !str_eqc(x->start.mech, "EXTERNAL")))
		return true;
	x->tried = peek_name(x->start.mech, data, &x->a);
	x->asked = guard_ask(x->tried, &x->start.peer, x->start.service);
	if (x->asked != BAN_BANNED && x->asked != BAN_TRIES)
		return true;
	exchange_abort(x);
	exchange_answer(x, "limit", "too many failed logins from this network: try again later");
	return false;
}

void exchange_run(struct exchange *x, struct pool_job *job)
{
	x->state = RUN;
	x->job = job;
	ipc_setc(&job->m, "from", oldserver_from_text(guard_from(&x->start.peer, x->asked)));
	arm(x, authd.program.conf->auth_exchange_time);
	if (pool_add(authd.pool, lane_of(x), job))
		return;
	x->job = NULL;
	pool_job_free(job);
	if (!x->failed)
		guard_undecided(&x->start.peer, x->asked);
	exchange_answer(x, "unavailable", NULL);
}

struct exchange *exchange_new(struct client *c, const struct sasl_start *start)
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
	x->user = STR("");
	client_hold(c);
	c->questions++;
	authd.exchanges++;
	table_set(&c->exchanges, exchange_key(&x->id), x);
	return x;
}
