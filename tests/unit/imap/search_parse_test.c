/* SPDX-License-Identifier: ISC
 *
 * search_parse_test.c: SEARCH programs (RFC 3501 6.4.4, 9) as trees.
 */
#include "imap/search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct arena a;

/* "and(flag,or(body,not(text)))": the order is the one they are judged in */
static void print(const struct search *q, size_t at, struct buf *out)
{
	static const char *const name[] = { "and", "or", "not", "flag", "noflag", "keyword", "new", "numbers",
		"uids", "saved", "modseq", "older", "younger", "before", "on", "since", "sentbefore", "senton", "sentsince", "larger", "smaller",
		"header", "body", "text" };
	const struct search_node *n = &q->node[at];
	uint16_t child;

	buf_puts(out, name[n->op]);
	if (n->op > SEARCH_NOT)
		return;
	buf_c(out, '(');
	for (child = n->child; child; child = q->node[child].next) {
		print(q, child, out);
		if (q->node[child].next)
			buf_c(out, ',');
	}
	buf_c(out, ')');
}

static void programs(void **state)
{
	static const struct {
		const char *in, *tree;
	} row[] = {
		{ " ALL", "and(and())" },
		{ " UNSEEN 1:*", "and(noflag,numbers)" },
		{ " (SEEN DELETED) NEW", "and(and(flag,flag),new)" },
		{ " OR SEEN NOT DELETED", "and(or(flag,not(flag)))" },
		{ " OR OR SEEN NEW OLD ALL", "and(or(or(flag,new),noflag),and())" },
		{ " NOT NOT (OR SEEN (NEW OLD))", "and(not(not(and(or(flag,and(new,noflag))))))" },
		{ " TEXT x SEEN SUBJECT y", "and(flag,header,text)" },
		{ " OR BODY a LARGER 5", "and(or(larger,body))" },
		{ " UNKEYWORD work", "and(not(keyword))" },
		{ " KEYWORD work", "and(keyword)" },
		{ " BEFORE 1-Feb-2026 ON \"01-Feb-2026\" SINCE 1-Feb-2026", "and(before,on,since)" },
		{ " SENTBEFORE 1-Feb-2026 SENTON 1-Feb-2026 SENTSINCE 1-Feb-2026",
			"and(sentbefore,senton,sentsince)" },
		{ " HEADER Message-ID \"\" UID 5", "and(uids,header)" },
		{ " CHARSET UTF-8 TEXT {3}\r\nabc", "and(text)" },
		{ " BODY caf\xc3\xa9", "and(body)" },
		{ " RETURN () ALL", "and(and())" },
		{ " RETURN (MIN MAX ALL COUNT SAVE) CHARSET UTF-8 SEEN", "and(flag)" },
		{ " $ OR UID $ 1", "and(saved,or(saved,numbers))" },
		{ " MODSEQ 0", "and(modseq)" },
		{ " NOT (MODSEQ \"/flags/\\\\draft\" all 9223372036854775807)", "and(not(and(modseq)))" },
		{ " OLDER 1 YOUNGER 4294967295", "and(older,younger)" },
		{ " RETURN ALL", NULL },
		{ " RETURN (ALL", NULL },
		{ " RETURN (ALL )ALL", NULL },
		{ " RETURN (NOSUCH) ALL", NULL },
		{ " RETURN (ALL)", NULL },
		{ " RETURN (ALL) RETURN (ALL) ALL", NULL },
		{ " MODSEQ", NULL },
		{ " MODSEQ 9223372036854775808", NULL },
		{ " MODSEQ -1", NULL },
		{ " MODSEQ \"/flags/\\\\draft\" both 1", NULL },
		{ " MODSEQ \"/other\" all 1", NULL },
		{ " MODSEQ \"/flags/x\" 1", NULL },
		{ " OLDER 0", NULL },
		{ " OLDER 4294967296", NULL },
		{ " YOUNGER", NULL },
		{ " $,1", NULL },
		{ " $$", NULL },
		{ "", NULL },
		{ " ", NULL },
		{ " NOSUCH", NULL },
		{ " OR SEEN", NULL },
		{ " NOT", NULL },
		{ " ()", NULL },
		{ " (SEEN", NULL },
		{ " SEEN)", NULL },
		{ " ( SEEN)", NULL },
		{ " (SEEN )", NULL },
		{ " SEEN  NEW", NULL },
		{ " SEEN ", NULL },
		{ " SUBJECT", NULL },
		{ " BEFORE 99-Feb-2026", NULL },
		{ " LARGER x", NULL },
		{ " UID x", NULL },
		{ " 0", NULL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		struct cur c = cur_of(str_of(row[i].in));
		struct search q;
		struct buf b;
		int r = search_parse(&c, &a, &q);

		if (!row[i].tree) {
			assert_int_equal(r, E_SYNTAX);
			continue;
		}
		assert_int_equal(r, 1);
		buf_init(&b, 10000);
		print(&q, 0, &b);
		assert_string_equal(buf_cstr(&b), row[i].tree);
		buf_done(&b);
	}
}

static void unknown_charset(void **state)
{
	struct cur c = cur_of(STR(" CHARSET X-NOSUCH TEXT a"));
	struct search q;

	(void)state;
	assert_int_equal(search_parse(&c, &a, &q), E_UNSUPPORTED);
}

static void strings_become_folded_utf8(void **state)
{
	struct cur c = cur_of(STR(" CHARSET ISO-8859-1 SUBJECT \"\xc4pfel\""));
	struct cur d = cur_of(STR(" CHARSET UTF-8 SUBJECT \"\xc3\xa4PFEL\""));
	struct search one, two;

	(void)state;
	assert_int_equal(search_parse(&c, &a, &one), 1);
	assert_int_equal(search_parse(&d, &a, &two), 1);
	assert_true(one.node[1].text.n > 0);
	assert_true(str_eq(one.node[1].text, two.node[1].text));
}

/* C09: ten thousand ORs, ten thousand parentheses, ten thousand NOTs */
static void nesting_is_limited(void **state)
{
	static const char *const part[] = { " OR SEEN", " NOT", " (" };
	struct search q;
	struct buf b;
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_LEN(part); i++) {
		struct cur c;

		buf_init(&b, 1 << 20);
		buf_c(&b, ' ');
		for (j = 0; j < 10000; j++)
			buf_puts(&b, part[i] + (i == 2 || j == 0));
		c = cur_of(buf_view(&b));
		assert_int_equal(search_parse(&c, &a, &q), E_LIMIT);
		buf_done(&b);
	}
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
		cmocka_unit_test(programs),
		cmocka_unit_test(unknown_charset),
		cmocka_unit_test(strings_become_folded_utf8),
		cmocka_unit_test(nesting_is_limited),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
