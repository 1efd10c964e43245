/* SPDX-License-Identifier: ISC */
#include "conf/conf.h"
#include "conf/value.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct buf errors;

static struct conf *good(const char *text)
{
	struct conf *c;

	buf_init(&errors, 65536);
	if (conf_parse(str_of(text), "m.conf", &errors, &c) < 0)
		fail_msg("%s", buf_cstr(&errors));
	buf_done(&errors);
	return c;
}

static void bad(const char *text, const char *expected)
{
	struct conf *c;

	buf_init(&errors, 65536);
	assert_int_equal(conf_parse(str_of(text), "m.conf", &errors, &c), E_SYNTAX);
	assert_string_equal(buf_cstr(&errors), expected);
	buf_done(&errors);
}

static void every_default_is_in_its_range(void **state)
{
	struct conf *c = conf_defaults();

	(void)state;
	assert_int_equal(c->smtp_message_size, 50 << 20);
	assert_int_equal(c->limit_login, 180000);
	assert_int_equal(c->listen_smtp.n, 2);
	assert_string_equal(c->server_state.p, "/var/lib/mansio");
	assert_false(c->auth_allow_clear);
	conf_free(c);
}

static void values_of_each_type(void **state)
{
	struct conf *c = good("; comment\r\n[smtp]\r\nmessage_size = 2G\r\ndata_timeout=500ms\n"
			      "[auth]\nallow_clear = yes\nscram = off\ndetail_separator =\n"
			      "[tls]\ncertificates = a.pem , b.pem\nkeys = c.pem,d.pem\n[smtp]\nhops = 7");

	(void)state;
	assert_true(c->smtp_message_size == (uint64_t)2 << 30);
	assert_int_equal(c->smtp_data_timeout, 500);
	assert_true(c->auth_allow_clear);
	assert_int_equal(c->auth_scram, CONF_SCRAM_OFF);
	assert_int_equal(c->auth_detail_separator.n, 0);
	assert_int_equal(c->tls_certificates.n, 2);
	assert_string_equal(c->tls_certificates.v[1].p, "b.pem");
	assert_int_equal(c->smtp_hops, 7);
	conf_free(c);
}

static void all_errors_are_told_at_once_with_the_nearest_key(void **state)
{
	(void)state;
	bad("[server]\nhostnam = x\n\n[smtp]\nprocesses = many\nmessage_size = 1\nhops = 0\n[smpt]\nx = 1\nno line\n",
		"m.conf:2: unknown key 'hostnam' in [server]: did you mean 'hostname'?\n"
		"m.conf:5: processes = many: must be a whole number from 1 to 1000\n"
		"m.conf:6: message_size = 1: must be a size from 1k to 4G, like 1500, 64k, 50M, 2G\n"
		"m.conf:7: hops = 0: must be a whole number from 1 to 1000\n"
		"m.conf:8: unknown section [smpt]: did you mean [smtp]?\n"
		"m.conf:10: neither [section], nor key = value, nor a comment (#)\n");
}

static void a_key_of_another_section_is_named_with_it(void **state)
{
	(void)state;
	bad("[imap]\nhostname = x\n[log]\nxyzzyxyzzy = 1\n",
		"m.conf:2: unknown key 'hostname' in [imap]: did you mean 'hostname' in [server]?\n"
		"m.conf:4: unknown key 'xyzzyxyzzy' in [log]\n");
}

static void twice_and_before_a_section(void **state)
{
	(void)state;
	bad("hops = 1\n[smtp]\nhops = 1\nhops = 2\n",
		"m.conf:1: a key before the first [section]\nm.conf:4: hops is set twice, first in line 3\n");
}

static void control_characters_never_reach_the_message(void **state)
{
	(void)state;
	bad("[server]\nhost\033[31m = 1\n", "m.conf:2: control characters, or not UTF-8\n");
	bad("[server]\n\xff = 1\n", "m.conf:2: control characters, or not UTF-8\n");
	bad("[s\xc3\xa4]\n", "m.conf:1: unknown section [s??]\n");
}

static void settings_must_fit_one_another(void **state)
{
	(void)state;
	bad("[tls]\ncertificates = a.pem, b.pem\nkeys = a.key\n",
		"m.conf:3: [tls] has 2 certificates, but 1 keys: one key for each certificate, in the same order\n");
	bad("[log]\nto = file\n", "m.conf:2: to = file needs 'file', the name of the log file\n");
	bad("[listen]\nimap = localhost\n",
		"m.conf:2: imap: 'localhost' is not an address and port, like 0.0.0.0:25 or [::1]:25\n");
	bad("[listen]\nimap = 127.0.0.1:5000\npop3 = 127.0.0.1:5000\n",
		"m.conf:3: pop3: 127.0.0.1:5000 is taken by 'imap' of this section already\n");
	bad("[smtp]\nrelay_networks = 0.0.0.0/0\n",
		"m.conf:2: relay_networks: '0.0.0.0/0' is so large that this server would be an open relay: at least /8\n");
	bad("[smtp]\nrelay_networks = 10.0.0.0/8, ::/15, all\n",
		"m.conf:2: relay_networks: '::/15' is so large that this server would be an open relay: at least /16\n"
		"m.conf:2: relay_networks: 'all' is not a network, like 192.0.2.0/24 or ::1\n");
	bad("[server]\nhostname = a..b\nproxy_from = 10.0.0.0/33\n",
		"m.conf:2: hostname: 'a..b' is not a host name\n"
		"m.conf:3: proxy_from: '10.0.0.0/33' is not a network, like 10.0.0.0/8 or ::1\n");
	bad("[send]\nsmarthost = a:b:c\nsmarthost_user = anna\n",
		"m.conf:2: smarthost: 'a:b:c' is not a host and port, like mail.example.net:587 or [2001:db8::1]:465\n"
		"m.conf:3: smarthost_user needs 'smarthost_password_file', the file with its password\n");
}

static void ranges_hold_at_both_ends(void **state)
{
	struct conf *c = good("[smtp]\nhops = 1000\nmessage_size = 4G\n[limit]\ngreeting_delay = 0\n");

	(void)state;
	conf_free(c);
	bad("[smtp]\nhops = 1001\n", "m.conf:2: hops = 1001: must be a whole number from 1 to 1000\n");
	bad("[limit]\nlogin = 99ms\n",
		"m.conf:2: login = 99ms: must be a time from 100ms to 1h, like 500ms, 30s, 5m, 2h, 7d\n");
	bad("[smtp]\nhops = 99999999999999999999\n",
		"m.conf:2: hops = 99999999999999999999: must be a whole number from 1 to 1000\n");
	bad("[mail]\ndefault_quota = 99999999999T\n",
		"m.conf:2: default_quota = 99999999999T: must be a size, like 1500, 64k, 50M, 2G\n");
}

static void what_is_printed_parses_to_the_same(void **state)
{
	struct conf *a = good("[smtp]\nhops = 7\nmessage_size = 1500000\n[auth]\nscram = on\n[limit]\nlogin = 90s\n"
			      "[listen]\nimap =\n[server]\nproxy_from = 10.0.0.0/8, ::1\n");
	struct conf *b;
	struct buf x, y;

	(void)state;
	buf_init(&x, 1 << 20);
	buf_init(&y, 1 << 20);
	conf_print(a, false, &x);
	b = good(buf_cstr(&x));
	conf_print(b, false, &y);
	assert_string_equal(buf_cstr(&x), buf_cstr(&y));
	conf_free(b);
	buf_reset(&x);
	buf_reset(&y);
	conf_print(a, true, &x);
	assert_string_equal(buf_cstr(&x), "[server]\nproxy_from = 10.0.0.0/8, ::1\n\n[listen]\nimap = \n\n"
		"[limit]\nlogin = 90s\n\n[auth]\nscram = on\n\n[smtp]\nmessage_size = 1500000\nhops = 7\n");
	b = good(buf_cstr(&x));
	conf_print(b, true, &y);
	assert_string_equal(buf_cstr(&x), buf_cstr(&y));
	conf_free(a);
	conf_free(b);
	buf_done(&x);
	buf_done(&y);
}

static void restart_keys_are_named_and_kept(void **state)
{
	struct conf *a = good("[smtp]\nprocesses = 3\nhops = 4\n");
	struct conf *b = good("[smtp]\nprocesses = 5\nhops = 6\n[server]\nhostname = x.example\n");
	struct buf diff;

	(void)state;
	buf_init(&diff, 1000);
	conf_restart_diff(a, b, &diff);
	assert_string_equal(buf_cstr(&diff), "server.hostname, smtp.processes");
	conf_keep_restart(a, b);
	assert_int_equal(b->smtp_processes, 3);
	assert_int_equal(b->server_hostname.n, 0);
	assert_int_equal(b->smtp_hops, 6);
	buf_reset(&diff);
	conf_restart_diff(a, b, &diff);
	assert_int_equal(diff.n, 0);
	buf_done(&diff);
	conf_free(a);
	conf_free(b);
}

static void the_sample_is_valid_and_changes_nothing(void **state)
{
	struct buf sample, text;
	struct conf *c;
	size_t i;

	(void)state;
	buf_init(&sample, 1 << 20);
	buf_init(&text, 1 << 20);
	conf_sample(&sample);
	c = good(buf_cstr(&sample));
	conf_print(c, true, &text);
	assert_int_equal(text.n, 0);
	conf_free(c);
	/* and with every '#' of a setting taken away */
	for (i = 0; i + 1 < sample.n; i++)
		if (sample.p[i] == '#' && sample.p[i + 1] != ' ')
			sample.p[i] = ' ';
	c = good(buf_cstr(&sample));
	conf_print(c, true, &text);
	assert_int_equal(text.n, 0);
	for (i = 0; i < conf_nkeys; i++)
		assert_true(conf_is_set(c, i));
	conf_free(c);
	buf_done(&sample);
	buf_done(&text);
}

static void every_key_is_in_the_manual(void **state)
{
	struct buf out;
	size_t i;

	(void)state;
	buf_init(&out, 1 << 20);
	conf_manual(&out);
	assert_int_equal(out.err, 0);
	for (i = 0; i < conf_nkeys; i++)
		assert_non_null(strstr(buf_cstr(&out), conf_keys[i].name));
	buf_done(&out);
}

static void sizes_and_times(void **state)
{
	static const char *const wrong[] = { "", "k", "1 k", "-1", "1kk", "1e3", "0x10", "16777217T" };
	uint64_t n;
	int64_t t;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_true(conf_size_parse(str_of(wrong[i]), &n) < 0);
		assert_true(conf_time_parse(str_of(wrong[i]), &t) < 0);
	}
	assert_int_equal(conf_size_parse(STR("64K"), &n), 0);
	assert_int_equal(n, 65536);
	assert_int_equal(conf_size_parse(STR("1m"), &n), 0);
	assert_int_equal(n, 1 << 20);
	assert_int_equal(conf_time_parse(STR("7d"), &t), 0);
	assert_int_equal(t, 604800000);
	assert_true(conf_time_parse(STR("30"), &t) < 0);
	assert_true(conf_time_parse(STR("106751991168d"), &t) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_default_is_in_its_range),
		cmocka_unit_test(values_of_each_type),
		cmocka_unit_test(all_errors_are_told_at_once_with_the_nearest_key),
		cmocka_unit_test(a_key_of_another_section_is_named_with_it),
		cmocka_unit_test(twice_and_before_a_section),
		cmocka_unit_test(control_characters_never_reach_the_message),
		cmocka_unit_test(settings_must_fit_one_another),
		cmocka_unit_test(ranges_hold_at_both_ends),
		cmocka_unit_test(what_is_printed_parses_to_the_same),
		cmocka_unit_test(restart_keys_are_named_and_kept),
		cmocka_unit_test(the_sample_is_valid_and_changes_nothing),
		cmocka_unit_test(every_key_is_in_the_manual),
		cmocka_unit_test(sizes_and_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
