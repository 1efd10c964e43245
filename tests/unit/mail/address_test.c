/* SPDX-License-Identifier: ISC
 *
 * address_test.c: envelope addresses: the grammar as a table, the limits, the
 * printed and the compared form.
 */
#include "mail/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

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

static void grammar(void **state)
{
	static const struct {
		const char *in;
		int r; /* of address_parse_all */
		const char *local, *domain;
	} row[] = {
		{ "anna@example.org", 0, "anna", "example.org" },
		{ "Anna.B+box@Example.ORG", 0, "Anna.B+box", "Example.ORG" },
		{ "a@b", 0, "a", "b" },
		{ "\"a b\"@example.org", 0, "a b", "example.org" },
		{ "\"a\\\"b\\\\\"@example.org", 0, "a\"b\\", "example.org" },
		{ "\"\"@example.org", 0, "", "example.org" },
		{ "\"..\"@example.org", 0, "..", "example.org" },
		{ "!#$%&'*+-/=?^_`{|}~@example.org", 0, "!#$%&'*+-/=?^_`{|}~", "example.org" },
		{ "a@[192.0.2.1]", 0, "a", "[192.0.2.1]" },
		{ "a@[IPv6:2001:db8::1]", 0, "a", "[IPv6:2001:db8::1]" },
		{ "a@[ipv6:::1]", 0, "a", "[ipv6:::1]" },
		{ "gr\xc3\xbc\xc3\x9f@b\xc3\xbc" "cher.example", 0, "gr\xc3\xbc\xc3\x9f",
			"b\xc3\xbc" "cher.example" },
		{ "a@xn--bcher-kva.example", 0, "a", "xn--bcher-kva.example" },
		/* refused, not repaired */
		{ "", E_SYNTAX, NULL, NULL },
		{ "anna", E_SYNTAX, NULL, NULL },
		{ "@example.org", E_SYNTAX, NULL, NULL },
		{ "anna@", E_SYNTAX, NULL, NULL },
		{ "anna@@example.org", E_SYNTAX, NULL, NULL },
		{ "a@b@c", E_SYNTAX, NULL, NULL },
		{ ".a@b", E_SYNTAX, NULL, NULL },
		{ "a.@b", E_SYNTAX, NULL, NULL },
		{ "a..b@c", E_SYNTAX, NULL, NULL },
		{ "a b@c", E_SYNTAX, NULL, NULL },
		{ " a@b", E_SYNTAX, NULL, NULL },
		{ "a@b ", E_SYNTAX, NULL, NULL },
		{ "a@.b", E_SYNTAX, NULL, NULL },
		{ "a@b.", E_SYNTAX, NULL, NULL },
		{ "a@b..c", E_SYNTAX, NULL, NULL },
		{ "a@-b", E_SYNTAX, NULL, NULL },
		{ "a@b-", E_SYNTAX, NULL, NULL },
		{ "a@b_c", E_SYNTAX, NULL, NULL },
		{ "a@[192.0.2.256]", E_SYNTAX, NULL, NULL },
		{ "a@[192.0.2.1", E_SYNTAX, NULL, NULL },
		{ "a@[2001:db8::1]", E_SYNTAX, NULL, NULL },
		{ "a@[IPv6:zz]", E_SYNTAX, NULL, NULL },
		{ "a@[tag:text]", E_SYNTAX, NULL, NULL },
		{ "a@[192.0.2.1]x", E_SYNTAX, NULL, NULL },
		{ "\"a@b", E_SYNTAX, NULL, NULL },
		{ "\"a\\", E_SYNTAX, NULL, NULL },
		{ "\"a\"b@c", E_SYNTAX, NULL, NULL },
		{ "\"a\n\"@c", E_SYNTAX, NULL, NULL },
		{ "\"a\\\n\"@c", E_SYNTAX, NULL, NULL },
		{ "a\xff@b", E_SYNTAX, NULL, NULL },
		{ "a@\xc3", E_SYNTAX, NULL, NULL },
		{ "a@b\xed\xa0\x80", E_SYNTAX, NULL, NULL }, /* a surrogate */
	};
	struct address out;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		int r = address_parse_all(str_of(row[i].in), &a, &out);

		if (r != row[i].r)
			fail_msg("row %zu '%s': %d", i, row[i].in, r);
		if (r)
			continue;
		assert_true(str_eqc(out.local, row[i].local));
		assert_true(str_eqc(out.domain, row[i].domain));
		assert_int_equal(out.literal, row[i].domain[0] == '[');
		assert_int_equal(out.utf8, !str_is_ascii(str_of(row[i].in)));
	}
}

/* Without SMTPUTF8 a byte above 127 belongs to no address. */
static void utf8_only_where_allowed(void **state)
{
	struct cur c = cur_of(STR("gr\xc3\xbc@example.org"));
	struct address out;

	(void)state;
	assert_int_equal(address_parse(&c, &a, false, &out), E_SYNTAX);
	assert_int_equal(cur_left(&c), 16);
	assert_int_equal(address_parse(&c, &a, true, &out), 1);
	c = cur_of(STR("a@b>rest"));
	assert_int_equal(address_parse(&c, &a, false, &out), 1);
	assert_true(str_eqc(cur_rest(&c), ">rest"));
	c = cur_of(STR(">"));
	assert_int_equal(address_parse(&c, &a, false, &out), 0);
}

/* C01: what a shell or a template would act on is a name like any other, or no
 * address at all; it is never changed. */
static void C01_shell_strings_stay_letters(void **state)
{
	static const struct {
		const char *in;
		int r;
	} row[] = {
		{ "${run{/bin/touch$/tmp/p}}@d", 0 },
		{ ";touch$/tmp/p;@d", E_SYNTAX },
		{ "a|touch@d", 0 },
		{ "\"$(touch)\"@d", 0 },
		{ "`x`@d", 0 },
		{ "../../x@d", E_SYNTAX },
		{ "-froot@d", 0 },
	};
	struct address out;
	struct buf b;
	size_t i;

	(void)state;
	buf_init(&b, 1000);
	for (i = 0; i < ARRAY_LEN(row); i++) {
		assert_int_equal(address_parse_all(str_of(row[i].in), &a, &out), row[i].r);
		if (row[i].r)
			continue;
		buf_reset(&b);
		address_print(&out, &b);
		if (row[i].in[0] != '"')
			assert_true(str_eqc(buf_view(&b), row[i].in));
	}
	buf_done(&b);
}

/* Local part 64, label 63, domain 255, address 254 (RFC 5321 4.5.3.1). */
static void limits(void **state)
{
	struct address out;
	struct buf b;
	int n, r;

	(void)state;
	buf_init(&b, 10000);
	for (n = 60; n < 70; n++) {
		buf_reset(&b);
		buf_fmt(&b, "%0*d@b", n, 0);
		r = address_parse_all(buf_view(&b), &a, &out);
		assert_int_equal(r, n <= 64 ? 0 : E_LIMIT);
		buf_reset(&b);
		buf_fmt(&b, "\"%0*d\"@b", n, 0);
		r = address_parse_all(buf_view(&b), &a, &out);
		assert_int_equal(r, n <= 64 ? 0 : E_LIMIT);
		buf_reset(&b);
		buf_fmt(&b, "a@%0*d.c", n, 0);
		r = address_parse_all(buf_view(&b), &a, &out);
		assert_int_equal(r, n <= 63 ? 0 : E_LIMIT);
	}
	for (n = 1; n <= 60; n++) {
		buf_reset(&b);
		buf_fmt(&b, "a@%060d.%060d.%060d.%060d.%0*d", 0, 0, 0, 0, n, 0);
		r = address_parse_all(buf_view(&b), &a, &out);
		assert_int_equal(r, b.n <= ADDRESS_MAX ? 0 : E_LIMIT);
	}
	buf_done(&b);
}

static void print_quotes_where_needed(void **state)
{
	static const char *const row[] = { "a@b", "\"a b\"@c", "\"a\\\"b\\\\\"@c", "\"\"@c", "\"a.\"@c" };
	struct address out;
	struct buf b;
	size_t i;

	(void)state;
	buf_init(&b, 1000);
	for (i = 0; i < ARRAY_LEN(row); i++) {
		assert_int_equal(address_parse_all(str_of(row[i]), &a, &out), 0);
		buf_reset(&b);
		address_print(&out, &b);
		assert_true(str_eqc(buf_view(&b), row[i]));
	}
	out.local = STR("postmaster");
	out.domain = STR_NONE;
	buf_reset(&b);
	address_print(&out, &b);
	assert_true(str_eqc(buf_view(&b), "postmaster"));
	buf_done(&b);
}

static void normal_form(void **state)
{
	static const struct {
		const char *in, *local, *domain;
	} row[] = {
		{ "Anna@Example.ORG", "anna", "example.org" },
		{ "a@B\xc3\xbc" "cher.example", "a", "xn--bcher-kva.example" },
		{ "a@XN--bcher-KVA.example", "a", "xn--bcher-kva.example" },
		{ "u\xcc\x88@x", "\xc3\xbc", "x" }, /* NFC */
		{ "a@[IPv6:::1]", "a", "[ipv6:::1]" },
	};
	struct address out;
	struct str local, domain;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		assert_int_equal(address_parse_all(str_of(row[i].in), &a, &out), 0);
		assert_int_equal(address_normal(&out, &a, &local, &domain), 0);
		assert_true(str_eqc(local, row[i].local));
		assert_true(str_eqc(domain, row[i].domain));
	}
	assert_int_equal(domain_normal(STR(""), &a, &domain), E_SYNTAX);
	assert_int_equal(domain_normal(STR("\xff"), &a, &domain), E_SYNTAX);
	assert_int_equal(domain_normal(STR("a\xe2\x80\xae" "b"), &a, &domain), E_SYNTAX); /* bidi override */
}

static void of_one_or_of_a_whole_domain(void **state)
{
	(void)state;
	assert_true(address_is(STR("a@b.example"), STR("A@B.example")));
	assert_true(address_is(STR("@b.example"), STR("a@b.example")));
	assert_true(address_is(STR("@b.example"), STR("x@y@b.example"))); /* a quoted local part */
	assert_false(address_is(STR("@b.example"), STR("a@sub.b.example")));
	assert_false(address_is(STR("@b.example"), STR("a@xb.example")));
	assert_false(address_is(STR("@b.example"), STR("b.example")));
	assert_false(address_is(STR("a@b.example"), STR("aa@b.example")));
	assert_false(address_is(STR("@"), STR("a@")));
	assert_false(address_is(STR(""), STR("a@b.example")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(grammar, setup, teardown),
		cmocka_unit_test_setup_teardown(utf8_only_where_allowed, setup, teardown),
		cmocka_unit_test_setup_teardown(C01_shell_strings_stay_letters, setup, teardown),
		cmocka_unit_test_setup_teardown(limits, setup, teardown),
		cmocka_unit_test_setup_teardown(print_quotes_where_needed, setup, teardown),
		cmocka_unit_test_setup_teardown(normal_form, setup, teardown),
		cmocka_unit_test(of_one_or_of_a_whole_domain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
