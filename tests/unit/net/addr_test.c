/* SPDX-License-Identifier: ISC
 *
 * addr_test.c: one peer has one form, and networks cut where they say.
 */
#include "net/addr.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

static const char *text_of(struct str s)
{
	static char text[ADDR_TEXT];
	struct addr a;

	return addr_parse(s, &a) == 0 ? addr_text(&a, text) : "bad";
}

static void test_parse_and_print(void **state)
{
	(void)state;
	assert_string_equal(text_of(STR("192.0.2.1")), "192.0.2.1");
	assert_string_equal(text_of(STR("2001:DB8:0:0::1")), "2001:db8::1");
	assert_string_equal(text_of(STR("::ffff:192.0.2.1")), "192.0.2.1");
	assert_string_equal(text_of(STR("::ffff:c000:0201")), "192.0.2.1");
	assert_string_equal(text_of(STR("::192.0.2.1")), "::192.0.2.1");
	assert_string_equal(text_of(STR("")), "bad");
	assert_string_equal(text_of(STR("192.0.2.1\0")), "bad");
	assert_string_equal(text_of(STR("192.0.2.256")), "bad");
	assert_string_equal(text_of(STR("192.0.2.01")), "bad");
	assert_string_equal(text_of(STR("192.0.2")), "bad");
	assert_string_equal(text_of(STR(" 192.0.2.1")), "bad");
	assert_string_equal(text_of(STR("fe80::1%eth0")), "bad");
	assert_string_equal(text_of(STR("[::1]")), "bad");
	assert_string_equal(text_of(STR("1:2:3:4:5:6:7:8:9:1:2:3:4:5:6:7:8:9:1:2:3:4:5:6:7:8")), "bad");
}

static void test_literal(void **state)
{
	char text[ADDR_TEXT + 8];
	struct addr a = { 0 };

	(void)state;
	assert_string_equal(addr_literal(&a, text), "unknown");
	addr_parse(STR("192.0.2.1"), &a);
	assert_string_equal(addr_literal(&a, text), "192.0.2.1");
	addr_parse(STR("2001:db8::1"), &a);
	assert_string_equal(addr_literal(&a, text), "IPv6:2001:db8::1");
}

static void test_sockaddr_both_ways(void **state)
{
	struct sockaddr_storage ss;
	struct sockaddr_in6 mapped = { .sin6_family = AF_INET6, .sin6_port = htons(25) };
	struct sockaddr un = { .sa_family = AF_UNIX }, odd = { .sa_family = AF_PACKET };
	struct addr a, b;
	socklen_t len;

	(void)state;
	addr_parse(STR("2001:db8::1"), &a);
	a.port = 993;
	len = addr_to_sockaddr(&a, &ss);
	assert_int_equal(addr_of_sockaddr((struct sockaddr *)&ss, len, &b), 0);
	assert_true(addr_eq(&a, &b));
	assert_int_equal(b.port, 993);
	inet_pton(AF_INET6, "::ffff:192.0.2.1", &mapped.sin6_addr);
	assert_int_equal(addr_of_sockaddr((struct sockaddr *)&mapped, sizeof mapped, &b), 0);
	assert_int_equal(b.family, 4);
	assert_int_equal(b.port, 25);
	assert_int_equal(addr_of_sockaddr(&un, sizeof un.sa_family, &b), 0);
	assert_int_equal(b.family, 0);
	assert_int_equal(addr_of_sockaddr(&odd, sizeof odd, &b), E_UNSUPPORTED);
}

static bool within(const char *net, const char *ip)
{
	struct addr_net n;
	struct addr a;

	assert_int_equal(addr_net_parse(str_of(net), &n), 0);
	assert_int_equal(addr_parse(str_of(ip), &a), 0);
	return addr_net_has(&n, &a);
}

static void test_networks(void **state)
{
	static const char *const bad[] = { "", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "::/129",
		"10.0.0.0/8/8", "10.0.0.0/-1", "::ffff:10.0.0.0/8", "10.0.0.0/08x" };
	struct addr_net n;
	struct addr a = { 0 };

	(void)state;
	assert_true(within("10.0.0.0/8", "10.255.0.1"));
	assert_false(within("10.0.0.0/8", "11.0.0.0"));
	assert_true(within("10.0.0.128/25", "10.0.0.128"));
	assert_false(within("10.0.0.128/25", "10.0.0.127"));
	assert_true(within("0.0.0.0/0", "255.1.1.1"));
	assert_false(within("0.0.0.0/0", "::1"));
	assert_true(within("192.0.2.1", "::ffff:192.0.2.1"));
	assert_true(within("::ffff:10.0.0.0/104", "10.1.2.3"));
	assert_true(within("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(within("2001:db8::/33", "2001:db8:8000::1"));
	assert_true(within("::1", "::1"));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_true(addr_net_parse(str_of(bad[i]), &n) < 0);
	addr_net_parse(STR("0.0.0.0/0"), &n);
	assert_false(addr_net_has(&n, &a)); /* the unknown peer is in no network */
}

static void test_network_of_limits(void **state)
{
	struct addr a, b;

	(void)state;
	addr_parse(STR("192.0.2.77"), &a);
	a.port = 9;
	a = addr_network(&a);
	addr_parse(STR("192.0.2.0"), &b);
	assert_memory_equal(&a, &b, sizeof a); /* so that it can be a table key */
	addr_parse(STR("2001:db8:1:2:3:4:5:6"), &a);
	a = addr_network(&a);
	addr_parse(STR("2001:db8:1:2::"), &b);
	assert_memory_equal(&a, &b, sizeof a);
}

static void test_host_and_port(void **state)
{
	static const char *const bad[] = { "", "25", "host:25", "1.2.3.4", "1.2.3.4:", "1.2.3.4:65536",
		"::1:25", "[1.2.3.4]:25", "[::1]", "[]:25", "[::1:25", "1.2.3.4:25x" };
	struct addr a;

	(void)state;
	assert_int_equal(addr_parse_hostport(STR("127.0.0.1:25"), &a), 0);
	assert_int_equal(a.port, 25);
	assert_true(addr_is_loopback(&a));
	assert_int_equal(addr_parse_hostport(STR("[::1]:993"), &a), 0);
	assert_int_equal(a.family, 6);
	assert_true(addr_is_loopback(&a));
	assert_int_equal(addr_parse_hostport(STR(":143"), &a), 0);
	assert_int_equal(a.family, 0);
	assert_int_equal(a.port, 143);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_true(addr_parse_hostport(str_of(bad[i]), &a) < 0);
}

static void test_names_and_ports_are_told_apart(void **state)
{
	static const struct {
		const char *in, *host;
		uint16_t port;
		bool literal;
	} good[] = {
		{ "mail.example.net:587", "mail.example.net", 587, false },
		{ "mail.example.net", "mail.example.net", 0, false },
		{ "a-1_b.example:1", "a-1_b.example", 1, false },
		{ "192.0.2.1:25", "192.0.2.1", 25, true },
		{ "192.0.2.1", "192.0.2.1", 0, true },
		{ "[2001:db8::1]:465", "2001:db8::1", 465, true },
		{ "[::1]", "::1", 0, true },
	};
	static const char *const bad[] = { "", ":25", "host:0", "host:65536", "host:", "2001:db8::1", "[192.0.2.1]:25",
		"[host]:25", "[::1", "::1]:25", "a b:25", "999", "1.2.3", "-a:25", ".a", "a/b", "a@b:25", "[]:25", "[::1]x:25" };
	struct str host;
	uint16_t port;
	bool literal;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(addr_split_hostport(str_of(good[i].in), &host, &port, &literal), 0);
		assert_true(str_eqc(host, good[i].host));
		assert_int_equal(port, good[i].port);
		assert_int_equal(literal, good[i].literal);
	}
	for (i = 0; i < ARRAY_LEN(bad); i++)
		if (addr_split_hostport(str_of(bad[i]), &host, &port, &literal) == 0)
			fail_msg("%s was taken", bad[i]);
}

static void connects(int listener, const char *ip)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;
	struct addr a;
	int fd;

	assert_int_equal(getsockname(listener, (struct sockaddr *)&ss, &len), 0);
	assert_int_equal(addr_of_sockaddr((struct sockaddr *)&ss, len, &a), 0);
	assert_true(a.port != 0);
	len = a.port;
	assert_int_equal(addr_parse(str_of(ip), &a), 0);
	a.port = (uint16_t)len;
	len = addr_to_sockaddr(&a, &ss);
	fd = socket(ss.ss_family, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), 0);
	close(fd);
}

static void test_listen(void **state)
{
	struct addr local = { .family = 4, .ip = { 127, 0, 0, 1 } }, any = { 0 };
	int fd = addr_listen(&local, 5, false);

	(void)state;
	assert_true(fd >= 0);
	connects(fd, "127.0.0.1");
	close(fd);
	fd = addr_listen(&any, 5, true);
	assert_true(fd >= 0);
	connects(fd, "127.0.0.1");
	close(fd);
	local.ip[0] = 192;
	local.ip[2] = 2;
	assert_int_equal(addr_listen(&local, 5, false), -EADDRNOTAVAIL);
}

static void test_inside_and_outside(void **state)
{
	static const char *const inside[] = { "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1",
		"127.255.0.77", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.168.0.1",
		"224.0.0.1", "239.1.2.3", "240.0.0.1", "255.255.255.255", "::", "::1", "::7f00:1", "::10.0.0.1", "::ffff:10.0.0.1",
		"::ffff:127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::169.254.169.254", "64:ff9b:1::1", "64:ff9b:1:ffff::808:808",
		"100::1", "2001:0:a::1", "2002:a00:1::1", "2002:7f00:1::", "2002:c0a8:101:1::1", "fc00::1", "fd12:3456::1", "fdff:ffff::",
		"fe80::1", "febf::1", "fec0::1", "feff::1", "ff02::1", "ff0e::1" };
	static const char *const outside[] = { "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
		"128.0.0.1", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255", "192.169.0.0",
		"223.255.255.255", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "64:ff9b:2::1", "2001:1::1",
		"2002:101:101::1", "2606:4700::1111", "2a00::1", "fbff::1" };
	struct addr a = { 0 };
	size_t i;

	(void)state;
	assert_false(addr_is_public(&a)); /* nobody's */
	for (i = 0; i < ARRAY_LEN(inside); i++) {
		assert_int_equal(addr_parse(str_of(inside[i]), &a), 0);
		if (addr_is_public(&a))
			fail_msg("%s is inside", inside[i]);
	}
	for (i = 0; i < ARRAY_LEN(outside); i++) {
		assert_int_equal(addr_parse(str_of(outside[i]), &a), 0);
		if (!addr_is_public(&a))
			fail_msg("%s is outside", outside[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_and_print),
		cmocka_unit_test(test_literal),
		cmocka_unit_test(test_sockaddr_both_ways),
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_inside_and_outside),
		cmocka_unit_test(test_network_of_limits),
		cmocka_unit_test(test_host_and_port),
		cmocka_unit_test(test_names_and_ports_are_told_apart),
		cmocka_unit_test(test_listen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
