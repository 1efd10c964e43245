/* SPDX-License-Identifier: ISC
 *
 * Files of people of other servers.
 */
#include "auth/userfile.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int parse(const char *line, enum userfile_format f, struct userfile_entry *e)
{
	const char *why;

	return userfile_parse(str_of(line), f, e, &why);
}

static void a_passwd_file_of_dovecot(void **state)
{
	struct userfile_entry e;

	(void)state;
	assert_int_equal(parse("anna@example.org:{SHA512-CRYPT}$6$x$y:1000:1000:Anna Alt,,,:/home/anna:/bin/sh:"
		"userdb_mail=maildir:~/Maildir userdb_quota_rule=*:storage=2G:messages=500", USERFILE_DOVECOT, &e), 1);
	assert_true(str_eqc(e.who, "anna@example.org") && str_eqc(e.hash, "{SHA512-CRYPT}$6$x$y"));
	assert_true(str_eqc(e.name, "Anna Alt") && e.active && e.has_quota && !e.alias);
	assert_int_equal(e.quota_bytes, (uint64_t)2 << 30);
	assert_int_equal(e.quota_messages, 500);
	assert_int_equal(parse("bob:{PLAIN}se cret", USERFILE_DOVECOT, &e), 1);
	assert_true(str_eqc(e.hash, "{PLAIN}se cret") && !e.has_quota);
	assert_int_equal(parse("bob::::::", USERFILE_DOVECOT, &e), 1);
	assert_int_equal(e.hash.n, 0);
	/* a number alone is kilobytes; a rule of one folder is no quota */
	assert_int_equal(parse("c:x::::::quota_rule=*:storage=100 quota_rule=Trash:storage=+10%", USERFILE_DOVECOT, &e), 1);
	assert_int_equal(e.quota_bytes, 102400);
	assert_int_equal(parse("c:x::::::quota_storage_size=1GB nologin=y", USERFILE_DOVECOT, &e), 1);
	assert_int_equal(e.quota_bytes, 1 << 30);
	assert_false(e.active);
	assert_int_equal(parse("c:x::::::quota_rule=*:storage=10%", USERFILE_DOVECOT, &e), E_SYNTAX);
	assert_int_equal(parse("junk", USERFILE_DOVECOT, &e), E_SYNTAX);
	assert_int_equal(parse(":x", USERFILE_DOVECOT, &e), E_SYNTAX);
}

static void a_userdb_of_courier(void **state)
{
	struct userfile_entry e;

	(void)state;
	assert_int_equal(parse("anna@example.org\tuid=1000|gid=1000|home=/m|systempw=$1$a$b|imappw={MD5}x|gecos=Anna|"
		"quota=10000000S,1000C", USERFILE_COURIER, &e), 1);
	assert_true(str_eqc(e.who, "anna@example.org") && str_eqc(e.hash, "{MD5}x") && str_eqc(e.name, "Anna"));
	assert_int_equal(e.quota_bytes, 10000000);
	assert_int_equal(e.quota_messages, 1000);
	assert_int_equal(parse("bob home=/m|systempw=$1$a$b", USERFILE_COURIER, &e), 1);
	assert_true(str_eqc(e.hash, "$1$a$b"));
	assert_int_equal(parse("bob", USERFILE_COURIER, &e), E_SYNTAX);
	assert_int_equal(parse("bob quota=10X", USERFILE_COURIER, &e), E_SYNTAX);
}

static void a_virtual_of_postfix(void **state)
{
	struct userfile_entry e;

	(void)state;
	assert_int_equal(parse("info@example.org anna@example.org, bob,carl@example.net", USERFILE_POSTFIX, &e), 1);
	assert_true(e.alias && e.ntargets == 3 && str_eqc(e.who, "info@example.org"));
	assert_true(str_eqc(e.target[0], "anna@example.org") && str_eqc(e.target[1], "bob"));
	assert_int_equal(parse("example.org anything", USERFILE_POSTFIX, &e), 0);
	assert_int_equal(parse("@example.org anna@example.org", USERFILE_POSTFIX, &e), 0);
	assert_int_equal(parse("/^x/ anna@example.org", USERFILE_POSTFIX, &e), E_SYNTAX);
	assert_int_equal(parse("info@example.org |/bin/program", USERFILE_POSTFIX, &e), E_SYNTAX);
	assert_int_equal(parse("info@example.org :include:/list", USERFILE_POSTFIX, &e), E_SYNTAX);
	assert_int_equal(parse("info@example.org ,", USERFILE_POSTFIX, &e), E_SYNTAX);
	assert_int_equal(parse("info@example.org", USERFILE_POSTFIX, &e), E_SYNTAX);
}

static void shadow_and_passwd(void **state)
{
	struct userfile_entry e;

	(void)state;
	assert_int_equal(parse("anna:$y$j9T$a$b:19000:0:99999:7:::", USERFILE_SHADOW, &e), 1);
	assert_true(str_eqc(e.who, "anna") && str_eqc(e.hash, "$y$j9T$a$b"));
	assert_int_equal(parse("daemon:*:19000:0:99999:7:::", USERFILE_SHADOW, &e), 0);
	assert_int_equal(parse("gone:!$y$j9T$a$b:19000:0:99999:7:::", USERFILE_SHADOW, &e), 0);
	assert_int_equal(parse("anna:x:1000:1000:Anna,,,:/home/anna:/bin/sh", USERFILE_SHADOW, &e), 0);
	assert_int_equal(parse("anna:$1$a$b:1000:1000:Anna,,,:/home/anna:/bin/sh", USERFILE_SHADOW, &e), 1);
	assert_true(str_eqc(e.name, "Anna"));
	assert_int_equal(parse("anna:$1$a$b", USERFILE_SHADOW, &e), E_SYNTAX);
}

static void the_format_is_told_by_the_first_line(void **state)
{
	(void)state;
	assert_int_equal(userfile_detect(STR("\n# c\nanna@example.org:{SHA}x\n")), USERFILE_DOVECOT);
	assert_int_equal(userfile_detect(STR("anna:$6$a$b:1000:1000::/h:/s:x=y")), USERFILE_DOVECOT);
	assert_int_equal(userfile_detect(STR("anna:$6$a$b:19000:0:99999:7:::")), USERFILE_SHADOW);
	assert_int_equal(userfile_detect(STR("root:x:0:0:root:/root:/bin/bash")), USERFILE_SHADOW);
	assert_int_equal(userfile_detect(STR("anna@example.org\thome=/m|systempw=x")), USERFILE_COURIER);
	assert_int_equal(userfile_detect(STR("anna@example.org bob@example.org")), USERFILE_POSTFIX);
	assert_int_equal(userfile_detect(STR("anna bob")), USERFILE_POSTFIX);
	assert_int_equal(userfile_detect(STR("# nothing\n")), USERFILE_UNKNOWN);
	assert_int_equal(userfile_detect(STR("word")), USERFILE_UNKNOWN);
}

static void lines_are_counted_and_continued(void **state)
{
	struct str rest = STR("# c\r\n\na b,\n  c\n\td\n # e\nf g"), line;
	uint64_t n = 10, at;
	struct arena a;

	(void)state;
	arena_init(&a);
	assert_true(userfile_next(&rest, &n, &a, &line, &at));
	assert_true(str_eqc(line, "a b, c d"));
	assert_int_equal(at, 13);
	assert_true(userfile_next(&rest, &n, &a, &line, &at));
	assert_true(str_eqc(line, "f g"));
	assert_int_equal(at, 17);
	assert_false(userfile_next(&rest, &n, &a, &line, &at));
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_passwd_file_of_dovecot),
		cmocka_unit_test(a_userdb_of_courier),
		cmocka_unit_test(a_virtual_of_postfix),
		cmocka_unit_test(shadow_and_passwd),
		cmocka_unit_test(the_format_is_told_by_the_first_line),
		cmocka_unit_test(lines_are_counted_and_continued),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
