/* SPDX-License-Identifier: ISC
 *
 * smtpdata_test.c: the message reader: dots, the one end, smuggling (C06), and
 * that pieces make no difference.
 */
#include "mail/smtpdata.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct buf out;

static int setup(void **state)
{
	(void)state;
	buf_init(&out, 1 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_done(&out);
	return 0;
}

/* Feeds in pieces of n bytes (0: one piece, cut at `cut`); how much was taken. */
static size_t feed(struct smtp_data *d, struct str in, size_t n, size_t cut)
{
	size_t at = 0, took;

	buf_reset(&out);
	while (at < in.n && !d->end && !smtp_data_stopped(d)) {
		size_t to = n ? MIN(at + n, in.n) : at < cut ? cut : in.n;

		took = smtp_data_feed(d, str_sub(in, at, to), &out);
		if (took < to - at)
			return at + took;
		at = to;
	}
	return at;
}

static void message(void **state)
{
	static const struct {
		struct str in, out, rest;
	} row[] = {
		{ STR(".\r\n"), STR(""), STR("") },
		{ STR("a\r\n.\r\n"), STR("a\r\n"), STR("") },
		{ STR("a\r\n.\r\nQUIT\r\n"), STR("a\r\n"), STR("QUIT\r\n") },
		{ STR("..\r\n.\r\n"), STR(".\r\n"), STR("") },
		{ STR("..a\r\n.b\r\n.\r\n"), STR(".a\r\nb\r\n"), STR("") },
		{ STR("a.\r\n.\r\n"), STR("a.\r\n"), STR("") },
		{ STR("\r\n\r\n.\r\n"), STR("\r\n\r\n"), STR("") },
		{ STR(". \r\n.\r\n"), STR(" \r\n"), STR("") },
		{ STR("a\x80\r\n.\r\n"), STR("a\x80\r\n"), STR("") },
	};
	size_t i, n;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		for (n = 0; n <= row[i].in.n; n++) {
			struct smtp_data d;
			size_t took;

			smtp_data_init(&d, true, 1000, 1000);
			took = feed(&d, row[i].in, n, n);
			assert_true(d.end);
			assert_int_equal(d.fault, SMTP_DATA_OK);
			assert_true(str_eq(buf_view(&out), row[i].out));
			assert_true(str_eq(str_from(row[i].in, took), row[i].rest));
			assert_int_equal(d.size, row[i].out.n);
		}
	}
}

/* What other servers took for an end (smtpsmug and SMTP-Smuggling-Tools): each is
 * refused, at every way to cut it, and nothing behind it is reached as a command. */
static void C06_smuggled_ends_stop_the_reader(void **state)
{
	static const struct str ends[] = {
		STR("\n.\n"), STR("\n.\r\n"), STR("\r.\r"), STR("\r.\r\n"), STR("\r\n.\n"), STR("\r\n.\r"),
		STR("\r\n\r.\r\n"), STR("\n\n.\r\n"), STR("\r\n.\r\r\n"), STR("\r\r\n.\r\r\n"),
		STR("\r\n.\n\r"), STR("\n\r.\n\r"), STR("\n.\r"), STR("\r.\n"), STR("\r\n..\n"),
		STR("\r\n.\0\n"), STR("\r\n.\r\0\n"), STR("\r\n\n.\n"), STR("\r\n.\x0b\n"), STR("\n.\n\r\n"),
	};
	size_t i, cut;

	(void)state;
	for (i = 0; i < ARRAY_LEN(ends); i++) {
		struct buf in;

		buf_init(&in, 1000);
		buf_puts(&in, "Subject: a\r\n\r\ntext");
		buf_str(&in, ends[i]);
		buf_puts(&in, "MAIL FROM:<evil@example.org>\r\n.\r\n");
		for (cut = 0; cut <= in.n; cut++) {
			struct smtp_data d;

			smtp_data_init(&d, true, 1000, 1000);
			feed(&d, buf_view(&in), 0, cut);
			if (!smtp_data_stopped(&d))
				fail_msg("end %zu, cut %zu: not refused", i, cut);
			assert_false(d.end);
		}
		for (cut = 1; cut < 4; cut++) {
			struct smtp_data d;

			smtp_data_init(&d, true, 1000, 1000);
			feed(&d, buf_view(&in), cut, 0);
			assert_true(smtp_data_stopped(&d));
		}
		buf_done(&in);
	}
}

/* Faults that are told at the end, so that the client is in step. */
static void faults_read_on_to_the_end(void **state)
{
	struct smtp_data d;
	size_t n;

	(void)state;
	smtp_data_init(&d, true, 10, 30);
	assert_int_equal(feed(&d, STR("12345678\r\n12345678\r\n12345678\r\n.\r\nX"), 0, 0), 33);
	assert_int_equal(d.fault, SMTP_DATA_OK);
	smtp_data_init(&d, true, 10, 30);
	assert_int_equal(feed(&d, STR("12345678\r\n12345678\r\n12345678\r\na\r\n.\r\nX"), 0, 0), 36);
	assert_true(d.end);
	assert_int_equal(d.fault, SMTP_DATA_SIZE);
	smtp_data_init(&d, true, 10, 30);
	feed(&d, STR("123456789\r\n.\r\n"), 1, 0);
	assert_true(d.end);
	assert_int_equal(d.fault, SMTP_DATA_LINE);
	smtp_data_init(&d, true, 10, 30);
	feed(&d, STR("a\0b\r\n.\r\n"), 1, 0);
	assert_true(d.end);
	assert_int_equal(d.fault, SMTP_DATA_NUL);
	/* of two faults the graver one, however the bytes came */
	for (n = 1; n < 25; n++) {
		smtp_data_init(&d, true, 10, 30);
		feed(&d, STR("123456789012\0\r\n.\r\n"), n, 0);
		assert_int_equal(d.fault, SMTP_DATA_LINE);
	}
	/* a bare LF overrules */
	smtp_data_init(&d, true, 10, 30);
	feed(&d, STR("a\0b\n.\r\n"), 1, 0);
	assert_int_equal(d.fault, SMTP_DATA_BARE_LF);
}

static void eight_bit_is_seen(void **state)
{
	struct smtp_data d;

	(void)state;
	smtp_data_init(&d, true, 100, 100);
	feed(&d, STR("abc\r\n.\r\n"), 0, 0);
	assert_false(d.eight_bit);
	smtp_data_init(&d, true, 100, 100);
	feed(&d, STR("ab\xc3\xa9\r\n.\r\n"), 1, 0);
	assert_true(d.eight_bit);
}

/* BDAT: dots are dots, the line ends are as strict. */
static void bdat_bytes(void **state)
{
	struct smtp_data d;
	size_t n;

	(void)state;
	for (n = 1; n < 12; n++) {
		smtp_data_init(&d, false, 100, 100);
		assert_true(smtp_data_complete(&d));
		assert_int_equal(feed(&d, STR("..a\r\n.\r\nb\r\n"), n, 0), 11);
		assert_true(str_eqc(buf_view(&out), "..a\r\n.\r\nb\r\n"));
		assert_true(smtp_data_complete(&d));
		assert_false(d.end);
	}
	smtp_data_init(&d, false, 100, 100);
	feed(&d, STR("a\r\nb"), 0, 0);
	assert_false(smtp_data_complete(&d));
	smtp_data_init(&d, false, 100, 100);
	feed(&d, STR("a\r"), 0, 0);
	assert_false(smtp_data_complete(&d));
	assert_int_equal(d.fault, SMTP_DATA_OK);
	feed(&d, STR("\n"), 0, 0);
	assert_true(smtp_data_complete(&d));
	smtp_data_init(&d, false, 100, 100);
	feed(&d, STR("a\nb\r\n"), 1, 0);
	assert_true(smtp_data_stopped(&d));
	smtp_data_init(&d, false, 100, 100);
	feed(&d, STR("a\rb\r\n"), 1, 0);
	assert_true(smtp_data_stopped(&d));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(message, setup, teardown),
		cmocka_unit_test_setup_teardown(C06_smuggled_ends_stop_the_reader, setup, teardown),
		cmocka_unit_test_setup_teardown(faults_read_on_to_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(eight_bit_is_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(bdat_bytes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
