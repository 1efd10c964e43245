/* SPDX-License-Identifier: ISC
 *
 * Client certificates: which count, and whose account they stand for (auth/external.h, net/client_cert.h). Every
 * certificate is made here.
 */
#include "auth/external.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NOW 1800000000
#define DAY 86400

struct made {
	X509 *x;
	EVP_PKEY *key;
};

/* What a certificate is to be; san in the words of openssl, NULL: none. */
struct wish {
	const char *cn, *cn2, *san, *usage;
	const char *digest; /* NULL: SHA256 */
	EVP_PKEY *key; /* NULL: a new one */
	bool ca;
	long from, until; /* days from NOW */
};

static void extend(X509 *x, int nid, const char *text)
{
	X509_EXTENSION *e = text ? X509V3_EXT_conf_nid(NULL, NULL, nid, text) : NULL;

	if (text)
		assert_non_null(e);
	if (e)
		assert_int_equal(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

static void add_cn(X509_NAME *n, const char *cn)
{
	if (cn)
		assert_int_equal(X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0), 1);
}

static struct made make(const struct wish *w, const struct made *by)
{
	static long serial;
	struct made m = { X509_new(), w->key ? w->key : EVP_EC_gen("P-256") };
	X509_NAME *n = X509_get_subject_name(m.x);

	X509_set_version(m.x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(m.x), ++serial);
	add_cn(n, w->cn);
	add_cn(n, w->cn2);
	X509_set_issuer_name(m.x, by ? X509_get_subject_name(by->x) : n);
	ASN1_TIME_set(X509_getm_notBefore(m.x), NOW + (w->from ? w->from : -1) * DAY);
	ASN1_TIME_set(X509_getm_notAfter(m.x), NOW + (w->until ? w->until : 1) * DAY);
	X509_set_pubkey(m.x, m.key);
	extend(m.x, NID_basic_constraints, w->ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	extend(m.x, NID_subject_alt_name, w->san);
	extend(m.x, NID_ext_key_usage, w->usage);
	assert_true(X509_sign(m.x, by ? by->key : m.key, EVP_get_digestbyname(w->digest ? w->digest : "SHA256")) > 0);
	return m;
}

static struct made root, between, deeper, stranger;
static struct client_ca *ca;
static struct arena a;

static void free_made(struct made *m)
{
	X509_free(m->x);
	EVP_PKEY_free(m->key);
}

static void pem_of(const struct made *m, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *p;
	long n;

	PEM_write_bio_X509(bio, m->x);
	n = BIO_get_mem_data(bio, &p);
	buf_add(out, p, (size_t)n);
	BIO_free(bio);
}

static int setup(void **state)
{
	struct wish w = { .cn = "root", .ca = true }, b = { .cn = "between", .ca = true }, d = { .cn = "deeper", .ca = true };
	struct buf pem, why;

	(void)state;
	arena_init(&a);
	root = make(&w, NULL);
	between = make(&b, &root);
	deeper = make(&d, &between);
	stranger = make(&w, NULL);
	buf_init(&pem, 8192);
	buf_init(&why, 256);
	pem_of(&root, &pem);
	assert_int_equal(client_ca_new(buf_view(&pem), 1, &ca, &why), 0);
	buf_done(&pem);
	buf_done(&why);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	client_ca_free(ca);
	free_made(&root);
	free_made(&between);
	free_made(&deeper);
	free_made(&stranger);
	arena_done(&a);
	return 0;
}

static void add(struct buf *out, const struct made *m)
{
	unsigned char *der = NULL;
	int n = i2d_X509(m->x, &der);

	buf_add(out, der, (size_t)n);
	OPENSSL_free(der);
}

/* The chain of a new certificate, in the arena. */
static struct str chain_of(const struct wish *w, const struct made *by, const struct made *along)
{
	struct made m = make(w, by);
	struct buf b;
	struct str s;

	buf_init(&b, 1 << 20);
	add(&b, &m);
	if (along)
		add(&b, along);
	s = arena_str(&a, buf_view(&b));
	buf_done(&b);
	if (w->key)
		EVP_PKEY_up_ref(m.key);
	free_made(&m);
	return s;
}

/* Who are accounts: these. */
static const char *const accounts[] = { "anna@example.org", "ben@example.org" };
static unsigned asked_for;

static int is_account(void *arg, struct str name)
{
	size_t i;

	asked_for++;
	for (i = 0; i < ARRAY_LEN(accounts); i++)
		if (str_eqc(name, accounts[i]))
			return 1;
	return arg ? E_TEMP : 0;
}

/* The account, or "!why". */
static const char *who(struct str chain, const char *asked, enum client_name kind)
{
	struct external q = { .ca = ca, .kind = kind, .chain = chain, .asked = str_of(asked), .now = NOW, .is_account = is_account };
	struct str name = STR("unset");
	const char *why = "";
	int r;

	asked_for = 0;
	r = external_name(&q, &a, &name, &why);
	if (r < 0)
		assert_true(str_eqc(name, "unset") && why && *why);
	return r < 0 ? arena_fmt(&a, "!%s", why) : arena_cstr(&a, name);
}

static void one_name_is_that_account_and_no_other(void **state)
{
	struct wish w = { .cn = "ben@example.org", .san = "email:Anna@Example.ORG,DNS:ben@example.org" };
	struct str chain = chain_of(&w, &root, NULL);

	(void)state;
	assert_string_equal(who(chain, "", CLIENT_NAME_EMAIL), "anna@example.org");
	assert_string_equal(who(chain, "ANNA@example.org", CLIENT_NAME_EMAIL), "anna@example.org");
	assert_string_equal(who(chain, "ben@example.org", CLIENT_NAME_EMAIL), "!may not act for another account");
	assert_string_equal(who(chain, "anna", CLIENT_NAME_EMAIL), "!may not act for another account");
	assert_string_equal(who(chain, "", CLIENT_NAME_CN), "ben@example.org");
	assert_string_equal(who(chain, "anna@example.org", CLIENT_NAME_CN), "!may not act for another account");
	assert_int_equal(asked_for, 0);
}

static void of_several_names_the_client_picks(void **state)
{
	struct wish two = { .cn = "x", .san = "email:anna@example.org,email:ben@example.org" };
	struct wish one = { .cn = "x", .san = "email:no@example.org,email:anna@example.org,email:ANNA@example.org,email:no@else.example" };
	struct wish none = { .cn = "x", .san = "email:no@example.org,email:no@else.example" };
	struct external down = { .ca = ca, .now = NOW, .is_account = is_account, .arg = &down };
	const char *why = "";
	struct str name, chain = chain_of(&two, &root, NULL);

	(void)state;
	assert_string_equal(who(chain, "", CLIENT_NAME_EMAIL), "!the certificate names several accounts, and the client none");
	assert_string_equal(who(chain, "ben@example.org", CLIENT_NAME_EMAIL), "ben@example.org");
	assert_int_equal(asked_for, 0); /* the caller looks it up */
	assert_string_equal(who(chain, "no@example.org", CLIENT_NAME_EMAIL), "!may not act for another account");
	assert_string_equal(who(chain_of(&one, &root, NULL), "", CLIENT_NAME_EMAIL), "anna@example.org");
	assert_string_equal(who(chain_of(&none, &root, NULL), "", CLIENT_NAME_EMAIL), "!no such account");
	down.chain = chain_of(&none, &root, NULL);
	assert_int_equal(external_name(&down, &a, &name, &why), E_TEMP);
}

static void odd_names_are_nobodys(void **state)
{
	struct wish odd[] = {
		{ .cn = "anna@example.org", .cn2 = "ben@example.org" }, { .cn = "a\tb@example.org" },
		{ .cn = "x", .san = "email:an\x01na@example.org" }, { .cn = "x", .san = "DNS:anna@example.org" },
		{ .cn = "x", .san = "DER:30:14:81:12:61:6E:6E:61:40:65:78:61:6D:70:6C:65:2E:6F:72:67:00:78" },
		{ .cn = "x", .san = "DER:30:82:FF" },
		{ .cn = "x", .san = "email:a@b,email:a@b,email:a@b,email:a@b,email:a@b,email:a@b,email:a@b,email:a@b,email:a@b,email:a@b,"
			"email:a@b,email:a@b,email:a@b,email:a@b,email:a@b,email:a@b,email:a@b" },
	};
	struct external q = { .ca = ca, .now = NOW, .is_account = is_account };
	const char *why = "";
	struct str name;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(odd); i++)
		assert_true(who(chain_of(&odd[i], &root, NULL), "", odd[i].san ? CLIENT_NAME_EMAIL : CLIENT_NAME_CN)[0] == '!');
	q.chain = chain_of(&(struct wish){ .cn = "x", .san = "email:anna@example.org" }, &root, NULL);
	q.asked = STR("anna@example.org\0ben@example.org");
	assert_int_equal(external_name(&q, &a, &name, &why), E_DENIED);
	q.asked = STR("");
	q.ca = NULL;
	assert_int_equal(external_name(&q, &a, &name, &why), E_DENIED);
}

static void what_counts_and_what_does_not(void **state)
{
	EVP_PKEY *weak = EVP_RSA_gen(1024), *rsa = EVP_RSA_gen(2048);
	struct {
		struct wish w;
		const struct made *by, *along;
		const char *why; /* NULL: it counts */
	} t[] = {
		{ { .usage = "clientAuth" }, &root, NULL, NULL },
		{ { .usage = "serverAuth,clientAuth" }, &root, NULL, NULL },
		{ { .key = rsa }, &root, NULL, NULL },
		{ { .cn = "x" }, &between, &between, NULL },
		{ { .cn = "x" }, &between, NULL, "issuer" },
		{ { .cn = "x" }, &deeper, &deeper, "" }, /* "between" is missing */
		{ { .cn = "x" }, &stranger, &stranger, "" }, /* the same name, another key */
		{ { .cn = "x" }, NULL, NULL, "self-signed" },
		{ { .usage = "serverAuth" }, &root, NULL, "purpose" },
		{ { .usage = "emailProtection" }, &root, NULL, "purpose" },
		{ { .from = -3, .until = -1 }, &root, NULL, "expired" },
		{ { .from = 1, .until = 3 }, &root, NULL, "not yet valid" },
		{ { .digest = "SHA1" }, &root, NULL, "weak" },
		{ { .key = weak }, &root, NULL, "weak" },
	};
	const char *got;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(t); i++) {
		t[i].w.cn = "x";
		t[i].w.san = "email:anna@example.org";
		got = who(chain_of(&t[i].w, t[i].by, t[i].along), "", CLIENT_NAME_EMAIL);
		if (!t[i].why && strcmp(got, "anna@example.org") != 0)
			fail_msg("%zu: %s", i, got);
		if (t[i].why && (got[0] != '!' || !strstr(got, t[i].why)))
			fail_msg("%zu: %s, not %s", i, got, t[i].why);
	}
	EVP_PKEY_free(weak);
	EVP_PKEY_free(rsa);
}

static void no_more_authorities_between_than_the_settings_say(void **state)
{
	struct wish w = { .cn = "x", .san = "email:anna@example.org" };
	struct made m = make(&w, &deeper);
	struct buf b;

	(void)state;
	buf_init(&b, 8192);
	add(&b, &m);
	add(&b, &deeper);
	add(&b, &between);
	assert_string_equal(who(buf_view(&b), "", CLIENT_NAME_EMAIL), "!certificate chain too long");
	buf_done(&b);
	free_made(&m);
}

static void a_chain_is_certificates_and_nothing_else(void **state)
{
	struct wish w = { .cn = "x", .san = "email:anna@example.org" };
	struct str good = chain_of(&w, &root, NULL);
	char *long_one = arena_alloc(&a, CLIENT_CHAIN_MAX + 1);
	size_t i;

	(void)state;
	for (i = 1; i < good.n; i++)
		assert_string_equal(who(str_sub(good, 0, i), "", CLIENT_NAME_EMAIL), "!the certificate cannot be read");
	assert_string_equal(who(str_of(arena_fmt(&a, "%.*s", 0, "")), "", CLIENT_NAME_EMAIL), "!no certificate was shown");
	memset(long_one, 0, CLIENT_CHAIN_MAX + 1);
	memcpy(long_one, good.p, good.n);
	assert_string_equal(who(str_make(long_one, good.n + 1), "", CLIENT_NAME_EMAIL), "!the certificate cannot be read");
	assert_string_equal(who(str_make(long_one, CLIENT_CHAIN_MAX + 1), "", CLIENT_NAME_EMAIL), "!the certificate cannot be read");
}

static void files_that_are_no_authorities(void **state)
{
	static const char *const bad[] = { "", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" };
	struct client_ca *out = NULL;
	struct buf why;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		buf_init(&why, 256);
		assert_int_equal(client_ca_new(str_of(bad[i]), 1, &out, &why), E_SYNTAX);
		assert_true(why.n > 0 && !out);
		buf_done(&why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_name_is_that_account_and_no_other),
		cmocka_unit_test(of_several_names_the_client_picks),
		cmocka_unit_test(odd_names_are_nobodys),
		cmocka_unit_test(what_counts_and_what_does_not),
		cmocka_unit_test(no_more_authorities_between_than_the_settings_say),
		cmocka_unit_test(a_chain_is_certificates_and_nothing_else),
		cmocka_unit_test(files_that_are_no_authorities),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
