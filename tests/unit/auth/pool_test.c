/* SPDX-License-Identifier: ISC
 *
 * authd's pool, with workers that this test plays: who gets which job, and what becomes of one that a worker has and does
 * not do. How quick a worker is the clock tells: what needs a quick one is tried until it was.
 */
#include "auth/pool.h"
#include "base/clock.h"
#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#define WORKERS 3 /* one answers lookups */
#define TRIES 100000

static struct event_base *base;
static struct pool *pool;
static int parent, worker[WORKERS], answered, failed, lost;

static void changed(void)
{
}

static void trouble(struct str text)
{
	(void)text;
}

static void go_on(void)
{
	int i;

	for (i = 0; i < 3; i++)
		assert_true(event_base_loop(base, EVLOOP_NONBLOCK) >= 0);
}

static void done(struct pool_job *job, struct ipc_msg *answer)
{
	(void)job;
	answered++;
	failed += answer == NULL;
}

static void add(uint64_t id, int to)
{
	struct pool_job *job = pool_job_new("sasl-start", done, NULL);

	ipc_set_u64(&job->m, "id", id);
	job->worker = to;
	job->life = to == POOL_ANY ? 0 : (uint64_t)to + 1;
	assert_true(pool_add(pool, STR("192.0.2.0"), job));
}

/* The job that this worker gets next; 0: none is there. */
static uint64_t hears(int w)
{
	uint64_t id = 0;
	struct ipc_msg m;
	int r = ipc_try_recv(worker[w], &m);

	if (r == 0)
		assert_int_equal(ipc_get_u64(&m, "id", UINT64_MAX, &id), 0);
	else
		lost += r == E_CLOSED;
	ipc_done(&m);
	return id;
}

static void says(int w, const char *verb)
{
	struct ipc_msg m;

	ipc_init(&m, verb);
	assert_int_equal(ipc_send(worker[w], &m), 0);
	ipc_done(&m);
	go_on();
}

static void answers(int w, int n)
{
	while (n-- > 0)
		says(w, "sasl");
}

/* n jobs at once: how many each of the two got, who have none of them done. */
static void give(int n, int got[2])
{
	int i;

	answered = 0;
	for (i = 0; i < n; i++)
		add((uint64_t)i + 1, POOL_ANY);
	for (i = 0; i < 2; i++)
		for (got[i] = 0; hears(i + 1);)
			got[i]++;
}

/* All of n are done. */
static int settle(int n)
{
	int w, m = 0;

	while (answered < n)
		for (w = 1; w <= 2; w++)
			while (hears(w)) {
				says(w, "sasl");
				m++;
			}
	return m;
}

/* Until the first one was so quick that it has n jobs. */
static bool all_to_the_first(int n)
{
	int i, got[2];

	for (i = 0; i < TRIES; i++) {
		give(n, got);
		if (got[0] == n)
			return got[1] == 0;
		answers(1, got[0]);
		answers(2, got[1]);
		(void)settle(n);
	}
	return false;
}

static void a_quick_worker_gets_jobs_ahead_and_nobody_else_wakes(void **state)
{
	(void)state;
	assert_true(all_to_the_first(4));
	answers(1, 4);
	assert_int_equal(answered, 4);
	assert_int_equal(failed, 0);
}

static void who_takes_long_gets_none_behind_while_another_is_idle(void **state)
{
	int64_t began;

	(void)state;
	assert_true(all_to_the_first(2));
	answers(1, 2);
	answered = 0;
	add(1, POOL_ANY);
	assert_int_equal(hears(1), 1);
	for (began = clock_mono_us(); clock_mono_us() - began < 50000;)
		;
	add(2, POOL_ANY);
	assert_int_equal(hears(1), 0);
	assert_int_equal(hears(2), 2);
	answers(1, 1);
	answers(2, 1);
	assert_int_equal(answered, 2);
}

static void what_is_given_back_is_done_once(void **state)
{
	(void)state;
	assert_true(all_to_the_first(3));
	says(1, "sasl");
	says(1, "back");
	says(1, "back");
	assert_int_equal(answered, 1);
	assert_int_equal(settle(3), 2);
	assert_int_equal(failed, 0);
}

static void a_step_of_a_login_is_not_given_back(void **state)
{
	(void)state;
	add(1, 1);
	assert_int_equal(hears(1), 1);
	says(1, "back");
	assert_int_equal(hears(1), 0);
	assert_int_equal(lost, 1);
	assert_int_equal(failed, 1);
}

/* Answers lie there, and the job that would go behind what they answer finds the link closed. */
static void what_was_answered_counts_though_its_worker_died(void **state)
{
	struct ipc_msg m;
	int i;

	(void)state;
	assert_true(all_to_the_first(4));
	answers(1, 1);
	ipc_init(&m, "sasl");
	for (i = 0; i < 2; i++)
		assert_int_equal(ipc_send(worker[1], &m), 0);
	ipc_done(&m);
	fd_close(&worker[1]);
	add(5, POOL_ANY);
	go_on();
	assert_int_equal(answered, 4);
	assert_int_equal(failed, 1);
	assert_int_equal(hears(2), 5);
	assert_int_equal(hears(2), 0);
}

static int set_up(void **state)
{
	struct tables none;
	struct ipc_msg m;
	int link[2];
	size_t i;

	(void)state;
	for (i = 0; i < TABLES; i++)
		none.fd[i] = -1;
	answered = failed = lost = 0;
	base = event_base_new();
	assert_int_equal(ipc_pair(link), 0);
	parent = link[1];
	pool = pool_new(base, changed, trouble, link[0], WORKERS - 1, 100, STR(""), none);
	for (i = 0; i < WORKERS; i++) {
		assert_int_equal(ipc_recv(parent, &m), 0);
		worker[i] = ipc_take_fd(&m, "link");
		ipc_done(&m);
	}
	return 0;
}

static int tear_down(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < WORKERS; i++)
		fd_close(&worker[i]);
	fd_close(&parent);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_quick_worker_gets_jobs_ahead_and_nobody_else_wakes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_takes_long_gets_none_behind_while_another_is_idle, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_given_back_is_done_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_step_of_a_login_is_not_given_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_was_answered_counts_though_its_worker_died, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
