/* SPDX-License-Identifier: ISC
 *
 * select_parse_test.c: SELECT's parameters (RFC 7162 7) and the modifiers of FETCH and STORE.
 */
#include "imap/select_parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "imap/modifier_parse.h"

static struct arena a;

static void print(const struct select_args *s, struct buf *out)
{
	buf_str(out, s->mailbox);
	buf_puts(out, s->condstore ? " condstore" : "");
	if (!s->qresync)
		return;
	buf_fmt(out, " %u %llu", s->uidvalidity, (unsigned long long)s->modseq);
	if (s->has_known) {
		buf_c(out, ' ');
		imapset_print(&s->known, out);
	}
	if (s->seqs.n) {
		buf_c(out, ' ');
		imapset_print(&s->seqs, out);
		buf_c(out, '=');
		imapset_print(&s->uids, out);
	}
}

static void selects(void **state)
{
	static const struct {
		const char *in, *out;
	} row[] = {
		{ " inbox", "INBOX" },
		{ " a (CONDSTORE)", "a condstore" },
		{ " a (condstore CONDSTORE)", "a condstore" },
		{ " a (QRESYNC (1 2))", "a 1 2" },
		{ " a (QRESYNC (4294967295 9223372036854775807) CONDSTORE)", "a condstore 4294967295 9223372036854775807" },
		{ " a (qresync (1 2 5,3:4,1))", "a 1 2 1,3:5" },
		{ " a (QRESYNC (1 2 1:9 (1,4:5 7,9:10)))", "a 1 2 1:9 1,4:5=7,9:10" },
		{ " a (QRESYNC (1 2 (1:3 5,8,11)))", "a 1 2 1:3=5,8,11" },
		{ "", NULL }, { " ", NULL }, { " a ", NULL }, { " a ()", NULL }, { " a (X)", NULL }, { " a (CONDSTORE", NULL },
		{ " a (CONDSTORE) ", NULL }, { " a CONDSTORE", NULL }, { " a (QRESYNC)", NULL }, { " a (QRESYNC ())", NULL },
		{ " a (QRESYNC (1))", NULL }, { " a (QRESYNC (0 2))", NULL }, { " a (QRESYNC (1 0))", NULL },
		{ " a (QRESYNC (1 9223372036854775808))", NULL }, { " a (QRESYNC (4294967296 1))", NULL },
		{ " a (QRESYNC (1 2 1:*))", NULL }, { " a (QRESYNC (1 2 *))", NULL }, { " a (QRESYNC (1 2 0))", NULL },
		{ " a (QRESYNC (1 2 ))", NULL }, { " a (QRESYNC (1 2 1 ))", NULL }, { " a (QRESYNC (1 2 1 2))", NULL },
		{ " a (QRESYNC (1 2 (1)))", NULL }, { " a (QRESYNC (1 2 (1 2:3)))", NULL }, { " a (QRESYNC (1 2 (2,1 1,2)))", NULL },
		{ " a (QRESYNC (1 2 (1,1 1,2)))", NULL }, { " a (QRESYNC (1 2 (3:1 1:3)))", NULL },
		{ " a (QRESYNC (1 2 (1:* 1:*)))", NULL }, { " a (QRESYNC (1 2 (1 1) 1))", NULL },
		{ " a (QRESYNC (1 2) QRESYNC (1 2))", NULL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		struct cur c = cur_of(str_of(row[i].in));
		struct select_args s;
		struct buf b;
		int r = select_parse(&c, &a, &s);

		buf_init(&b, 10000);
		if (r == 1)
			print(&s, &b);
		if (!row[i].out && r != E_SYNTAX)
			fail_msg("%s: taken", row[i].in);
		if (row[i].out)
			assert_string_equal(buf_cstr(&b), row[i].out);
		buf_done(&b);
	}
}

static void fetch_modifiers(void **state)
{
	static const struct {
		const char *in;
		int r;
		bool changed, vanished;
		uint64_t since;
	} row[] = {
		{ "", 0, false, false, 0 },
		{ " x", 0, false, false, 0 },
		{ " (CHANGEDSINCE 5)", 1, true, false, 5 },
		{ " (changedsince 0 VANISHED)", 1, true, true, 0 },
		{ " (VANISHED CHANGEDSINCE 9223372036854775807)", 1, true, true, INT64_MAX },
		{ " (VANISHED)", 1, false, true, 0 },
		{ " ()", E_SYNTAX, false, false, 0 },
		{ " (CHANGEDSINCE)", E_SYNTAX, false, false, 0 },
		{ " (CHANGEDSINCE 9223372036854775808)", E_SYNTAX, false, false, 0 },
		{ " (CHANGEDSINCE 1 CHANGEDSINCE 1)", E_SYNTAX, false, false, 0 },
		{ " (VANISHED VANISHED)", E_SYNTAX, false, false, 0 },
		{ " (CHANGEDSINCE 1", E_SYNTAX, false, false, 0 },
		{ " (X-OTHER)", E_SYNTAX, false, false, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		struct cur c = cur_of(str_of(row[i].in));
		struct fetch_modifiers m;

		assert_int_equal(fetch_modifiers_parse(&c, &m), row[i].r);
		assert_int_equal(m.changed, row[i].changed);
		assert_int_equal(m.vanished, row[i].vanished);
		assert_int_equal(m.since, row[i].since);
	}
}

static void store_modifiers(void **state)
{
	static const char *const bad[] = { "()", "(UNCHANGEDSINCE 1)", "(UNCHANGEDSINCE) ", "(UNCHANGEDSINCE -1) ",
		"(UNCHANGEDSINCE 1 UNCHANGEDSINCE 1) ", "(X) ", "(UNCHANGEDSINCE 9223372036854775808) " };
	struct store_modifiers m;
	struct cur c = cur_of(STR("+FLAGS"));
	size_t i;

	(void)state;
	assert_int_equal(store_modifiers_parse(&c, &m), 0);
	assert_false(m.unchanged);
	c = cur_of(STR("(unchangedsince 0) x"));
	assert_int_equal(store_modifiers_parse(&c, &m), 1);
	assert_true(m.unchanged && !m.since && cur_peek(&c) == 'x');
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		c = cur_of(str_of(bad[i]));
		assert_int_equal(store_modifiers_parse(&c, &m), E_SYNTAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(selects), cmocka_unit_test(fetch_modifiers), cmocka_unit_test(store_modifiers),
	};
	int r;

	arena_init(&a);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	arena_done(&a);
	return r;
}
