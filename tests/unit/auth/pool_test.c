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
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#define WORKERS 4 /* at most, and one answers lookups */
#define TRIES 100000

static struct event_base *base;
static struct pool *pool;
static int parent, pamd[2], worker[WORKERS], workers, answered, failed, lost;

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
		for (w = 1; w < workers; w++)
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

/* Each job took it that long, of late. */
static void make_slow(int w)
{
	int64_t began;
	int i;

	for (i = 0; i < 20; i++) {
		add(100, w);
		assert_int_equal(hears(w), 100);
		for (began = clock_mono_us(); clock_mono_us() - began < 4000;)
			;
		answers(w, 1);
	}
}

static void one_that_was_quick_once_and_is_slow_gets_none_ahead(void **state)
{
	(void)state;
	assert_true(all_to_the_first(3));
	answers(1, 3);
	make_slow(1);
	add(1, POOL_ANY);
	add(2, POOL_ANY);
	assert_int_equal(hears(1), 1);
	assert_int_equal(hears(2), 2);
}

static void what_a_dead_worker_had_all_who_are_idle_do(void **state)
{
	(void)state;
	assert_true(all_to_the_first(3));
	make_slow(2);
	fd_close(&worker[1]);
	go_on();
	assert_int_equal(failed, 1);
	assert_int_equal(hears(2), 2);
	assert_int_equal(hears(3), 3);
}

/* --- a worker whose socket is full, and what it is told ----------------------------------- */

#define LARGE 100000
#define MOST 100 /* jobs that may wait */

static bool add_lookup(uint64_t id, size_t size)
{
	struct pool_job *job = pool_job_new("rcpt", done, NULL);
	char *text = mem_alloc(size + 1, 1);

	memset(text, 'x', size);
	ipc_set_u64(&job->m, "id", id);
	ipc_set(&job->m, "text", str_make(text, size));
	free(text);
	job->lookup = true;
	if (pool_add(pool, STR(""), job))
		return true;
	pool_job_free(job);
	return false;
}

/* What worker w hears next: its verb, or "": nothing, or that its link is closed. fd_out: what came with it, under its name. */
static const char *word(int w, const char *name, int *fd_out)
{
	static char verb[32];
	struct ipc_msg m;
	int r;

	go_on();
	r = ipc_try_recv(worker[w], &m);
	lost += r == E_CLOSED;
	snprintf(verb, sizeof(verb), "%.*s", STRF(m.verb));
	*fd_out = r == 0 && name ? ipc_take_fd(&m, name) : -1;
	ipc_done(&m);
	return verb;
}

/* More than goes into the socket of worker 0. */
static void fill(int n)
{
	int i;

	for (i = 0; i < n; i++)
		assert_true(add_lookup((uint64_t)i + 1, LARGE));
}

static int file_of(const char *text)
{
	char name[] = "/tmp/pool_test.XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0 && write(fd, text, 1) == 1);
	unlink(name);
	return fd;
}

static char content(int *fd)
{
	char c = '-';

	assert_true(*fd >= 0);
	assert_int_equal(pread(*fd, &c, 1, 0), 1);
	fd_close(fd);
	return c;
}

static struct tables tables_of(const char *keys)
{
	struct tables t;
	size_t i;

	for (i = 0; i < TABLES; i++)
		t.fd[i] = -1;
	if (keys)
		t.fd[TABLE_KEYS] = file_of(keys);
	return t;
}

static void jobs_keep_their_order_while_a_worker_is_full(void **state)
{
	uint64_t i;

	(void)state;
	fill(14);
	for (i = 1; i <= 14; i++) {
		assert_int_equal(hears(0), i);
		go_on();
	}
	answers(0, 14);
	assert_int_equal(answered, 14);
	assert_int_equal(failed + lost, 0);
}

static void a_full_worker_hears_of_the_last_keys_when_it_has_read(void **state)
{
	int fd, keys = 0, n = 0;
	const char *verb;

	(void)state;
	fill(14);
	pool_keys(pool, file_of("1"));
	pool_keys(pool, file_of("2"));
	pool_pamd(pool, pamd[0]);
	while (*(verb = word(0, "keys", &fd))) {
		n++;
		if (strcmp(verb, "keys") == 0) {
			assert_int_equal(content(&fd), '2');
			keys++;
		}
	}
	assert_int_equal(lost + failed, 0);
	assert_int_equal(keys, 1);
	assert_int_equal(n, 14 + 1 + 1); /* and the link to pamd */
}

static void settings_come_before_the_keys_that_came_after_them(void **state)
{
	int fd;

	(void)state;
	add(1, 1);
	pool_settings(pool, STR(""), tables_of("1"), MOST);
	pool_keys(pool, file_of("2"));
	assert_string_equal(word(1, NULL, &fd), "sasl-start");
	assert_string_equal(word(1, "keys", &fd), "settings");
	assert_int_equal(content(&fd), '1');
	assert_string_equal(word(1, "keys", &fd), "keys");
	assert_int_equal(content(&fd), '2');
}

static void of_settings_that_wait_only_the_last_count(void **state)
{
	int fd, n = 0;
	const char *verb;

	(void)state;
	fill(14);
	pool_settings(pool, STR("1"), tables_of("1"), MOST);
	pool_settings(pool, STR("2"), tables_of("2"), MOST);
	while (*(verb = word(0, "keys", &fd)))
		if (strcmp(verb, "settings") == 0) {
			assert_int_equal(content(&fd), '2');
			n++;
		}
	assert_int_equal(n, 1);
}

/* It is lost, and the next one gets all of them. */
static void no_worker_gets_settings_without_their_tables(void **state)
{
	struct tables tables = tables_of("1");
	struct rlimit before, none;
	int fd;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	pool_settings(pool, STR(""), tables, MOST);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_string_equal(word(1, NULL, &fd), "");
	assert_int_equal(lost, 1);
}

/* Nor does its end come before pool_add returns. */
static void what_is_too_large_for_a_packet_costs_no_worker(void **state)
{
	struct pool_job *job = pool_job_new("sasl-start", done, NULL);
	char *text = mem_alloc(IPC_MAX / 2, 1);

	(void)state;
	memset(text, 0xff, IPC_MAX / 2); /* each is three characters */
	ipc_set(&job->m, "initial", str_make(text, IPC_MAX / 2));
	free(text);
	assert_true(pool_add(pool, STR("192.0.2.0"), job));
	assert_int_equal(answered, 0);
	add(1, POOL_ANY);
	go_on();
	assert_int_equal(answered, 1);
	assert_int_equal(failed, 1);
	assert_int_equal(hears(1), 1);
	answers(1, 1);
	assert_int_equal(answered, 2);
	assert_int_equal(failed, 1);
}

static void a_crowd_of_logins_takes_no_place_of_a_lookup(void **state)
{
	struct pool_job *job;
	size_t i;

	(void)state;
	for (i = 0; i < MOST + 2; i++)
		add(i + 1, POOL_ANY);
	job = pool_job_new("sasl-start", done, NULL);
	assert_false(pool_add(pool, STR("198.51.100.0"), job));
	pool_job_free(job);
	assert_true(add_lookup(1, 10));
}

static int set_up_of(int n)
{
	struct ipc_msg m;
	int link[2], i;

	workers = n;
	answered = failed = lost = 0;
	base = event_base_new();
	assert_int_equal(ipc_pair(link), 0);
	parent = link[1];
	pool = pool_new(base, changed, trouble, link[0], (unsigned)workers - 1, MOST, STR(""), tables_of(NULL));
	assert_int_equal(ipc_pair(pamd), 0);
	for (i = 0; i < workers; i++) {
		assert_int_equal(ipc_recv(parent, &m), 0);
		worker[i] = ipc_take_fd(&m, "link");
		ipc_done(&m);
	}
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	return set_up_of(3);
}

static int set_up_four(void **state)
{
	(void)state;
	return set_up_of(4);
}

static int tear_down(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < workers; i++)
		fd_close(&worker[i]);
	fd_close(&parent);
	fd_close(&pamd[1]);
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
		cmocka_unit_test_setup_teardown(one_that_was_quick_once_and_is_slow_gets_none_ahead, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_a_dead_worker_had_all_who_are_idle_do, set_up_four, tear_down),
		cmocka_unit_test_setup_teardown(jobs_keep_their_order_while_a_worker_is_full, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_full_worker_hears_of_the_last_keys_when_it_has_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(settings_come_before_the_keys_that_came_after_them, set_up, tear_down),
		cmocka_unit_test_setup_teardown(of_settings_that_wait_only_the_last_count, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_worker_gets_settings_without_their_tables, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_too_large_for_a_packet_costs_no_worker, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_crowd_of_logins_takes_no_place_of_a_lookup, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
