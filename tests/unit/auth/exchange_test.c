/* SPDX-License-Identifier: ISC
 *
 * SASL exchanges in authd's loop, with a front and a worker that this test plays: who goes away in the middle of a login leaves
 * nothing behind in the worker.
 */
#include "auth/authd.h"
#include "auth/expiry.h"
#include "auth/guard.h"
#include "auth/oauth_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#define SESSION "0123456789"

struct authd authd;
static int front, worker;

/* --- the rest of authd -------------------------------------------------------------- */

enum ban_answer guard_ask(struct str name, const struct addr *peer, struct str service)
{
	(void)name, (void)peer, (void)service;
	return BAN_PASS;
}

enum oldserver_from guard_from(const struct addr *peer, enum ban_answer was)
{
	(void)peer;
	(void)was;
	return OLDSERVER_STRANGER;
}

int64_t guard_failed(struct str tried, struct str user, const struct addr *peer, enum ban_answer was)
{
	(void)tried, (void)user, (void)peer, (void)was;
	return 0;
}

int64_t guard_good(struct str tried, struct str user, const struct addr *peer, enum ban_answer was)
{
	return guard_failed(tried, user, peer, was);
}

int64_t guard_half(struct str user, const struct addr *peer, enum ban_answer was)
{
	return guard_failed(user, user, peer, was);
}

void guard_undecided(const struct addr *peer, enum ban_answer was)
{
	(void)peer, (void)was;
}

/* The provider is asked, and says nothing. */
struct oauth_question *oauth_ask(const char *verb, struct str network, struct str token, oauth_answer_fn *fn, void *arg)
{
	(void)verb, (void)network, (void)token, (void)fn, (void)arg;
	return (struct oauth_question *)(uintptr_t)&authd;
}

void oauth_forget(struct oauth_question *q)
{
	(void)q;
}

void before_login(const struct addr *peer, struct str user)
{
	(void)peer, (void)user;
}

bool before_ask(struct client *c, const struct ipc_msg *m)
{
	(void)c, (void)m;
	return false;
}

void expiry_watch(struct str user, uint64_t expires)
{
	(void)user, (void)expires;
}

bool offer_has(enum offer to, struct str mech)
{
	(void)to, (void)mech;
	return true;
}

void directory_changed(void)
{
}

/* --- the front and the worker ---------------------------------------------------------- */

/* What authd has to do now. */
static void go_on(void)
{
	int i;

	for (i = 0; i < 3; i++) {
		assert_true(event_base_loop(authd.base, EVLOOP_NONBLOCK) >= 0);
		ipc_turn_end();
	}
}

static void hear(int fd, struct ipc_msg *m)
{
	int r;

	while ((r = ipc_try_recv(fd, m)) == -EAGAIN) {
		ipc_done(m);
		assert_true(event_base_loop(authd.base, EVLOOP_ONCE) >= 0);
		ipc_turn_end();
	}
	assert_int_equal(r, 0);
}

static void say(int fd, struct ipc_msg *m)
{
	assert_int_equal(ipc_send(fd, m), 0);
	ipc_done(m);
	go_on();
}

static void front_starts(uint64_t id, const char *mech)
{
	struct ipc_msg m;

	ipc_init(&m, "sasl-start");
	ipc_set_u64(&m, "id", id);
	ipc_setc(&m, "service", "imap");
	ipc_setc(&m, "mech", mech);
	ipc_setc(&m, "session", SESSION);
	say(front, &m);
}

static void front_aborts(uint64_t id)
{
	struct ipc_msg m;

	ipc_init(&m, "sasl-abort");
	ipc_set_u64(&m, "id", id);
	say(front, &m);
}

/* The number by which the worker knows the exchange. */
static uint64_t worker_hears(const char *verb)
{
	struct ipc_msg m;
	uint64_t id = 0;

	hear(worker, &m);
	assert_true(ipc_is(&m, verb));
	assert_int_equal(ipc_get_u64(&m, "id", UINT64_MAX, &id), 0);
	ipc_done(&m);
	return id;
}

static void worker_answers(const char *result)
{
	struct ipc_msg m;

	ipc_init(&m, "sasl");
	ipc_setc(&m, "result", result);
	ipc_setc(&m, "ask", "renew");
	ipc_setc(&m, "data", "");
	say(worker, &m);
}

static void front_hears(uint64_t id, const char *result)
{
	struct ipc_msg m;
	uint64_t n = 0;

	hear(front, &m);
	assert_int_equal(ipc_get_u64(&m, "id", UINT64_MAX, &n), 0);
	assert_int_equal(n, id);
	assert_true(str_eqc(ipc_get(&m, "result"), result));
	ipc_done(&m);
}

/* --- tests -------------------------------------------------------------------------------- */

static void a_step_whose_client_went_away_keeps_no_place(void **state)
{
	static const char *const waits[] = { "continue", "ask" };
	uint64_t serial;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(waits); i++) {
		front_starts(1, "LOGIN");
		serial = worker_hears("sasl-start");
		front_aborts(1);
		worker_answers(waits[i]);
		assert_int_equal(worker_hears("sasl-abort"), serial);
	}
}

static void what_has_ended_is_not_ended_again(void **state)
{
	(void)state;
	front_starts(1, "PLAIN");
	worker_hears("sasl-start");
	front_aborts(1);
	worker_answers("ok");
	front_starts(2, "PLAIN");
	worker_hears("sasl-start");
	worker_answers("fail");
	front_hears(2, "fail");
}

static void between_steps_the_worker_is_told_at_once(void **state)
{
	uint64_t serial;

	(void)state;
	front_starts(1, "LOGIN");
	serial = worker_hears("sasl-start");
	worker_answers("continue");
	front_hears(1, "continue");
	front_aborts(1);
	assert_int_equal(worker_hears("sasl-abort"), serial);
}

/* More than the worker's socket holds while it does not read. */
static void a_crowd_that_goes_away_at_once_costs_no_worker(void **state)
{
	enum { CROWD = 1500 };
	uint64_t i;

	(void)state;
	for (i = 1; i <= CROWD; i++) {
		front_starts(i, "LOGIN");
		worker_hears("sasl-start");
		worker_answers("continue");
		front_hears(i, "continue");
	}
	front_starts(CROWD + 1, "PLAIN");
	worker_hears("sasl-start");
	for (i = 1; i <= CROWD; i++)
		front_aborts(i);
	worker_answers("fail");
	front_hears(CROWD + 1, "fail");
	for (i = 1; i <= CROWD; i++)
		worker_hears("sasl-abort");
	front_starts(1, "PLAIN");
	worker_hears("sasl-start");
	worker_answers("fail");
	front_hears(1, "fail");
}

static const struct client_ops ops = { .message = exchange_message, .closed = exchange_drop_all };

static int set_up(void **state)
{
	struct tables none;
	int link[2], parent[2];
	struct ipc_msg m;
	size_t i;

	(void)state;
	for (i = 0; i < TABLES; i++)
		none.fd[i] = -1;
	assert_int_equal(conf_parse(STR(""), "settings", NULL, &authd.program.conf), 0);
	authd.base = event_base_new();
	authd.tickets = tickets_new(10);
	clients_init(authd.base, &ops);
	assert_int_equal(ipc_pair(parent), 0);
	authd.pool = pool_new(authd.base, directory_changed, NULL, parent[0], 1, 10, STR(""), none);
	for (i = 0; i < 2; i++) { /* the one for lookups, and ours */
		assert_int_equal(ipc_recv(parent[1], &m), 0);
		worker = ipc_take_fd(&m, "link");
		ipc_done(&m);
	}
	assert_int_equal(ipc_pair(link), 0);
	front = link[1];
	client_new("front", 0, link[0]);
	alarm(60); /* who waits for a message that does not come */
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_step_whose_client_went_away_keeps_no_place),
		cmocka_unit_test(what_has_ended_is_not_ended_again),
		cmocka_unit_test(between_steps_the_worker_is_told_at_once),
		cmocka_unit_test(a_crowd_that_goes_away_at_once_costs_no_worker),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
