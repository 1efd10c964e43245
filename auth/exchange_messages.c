/* SPDX-License-Identifier: ISC
 *
 * exchange_messages.c: SASL exchanges (exchange.c) as fronts begin, continue and end them (auth.h), and logins with a
 * password at the gate. A message that breaks the rules costs the front its link.
 */
#include "auth/exchange_private.h"

#include "auth/peek.h"
#include "mail/address.h"
#include "trace/trace.h"

/* Whose exchanges those of the gate are. */
static struct client gate = { .name = "gate", .fd = -1, .holds = 1 };

/* Nobody need be asked: true, and the exchange is decided. */
static bool was_good(struct exchange *x, const struct sasl_start *s)
{
	const struct ipc_msg answer = { .nfields = 0 };
	struct str user;

	recent_find(s, &x->recent, &user);
	if (user.n == 0)
		return false;
	x->user = arena_str(&x->a, user);
	exchange_decided(x, &answer, true);
	return true;
}

static bool start(struct client *c, struct ipc_msg *m)
{
	struct sasl_start s;
	struct exchange *x;
	struct pool_job *job;
	int r = sasl_start_parse(m, authd.program.conf->limit_auth_line, &s);

	/* what the page's logins are asked is the gate's */
	if ((r < 0 && r != E_LIMIT) || table_get(&c->exchanges, exchange_key(&s.id)) || str_eqc(s.service, "web"))
		return false;
	x = exchange_new(c, &s);
	if (c->questions > (size_t)authd.program.conf->auth_exchanges) {
		exchange_answer(x, "unavailable", "too many logins at once");
		return true;
	}
	if (r == E_LIMIT || !offer_has(!s.tls ? OFFER_CLEAR : s.client_chain.n ? OFFER_CERTIFICATE : OFFER_TLS, s.mech) ||
		(str_eqc(s.mech, "APOP") && !str_starts(s.service, "pop3"))) {
		exchange_log(x, "login-failed",
			r == E_LIMIT ? STR("too long") : STR("mechanism is not offered"), 0);
		exchange_answer(x, "fail", NULL);
		return true;
	}
	if (!exchange_allowed(x, s.initial) || was_good(x, &s))
		return true;
	job = pool_job_new("sasl-start", exchange_step_done, x);
	s.id = x->serial;
	sasl_start_print(&s, &job->m);
	ipc_set_bool(&job->m, "scram", authd.scram);
	exchange_run(x, job);
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
		exchange_answer(x, "unavailable", NULL);
		return;
	}
	if (str_find(user, '\0') >= 0 || str_find(password, '\0') >= 0 || user.n == 0 ||
		user.n + password.n + 2 > authd.program.conf->limit_auth_line) {
		exchange_log(x, "login-failed", STR("malformed"), 0);
		exchange_answer(x, "fail", NULL);
		return;
	}
	x->tried = peek_normal(user, &x->a);
	x->asked = guard_ask(x->tried, peer, s.service);
	if (x->asked == BAN_BANNED || x->asked == BAN_TRIES) {
		exchange_answer(x, "limit", NULL);
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
	job = pool_job_new("sasl-start", exchange_step_done, x);
	sasl_start_print(&s, &job->m);
	ipc_set_bool(&job->m, "scram", authd.scram);
	buf_wipe(&initial);
	exchange_run(x, job);
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
	x = table_get(&c->exchanges, exchange_key(&s.id));
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
		exchange_abort(x);
		exchange_answer(x, "fail", NULL);
		return true;
	}
	if (!exchange_allowed(x, s.data))
		return true;
	job = pool_job_new("sasl-step", exchange_step_done, x);
	job->worker = x->worker;
	job->life = x->life;
	ipc_set_u64(&job->m, "id", x->serial);
	ipc_set(&job->m, "data", s.data);
	exchange_run(x, job);
	return true;
}

static bool drop_one(struct str key, void *value, void *arg)
{
	struct exchange *x = value;

	(void)key;
	(void)arg;
	exchange_abort(x);
	exchange_free(x);
	return true;
}

static bool abort_one(struct client *c, const struct ipc_msg *m)
{
	struct exchange *x;
	uint64_t id;

	if (ipc_get_u64(m, "id", UINT64_MAX, &id) < 0)
		return false;
	x = table_get(&c->exchanges, exchange_key(&id));
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
	exchange_answer_begin(x, &x->late, "fail");
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
