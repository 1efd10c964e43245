/* SPDX-License-Identifier: ISC
 *
 * ipc_queue_test.c: messages of a turn come as one packet, in order, with and without descriptors;
 * packets that break the rules are refused.
 */
#include "net/ipc_queue.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

struct end {
	struct ipc_queue q;
	int pair[2];
	int last; /* what its flush said */
	unsigned turns;
};

static void on_due(void *owner)
{
	struct end *e = owner;

	e->last = ipc_queue_flush(&e->q);
	e->turns++;
}

static void begin(struct end *e, bool batch)
{
	*e = (struct end){ .last = 1 };
	assert_int_equal(ipc_pair(e->pair), 0);
	ipc_queue_init(&e->q, e->pair[0], batch, on_due, e);
}

static void end(struct end *e)
{
	ipc_queue_done(&e->q);
	ipc_turn_end(); /* who is gone is not due */
	close(e->pair[0]);
	fd_close(&e->pair[1]);
}

static void add(struct end *e, uint64_t n, int fd, size_t size)
{
	char *text = mem_alloc(size + 1, 1);
	struct ipc_msg m;

	memset(text, 'x', size);
	ipc_init(&m, "number");
	ipc_set_u64(&m, "n", n);
	ipc_set(&m, "text", str_make(text, size));
	if (fd >= 0)
		ipc_add_fd(&m, "fd", fd);
	ipc_queue_add(&e->q, &m);
	free(text);
}

/* The next packet: its messages are those from `first` on; how many. */
static size_t packet_of(struct end *e, uint64_t first)
{
	struct ipc_packet k;
	struct ipc_msg m;
	uint64_t n;
	size_t got = 0;
	int r;

	assert_int_equal(ipc_packet_recv(e->pair[1], &k), 0);
	while ((r = ipc_packet_next(&k, &m)) > 0) {
		assert_true(ipc_is(&m, "number"));
		assert_int_equal(ipc_get_u64(&m, "n", UINT64_MAX, &n), 0);
		assert_int_equal(n, first + got++);
		ipc_done(&m);
	}
	assert_int_equal(r, 0);
	ipc_packet_done(&k);
	return got;
}

static void a_turn_is_one_packet(void **state)
{
	struct ipc_packet k;
	struct end e;

	(void)state;
	begin(&e, true);
	add(&e, 1, -1, 0);
	add(&e, 2, -1, 100);
	add(&e, 3, -1, 5);
	assert_int_equal(ipc_packet_recv(e.pair[1], &k), -EAGAIN);
	assert_int_equal(e.q.n, 3);
	ipc_turn_end();
	assert_int_equal(e.last, 0);
	assert_int_equal(e.q.n, 0);
	assert_int_equal(packet_of(&e, 1), 3);
	ipc_turn_end();
	assert_int_equal(e.turns, 1);
	add(&e, 4, -1, 0);
	ipc_turn_end();
	assert_int_equal(packet_of(&e, 4), 1);
	end(&e);
}

static void one_a_packet_for_whom_takes_no_more(void **state)
{
	struct ipc_msg m;
	struct end e;
	uint64_t n;

	(void)state;
	begin(&e, false);
	add(&e, 1, -1, 0);
	add(&e, 2, -1, 0);
	for (n = 1; n <= 2; n++) {
		assert_int_equal(ipc_recv(e.pair[1], &m), 0);
		assert_true(ipc_get(&m, "n").p[0] == (char)('0' + n));
		ipc_done(&m);
	}
	end(&e);
}

static void descriptors_go_alone_and_nothing_changes_places(void **state)
{
	struct ipc_packet k;
	struct ipc_msg m;
	struct end e;
	int fd;

	(void)state;
	begin(&e, true);
	add(&e, 1, -1, 0);
	add(&e, 2, -1, 0);
	add(&e, 3, open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
	add(&e, 4, -1, 0);
	ipc_turn_end();
	assert_int_equal(e.last, 0);
	assert_int_equal(packet_of(&e, 1), 2);
	assert_int_equal(ipc_packet_recv(e.pair[1], &k), 0);
	assert_int_equal(ipc_packet_next(&k, &m), 1);
	fd = ipc_take_fd(&m, "fd");
	assert_true(fd >= 0);
	close(fd);
	ipc_done(&m);
	assert_int_equal(ipc_packet_next(&k, &m), 0);
	ipc_packet_done(&k);
	assert_int_equal(packet_of(&e, 4), 1);
	end(&e);
}

static void no_packet_is_too_large(void **state)
{
	uint64_t n, got = 0;
	size_t most = 0, one, packets = 0;
	struct end e;

	(void)state;
	begin(&e, true);
	for (n = 0; n < 1000; n++)
		add(&e, n, -1, n == 500 ? 100000 : 20); /* that one is a packet of its own */
	ipc_turn_end();
	assert_int_equal(e.last, 0);
	for (; got < 1000; packets++) {
		one = packet_of(&e, got);
		most = MAX(most, one);
		got += one;
	}
	assert_int_equal(most, IPC_BATCH_MESSAGES);
	assert_int_equal(packets, 5);
	end(&e);
}

static void what_is_not_read_waits_and_comes_in_order(void **state)
{
	uint64_t n = 0, got = 0, i;
	struct end e;

	(void)state;
	begin(&e, true);
	fd_nonblock(e.pair[0], true);
	while (e.last != -EAGAIN) {
		add(&e, n++, -1, 4000);
		add(&e, n, n % 7 == 0 ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1, 4000);
		n++;
		ipc_turn_end();
		assert_true(n < 10000);
	}
	for (i = 0; i < 100; i++)
		add(&e, n++, -1, 1000);
	assert_true(e.q.n >= 100);
	ipc_turn_end();
	while (got < n) {
		got += packet_of(&e, got);
		e.last = ipc_queue_flush(&e.q);
	}
	assert_int_equal(e.last, 0);
	assert_int_equal(e.q.n, 0);
	end(&e);
}

static void a_peer_that_is_gone_is_told(void **state)
{
	struct end e;

	(void)state;
	begin(&e, true);
	add(&e, 1, -1, 0);
	fd_close(&e.pair[1]);
	ipc_turn_end();
	assert_int_equal(e.last, E_CLOSED);
	end(&e);
}

/* What the last call said of a packet of these bytes; good_out: messages before it. */
static int read_all(struct str text, size_t *good_out)
{
	struct ipc_packet k;
	struct ipc_msg m;
	int r;

	*good_out = 0;
	ipc_packet_of(text, &k);
	while ((r = ipc_packet_next(&k, &m)) > 0) {
		(*good_out)++;
		ipc_done(&m);
	}
	ipc_done(&m);
	ipc_packet_done(&k);
	return r;
}

static void bad_packets_are_refused(void **state)
{
	static const struct {
		struct str text;
		size_t good;
		int last;
	} t[] = {
		{ STR("mansio 1 a\nmansio 1 b\nx=1\nmansio 1 c\n"), 3, 0 },
		{ STR("mansio 1 a\nx=mansio 1 b\n"), 1, 0 },
		{ STR(""), 0, E_PEER },
		{ STR("\n"), 0, E_PEER },
		{ STR("\nmansio 1 a\n"), 0, E_PEER },
		{ STR("mansio 1 a\n\nmansio 1 b\n"), 0, E_PEER },
		{ STR("mansio 1 a\nmansio 1 b"), 1, E_PEER },
		{ STR("mansio 1 a\nmansio 1 "), 1, E_PEER },
		{ STR("mansio 1 a\nmansio 2 b\n"), 0, E_PEER },
		{ STR("mansio 1 a\nmansio 1 b\nx\n"), 1, E_PEER },
		{ STR("mansio 1 a\nmansio 1 b\nfds=x\n"), 1, E_PEER }, /* none came */
	};
	struct buf many;
	size_t i, good;

	(void)state;
	for (i = 0; i < ARRAY_LEN(t); i++) {
		assert_int_equal(read_all(t[i].text, &good), t[i].last);
		assert_int_equal(good, t[i].good);
	}
	buf_init(&many, IPC_MAX);
	for (i = 0; i < IPC_BATCH_MESSAGES; i++)
		buf_puts(&many, "mansio 1 a\n");
	assert_int_equal(read_all(buf_view(&many), &good), 0);
	buf_puts(&many, "mansio 1 a\n");
	assert_int_equal(read_all(buf_view(&many), &good), E_PEER);
	buf_done(&many);
}

/* Descriptors with a packet of several messages: whose are they? */
static void descriptors_with_several_are_refused(void **state)
{
	static char text[] = "mansio 1 a\nfds=x\nmansio 1 b\n";
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} ctl = { .align = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec iov = { text, sizeof text - 1 };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &ctl, .msg_controllen = sizeof ctl };
	int pair[2], zero = open("/dev/null", O_RDONLY | O_CLOEXEC), probe;
	struct ipc_packet k;
	struct ipc_msg m;

	(void)state;
	assert_int_equal(ipc_pair(pair), 0);
	memcpy(CMSG_DATA(&ctl.align), &zero, sizeof zero);
	assert_true(sendmsg(pair[0], &h, 0) > 0);
	assert_int_equal(ipc_packet_recv(pair[1], &k), 0);
	probe = k.fd[0];
	assert_int_equal(ipc_packet_next(&k, &m), E_PEER);
	ipc_packet_done(&k);
	assert_int_equal(fcntl(probe, F_GETFD), -1); /* closed */
	close(zero);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_turn_is_one_packet),
		cmocka_unit_test(one_a_packet_for_whom_takes_no_more),
		cmocka_unit_test(descriptors_go_alone_and_nothing_changes_places),
		cmocka_unit_test(no_packet_is_too_large),
		cmocka_unit_test(what_is_not_read_waits_and_comes_in_order),
		cmocka_unit_test(a_peer_that_is_gone_is_told),
		cmocka_unit_test(bad_packets_are_refused),
		cmocka_unit_test(descriptors_with_several_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
