/* SPDX-License-Identifier: ISC
 *
 * What the settings let a client do that has not logged in: networks, certificates, ETRN.
 */
#include "conf/trust.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define A "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define B "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define A_COLONS "01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF"

static struct conf *conf_of(const char *text)
{
	struct conf *c = NULL;
	struct buf errors;

	buf_init(&errors, 4096);
	if (conf_parse(str_of(text), "m.conf", &errors, &c) < 0)
		fail_msg("%s", buf_cstr(&errors));
	buf_done(&errors);
	return c;
}

static void bad(const char *text, const char *want)
{
	struct conf *c = NULL;
	struct buf errors;

	buf_init(&errors, 4096);
	assert_int_equal(conf_parse(str_of(text), "m.conf", &errors, &c), E_SYNTAX);
	if (!str_starts(buf_view(&errors), want))
		fail_msg("%s", buf_cstr(&errors));
	buf_done(&errors);
}

static void fingerprints_have_one_form(void **state)
{
	static const char *const good[] = { A, A_COLONS, "sha256:" A, "SHA256:" A_COLONS };
	static const char *const wrong[] = { "", "sha256:", "abc", A "0", "sha1:" A, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeg",
		"01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD-EF", ":" A };
	char hex[FINGERPRINT_HEX + 1];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(fingerprint_parse(str_of(good[i]), hex), 0);
		assert_string_equal(hex, A);
	}
	for (i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(fingerprint_parse(str_of(wrong[i]), hex), E_SYNTAX);
}

static void who_is_listed_is_trusted(void **state)
{
	struct conf *c = conf_of("[smtp]\nrelay_networks = 192.0.2.0/24\nrelay_certificates = sha256:" A_COLONS "\n"
				 "etrn = a.example=192.0.3.1, b.example=" B "\n");
	struct addr in, out, nobody = { 0 };
	struct trust_client t = { .peer = &in, .certificate = STR_NONE, .public_key = STR_NONE };

	(void)state;
	assert_int_equal(addr_parse(STR("192.0.2.9"), &in) + addr_parse(STR("192.0.3.1"), &out), 0);
	assert_true(trust_network(c, &t));
	assert_false(trust_certificate(c, &t));
	assert_false(trust_etrn(c, &t, STR_NONE));
	t.peer = &nobody;
	assert_false(trust_network(c, &t));
	t.peer = &out;
	assert_false(trust_network(c, &t));
	assert_true(trust_etrn(c, &t, STR_NONE) && trust_etrn(c, &t, STR("A.example")));
	assert_false(trust_etrn(c, &t, STR("b.example")) || trust_etrn(c, &t, STR("x.a.example")));
	t.certificate = STR(B);
	t.public_key = STR(A);
	assert_true(trust_certificate(c, &t) && trust_etrn(c, &t, STR("b.example")));
	t.public_key = STR(B);
	assert_false(trust_certificate(c, &t));
	assert_true(trust_asks(c, false));
	assert_false(trust_asks(c, true));
	conf_free(c);
}

static void nobody_is_asked_without_need(void **state)
{
	struct conf *c = conf_of("[smtp]\nrelay_networks = 192.0.2.0/24\n"), *all = conf_of("[smtp]\nask_certificate = all\nrelay_certificates = " A "\n");
	struct addr a = { 0 };
	struct trust_client t = { .peer = &a, .certificate = STR(A), .public_key = STR(B) };

	(void)state;
	assert_false(trust_asks(c, false) || trust_asks(c, true) || trust_submits(c, &t));
	assert_true(trust_asks(all, false) && trust_asks(all, true) && trust_submits(all, &t));
	t.certificate = STR(B);
	assert_false(trust_submits(all, &t));
	conf_free(c);
	conf_free(all);
}

static void what_cannot_be_meant_is_refused(void **state)
{
	(void)state;
	bad("[smtp]\nrelay_certificates = " A ", ab:cd\n", "m.conf:2: relay_certificates: 'ab:cd' is not the SHA-256 of a certificate");
	bad("[smtp]\netrn = 192.0.2.1\n", "m.conf:2: etrn: '192.0.2.1' is not DOMAIN=NETWORK or DOMAIN=FINGERPRINT");
	bad("[smtp]\netrn = a.example=b.example\n", "m.conf:2: etrn: 'a.example=b.example' is not");
	bad("[smtp]\netrn = a.example=" A "\n", "m.conf:2: etrn: nobody is asked for a certificate like that of 'a.example'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fingerprints_have_one_form),
		cmocka_unit_test(who_is_listed_is_trusted),
		cmocka_unit_test(nobody_is_asked_without_need),
		cmocka_unit_test(what_cannot_be_meant_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
