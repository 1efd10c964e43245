/* SPDX-License-Identifier: ISC
 *
 * tls_client_test.c: connections that we open, against the server side of net/tls.c: whom they
 * trust, and for which names. Certificates are made in memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/tls_client.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"

static struct buf chain, key;
static struct tls_context *server;

static void take(BIO *b, struct buf *out)
{
	char *p;
	long n = BIO_get_mem_data(b, &p);

	buf_init(out, 1 << 20);
	buf_add(out, p, (size_t)n);
	BIO_free(b);
}

static void make_certificate(const char *names)
{
	EVP_PKEY *k = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
	BIO *bc = BIO_new(BIO_s_mem()), *bk = BIO_new(BIO_s_mem());

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, k);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509_add_ext(x, san, -1);
	assert_true(X509_sign(x, k, EVP_sha256()) > 0);
	PEM_write_bio_X509(bc, x);
	PEM_write_bio_PrivateKey(bk, k, NULL, NULL, 0, NULL, NULL);
	take(bc, &chain);
	take(bk, &key);
	X509_EXTENSION_free(san);
	X509_free(x);
	EVP_PKEY_free(k);
}

static int setup(void **state)
{
	struct tls_certificate cert;
	const char *why = "";

	(void)state;
	make_certificate("DNS:mail.example.org,DNS:*.wild.example,IP:192.0.2.1");
	cert = (struct tls_certificate){ buf_view(&chain), buf_view(&key), STR("cert") };
	return tls_context_new(&cert, 1, "1.2", NULL, &server, &why);
}

/* One handshake; TLS_DONE, or TLS_ERROR and why. */
static enum tls_want meet(struct str pem, const char *host, bool literal, bool verify, const char **why_out)
{
	static char why[200];
	const char *bad = "";
	struct tls_trust *trust;
	struct tls *c, *s;
	enum tls_want rc = TLS_WANT_READ, rs = TLS_WANT_READ;
	int pair[2], i;

	assert_int_equal(tls_trust_new(pem, &trust, &bad), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	fd_nonblock(pair[0], true);
	fd_nonblock(pair[1], true);
	assert_int_equal(tls_new(server, pair[0], "smtp", &s), 0);
	assert_int_equal(tls_connect(trust, pair[1], host, literal, verify, &c), 0);
	for (i = 0; i < 20 && rc < 0 && rc != TLS_ERROR; i++) {
		rc = tls_handshake(c);
		if (rs != TLS_DONE && rs != TLS_ERROR)
			rs = tls_handshake(s);
	}
	if (rc == TLS_DONE) { /* bytes go through */
		char got[6] = "";

		while (rs == TLS_WANT_READ)
			rs = tls_handshake(s);
		assert_string_equal(tls_sni(s), literal ? "" : host);
		assert_int_equal(tls_write(c, "hello", 5), 5);
		assert_int_equal(tls_read(s, got, 5), 5);
		assert_string_equal(got, "hello");
	}
	snprintf(why, sizeof why, "%s", rc == TLS_DONE ? "" : tls_refusal(c));
	*why_out = why;
	tls_free(c);
	tls_free(s);
	tls_trust_free(trust);
	close(pair[0]);
	close(pair[1]);
	return rc;
}

static void a_trusted_certificate_for_the_name_is_taken(void **state)
{
	const char *why;

	(void)state;
	assert_int_equal(meet(buf_view(&chain), "mail.example.org", false, true, &why), TLS_DONE);
	assert_int_equal(meet(buf_view(&chain), "a.wild.example", false, true, &why), TLS_DONE);
	assert_int_equal(meet(buf_view(&chain), "192.0.2.1", true, true, &why), TLS_DONE);
}

static void other_names_are_refused(void **state)
{
	static const char *const names[] = { "example.org", "mail.example.org.evil.example", "wild.example", "a.b.wild.example" };
	const char *why;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(names); i++) {
		assert_int_equal(meet(buf_view(&chain), names[i], false, true, &why), TLS_ERROR);
		assert_non_null(strstr(why, "hostname mismatch"));
	}
	assert_int_equal(meet(buf_view(&chain), "192.0.2.2", true, true, &why), TLS_ERROR);
	assert_non_null(strstr(why, "IP address mismatch"));
}

static void unknown_certificates_are_refused(void **state)
{
	const char *why;

	(void)state;
	assert_int_equal(meet(STR_NONE, "mail.example.org", false, true, &why), TLS_ERROR);
	assert_non_null(strstr(why, "self-signed"));
	assert_int_equal(meet(STR("no certificate at all\n"), "mail.example.org", false, true, &why), TLS_ERROR);
}

static void whoever_answers_will_do_without_verify(void **state)
{
	const char *why;

	(void)state;
	assert_int_equal(meet(STR_NONE, "other.example", false, false, &why), TLS_DONE);
	assert_int_equal(meet(STR_NONE, "192.0.2.9", true, false, &why), TLS_DONE);
}

static void a_broken_list_is_told(void **state)
{
	const char *why = "";
	struct tls_trust *t = NULL;

	(void)state;
	assert_int_equal(tls_trust_new(STR("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), &t, &why), E_TLS);
	assert_non_null(strstr(why, "cannot be read"));
	assert_null(t);
	assert_int_equal(tls_trust_new(buf_view(&chain), &t, &why), 0);
	assert_int_equal(tls_trust_count(t), 1);
	tls_trust_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_trusted_certificate_for_the_name_is_taken),
		cmocka_unit_test(other_names_are_refused),
		cmocka_unit_test(unknown_certificates_are_refused),
		cmocka_unit_test(whoever_answers_will_do_without_verify),
		cmocka_unit_test(a_broken_list_is_told),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
