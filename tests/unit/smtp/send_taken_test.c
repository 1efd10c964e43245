/* SPDX-License-Identifier: ISC
 *
 * send_taken_test.c: what was taken is known to the next sender, and nothing else is.
 */
#include "smtp/send/taken.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/rand.h"

static struct job *job(const char *message, size_t n)
{
	struct job *j = mem_alloc(1, sizeof *j);
	size_t i;

	arena_init(&j->a);
	j->fd = -1;
	j->message = arena_str(&j->a, str_of(message));
	j->rcpt = arena_array(&j->a, n, sizeof *j->rcpt);
	j->nrcpt = n;
	for (i = 0; i < n; i++)
		j->rcpt[i].number = (uint32_t)i + 1;
	return j;
}

/* That one has it: noted in t. */
static void taken_by(struct taken *t, const char *message, uint32_t number, const char *reply)
{
	struct job *j = job(message, 1);

	j->rcpt[0].number = number;
	j->remote = STR("mx.example.net");
	j->ip = STR("192.0.2.1");
	j->tls = STR("TLSv1.3 DANE");
	j->dsn = true;
	job_set(j, &j->rcpt[0], 250, "2.6.0", str_of(reply));
	taken_note(t, j);
	job_free(j);
}

static bool has(const struct taken *t, const char *message, uint32_t number)
{
	struct job *j = job(message, 1);
	bool found;

	j->rcpt[0].number = number;
	found = taken_answer(t, j) == 1;
	assert_int_equal(job_open(j), !found);
	job_free(j);
	return found;
}

static int memory(void)
{
	int fd = memfd_create("taken", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void the_next_sender_knows_what_was_taken(void **state)
{
	int fd = memory(), again = dup(fd);
	struct taken *t = taken_open(fd);
	struct job *j;

	(void)state;
	taken_by(t, "abc123", 2, "250 2.6.0 ok: queued");
	taken_close(t);
	t = taken_open(again);
	j = job("abc123", 3);
	assert_int_equal(taken_answer(t, j), 1);
	assert_int_equal(j->rcpt[0].state, RCPT_OPEN);
	assert_int_equal(j->rcpt[1].state, RCPT_KNOWN);
	assert_int_equal(j->rcpt[2].state, RCPT_OPEN);
	assert_int_equal(j->rcpt[1].code, 250);
	assert_string_equal(j->rcpt[1].status, "2.6.0");
	assert_true(str_eqc(j->rcpt[1].reply, "250 2.6.0 ok: queued"));
	assert_true(str_eqc(j->remote, "mx.example.net") && str_eqc(j->ip, "192.0.2.1") && str_eqc(j->tls, "TLSv1.3 DANE") && j->dsn);
	job_free(j);
	assert_false(has(t, "abc124", 2));
	taken_close(t);
}

static void only_what_was_taken_is_noted(void **state)
{
	struct taken *t = taken_open(-1);
	struct job *j = job("m1", 5);

	(void)state;
	job_set(j, &j->rcpt[0], 250, "2.0.0", STR("250 ok"));
	job_set(j, &j->rcpt[1], 550, "5.1.1", STR("550 no"));
	job_set(j, &j->rcpt[2], 451, "4.0.0", STR("451 later"));
	job_set(j, &j->rcpt[3], 0, "4.3.0", STR("not tried"));
	taken_note(t, j);
	taken_note(t, j);
	job_free(j);
	assert_true(has(t, "m1", 1));
	for (uint32_t i = 2; i < 7; i++)
		assert_false(has(t, "m1", i));
	taken_close(t);
}

static void the_oldest_goes_first(void **state)
{
	int fd = memory(), again = dup(fd);
	struct taken *t = taken_open(fd);
	char name[20];
	uint32_t i, n = 2 * TAKEN_ENTRIES + 100;
	int round;

	(void)state;
	for (i = 0; i < n; i++) {
		snprintf(name, sizeof name, "m%u", i / 3);
		taken_by(t, name, i % 3, "250 ok");
	}
	for (round = 0; round < 2; round++) {
		for (i = 0; i < n; i++) {
			snprintf(name, sizeof name, "m%u", i / 3);
			assert_int_equal(has(t, name, i % 3), i >= n - TAKEN_ENTRIES);
		}
		taken_close(t);
		if (round == 0)
			t = taken_open(again);
	}
}

static void long_words_are_cut(void **state)
{
	struct taken *t = taken_open(-1);
	char word[2000], id[65];
	struct job *j;

	(void)state;
	memset(word, 'x', sizeof word);
	memset(id, 'i', sizeof id);
	word[sizeof word - 1] = id[64] = '\0';
	j = job(id, 1);
	j->remote = j->ip = j->tls = str_of(word);
	job_set(j, &j->rcpt[0], 250, "2.123.12345", str_of(word));
	taken_note(t, j);
	job_free(j);
	j = job(id, 1);
	assert_int_equal(taken_answer(t, j), 1);
	assert_string_equal(j->rcpt[0].status, "2.123.12345");
	assert_true(j->rcpt[0].reply.n >= 50 && j->remote.n == 120);
	job_free(j);
	taken_close(t);
}

/* Whatever stands there: nothing is believed that is not whole, and what comes is kept. */
static void damaged_memory_does_no_harm(void **state)
{
	int round;

	(void)state;
	for (round = 0; round < 30; round++) {
		int fd = memory(), again = dup(fd);
		struct taken *t = taken_open(fd);
		struct taken_message m;
		struct stat st;
		char junk[64];
		int i;

		taken_by(t, "before", 1, "250 ok");
		taken_close(t);
		assert_int_equal(fstat(again, &st), 0);
		for (i = 0; i < 200; i++) {
			rand_bytes(junk, sizeof junk);
			assert_true(pwrite(again, junk, sizeof junk, (off_t)(rand_u64() % (uint64_t)(st.st_size - 64) / (round % 2 ? 1 : 500))) == 64);
		}
		if (round % 5 == 4)
			assert_int_equal(ftruncate(again, 5000), 0);
		t = taken_open(again);
		for (i = 0; i < 5000; i++)
			taken_by(t, "after", (uint32_t)i, "250 ok");
		assert_true(has(t, "after", 4999));
		assert_false(has(t, "after", 5000));
		for (i = 0; taken_awaits(t, &i, &m); i++)
			assert_true(m.n <= TAKEN_RCPTS);
		taken_close(t);
	}
}

static void a_cut_entry_does_not_count(void **state)
{
	int fd = memory(), again = dup(fd), third = dup(fd);
	struct taken *t = taken_open(fd);
	char zero[4] = "", *p;
	struct stat st;
	char *all;

	(void)state;
	taken_by(t, "first", 1, "250 ok");
	taken_by(t, "second", 1, "250 ok");
	taken_close(t);
	assert_int_equal(fstat(again, &st), 0);
	all = mem_alloc(1, (size_t)st.st_size);
	assert_true(pread(again, all, (size_t)st.st_size, 0) == st.st_size);
	p = memmem(all, (size_t)st.st_size, "first", 5);
	assert_non_null(p);
	/* its state stands four words before its text */
	assert_true(pwrite(again, zero, 4, p - all - 16) == 4);
	free(all);
	t = taken_open(again);
	assert_false(has(t, "first", 1));
	assert_true(has(t, "second", 1));
	taken_close(t);
	close(third);
}

static void what_awaits_its_answer_is_known_to_the_next_sender(void **state)
{
	int fd = memory(), again = dup(fd), slot, first, second;
	struct taken *t = taken_open(fd);
	struct taken_message m;
	struct job *j = job("m1", TAKEN_RCPTS + 2);
	size_t i;

	(void)state;
	j->remote = STR("mx.example.net");
	j->ip = STR("192.0.2.1");
	assert_true(taken_begin(t, 7, j, true) < 0); /* nobody was accepted */
	j->rcpt[3].state = j->rcpt[5].state = RCPT_TAKEN;
	first = taken_begin(t, 7, j, true);
	second = taken_begin(t, 8, j, false);
	assert_true(first >= 0 && second >= 0 && first != second);
	for (i = 0; i <= TAKEN_RCPTS; i++)
		j->rcpt[i].state = RCPT_TAKEN;
	assert_true(taken_begin(t, 9, j, false) < 0); /* too many */
	job_free(j);
	taken_end(t, first);
	taken_close(t);
	t = taken_open(again);
	slot = 0;
	assert_true(taken_awaits(t, &slot, &m));
	assert_int_equal(slot, second);
	assert_true(m.key == 8 && !m.dsn && m.n == 2 && m.number[0] == 4 && m.number[1] == 6);
	assert_true(str_eqc(m.id, "m1") && str_eqc(m.remote, "mx.example.net") && str_eqc(m.ip, "192.0.2.1"));
	slot++;
	assert_false(taken_awaits(t, &slot, &m));
	taken_end(t, second);
	slot = 0;
	assert_false(taken_awaits(t, &slot, &m));
	j = job("m2", 1);
	j->rcpt[0].state = RCPT_TAKEN;
	for (i = 0; i < TAKEN_AWAITED; i++)
		assert_true(taken_begin(t, i + 1, j, false) >= 0);
	assert_true(taken_begin(t, 1, j, false) < 0);
	job_free(j);
	taken_close(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_next_sender_knows_what_was_taken),
		cmocka_unit_test(only_what_was_taken_is_noted),
		cmocka_unit_test(the_oldest_goes_first),
		cmocka_unit_test(long_words_are_cut),
		cmocka_unit_test(damaged_memory_does_no_harm),
		cmocka_unit_test(a_cut_entry_does_not_count),
		cmocka_unit_test(what_awaits_its_answer_is_known_to_the_next_sender),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
