/* SPDX-License-Identifier: ISC
 *
 * parse_test.c: words of IMAP commands, and commands as texts.
 */
#include "imap/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "imap/input.h"
#include "store/store.h"

static struct arena a;

static void astrings(void **state)
{
	static const struct {
		const char *in;
		int r;
		const char *value, *rest;
	} row[] = {
		{ "INBOX x", 1, "INBOX", " x" },
		{ "a]b", 1, "a]b", "" },
		{ "a%b", 1, "a", "%b" },
		{ "\"a \\\"b\\\\\" x", 1, "a \"b\\", " x" },
		{ "\"\"", 1, "", "" },
		{ "{3}\r\nabcd", 1, "abc", "d" },
		{ "{3+}\r\nabcd", 1, "abc", "d" },
		{ "{0}\r\n", 1, "", "" },
		{ "\"caf\xc3\xa9\"", 1, "caf\xc3\xa9", "" },
		{ "caf\xc3\xa9", 1, "caf", "\xc3\xa9" },
		{ "\"a", E_SYNTAX, NULL, NULL },
		{ "\"a\\", E_SYNTAX, NULL, NULL },
		{ "\"a\\n\"", E_SYNTAX, NULL, NULL },
		{ "\"a\r\nb\"", E_SYNTAX, NULL, NULL },
		{ "{5}\r\nabc", E_SYNTAX, NULL, NULL },
		{ "{99999999999}\r\n", E_SYNTAX, NULL, NULL },
		{ "{-1}\r\n", E_SYNTAX, NULL, NULL },
		{ "(", 0, NULL, NULL },
		{ "", 0, NULL, NULL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		struct cur c = cur_of(str_of(row[i].in));
		struct str out;

		assert_int_equal(imap_parse_astring(&c, &a, &out), row[i].r);
		if (row[i].r != 1) {
			assert_int_equal(cur_left(&c), strlen(row[i].in));
			continue;
		}
		assert_true(str_eqc(out, row[i].value));
		assert_true(str_eqc(cur_rest(&c), row[i].rest));
	}
}

static void mailbox_names(void **state)
{
	static const struct {
		const char *in, *name;
		bool bad;
	} row[] = {
		{ "inbox", "INBOX", false },
		{ "\"inBox/sub\"", "INBOX/sub", false },
		{ "inboxes", "inboxes", false },
		{ "\"Entw&APw-rfe\"", "Entw\xc3\xbcrfe", false },
		{ "\"a&-b\"", "a&b", false },
		{ "x&AC8-", NULL, true }, /* "/" in disguise (C12) */
		{ "x&AC4ALg-", NULL, true },
		{ "\"bad&utf\"", NULL, true },
		{ "\"\"", NULL, true },
		{ "\"\xc3\xbc\"", NULL, true },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		struct cur c = cur_of(str_of(row[i].in));
		struct str out;
		bool bad;

		assert_int_equal(imap_parse_mailbox(&c, &a, &out, &bad), 1);
		assert_int_equal(bad, row[i].bad);
		if (!bad)
			assert_true(str_eqc(out, row[i].name));
	}
}

static void names_of_10000_bytes_are_no_names(void **state)
{
	char *text = mem_alloc(10001, 1);
	struct str out;
	struct cur c;
	bool bad;

	(void)state;
	memset(text, 'x', 10000);
	c = cur_of(str_of(text));
	assert_int_equal(imap_parse_mailbox(&c, &a, &out, &bad), 1);
	assert_true(bad);
	free(text);
}

static void flag_lists(void **state)
{
	struct imap_flags f;
	struct cur c = cur_of(STR("(\\Seen $Label1 \\deleted $LABEL1)"));

	(void)state;
	assert_int_equal(imap_parse_flag_list(&c, &a, &f), 1);
	assert_int_equal(f.flags, STORE_SEEN | STORE_DELETED);
	assert_int_equal(f.nkeywords, 1);
	c = cur_of(STR("()"));
	assert_int_equal(imap_parse_flag_list(&c, &a, &f), 1);
	assert_int_equal(f.nkeywords, 0);
	c = cur_of(STR("(\\Recent)"));
	assert_int_equal(imap_parse_flag_list(&c, &a, &f), E_SYNTAX);
	c = cur_of(STR("(\\Seen  x)"));
	assert_int_equal(imap_parse_flag_list(&c, &a, &f), E_SYNTAX);
	c = cur_of(STR("(x"));
	assert_int_equal(imap_parse_flag_list(&c, &a, &f), E_SYNTAX);
	c = cur_of(STR("\\Seen x"));
	assert_int_equal(imap_parse_flags(&c, &a, &f), 1);
}

/* C09: a hundred thousand keywords are refused, quickly */
static void keywords_are_limited(void **state)
{
	struct imap_flags f;
	struct buf b;
	struct cur c;
	size_t i;

	(void)state;
	buf_init(&b, 1 << 21);
	for (i = 0; i < 100000; i++)
		buf_fmt(&b, "%sk%zu", i ? " " : "", i);
	c = cur_of(buf_view(&b));
	assert_int_equal(imap_parse_flags(&c, &a, &f), E_SYNTAX);
	buf_done(&b);
}

static void append_arguments(void **state)
{
	static const struct {
		const char *in;
		int r;
	} row[] = {
		{ " INBOX ", 1 },
		{ " INBOX (\\Seen) ", 1 },
		{ " INBOX () \"21-Nov-2026 19:30:54 +0000\" ", 1 },
		{ " INBOX \" 1-Nov-2026 19:30:54 -0930\" ", 1 },
		{ " {5}\r\nINBOX ", 1 },
		{ " ", E_SYNTAX },
		{ " INBOX", E_SYNTAX },
		{ " INBOX(\\Seen) ", E_SYNTAX },
		{ " INBOX (\\Seen)", E_SYNTAX },
		{ " INBOX \"31-Nev-2026 19:30:54 +0000\" ", E_SYNTAX },
		{ " INBOX x ", E_SYNTAX },
	};
	struct imap_append_args args;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		struct cur c = cur_of(str_of(row[i].in));

		assert_int_equal(imap_parse_append(&c, &a, &args), row[i].r);
	}
}

static void command_lines(void **state)
{
	static const struct {
		const char *in;
		int r;
		const char *tag, *verb;
		bool uid;
		const char *args;
	} row[] = {
		{ "a NOOP", 0, "a", "NOOP", false, "" },
		{ "a.1 fetch 1 FLAGS", 0, "a.1", "fetch", false, " 1 FLAGS" },
		{ "a uid Fetch 1 FLAGS", 0, "a", "Fetch", true, " 1 FLAGS" },
		{ "a UID", 0, "a", "UID", false, "" },
		{ "a UID ", 0, "a", "UID", false, " " },
		{ "a", E_SYNTAX, "a", "", false, "" },
		{ "a ", E_SYNTAX, "a", "", false, "" },
		{ "a  NOOP", E_SYNTAX, "a", "", false, "" },
		{ "a NOOP(", E_SYNTAX, "a", "NOOP", false, "" },
		{ "+ NOOP", E_SYNTAX, "", "", false, "" },
		{ "a+b NOOP", E_SYNTAX, "", "", false, "" },
		{ "* NOOP", E_SYNTAX, "", "", false, "" },
		{ "", E_SYNTAX, "", "", false, "" },
	};
	struct imap_input in;
	const char *why;
	size_t i;

	(void)state;
	imap_input_init(&in, 1000);
	for (i = 0; i < ARRAY_LEN(row); i++) {
		buf_reset(&in.text);
		buf_puts(&in.text, row[i].in);
		assert_int_equal(imap_input_parse(&in, &why), row[i].r);
		assert_true(str_eqc(str_make(in.tag.p ? in.tag.p : "", in.tag.n), row[i].tag));
		if (row[i].r)
			continue;
		assert_true(str_eqc(in.verb, row[i].verb));
		assert_int_equal(in.uid, row[i].uid);
		assert_true(str_eqc(cur_rest(&in.args), row[i].args));
	}
	imap_input_done(&in);
}

static void literal_heads(void **state)
{
	struct imap_literal lit;

	(void)state;
	assert_int_equal(imap_literal_tail(STR("a LOGIN {11}"), &lit), 1);
	assert_true(lit.sync);
	assert_int_equal(lit.size, 11);
	assert_int_equal(lit.at, 8);
	assert_int_equal(imap_literal_tail(STR("{0+}"), &lit), 1);
	assert_false(lit.sync);
	assert_int_equal(imap_literal_tail(STR("{99999999999999999999999}"), &lit), 1);
	assert_true(lit.size > UINT32_MAX);
	assert_int_equal(imap_literal_tail(STR("{}"), &lit), 0);
	assert_int_equal(imap_literal_tail(STR("{+}"), &lit), 0);
	assert_int_equal(imap_literal_tail(STR("{1-}"), &lit), 0);
	assert_int_equal(imap_literal_tail(STR("1}"), &lit), 0);
	assert_int_equal(imap_literal_tail(STR("{1} "), &lit), 0);
}

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(astrings),
		cmocka_unit_test(mailbox_names),
		cmocka_unit_test(names_of_10000_bytes_are_no_names),
		cmocka_unit_test(flag_lists),
		cmocka_unit_test(keywords_are_limited),
		cmocka_unit_test(append_arguments),
		cmocka_unit_test(command_lines),
		cmocka_unit_test(literal_heads),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
