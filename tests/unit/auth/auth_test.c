/* SPDX-License-Identifier: ISC
 *
 * The client side of authd's door: answers are values or E_PEER.
 */
#include "auth/auth.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/ipc_private.h"
#include "net/ipc_queue.h"

/* A child that answers each question with what `fill` makes. */
static pid_t server(int link, int other, void (*fill)(const struct ipc_msg *q, struct ipc_msg *m))
{
	struct ipc_msg q, m;
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	close(other);
	while (ipc_recv(link, &q) == 0) {
		ipc_init(&m, "answer");
		ipc_set(&m, "id", ipc_get(&q, "id"));
		fill(&q, &m);
		ipc_send(link, &m);
		ipc_done(&m);
		ipc_done(&q);
	}
	_exit(0);
}

/* What authd says, with one field changed. */
static int route_of(const char *field, const char *value, struct arena *a, struct auth_route *out)
{
	static const char *const good[][2] = { { "id", "9" }, { "result", "ok" }, { "host", "relay.example" },
		{ "port", "587" }, { "tls", "verify" }, { "start", "starttls" }, { "user", "u" }, { "secret", "s" },
		{ "mech", "auto" }, { "source", "192.0.2.1" } };
	struct ipc_msg m;
	uint64_t id = 0;
	size_t i;
	int r;

	ipc_init(&m, "answer");
	for (i = 0; i < ARRAY_LEN(good); i++)
		ipc_setc(&m, good[i][0], strcmp(good[i][0], field) == 0 ? value : good[i][1]);
	r = auth_route_parse(&m, a, &id, out);
	assert_true(r < 0 || id == 9 || strcmp(field, "id") == 0);
	ipc_done(&m);
	return r;
}

static void a_route_is_read_whole_or_not_at_all(void **state)
{
	static const char *const bad[][2] = { { "id", "x" }, { "result", "yes" }, { "port", "65536" }, { "port", "0" },
		{ "tls", "perhaps" }, { "start", "" }, { "host", "" } };
	struct auth_route v = { 0 };
	struct arena a;
	size_t i;

	(void)state;
	arena_init(&a);
	assert_int_equal(route_of("", "", &a, &v), 0);
	assert_int_equal(v.result, AUTH_OK);
	assert_int_equal(v.port, 587);
	assert_int_equal(v.tls, AUTH_ROUTE_TLS_VERIFY);
	assert_int_equal(v.start, AUTH_ROUTE_STARTTLS);
	assert_true(str_eqc(v.secret, "s"));
	v.port = 1;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(route_of(bad[i][0], bad[i][1], &a, &v), E_PEER);
	assert_int_equal(v.port, 1);
	assert_int_equal(route_of("result", "unknown", &a, &v), 0);
	assert_int_equal(v.result, AUTH_UNKNOWN);
	assert_int_equal(v.secret.n, 0);
	arena_done(&a);
}

/* A test hears of a rule; one that nobody knows, or that is for clients alone, is no answer. */
static int tested(const char *access, struct arena *a, struct auth_test *out)
{
	struct ipc_msg m;
	int r;

	ipc_init(&m, "answer");
	ipc_setc(&m, "access", access);
	ipc_setc(&m, "rule", "sender @b.example");
	ipc_set_bool(&m, "ours", true);
	r = auth_test_parse(&m, a, out);
	ipc_done(&m);
	return r;
}

static void a_test_hears_of_the_rule_about_it(void **state)
{
	struct auth_test v = { 0 };
	struct arena a;

	(void)state;
	arena_init(&a);
	assert_int_equal(tested("reject", &a, &v), 0);
	assert_int_equal(v.access, AUTH_ACCESS_REJECT);
	assert_true(v.ours && str_eqc(v.rule, "sender @b.example") && v.address.n == 0);
	assert_int_equal(tested("relay", &a, &v), E_PEER);
	assert_int_equal(tested("perhaps", &a, &v), E_PEER);
	assert_int_equal(v.access, AUTH_ACCESS_REJECT);
	assert_int_equal(tested(NULL, &a, &v), 0);
	assert_int_equal(v.access, AUTH_ACCESS_NONE);
	arena_done(&a);
}

static int link_to(void (*fill)(const struct ipc_msg *q, struct ipc_msg *m))
{
	int pair[2];

	assert_int_equal(ipc_pair(pair), 0);
	if (server(pair[1], pair[0], fill) < 0)
		fail();
	close(pair[1]);
	return pair[0];
}

static void finish(int link)
{
	close(link);
	while (waitpid(-1, NULL, WNOHANG) >= 0)
		usleep(1000);
}

static void good_identity(const struct ipc_msg *q, struct ipc_msg *m)
{
	ipc_setc(m, "result", str_eqc(ipc_get(q, "ticket"), "good") ? "ok" : "unknown");
	ipc_setc(m, "user", "anna@example.org");
	ipc_set_u64(m, "account", 7);
	ipc_set_u64(m, "quota_bytes", 1000);
	ipc_setc(m, "renew", "r");
	ipc_add_fd(m, "key", open("/", O_PATH));
}

static void redeem_brings_identity_and_key(void **state)
{
	int link = link_to(good_identity);
	struct auth_identity id;
	struct arena a;

	(void)state;
	arena_init(&a);
	assert_int_equal(auth_redeem(link, STR("good"), STR("imaps"), &a, &id, deadline_in(2000)), 0);
	assert_int_equal(id.result, AUTH_OK);
	assert_true(str_eqc(id.user, "anna@example.org"));
	assert_int_equal(id.account, 7);
	assert_int_equal(id.quota_bytes, 1000);
	assert_true(id.key >= 0);
	close(id.key);
	/* a refusal carries no key, whatever the message holds */
	assert_int_equal(auth_redeem(link, STR("bad"), STR("imaps"), &a, &id, deadline_in(2000)), 0);
	assert_int_equal(id.result, AUTH_UNKNOWN);
	assert_int_equal(id.key, -1);
	arena_done(&a);
	finish(link);
}

static void garbage(const struct ipc_msg *q, struct ipc_msg *m)
{
	struct str want = ipc_get(q, "address");

	ipc_setc(m, "result", str_eqc(want, "word") ? "yes" : "ok");
	ipc_setc(m, "targets", str_eqc(want, "many") ? "1000000" : "1");
	if (str_eqc(want, "number")) {
		ipc_setc(m, "target", "a@b");
		ipc_setc(m, "quota_bytes", "-1");
		ipc_setc(m, "quota_messages", "0");
	}
}

static void a_wrong_answer_is_a_bad_peer(void **state)
{
	static const char *const rows[] = { "word", "many", "missing", "number" };
	int link = link_to(garbage);
	struct auth_rcpt v;
	struct arena a;
	size_t i;

	(void)state;
	arena_init(&a);
	for (i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(auth_rcpt(link, str_of(rows[i]), &a, &v, deadline_in(2000)), E_PEER);
	arena_done(&a);
	finish(link);
}

static void some_keys(const struct ipc_msg *q, struct ipc_msg *m)
{
	char name[24];
	unsigned i;

	ipc_setc(m, "result", "ok");
	for (i = 0; ipc_get_nth(q, "account", i).p; i++) {
		snprintf(name, sizeof(name), "key.%u", i);
		if (!str_eqc(ipc_get_nth(q, "account", i), "no"))
			ipc_add_fd(m, name, open("/", O_PATH));
	}
}

static void keys_of_many_accounts_come_in_their_order(void **state)
{
	int link = link_to(some_keys), key[40];
	struct str account[40];
	size_t i;

	(void)state;
	for (i = 0; i < 40; i++)
		account[i] = i % 3 ? STR("yes") : STR("no");
	assert_int_equal(auth_keys(link, account, 40, key, deadline_in(4000)), 0);
	for (i = 0; i < 40; i++) {
		assert_true((key[i] >= 0) == (i % 3 != 0));
		if (key[i] >= 0)
			close(key[i]);
	}
	finish(link);
}

/* A child that answers packets of four questions, three and two, the last one first, behind an answer that nobody asked for;
 * all in one packet, the packet of three but its second one; then it is gone. The result is what stands before the @. */
static void backwards(int link)
{
	struct ipc_msg q[4], m;
	struct ipc_packet k;
	struct ipc_queue out;
	size_t n, i;

	ipc_queue_init(&out, link, true, NULL, NULL);
	for (n = 4; n >= 2; n--) {
		BUG_ON(ipc_wait(link, POLLIN, deadline_in(20000)) != 0 || ipc_packet_recv(link, &k) != 0);
		for (i = 0; i < n; i++)
			BUG_ON(ipc_packet_next(&k, &q[i]) != 1);
		BUG_ON(ipc_packet_next(&k, &m) != 0);
		ipc_packet_done(&k);
		for (i = n + 1; i-- > 0;) {
			if (n == 3 && i == 1)
				continue;
			ipc_init(&m, "answer");
			if (i < n)
				ipc_set(&m, "id", ipc_get(&q[i], "id"));
			else
				ipc_set_u64(&m, "id", 7);
			ipc_set(&m, "result", str_sub(ipc_get(&q[i % n], "address"), 0, (size_t)str_find(ipc_get(&q[i % n], "address"), '@')));
			ipc_queue_add(&out, &m);
		}
		BUG_ON(ipc_queue_flush(&out) != 0);
		for (i = 0; i < n; i++)
			ipc_done(&q[i]);
	}
	_exit(0);
}

static void senders_of_a_message_in_one_trip(void **state)
{
	const struct str good[] = { STR("ok@a"), STR("nodomain@b"), STR("denied@c"), STR("temp@d") }, bad[] = { STR("ok@a"), STR("frob@b") };
	enum auth_result r[4];
	int pair[2];

	(void)state;
	assert_int_equal(ipc_pair(pair), 0);
	if (fork() == 0) {
		close(pair[0]);
		backwards(pair[1]);
	}
	close(pair[1]);
	assert_int_equal(auth_senders(pair[0], STR("a"), good, 4, r, deadline_in(20000)), 0);
	assert_true(r[0] == AUTH_OK && r[1] == AUTH_NODOMAIN && r[2] == AUTH_DENIED && r[3] == AUTH_TEMP);
	assert_int_equal(auth_senders(pair[0], STR("a"), NULL, 0, r, deadline_in(20000)), 0);
	assert_int_equal(auth_senders(pair[0], STR("a"), good, 3, r, deadline_in(100)), E_TIMEOUT);
	assert_int_equal(auth_senders(pair[0], STR("a"), bad, 2, r, deadline_in(20000)), E_PEER);
	assert_true(auth_senders(pair[0], STR("a"), good, 4, r, deadline_in(20000)) < 0);
	finish(pair[0]);
}

static void arrivals_in_one_trip(void **state)
{
	const struct str address[] = { STR("ok@a"), STR("nodomain@b"), STR("denied@c"), STR("temp@d") };
	struct auth_arrival v[4];
	struct arena a;
	int pair[2];
	size_t n;

	(void)state;
	arena_init(&a);
	assert_int_equal(ipc_pair(pair), 0);
	if (fork() == 0) {
		close(pair[0]);
		backwards(pair[1]);
	}
	close(pair[1]);
	assert_int_equal(auth_arrivals(pair[0], address, 4, STR("s"), STR(""), &a, v, &n, deadline_in(20000)), 0);
	assert_int_equal(n, 4);
	assert_true(v[0].rcpt.result == AUTH_OK && v[1].rcpt.result == AUTH_NODOMAIN && v[2].rcpt.result == AUTH_DENIED);
	assert_true(v[3].rcpt.result == AUTH_TEMP && str_eqc(v[3].address, "temp@d"));
	/* what came before the first that did not */
	assert_int_equal(auth_arrivals(pair[0], address, 3, STR("s"), STR(""), &a, v, &n, deadline_in(100)), 0);
	assert_int_equal(n, 1);
	assert_int_equal(auth_arrivals(pair[0], address, 2, STR("s"), STR(""), &a, v, &n, deadline_in(20000)), 0);
	assert_int_equal(n, 2);
	assert_true(auth_arrivals(pair[0], address, 1, STR("s"), STR(""), &a, v, &n, deadline_in(20000)) < 0);
	assert_int_equal(n, 0);
	arena_done(&a);
	finish(pair[0]);
}

static void silence(const struct ipc_msg *q, struct ipc_msg *m)
{
	(void)q;
	(void)m;
	_exit(0);
}

static void a_dead_authd_is_an_error_in_time(void **state)
{
	int link = link_to(silence);
	enum auth_result r = AUTH_DENIED;
	struct str rewritten = STR("");
	struct arena a;

	(void)state;
	arena_init(&a);
	assert_true(auth_sender(link, STR("a"), STR("b"), &a, &r, &rewritten, deadline_in(500)) < 0);
	assert_int_equal(r, AUTH_DENIED);
	assert_int_equal(rewritten.n, 0);
	arena_done(&a);
	finish(link);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(redeem_brings_identity_and_key),
		cmocka_unit_test(a_wrong_answer_is_a_bad_peer),
		cmocka_unit_test(a_route_is_read_whole_or_not_at_all),
		cmocka_unit_test(a_test_hears_of_the_rule_about_it),
		cmocka_unit_test(keys_of_many_accounts_come_in_their_order),
		cmocka_unit_test(senders_of_a_message_in_one_trip),
		cmocka_unit_test(arrivals_in_one_trip),
		cmocka_unit_test(a_dead_authd_is_an_error_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
