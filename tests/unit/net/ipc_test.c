/* SPDX-License-Identifier: ISC
 *
 * ipc_test.c: what is sent arrives; what is malformed is refused, and its
 * descriptors are closed.
 */
#include "net/ipc.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"

static int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void test_roundtrip(void **state)
{
	struct ipc_msg m, r;
	int pair[2];
	uint64_t v;

	(void)state;
	assert_int_equal(ipc_pair(pair), 0);
	ipc_init(&m, "user-add");
	ipc_setc(&m, "name", "anna@example.org");
	ipc_set(&m, "odd", STR("%\n\0\x7f\xff = é"));
	ipc_setc(&m, "empty", "");
	ipc_setc(&m, "absent", NULL);
	ipc_set_u64(&m, "max", UINT64_MAX);
	ipc_set_bool(&m, "yes", true);
	ipc_set_bool(&m, "no", false);
	ipc_setc(&m, "row", "1");
	ipc_setc(&m, "row", "2");
	assert_int_equal(ipc_send(pair[0], &m), 0);
	assert_int_equal(ipc_recv(pair[1], &r), 0);
	assert_true(ipc_is(&r, "user-add"));
	assert_true(str_eqc(ipc_get(&r, "name"), "anna@example.org"));
	assert_true(str_eq(ipc_get(&r, "odd"), STR("%\n\0\x7f\xff = é")));
	assert_non_null(ipc_get(&r, "empty").p);
	assert_null(ipc_get(&r, "absent").p);
	assert_int_equal(ipc_get_u64(&r, "max", UINT64_MAX, &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(ipc_get_u64(&r, "max", 10, &v), E_LIMIT);
	assert_int_equal(ipc_get_u64(&r, "name", 10, &v), E_SYNTAX);
	assert_int_equal(ipc_get_u64(&r, "absent", 10, &v), E_NOTFOUND);
	assert_true(ipc_get_bool(&r, "yes"));
	assert_false(ipc_get_bool(&r, "no"));
	assert_false(ipc_get_bool(&r, "absent"));
	assert_true(str_eqc(ipc_get_nth(&r, "row", 1), "2"));
	assert_null(ipc_get_nth(&r, "row", 2).p);
	ipc_done(&m);
	ipc_done(&r);
	close(pair[0]);
	assert_int_equal(ipc_recv(pair[1], &r), E_CLOSED);
	ipc_done(&r);
	close(pair[1]);
}

static void test_descriptors(void **state)
{
	struct ipc_msg m, r;
	int pair[2], pipes[2], fd, before;
	char byte;

	(void)state;
	assert_int_equal(ipc_pair(pair), 0);
	assert_int_equal(pipe(pipes), 0);
	before = open_fds();
	ipc_init(&m, "handover");
	ipc_add_fd(&m, "lease", pipes[0]);
	ipc_add_fd(&m, "client", pipes[1]);
	assert_int_equal(ipc_send(pair[0], &m), 0);
	assert_int_equal(ipc_send(pair[0], &m), 0);
	ipc_done(&m);
	assert_int_equal(fcntl(pipes[0], F_GETFD), 0); /* the sender's stay the sender's */
	assert_int_equal(ipc_recv(pair[1], &r), 0);
	assert_int_equal(r.nfds, 2);
	fd = ipc_take_fd(&r, "client");
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(ipc_take_fd(&r, "client"), -1);
	assert_int_equal(ipc_take_fd(&r, "other"), -1);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	close(fd);
	ipc_done(&r); /* closes the lease */
	assert_int_equal(ipc_recv(pair[1], &r), 0);
	ipc_done(&r);
	assert_int_equal(open_fds(), before);
	close(pipes[0]);
	close(pipes[1]);
	close(pair[0]);
	close(pair[1]);
}

static void test_malformed_packets(void **state)
{
	static const struct str bad[] = {
		STR(""), STR("\n"), STR("mansio 1 x"), STR("mansio 2 x\n"), STR("mansio 1 \n"),
		STR("mansio 1 X\n"), STR("mansio 1 x y\n"), STR("mansio  1 x\n"), STR("mansio x\n"),
		STR("mansio 99999999999999999999 x\n"), STR("mansio 1 x\n\n"), STR("mansio 1 x\na\n"),
		STR("mansio 1 x\n=b\n"), STR("mansio 1 x\nA=b\n"), STR("mansio 1 x\na b=c\n"),
		STR("mansio 1 x\na=\0\n"), STR("mansio 1 x\na=\r\n"), STR("mansio 1 x\na=\xff\n"),
		STR("mansio 1 x\na=\x7f\n"), STR("mansio 1 x\na=%\n"), STR("mansio 1 x\na=%4\n"),
		STR("mansio 1 x\na=%4g\n"), STR("mansio 1 x\na=%c3\n"), STR("mansio 1 x\na=b"),
		STR("mansio 1 x\nfds=\n"), STR("mansio 1 x\nfds=a,\n"), STR("mansio 1 x\nfds=a\nfds=b\n"),
		STR("mansio 1 x\nfds=A\n"),
		STR("mansio 1 x\n"
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=1\n"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct ipc_msg m;

		if (ipc_parse(bad[i], &m) != E_PEER)
			fail_msg("taken: %.*s", STRF(bad[i]));
		ipc_done(&m);
	}
}

/* Sends raw bytes with n copies of a descriptor. */
static void send_raw(int sock, struct str bytes, int fd, size_t n)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE((IPC_MAX_FDS + 1) * sizeof(int))];
	} ctl = { 0 };
	struct iovec iov = { (void *)bytes.p, bytes.n };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[IPC_MAX_FDS + 1];

	for (size_t i = 0; i < n; i++)
		fds[i] = fd;
	if (n) {
		ctl.align = (struct cmsghdr){ CMSG_LEN(n * sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
		memcpy(CMSG_DATA(&ctl.align), fds, n * sizeof(int));
		h.msg_control = &ctl;
		h.msg_controllen = CMSG_SPACE(n * sizeof(int));
	}
	assert_int_equal(sendmsg(sock, &h, 0), (ssize_t)bytes.n);
}

/* A packet with n descriptors and their names. */
static void announced(const int pair[2], size_t n, int expected)
{
	struct ipc_msg m;
	struct buf b;

	buf_init(&b, IPC_MAX);
	buf_puts(&b, "mansio 1 x\nfds=a");
	for (size_t i = 1; i < n; i++)
		buf_fmt(&b, ",b%zu", i);
	buf_c(&b, '\n');
	send_raw(pair[0], buf_view(&b), 0, n);
	assert_int_equal(ipc_recv(pair[1], &m), expected);
	ipc_done(&m);
	assert_int_equal(ipc_parse(buf_view(&b), &m), expected);
	m.owns_fds = false;
	ipc_done(&m);
	buf_done(&b);
}

/* As many descriptors as were announced arrive, but there was one more. */
static void cut_off(const int pair[2])
{
	struct ipc_msg m;
	struct buf b;

	buf_init(&b, IPC_MAX);
	buf_puts(&b, "mansio 1 x\nfds=a");
	for (size_t i = 1; i < IPC_MAX_FDS; i++)
		buf_fmt(&b, ",b%zu", i);
	buf_c(&b, '\n');
	send_raw(pair[0], buf_view(&b), 0, IPC_MAX_FDS + 1);
	assert_int_equal(ipc_recv(pair[1], &m), E_PEER);
	ipc_done(&m);
	buf_done(&b);
}

static void test_descriptors_must_be_those_announced(void **state)
{
	static const struct {
		struct str packet;
		size_t fds;
	} row[] = {
		{ STR("mansio 1 x\n"), 1 }, { STR("mansio 1 x\nfds=a\n"), 0 }, { STR("mansio 1 x\nfds=a\n"), 2 },
		{ STR("mansio 1 x\nfds=a,b\n"), 1 }, { STR("rubbish"), 3 },
		{ STR("mansio 1 x\n"), IPC_MAX_FDS + 1 }, /* MSG_CTRUNC */
	};
	int pair[2], before;
	struct ipc_msg m;

	(void)state;
	assert_int_equal(ipc_pair(pair), 0);
	before = open_fds();
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		send_raw(pair[0], row[i].packet, 0, row[i].fds);
		assert_int_equal(ipc_recv(pair[1], &m), E_PEER);
		assert_int_equal(open_fds(), before);
		ipc_done(&m);
	}
	announced(pair, IPC_MAX_FDS, 0);
	cut_off(pair);
	assert_int_equal(open_fds(), before);
	announced(pair, IPC_MAX_FDS + 1, E_PEER);
	assert_int_equal(open_fds(), before);
	close(pair[0]);
	close(pair[1]);
}

static void test_no_room_for_descriptors_is_an_error(void **state)
{
	struct rlimit old, low;
	struct ipc_msg m;
	int pair[2], top;

	(void)state;
	assert_int_equal(ipc_pair(pair), 0);
	send_raw(pair[0], STR("mansio 1 x\nfds=a\n"), 0, 1);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	top = dup(0);
	close(top);
	low = old;
	low.rlim_cur = (rlim_t)top;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(ipc_recv(pair[1], &m), E_PEER);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	close(pair[0]);
	close(pair[1]);
}

static void test_largest_packet(void **state)
{
	static char big[IPC_MAX];
	struct ipc_msg m, r;
	struct buf b;
	int pair[2];
	size_t room;

	(void)state;
	assert_int_equal(ipc_pair(pair), 0);
	memset(big, 'x', sizeof big);
	room = IPC_MAX - (sizeof "mansio 1 v\na=\n" - 1);
	ipc_init(&m, "v");
	ipc_set(&m, "a", str_make(big, room));
	assert_int_equal(ipc_send(pair[0], &m), 0);
	assert_int_equal(ipc_recv(pair[1], &r), 0);
	assert_int_equal(ipc_get(&r, "a").n, room);
	ipc_done(&r);
	ipc_done(&m);
	ipc_init(&m, "v");
	ipc_set(&m, "a", str_make(big, room + 1));
	assert_int_equal(ipc_send(pair[0], &m), E_LIMIT);
	ipc_done(&m);
	/* a peer that does not keep the limit */
	buf_init(&b, 2 * IPC_MAX);
	buf_puts(&b, "mansio 1 v\na=");
	buf_add(&b, big, room + 1);
	buf_puts(&b, "\n");
	send_raw(pair[0], buf_view(&b), -1, 0);
	assert_int_equal(ipc_recv(pair[1], &r), E_PEER);
	ipc_done(&r);
	buf_done(&b);
	close(pair[0]);
	close(pair[1]);
}

static void test_building_errors_stick(void **state)
{
	struct ipc_msg m;
	struct buf b;

	(void)state;
	buf_init(&b, IPC_MAX);
	ipc_init(&m, "Bad Verb");
	assert_int_equal(ipc_print(&m, &b), E_SYNTAX);
	ipc_done(&m);
	ipc_init(&m, "v");
	ipc_setc(&m, "bad name", "x");
	assert_int_equal(m.err, E_SYNTAX);
	ipc_done(&m);
	ipc_init(&m, "v");
	ipc_setc(&m, "fds", "x");
	assert_int_equal(m.err, E_SYNTAX);
	ipc_done(&m);
	ipc_init(&m, "v");
	ipc_add_fd(&m, "x", -1);
	assert_int_equal(m.err, -EBADF);
	ipc_done(&m);
	ipc_init(&m, "v");
	for (int i = 0; i <= IPC_MAX_FIELDS; i++)
		ipc_setc(&m, "a", "");
	assert_int_equal(m.err, E_LIMIT);
	ipc_done(&m);
	ipc_init(&m, "v");
	for (int i = 0; i <= IPC_MAX_FDS; i++)
		ipc_add_fd(&m, "a", 0);
	assert_int_equal(m.err, E_LIMIT);
	assert_int_equal(ipc_print(&m, &b), E_LIMIT);
	ipc_done(&m);
	assert_int_equal(b.n, 0);
	buf_done(&b);
}

static void test_waiting_has_a_deadline(void **state)
{
	struct ipc_msg m;
	int pair[2], n = 0;

	(void)state;
	assert_int_equal(ipc_pair(pair), 0);
	assert_int_equal(ipc_try_recv(pair[0], &m), -EAGAIN);
	assert_int_equal(ipc_recv_until(pair[0], &m, deadline_in(10)), E_TIMEOUT);
	ipc_done(&m);
	ipc_init(&m, "v");
	while (ipc_try_send(pair[0], &m) == 0)
		assert_true(++n < 100000);
	assert_int_equal(ipc_try_send(pair[0], &m), -EAGAIN);
	close(pair[1]);
	assert_int_equal(ipc_try_send(pair[0], &m), E_CLOSED);
	ipc_done(&m);
	close(pair[0]);
}

static void test_last_words_come_before_the_end(void **state)
{
	struct ipc_msg m, r;
	int pair[2];

	(void)state;
	assert_int_equal(ipc_pair(pair), 0);
	ipc_init(&m, "last");
	assert_int_equal(ipc_send(pair[0], &m), 0);
	assert_int_equal(ipc_send(pair[1], &m), 0); /* never read: closing resets */
	close(pair[1]);
	assert_int_equal(ipc_recv(pair[0], &r), 0);
	assert_true(ipc_is(&r, "last"));
	ipc_done(&r);
	assert_int_equal(ipc_recv(pair[0], &r), E_CLOSED);
	ipc_done(&m);
	close(pair[0]);
}

/* A peer that answers: first with a foreign id, then with ours, and serves "link". */
static void serve(int sock)
{
	struct ipc_msg q, a;

	while (ipc_recv(sock, &q) == 0) {
		int link[2] = { -1, -1 };

		ipc_init(&a, "answer");
		ipc_setc(&a, "id", "12");
		if (ipc_send(sock, &a) != 0)
			_exit(1);
		ipc_done(&a);
		ipc_init(&a, "answer");
		ipc_set(&a, "id", ipc_get(&q, "id"));
		ipc_set(&a, "echo", ipc_get(&q, "text"));
		if (ipc_is(&q, "link") && ipc_pair(link) == 0)
			ipc_add_fd(&a, "link", link[0]);
		if (!ipc_is(&q, "silence") && ipc_send(sock, &a) != 0)
			_exit(1);
		ipc_done(&a);
		ipc_done(&q);
		if (link[1] >= 0) {
			close(link[0]);
			close(sock);
			sock = link[1]; /* the clone is served on */
		}
	}
	_exit(0);
}

static void asks(int sock, const char *verb, int expected)
{
	struct ipc_msg q, a;

	ipc_init(&q, verb);
	ipc_setc(&q, "text", "hello");
	assert_int_equal(ipc_call(sock, &q, &a, deadline_in(expected ? 30 : 5000)), expected);
	if (!expected)
		assert_true(str_eqc(ipc_get(&a, "echo"), "hello"));
	ipc_done(&q);
	ipc_done(&a);
}

static void test_call_and_link_clone(void **state)
{
	int pair[2], second, status;
	pid_t pid;

	(void)state;
	assert_int_equal(ipc_pair(pair), 0);
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		serve(pair[1]);
	}
	close(pair[1]);
	asks(pair[0], "ask", 0);
	asks(pair[0], "silence", E_TIMEOUT);
	asks(pair[0], "ask", 0);
	second = ipc_link_clone(pair[0]);
	assert_true(second >= 0);
	asks(second, "ask", 0);
	close(second);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(ipc_link_clone(pair[0]), E_CLOSED);
	close(pair[0]);
}

/* How often these bytes are in the heap of this process. */
static int in_heap(const char *bytes, size_t n)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long from = 0, to = 0;
	char line[300];
	const char *at;
	int found = 0;

	assert_non_null(maps);
	while (fgets(line, sizeof line, maps))
		if (strstr(line, "[heap]"))
			assert_int_equal(sscanf(line, "%lx-%lx", &from, &to), 2);
	fclose(maps);
	for (; from < to; from = (unsigned long)at + n, found++) {
		at = memmem((const char *)from, to - from, bytes, n);
		if (!at)
			break;
	}
	return found;
}

/* Holes of all sizes, so that what grows has to move. */
static void make_holes(void)
{
	void *p[400];
	size_t i;

	for (i = 0; i < ARRAY_LEN(p); i++)
		p[i] = mem_alloc(1, 100 + i * 40);
	for (i = 0; i < ARRAY_LEN(p); i += 2)
		free(p[i]);
}

static void no_copy_of_a_secret_stays_in_memory(void **state)
{
	char secret[25] = "", filler[3000];
	struct ipc_msg m, r;
	int pair[2], i;

	(void)state;
	make_holes();
	memset(filler, 'x', sizeof filler);
	for (i = 0; i < 24; i++)
		secret[i] = (char)('A' + i);
	assert_int_equal(ipc_pair(pair), 0);
	ipc_init(&m, "sasl-start");
	ipc_setc(&m, "initial", secret);
	for (i = 0; i < 10; i++)
		ipc_set(&m, "data", str_make(filler, sizeof filler));
#ifndef SANITIZE /* whose memory is elsewhere */
	assert_true(in_heap(secret, 24) > 0);
#endif
	assert_int_equal(ipc_send(pair[0], &m), 0);
	ipc_done(&m);
	assert_int_equal(in_heap(secret, 24), 0);
	assert_int_equal(ipc_recv(pair[1], &r), 0);
	ipc_done(&r);
	assert_int_equal(in_heap(secret, 24), 0);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roundtrip),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_malformed_packets),
		cmocka_unit_test(test_descriptors_must_be_those_announced),
		cmocka_unit_test(test_no_room_for_descriptors_is_an_error),
		cmocka_unit_test(test_largest_packet),
		cmocka_unit_test(test_building_errors_stick),
		cmocka_unit_test(test_waiting_has_a_deadline),
		cmocka_unit_test(test_last_words_come_before_the_end),
		cmocka_unit_test(test_call_and_link_clone),
		cmocka_unit_test(no_copy_of_a_secret_stays_in_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
