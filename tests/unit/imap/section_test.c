/* SPDX-License-Identifier: ISC
 *
 * section_test.c: what FETCH may ask for (RFC 3501 6.4.5, 9).
 */
#include "imap/section.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct arena a;

/* in -> how the answer calls its items, joined by "|" */
static void items(void **state)
{
	static const struct {
		const char *in, *names;
	} row[] = {
		{ "FLAGS", "FLAGS" },
		{ "all", "FLAGS|INTERNALDATE|RFC822.SIZE|ENVELOPE" },
		{ "FAST", "FLAGS|INTERNALDATE|RFC822.SIZE" },
		{ "FULL", "FLAGS|INTERNALDATE|RFC822.SIZE|ENVELOPE|BODY" },
		{ "(UID bodystructure)", "UID|BODYSTRUCTURE" },
		{ "BODY", "BODY" },
		{ "BODY[]", "BODY[]" },
		{ "body.peek[text]<5.10>", "BODY[TEXT]<5>" },
		{ "BODY[1.2.mime]", "BODY[1.2.MIME]" },
		{ "BODY[1.HEADER]", "BODY[1.HEADER]" },
		{ "BODY[HEADER.FIELDS (Date \"X Y\" {3}\r\nabc)]", "BODY[HEADER.FIELDS (Date \"X Y\" abc)]" },
		{ "BODY[3.header.fields.not (To)]<0.1>", "BODY[3.HEADER.FIELDS.NOT (To)]<0>" },
		{ "(RFC822 RFC822.HEADER RFC822.TEXT RFC822.SIZE)", "RFC822|RFC822.HEADER|RFC822.TEXT|RFC822.SIZE" },
		{ "()", NULL },
		{ "", NULL },
		{ "NOSUCH", NULL },
		{ "(FLAGS", NULL },
		{ "(FLAGS  UID)", NULL },
		{ "(ALL)", NULL },
		{ "BODY[MIME]", NULL },
		{ "BODY[0]", NULL },
		{ "BODY[1.]", NULL },
		{ "BODY[1..2]", NULL },
		{ "BODY[.1]", NULL },
		{ "BODY[1.2", NULL },
		{ "BODY[4294967296]", NULL },
		{ "BODY[HEADERX]", NULL },
		{ "BODY[HEADER.FIELDS]", NULL },
		{ "BODY[HEADER.FIELDS ()]", NULL },
		{ "BODY[TEXT]<0.0>", NULL },
		{ "BODY[TEXT]<5>", NULL },
		{ "BODY[TEXT]<-1.5>", NULL },
		{ "RFC822[TEXT]", NULL },
		{ "FLAGS[]", NULL },
	};
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		struct cur c = cur_of(str_of(row[i].in));
		struct fetch_item *item;
		struct buf b;
		size_t n = 0;
		int r = fetch_parse(&c, &a, &item, &n);

		if (r == 1 && !cur_end(&c))
			r = E_SYNTAX; /* as the command sees it */
		if (!row[i].names) {
			assert_int_equal(r, E_SYNTAX);
			continue;
		}
		assert_int_equal(r, 1);
		buf_init(&b, 10000);
		for (j = 0; j < n; j++)
			buf_fmt(&b, "%s%.*s", j ? "|" : "", STRF(item[j].name));
		assert_string_equal(buf_cstr(&b), row[i].names);
		buf_done(&b);
	}
}

static void peek_and_partial(void **state)
{
	struct cur c = cur_of(STR("(BODY.PEEK[1.2]<7.9> BODY[] RFC822.HEADER RFC822)"));
	struct fetch_item *item;
	size_t n;

	(void)state;
	assert_int_equal(fetch_parse(&c, &a, &item, &n), 1);
	assert_int_equal(n, 4);
	assert_true(item[0].peek && item[0].partial && item[0].at == 7 && item[0].n == 9);
	assert_int_equal(item[0].section.npath, 2);
	assert_int_equal(item[0].section.path[1], 2);
	assert_false(item[1].peek);
	assert_true(item[2].peek); /* RFC822.HEADER sets no \Seen */
	assert_false(item[3].peek);
}

static void too_much_is_refused(void **state)
{
	struct fetch_item *item;
	struct buf b;
	struct cur c;
	size_t i, n;

	(void)state;
	buf_init(&b, 100000);
	buf_puts(&b, "BODY[1");
	for (i = 0; i < SECTION_PATH_MAX; i++)
		buf_puts(&b, ".1");
	buf_puts(&b, "]");
	c = cur_of(buf_view(&b));
	assert_int_equal(fetch_parse(&c, &a, &item, &n), E_SYNTAX);
	buf_reset(&b);
	buf_puts(&b, "(UID");
	for (i = 0; i < FETCH_ITEMS_MAX; i++)
		buf_puts(&b, " UID");
	buf_puts(&b, ")");
	c = cur_of(buf_view(&b));
	assert_int_equal(fetch_parse(&c, &a, &item, &n), E_LIMIT);
	buf_done(&b);
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
		cmocka_unit_test(items),
		cmocka_unit_test(peek_and_partial),
		cmocka_unit_test(too_much_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
