/* SPDX-License-Identifier: ISC
 *
 * received_test.c: the text of the Received field.
 */
#include "mail/received.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define NOON 1795262400 /* 2026-11-21 12:00 UTC */

static void print(const struct received *r, struct buf *b)
{
	buf_init(b, 10000);
	received_print(r, b);
	assert_int_equal(b->err, 0);
}

static void full(void **state)
{
	struct received r = {
		.helo = STR("mail.example.net"), .peer = STR("192.0.2.1"), .by = STR("mx.example.org"),
		.id = STR("abc123"), .for_address = STR("anna@example.org"), .tls_version = STR("TLSv1.3"),
		.tls_cipher = STR("TLS_AES_256_GCM_SHA384"), .tls_bits = 256, .esmtp = true, .auth = true,
		.time = NOON,
	};
	struct buf b;

	(void)state;
	print(&r, &b);
	assert_string_equal(buf_cstr(&b),
		"Received: from mail.example.net ([192.0.2.1])\r\n"
		"\tby mx.example.org with ESMTPSA\r\n"
		"\t(TLSv1.3 with cipher TLS_AES_256_GCM_SHA384, 256 bits)\r\n"
		"\tid abc123 for <anna@example.org>;\r\n"
		"\tSat, 21 Nov 2026 12:00:00 +0000\r\n");
	buf_done(&b);
}

static void least(void **state)
{
	struct received r = { .by = STR("mx"), .id = STR("x"), .lmtp = true, .time = NOON };
	struct buf b;

	(void)state;
	print(&r, &b);
	assert_string_equal(buf_cstr(&b),
		"Received: from localhost\r\n\tby mx with LMTP\r\n\tid x;\r\n\tSat, 21 Nov 2026 12:00:00 +0000\r\n");
	buf_done(&b);
}

/* RFC 3848, RFC 6531 4.3 */
static void protocols(void **state)
{
	struct received r = { 0 };

	(void)state;
	assert_string_equal(received_protocol(&r), "SMTP");
	r.esmtp = true;
	assert_string_equal(received_protocol(&r), "ESMTP");
	r.tls_version = STR("TLSv1.2");
	assert_string_equal(received_protocol(&r), "ESMTPS");
	r.auth = true;
	r.utf8 = true;
	assert_string_equal(received_protocol(&r), "UTF8SMTPSA");
	r.lmtp = true;
	assert_string_equal(received_protocol(&r), "UTF8LMTPSA");
	r = (struct received){ .esmtp = true, .auth = true };
	assert_string_equal(received_protocol(&r), "ESMTPA");
}

/* C02: nothing that came from outside begins a line or leaves its place. */
static void C02_no_second_line(void **state)
{
	struct received r = {
		.helo = STR("a\r\nBcc: x (b)"), .by = STR("mx"), .id = STR("x"),
		.for_address = STR("\"a\r\nb\"@c"), .tls_version = STR("v\n"), .tls_cipher = STR("c)\n(d"),
		.time = NOON,
	};
	struct buf b;
	size_t i;

	(void)state;
	print(&r, &b);
	for (i = 0; i + 1 < b.n; i++)
		if (b.p[i] == '\n')
			assert_true(b.p[i - 1] == '\r' && b.p[i + 1] == '\t');
	assert_non_null(strstr(buf_cstr(&b), "from a??Bcc:?x??b?\r\n"));
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full),
		cmocka_unit_test(least),
		cmocka_unit_test(protocols),
		cmocka_unit_test(C02_no_second_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
