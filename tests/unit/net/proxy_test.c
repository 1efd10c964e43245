/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/proxy.h"

static void version_1_gives_both_addresses(void **state)
{
	struct proxy_header h;
	char text[ADDR_TEXT];

	(void)state;
	assert_int_equal(proxy_parse(STR("PROXY TCP4 192.0.2.1 198.51.100.9 4711 25\r\nEHLO"), &h), 43);
	assert_false(h.local);
	assert_string_equal(addr_text(&h.src, text), "192.0.2.1");
	assert_int_equal(h.src.port, 4711);
	assert_string_equal(addr_text(&h.dst, text), "198.51.100.9");
	assert_int_equal(h.dst.port, 25);
	assert_true(proxy_parse(STR("PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n"), &h) > 0);
	assert_int_equal(h.src.family, 6);
	assert_int_equal(proxy_parse(STR("PROXY UNKNOWN\r\n"), &h), 15);
	assert_true(h.local);
	assert_true(proxy_parse(STR("PROXY UNKNOWN what ever\r\n"), &h) > 0);
}

static void version_1_waits_for_its_whole_line(void **state)
{
	static const char text[] = "PROXY TCP4 192.0.2.1 198.51.100.9 4711 25\r\n";
	struct proxy_header h;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof text - 1; i++)
		assert_int_equal(proxy_parse(str_make(text, i), &h), 0);
}

static void broken_version_1_is_refused(void **state)
{
	static const char *const bad[] = { "EHLO x\r\n", "PROXY TCP4 192.0.2.1 198.51.100.9 4711\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.9 4711 25 1\r\n", "PROXY TCP4 192.0.2.1 198.51.100.9 04711 25\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.9 70000 25\r\n", "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
		"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n", "PROXY TCP4 192.0.2.1  198.51.100.9 1 2\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.9 1 2\n", "PROXY TCP4 192.0.2.1 198.51.100.9 1 -2\r\n",
		"PROXY UDP4 192.0.2.1 198.51.100.9 1 2\r\n", "PROXY UNKNOWNX\r\n", "PROXY\r\n" };
	struct proxy_header h = { .local = true };
	char longer[200];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(proxy_parse(str_of(bad[i]), &h), E_SYNTAX);
	memset(longer, 'x', sizeof longer);
	memcpy(longer, "PROXY UNKNOWN ", 14);
	assert_int_equal(proxy_parse(str_make(longer, 106), &h), 0);
	assert_int_equal(proxy_parse(str_make(longer, 107), &h), E_SYNTAX);
	assert_true(h.local);
}

#define SIG "\r\n\r\n\0\r\nQUIT\n"

static void version_2_gives_both_addresses(void **state)
{
	static const struct str tcp4 = { SIG "\x21\x11\x00\x0f\xc0\x00\x02\x01\xc6\x33\x64\x09\x12\x67\x00\x19TLVEHLO", 16 + 15 + 4 };
	struct proxy_header h;
	char text[ADDR_TEXT];
	size_t i;

	(void)state;
	for (i = 0; i < 31; i++)
		assert_int_equal(proxy_parse(str_sub(tcp4, 0, i), &h), 0);
	assert_int_equal(proxy_parse(tcp4, &h), 31);
	assert_string_equal(addr_text(&h.src, text), "192.0.2.1");
	assert_int_equal(h.src.port, 4711);
	assert_string_equal(addr_text(&h.dst, text), "198.51.100.9");
	assert_int_equal(h.dst.port, 25);
}

static void version_2_local_keeps_the_sockets_addresses(void **state)
{
	struct proxy_header h;

	(void)state;
	assert_int_equal(proxy_parse(STR(SIG "\x20\x00\x00\x00"), &h), 16);
	assert_true(h.local);
	assert_int_equal(proxy_parse(STR(SIG "\x21\x00\x00\x00"), &h), 16);
	assert_true(h.local);
}

static void broken_version_2_is_refused(void **state)
{
	struct proxy_header h;

	(void)state;
	assert_int_equal(proxy_parse(STR(SIG "\x11\x11\x00\x00"), &h), E_SYNTAX); /* version */
	assert_int_equal(proxy_parse(STR(SIG "\x22\x11\x00\x00"), &h), E_SYNTAX); /* command */
	assert_int_equal(proxy_parse(STR(SIG "\x21\x11\xff\xff"), &h), E_SYNTAX); /* length */
	assert_int_equal(proxy_parse(STR(SIG "\x21\x11\x00\x04" "abcd"), &h), E_SYNTAX); /* too short */
	assert_int_equal(proxy_parse(STR("\r\n\r\nx"), &h), E_SYNTAX);
	assert_int_equal(proxy_parse(STR("\r\n\r\n"), &h), 0);
	assert_int_equal(proxy_parse(STR(""), &h), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_1_gives_both_addresses),
		cmocka_unit_test(version_1_waits_for_its_whole_line),
		cmocka_unit_test(broken_version_1_is_refused),
		cmocka_unit_test(version_2_gives_both_addresses),
		cmocka_unit_test(version_2_local_keeps_the_sockets_addresses),
		cmocka_unit_test(broken_version_2_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
