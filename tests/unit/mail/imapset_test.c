/* SPDX-License-Identifier: ISC
 *
 * imapset_test.c: sequence sets and mailbox names.
 */
#include "mail/imapset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* Parsed, resolved with `last` if it is not 0, printed; or the error. */
static void set_is(const char *in, uint32_t last, const char *want)
{
	struct cur c = cur_of(str_of(in));
	struct imapset s;
	struct arena a;
	struct buf b;

	arena_init(&a);
	buf_init(&b, 1000);
	assert_int_equal(imapset_parse(&c, &a, &s), 1);
	if (last)
		imapset_resolve(&s, last);
	imapset_print(&s, &b);
	assert_string_equal(buf_cstr(&b), want);
	buf_done(&b);
	arena_done(&a);
}

static void sets(void **state)
{
	(void)state;
	set_is("1", 0, "1");
	set_is("5:3,*,7:* rest", 0, "5:3,*,7:*");
	set_is("5:3,*,7:*", 10, "3:5,7:10");
	set_is("1:3,4,6,2:2", 10, "1:4,6");
	set_is("559:*", 300, "300:559");
	set_is("4294967295", 0, "4294967294");
	set_is("4294967294:*,1", 4294967294u, "1,4294967294");
}

static void broken_sets(void **state)
{
	static const struct {
		const char *in;
		int r;
	} row[] = { { "", 0 }, { "a", 0 }, { ",1", 0 }, { "$", 0 }, { "0", E_SYNTAX }, { "1,", E_SYNTAX },
		{ "1:", E_SYNTAX }, { "1,,2", E_SYNTAX }, { "1:0", E_SYNTAX }, { "4294967296", E_SYNTAX },
		{ "1:99999999999999999999", E_SYNTAX } };
	struct imapset s;
	struct arena a;
	size_t i;

	(void)state;
	arena_init(&a);
	for (i = 0; i < ARRAY_LEN(row); i++) {
		struct cur c = cur_of(str_of(row[i].in)), before = c;

		assert_int_equal(imapset_parse(&c, &a, &s), row[i].r);
		assert_ptr_equal(c.p, before.p);
	}
	arena_done(&a);
}

static void star_of_an_empty_mailbox_is_nothing(void **state)
{
	struct imapset_range r[] = { { 1, IMAPSET_STAR }, { 3, 4 } };
	struct imapset s = { r, 2 };

	(void)state;
	imapset_resolve(&s, 0);
	assert_int_equal(s.n, 1);
	assert_false(imapset_has(&s, 1));
	assert_true(imapset_has(&s, 3));
}

static void has_and_limit(void **state)
{
	struct imapset s;
	struct arena a;
	struct cur c;
	struct buf b;
	uint32_t i;

	(void)state;
	arena_init(&a);
	buf_init(&b, 10000000);
	for (i = 0; i < IMAPSET_MAX; i++)
		buf_fmt(&b, "%u,", (IMAPSET_MAX - i) * 2);
	buf_puts(&b, "1");
	c = cur_of(buf_view(&b));
	assert_int_equal(imapset_parse(&c, &a, &s), E_LIMIT);
	c = cur_of(str_sub(buf_view(&b), 0, b.n - 2));
	assert_int_equal(imapset_parse(&c, &a, &s), 1);
	imapset_resolve(&s, 1);
	for (i = 1; i < IMAPSET_MAX * 2 + 5; i++)
		assert_int_equal(imapset_has(&s, i), i % 2 == 0 && i <= IMAPSET_MAX * 2);
	buf_done(&b);
	arena_done(&a);
}

static void writer(void **state)
{
	static const uint32_t n[] = { 1, 2, 3, 7, 9, 10, 4294967294u };
	struct buf b;
	struct imapset_writer w = { .out = &b };
	size_t i;

	(void)state;
	buf_init(&b, 100);
	imapset_write_end(&w);
	for (i = 0; i < ARRAY_LEN(n); i++)
		imapset_write(&w, n[i]);
	imapset_write_end(&w);
	imapset_write_end(&w);
	assert_string_equal(buf_cstr(&b), "1:3,7,9:10,4294967294");
	buf_done(&b);
}

static void names(void **state)
{
	static const char *const row[][2] = {
		{ "INBOX", "INBOX" },
		{ "Gesendete Gegenst&AOQ-nde", "Gesendete Gegenst\xc3\xa4nde" },
		{ "~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e" },
		{ "a&-b", "a&b" }, { "&2D3eAA-", "\xf0\x9f\x98\x80" }, { "", "" }, { "&IKw-&-", "\xe2\x82\xac&" },
	};
	struct buf b;
	size_t i;

	(void)state;
	buf_init(&b, 100);
	for (i = 0; i < ARRAY_LEN(row); i++) {
		buf_reset(&b);
		assert_int_equal(mutf7_decode(str_of(row[i][0]), &b), 0);
		assert_string_equal(buf_cstr(&b), row[i][1]);
		buf_reset(&b);
		mutf7_encode(str_of(row[i][1]), &b);
		assert_string_equal(buf_cstr(&b), row[i][0]);
	}
	buf_done(&b);
}

/* C12: there is one spelling of a name, and none of "..". */
static void C12_other_spellings_are_refused(void **state)
{
	static const char *const bad[] = { "&", "&AOQ", "&AOR-", "&AO-", "&A-", "&AOQ=-", "&AOQ/-", "&AC4ALg-",
		"&AC8-", "&AAA-", "&AA0ACg-", "&2D0-", "&3gA-", "&2D0A5A-", "&AOQ-&AOQ-", "\xc3\xa4", "a\tb",
		"a\x7f", "&AIU-", "&AOQAAAAA-" };
	struct buf b;
	size_t i;

	(void)state;
	buf_init(&b, 100);
	buf_puts(&b, "x");
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(mutf7_decode(str_of(bad[i]), &b), E_SYNTAX);
		assert_string_equal(buf_cstr(&b), "x");
	}
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets),
		cmocka_unit_test(broken_sets),
		cmocka_unit_test(star_of_an_empty_mailbox_is_nothing),
		cmocka_unit_test(has_and_limit),
		cmocka_unit_test(writer),
		cmocka_unit_test(names),
		cmocka_unit_test(C12_other_spellings_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
