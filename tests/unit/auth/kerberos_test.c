/* SPDX-License-Identifier: ISC
 *
 * Kerberos: whose account a principal is, which keytabs are of use, which first messages the library gets to see.
 */
#include "auth/auth.h"
#include "auth/gss_token.h"
#include "auth/kerberos.h"
#include "auth/keytab.h"
#include "conf/conf.h"
#include "conf/realm.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct arena a;
static struct conf *conf;

static int setup(void **state)
{
	(void)state;
	arena_init(&a);
	return conf_parse(STR("[kerberos]\nrealms = EXAMPLE.ORG=mail.example, Other.Org\n"), "test", NULL, &conf);
}

static int teardown(void **state)
{
	(void)state;
	conf_free(conf);
	arena_done(&a);
	return 0;
}

/* The account, or "!". */
static const char *account(const char *principal)
{
	struct str name = STR("unset");
	const char *why = NULL;
	int r = kerberos_account(conf, str_of(principal), &a, &name, &why);

	if (r < 0)
		assert_true(str_eqc(name, "unset") && why && *why);
	return r < 0 ? "!" : arena_cstr(&a, name);
}

static void a_principal_is_one_account_or_none(void **state)
{
	static const char *const t[][2] = {
		{ "anna@EXAMPLE.ORG", "anna@mail.example" }, { "anna", "anna@mail.example" }, { "Anna.Maria@EXAMPLE.ORG", "anna.maria@mail.example" },
		{ "anna@Other.Org", "anna@other.org" }, { "anna@example.org", "!" }, { "anna@OTHER.ORG", "!" }, { "anna@EXAMPLE.ORG.", "!" },
		{ "anna@", "!" }, { "@EXAMPLE.ORG", "!" }, { "", "!" }, { "anna/admin@EXAMPLE.ORG", "!" }, { "host/mail.example@EXAMPLE.ORG", "!" },
		{ "/anna@EXAMPLE.ORG", "!" }, { "anna\\@x@EXAMPLE.ORG", "!" }, { "anna\\/x@EXAMPLE.ORG", "!" }, { "anna@EXAMPLE.ORG@EXAMPLE.ORG", "!" },
		{ "an na@EXAMPLE.ORG", "!" }, { "\"anna\"@EXAMPLE.ORG", "!" }, { "anna\t@EXAMPLE.ORG", "!" }, { "anna,ben@EXAMPLE.ORG", "!" },
		{ "anna@mail.example", "!" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(t); i++)
		if (strcmp(account(t[i][0]), t[i][1]) != 0)
			fail_msg("%s: %s", t[i][0], account(t[i][0]));
	assert_true(kerberos_is_principal(conf, STR("anna")) && kerberos_is_principal(conf, STR("anna@Other.Org")));
	assert_false(kerberos_is_principal(conf, STR("anna@mail.example")) || kerberos_is_principal(conf, STR("anna@other.org")));
}

static void realms_of_the_settings(void **state)
{
	static const char *const bad[] = { "", "=", "A=", "=b.example", "A B", "A=b c", "A=@", "A/B", "A=b=c" };
	struct kerberos_realm r;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(kerberos_realm_parse(str_of(bad[i]), &r), E_SYNTAX);
	assert_int_equal(kerberos_realm_parse(STR("AD.Example-1.org = b.example"), &r), 0);
	assert_true(str_eqc(r.realm, "AD.Example-1.org") && str_eqc(r.domain, "b.example"));
}

static void what_the_keys_are_called(void **state)
{
	(void)state;
	assert_string_equal(kerberos_service(STR("imaps")), "imap");
	assert_string_equal(kerberos_service(STR("pop3")), "pop");
	assert_string_equal(kerberos_service(STR("submissions")), "smtp");
}

/* imap/h@R, 2 bytes of key; and a hole before it */
#define HEAD "\x05\x02"
#define ENTRY "\0\0\0\x21" "\0\2" "\0\1R" "\0\4imap" "\0\1h" "\0\0\0\1" "\0\0\0\0" "\2" "\0\x12" "\0\2kk" "\0\0\0\2"
#define HOLE "\xff\xff\xff\xfd" "xyz"

static bool useful(struct str text)
{
	struct buf why;
	bool good;

	buf_init(&why, 256);
	good = auth_keytab_check(text, &why) == 0;
	assert_true(good == (why.n == 0));
	buf_done(&why);
	return good;
}

static void keytabs(void **state)
{
	static const char good[] = HEAD HOLE ENTRY ENTRY;
	struct str all = str_make(good, sizeof(good) - 1);
	size_t i, holes = 2 + sizeof(HOLE) - 1, one = holes + sizeof(ENTRY) - 1;

	(void)state;
	assert_true(useful(all));
	for (i = 0; i < all.n; i++) /* cut off anywhere but between two keys */
		if (i != one)
			assert_false(useful(str_sub(all, 0, i)));
	assert_true(useful(str_sub(all, 0, one)));
	assert_false(useful(STR("\x05\x01" ENTRY)));
	assert_false(useful(STR(HEAD "\0\0\0\x21" "\0\2" "\0\1R" "\0\4host" "\0\1h" "\0\0\0\1" "\0\0\0\0" "\2" "\0\x12" "\0\2kk" "\0\0\0\2")));
	assert_false(useful(STR(HEAD "\0\0\0\x21" "\0\2" "\xff\xffR" "\0\4imap" "\0\1h" "\0\0\0\1" "\0\0\0\0" "\2" "\0\x12" "\0\2kk" "\0\0\0\2")));
	assert_false(useful(STR(HEAD "\x80\0\0\0")));
	assert_false(useful(STR(HEAD "\x7f\xff\xff\xff" "\0\2")));
}

#define OID "\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"

static void first_messages(void **state)
{
	static const struct {
		struct str token;
		bool framed, good;
	} t[] = {
		{ { "\x60\x10" OID "\1\0\x6e\1x", 18 }, true, true }, { { "\1\0\x6e\1x", 5 }, false, true },
		{ { "\1\0\x6e\1x", 5 }, true, false }, { { "\x60\x10" OID "\1\0\x6e\1x", 18 }, false, false },
		{ { "\x60\x10" OID "\xff\xff\x6e\1x", 18 }, true, false }, /* MIT 1.20 falls over two of these */
		{ { "\x60\x10" OID "\2\0\x6e\1x", 18 }, true, false }, { { "\x60\x10" OID "\1\0\x7e\1x", 18 }, true, false },
		{ { "\x60\x0f" OID "\1\0\x6e\1x", 18 }, true, false }, { { "\x60\x11" OID "\1\0\x6e\1xy", 19 }, true, false },
		{ { "\x60\x81\x10" OID "\1\0\x6e\1x", 19 }, true, false }, { { "\x60\x82\0\x10" OID "\1\0\x6e\1x", 20 }, true, false },
		{ { "\x60\x80" OID "\1\0\x6e\1x", 18 }, true, false }, { { "\x60\x84\xff\xff\xff\xff", 6 }, true, false },
		{ { "\1\0\x6e\2x", 5 }, false, false }, { { "\1\0\x6e", 3 }, false, false }, { { "\1\0", 2 }, false, false },
		{ { "\1", 1 }, false, false }, { { "", 0 }, false, false }, { { "", 0 }, true, false }, { { "\x60", 1 }, true, false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(t); i++)
		if (gss_token_is_ap_req(t[i].token, t[i].framed) != t[i].good)
			fail_msg("%zu", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_principal_is_one_account_or_none),
		cmocka_unit_test(realms_of_the_settings),
		cmocka_unit_test(what_the_keys_are_called),
		cmocka_unit_test(keytabs),
		cmocka_unit_test(first_messages),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
