/* SPDX-License-Identifier: ISC */
#include "conf/edit.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void sets(const char *text, const char *section, const char *name, const char *value, const char *expected)
{
	struct buf out;

	buf_init(&out, 65536);
	assert_int_equal(conf_edit_set(str_of(text), section, name, str_of(value), &out), 0);
	assert_string_equal(buf_cstr(&out), expected);
	buf_done(&out);
}

static void one_line_changes_and_the_rest_stays(void **state)
{
	(void)state;
	sets("# mine\n[smtp]\n  hops  =   9  \n; more\n[imap]\nsessions=3\n", "smtp", "hops", "12",
		"# mine\n[smtp]\n  hops  =   12\n; more\n[imap]\nsessions=3\n");
	sets("[imap]\nsessions=3", "imap", "sessions", "4", "[imap]\nsessions=4");
	sets("[imap]\r\nsessions = 3\r\n# end\r\n", "imap", "sessions", "4", "[imap]\r\nsessions = 4\r\n# end\r\n");
	sets("[imap]\nsessions =\n", "imap", "sessions", "4", "[imap]\nsessions = 4\n");
	sets("[imap]\nsessions = 4\n", "imap", "sessions", "", "[imap]\nsessions = \n");
}

static void a_new_key_goes_behind_the_last_of_its_section(void **state)
{
	(void)state;
	sets("[smtp]\n# about hops\nhops = 9\n\n# about imap\n[imap]\nsessions=3\n", "smtp", "recipients", "5",
		"[smtp]\n# about hops\nhops = 9\nrecipients = 5\n\n# about imap\n[imap]\nsessions=3\n");
	sets("[smtp]\n", "smtp", "hops", "5", "[smtp]\nhops = 5\n");
	sets("[smtp]\nhops = 9", "smtp", "recipients", "5", "[smtp]\nhops = 9\nrecipients = 5\n");
	sets("[ smtp ]\nhops = 9\n[imap]\n[smtp]\n", "smtp", "recipients", "5",
		"[ smtp ]\nhops = 9\n[imap]\n[smtp]\nrecipients = 5\n");
}

static void a_new_section_goes_to_the_end(void **state)
{
	(void)state;
	sets("", "smtp", "hops", "5", "[smtp]\nhops = 5\n");
	sets("[imap]\nsessions=3", "smtp", "hops", "5", "[imap]\nsessions=3\n\n[smtp]\nhops = 5\n");
}

static void the_same_name_elsewhere_is_another_key(void **state)
{
	(void)state;
	sets("[send]\nrecipients = 1\n[smtp]\nrecipients = 2\n#recipients = 3\n", "smtp", "recipients", "5",
		"[send]\nrecipients = 1\n[smtp]\nrecipients = 5\n#recipients = 3\n");
}

static void no_value_breaks_out_of_its_line(void **state)
{
	static const char *const bad[] = { "1\n[server]\nstate = /", "1\rx", "a\tb", "\x7f", "\xff" };
	struct buf out;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		buf_init(&out, 65536);
		assert_int_equal(conf_edit_set(STR("[smtp]\n"), "smtp", "hops", str_of(bad[i]), &out), E_SYNTAX);
		assert_int_equal(out.n, 0);
		buf_done(&out);
	}
}

static void unset_takes_one_line_out(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 65536);
	assert_int_equal(conf_edit_unset(STR("[smtp]\n# c\nhops = 9\nrecipients = 2\n"), "smtp", "hops", &out), 0);
	assert_string_equal(buf_cstr(&out), "[smtp]\n# c\nrecipients = 2\n");
	assert_int_equal(conf_edit_unset(STR("[imap]\nhops = 9\n"), "smtp", "hops", &out), E_NOTFOUND);
	assert_int_equal(conf_edit_line(STR("# x\n[smtp]\n\nhops=1"), "smtp", "hops"), 4);
	buf_done(&out);
}

static bool host_only(const char *name)
{
	const struct conf_key *k = conf_key_named(str_of(name));

	assert_non_null(k);
	return conf_host_only(k);
}

static void what_names_files_and_ports_is_for_the_host_alone(void **state)
{
	(void)state;
	assert_true(host_only("server.state"));
	assert_true(host_only("server.sandbox"));
	assert_true(host_only("listen.smtp"));
	assert_true(host_only("tls.keys"));
	assert_true(host_only("log.file"));
	assert_true(host_only("acme.hook"));
	assert_true(host_only("acme.eab_key_file"));
	assert_true(host_only("send.smarthost_ca"));
	assert_true(host_only("send.smarthost_password_file"));
	/* who is asked for people, and shown passwords */
	assert_true(host_only("ldap.servers"));
	assert_true(host_only("pgsql.hosts"));
	assert_true(host_only("pgsql.tls"));
	assert_true(host_only("oldserver.host"));
	assert_true(host_only("oauth.introspect"));
	assert_true(host_only("kerberos.keytab"));
	assert_true(host_only("auth.client_ca"));
	assert_false(host_only("smtp.message_size"));
	assert_false(host_only("send.smarthost"));
	assert_false(host_only("queue.retry"));
	assert_null(conf_key_named(STR("smtp.nothing")));
	assert_null(conf_key_named(STR("smtp")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_line_changes_and_the_rest_stays),
		cmocka_unit_test(a_new_key_goes_behind_the_last_of_its_section),
		cmocka_unit_test(a_new_section_goes_to_the_end),
		cmocka_unit_test(the_same_name_elsewhere_is_another_key),
		cmocka_unit_test(no_value_breaks_out_of_its_line),
		cmocka_unit_test(unset_takes_one_line_out),
		cmocka_unit_test(what_names_files_and_ports_is_for_the_host_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
