/* SPDX-License-Identifier: ISC
 *
 * imapdesc_test.c: ENVELOPE, BODYSTRUCTURE, section paths, address lists.
 */
#include "mail/address.h"
#include "mail/imapdesc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct arena a;
static struct buf b;

static int setup(void **state)
{
	(void)state;
	arena_init(&a);
	buf_init(&b, 1 << 24);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&a);
	buf_done(&b);
	return 0;
}

/* name|route|local|domain, "[name" and "]" for groups, joined by " ; " */
static const char *listed(const char *body, size_t max)
{
	struct header_address *list;
	size_t n = address_list(str_of(body), &a, max, &list, NULL), i;

	buf_reset(&b);
	for (i = 0; i < n; i++) {
		if (i)
			buf_puts(&b, " ; ");
		if (list[i].kind == HEADER_GROUP_END)
			buf_puts(&b, "]");
		else if (list[i].kind == HEADER_GROUP_START)
			buf_fmt(&b, "[%.*s", STRF(list[i].name));
		else
			buf_fmt(&b, "%.*s|%.*s|%.*s|%.*s", STRF(list[i].name), STRF(list[i].route),
				STRF(list[i].local), STRF(list[i].domain));
	}
	return buf_cstr(&b);
}

static void address_lists(void **state)
{
	(void)state;
	assert_string_equal(listed("anna@example.org", 9), "||anna|example.org");
	assert_string_equal(listed(" Anna B <anna@example.org>,\r\n \"C, \\\"D\\\"\" <c@d>", 9),
		"Anna B||anna|example.org ; C, \"D\"||c|d");
	assert_string_equal(listed("Joe Q. Public <john.q.public@example.com>", 9), "Joe Q. Public||john.q.public|example.com");
	assert_string_equal(listed("joe@x (Joe (the) \\) man)", 9), "Joe (the) ) man||joe|x");
	assert_string_equal(listed("<@a,@b.c:joe@x>", 9), "|@a,@b.c|joe|x");
	assert_string_equal(listed("A Group:Ed <e@f>,g@h;, i@j", 9), "[A Group ; Ed||e|f ; ||g|h ; ] ; ||i|j");
	assert_string_equal(listed("Undisclosed recipients:(empty)\r\n ;", 9), "[Undisclosed recipients ; ]");
	assert_string_equal(listed("open: a@b", 9), "[open ; ||a|b ; ]");
	assert_string_equal(listed("\"a b\"@c", 9), "||a b|c");
	assert_string_equal(listed("john . doe @ example . org", 9), "||john.doe|example.org");
	assert_string_equal(listed("x@[192.0.2.1]", 9), "||x|[192.0.2.1]");
	assert_string_equal(listed("root, <>, a@b", 9), "||root| ; ||| ; ||a|b");
	assert_string_equal(listed("a@b.example <c@d.example>", 9), "a@b.example||c|d.example");
	assert_string_equal(listed("=?utf-8?q?J=C3=BC?= <j@x>", 9), "=?utf-8?q?J=C3=BC?=||j|x");
	assert_string_equal(listed("J\xc3\xbc <j@x>", 9), "J\xc3\xbc||j|x");
	assert_string_equal(listed(",, ,a@b,,", 9), "||a|b");
}

static void broken_addresses_are_skipped(void **state)
{
	(void)state;
	assert_string_equal(listed("a b@c, d@e", 9), "||d|e");
	assert_string_equal(listed("<a@b@c>, d@e", 9), "||d|e");
	assert_string_equal(listed("x <a b@c>, d@e", 9), "||d|e");
	assert_string_equal(listed("a@, d@e", 9), "||d|e");
	assert_string_equal(listed("a@b c@d, e@f", 9), "||a|b ; ||e|f");
	assert_string_equal(listed(">>, ), ]@[, :;, x@[1.2, d@e", 9), "||d|e");
	assert_string_equal(listed("\"open <a@b>", 9), "||open <a@b>|");
	assert_string_equal(listed("", 9), "");
}

static void C08_lists_end_at_the_maximum_with_groups_closed(void **state)
{
	struct header_address *list;
	bool cut = false;

	(void)state;
	assert_string_equal(listed("a@b,c@d,e@f", 2), "||a|b ; ||c|d");
	assert_string_equal(listed("g:a@b,c@d,e@f;", 3), "[g ; ||a|b ; ]");
	assert_string_equal(listed("a@b,g:c@d;", 2), "||a|b");
	address_list(STR("a@b,c@d"), &a, 1, &list, &cut);
	assert_true(cut);
	address_list(STR("a@b"), &a, 1, &list, &cut);
	assert_false(cut);
}

static void of_a_whole_list_nothing_is_left_out(void **state)
{
	static const char *const good[] = { "", " , ", "a@b", "A (x) <a@b>,\r\n g: c@d, <e@f>;, h", "\"a\\\"b\"@c (d (e) \\) f)", "a@b; c@d" };
	static const char *const bad[] = { "a b@c", "a@b c@d", "<a@b> <c@d>", "a@b, <c@d", "\"a@b", "a@b (c", "a@b (c <d@e>", "a@b <c@d> e",
		"g:h:a@b;", "@a", "a@", "a@b, \"x" };
	struct header_address *list = NULL;
	size_t n = 99, i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		if (address_list_all(str_of(bad[i]), &a, 9, &list, &n) != E_SYNTAX)
			fail_msg("%s", bad[i]);
	assert_int_equal(address_list_all(STR("a@b,c@d"), &a, 1, &list, &n), E_LIMIT);
	assert_true(n == 99 && !list);
	for (i = 0; i < ARRAY_LEN(good); i++)
		if (address_list_all(str_of(good[i]), &a, 9, &list, &n) != 0)
			fail_msg("%s", good[i]);
	assert_int_equal(n, 2);
}

static void envelope_is(const char *message, const char *want)
{
	struct header h;

	buf_reset(&b);
	header_parse(str_of(message), NULL, &a, &h);
	imapdesc_envelope(&h, &a, &b);
	assert_string_equal(buf_cstr(&b), want);
}

static void envelopes(void **state)
{
	(void)state;
	envelope_is("", "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
	envelope_is("Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\nFrom: Terry Gray <gray@cac.washington.edu>\r\n"
		    "Subject: IMAP4rev1 WG\r\n mtg \"x\" \\\r\nTo: imap@cac.washington.edu\r\ncc: a@b\r\nCC: c@d\r\n"
		    "Message-Id: <B27397-0100000@cac.washington.edu>\r\nIn-Reply-To:\r\n\r\n",
		"(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev1 WG mtg \\\"x\\\" \\\\\" "
		"((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
		"((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) ((NIL NIL \"imap\" \"cac.washington.edu\")) "
		"((NIL NIL \"a\" \"b\")(NIL NIL \"c\" \"d\")) NIL \"\" \"<B27397-0100000@cac.washington.edu>\")");
	envelope_is("To: g:;\r\nSubject: \xc3\xbc\r\nFrom: root\r\n\r\n",
		"(NIL {2}\r\n\xc3\xbc ((NIL NIL \"root\" \"MISSING_DOMAIN\")) ((NIL NIL \"root\" \"MISSING_DOMAIN\")) "
		"((NIL NIL \"root\" \"MISSING_DOMAIN\")) ((NIL NIL \"g\" NIL)(NIL NIL NIL NIL)) NIL NIL NIL NIL)");
}

static void strings(void **state)
{
	(void)state;
	imapdesc_nstring(STR_NONE, &b);
	imapdesc_nstring(STR(""), &b);
	imapdesc_nstring(STR("a\"\\b"), &b);
	imapdesc_nstring(STR("a\r\nb"), &b);
	imapdesc_nstring(STR("a\0b\0"), &b);
	assert_string_equal(buf_cstr(&b), "NIL\"\"\"a\\\"\\\\b\"{4}\r\na\r\nb{4}\r\na\x80" "b\x80");
}

static void structure_is(const char *message, bool extended, const char *want)
{
	struct mime m;

	buf_reset(&b);
	mime_parse(str_of(message), NULL, &a, &m);
	imapdesc_bodystructure(str_of(message), &m, extended, &b);
	assert_string_equal(buf_cstr(&b), want);
}

#define TEXT "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" "

static void structures(void **state)
{
	(void)state;
	structure_is("\r\na\r\n", false, TEXT "3 1)");
	structure_is("\r\na\r\n", true, TEXT "3 1 NIL NIL NIL NIL)");
	structure_is("Content-Type: text/html; format=flowed\r\n\r\n", false,
		"(\"text\" \"html\" (\"format\" \"flowed\" \"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0)");
	structure_is("Content-Type: image/png\r\nContent-ID: <x>\r\nContent-MD5: m\r\nContent-Language: de,en\r\n"
		     "Content-Location: l\r\nContent-Disposition: inline; filename*=utf-8''%C3%BC%27\r\n\r\nab",
		true,
		"(\"image\" \"png\" NIL \"<x>\" NIL \"7bit\" 2 \"m\" (\"inline\" (\"filename*\" \"utf-8''%C3%BC%27\")) (\"de\" \"en\") \"l\")");
	structure_is("Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\na\r\n--x\r\nContent-Type: message/rfc822\r\n\r\n"
		     "Subject: in\r\n\r\nb\r\nc\r\n--x--\r\n",
		true,
		"(" TEXT "1 0 NIL NIL NIL NIL)(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 19 "
		"(NIL \"in\" NIL NIL NIL NIL NIL NIL NIL NIL) " TEXT "4 1 NIL NIL NIL NIL) 3 NIL NIL NIL NIL)"
		" \"mixed\" (\"boundary\" \"x\") NIL NIL NIL)");
	structure_is("Content-Type: multipart/mixed; boundary=x\r\n\r\nnothing", false, "(" TEXT "0 0) \"mixed\")");
	structure_is("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nYQ==", false,
		"(\"application\" \"octet-stream\" NIL NIL NIL \"base64\" 4)");
}

/* RFC 3501 6.4.5: the example's tree. */
static void section_paths(void **state)
{
	static const char text[] =
		"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n1\r\n--x\r\nContent-Type: message/rfc822\r\n\r\n"
		"Content-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\n2.1\r\n--y\r\n\r\n2.2\r\n--y--\r\n--x\r\n"
		"Content-Type: message/rfc822\r\n\r\nSubject: s\r\n\r\n3.1\r\n--x--\r\n";
	static const struct {
		uint32_t path[3];
		size_t n;
		const char *body; /* NULL: not there */
	} row[] = { { { 1 }, 1, "1" }, { { 2, 1 }, 2, "2.1" }, { { 2, 2 }, 2, "2.2" }, { { 3, 1 }, 2, "3.1" },
		{ { 4 }, 1, NULL }, { { 1, 1 }, 2, NULL }, { { 2, 3 }, 2, NULL }, { { 3, 2 }, 2, NULL },
		{ { 3, 1, 1 }, 3, NULL }, { { 2, 1, 1 }, 3, NULL }, { { 0 }, 1, NULL } };
	struct str message = str_of(text);
	uint32_t one[] = { 1, 1 };
	struct mime m;
	size_t i;

	(void)state;
	mime_parse(message, NULL, &a, &m);
	for (i = 0; i < ARRAY_LEN(row); i++) {
		int at = imapdesc_part(&m, row[i].path, row[i].n);

		assert_int_equal(at >= 0, row[i].body != NULL);
		if (at >= 0)
			assert_true(str_eqc(str_sub(message, m.part[at].body_at,
						    m.part[at].body_at + m.part[at].body_size),
				row[i].body));
	}
	mime_parse(STR("\r\nx"), NULL, &a, &m);
	assert_int_equal(imapdesc_part(&m, one, 0), 0);
	assert_int_equal(imapdesc_part(&m, one, 1), 0);
	assert_int_equal(imapdesc_part(&m, one, 2), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(address_lists, setup, teardown),
		cmocka_unit_test_setup_teardown(broken_addresses_are_skipped, setup, teardown),
		cmocka_unit_test_setup_teardown(C08_lists_end_at_the_maximum_with_groups_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(of_a_whole_list_nothing_is_left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(envelopes, setup, teardown),
		cmocka_unit_test_setup_teardown(strings, setup, teardown),
		cmocka_unit_test_setup_teardown(structures, setup, teardown),
		cmocka_unit_test_setup_teardown(section_paths, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
