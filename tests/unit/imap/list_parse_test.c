/* SPDX-License-Identifier: ISC
 *
 * list_parse_test.c: LIST's options (RFC 5258 6, RFC 5819 4, RFC 6154 5) and STATUS's items.
 */
#include "imap/list_parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "imap/status.h"

static struct arena a;

static void print(const struct list_args *l, struct buf *out)
{
	size_t i;

	buf_fmt(out, "%s%s%s%s%s%s%s", l->extended ? "x" : "-", l->delimiter ? "d" : "",
		l->select & LIST_SUBSCRIBED ? "S" : "", l->select & LIST_RECURSIVEMATCH ? "R" : "",
		l->select & LIST_SPECIAL_USE ? "U" : "", l->select & LIST_REMOTE ? "r" : "", l->subscribed ? "s" : "");
	if (l->status)
		buf_fmt(out, "%u", l->status);
	for (i = 0; i < l->n; i++) {
		buf_c(out, ' ');
		buf_str(out, l->pattern[i].text);
	}
}

static void lists(void **state)
{
	static const struct {
		const char *in, *out;
		int r;
	} row[] = {
		{ " \"\" *", "- *", 1 },
		{ " a/ %", "- a/%", 1 },
		{ " \"\" \"\"", "-d", 1 },
		{ " ref \"\"", "-d", 1 },
		{ " () \"\" \"\"", "x", 1 },
		{ " \"\" \"\" RETURN ()", "x", 1 },
		{ " \"\" (a b%)", "x a b%", 1 },
		{ " x (\"\" \"a b\" c)", "x xa b xc", 1 },
		{ " (SUBSCRIBED) \"\" *", "xSs *", 1 },
		{ " (recursivematch REMOTE subscribed special-use) \"\" *", "xSRUrs *", 1 },
		{ " \"\" * RETURN (CHILDREN SUBSCRIBED SPECIAL-USE)", "xs *", 1 },
		{ " \"\" * return (STATUS (messages SIZE) CHILDREN)", "x65 *", 1 },
		{ " \"\" (&&& a)", "x a", 1 }, /* what is no name matches nothing */
		{ " \"\" &&&", NULL, E_DENIED },
		{ "", NULL, E_SYNTAX }, { " \"\"", NULL, E_SYNTAX }, { " \"\" * ", NULL, E_SYNTAX }, { " \"\" * x", NULL, E_SYNTAX },
		{ " \"\" ()", NULL, E_SYNTAX }, { " \"\" (a", NULL, E_SYNTAX }, { " \"\" (a )", NULL, E_SYNTAX },
		{ " \"\" ((a))", NULL, E_SYNTAX }, { " (X) \"\" *", NULL, E_SYNTAX }, { " (SUBSCRIBED \"\" *", NULL, E_SYNTAX },
		{ " ( SUBSCRIBED) \"\" *", NULL, E_SYNTAX }, { " (RECURSIVEMATCH) \"\" *", NULL, E_SYNTAX },
		{ " (RECURSIVEMATCH SPECIAL-USE REMOTE) \"\" *", NULL, E_SYNTAX }, { " \"\" * RETURN", NULL, E_SYNTAX },
		{ " \"\" * RETURN (X)", NULL, E_SYNTAX }, { " \"\" * RETURN (STATUS)", NULL, E_SYNTAX },
		{ " \"\" * RETURN (STATUS ())", NULL, E_SYNTAX }, { " \"\" * RETURN (STATUS (X))", NULL, E_SYNTAX },
		{ " \"\" * RETURN (STATUS (SIZE)", NULL, E_SYNTAX }, { " \"\" * RETURN () RETURN ()", NULL, E_SYNTAX },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		struct cur c = cur_of(str_of(row[i].in));
		struct list_args l;
		struct buf b;
		int r = list_parse(&c, &a, &l);

		buf_init(&b, 10000);
		if (r != row[i].r)
			fail_msg("%s: %d", row[i].in, r);
		if (r == 1) {
			print(&l, &b);
			assert_string_equal(buf_cstr(&b), row[i].out);
		}
		buf_done(&b);
	}
}

static void many_patterns(void **state)
{
	struct list_args l;
	struct buf b;
	struct cur c;
	int i, n;

	(void)state;
	for (n = LIST_PATTERNS_MAX; n <= LIST_PATTERNS_MAX + 1; n++) {
		buf_init(&b, 100000);
		buf_puts(&b, " \"\" (");
		for (i = 0; i < n; i++)
			buf_fmt(&b, "%sb%d", i ? " " : "", i);
		buf_c(&b, ')');
		c = cur_of(buf_view(&b));
		assert_int_equal(list_parse(&c, &a, &l), n > LIST_PATTERNS_MAX ? E_LIMIT : 1);
		if (n == LIST_PATTERNS_MAX) {
			assert_true(list_args_match(&l, STR("b0")) && list_args_match(&l, STR("b199")));
			assert_false(list_args_match(&l, STR("b200")));
		}
		buf_done(&b);
	}
}

static void status_items(void **state)
{
	static const char *const bad[] = { "", "()", "(", "(SIZE", "(SIZE )", "( SIZE)", "(X)", "SIZE", "(SIZE,UNSEEN)" };
	unsigned items = 77;
	struct cur c;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		c = cur_of(str_of(bad[i]));
		assert_int_equal(status_parse(&c, &items), E_SYNTAX);
		assert_int_equal(items, 77);
	}
	c = cur_of(STR("(DELETED-storage highestmodseq DELETED DELETED)x"));
	assert_int_equal(status_parse(&c, &items), 1);
	assert_int_equal(items, STATUS_DELETED_STORAGE | STATUS_HIGHESTMODSEQ | STATUS_DELETED);
	assert_int_equal(cur_peek(&c), 'x');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists), cmocka_unit_test(many_patterns), cmocka_unit_test(status_items),
	};
	int r;

	arena_init(&a);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	arena_done(&a);
	return r;
}
