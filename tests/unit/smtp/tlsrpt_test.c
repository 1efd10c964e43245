/* SPDX-License-Identifier: ISC
 *
 * tlsrpt_test.c: reports about TLS: records, the JSON of RFC 8460 and back, what strangers may send instead, the message around
 * it, and the store that adds sessions up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "smtp/report/store.h"

#define START 1459468800 /* 2016-04-01 */

/* RFC 8460 appendix B; mx-host is an array as 4.4 wants it, and the URI of further information, which we do not send, is left out. */
static const char example[] = "{\"organization-name\": \"Company-X\", \"date-range\": {\"start-datetime\": \"2016-04-01T00:00:00Z\","
	" \"end-datetime\": \"2016-04-01T23:59:59Z\"}, \"contact-info\": \"sts-reporting@company-x.example\","
	" \"report-id\": \"5065427c-23d3-47ca-b6e0-946ea0e8c4be\", \"policies\": [{\"policy\": {\"policy-type\": \"sts\","
	" \"policy-string\": [\"version: STSv1\",\"mode: testing\", \"mx: *.mail.company-y.example\",\"max_age: 86400\"],"
	" \"policy-domain\": \"company-y.example\", \"mx-host\": [\"*.mail.company-y.example\"]},"
	" \"summary\": {\"total-successful-session-count\": 5326, \"total-failure-session-count\": 303},"
	" \"failure-details\": [{\"result-type\": \"certificate-expired\", \"sending-mta-ip\": \"2001:db8:abcd:0012::1\","
	" \"receiving-mx-hostname\": \"mx1.mail.company-y.example\", \"failed-session-count\": 100},"
	" {\"result-type\": \"starttls-not-supported\", \"sending-mta-ip\": \"2001:db8:abcd:0013::1\","
	" \"receiving-mx-hostname\": \"mx2.mail.company-y.example\", \"receiving-ip\": \"203.0.113.56\", \"failed-session-count\": 200},"
	" {\"result-type\": \"validation-failure\", \"sending-mta-ip\": \"198.51.100.62\", \"receiving-ip\": \"203.0.113.58\","
	" \"receiving-mx-hostname\": \"mx-backup.mail.company-y.example\", \"failed-session-count\": 3,"
	" \"failure-reason-code\": \"X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED\"}]}]}";

static struct arena a;
static struct buf out;
static const char *why;

static int setup(void **state)
{
	(void)state;
	arena_init(&a);
	buf_init(&out, 1 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&a);
	buf_done(&out);
	return 0;
}

/* --- records ------------------------------------------------------------------------------ */

static void records(void **state)
{
	static const struct {
		const char *text;
		int result;
		size_t n;
		const char *first;
	} rows[] = {
		{ "v=TLSRPTv1;rua=mailto:reports@example.com", 1, 1, "mailto:reports@example.com" },
		{ "v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt", 1, 1, "https://reporting.example.com/v1/tlsrpt" },
		{ "v=TLSRPTv1; x=y; rua=ftp://a/, https://b.example/ ,mailto:c@d.example;", 1, 2, "https://b.example/" },
		{ "v=TLSRPTv1; rua=gopher:x", 1, 0, NULL },
		{ "v=TLSRPTv1; rua=https://a.example/<script>", 1, 0, NULL },
		{ "v=TLSRPTv1", 0, 0, NULL },
		{ "v=TLSRPTv2; rua=mailto:a@b.example", 0, 0, NULL },
		{ "V=tlsrptv1; rua=mailto:a@b.example", 0, 0, NULL },
		{ "v=spf1 -all", 0, 0, NULL },
		{ "v=TLSRPTv1; x=y", E_SYNTAX, 0, NULL },
		{ "v=TLSRPTv1; rua", E_SYNTAX, 0, NULL },
		{ "v=TLSRPTv1; rua=mailto:a@b.example; rua=mailto:c@d.example", E_SYNTAX, 0, NULL },
	};
	struct str uri[TLSRPT_URIS];
	size_t i, n;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		n = 0;
		assert_int_equal(tlsrpt_record_parse(str_of(rows[i].text), uri, &n), rows[i].result);
		assert_int_equal(n, rows[i].n);
		if (rows[i].first)
			assert_true(str_eqc(uri[0], rows[i].first));
	}
}

static void where_reports_go(void **state)
{
	struct str s;
	uint16_t port;

	(void)state;
	assert_int_equal(tlsrpt_mailto(STR("mailto:tls%2Brpt@example.com?subject=x"), &a, &s), 0);
	assert_true(str_eqc(s, "tls+rpt@example.com"));
	assert_int_equal(tlsrpt_mailto(STR("mailto:a@b.example,c@d.example"), &a, &s), E_SYNTAX);
	assert_int_equal(tlsrpt_mailto(STR("mailto:a%0D%0ABcc:c@d.example"), &a, &s), E_SYNTAX);
	assert_int_equal(tlsrpt_mailto(STR("mailto:a@[127.0.0.1]"), &a, &s), E_SYNTAX);
	assert_int_equal(tlsrpt_mailto(STR("mailto:"), &a, &s), E_SYNTAX);
	assert_int_equal(tlsrpt_https(STR("https://a.example/x:y@z"), &s, &port), 0);
	assert_true(str_eqc(s, "a.example") && port == 0);
	assert_int_equal(tlsrpt_https(STR("https://a.example:8443?x"), &s, &port), 0);
	assert_true(str_eqc(s, "a.example") && port == 8443);
	assert_int_equal(tlsrpt_https(STR("https://me:secret@a.example/"), &s, &port), E_SYNTAX);
	assert_int_equal(tlsrpt_https(STR("https://127.0.0.1/"), &s, &port), E_SYNTAX);
	assert_int_equal(tlsrpt_https(STR("http://a.example/"), &s, &port), E_SYNTAX);
}

/* --- the report ------------------------------------------------------------------------------- */

static void the_example_of_the_rfc_is_read_and_printed(void **state)
{
	json_t *want = json_loads(example, 0, NULL), *got;
	struct tlsrpt r;

	(void)state;
	assert_int_equal(tlsrpt_parse(str_of(example), &a, &r, &why), 0);
	assert_true(str_eqc(r.organisation, "Company-X") && r.start == START && r.end == START + 86399 && r.npolicies == 1);
	assert_true(r.policy[0].ok == 5326 && r.policy[0].failed == 303 && r.policy[0].nfailures == 3);
	assert_true(str_eqc(r.policy[0].text, "version: STSv1\nmode: testing\nmx: *.mail.company-y.example\nmax_age: 86400"));
	assert_int_equal(tlsrpt_print(&r, &out), 0);
	got = json_loadb(out.p, out.n, 0, NULL);
	assert_true(json_equal(want, got));
	json_decref(got);
	json_decref(want);
}

static void what_is_packed_is_unpacked_within_bounds(void **state)
{
	struct buf packed, bomb, small;
	size_t i;

	(void)state;
	buf_init(&packed, 1 << 25);
	buf_init(&bomb, 1 << 24);
	buf_init(&small, 65536);
	assert_int_equal(tlsrpt_pack(str_of(example), &packed), 0);
	assert_true(packed.n < sizeof example);
	assert_int_equal(tlsrpt_unpack(buf_view(&packed), &out), 0);
	assert_true(str_eqc(buf_view(&out), example));
	buf_reset(&out);
	assert_int_equal(tlsrpt_unpack(str_sub(buf_view(&packed), 0, packed.n - 9), &out), E_SYNTAX);
	buf_reset(&out);
	assert_int_equal(tlsrpt_unpack(STR("\x1f\x8bnonsense"), &out), E_SYNTAX);
	for (i = 0; i < 1 << 24; i += 65536)
		memset(buf_room(&bomb, 65536), ' ', 65536), buf_grew(&bomb, 65536);
	buf_reset(&packed);
	assert_int_equal(tlsrpt_pack(buf_view(&bomb), &packed), 0);
	assert_int_equal(tlsrpt_unpack(buf_view(&packed), &small), E_LIMIT);
	assert_true(small.cap <= 2 * 65536);
	buf_done(&small);
	buf_done(&bomb);
	buf_done(&packed);
}

static void refused(const char *text, int r, const char *words)
{
	struct tlsrpt x;

	assert_int_equal(tlsrpt_parse(str_of(text), &a, &x, &why), r);
	assert_true(strstr(why, words) != NULL);
}

static const char *with(const char *range, const char *policies)
{
	return arena_fmt(&a, "{\"report-id\":\"1\",\"date-range\":%s,\"policies\":%s}", range, policies);
}

static void what_is_no_report(void **state)
{
	static const char day[] = "{\"start-datetime\":\"2016-04-01T00:00:00Z\",\"end-datetime\":\"2016-04-01T23:59:59Z\"}";
	struct buf deep;
	int i;

	(void)state;
	refused("", E_SYNTAX, "no JSON");
	refused("[]", E_SYNTAX, "no JSON");
	refused("{\"report-id\":\"1\",\"report-id\":\"2\"}", E_SYNTAX, "no JSON");
	refused("{}", E_SYNTAX, "report-id");
	refused("{\"report-id\":17}", E_SYNTAX, "report-id");
	refused(with("[]", "[]"), E_SYNTAX, "date-range");
	refused(with("{\"start-datetime\":\"2016-04-01\",\"end-datetime\":\"2016-04-01T23:59:59Z\"}", "[]"), E_SYNTAX, "date-range");
	refused(with("{\"start-datetime\":\"2016-04-02T00:00:00Z\",\"end-datetime\":\"2016-04-01T00:00:00Z\"}", "[]"), E_SYNTAX, "date-range");
	refused(with("{\"start-datetime\":\"2016-13-02T00:00:00Z\",\"end-datetime\":\"2016-04-01T00:00:00Z\"}", "[]"), E_SYNTAX, "date-range");
	refused(with(day, "[]"), E_SYNTAX, "no policies");
	refused(with(day, "{}"), E_SYNTAX, "no policies");
	refused(with(day, "[7]"), E_SYNTAX, "no type");
	refused(with(day, "[{\"policy\":{\"policy-type\":\"sts\"}}]"), E_SYNTAX, "no domain");
	refused(with(day, "[{\"policy\":{\"policy-type\":\"sts\",\"policy-domain\":\"a b\"}}]"), E_SYNTAX, "no domain");
	refused(with(day, "[{\"policy\":{\"policy-type\":\"other\",\"policy-domain\":\"a.example\"}}]"), E_SYNTAX, "no type");
	buf_init(&deep, 1 << 20);
	for (i = 0; i <= TLSRPT_DEPTH; i++)
		buf_puts(&deep, "[\"\\\"[\",");
	refused(buf_cstr(&deep), E_LIMIT, "deep");
	buf_reset(&deep);
	for (i = 0; i <= TLSRPT_VALUES; i++)
		buf_puts(&deep, "0,");
	refused(buf_cstr(&deep), E_LIMIT, "values");
	buf_reset(&deep);
	for (i = 0; i <= TLSRPT_POLICIES; i++)
		buf_fmt(&deep, "%s{}", i ? "," : "[");
	buf_c(&deep, ']');
	refused(with(day, buf_cstr(&deep)), E_LIMIT, "too many policies");
	buf_reset(&deep);
	for (i = 0; i <= TLSRPT_FAILURES; i++)
		buf_fmt(&deep, "%s{}", i ? "," : "[{\"policy\":{\"policy-type\":\"sts\",\"policy-domain\":\"a.example\"},\"failure-details\":[");
	buf_puts(&deep, "]}]");
	refused(with(day, buf_cstr(&deep)), E_LIMIT, "too many failures");
	buf_done(&deep);
}

static void odd_values_are_tamed(void **state)
{
	const char *text = with("{\"start-datetime\":\"2016-04-01T02:00:00.5+02:00\",\"end-datetime\":\"2016-04-01t23:59:59z\"}",
		"[{\"policy\":{\"policy-type\":\"TLSA\",\"policy-domain\":\"A.Example.\",\"policy-string\":\"3 1 1 aa\",\"mx-host\":{}},"
		"\"summary\":{\"total-successful-session-count\":-5,\"total-failure-session-count\":\"12\"},"
		"\"failure-details\":[{\"result-type\":\"x\\ny\",\"failed-session-count\":1e300},{\"failed-session-count\":3},7]},"
		"{\"policy\":{\"policy-type\":\"no-policy-found\",\"policy-domain\":\"a.example\",\"policy-string\":[1,\"a\\u0007b\",null]},\"failure-details\":5}]");
	struct tlsrpt r;

	(void)state;
	assert_int_equal(tlsrpt_parse(str_of(text), &a, &r, &why), 0);
	assert_true(r.start == START && r.npolicies == 2 && !r.organisation.n);
	assert_true(str_eqc(r.policy[0].type, "tlsa") && str_eqc(r.policy[0].domain, "a.example") && str_eqc(r.policy[0].text, "3 1 1 aa"));
	assert_true(r.policy[0].ok == 0 && r.policy[0].failed == 12 && r.policy[0].nfailures == 1);
	assert_true(str_eqc(r.policy[0].failure[0].result, "x y") && r.policy[0].failure[0].n == 0);
	assert_true(str_eqc(r.policy[1].text, "a b") && r.policy[1].nfailures == 0);
	refused(with("{\"start-datetime\":\"2016-04-01T00:00:00Z\",\"end-datetime\":\"2016-04-01T23:59:59Z\"}", "[{\"policy\":{\"policy-type\":\"sts\","
		"\"policy-domain\":\"a.example\"},\"summary\":{\"total-successful-session-count\":99999999999999999999}}]"), E_SYNTAX, "no JSON");
}

/* --- the message around it ------------------------------------------------------------------------ */

static void the_name_of_the_file(void **state)
{
	const struct tlsrpt r = { .contact = STR("tls@mail.sndr.example.com"), .id = STR("001@mail.sndr.example.com"), .start = 1470013207, .end = 1470186007 };

	(void)state;
	tlsrpt_filename(&r, STR("example.net"), &out);
	assert_string_equal(buf_cstr(&out), "mail.sndr.example.com!example.net!1470013207!1470186007!001.json.gz");
}

static void a_letter_is_found_again(void **state)
{
	const struct tlsrpt r = { .organisation = STR("X"), .contact = STR("tls@example.com"), .id = STR("abc@example.com"), .start = START, .end = START + 86399 };
	const struct tlsrpt_letter l = { .from = STR("tls@example.com"), .to = STR("postmaster@example.net"), .host = STR("mail.example.com"),
		.boundary = STR("bbbb"), .now = START + 90000, .report = &r, .domain = STR("example.net"), .packed = STR("\x1f\x8b not really") };
	struct buf found, tiny;

	(void)state;
	buf_init(&found, 1000);
	buf_init(&tiny, 5);
	tlsrpt_letter_print(&l, &out);
	assert_true(tlsrpt_is_letter(buf_view(&out)));
	assert_false(tlsrpt_is_letter(STR("Subject: tlsrpt\r\nContent-Type: text/plain\r\n\r\nTLS-Report-Domain: x\r\n")));
	assert_int_equal(tlsrpt_letter_find(buf_view(&out), &found), 0);
	assert_true(str_eq(buf_view(&found), l.packed));
	assert_int_equal(tlsrpt_letter_find(buf_view(&out), &tiny), E_LIMIT);
	buf_reset(&found);
	assert_int_equal(tlsrpt_letter_find(STR("TLS-Report-Domain: x\r\n\r\nnothing\r\n"), &found), E_NOTFOUND);
	buf_done(&tiny);
	buf_done(&found);
}

/* --- the store ---------------------------------------------------------------------------------------- */

static struct conf *conf;
static char folder[] = "/tmp/mansio-tlsrpt.XXXXXX";

static int store_setup(void **state)
{
	static bool there;

	if (!there) {
		conf = conf_defaults();
		conf->tlsrpt_domains = 3;
		conf->tlsrpt_failures = 10;
		conf->tlsrpt_received = 1;
		if (!mkdtemp(folder) || chdir(folder) < 0 || reports_open(conf) < 0)
			return -1;
		there = true;
	}
	return setup(state);
}

static int count(const char *domain, const char *result, const char *ip, uint64_t n, int64_t now)
{
	const struct report_count c = { .domain = str_of(domain), .type = STR("sts"), .text = STR("version: STSv1"), .mx = STR("mx.example"),
		.failure = { .result = str_of(result), .local = STR(""), .mx = STR("mx.example"), .helo = STR(""), .ip = str_of(ip), .reason = STR(""), .n = n } };
	int r = reports_begin();

	assert_int_equal(r, 0);
	r = reports_count(&c, now);
	assert_int_equal(reports_commit(), 0);
	return r;
}

static bool keep_row(void *arg, const struct report_row *r)
{
	struct report_row *to = arg;

	*to = *r;
	return false;
}

static struct report_row newest(const char *domain)
{
	struct report_row row = { 0 };

	reports_each(str_of(domain), keep_row, &row);
	return row;
}

static void sessions_are_added_up_and_sealed_with_their_day(void **state)
{
	struct report_row row;
	struct tlsrpt r;
	int64_t id;
	int i;

	(void)state;
	assert_int_equal(count("a.example", "", "", 5, START), 0);
	assert_int_equal(count("a.example", "", "", 2, START + 100), 0);
	assert_int_equal(count("a.example", "certificate-expired", "192.0.2.1", 3, START + 86399), 0);
	for (i = 0; i < 30; i++) /* above [tlsrpt] failures: by their kind alone */
		assert_int_equal(count("a.example", "validation-failure", arena_fmt(&a, "192.0.2.%d", i), 1, START + 200), 0);
	id = newest("a.example").id;
	assert_int_equal(reports_load(id, &a, &row, &r), 0);
	assert_true(row.state == REPORT_OPEN && row.start == START && row.end == START + 86399 && r.npolicies == 1);
	assert_true(r.policy[0].ok == 7 && r.policy[0].failed == 33 && r.policy[0].nfailures == 11);
	assert_true(str_eqc(r.policy[0].failure[0].result, "validation-failure") && r.policy[0].failure[0].n == 21 && !r.policy[0].failure[0].ip.n);
	reports_failures(id, &out);
	assert_string_equal(buf_cstr(&out), "validation-failure (30), certificate-expired (3)");
	/* the day is not over; then it is */
	assert_int_equal(reports_seal(START + 86399, 0, 100), 0);
	assert_int_equal(reports_seal(START + 86400, 14400, 100), 1);
	row = newest("a.example");
	assert_true(row.state == REPORT_WAITING && row.due >= START + 86400 && row.due < START + 86400 + 14400 && row.until == row.due + 100);
	assert_int_equal(reports_due(START + 86399, 0, &a, &row), 0);
	assert_int_equal(reports_due(START + 86400 + 14400, 0, &a, &row), 1);
	assert_int_equal(row.id, id);
	/* the next day is another report */
	assert_int_equal(count("a.example", "", "", 1, START + 86500), 0);
	row = newest("a.example");
	assert_true(row.id != id && row.start == START + 86400 && row.ok == 1);
	assert_int_equal(reports_set(id, REPORT_SENT, 0, STR("there")), 0);
	assert_int_equal(reports_due(START + 10 * 86400, 0, &a, &row), 0);
}

static void one_that_is_sent_early_and_the_rest_of_the_day_do_not_overlap(void **state)
{
	struct report_row row;
	int64_t id;

	(void)state;
	assert_int_equal(count("b.example", "", "", 1, START), 0);
	id = reports_seal_now(STR("b.example"), START + 500, 100);
	assert_true(id > 0);
	assert_int_equal(reports_seal_now(STR("b.example"), START + 501, 100), 0);
	assert_int_equal(newest("b.example").end, START + 500);
	assert_int_equal(count("b.example", "", "", 1, START + 600), 0);
	row = newest("b.example");
	assert_true(row.id != id && row.start == START + 501 && row.end == START + 86399);
}

static void there_is_a_limit_of_domains(void **state)
{
	(void)state;
	assert_int_equal(count("c.example", "", "", 1, START), 0);
	assert_int_equal(count("d.example", "", "", 1, START), E_FULL);
	assert_int_equal(count("c.example", "", "", 1, START), 0);
}

static void what_others_say_is_kept_once_and_for_some_time(void **state)
{
	struct report_row row;
	struct tlsrpt r, back;

	(void)state;
	assert_int_equal(tlsrpt_parse(str_of(example), &a, &r, &why), 0);
	assert_int_equal(reports_receive(&r, r.policy[0].domain, STR("company-x.example"), START + 90000), 0);
	row = newest("company-y.example");
	assert_true(row.state == REPORT_RECEIVED && row.ok == 5326 && row.failed == 303);
	assert_int_equal(reports_load(row.id, &a, &row, &back), 0);
	assert_true(back.npolicies == 1 && back.policy[0].nfailures == 3 && str_eq(back.policy[0].text, r.policy[0].text));
	assert_int_equal(reports_receive(&r, r.policy[0].domain, STR("company-x.example"), START + 90000), E_FULL); /* [tlsrpt] received */
	conf->tlsrpt_received = 100;
	assert_int_equal(reports_receive(&r, r.policy[0].domain, STR("company-x.example"), START + 90000), E_EXISTS);
	reports_sweep(START + 86400);
	assert_true(newest("company-y.example").id == row.id);
	reports_sweep(START + 2 * 86400 + conf->tlsrpt_keep / 1000);
	assert_true(newest("company-y.example").id == 0);
	assert_int_equal(reports_load(row.id, &a, &row, &back), E_NOTFOUND);
	assert_true(newest("c.example").state == REPORT_OPEN); /* what is still to be sent is not swept */
}

static int clean_up(void **state)
{
	(void)state;
	if (conf) {
		unlink("_tlsrpt.db");
		unlink("_tlsrpt.db-wal");
		unlink("_tlsrpt.db-shm");
		rmdir(folder);
	}
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(records, setup, teardown),
		cmocka_unit_test_setup_teardown(where_reports_go, setup, teardown),
		cmocka_unit_test_setup_teardown(the_example_of_the_rfc_is_read_and_printed, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_packed_is_unpacked_within_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_report, setup, teardown),
		cmocka_unit_test_setup_teardown(odd_values_are_tamed, setup, teardown),
		cmocka_unit_test_setup_teardown(the_name_of_the_file, setup, teardown),
		cmocka_unit_test_setup_teardown(a_letter_is_found_again, setup, teardown),
		cmocka_unit_test_setup_teardown(sessions_are_added_up_and_sealed_with_their_day, store_setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_is_sent_early_and_the_rest_of_the_day_do_not_overlap, store_setup, teardown),
		cmocka_unit_test_setup_teardown(there_is_a_limit_of_domains, store_setup, teardown),
		cmocka_unit_test_setup_teardown(what_others_say_is_kept_once_and_for_some_time, store_setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, clean_up);
}
