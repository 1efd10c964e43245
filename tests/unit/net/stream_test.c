/* SPDX-License-Identifier: ISC
 *
 * stream_test.c: CRLF and nothing else ends a line, limits and deadlines hold,
 * a kick ends every wait (C06, bare LF; C26, slow peers).
 */
#include "net/stream.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

static struct stream s;
static int peer, front; /* the client's end, and the door's end of the lease */

static int setup(void **state)
{
	int client[2], lease[2];

	(void)state;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, client) || socketpair(AF_UNIX, SOCK_STREAM, 0, lease))
		return -1;
	peer = client[0];
	front = lease[0];
	stream_init(&s, client[1], lease[1], 0, 2000);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	stream_done(&s);
	fd_close(&peer);
	fd_close(&front);
	return 0;
}

static void says(struct str bytes)
{
	assert_int_equal(file_write_all(peer, bytes.p, bytes.n), 0);
}

static void line_is(const char *text)
{
	struct str line;

	assert_int_equal(stream_line(&s, 100, &line), 0);
	if (!str_eqc(line, text))
		fail_msg("%.*s", STRF(line));
}

static void line_fails(size_t max, int err)
{
	struct str line = STR("before");

	assert_int_equal(stream_line(&s, max, &line), err);
	assert_true(str_eqc(line, "before"));
}

static void test_lines(void **state)
{
	(void)state;
	assert_false(stream_has_line(&s));
	says(STR("EHLO a\r\nMAIL FROM:<>\r\n\r\nrest"));
	line_is("EHLO a");
	assert_true(stream_has_line(&s));
	line_is("MAIL FROM:<>");
	line_is("");
	assert_false(stream_has_line(&s));
	assert_true(str_eqc(stream_pending(&s), "rest"));
	says(STR(" of it\r"));
	says(STR("\n"));
	line_is("rest of it");
	shutdown(peer, SHUT_WR);
	line_fails(100, E_CLOSED);
	/* a half-closed client still reads */
	stream_puts(&s, "221 bye\r\n");
	assert_int_equal(stream_flush(&s), 0);
}

static void test_only_crlf_ends_a_line(void **state)
{
	(void)state;
	says(STR("a\nb\r\n" "c\rd\r\n" "e\0f\r\n" "\n" "g\r\r\n" "\r\n" "last\r\n"));
	line_fails(100, E_SYNTAX); /* a LF */
	line_is("b");
	line_fails(100, E_SYNTAX); /* c CR d */
	line_fails(100, E_SYNTAX); /* e NUL f */
	line_fails(100, E_SYNTAX); /* LF */
	line_fails(100, E_SYNTAX); /* g CR CR LF */
	line_is("");
	line_is("last");
}

static void test_line_limit_is_exact(void **state)
{
	struct str line;

	(void)state;
	says(STR("12345\r\n123456\r\nnext\r\n"));
	assert_int_equal(stream_line(&s, 5, &line), 0);
	line_fails(5, E_LIMIT);
	line_is("next");
	says(STR("12345\r")); /* nothing is wrong yet */
	s.timeout_ms = 20;
	line_fails(5, E_TIMEOUT);
	says(STR("\n"));
	assert_int_equal(stream_line(&s, 5, &line), 0);
	assert_true(str_eqc(line, "12345"));
}

static void test_overlong_line_is_skipped_to_its_crlf(void **state)
{
	(void)state;
	says(STR("0123456789"));
	line_fails(5, E_LIMIT);
	/* a bare LF inside starts no new command (C06) */
	says(STR("more\nMAIL FROM:<a@b>\rx\r"));
	says(STR("\nnext\r\n"));
	line_is("next");
	assert_false(s.skipping);
}

static void test_line_longer_than_the_buffer(void **state)
{
	static char big[100000];
	struct str line;
	pid_t pid;

	(void)state;
	memset(big, 'x', sizeof big);
	pid = fork();
	if (pid == 0) {
		file_write_all(peer, big, sizeof big);
		file_write_all(peer, "\r\nnext\r\n", 8);
		_exit(0);
	}
	assert_int_equal(stream_line(&s, 1000000, &line), E_LIMIT);
	line_is("next");
	waitpid(pid, NULL, 0);
}

static void test_deadline_of_a_line(void **state)
{
	int64_t from = clock_mono_ms();

	(void)state;
	s.timeout_ms = 50;
	says(STR("half"));
	line_fails(100, E_TIMEOUT);
	assert_true(clock_mono_ms() - from >= 49);
	assert_true(clock_mono_ms() - from < 1000);
	stream_puts(&s, "421 too slow\r\n"); /* last words are possible */
	assert_int_equal(stream_flush(&s), 0);
}

/* A client that sends one byte each `ms`, as long as anybody reads. */
static pid_t drips(unsigned ms)
{
	pid_t pid = fork();

	if (pid == 0) {
		close(s.fd);
		while (send(peer, "x", 1, MSG_NOSIGNAL) == 1)
			usleep(ms * 1000);
		_exit(0);
	}
	return pid;
}

static void test_dripping_line_meets_its_deadline(void **state)
{
	pid_t pid = drips(5);

	(void)state;
	s.timeout_ms = 100;
	line_fails(1000, E_TIMEOUT);
	stream_done(&s);
	fd_close(&peer);
	waitpid(pid, NULL, 0);
	setup(state);
}

static void test_minimum_rate(void **state)
{
	char block[16];
	pid_t pid = drips(5);
	ssize_t n;

	(void)state;
	/* each read is fast enough, all of them together are not */
	s.timeout_ms = 100;
	s.min_rate = 10000;
	do {
		n = stream_read(&s, block, sizeof block);
	} while (n > 0 && s.bytes_in < 1000);
	assert_int_equal(n, E_TIMEOUT);
	assert_true(s.bytes_in < 200);
	/* the same peer is welcome where no rate is asked */
	s.min_rate = 0;
	for (int i = 0; i < 40; i++)
		assert_true(stream_read(&s, block, sizeof block) > 0);
	s.min_rate = 1;
	for (int i = 0; i < 40; i++)
		assert_true(stream_read(&s, block, sizeof block) > 0);
	stream_done(&s);
	fd_close(&peer);
	waitpid(pid, NULL, 0);
	setup(state);
}

static void test_kick(void **state)
{
	struct str got;

	(void)state;
	close(front);
	front = -1;
	line_fails(100, E_KICKED);
	assert_int_equal(stream_wait(&s, -1, deadline_in(1000)), E_KICKED);
	stream_puts(&s, "* BYE\r\n");
	assert_int_equal(stream_flush(&s), 0);
	got.p = (char[20]){ 0 };
	assert_int_equal(read(peer, (char *)got.p, 20), 7);
}

static void test_kick_ends_a_write_to_a_deaf_peer(void **state)
{
	static char big[4 << 20];

	(void)state;
	close(front);
	front = -1;
	stream_write(&s, str_make(big, sizeof big));
	assert_int_equal(stream_flush(&s), E_KICKED);
}

static void test_deaf_peer_meets_the_deadline(void **state)
{
	static char big[4 << 20];

	(void)state;
	s.timeout_ms = 50;
	stream_write(&s, str_make(big, sizeof big));
	assert_int_equal(s.err, E_TIMEOUT);
	stream_puts(&s, "x"); /* sticky: nothing more is sent */
	assert_int_equal(s.out.n, 0);
	assert_int_equal(stream_flush(&s), E_TIMEOUT);
}

static void test_gone_peer(void **state)
{
	(void)state;
	fd_close(&peer);
	stream_puts(&s, "220 hello\r\n");
	assert_int_equal(stream_flush(&s), E_CLOSED);
	assert_int_equal(stream_flush(&s), E_CLOSED);
	line_fails(100, E_CLOSED);
}

static void test_waiting_flushes_first(void **state)
{
	char block[100];

	(void)state;
	says(STR("a\r\nb\r\n"));
	line_is("a");
	stream_puts(&s, "1\r\n");
	line_is("b"); /* it was here: answers go together */
	stream_fmt(&s, "%d\r\n", 2);
	assert_int_equal(recv(peer, block, sizeof block, MSG_DONTWAIT), -1);
	s.timeout_ms = 20;
	line_fails(100, E_TIMEOUT);
	assert_int_equal(recv(peer, block, sizeof block, MSG_DONTWAIT), 6);
	assert_memory_equal(block, "1\r\n2\r\n", 6);
}

static void test_unread(void **state)
{
	static char big[100000];

	(void)state;
	says(STR("LO x\r\nnext\r\n"));
	assert_int_equal(stream_unread(&s, STR("EH")), 0);
	line_is("EHLO x");
	assert_int_equal(stream_unread(&s, STR("again\r\n")), 0);
	line_is("again");
	line_is("next");
	assert_int_equal(stream_unread(&s, STR("one\r\n")), 0);
	assert_int_equal(stream_unread(&s, STR_NONE), 0);
	assert_int_equal(stream_unread(&s, str_make(big, sizeof big)), E_LIMIT);
	line_is("one");
}

static void test_reading_bytes(void **state)
{
	char block[10] = "";

	(void)state;
	says(STR("A1\r\n0123456789"));
	line_is("A1");
	assert_int_equal(stream_read_all(&s, block, 4), 0);
	assert_memory_equal(block, "0123", 4);
	assert_int_equal(stream_fill(&s), 0);
	assert_true(str_eqc(stream_view(&s), "456789"));
	stream_skip(&s, 1);
	says(STR("!"));
	assert_int_equal(stream_more(&s), 0);
	assert_true(str_eqc(stream_view(&s), "56789!"));
	assert_int_equal(stream_read(&s, block, 0), 0);
	assert_int_equal(stream_read(&s, block, sizeof block), 6);
	shutdown(peer, SHUT_WR);
	assert_int_equal(stream_read_all(&s, block, 4), E_CLOSED);
	assert_int_equal(stream_fill(&s), E_CLOSED);
	assert_int_equal(s.bytes_in, 15);
}

static void test_bulk_both_ways(void **state)
{
	enum { SIZE = 5000000, LINE = 75 };
	char *big = malloc(SIZE), *back = malloc(SIZE);
	struct str line;
	pid_t pid;
	size_t i, n;

	(void)state;
	for (i = 0; i < SIZE; i++)
		big[i] = i % LINE == LINE - 2 ? '\r' : i % LINE == LINE - 1 ? '\n' : (char)('a' + i % 26);
	pid = fork();
	if (pid == 0) { /* sends all, then reads all that comes back */
		if (file_write_all(peer, big, SIZE))
			_exit(1);
		for (n = 0; n < SIZE; n += (size_t)i) {
			ssize_t got = read(peer, back + n, SIZE - n);

			if (got <= 0)
				_exit(2);
			i = (size_t)got;
		}
		_exit(memcmp(big, back, SIZE) != 0);
	}
	for (i = 0, n = 0; i < SIZE / LINE; i++) {
		assert_int_equal(stream_line(&s, 100, &line), 0);
		memcpy(back + n, line.p, line.n);
		memcpy(back + n + line.n, "\r\n", 2);
		n += line.n + 2;
	}
	assert_int_equal(stream_read_all(&s, back + n, SIZE - n), 0);
	assert_memory_equal(big, back, SIZE);
	for (n = 0; n < 1000000; n += 1000) /* small pieces, then one large */
		stream_write(&s, str_make(back + n, 1000));
	stream_write(&s, str_make(back + n, SIZE - n));
	assert_int_equal(stream_flush(&s), 0);
	assert_int_equal(s.bytes_out, SIZE);
	assert_int_equal(waitpid(pid, (int *)&i, 0), pid);
	assert_int_equal((int)i, 0);
	free(big);
	free(back);
}

static void test_sendfile(void **state)
{
	enum { SIZE = 300000 };
	char *bytes = malloc(SIZE), got[7];
	int fd = memfd_create("mail", MFD_CLOEXEC), status;
	pid_t pid;

	(void)state;
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (char)i;
	assert_int_equal(file_write_all(fd, bytes, SIZE), 0);
	pid = fork();
	if (pid == 0) {
		char *all = malloc(SIZE);

		_exit(read(peer, got, 7) != 7 || recv(peer, all, SIZE - 1, MSG_WAITALL) != SIZE - 1 ||
			memcmp(all, bytes + 1, SIZE - 1) != 0);
	}
	stream_puts(&s, "{299999");
	assert_int_equal(stream_sendfile(&s, fd, 1, SIZE - 1), 0);
	assert_int_equal(stream_flush(&s), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	/* more was promised than there is: the connection is of no use any more */
	assert_int_equal(stream_sendfile(&s, fd, SIZE - 5, 6), E_DAMAGED);
	assert_int_equal(s.err, E_DAMAGED);
	close(fd);
	free(bytes);
}

static void test_wait_for_two(void **state)
{
	int extra[2];

	(void)state;
	assert_int_equal(pipe(extra), 0);
	assert_int_equal(stream_wait(&s, extra[0], deadline_in(10)), 0);
	assert_int_equal(write(extra[1], "x", 1), 1);
	assert_int_equal(stream_wait(&s, extra[0], DEADLINE_NEVER), 2);
	says(STR("DONE\r\nx"));
	assert_int_equal(stream_wait(&s, extra[0], DEADLINE_NEVER), 3);
	assert_int_equal(stream_wait(&s, -1, DEADLINE_NEVER), 1);
	line_is("DONE");
	assert_int_equal(stream_wait(&s, -1, DEADLINE_NEVER), 1); /* "x" is here already */
	stream_skip(&s, 1);
	assert_int_equal(stream_wait(&s, -1, deadline_in(10)), 0);
	fd_close(&peer);
	assert_int_equal(stream_wait(&s, -1, deadline_in(1000)), 1);
	close(extra[0]);
	close(extra[1]);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_lines),
		T(test_only_crlf_ends_a_line),
		T(test_line_limit_is_exact),
		T(test_overlong_line_is_skipped_to_its_crlf),
		T(test_line_longer_than_the_buffer),
		T(test_deadline_of_a_line),
		T(test_dripping_line_meets_its_deadline),
		T(test_minimum_rate),
		T(test_kick),
		T(test_kick_ends_a_write_to_a_deaf_peer),
		T(test_deaf_peer_meets_the_deadline),
		T(test_gone_peer),
		T(test_waiting_flushes_first),
		T(test_unread),
		T(test_reading_bytes),
		T(test_bulk_both_ways),
		T(test_sendfile),
		T(test_wait_for_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
