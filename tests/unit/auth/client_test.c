/* SPDX-License-Identifier: ISC
 *
 * Links of authd's clients: who is dropped while all are told something, and what becomes of a packet that the kernel refuses.
 */
#include "auth/client.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"

#define CLIENTS 3

static struct event_base *base;
static struct client *client[CLIENTS];
static int peer[CLIENTS], refusals, refusal;
static unsigned visits, closed;

/* The kernel, which refuses as often as the test wants. */
ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	if (refusals > 0) {
		refusals--;
		errno = refusal;
		return -1;
	}
	return syscall(SYS_sendmsg, fd, m, flags);
}

static bool on_message(struct client *c, struct ipc_msg *m)
{
	(void)c, (void)m;
	return true;
}

static void on_closed(struct client *c)
{
	(void)c;
	closed++;
}

static void drop_all_others(struct client *c)
{
	size_t i;

	assert_true(c->fd >= 0);
	visits++;
	for (i = 0; i < CLIENTS; i++)
		if (client[i] != c)
			client_drop(client[i]);
}

static void who_is_dropped_by_another_is_not_told(void **state)
{
	(void)state;
	clients_each(drop_all_others);
	assert_int_equal(visits, 1);
	assert_int_equal(closed, CLIENTS - 1);
}

static void drop_it(struct client *c)
{
	visits++;
	client_drop(c);
}

static void who_is_dropped_when_told_ends_the_round_for_nobody(void **state)
{
	(void)state;
	clients_each(drop_it);
	assert_int_equal(visits, CLIENTS);
	clients_each(drop_it);
	assert_int_equal(visits, CLIENTS);
}

static void say(int n)
{
	struct ipc_msg m;

	while (n-- > 0) {
		ipc_init(&m, "offer");
		client_send(client[0], &m);
	}
	ipc_turn_end();
}

/* Messages that come within some time. */
static int heard(int ms)
{
	int64_t end = clock_mono_ms() + ms;
	struct ipc_packet k;
	struct ipc_msg m;
	int n = 0;

	do {
		assert_true(event_base_loop(base, EVLOOP_NONBLOCK) >= 0);
		ipc_turn_end();
		if (ipc_packet_recv(peer[0], &k) != 0)
			continue;
		for (; ipc_packet_next(&k, &m) > 0; n++)
			ipc_done(&m);
		ipc_packet_done(&k);
	} while (n == 0 && clock_mono_ms() < end);
	return n;
}

static void what_the_kernel_has_no_memory_for_comes_later(void **state)
{
	static const int t[] = { ENOBUFS, ENOMEM, ETOOMANYREFS };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(t); i++) {
		refusal = t[i];
		refusals = 3;
		say(5);
		assert_true(refusals > 0); /* it is not asked on and on */
		assert_int_equal(heard(5000), 5);
		assert_int_equal(closed, 0);
	}
}

static void a_link_that_the_kernel_does_not_let_through_is_closed(void **state)
{
	(void)state;
	refusal = EPERM;
	refusals = 1;
	say(5);
	assert_int_equal(closed, 1);
	assert_int_equal(heard(0), 0);
}

static int set_up(void **state)
{
	static const struct client_ops ops = { on_message, on_closed };
	int pair[2], i;

	(void)state;
	visits = closed = 0;
	refusals = 0;
	base = event_base_new();
	clients_init(base, &ops);
	for (i = 0; i < CLIENTS; i++) {
		assert_int_equal(ipc_pair(pair), 0);
		peer[i] = pair[1];
		client[i] = client_new("front", i, pair[0]);
		client_hold(client[i]);
	}
	return 0;
}

static int tear_down(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < CLIENTS; i++) {
		client_drop(client[i]);
		client_release(client[i]);
		fd_close(&peer[i]);
	}
	event_base_free(base);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_is_dropped_by_another_is_not_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_is_dropped_when_told_ends_the_round_for_nobody, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_the_kernel_has_no_memory_for_comes_later, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_link_that_the_kernel_does_not_let_through_is_closed, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
