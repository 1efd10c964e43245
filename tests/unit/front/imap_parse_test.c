/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "front/parse.h"

static struct arena a;

static int setup(void **state)
{
	(void)state;
	arena_init(&a);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&a);
	return 0;
}

static enum imap_scan_result scan(struct str bytes, size_t *used)
{
	size_t pos = 0;
	unsigned literals = 0;

	return imap_scan(bytes, 100, &pos, &literals, used);
}

static void a_command_without_literals_is_one_line(void **state)
{
	size_t used = 0;

	(void)state;
	assert_int_equal(scan(STR("a NOOP\r\nb"), &used), IMAP_SCAN_WHOLE);
	assert_int_equal(used, 8);
	assert_int_equal(scan(STR("a NOOP\r"), &used), IMAP_SCAN_MORE);
	assert_int_equal(scan(STR("a NOOP\n"), &used), IMAP_SCAN_CLOSE);
	assert_int_equal(scan(STR("a {5} x\r\n"), &used), IMAP_SCAN_WHOLE);
	assert_int_equal(scan(STR("a {x5}\r\n"), &used), IMAP_SCAN_WHOLE);
	assert_int_equal(scan(STR("5}\r\n"), &used), IMAP_SCAN_WHOLE);
}

static void a_synchronising_literal_is_asked_for_once(void **state)
{
	size_t used = 0, pos = 0;
	unsigned literals = 0;

	(void)state;
	assert_int_equal(imap_scan(STR("a LOGIN {4}\r\n"), 100, &pos, &literals, &used),
		IMAP_SCAN_CONTINUE);
	assert_int_equal(imap_scan(STR("a LOGIN {4}\r\nan"), 100, &pos, &literals, &used),
		IMAP_SCAN_MORE);
	assert_int_equal(imap_scan(STR("a LOGIN {4}\r\nanna {2}\r\n"), 100, &pos, &literals, &used),
		IMAP_SCAN_CONTINUE);
	assert_int_equal(imap_scan(STR("a LOGIN {4}\r\nanna {2}\r\nxx\r\n"), 100, &pos, &literals, &used),
		IMAP_SCAN_WHOLE);
	assert_int_equal(used, 13 + 10 + 4);
}

/* C07: literals above 8 KiB, more than three, or endless lines */
static void literals_have_limits_before_they_are_sent(void **state)
{
	static char big[200];
	size_t used = 0;

	(void)state;
	assert_int_equal(scan(STR("a LOGIN {8193}\r\n"), &used), IMAP_SCAN_TOO_BIG);
	assert_int_equal(used, 16);
	assert_int_equal(scan(STR("a LOGIN {8193+}\r\n"), &used), IMAP_SCAN_CLOSE);
	assert_int_equal(scan(STR("a LOGIN {8192}\r\n"), &used), IMAP_SCAN_CONTINUE);
	assert_int_equal(scan(STR("a LOGIN {4294967296+}\r\n"), &used), IMAP_SCAN_CLOSE);
	assert_int_equal(scan(STR("a LOGIN {99999999999999999999}\r\n"), &used), IMAP_SCAN_TOO_BIG);
	assert_int_equal(scan(STR("a {1+}\r\nx{1+}\r\nx{1+}\r\nx\r\n"), &used), IMAP_SCAN_WHOLE);
	assert_int_equal(scan(STR("a {1+}\r\nx{1+}\r\nx{1+}\r\nx{1}\r\n"), &used), IMAP_SCAN_TOO_BIG);
	assert_int_equal(scan(STR("a {1+}\r\nx{1+}\r\nx{1+}\r\nx{1+}\r\n"), &used), IMAP_SCAN_CLOSE);
	memset(big, '(', sizeof big);
	assert_int_equal(scan(str_make(big, 101), &used), IMAP_SCAN_MORE);
	assert_int_equal(scan(str_make(big, 102), &used), IMAP_SCAN_CLOSE);
}

static int parse(const char *text, struct imap_line *l)
{
	return imap_line_parse(str_of(text), &a, l);
}

static void login_takes_atoms_strings_and_literals(void **state)
{
	struct imap_line l;

	(void)state;
	assert_int_equal(parse("a1 login anna@example.org secret", &l), 0);
	assert_int_equal(l.verb, IMAP_LOGIN);
	assert_true(str_eqc(l.tag, "a1") && str_eqc(l.user, "anna@example.org"));
	assert_int_equal(parse("a LOGIN \"an\\\"na\" \"a\\\\b c\"", &l), 0);
	assert_true(str_eqc(l.user, "an\"na") && str_eqc(l.password, "a\\b c"));
	assert_int_equal(parse("a LOGIN {4}\r\nanna {3+}\r\na\rb", &l), 0);
	assert_true(str_eqc(l.user, "anna") && str_eqc(l.password, "a\rb"));
	assert_int_equal(parse("a LOGIN {0}\r\n \"\"", &l), 0);
	assert_int_equal(l.user.n, 0);
}

static void broken_logins_are_refused_with_their_tag(void **state)
{
	static const char *const bad[] = { "a LOGIN", "a LOGIN x", "a LOGIN x y z", "a LOGIN \"x y",
		"a LOGIN \"x\\y\" z", "a LOGIN x  y", "a LOGIN {5}\r\nabc y", "a LOGIN {1}x y", "a LOGIN (x) y",
		"a LOGIN x y ", "a LOGIN {}\r\n y" };
	struct imap_line l;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(parse(bad[i], &l), E_SYNTAX);
		assert_true(str_eqc(l.tag, "a"));
	}
	assert_int_equal(imap_line_parse(STR("a LOGIN {3+}\r\nx\0y z"), &a, &l), E_SYNTAX);
}

static void tags_are_checked(void **state)
{
	static const char *const bad[] = { "", "a", " NOOP", "+ NOOP", "a+b NOOP", "* NOOP", "(a NOOP",
		"a\" NOOP", "a\tNOOP" };
	struct imap_line l;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(parse(bad[i], &l), E_SYNTAX);
		assert_int_equal(l.tag.n, 0);
	}
	assert_int_equal(parse("a]b NOOP", &l), 0);
	assert_int_equal(parse("a NOOP ((((", &l), E_SYNTAX);
	assert_int_equal(parse("a SELECT (((", &l), 0);
	assert_int_equal(l.verb, IMAP_OTHER);
}

static void authenticate_has_an_optional_initial_response(void **state)
{
	struct imap_line l;

	(void)state;
	assert_int_equal(parse("a AUTHENTICATE PLAIN", &l), 0);
	assert_true(str_eqc(l.mech, "PLAIN") && !l.initial.p);
	assert_int_equal(parse("a AUTHENTICATE PLAIN =", &l), 0);
	assert_true(str_eqc(l.initial, "="));
	assert_int_equal(parse("a AUTHENTICATE PLAIN ", &l), 0);
	assert_true(str_eqc(l.mech, "PLAIN") && !l.initial.p);
	assert_int_equal(parse("a AUTHENTICATE PLAIN  ", &l), E_SYNTAX);
	assert_int_equal(parse("a AUTHENTICATE", &l), E_SYNTAX);
	assert_int_equal(parse("a AUTHENTICATE P(", &l), E_SYNTAX);
}

/* RFC 2971 3.3 */
static void id_is_kept_printable_and_within_its_limits(void **state)
{
	struct imap_line l;
	char text[4096] = "a ID (";
	size_t i;

	(void)state;
	assert_int_equal(parse("a ID NIL", &l), 0);
	assert_int_equal(parse("a ID ()", &l), 0);
	assert_int_equal(parse("a ID (\"name\" \"K-9 \x1b[1m\" \"os\" NIL)", &l), 0);
	assert_true(str_eqc(l.params, "name=K-9 ?[1m"));
	assert_int_equal(parse("a ID (\"name\")", &l), E_SYNTAX);
	assert_int_equal(parse("a ID (\"name\" \"x\"", &l), E_SYNTAX);
	assert_int_equal(parse("a ID (name \"x\")", &l), E_SYNTAX);
	assert_int_equal(parse("a ID (\"1234567890123456789012345678901\" \"x\")", &l), E_SYNTAX);
	for (i = 0; i < 31; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "%s\"a\" \"b\"", i ? " " : "");
	snprintf(text + strlen(text), sizeof text - strlen(text), ")");
	assert_int_equal(parse(text, &l), E_SYNTAX);
}

/* What the door answers for a sleeping session, and nothing else. */
static void a_sleepers_lines_are_few(void **state)
{
	struct str tag = STR_NONE;

	(void)state;
	assert_int_equal(imap_asleep_parse(STR("DONE\r\n"), true, &tag), ASLEEP_DONE);
	assert_int_equal(imap_asleep_parse(STR("done\r\n"), true, &tag), ASLEEP_DONE);
	assert_int_equal(imap_asleep_parse(STR("DONE\n"), true, &tag), ASLEEP_OTHER);
	assert_int_equal(imap_asleep_parse(STR("DONE \r\n"), true, &tag), ASLEEP_OTHER);
	assert_int_equal(imap_asleep_parse(STR("a NOOP\r\n"), true, &tag), ASLEEP_OTHER);
	assert_int_equal(imap_asleep_parse(STR("DONE\r\n"), false, &tag), ASLEEP_OTHER);
	assert_int_equal(imap_asleep_parse(STR("a1 idle\r\n"), false, &tag), ASLEEP_IDLE);
	assert_true(str_eqc(tag, "a1"));
	assert_int_equal(imap_asleep_parse(STR("] NooP\r\n"), false, &tag), ASLEEP_NOOP);
	assert_true(str_eqc(tag, "]"));
	assert_int_equal(imap_asleep_parse(STR("a+ NOOP\r\n"), false, &tag), ASLEEP_OTHER);
	assert_int_equal(imap_asleep_parse(STR("NOOP\r\n"), false, &tag), ASLEEP_OTHER);
	assert_int_equal(imap_asleep_parse(STR(" NOOP\r\n"), false, &tag), ASLEEP_OTHER);
	assert_int_equal(imap_asleep_parse(STR("a  NOOP\r\n"), false, &tag), ASLEEP_OTHER);
	assert_int_equal(imap_asleep_parse(STR("a NOOP x\r\n"), false, &tag), ASLEEP_OTHER);
	assert_int_equal(imap_asleep_parse(STR("a\0 NOOP\r\n"), false, &tag), ASLEEP_OTHER);
	assert_int_equal(imap_asleep_parse(STR("a NOOP\r\r\n"), false, &tag), ASLEEP_OTHER);
	assert_int_equal(imap_asleep_parse(STR("a CHECK\r\n"), false, &tag), ASLEEP_OTHER);
	assert_int_equal(imap_asleep_parse(STR("\r\n"), false, &tag), ASLEEP_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_without_literals_is_one_line),
		cmocka_unit_test(a_synchronising_literal_is_asked_for_once),
		cmocka_unit_test(literals_have_limits_before_they_are_sent),
		cmocka_unit_test(login_takes_atoms_strings_and_literals),
		cmocka_unit_test(broken_logins_are_refused_with_their_tag),
		cmocka_unit_test(tags_are_checked),
		cmocka_unit_test(authenticate_has_an_optional_initial_response),
		cmocka_unit_test(a_sleepers_lines_are_few),
		cmocka_unit_test(id_is_kept_printable_and_within_its_limits),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
