/* SPDX-License-Identifier: ISC
 *
 * send_security_test.c: how safe a connection must be: DANE before MTA-STS before what the server offers, nothing that failed
 * taken for nothing there, the admin's word, REQUIRETLS.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "smtp/send/security.h"

#define HEX32 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define GOOD "3 1 1 " HEX32

enum { NO_STS = -1 };

struct row {
	const char *label;
	bool mx_secure, address_secure;
	enum dns_state tlsa; /* DNS_AWAY: not asked */
	bool tlsa_secure;
	const char *record;
	int sts;
	const char *sts_mx;
	bool requiretls;
	int demand; /* -1: no word of the admin */
	/* expected */
	enum security_level level;
	enum security_by by;
	int code;
};

#define NODANE DNS_AWAY, false, NULL
#define ANY "mx.example.net"
static const struct row rows[] = {
	{ "nothing known", false, false, NODANE, NO_STS, NULL, false, -1, SEC_MAY, SEC_BY_NOBODY, 0 },
	{ "DANE", true, true, DNS_OK, true, GOOD, NO_STS, NULL, false, -1, SEC_DANE, SEC_BY_TLSA, 0 },
	{ "DANE-TA", true, true, DNS_OK, true, "2 0 1 " HEX32, NO_STS, NULL, false, -1, SEC_DANE, SEC_BY_TLSA, 0 },
	{ "DANE wins over enforce", true, true, DNS_OK, true, GOOD, STS_ENFORCE, "other.example", false, -1, SEC_DANE, SEC_BY_TLSA, 0 },
	{ "MX not proven: DANE does not count", false, true, DNS_OK, true, GOOD, NO_STS, NULL, false, -1, SEC_MAY, SEC_BY_NOBODY, 0 },
	{ "address not proven", true, false, DNS_OK, true, GOOD, NO_STS, NULL, false, -1, SEC_MAY, SEC_BY_NOBODY, 0 },
	{ "TLSA not proven", true, true, DNS_OK, false, GOOD, NO_STS, NULL, false, -1, SEC_MAY, SEC_BY_NOBODY, 0 },
	{ "TLSA not proven: MTA-STS has the word", true, true, DNS_OK, false, GOOD, STS_ENFORCE, ANY, false, -1, SEC_VERIFY, SEC_BY_STS, 0 },
	{ "PKIX usages are not for SMTP", true, true, DNS_OK, true, "1 1 1 " HEX32, NO_STS, NULL, false, -1, SEC_ENCRYPT, SEC_BY_TLSA, 0 },
	{ "unusable TLSA, and a policy in force", true, true, DNS_OK, true, "1 1 1 " HEX32, STS_ENFORCE, "mx.example.net", false, -1, SEC_VERIFY, SEC_BY_STS, 0 },
	{ "unusable TLSA, and a policy in force for others", true, true, DNS_OK, true, "1 1 1 " HEX32, STS_ENFORCE, "other.example", false, -1, SEC_VERIFY, SEC_BY_STS, 451 },
	{ "unusable TLSA, and a policy on trial", true, true, DNS_OK, true, "1 1 1 " HEX32, STS_TESTING, "mx.example.net", false, -1, SEC_ENCRYPT, SEC_BY_TLSA, 0 },
	{ "a digest of wrong length", true, true, DNS_OK, true, "3 1 2 " HEX32, NO_STS, NULL, false, -1, SEC_ENCRYPT, SEC_BY_TLSA, 0 },
	{ "a selector of tomorrow", true, true, DNS_OK, true, "3 9 1 " HEX32, NO_STS, NULL, false, -1, SEC_ENCRYPT, SEC_BY_TLSA, 0 },
	{ "TLSA bogus", true, true, DNS_BOGUS, false, NULL, NO_STS, NULL, false, -1, SEC_MAY, SEC_BY_TLSA, 451 },
	{ "TLSA SERVFAIL", true, true, DNS_SERVFAIL, false, NULL, STS_ENFORCE, ANY, false, -1, SEC_MAY, SEC_BY_TLSA, 451 },
	{ "TLSA late", true, true, DNS_TIMEOUT, false, NULL, NO_STS, NULL, false, -1, SEC_MAY, SEC_BY_TLSA, 451 },
	{ "TLSA failed where nothing is proven", true, false, DNS_SERVFAIL, false, NULL, NO_STS, NULL, false, -1, SEC_MAY, SEC_BY_NOBODY, 0 },
	{ "no TLSA, proven", true, true, DNS_NXDOMAIN, true, NULL, NO_STS, NULL, false, -1, SEC_MAY, SEC_BY_NOBODY, 0 },
	{ "no TLSA, enforce", true, true, DNS_NODATA, true, NULL, STS_ENFORCE, ANY, false, -1, SEC_VERIFY, SEC_BY_STS, 0 },
	{ "enforce", false, false, NODANE, STS_ENFORCE, "*.example.net", false, -1, SEC_VERIFY, SEC_BY_STS, 0 },
	{ "enforce, another host", false, false, NODANE, STS_ENFORCE, "other.example", false, -1, SEC_VERIFY, SEC_BY_STS, 451 },
	{ "testing", false, false, NODANE, STS_TESTING, ANY, false, -1, SEC_MAY, SEC_BY_STS, 0 },
	{ "testing, another host", false, false, NODANE, STS_TESTING, "other.example", false, -1, SEC_MAY, SEC_BY_STS, 0 },
	{ "mode none", false, false, NODANE, STS_NONE, ANY, false, -1, SEC_MAY, SEC_BY_NOBODY, 0 },
	{ "the admin's word", true, true, DNS_OK, true, GOOD, STS_ENFORCE, "other.example", false, SEC_ENCRYPT, SEC_ENCRYPT, SEC_BY_ADMIN, 0 },
	{ "REQUIRETLS, nothing proven", false, false, NODANE, NO_STS, NULL, true, -1, SEC_MAY, SEC_BY_NOBODY, 550 },
	{ "REQUIRETLS, testing", false, false, NODANE, STS_TESTING, ANY, true, -1, SEC_MAY, SEC_BY_STS, 550 },
	{ "REQUIRETLS, enforce", false, false, NODANE, STS_ENFORCE, ANY, true, -1, SEC_VERIFY, SEC_BY_STS, 0 },
	{ "REQUIRETLS, MX proven", true, false, NODANE, NO_STS, NULL, true, -1, SEC_VERIFY, SEC_BY_NOBODY, 0 },
	{ "REQUIRETLS, DANE", true, true, DNS_OK, true, GOOD, NO_STS, NULL, true, -1, SEC_DANE, SEC_BY_TLSA, 0 },
	{ "REQUIRETLS, unusable TLSA", true, true, DNS_OK, true, "0 0 1 " HEX32, NO_STS, NULL, true, -1, SEC_VERIFY, SEC_BY_TLSA, 0 },
	{ "REQUIRETLS, the admin says in clear", false, false, NODANE, NO_STS, NULL, true, SEC_NONE, SEC_VERIFY, SEC_BY_ADMIN, 0 },
};

static void decide(const struct row *r, struct security *out)
{
	static struct dns_record record;
	static struct dns_answer tlsa;
	static struct str mx;
	struct security_facts f = { .domain = "example.net", .host = "mx.example.net", .mx_secure = r->mx_secure, .address_secure = r->address_secure,
		.requiretls = r->requiretls, .by_admin = r->demand >= 0, .canonical = STR("real.example.net") };

	if (r->demand >= 0)
		f.demand = (enum security_level)r->demand;
	record.data = str_of(r->record);
	tlsa = (struct dns_answer){ .state = r->tlsa, .secure = r->tlsa_secure, .record = &record, .n = r->record ? 1 : 0 };
	if (r->tlsa != DNS_AWAY)
		f.tlsa = &tlsa;
	mx = str_of(r->sts_mx);
	if (r->sts != NO_STS) {
		f.sts_found = true;
		f.sts_mode = (enum sts_mode)r->sts;
		f.sts_mx = &mx;
		f.sts_n = 1;
	}
	security_decide(&f, out);
}

static void the_table(void **state)
{
	struct security s;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		decide(&rows[i], &s);
		if (s.level != rows[i].level || s.by != rows[i].by || s.code != rows[i].code || s.refused != (rows[i].code != 0))
			fail_msg("%s: level %d by %d code %d: %s", rows[i].label, s.level, s.by, s.code, s.words);
		assert_true(s.words[0] != '\0' && s.nnames <= SECURITY_NAMES);
		assert_true((s.level == SEC_DANE) == (s.ntlsa > 0));
		if (s.level == SEC_VERIFY || s.level == SEC_DANE)
			assert_string_equal(s.name[0], "mx.example.net");
	}
}

static void testing_says_what_would_fail(void **state)
{
	struct security s;
	struct row r = { "", false, false, NODANE, STS_TESTING, "mx.example.net", false, -1, 0, 0, 0 };

	(void)state;
	decide(&r, &s);
	assert_true(s.testing && !s.sts_mismatch && !s.result);
	r.sts_mx = "other.example";
	decide(&r, &s);
	assert_true(s.testing && s.sts_mismatch && !s.refused);
	assert_string_equal(s.result, "validation-failure");
}

static void names_of_dane(void **state)
{
	struct security s, t;

	(void)state;
	decide(&rows[1], &s);
	assert_int_equal(s.nnames, 3);
	assert_string_equal(s.name[1], "example.net");
	assert_string_equal(s.name[2], "real.example.net");
	decide(&rows[2], &t);
	assert_true(security_same(&s, &s) && !security_same(&s, &t));
}

/* RFC 7672 2.2.3, 3.2.2: records found where the host's name leads to; RFC 8689 4.2.2. */
static void names_of_an_alias_and_mail_that_wants_no_policy(void **state)
{
	struct dns_record record = { .data = STR(GOOD) };
	struct dns_answer tlsa = { .state = DNS_OK, .secure = true, .record = &record, .n = 1 };
	struct str mx = STR("other.example");
	struct security_facts f = { .domain = "example.net", .host = "mx.example.net", .base = "real.example.org", .mx_secure = true,
		.address_secure = true, .tlsa = &tlsa, .sts_found = true, .sts_mode = STS_ENFORCE, .sts_mx = &mx, .sts_n = 1 };
	struct security s;

	(void)state;
	security_decide(&f, &s);
	assert_int_equal(s.level, SEC_DANE);
	assert_string_equal(s.name[0], "real.example.org");
	assert_string_equal(s.name[1], "example.net");
	f.optional = true;
	assert_false(security_wants_tlsa(&f));
	security_decide(&f, &s);
	assert_true(s.level == SEC_MAY && !s.refused && s.by == SEC_BY_NOBODY);
}

static void what_is_told(void **state)
{
	char text[64];

	(void)state;
	security_told(&(struct security){ .level = SEC_DANE }, "TLSv1.3", text, sizeof text);
	assert_string_equal(text, "TLSv1.3 DANE");
	security_told(&(struct security){ .level = SEC_VERIFY, .by = SEC_BY_STS }, "TLSv1.3", text, sizeof text);
	assert_string_equal(text, "TLSv1.3 MTA-STS");
	security_told(&(struct security){ .level = SEC_VERIFY, .by = SEC_BY_ADMIN }, "TLSv1.2", text, sizeof text);
	assert_string_equal(text, "TLSv1.2 verified");
	security_told(&(struct security){ .level = SEC_MAY }, NULL, text, sizeof text);
	assert_string_equal(text, "none");
	security_told(&(struct security){ .level = SEC_MAY, .testing = true }, "TLSv1.3", text, sizeof text);
	assert_string_equal(text, "TLSv1.3 opportunistic");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table),
		cmocka_unit_test(testing_says_what_would_fail),
		cmocka_unit_test(names_of_dane),
		cmocka_unit_test(names_of_an_alias_and_mail_that_wants_no_policy),
		cmocka_unit_test(what_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
