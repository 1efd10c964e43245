/* SPDX-License-Identifier: ISC
 *
 * What an IMAP server says, alone and in a conversation with a script.
 */
#include "import/imap_talk.h"
#include "import/mbox.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

static int parse(struct arena *a, const char *text, struct imap_reply *r)
{
	memset(r, 0, sizeof(*r));
	return imap_reply_parse(str_of(text), a, r);
}

static void responses(void **state)
{
	struct imap_reply r;
	struct arena a;

	(void)state;
	arena_init(&a);
	assert_int_equal(parse(&a, "* 12 FETCH (UID 5 FLAGS (\\Seen $Work \\Recent) INTERNALDATE \" 9-Sep-2001 01:46:40 +0000\" BODY[] <>)", &r), 0);
	assert_true(r.kind == IMAP_FETCH && r.number == 12 && r.uid == 5 && r.has_body && r.has_flags);
	assert_true(r.flags == STORE_SEEN && str_eqc(r.keywords, "$Work") && r.internaldate == 1000000000);
	assert_int_equal(parse(&a, "* 1 FETCH (X-OTHER (a (b \"c)\") 5) BODY[HEADER.FIELDS (A B)] \"x\" UID 7)", &r), 0);
	assert_true(r.uid == 7 && !r.has_body);
	assert_int_equal(parse(&a, "* LIST (\\HasNoChildren \\Sent) \".\" \"Sent Items\"", &r), 0);
	assert_true(r.kind == IMAP_LIST && r.separator == '.' && str_eqc(r.name, "Sent Items") && imap_word(r.attributes, "\\sent"));
	assert_int_equal(parse(&a, "* LIST () NIL inbox", &r), 0);
	assert_true(!r.separator && str_eqc(r.name, "inbox"));
	assert_int_equal(parse(&a, "* OK [UIDVALIDITY 1234] ready", &r), 0);
	assert_true(r.kind == IMAP_STATE && str_eqc(r.code, "UIDVALIDITY") && str_eqc(r.code_value, "1234") && str_eqc(r.text, "ready"));
	assert_int_equal(parse(&a, "a7 NO [AUTHENTICATIONFAILED] go away", &r), 0);
	assert_true(r.kind == IMAP_TAGGED && r.state == IMAP_NO && str_eqc(r.tag, "a7") && str_eqc(r.text, "go away"));
	assert_int_equal(parse(&a, "* 5 EXISTS", &r), 0);
	assert_true(r.kind == IMAP_EXISTS && r.number == 5);
	assert_int_equal(parse(&a, "+ ", &r), 0);
	assert_int_equal(r.kind, IMAP_CONTINUE);
	assert_int_equal(parse(&a, "* SOMETHING new", &r), 0);
	assert_int_equal(r.kind, IMAP_OTHER);
	arena_done(&a);
}

static void what_is_no_response(void **state)
{
	static const char *const bad[] = { "", "*", "a1", "a1 YES", " x", "* 1 FETCH", "* 1 FETCH (UID 0)", "* 1 FETCH (UID x)",
		"* 1 FETCH (UID 5", "* 1 FETCH (FLAGS \\Seen)", "* 1 FETCH (FLAGS (a (b)))", "* LIST Sent", "* LIST () \".\"",
		"* 1 FETCH (BODY[])", "* 1 FETCH (BODY[] \"x)", "* LIST () \"ab\" x" };
	struct imap_reply r;
	struct arena a;
	char deep[400] = "* 1 FETCH (X ";
	size_t i;

	(void)state;
	arena_init(&a);
	for (i = 0; i < ARRAY_LEN(bad); i++)
		if (parse(&a, bad[i], &r) != E_SYNTAX)
			fail_msg("%s", bad[i]);
	memset(deep + strlen(deep), '(', 300);
	assert_int_equal(parse(&a, deep, &r), E_SYNTAX);
	arena_done(&a);
}

static void literals(void **state)
{
	size_t at;

	(void)state;
	assert_int_equal(imap_literal(STR("x {12}"), &at), 12);
	assert_int_equal(at, 2);
	assert_int_equal(imap_literal(STR("x {12+}"), &at), 12);
	assert_int_equal(imap_literal(STR("x {99999999999999999999}"), &at), -1);
	assert_int_equal(imap_literal(STR("x {a}"), &at), -1);
	assert_int_equal(imap_literal(STR("x {5} "), &at), -1);
}

struct got {
	struct buf text;
	uint32_t uid;
};

static int begin(void *arg, uint64_t size)
{
	(void)arg;
	return size < 100;
}

static int text(void *arg, const void *p, size_t n)
{
	buf_add(&((struct got *)arg)->text, p, n);
	return 0;
}

static int on_reply(const struct imap_reply *r, void *arg)
{
	if (r->kind == IMAP_FETCH && r->has_body)
		((struct got *)arg)->uid = r->uid;
	return 0;
}

static int talk(const char *server, struct got *g)
{
	struct imap_content content = { begin, text, g };
	struct imap_talk t;
	int pair[2], err;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	buf_init(&g->text, 10000);
	g->uid = 0;
	assert_int_equal(write(pair[1], server, strlen(server)), (ssize_t)strlen(server));
	shutdown(pair[1], SHUT_WR);
	imap_talk_init(&t, pair[0], 2000);
	imap_send(&t, "X");
	assert_int_equal(imap_send_end(&t), 0);
	t.content = &content;
	err = imap_wait(&t, on_reply, g);
	imap_talk_done(&t);
	close(pair[1]);
	return err;
}

static void a_conversation(void **state)
{
	struct got g;

	(void)state;
	assert_int_equal(talk("* 1 FETCH (UID 9 BODY[] {5}\r\na\r\nb) FLAGS (\\Seen))\r\na1 OK\r\n", &g), 0);
	assert_int_equal(g.uid, 9);
	assert_string_equal(buf_cstr(&g.text), "a\r\nb)");
	buf_done(&g.text);
	/* too large: thrown away, the talk goes on */
	assert_int_equal(talk("* 1 FETCH (UID 9 BODY[] {120}\r\n0123456789012345678901234567890123456789012345678901234567890123456789"
		"01234567890123456789012345678901234567890123456789)\r\na1 OK x\r\n", &g), 0);
	assert_int_equal(g.text.n, 0);
	buf_done(&g.text);
	assert_int_equal(talk("* LIST () {1}\r\n. {4}\r\na\"b\\\r\na1 OK\r\n", &g), 0);
	buf_done(&g.text);
	assert_int_equal(talk("a1 NO no\r\n", &g), E_DENIED);
	buf_done(&g.text);
	assert_int_equal(talk("a2 OK other\r\n", &g), E_SYNTAX);
	buf_done(&g.text);
	assert_int_equal(talk("* BYE\r\n", &g), E_CLOSED);
	buf_done(&g.text);
	assert_int_equal(talk("* 1 FETCH (UID 9 BODY[] {50}\r\ncut", &g), E_CLOSED);
	buf_done(&g.text);
	assert_int_equal(talk("* LIST () \".\" {99999999}\r\n", &g), E_LIMIT);
	buf_done(&g.text);
	assert_int_equal(talk("+ more\r\n", &g), E_SYNTAX);
	buf_done(&g.text);
}

static void lines_between_messages_of_an_mbox(void **state)
{
	static const struct { const char *line; int64_t date; } good[] = {
		{ "From a@b.example Sun Sep  9 01:46:40 2001", 1000000000 }, { "From a Sun Sep 9 01:46:40 +0000 2001", 1000000000 },
		{ "From a b c Sun Sep  9 01:46 2001", 999999960 }, { "From  Sun Sep  9 01:46:40 2001", 1000000000 },
	};
	static const char *const bad[] = { "From", "From a", "From here on", "From a Sun Sep 32 01:46:40 2001", "from a Sun Sep 9 01:46:40 2001",
		">From a Sun Sep  9 01:46:40 2001", "From a Sun Sep 9 25:00:00 2001", "From a Sun Foo 9 01:46:40 2001" };
	int64_t date;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(mbox_from_line(str_of(good[i].line), &date), 1);
		assert_int_equal(date, good[i].date);
	}
	for (i = 0; i < ARRAY_LEN(bad); i++)
		if (mbox_from_line(str_of(bad[i]), &date))
			fail_msg("%s", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(responses), cmocka_unit_test(what_is_no_response), cmocka_unit_test(literals),
		cmocka_unit_test(a_conversation), cmocka_unit_test(lines_between_messages_of_an_mbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
