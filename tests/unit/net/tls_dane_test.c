/* SPDX-License-Identifier: ISC
 *
 * tls_dane_test.c: connections that we open by DANE (RFC 7672), against the server side of net/tls.c: which records vouch for
 * which certificates. Certificates, right and wrong, are made in memory.
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

#include "base/codec.h"
#include "base/file.h"
#include "base/sha256.h"

struct identity {
	X509 *x;
	EVP_PKEY *key;
	struct buf chain, key_pem; /* as the server shows it */
};

static struct identity ca, good, expired, other;

static void extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *e;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(e);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

static void pem(struct identity *id, const struct identity *issuer)
{
	BIO *b = BIO_new(BIO_s_mem()), *k = BIO_new(BIO_s_mem());
	char *p;
	long n;

	PEM_write_bio_X509(b, id->x);
	if (issuer)
		PEM_write_bio_X509(b, issuer->x);
	PEM_write_bio_PrivateKey(k, id->key, NULL, NULL, 0, NULL, NULL);
	buf_init(&id->chain, 1 << 20);
	buf_init(&id->key_pem, 1 << 20);
	n = BIO_get_mem_data(b, &p);
	buf_add(&id->chain, p, (size_t)n);
	n = BIO_get_mem_data(k, &p);
	buf_add(&id->key_pem, p, (size_t)n);
	BIO_free(b);
	BIO_free(k);
}

/* From `from` to `to` seconds from now; without issuer it signs itself, an authority. */
static void make(struct identity *id, const char *cn, const char *san, const struct identity *issuer, long from, long to)
{
	X509_NAME *subject;

	id->key = EVP_EC_gen("P-256");
	id->x = X509_new();
	X509_set_version(id->x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(id->x), issuer ? 2 : 1);
	X509_gmtime_adj(X509_getm_notBefore(id->x), from);
	X509_gmtime_adj(X509_getm_notAfter(id->x), to);
	X509_set_pubkey(id->x, id->key);
	subject = X509_get_subject_name(id->x);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0);
	X509_set_issuer_name(id->x, X509_get_subject_name(issuer ? issuer->x : id->x));
	if (!issuer)
		extend(id->x, id->x, NID_basic_constraints, "critical,CA:TRUE");
	if (san)
		extend(id->x, issuer ? issuer->x : id->x, NID_subject_alt_name, san);
	assert_true(X509_sign(id->x, issuer ? issuer->key : id->key, EVP_sha256()) > 0);
	pem(id, issuer);
}

static int setup(void **state)
{
	(void)state;
	make(&ca, "An Authority", NULL, NULL, -86400, 86400);
	make(&good, "mx", "DNS:mx.example.net", &ca, -3600, 3600);
	make(&expired, "mx", "DNS:nobody.example.org", &ca, -7200, -3600);
	make(&other, "other", "DNS:mx.example.net", NULL, -3600, 3600);
	return 0;
}

static void drop(struct identity *id)
{
	X509_free(id->x);
	EVP_PKEY_free(id->key);
	buf_done(&id->chain);
	buf_done(&id->key_pem);
}

static int teardown(void **state)
{
	(void)state;
	drop(&ca);
	drop(&good);
	drop(&expired);
	drop(&other);
	return 0;
}

/* "3 1 1 hex" of that certificate; selector 0: all of it, 1: its key; mtype 0: as it is. */
static const char *record(const struct identity *id, int usage, int selector, int mtype)
{
	static char texts[4][8192];
	static int turn;
	char *text = texts[turn++ % 4];
	unsigned char *der = NULL, digest[64];
	unsigned n;
	struct buf hex;
	int len = selector ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(id->x), &der) : i2d_X509(id->x, &der);

	buf_init(&hex, 8192);
	if (mtype) {
		EVP_Digest(der, (size_t)len, digest, &n, mtype == 1 ? EVP_sha256() : EVP_sha512(), NULL);
		hex_encode(str_make(digest, n), &hex);
	} else {
		hex_encode(str_make(der, (size_t)len), &hex);
	}
	snprintf(text, sizeof texts[0], "%d %d %d %s", usage, selector, mtype, buf_cstr(&hex));
	buf_done(&hex);
	OPENSSL_free(der);
	return text;
}

static char matched[80];
static const char *type;

/* One handshake of "mx.example.net" (for example.org); TLS_DONE, or TLS_ERROR and why. */
static enum tls_want meet(const struct identity *id, const char *a, const char *b, char *why, size_t size)
{
	const char *const names[] = { "mx.example.net", "example.org" }, *bad = "";
	struct tls_certificate cert = { buf_view(&id->chain), buf_view(&id->key_pem), STR("cert") };
	struct str tlsa[2] = { str_of(a), str_of(b) };
	struct tls_context *server;
	struct tls_trust *trust;
	struct tls *c, *s;
	enum tls_want rc = TLS_WANT_READ, rs = TLS_WANT_READ;
	int pair[2], i;

	assert_int_equal(tls_context_new(&cert, 1, "1.2", NULL, &server, &bad), 0);
	assert_int_equal(tls_trust_new(STR_NONE, &trust, &bad), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	fd_nonblock(pair[0], true);
	fd_nonblock(pair[1], true);
	assert_int_equal(tls_new(server, pair[0], "smtp", &s), 0);
	assert_int_equal(tls_connect_dane(trust, pair[1], names, 2, tlsa, b ? 2 : 1, &c), 0);
	for (i = 0; i < 20 && rc < 0 && rc != TLS_ERROR; i++) {
		rc = tls_handshake(c);
		if (rs != TLS_DONE && rs != TLS_ERROR)
			rs = tls_handshake(s);
	}
	snprintf(why, size, "%s", rc == TLS_DONE ? "" : tls_refusal(c));
	type = rc == TLS_DONE ? NULL : tls_result_type(c);
	if (!tls_dane_matched(c, matched, sizeof matched))
		matched[0] = '\0';
	assert_int_equal(tls_verified(c), rc == TLS_DONE);
	assert_string_equal(tls_sni(s), "mx.example.net");
	tls_free(c);
	tls_free(s);
	tls_trust_free(trust);
	tls_context_free(server);
	close(pair[0]);
	close(pair[1]);
	return rc;
}

static char why[200];
#define MEET(id, a, b) meet(&(id), a, b, why, sizeof why)

static void the_key_vouches_for_its_certificate(void **state)
{
	(void)state;
	assert_int_equal(MEET(good, record(&good, 3, 1, 1), NULL), TLS_DONE);
	assert_string_equal(matched, "TLSA 3 1 1 (certificate)");
	assert_int_equal(MEET(good, record(&good, 3, 0, 2), NULL), TLS_DONE);
	assert_string_equal(matched, "TLSA 3 0 2 (certificate)");
	assert_int_equal(MEET(good, record(&good, 3, 1, 0), NULL), TLS_DONE);
}

static void a_pinned_certificate_needs_no_name_and_no_date(void **state)
{
	(void)state;
	assert_int_equal(MEET(expired, record(&expired, 3, 1, 1), NULL), TLS_DONE);
}

static void a_wrong_key_is_refused(void **state)
{
	(void)state;
	assert_int_equal(MEET(other, record(&good, 3, 1, 1), NULL), TLS_ERROR);
	assert_non_null(strstr(why, "TLSA"));
	assert_string_equal(type, "validation-failure");
	assert_string_equal(matched, "");
	/* roll-over: one of two is enough */
	assert_int_equal(MEET(other, record(&good, 3, 1, 1), record(&other, 3, 1, 1)), TLS_DONE);
}

static void an_authority_vouches_for_names_and_dates(void **state)
{
	struct identity named = { 0 }, late = { 0 };

	(void)state;
	assert_int_equal(MEET(good, record(&ca, 2, 0, 1), NULL), TLS_DONE);
	assert_string_equal(matched, "TLSA 2 0 1 (issuer 1)");
	make(&named, "mx", "DNS:example.org", &ca, -3600, 3600); /* the next hop's name will do too */
	assert_int_equal(MEET(named, record(&ca, 2, 1, 1), NULL), TLS_DONE);
	make(&late, "mx", "DNS:mx.example.net", &ca, -7200, -3600);
	assert_int_equal(MEET(late, record(&ca, 2, 0, 1), NULL), TLS_ERROR);
	assert_string_equal(type, "certificate-expired");
	drop(&named);
	make(&named, "mx", "DNS:mx.example.com", &ca, -3600, 3600);
	assert_int_equal(MEET(named, record(&ca, 2, 0, 1), NULL), TLS_ERROR);
	assert_string_equal(type, "certificate-host-mismatch");
	assert_int_equal(MEET(other, record(&ca, 2, 0, 1), NULL), TLS_ERROR); /* another authority */
	drop(&named);
	drop(&late);
}

static void records_that_are_not_for_smtp_open_nothing(void **state)
{
	const char *const names[] = { "mx.example.net" }, *bad = "";
	struct str tlsa[3] = { str_of(record(&good, 1, 1, 1)), STR("3 1 1 abcd"), STR("3 0 0 abcd") };
	struct tls_trust *trust;
	struct tls *c = NULL;

	(void)state;
	assert_int_equal(tls_trust_new(STR_NONE, &trust, &bad), 0);
	assert_int_equal(tls_connect_dane(trust, 0, names, 1, tlsa, 3, &c), E_UNSUPPORTED);
	assert_null(c);
	tls_trust_free(trust);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_key_vouches_for_its_certificate),
		cmocka_unit_test(a_pinned_certificate_needs_no_name_and_no_date),
		cmocka_unit_test(a_wrong_key_is_refused),
		cmocka_unit_test(an_authority_vouches_for_names_and_dates),
		cmocka_unit_test(records_that_are_not_for_smtp_open_nothing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
