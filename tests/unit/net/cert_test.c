/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/cert.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/clock.h"
#include "base/file.h"
#include "net/tls.h"

static const struct str names[] = { { "mail.example.org", 16 }, { "autoconfig.example.org", 22 } };
static struct buf key, pem;

static int setup(void **state)
{
	(void)state;
	buf_init(&key, 4096);
	buf_init(&pem, 65536);
	assert_int_equal(cert_key_new(&key), 0);
	assert_int_equal(cert_self_signed(buf_view(&key), names, 2, 90, NULL, &pem), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_done(&key);
	buf_done(&pem);
	return 0;
}

static void a_self_signed_one_says_what_it_is(void **state)
{
	struct cert_facts f;

	(void)state;
	assert_int_equal(cert_facts(buf_view(&pem), &f), 0);
	assert_string_equal(f.subject, "mail.example.org");
	assert_string_equal(f.issuer, "mail.example.org");
	assert_string_equal(f.names, "mail.example.org, autoconfig.example.org");
	assert_true(f.self_signed);
	assert_int_equal(strlen(f.fingerprint), 64);
	assert_in_range(f.not_after - clock_unix(), 90 * 86400 - 10, 90 * 86400 + 10);
	assert_true(f.not_before < clock_unix());
	assert_string_equal(f.ari, "");
	assert_true(cert_is_for(buf_view(&pem), "autoconfig.example.org"));
	assert_false(cert_is_for(buf_view(&pem), "other.example.org"));
	assert_true(cert_fits_key(buf_view(&pem), buf_view(&key)));
}

static void a_key_of_another_does_not_fit(void **state)
{
	struct buf other;

	(void)state;
	buf_init(&other, 4096);
	assert_int_equal(cert_key_new(&other), 0);
	assert_false(cert_fits_key(buf_view(&pem), buf_view(&other)));
	assert_false(cert_fits_key(buf_view(&pem), STR("nonsense")));
	assert_false(cert_is_for(STR("nonsense"), "mail.example.org"));
	buf_done(&other);
}

static void a_request_names_all(void **state)
{
	const unsigned char *p;
	STACK_OF(X509_EXTENSION) *exts;
	struct buf der;
	X509_REQ *req;

	(void)state;
	buf_init(&der, 65536);
	assert_int_equal(cert_request(buf_view(&key), names, 2, &der), 0);
	p = (const unsigned char *)der.p;
	req = d2i_X509_REQ(NULL, &p, (long)der.n);
	assert_non_null(req);
	assert_int_equal(X509_REQ_verify(req, X509_REQ_get0_pubkey(req)), 1);
	exts = X509_REQ_get_extensions(req);
	assert_int_equal(sk_X509_EXTENSION_num(exts), 1);
	sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
	X509_REQ_free(req);
	assert_int_equal(cert_request(buf_view(&key), names, 0, &der), E_TLS);
	buf_done(&der);
}

static void base64url_has_no_padding(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	base64url_encode(STR("\xfb\xff\xfe?"), &b);
	assert_string_equal(buf_cstr(&b), "-__-Pw");
	buf_done(&b);
}

/* --- tls-alpn-01 */

struct seen {
	bool acme; /* acme-tls/1 was chosen, with a certificate that has the identifier */
	bool done, answered;
};

static bool is_challenge(SSL *ssl)
{
	ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
	X509 *x = SSL_get0_peer_certificate(ssl);
	int at = x ? X509_get_ext_by_OBJ(x, oid, -1) : -1;
	bool yes = at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(x, at)) == 1;

	ASN1_OBJECT_free(oid);
	return yes;
}

static struct seen meet(struct tls_context *ctx, const char *service, const char *sni, struct str protocols, int version)
{
	SSL_CTX *c = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(c);
	struct seen seen = { 0 };
	const unsigned char *chosen;
	unsigned len;
	struct tls *t;
	int fd[2], i, r = 0;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	fd_nonblock(fd[0], true);
	fd_nonblock(fd[1], true);
	SSL_set_max_proto_version(ssl, version);
	SSL_set_tlsext_host_name(ssl, sni);
	SSL_set_alpn_protos(ssl, (const unsigned char *)protocols.p, (unsigned)protocols.n);
	SSL_set_fd(ssl, fd[0]);
	SSL_set_connect_state(ssl);
	assert_int_equal(tls_new(ctx, fd[1], service, &t), 0);
	for (i = 0; i < 20; i++) {
		r = SSL_do_handshake(ssl);
		if (tls_handshake(t) == TLS_DONE && r == 1)
			break;
	}
	seen.done = r == 1;
	SSL_get0_alpn_selected(ssl, &chosen, &len);
	seen.acme = len == 10 && memcmp(chosen, "acme-tls/1", 10) == 0 && is_challenge(ssl);
	seen.answered = tls_answered_challenge(t);
	tls_free(t);
	SSL_free(ssl);
	SSL_CTX_free(c);
	close(fd[0]);
	close(fd[1]);
	return seen;
}

static void the_challenge_is_shown_to_who_asks_for_it_alone(void **state)
{
	const struct tls_certificate own = { buf_view(&pem), buf_view(&key), STR("own") };
	const unsigned char digest[CERT_DIGEST] = { 1, 2, 3 };
	const struct str acme = STR("\012acme-tls/1"), http = STR("\010http/1.1"), both = STR("\012acme-tls/1\010http/1.1");
	static const int version[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct tls_context *ctx;
	struct buf challenge;
	const char *why;
	struct seen s;
	size_t i;

	(void)state;
	buf_init(&challenge, 65536);
	assert_int_equal(cert_self_signed(buf_view(&key), names, 1, 1, digest, &challenge), 0);
	assert_int_equal(tls_context_new(&own, 1, "1.2", NULL, &ctx, &why), 0);
	for (i = 0; i < ARRAY_LEN(version); i++) {
		s = meet(ctx, "http", "mail.example.org", acme, version[i]);
		assert_false(s.done || s.answered); /* nothing is pending */
		assert_int_equal(tls_challenge_set("mail.example.org", buf_view(&challenge), buf_view(&key)), 0);
		s = meet(ctx, "http", "MAIL.example.org", acme, version[i]);
		assert_true(s.done && s.acme && s.answered);
		s = meet(ctx, "http", "other.example.org", acme, version[i]);
		assert_false(s.done || s.answered);
		s = meet(ctx, "http", "mail.example.org", http, version[i]);
		assert_true(s.done && !s.acme && !s.answered);
		s = meet(ctx, "http", "mail.example.org", both, version[i]);
		assert_true(s.done && !s.acme && !s.answered);
		s = meet(ctx, "imap", "mail.example.org", acme, version[i]);
		assert_false(s.done || s.answered);
		tls_challenge_clear("mail.example.org");
		s = meet(ctx, "http", "mail.example.org", acme, version[i]);
		assert_false(s.done || s.answered);
	}
	tls_context_free(ctx);
	buf_done(&challenge);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_self_signed_one_says_what_it_is),
		cmocka_unit_test(a_key_of_another_does_not_fit),
		cmocka_unit_test(a_request_names_all),
		cmocka_unit_test(base64url_has_no_padding),
		cmocka_unit_test(the_challenge_is_shown_to_who_asks_for_it_alone),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
