/* SPDX-License-Identifier: ISC
 *
 * Rules of access and rewriting from files: the format, what is wrong with a line, the table.
 */
#include "auth/auth.h"
#include "auth/rulefile.h"
#include "auth/rules.h"
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct buf table, errors;
static struct directory none = { .ops = &(const struct directory_ops){ .close = NULL } };

static int compile_max(const char *access, const char *rewrite, size_t max, bool certificates)
{
	struct auth_rule_files f = { .access = str_of(access), .rewrite = str_of(rewrite), .access_name = "access",
		.rewrite_name = "rewrite", .max = max, .certificates = certificates };

	buf_done(&table);
	buf_done(&errors);
	buf_init(&table, 64 << 20);
	buf_init(&errors, 1 << 16);
	return auth_rules_compile(&f, &table, &errors);
}

static int compile(const char *access, const char *rewrite)
{
	return compile_max(access, rewrite, 1000, true);
}

static int finish(void **state)
{
	(void)state;
	buf_done(&table);
	buf_done(&errors);
	return 0;
}

/* "ACTION TEXT" of the rule that counts by files alone, "-". */
static const char *rule(const char *kind, const char *who)
{
	struct resolver r = { .d = &none, .separator = '+', .rules = buf_view(&table) };
	static char text[400];
	struct directory_rule v;
	struct arena a;
	int e;

	arena_init(&a);
	e = strcmp(kind, RULE_CLIENT) == 0 ? rule_for_client(&r, str_of(who), &a, &v) :
		rule_for_address(&r, kind, str_of(who), &a, &v);
	snprintf(text, sizeof text, "%.*s%s%.*s", STRF(e == 0 ? v.action : STR("-")), e == 0 && v.text.n ? " " : "",
		STRF(e == 0 ? v.text : STR("")));
	arena_done(&a);
	return text;
}

#define CERT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF"
#define KEY "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

static void rules_are_what_the_lines_say(void **state)
{
	(void)state;
	assert_int_equal(compile("# comment\n\n \t \n  # another\nclient 192.0.2.0/24 reject\nclient\t192.0.2.9\trelay\tprinters # third floor\n"
		"client " CERT " relay\r\nsender .Spam.example reject  not from  there\nsender A@good.spam.example allow#\n"
		"sender <> hold\nrecipient \"a # b\"@example.org hold # quoted\nrecipient example.org allow # \xc3\xbc",
		"sender root@inside.example anna@Example.org\nrecipient old.example @new.example\n"), E_SYNTAX);
	assert_string_equal(buf_cstr(&errors), "access:9: 'allow#': action is reject, hold, allow, or relay; did you mean 'allow'?\n");
	assert_int_equal(compile("# comment\n\n \t \n  # another\nclient 192.0.2.0/24 reject\nclient\t192.0.2.9\trelay\tprinters # third floor\n"
		"client " CERT " relay\r\nsender .Spam.example reject  not from  there\nsender A@good.spam.example allow\n"
		"sender <> hold\nrecipient \"a # b\"@example.org hold # quoted\nrecipient example.org allow # \xc3\xbc",
		"sender root@inside.example anna@Example.org\nrecipient old.example @new.example\n"), 0);
	assert_string_equal(rule(RULE_CLIENT, "192.0.2.8"), "reject");
	assert_string_equal(rule(RULE_CLIENT, "192.0.2.9"), "relay printers");
	assert_string_equal(rule(RULE_CLIENT, "192.0.3.9"), "-");
	assert_string_equal(rule(RULE_CLIENT, CERT " " KEY " 192.0.2.8"), "relay");
	assert_string_equal(rule(RULE_CLIENT, KEY " " CERT " 192.0.2.8"), "relay");
	assert_string_equal(rule(RULE_CLIENT, KEY " " KEY " 192.0.2.8"), "reject");
	assert_string_equal(rule(RULE_SENDER, "x@y.spam.EXAMPLE"), "reject not from  there");
	assert_string_equal(rule(RULE_SENDER, "a+b@good.spam.example"), "allow");
	assert_string_equal(rule(RULE_SENDER, ""), "hold");
	assert_string_equal(rule(RULE_SENDER, "x@other.example"), "-");
	assert_string_equal(rule(RULE_RECIPIENT, "\"a # b\"@example.org"), "hold");
	assert_string_equal(rule(RULE_RECIPIENT, "b@example.org"), "allow");
	assert_string_equal(rule(RULE_REWRITE_SENDER, "Root@inside.example"), "anna@example.org");
	assert_string_equal(rule(RULE_REWRITE_RECIPIENT, "x@old.example"), "@new.example");
	assert_string_equal(rule(RULE_REWRITE_RECIPIENT, "root@inside.example"), "-");
}

static void what_is_wrong_is_told_with_its_line(void **state)
{
	static const struct {
		const char *access, *rewrite, *want;
	} row[] = {
		{ "cleint 192.0.2.1 reject", "", "access:1: 'cleint' is neither client, sender nor recipient; did you mean 'client'? (a rule is: client|sender|recipient WHO ACTION [TEXT])" },
		{ "192.0.2.1 REJECT", "", "access:1: '192.0.2.1' is neither client, sender nor recipient (a rule" },
		{ "\n\nclient 192.0.2.1/24 reject", "", "access:3: '192.0.2.1/24': who is a network" },
		{ "client sha256:12 relay", "", "access:1: 'sha256:12': a fingerprint is the SHA-256" },
		{ "client 0.0.0.0/0 relay", "", "access:1: 'relay': this network is too large" },
		{ "sender * relay", "", "access:1: 'relay': relay is for clients only" },
		{ "sender a@b.example REJECT", "", "access:1: 'REJECT': action is reject, hold, allow, or relay; did you mean 'reject'?" },
		{ "sender a@b.example", "", "access:1: a rule needs reject, hold, allow or relay behind 'a@b.example'" },
		{ "sender", "", "access:1: a rule needs who it is about, and then what is done, behind 'sender'" },
		{ "sender a..b@c.example reject", "", "access:1: 'a..b@c.example': who is not an address" },
		{ "sender a@b.example reject caf\xc3\xa9", "", "access:1: the text for the client: printable ASCII only" },
		{ "sender a@b.example reject \xff", "", "access:1: the line is not UTF-8" },
		{ "sender a@b.example reject \x01", "", "access:1: the line holds a control character (byte 0x01): is this a file of text?" },
		{ "sender a@b.example reject\nsender x.example hold\nsender A@B.example hold", "", "access:3: a rule about 'a@b.example' stands in line 1 already" },
		{ "", "client 192.0.2.1 a@b.example", "rewrite:1: 'client' is neither sender nor recipient" },
		{ "", "sender <> a@b.example", "rewrite:1: '<>': the null sender stays what it is" },
		{ "", "sender a@b.example", "rewrite:1: a rule needs the new address behind 'a@b.example'" },
		{ "", "sender a@b.example |cmd", "rewrite:1: '|cmd': the new address is ADDRESS, or @DOMAIN" },
		{ "", "sender a@b.example c@d.example and more", "rewrite:1: 'and more' is too much behind the new address (a comment begins with #)" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		assert_int_equal(compile(row[i].access, row[i].rewrite), E_SYNTAX);
		assert_int_equal(table.n, 0);
		if (!str_starts(buf_view(&errors), row[i].want))
			fail_msg("%s\n%s", buf_cstr(&errors), row[i].want);
	}
}

static void every_wrong_line_is_told_up_to_a_number(void **state)
{
	struct str rest, line;
	struct buf text;
	size_t i, n = 0;

	(void)state;
	buf_init(&text, 1 << 20);
	for (i = 0; i < 50; i++)
		buf_fmt(&text, "sender a%zu@b.example %s\n", i, i % 2 ? "hold" : "discard");
	assert_int_equal(compile(buf_cstr(&text), ""), E_SYNTAX);
	for (rest = buf_view(&errors); rest.n > 0; n++)
		line = str_cut(&rest, '\n');
	assert_int_equal(n, RULEFILE_ERRORS + 1);
	assert_true(str_eqc(line, "... and more"));
	buf_reset(&text);
	buf_puts(&text, "sender a@b.example reject ");
	for (i = 0; i < RULEFILE_LINE; i++)
		buf_c(&text, 'x');
	assert_int_equal(compile(buf_cstr(&text), ""), E_SYNTAX);
	assert_non_null(strstr(buf_cstr(&errors), "access:1: the line is longer than 2000 bytes"));
	assert_int_equal(compile_max("sender a@b.example hold\nsender b@b.example hold", "sender c@b.example d@b.example", 2, true), E_SYNTAX);
	assert_string_equal(buf_cstr(&errors), "rewrite:1: more than 2 rules: [smtp] table_rules\n");
	buf_done(&text);
}

static void a_certificate_that_nobody_asks_for_is_a_mistake(void **state)
{
	(void)state;
	assert_int_equal(compile_max("client " CERT " relay", "", 10, false), E_SYNTAX);
	assert_non_null(strstr(buf_cstr(&errors), "ask_certificate"));
	assert_int_equal(compile_max("client 192.0.2.1 relay", "", 10, false), 0);
}

/* By bytes, not by luck: each of many rules is found, its neighbours that are not there are not. */
static void each_of_100000_rules_is_found_at_once(void **state)
{
	enum { N = 100000 };
	struct directory_rule v;
	struct buf text;
	char who[64];
	int64_t ms;
	size_t i;

	(void)state;
	buf_init(&text, 64 << 20);
	for (i = 0; i < N; i++)
		buf_fmt(&text, "sender u%zu@d%zu.example %s\n", i * 7919 % N * 2, i % 100, i % 3 ? "reject" : "hold");
	ms = clock_mono_ms();
	assert_int_equal(compile_max(buf_cstr(&text), "", N, false), 0);
	print_message("%d rules: %lld ms\n", N, (long long)(clock_mono_ms() - ms));
	for (i = 0; i < N; i++) {
		snprintf(who, sizeof who, "u%zu@d%zu.example", i * 7919 % N * 2, i % 100);
		assert_int_equal(rulefile_find(buf_view(&table), STR(RULE_SENDER), str_of(who), &v), 0);
		assert_true(str_eqc(v.action, i % 3 ? "reject" : "hold"));
		snprintf(who, sizeof who, "u%zu@d%zu.example", i * 7919 % N * 2 + 1, i % 100);
		assert_int_equal(rulefile_find(buf_view(&table), STR(RULE_SENDER), str_of(who), &v), E_NOTFOUND);
	}
	assert_int_equal(rulefile_find(buf_view(&table), STR(RULE_RECIPIENT), STR("u0@d0.example"), &v), E_NOTFOUND);
	assert_false(rulefile_has(buf_view(&table), STR(RULE_CLIENT)));
	assert_true(rulefile_has(buf_view(&table), STR(RULE_SENDER)));
	buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_what_the_lines_say),
		cmocka_unit_test(what_is_wrong_is_told_with_its_line),
		cmocka_unit_test(every_wrong_line_is_told_up_to_a_number),
		cmocka_unit_test(a_certificate_that_nobody_asks_for_is_a_mistake),
		cmocka_unit_test(each_of_100000_rules_is_found_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, finish);
}
