/* SPDX-License-Identifier: ISC
 *
 * Security keys: what a browser answers for a new one and for a known one, by a key made here (OpenSSL, of each algorithm), with
 * what an attacker may change; challenges; and the table of keys, counters among it.
 */
#include "auth/challenge.h"
#include "auth/second.h"
#include "auth/webauthn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/codec.h"
#include "base/sha256.h"

#define ORIGIN "https://mail.example.org:8443"
#define CHALLENGE "AAECAwQFBgcICQoLDA0ODw"
#define TOUCHED 1
#define NEW 0x40 /* a key is within */

static const struct client_data_asked asked = { { CHALLENGE, sizeof(CHALLENGE) - 1 }, { ORIGIN, sizeof(ORIGIN) - 1 } };
static struct arena a;

/* --- a key of our own ------------------------------------------------------------------------ */

static EVP_PKEY *make(const char *alg)
{
	return strcmp(alg, "ES256") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256") :
		strcmp(alg, "EdDSA") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") : EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
}

/* The public key as COSE (RFC 9053, RFC 8230): a map in CBOR. */
static void cose(EVP_PKEY *k, const char *alg, struct buf *out)
{
	unsigned char p[512];
	size_t n = 0;
	BIGNUM *bn = NULL;

	if (strcmp(alg, "ES256") == 0) {
		assert_int_equal(EVP_PKEY_get_octet_string_param(k, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, p, sizeof(p), &n), 1);
		buf_str(out, STR("\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20"));
		buf_str(out, str_make(p + 1, 32));
		buf_str(out, STR("\x22\x58\x20"));
		buf_str(out, str_make(p + 33, 32));
	} else if (strcmp(alg, "EdDSA") == 0) {
		n = 32;
		assert_int_equal(EVP_PKEY_get_raw_public_key(k, p, &n), 1);
		buf_str(out, STR("\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20"));
		buf_str(out, str_make(p, n));
	} else {
		assert_int_equal(EVP_PKEY_get_bn_param(k, OSSL_PKEY_PARAM_RSA_N, &bn), 1);
		assert_int_equal(BN_bn2binpad(bn, p, 256), 256);
		BN_free(bn);
		buf_str(out, str_make("\xa4\x01\x03\x03\x39\x01\x00\x20\x59\x01\x00", 11));
		buf_str(out, str_make(p, 256));
		buf_str(out, str_make("\x21\x43\x01\x00\x01", 5));
	}
}

static struct str text(struct str bytes)
{
	struct buf b;
	struct str out;

	buf_init(&b, 8192);
	base64url_encode(bytes, &b);
	out = arena_str(&a, buf_view(&b));
	buf_done(&b);
	return out;
}

static void data_begin(struct buf *b, const char *rp_id, unsigned char flags, uint32_t counter)
{
	unsigned char digest[SHA256_SIZE], c[4] = { (unsigned char)(counter >> 24), (unsigned char)(counter >> 16), (unsigned char)(counter >> 8), (unsigned char)counter };

	buf_init(b, 8192);
	sha256_of(str_of(rp_id), digest);
	buf_str(b, str_make(digest, sizeof(digest)));
	buf_c(b, (char)flags);
	buf_str(b, str_make(c, sizeof(c)));
}

static struct str said(const char *type, const char *challenge, const char *origin, const char *more)
{
	return str_of(arena_fmt(&a, "{\"type\":\"%s\",\"challenge\":\"%s\",\"origin\":\"%s\"%s}", type, challenge, origin, more));
}

static struct str new_data(EVP_PKEY *k, const char *alg, const char *rp_id, unsigned char flags)
{
	struct str out;
	struct buf b;

	data_begin(&b, rp_id, flags, 7);
	buf_str(&b, str_make("0123456789abcdef\0\x04name", 22)); /* who made it, length and name of the key */
	cose(k, alg, &b);
	out = text(buf_view(&b));
	buf_done(&b);
	return out;
}

static int begin(const char *alg, const char *rp_id, unsigned char flags, struct str client, struct webauthn_key *out, EVP_PKEY **key_out)
{
	EVP_PKEY *k = make(alg);
	const char *why = NULL;
	int r = webauthn_new(&asked, text(client), new_data(k, alg, rp_id, flags), &a, out, &why);

	assert_true((r == 0) == (why == NULL));
	if (key_out)
		*key_out = k;
	else
		EVP_PKEY_free(k);
	return r;
}

struct signature {
	struct str client, data, sig;
};

static struct signature sign(EVP_PKEY *k, const char *alg, const char *rp_id, unsigned char flags, uint32_t counter, struct str client)
{
	struct signature out = { .client = text(client) };
	unsigned char digest[SHA256_SIZE], sig[512];
	size_t n = sizeof(sig);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	struct buf b;

	data_begin(&b, rp_id, flags, counter);
	out.data = text(buf_view(&b));
	sha256_of(client, digest);
	buf_str(&b, str_make(digest, sizeof(digest)));
	assert_int_equal(EVP_DigestSignInit(c, NULL, strcmp(alg, "EdDSA") == 0 ? NULL : EVP_sha256(), NULL, k), 1);
	assert_int_equal(EVP_DigestSign(c, sig, &n, (const unsigned char *)b.p, b.n), 1);
	out.sig = text(str_make(sig, n));
	EVP_MD_CTX_free(c);
	buf_done(&b);
	return out;
}

static int check(const struct webauthn_key *key, const struct signature *s, uint32_t *counter)
{
	const char *why = NULL;
	int r = webauthn_check(&asked, key, s->client, s->data, s->sig, counter, &why);

	assert_true((r == 0) == (why == NULL));
	return r;
}

/* --- tests ------------------------------------------------------------------------------------- */

static const char *const algs[] = { "ES256", "EdDSA", "RS256" };

static void keys_of_each_algorithm_are_taken_and_sign(void **state)
{
	struct str made = said("webauthn.create", CHALLENGE, ORIGIN, ",\"crossOrigin\":false,\"of a later version\":1");
	struct str used = said("webauthn.get", CHALLENGE, ORIGIN, "");
	struct webauthn_key key, other;
	struct signature s;
	uint32_t counter = 0;
	EVP_PKEY *k;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(algs); i++) {
		assert_int_equal(begin(algs[i], "mail.example.org", TOUCHED | NEW, made, &key, &k), 0);
		assert_true(str_eqc(key.algorithm, algs[i]) && str_eqc(key.credential, "bmFtZQ") && key.counter == 7);
		s = sign(k, algs[i], "mail.example.org", TOUCHED, 9, used);
		assert_int_equal(check(&key, &s, &counter), 0);
		assert_int_equal(counter, 9);
		/* nobody touched it; another name; other words than those that are signed; another key; another algorithm */
		s = sign(k, algs[i], "mail.example.org", 0, 9, used);
		assert_int_equal(check(&key, &s, &counter), E_SYNTAX);
		s = sign(k, algs[i], "example.org", TOUCHED, 9, used);
		assert_int_equal(check(&key, &s, &counter), E_SYNTAX);
		s = sign(k, algs[i], "mail.example.org", TOUCHED, 9, used);
		s.client = text(said("webauthn.get", CHALLENGE, ORIGIN, " "));
		assert_int_equal(check(&key, &s, &counter), E_SYNTAX);
		assert_int_equal(begin(algs[i], "mail.example.org", TOUCHED | NEW, made, &other, NULL), 0);
		s = sign(k, algs[i], "mail.example.org", TOUCHED, 9, used);
		assert_int_equal(check(&other, &s, &counter), E_SYNTAX);
		key.algorithm = str_of(algs[(i + 1) % ARRAY_LEN(algs)]);
		assert_int_equal(check(&key, &s, &counter), E_SYNTAX);
		key.algorithm = STR("none");
		assert_int_equal(check(&key, &s, &counter), E_SYNTAX);
		EVP_PKEY_free(k);
	}
}

static void an_answer_to_something_else_is_none(void **state)
{
	const struct {
		const char *type, *challenge, *origin, *more;
	} bad[] = { { "webauthn.get", CHALLENGE, ORIGIN, "" }, { "webauthn.create", "AAECAwQFBgcICQoLDA0ODg", ORIGIN, "" },
		{ "webauthn.create", "", ORIGIN, "" }, { "webauthn.create", CHALLENGE, "https://mail.example.org", "" },
		{ "webauthn.create", CHALLENGE, "http://mail.example.org:8443", "" }, { "webauthn.create", CHALLENGE, "https://mail.example.org:8443.evil.example", "" },
		{ "webauthn.create", CHALLENGE, ORIGIN, ",\"crossOrigin\":true" }, { "webauthn.create", CHALLENGE, ORIGIN, ",\"crossOrigin\":0" },
		{ "webauthn.create", CHALLENGE, ORIGIN, ",\"topOrigin\":\"https://evil.example\"" },
		{ "webauthn.create", CHALLENGE, ORIGIN, ",\"origin\":\"https://evil.example\"" }, { "webauthn.create", CHALLENGE, ORIGIN, "}" } };
	const struct client_data_asked nothing = { .origin = STR(ORIGIN) };
	struct webauthn_key key;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(begin("ES256", "mail.example.org", TOUCHED | NEW, said(bad[i].type, bad[i].challenge, bad[i].origin, bad[i].more), &key, NULL), E_SYNTAX);
	assert_int_equal(begin("ES256", "mail.example.org", TOUCHED | NEW, STR("[]"), &key, NULL), E_SYNTAX);
	assert_int_equal(begin("ES256", "mail.example.org", TOUCHED | NEW, STR(""), &key, NULL), E_SYNTAX);
	/* no challenge of ours: also an empty one is none */
	assert_non_null(client_data_check(said("webauthn.get", "", ORIGIN, ""), "webauthn.get", &nothing));
}

static void a_key_for_another_name_or_of_bad_data_is_not_taken(void **state)
{
	struct str client = said("webauthn.create", CHALLENGE, ORIGIN, ""), data;
	const struct client_data_asked by_address = { STR(CHALLENGE), STR("https://192.0.2.1") };
	struct webauthn_key key;
	const char *why;
	EVP_PKEY *k = make("ES256");
	size_t i;

	(void)state;
	assert_int_equal(begin("ES256", "example.org", TOUCHED | NEW, client, &key, NULL), E_SYNTAX);
	assert_int_equal(begin("ES256", "mail.example.org", NEW, client, &key, NULL), E_SYNTAX);
	assert_int_equal(begin("ES256", "mail.example.org", TOUCHED, client, &key, NULL), E_SYNTAX);
	data = new_data(k, "ES256", "mail.example.org", TOUCHED | NEW);
	for (i = 0; i < data.n; i += 4) /* cut anywhere */
		assert_int_equal(webauthn_new(&asked, text(client), str_sub(data, 0, i), &a, &key, &why), E_SYNTAX);
	assert_int_equal(webauthn_new(&asked, text(client), STR("no base64url!"), &a, &key, &why), E_SYNTAX);
	assert_int_equal(webauthn_new(&by_address, text(said("webauthn.create", CHALLENGE, "https://192.0.2.1", "")), data, &a, &key, &why), E_SYNTAX);
	EVP_PKEY_free(k);
}

static size_t most_memory(void)
{
	struct rusage u;

	assert_int_equal(getrusage(RUSAGE_SELF, &u), 0);
	return (size_t)u.ru_maxrss / 1024;
}

static void a_key_costs_no_more_memory_than_it_has_bytes(void **state)
{
	static const char many[] = "\x9a\x08\x00\x00\x00", pairs[] = "\xba\x08\x00\x00\x00";
	struct str create = said("webauthn.create", CHALLENGE, ORIGIN, ""), get = said("webauthn.get", CHALLENGE, ORIGIN, "");
	size_t before = most_memory(), i;
	struct webauthn_key key;
	const char *why;
	uint32_t counter;
	struct buf b;

	(void)state;
	assert_int_equal(begin("EdDSA", "mail.example.org", TOUCHED | NEW, create, &key, NULL), 0);
	for (i = 0; i < 4; i++) { /* 2^27 items are said to follow: in the key, and in what comes with a signature */
		bool is_new = i < 2;

		data_begin(&b, "mail.example.org", TOUCHED | (is_new ? NEW : 0x80), 8);
		if (is_new)
			buf_str(&b, str_make("0123456789abcdef\0\x04name\xa4\x01\x01\x03\x27\x20", 28));
		buf_str(&b, str_make(i % 2 ? many : pairs, 5));
		if (is_new)
			assert_int_equal(webauthn_new(&asked, text(create), text(buf_view(&b)), &a, &key, &why), E_SYNTAX);
		else
			assert_int_equal(webauthn_check(&asked, &key, text(get), text(buf_view(&b)), text(STR("x")), &counter, &why), E_SYNTAX);
		buf_done(&b);
	}
	assert_true(most_memory() < before + 200); /* MiB; it was one GiB, and could be any number */
}

static void a_page_has_the_name_of_its_origin(void **state)
{
	static const char *const bad[] = { "", "https://", "http://mail.example.org", "https://192.0.2.1", "https://192.0.2.1:8443", "https://[2001:db8::1]:8443", "mail.example.org" };
	struct str out = STR("");
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(webauthn_rp_id(str_of(bad[i]), &out), E_SYNTAX);
	assert_int_equal(webauthn_rp_id(STR(ORIGIN), &out), 0);
	assert_true(str_eqc(out, "mail.example.org"));
	assert_int_equal(webauthn_rp_id(STR("https://localhost"), &out), 0);
	assert_true(str_eqc(out, "localhost"));
}

static void a_challenge_is_good_once_for_what_it_was_made_for(void **state)
{
	const struct challenge_for f = { "login", STR("anna@example.org"), STR(ORIGIN) };
	const struct challenge_for bad[] = { { "add", STR("anna@example.org"), STR(ORIGIN) }, { "login", STR("ben@example.org"), STR(ORIGIN) },
		{ "login", STR("anna@example.org"), STR("https://mail.example.org") }, { "login", STR(""), STR("anna@example.org" ORIGIN) } };
	struct challenges *c = challenges_new(), *other = challenges_new();
	char one[CHALLENGE_TEXT + 1], two[CHALLENGE_TEXT + 1], changed[CHALLENGE_TEXT + 1];
	size_t i;

	(void)state;
	challenge_make(c, &f, 1000, 60000, one);
	challenge_make(c, &f, 1000, 60000, two);
	assert_string_not_equal(one, two);
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(challenge_take(c, &bad[i], str_of(one), 1000));
	assert_false(challenge_take(other, &f, str_of(one), 1000));
	for (i = 0; i + 1 < CHALLENGE_TEXT; i++) {
		memcpy(changed, one, sizeof(changed));
		changed[i] = changed[i] == 'A' ? 'B' : 'A';
		assert_false(challenge_take(c, &f, str_of(changed), 1000));
	}
	assert_false(challenge_take(c, &f, STR(""), 1000));
	assert_true(challenge_take(c, &f, str_of(one), 1000));
	assert_false(challenge_take(c, &f, str_of(one), 1000));
	assert_false(challenge_take(c, &f, str_of(one), 61000));
	assert_false(challenge_take(c, &f, str_of(two), 61001));
	assert_false(challenge_take(c, &f, str_of(one), 61001)); /* forgotten that it was used, and too old */
	challenges_free(c);
	challenges_free(other);
}

/* --- in a directory ------------------------------------------------------------------------------ */

static char dir[] = "/tmp/mansio-webauthn-XXXXXX";
static struct directory *d;

static int setup(void **state)
{
	(void)state;
	arena_init(&a);
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	return directory_sqlite_open(&d);
}

static int teardown(void **state)
{
	(void)state;
	d->ops->close(d);
	arena_done(&a);
	unlink("directory.db");
	unlink("directory.db-wal");
	unlink("directory.db-shm");
	assert_int_equal(chdir("/"), 0);
	return rmdir(dir);
}

static struct second_outcome second(const struct signature *s, const char *key, const char *origin)
{
	const struct second_visit visit = { .network = STR("192.0.2.0/24"), .now = 1800000000 };
	struct sasl_second shown = { .code = STR(""), .origin = str_of(origin), .challenge = asked.challenge, .key = str_of(key) };
	struct second_outcome out;

	if (s) {
		shown.client_data = s->client;
		shown.authenticator_data = s->data;
		shown.signature = s->sig;
	}
	assert_int_equal(second_check(d, 7, &shown, &visit, &a, &out), 0);
	return out;
}

static void its_counter_goes_up_or_there_may_be_two_of_it(void **state)
{
	struct directory_security_key v = { .id = STR("one"), .label = STR(""), .rp_id = STR("mail.example.org") }, twice;
	struct str client = said("webauthn.get", CHALLENGE, ORIGIN, "");
	struct webauthn_key key;
	struct second_outcome o;
	struct signature s;
	EVP_PKEY *k;

	(void)state;
	assert_int_equal(begin("ES256", "mail.example.org", TOUCHED | NEW, said("webauthn.create", CHALLENGE, ORIGIN, ""), &key, &k), 0);
	v.credential = key.credential;
	v.public = key.public;
	v.algorithm = key.algorithm;
	v.counter = key.counter;
	assert_int_equal(second(NULL, "", ORIGIN).is, SECOND_NONE);
	assert_int_equal(d->ops->security_key_add(d, 7, &v), 0);
	twice = v;
	twice.id = STR("two");
	assert_int_equal(d->ops->security_key_add(d, 8, &twice), E_EXISTS);
	assert_int_equal(second_keys(d, 7), 1);
	o = second(NULL, "", ORIGIN);
	assert_int_equal(o.is, SECOND_NEEDED);
	assert_true(strcmp(o.ways, "key") == 0 && str_eqc(o.keys, "bmFtZQ"));
	o = second(NULL, "", "https://other.example.org");
	assert_true(o.is == SECOND_NEEDED && o.keys.n == 0);
	s = sign(k, "ES256", "mail.example.org", TOUCHED, 8, client);
	assert_int_equal(second(&s, "bmFtZQ", "https://other.example.org").is, SECOND_WRONG);
	assert_int_equal(second(&s, "b3RoZXI", ORIGIN).is, SECOND_WRONG);
	assert_int_equal(second(&s, "bmFtZQ", ORIGIN).is, SECOND_GOOD);
	o = second(&s, "bmFtZQ", ORIGIN);
	assert_true(o.is == SECOND_WRONG && o.copied && str_eqc(o.key, "one"));
	s = sign(k, "ES256", "mail.example.org", TOUCHED, 3, client);
	assert_true(second(&s, "bmFtZQ", ORIGIN).copied);
	s = sign(k, "ES256", "mail.example.org", TOUCHED, 0, client);
	assert_true(second(&s, "bmFtZQ", ORIGIN).copied);
	s = sign(k, "ES256", "mail.example.org", TOUCHED, 9, client);
	s.sig = text(STR("not a signature"));
	o = second(&s, "bmFtZQ", ORIGIN);
	assert_true(o.is == SECOND_WRONG && !o.copied);
	assert_int_equal(d->ops->security_key_remove(d, 7, STR("one")), 0);
	assert_int_equal(d->ops->security_key_remove(d, 7, STR("one")), E_NOTFOUND);
	assert_int_equal(second(NULL, "", ORIGIN).is, SECOND_NONE);
	/* one that does not count says 0 each time */
	v.counter = 0;
	assert_int_equal(d->ops->security_key_add(d, 7, &v), 0);
	s = sign(k, "ES256", "mail.example.org", TOUCHED, 0, client);
	assert_int_equal(second(&s, "bmFtZQ", ORIGIN).is, SECOND_GOOD);
	assert_int_equal(second(&s, "bmFtZQ", ORIGIN).is, SECOND_GOOD);
	EVP_PKEY_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_of_each_algorithm_are_taken_and_sign),
		cmocka_unit_test(an_answer_to_something_else_is_none),
		cmocka_unit_test(a_key_for_another_name_or_of_bad_data_is_not_taken),
		cmocka_unit_test(a_key_costs_no_more_memory_than_it_has_bytes),
		cmocka_unit_test(a_page_has_the_name_of_its_origin),
		cmocka_unit_test(a_challenge_is_good_once_for_what_it_was_made_for),
		cmocka_unit_test(its_counter_goes_up_or_there_may_be_two_of_it),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
