/* SPDX-License-Identifier: ISC
 * The history of the statistics: seconds add up, damage stays small, times wrap. */
#include "trace/ring.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

#define NOW 1800000000 /* a multiple of each step */

static char dir[] = "/tmp/mansio-ring-XXXXXX";
static int fd = -1;
static struct ring ring;

static int begin(void **state)
{
	(void)state;
	fd = fd < 0 ? open(dir, O_RDONLY | O_DIRECTORY) : fd;
	unlinkat(fd, "stats", 0);
	assert_int_equal(ring_open(&ring, fd, "stats"), 0);
	clock_set_unix(NOW);
	return 0;
}

static int end(void **state)
{
	(void)state;
	ring_close(&ring);
	clock_set_unix(0);
	return 0;
}

static void second(int64_t time, uint32_t in, uint64_t queue, uint64_t ms)
{
	struct slot s = { .time = time, .seconds = 1 };
	int i;

	s.count[COUNT_IN] = in;
	s.gauge[GAUGE_QUEUE] = queue;
	for (i = 0; ms && i < DELAYS - 1 && ms > delay_ms[i]; i++)
		;
	if (ms)
		s.delay[i] = in;
	assert_int_equal(ring_add(&ring, &s), 0);
}

struct got {
	unsigned rows;
	uint64_t in, queue;
	int64_t first, last;
};

static bool take(void *arg, const struct slot *s)
{
	struct got *g = arg;

	if (!g->rows++)
		g->first = s->time;
	g->last = s->time;
	g->in += s->count[COUNT_IN];
	g->queue = slot_gauge(s, GAUGE_QUEUE);
	return true;
}

static struct got get(int64_t since, int64_t until, int64_t step)
{
	struct got g = { 0 };

	ring_read(&ring, since, until, step, take, &g);
	return g;
}

static void seconds_add_up_in_every_ring(void **state)
{
	struct got g;
	int i;

	(void)state;
	for (i = 0; i < 120; i++)
		second(NOW - 120 + i, 2, 10, 0);
	g = get(NOW - 120, NOW, 1);
	assert_int_equal(g.rows, 120);
	assert_int_equal(g.in, 240);
	g = get(NOW - 120, NOW, 10);
	assert_int_equal(g.rows, 12);
	assert_int_equal(g.in, 240);
	assert_int_equal(g.queue, 10); /* a mean, not a sum */
	g = get(NOW - 120, NOW, 60);
	assert_int_equal(g.rows, 2);
	assert_int_equal(g.in, 240);
	g = get(NOW - 120, NOW, 30); /* between two rings: three of the finer */
	assert_int_equal(g.rows, 4);
	assert_int_equal(g.in, 240);
	g = get(NOW - 89 * 86400, NOW, 0); /* far back: the coarse one */
	assert_int_equal(g.rows, 1);
	assert_int_equal(g.in, 240);
}

static void an_hour_later_the_seconds_are_gone_and_the_rest_is_there(void **state)
{
	struct got g;

	(void)state;
	second(NOW - 3600, 5, 0, 0);
	second(NOW, 7, 0, 0); /* the same place in the first ring */
	clock_set_unix(NOW + 1);
	g = get(NOW - 3599, NOW + 1, 1);
	assert_int_equal(g.in, 7);
	assert_int_equal(get(NOW - 4000, NOW + 1, 10).in, 12);
}

static void a_torn_slot_harms_no_other(void **state)
{
	struct got g;
	struct stat st;
	int file, i;

	(void)state;
	for (i = 0; i < 60; i++)
		second(NOW - 60 + i, 1, 0, 0);
	file = openat(fd, "stats", O_RDWR);
	fstat(file, &st);
	assert_int_equal(st.st_size, 64 + 192 * (3600 + 8640 + 10080 + 8640));
	assert_int_equal(pwrite(file, "torn", 4, 64 + 192 * ((NOW - 30) % 3600) + 20), 4);
	close(file);
	g = get(NOW - 60, NOW, 1);
	assert_int_equal(g.rows, 59);
	assert_int_equal(get(NOW - 60, NOW, 60).in, 60); /* the other rings have it */
	second(NOW - 30, 9, 0, 0); /* and its place can be used again */
	assert_int_equal(get(NOW - 60, NOW, 1).in, 59 + 9);
}

static void a_file_of_others_is_begun_anew(void **state)
{
	int file;

	(void)state;
	second(NOW - 1, 1, 0, 0);
	ring_close(&ring);
	assert_int_equal(ring_open(&ring, fd, "stats"), 0);
	assert_int_equal(get(NOW - 10, NOW, 1).in, 1); /* a restart keeps it */
	ring_close(&ring);
	file = openat(fd, "stats", O_RDWR | O_TRUNC);
	assert_int_equal(write(file, "something else", 14), 14);
	close(file);
	assert_int_equal(ring_open(&ring, fd, "stats"), 0);
	assert_int_equal(get(NOW - 10, NOW, 1).rows, 0);
}

static void percentiles_lie_in_their_bucket(void **state)
{
	struct slot s = { .seconds = 1 };

	(void)state;
	assert_int_equal(slot_delay(&s, 50), 0);
	s.delay[3] = 90; /* 5 to 10 ms */
	s.delay[8] = 10; /* 200 to 500 ms */
	assert_in_range(slot_delay(&s, 50), 5, 10);
	assert_in_range(slot_delay(&s, 95), 200, 500);
	s.delay[DELAYS - 1] = 1000;
	assert_int_equal(slot_delay(&s, 95), 600000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(seconds_add_up_in_every_ring, begin, end),
		cmocka_unit_test_setup_teardown(an_hour_later_the_seconds_are_gone_and_the_rest_is_there, begin, end),
		cmocka_unit_test_setup_teardown(a_torn_slot_harms_no_other, begin, end),
		cmocka_unit_test_setup_teardown(a_file_of_others_is_begun_anew, begin, end),
		cmocka_unit_test(percentiles_lie_in_their_bucket),
	};

	static const char *const files[] = { "stats" };
	size_t i;
	int code;

	if (!mkdtemp(dir))
		return 99;
	code = cmocka_run_group_tests(tests, NULL, NULL);
	if (chdir(dir) == 0)
		for (i = 0; i < ARRAY_LEN(files); i++)
			unlink(files[i]);
	rmdir(dir);
	return code;
}
