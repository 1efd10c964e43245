/* SPDX-License-Identifier: ISC
 *
 * tls_test.c: the server side of net/tls.c against an OpenSSL client over a
 * socket pair, with certificates made in memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

struct made {
	char *chain, *key;
	size_t nchain, nkey;
};

static char *bio_text(BIO *b, size_t *n_out)
{
	char *p, *copy;
	long n = BIO_get_mem_data(b, &p);

	copy = mem_alloc(1, (size_t)n + 1);
	memcpy(copy, p, (size_t)n);
	*n_out = (size_t)n;
	BIO_free(b);
	return copy;
}

static struct made make_certificate(const char *names)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
	BIO *bc = BIO_new(BIO_s_mem()), *bk = BIO_new(BIO_s_mem());
	struct made m;

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
		(const unsigned char *)names, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509_add_ext(x, san, -1);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	PEM_write_bio_X509(bc, x);
	PEM_write_bio_PrivateKey(bk, key, NULL, NULL, 0, NULL, NULL);
	m.chain = bio_text(bc, &m.nchain);
	m.key = bio_text(bk, &m.nkey);
	X509_EXTENSION_free(san);
	X509_free(x);
	EVP_PKEY_free(key);
	return m;
}

static struct made cert[2];
static struct tls_context *ctx;

static struct tls_certificate given(const struct made *m, const char *label)
{
	return (struct tls_certificate){ str_make(m->chain, m->nchain), str_make(m->key, m->nkey),
		str_of(label) };
}

static struct tls_context *context(const char *min_version, const struct tls_context *old)
{
	struct tls_certificate c[2] = { given(&cert[0], "a.pem"), given(&cert[1], "b.pem") };
	struct tls_context *out = NULL;
	const char *why = NULL;

	assert_int_equal(tls_context_new(c, 2, min_version, old, &out, &why), 0);
	return out;
}

static int setup(void **state)
{
	(void)state;
	cert[0] = make_certificate("DNS:mx.example.org");
	cert[1] = make_certificate("DNS:*.example.net,DNS:example.net");
	ctx = context("1.2", NULL);
	return 0;
}

static int teardown(void **state)
{
	size_t i;

	(void)state;
	tls_context_free(ctx);
	for (i = 0; i < ARRAY_LEN(cert); i++) {
		free(cert[i].chain);
		free(cert[i].key);
	}
	return 0;
}

/* A client and a server at the two ends of a pair. */
struct both {
	SSL_CTX *cctx;
	SSL *client;
	struct tls *server;
	int fd[2];
};

static void both_open(struct both *b, struct tls_context *c, const char *service, int version)
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, b->fd), 0);
	fd_nonblock(b->fd[0], true);
	fd_nonblock(b->fd[1], true);
	b->cctx = SSL_CTX_new(TLS_client_method());
	if (version) {
		SSL_CTX_set_min_proto_version(b->cctx, version);
		SSL_CTX_set_max_proto_version(b->cctx, version);
	}
	b->client = SSL_new(b->cctx);
	SSL_set_fd(b->client, b->fd[0]);
	SSL_set_connect_state(b->client);
	assert_int_equal(tls_new(c, b->fd[1], service, &b->server), 0);
}

static void both_close(struct both *b)
{
	tls_free(b->server);
	SSL_free(b->client);
	SSL_CTX_free(b->cctx);
	close(b->fd[0]);
	close(b->fd[1]);
}

/* 1: both sides are done; 0: one refused. */
static int both_shake(struct both *b)
{
	enum tls_want w = TLS_WANT_READ;
	int i, c = 0;

	for (i = 0; i < 20; i++) {
		if (c != 1)
			c = SSL_do_handshake(b->client);
		if (c <= 0 && SSL_get_error(b->client, c) == SSL_ERROR_SSL) {
			tls_handshake(b->server);
			return 0;
		}
		if (w != TLS_DONE)
			w = tls_handshake(b->server);
		if (w == TLS_ERROR || w == TLS_EOF)
			return 0;
		if (c == 1 && w == TLS_DONE)
			return 1;
	}
	return 0;
}

static void say(struct both *b, const char *text)
{
	char got[64];
	ssize_t n;

	assert_true(SSL_write(b->client, text, (int)strlen(text)) > 0);
	n = tls_read(b->server, got, sizeof got);
	assert_int_equal(n, strlen(text));
	assert_memory_equal(got, text, strlen(text));
	assert_int_equal(tls_write(b->server, "ok", 2), 2);
	assert_int_equal(SSL_read(b->client, got, sizeof got), 2);
}

static void both_versions_speak_with_strong_ciphers(void **state)
{
	static const int version[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct both b;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(version); i++) {
		both_open(&b, ctx, "imap", version[i]);
		assert_int_equal(both_shake(&b), 1);
		assert_string_equal(tls_version(b.server), i ? "TLSv1.3" : "TLSv1.2");
		assert_true(tls_bits(b.server) >= 128);
		assert_false(tls_resumed(b.server));
		assert_string_equal(tls_sni(b.server), "");
		say(&b, "hello");
		both_close(&b);
	}
}

static void old_versions_and_static_keys_are_refused(void **state)
{
	struct tls_context *strict = context("1.3", NULL);
	struct both b;

	(void)state;
	both_open(&b, ctx, "imap", TLS1_1_VERSION);
	SSL_set_security_level(b.client, 0);
	assert_int_equal(both_shake(&b), 0);
	both_close(&b);
	both_open(&b, strict, "imap", TLS1_2_VERSION);
	assert_int_equal(both_shake(&b), 0);
	both_close(&b);
	both_open(&b, ctx, "imap", TLS1_2_VERSION);
	SSL_set_cipher_list(b.client, "AES256-SHA256:AES128-GCM-SHA256");
	assert_int_equal(both_shake(&b), 0);
	both_close(&b);
	tls_context_free(strict);
}

static const char *subject(struct both *b)
{
	static char text[200];

	X509 *x = SSL_get1_peer_certificate(b->client);
	X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, text, sizeof text);
	X509_free(x);
	return text;
}

static void the_certificate_follows_the_name(void **state)
{
	static const struct {
		const char *sni, *subject;
	} row[] = { { "mx.example.org", "DNS:mx.example.org" },
		{ "MAIL.Example.NET", "DNS:*.example.net,DNS:example.net" },
		{ "example.net", "DNS:*.example.net,DNS:example.net" },
		{ "a.b.example.net", "DNS:mx.example.org" }, { "unknown.test", "DNS:mx.example.org" } };
	struct both b;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		both_open(&b, ctx, "imap", 0);
		SSL_set_tlsext_host_name(b.client, row[i].sni);
		assert_int_equal(both_shake(&b), 1);
		assert_string_equal(subject(&b), row[i].subject);
		assert_string_equal(tls_sni(b.server), row[i].sni);
		both_close(&b);
	}
}

/* C19, ALPACA */
static void foreign_protocols_end_the_handshake(void **state)
{
	struct both b;
	const unsigned char *got;
	unsigned n;

	(void)state;
	both_open(&b, ctx, "imap", 0);
	SSL_set_alpn_protos(b.client, (const unsigned char *)"\x08http/1.1", 9);
	assert_int_equal(both_shake(&b), 0);
	both_close(&b);
	both_open(&b, ctx, "imap", 0);
	SSL_set_alpn_protos(b.client, (const unsigned char *)"\x08http/1.1\x04imap", 14);
	assert_int_equal(both_shake(&b), 1);
	SSL_get0_alpn_selected(b.client, &got, &n);
	assert_int_equal(n, 4);
	assert_memory_equal(got, "imap", 4);
	both_close(&b);
}

/* Speaks once and returns the session for another try. */
static SSL_SESSION *session_of(struct tls_context *c, const char *service)
{
	struct both b;
	SSL_SESSION *s;

	both_open(&b, c, service, 0);
	assert_int_equal(both_shake(&b), 1);
	say(&b, "x"); /* TLS 1.3: tickets come after the handshake */
	s = SSL_get1_session(b.client);
	SSL_shutdown(b.client); /* or OpenSSL marks the session as not resumable */
	both_close(&b);
	return s;
}

static bool resumes(struct tls_context *c, const char *service, SSL_SESSION *s)
{
	struct both b;
	bool r;

	both_open(&b, c, service, 0);
	SSL_set_session(b.client, s);
	assert_int_equal(both_shake(&b), 1);
	r = tls_resumed(b.server);
	both_close(&b);
	return r;
}

static void tickets_resume_for_the_same_service_alone(void **state)
{
	SSL_SESSION *s = session_of(ctx, "imap");
	struct tls_context *after = context("1.2", ctx), *other = context("1.2", NULL);

	(void)state;
	assert_true(resumes(ctx, "imap", s));
	SSL_SESSION_free(s);
	s = session_of(ctx, "imap");
	assert_false(resumes(ctx, "pop3", s));
	SSL_SESSION_free(s);
	s = session_of(ctx, "imap");
	assert_true(resumes(after, "imap", s)); /* over a reload */
	SSL_SESSION_free(s);
	s = session_of(ctx, "imap");
	assert_false(resumes(other, "imap", s)); /* keys of another process */
	SSL_SESSION_free(s);
	tls_context_free(after);
	tls_context_free(other);
}

/* With a certificate of the client's own, or none; what the server learns of it. */
static SSL_SESSION *shows(struct tls_context *c, const struct made *own, SSL_SESSION *resume, bool ask, bool *resumed_out,
	char out[TLS_FINGERPRINT + 1], char key[TLS_FINGERPRINT + 1], int version)
{
	struct both b;
	SSL_SESSION *s;

	out[0] = key[0] = '\0';
	both_open(&b, c, "smtp", version);
	if (own) {
		BIO *bio = BIO_new_mem_buf(own->chain, (int)own->nchain), *bk = BIO_new_mem_buf(own->key, (int)own->nkey);
		X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		EVP_PKEY *k = PEM_read_bio_PrivateKey(bk, NULL, NULL, NULL);

		assert_int_equal(SSL_use_certificate(b.client, x) + SSL_use_PrivateKey(b.client, k), 2);
		X509_free(x);
		EVP_PKEY_free(k);
		BIO_free(bio);
		BIO_free(bk);
	}
	if (resume)
		SSL_set_session(b.client, resume);
	if (ask)
		tls_ask_certificate(b.server);
	assert_int_equal(both_shake(&b), 1);
	*resumed_out = tls_resumed(b.server);
	if (!tls_peer_fingerprints(b.server, out, key))
		assert_int_equal(out[0] + key[0], 0);
	say(&b, "x");
	s = SSL_get1_session(b.client);
	SSL_shutdown(b.client);
	both_close(&b);
	return s;
}

static void a_client_is_known_by_the_certificate_it_has(void **state)
{
	static const int version[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	char one[TLS_FINGERPRINT + 1], two[TLS_FINGERPRINT + 1], key[TLS_FINGERPRINT + 1], key2[TLS_FINGERPRINT + 1];
	struct made own = make_certificate("DNS:client.example"), other = make_certificate("DNS:client.example");
	SSL_SESSION *s, *t;
	bool resumed;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(version); i++) {
		SSL_SESSION_free(shows(ctx, &own, NULL, false, &resumed, one, key, version[i]));
		assert_string_equal(one, ""); /* not asked */
		SSL_SESSION_free(shows(ctx, NULL, NULL, true, &resumed, one, key, version[i]));
		assert_string_equal(one, ""); /* has none, and gets in */
		SSL_SESSION_free(shows(ctx, &other, NULL, true, &resumed, two, key2, version[i]));
		s = shows(ctx, &own, NULL, true, &resumed, one, key, version[i]);
		assert_int_equal(strlen(one) + strlen(key), 2 * TLS_FINGERPRINT);
		assert_true(strcmp(one, two) != 0 && strcmp(one, key) != 0 && strcmp(key, key2) != 0);
		/* resumed, without the key at hand: the same client */
		t = shows(ctx, NULL, s, true, &resumed, two, key2, version[i]);
		assert_true(resumed);
		assert_string_equal(two, one);
		assert_string_equal(key2, key);
		SSL_SESSION_free(t);
		SSL_SESSION_free(s);
		/* a ticket of one that was not asked does not save it the question */
		s = shows(ctx, &own, NULL, false, &resumed, one, key, version[i]);
		t = shows(ctx, &own, s, true, &resumed, two, key2, version[i]);
		assert_false(resumed);
		assert_int_equal(strlen(two), TLS_FINGERPRINT);
		SSL_SESSION_free(s);
		SSL_SESSION_free(t);
	}
	free(own.chain);
	free(own.key);
	free(other.chain);
	free(other.key);
}

/* C04 */
static void a_close_is_the_end(void **state)
{
	struct both b;
	char got[8];

	(void)state;
	both_open(&b, ctx, "smtp", 0);
	assert_int_equal(both_shake(&b), 1);
	say(&b, "x");
	SSL_shutdown(b.client);
	assert_int_equal(tls_read(b.server, got, sizeof got), TLS_EOF);
	assert_int_equal(tls_read(b.server, got, sizeof got), TLS_ERROR);
	assert_int_equal(tls_write(b.server, "x", 1), TLS_ERROR);
	both_close(&b);
	both_open(&b, ctx, "smtp", 0);
	assert_int_equal(both_shake(&b), 1);
	say(&b, "x");
	assert_int_equal(write(b.fd[0], "NOOP\r\n", 6), 6); /* in clear */
	assert_int_equal(tls_read(b.server, got, sizeof got), TLS_ERROR);
	assert_string_not_equal(tls_error(b.server), "");
	both_close(&b);
}

static void channel_bindings_agree_with_the_client(void **state)
{
	struct both b;
	struct buf ours;
	unsigned char theirs[EVP_MAX_MD_SIZE];
	unsigned n;
	X509 *x;

	(void)state;
	buf_init(&ours, 200);
	both_open(&b, ctx, "imap", TLS1_3_VERSION);
	assert_int_equal(both_shake(&b), 1);
	assert_int_equal(tls_binding_exporter(b.server, &ours), 0);
	assert_int_equal(ours.n, 32);
	SSL_export_keying_material(b.client, theirs, 32, "EXPORTER-Channel-Binding", 24, NULL, 0, 0);
	assert_memory_equal(ours.p, theirs, 32);
	buf_reset(&ours);
	assert_int_equal(tls_binding_server_end_point(b.server, &ours), 0);
	x = SSL_get1_peer_certificate(b.client);
	X509_digest(x, EVP_sha256(), theirs, &n);
	X509_free(x);
	assert_int_equal(ours.n, n);
	assert_memory_equal(ours.p, theirs, n);
	buf_done(&ours);
	both_close(&b);
}

static void bad_material_is_named(void **state)
{
	struct tls_certificate c = given(&cert[0], "a.pem");
	struct tls_context *out = NULL;
	const char *why = NULL;

	(void)state;
	c.key_pem = str_make(cert[1].key, cert[1].nkey);
	assert_int_equal(tls_context_new(&c, 1, "1.2", NULL, &out, &why), E_TLS);
	assert_non_null(strstr(why, "a.pem"));
	c.key_pem = STR("nonsense");
	assert_int_equal(tls_context_new(&c, 1, "1.2", NULL, &out, &why), E_TLS);
	c = given(&cert[0], "a.pem");
	c.chain_pem = STR("");
	assert_int_equal(tls_context_new(&c, 1, "1.2", NULL, &out, &why), E_TLS);
	assert_int_equal(tls_context_new(&c, 0, "1.2", NULL, &out, &why), E_NOTFOUND);
	assert_null(out);
}

static void tickets_resume_in_a_process_with_the_same_seed(void **state)
{
	static const unsigned char seed[TLS_SEED] = "a seed";
	static const unsigned char other_seed[TLS_SEED] = "another seed";
	struct tls_context *a = context("1.2", NULL), *b = context("1.2", NULL), *c = context("1.2", NULL);
	int64_t day = clock_unix() / 86400;
	SSL_SESSION *s;

	(void)state;
	tls_context_seed(a, seed, day - 3);
	tls_context_seed(b, seed, day - 3);
	tls_context_seed(c, other_seed, day - 3);
	s = session_of(a, "imap");
	assert_true(resumes(b, "imap", s));
	SSL_SESSION_free(s);
	s = session_of(a, "imap");
	assert_false(resumes(c, "imap", s));
	SSL_SESSION_free(s);
	s = session_of(a, "imap");
	clock_set_unix((day + 2) * 86400); /* two days later it opens, three days later not */
	assert_true(resumes(b, "imap", s));
	SSL_SESSION_free(s);
	clock_set_unix(day * 86400);
	s = session_of(a, "imap");
	clock_set_unix((day + 3) * 86400);
	assert_false(resumes(b, "imap", s));
	clock_set_unix(0);
	SSL_SESSION_free(s);
	tls_context_free(a);
	tls_context_free(b);
	tls_context_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_versions_speak_with_strong_ciphers),
		cmocka_unit_test(old_versions_and_static_keys_are_refused),
		cmocka_unit_test(the_certificate_follows_the_name),
		cmocka_unit_test(foreign_protocols_end_the_handshake),
		cmocka_unit_test(tickets_resume_for_the_same_service_alone),
		cmocka_unit_test(tickets_resume_in_a_process_with_the_same_seed),
		cmocka_unit_test(a_client_is_known_by_the_certificate_it_has),
		cmocka_unit_test(a_close_is_the_end),
		cmocka_unit_test(channel_bindings_agree_with_the_client),
		cmocka_unit_test(bad_material_is_named),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
