/* SPDX-License-Identifier: ISC
 *
 * cert.c: X.509 certificates, requests and keys (see cert.h; RFC 5280, RFC 2986, RFC 8737).
 */
#include "net/cert.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/codec.h"
#include "base/rand.h"
#include "net/tls_private.h"

#define DAY 86400
#define BACKDATED 3600 /* clocks of clients may be behind */
#define ACME_IDENTIFIER "1.3.6.1.5.5.7.1.31" /* RFC 8737 6.1 */

static int no_passphrase(char *out, int size, int rw, void *arg)
{
	(void)out, (void)size, (void)rw, (void)arg;
	return -1;
}

static BIO *text_bio(struct str s)
{
	return BIO_new_mem_buf(s.n ? s.p : "", (int)MIN(s.n, (size_t)INT32_MAX));
}

static EVP_PKEY *read_key(struct str pem)
{
	BIO *bio = text_bio(pem);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;

	BIO_free(bio);
	ERR_clear_error();
	return key;
}

static X509 *read_certificate(struct str pem)
{
	BIO *bio = text_bio(pem);
	X509 *x = bio ? PEM_read_bio_X509(bio, NULL, no_passphrase, NULL) : NULL;

	BIO_free(bio);
	ERR_clear_error();
	return x;
}

/* What lies in a memory BIO, appended; the BIO is freed. */
static int take_bio(BIO *bio, bool good, struct buf *out)
{
	char *p;
	long n = good ? BIO_get_mem_data(bio, &p) : 0;

	if (n > 0)
		buf_add(out, p, (size_t)n);
	BIO_free(bio);
	ERR_clear_error();
	return n > 0 && out->err == 0 ? 0 : E_TLS;
}

int cert_key_new(struct buf *pem_out)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	BIO *bio = BIO_new(BIO_s_mem());
	bool good = key && bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;

	EVP_PKEY_free(key);
	return take_bio(bio, good, pem_out);
}

/* --- making ---------------------------------------------------------------- */

static X509_EXTENSION *names_extension(const struct str *names, size_t n)
{
	GENERAL_NAMES *list = sk_GENERAL_NAME_new_null();
	X509_EXTENSION *ext = NULL;
	bool good = list != NULL;
	size_t i;

	for (i = 0; i < n && good; i++) {
		ASN1_IA5STRING *s = ASN1_IA5STRING_new();
		GENERAL_NAME *g = GENERAL_NAME_new();

		good = s && g && ASN1_STRING_set(s, names[i].p, (int)names[i].n) == 1;
		if (!good) {
			ASN1_IA5STRING_free(s);
			GENERAL_NAME_free(g);
			break;
		}
		GENERAL_NAME_set0_value(g, GEN_DNS, s);
		good = sk_GENERAL_NAME_push(list, g) > 0;
		if (!good)
			GENERAL_NAME_free(g);
	}
	if (good)
		ext = X509V3_EXT_i2d(NID_subject_alt_name, 0, list);
	sk_GENERAL_NAME_pop_free(list, GENERAL_NAME_free);
	return ext;
}

/* acmeIdentifier: critical, an OCTET STRING of 32 bytes. */
static bool add_alpn(X509 *x, const unsigned char digest[CERT_DIGEST])
{
	unsigned char der[2 + CERT_DIGEST] = { 0x04, CERT_DIGEST };
	ASN1_OBJECT *oid = OBJ_txt2obj(ACME_IDENTIFIER, 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *ext = NULL;
	bool good;

	memcpy(der + 2, digest, CERT_DIGEST);
	if (oid && value && ASN1_OCTET_STRING_set(value, der, sizeof der) == 1)
		ext = X509_EXTENSION_create_by_OBJ(NULL, oid, 1, value);
	good = ext && X509_add_ext(x, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(oid);
	return good;
}

static bool set_serial(X509 *x)
{
	unsigned char bytes[16];
	BIGNUM *n;
	bool good;

	rand_bytes(bytes, sizeof bytes);
	bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40);
	n = BN_bin2bn(bytes, sizeof bytes, NULL);
	good = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
	BN_free(n);
	return good;
}

static bool add_text(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	bool good = ext && X509_add_ext(x, ext, -1) == 1;

	X509_EXTENSION_free(ext);
	return good;
}

/* A common name has room for 64 characters. */
static bool set_name(X509_NAME *name, struct str first)
{
	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)first.p,
		(int)MIN(first.n, (size_t)64), -1, 0) == 1;
}

static bool fill(X509 *x, EVP_PKEY *key, const struct str *names, size_t n, int days,
	const unsigned char *alpn)
{
	X509_EXTENSION *san = names_extension(names, n);
	time_t now = (time_t)clock_unix();
	bool good = san && X509_set_version(x, 2) == 1 && set_serial(x) &&
		X509_time_adj_ex(X509_getm_notBefore(x), 0, -BACKDATED, &now) &&
		X509_time_adj_ex(X509_getm_notAfter(x), days, 0, &now) && X509_set_pubkey(x, key) == 1 &&
		set_name(X509_get_subject_name(x), names[0]) &&
		X509_set_issuer_name(x, X509_get_subject_name(x)) == 1 && X509_add_ext(x, san, -1) == 1;

	X509_EXTENSION_free(san);
	if (good && alpn)
		good = add_alpn(x, alpn);
	else if (good)
		good = add_text(x, NID_basic_constraints, "critical,CA:FALSE") &&
			add_text(x, NID_ext_key_usage, "serverAuth");
	return good && X509_sign(x, key, EVP_sha256()) > 0;
}

int cert_self_signed(struct str key_pem, const struct str *names, size_t n, int days,
	const unsigned char alpn[CERT_DIGEST], struct buf *pem_out)
{
	EVP_PKEY *key = read_key(key_pem);
	BIO *bio = BIO_new(BIO_s_mem());
	X509 *x = X509_new();
	bool good = key && bio && x && n > 0 && n <= CERT_NAMES && fill(x, key, names, n, days, alpn) &&
		PEM_write_bio_X509(bio, x) == 1;

	X509_free(x);
	EVP_PKEY_free(key);
	return take_bio(bio, good, pem_out);
}

int cert_request(struct str key_pem, const struct str *names, size_t n, struct buf *der_out)
{
	EVP_PKEY *key = read_key(key_pem);
	BIO *bio = BIO_new(BIO_s_mem());
	X509_REQ *req = X509_REQ_new();
	STACK_OF(X509_EXTENSION) *exts = sk_X509_EXTENSION_new_null();
	X509_EXTENSION *san = n > 0 && n <= CERT_NAMES ? names_extension(names, n) : NULL;
	bool good = key && bio && req && exts && san && sk_X509_EXTENSION_push(exts, san) > 0;

	if (good)
		good = X509_REQ_set_version(req, 0) == 1 && X509_REQ_set_pubkey(req, key) == 1 &&
			X509_REQ_add_extensions(req, exts) == 1 && X509_REQ_sign(req, key, EVP_sha256()) > 0 &&
			i2d_X509_REQ_bio(bio, req) == 1;
	sk_X509_EXTENSION_free(exts);
	X509_EXTENSION_free(san);
	X509_REQ_free(req);
	EVP_PKEY_free(key);
	return take_bio(bio, good, der_out);
}

/* --- looking ----------------------------------------------------------------- */

static void printable(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || (unsigned char)*s > 0x7e)
			*s = '?';
}

static void name_text(X509_NAME *name, char *out, size_t size)
{
	if (X509_NAME_get_text_by_NID(name, NID_commonName, out, (int)size) <= 0 &&
		!X509_NAME_oneline(name, out, (int)size))
		out[0] = '\0';
	printable(out);
}

static void add_name(char *out, size_t size, const char *text, size_t len)
{
	size_t n = strlen(out);

	if (len == strlen(text) && n + len + 3 < size)
		snprintf(out + n, size - n, "%s%s", n ? ", " : "", text);
}

static void alt_names(X509 *x, char *out, size_t size)
{
	GENERAL_NAMES *list = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	int i;

	out[0] = '\0';
	for (i = 0; i < sk_GENERAL_NAME_num(list); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(list, i);
		char text[256] = "";
		const unsigned char *p;
		int n;

		if (g->type == GEN_DNS) {
			n = ASN1_STRING_length(g->d.dNSName);
			p = ASN1_STRING_get0_data(g->d.dNSName);
			snprintf(text, sizeof text, "%.*s", MIN(n, 255), (const char *)p);
			add_name(out, size, text, (size_t)n);
		} else if (g->type == GEN_IPADD && (n = ASN1_STRING_length(g->d.iPAddress)) == 4) {
			p = ASN1_STRING_get0_data(g->d.iPAddress);
			n = snprintf(text, sizeof text, "%d.%d.%d.%d", p[0], p[1], p[2], p[3]);
			add_name(out, size, text, (size_t)n);
		}
	}
	GENERAL_NAMES_free(list);
	printable(out);
}

static int64_t unix_time(const ASN1_TIME *t)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0, seconds = 0;

	if (epoch && !ASN1_TIME_diff(&days, &seconds, epoch, t))
		days = seconds = 0;
	ASN1_TIME_free(epoch);
	return (int64_t)days * DAY + seconds;
}

/* RFC 9773 4.1: base64url(authority key id) "." base64url(serial, as in DER) */
static void ari_id(X509 *x, char *out, size_t size)
{
	const ASN1_OCTET_STRING *key = X509_get0_authority_key_id(x);
	unsigned char *der = NULL;
	int n = i2d_ASN1_INTEGER(X509_get_serialNumber(x), &der);
	struct buf text;

	buf_init(&text, size - 1);
	if (key && n > 2) {
		base64url_encode(str_make(ASN1_STRING_get0_data(key), (size_t)ASN1_STRING_length(key)), &text);
		buf_c(&text, '.');
		base64url_encode(str_make(der + 2, (size_t)n - 2), &text);
	}
	snprintf(out, size, "%s", text.err ? "" : buf_cstr(&text));
	buf_done(&text);
	OPENSSL_free(der);
}

int cert_facts_of(struct x509_st *x, struct cert_facts *out)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	struct buf hex;
	unsigned n = 0;

	if (X509_digest(x, EVP_sha256(), digest, &n) != 1)
		return E_SYNTAX;
	*out = (struct cert_facts){ .not_before = unix_time(X509_get0_notBefore(x)),
		.not_after = unix_time(X509_get0_notAfter(x)) };
	buf_init(&hex, sizeof out->fingerprint - 1);
	hex_encode(str_make(digest, n), &hex);
	snprintf(out->fingerprint, sizeof out->fingerprint, "%s", buf_cstr(&hex));
	buf_done(&hex);
	name_text(X509_get_subject_name(x), out->subject, sizeof out->subject);
	name_text(X509_get_issuer_name(x), out->issuer, sizeof out->issuer);
	alt_names(x, out->names, sizeof out->names);
	ari_id(x, out->ari, sizeof out->ari);
	out->self_signed = X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0 &&
		X509_verify(x, X509_get0_pubkey(x)) == 1;
	ERR_clear_error();
	return 0;
}

int cert_facts(struct str pem, struct cert_facts *out)
{
	X509 *x = read_certificate(pem);
	int r = x ? cert_facts_of(x, out) : E_SYNTAX;

	X509_free(x);
	return r;
}

int cert_tlsa(struct str pem, char out[CERT_TLSA])
{
	X509 *x = read_certificate(pem);
	unsigned char *der = NULL, digest[EVP_MAX_MD_SIZE];
	int len = x ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der) : -1;
	unsigned n = 0;
	struct buf hex;
	int r = E_SYNTAX;

	if (len > 0 && EVP_Digest(der, (size_t)len, digest, &n, EVP_sha256(), NULL) == 1) {
		buf_init(&hex, 2 * sizeof digest + 1);
		hex_encode(str_make(digest, n), &hex);
		snprintf(out, CERT_TLSA, "3 1 1 %s", buf_cstr(&hex));
		buf_done(&hex);
		r = 0;
	}
	OPENSSL_free(der);
	X509_free(x);
	ERR_clear_error();
	return r;
}

bool cert_is_for(struct str pem, const char *name)
{
	X509 *x = read_certificate(pem);
	bool yes = x && X509_check_host(x, name, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;

	X509_free(x);
	ERR_clear_error();
	return yes;
}

bool cert_fits_key(struct str pem, struct str key_pem)
{
	EVP_PKEY *key = read_key(key_pem);
	X509 *x = read_certificate(pem);
	bool yes = key && x && X509_check_private_key(x, key) == 1;

	X509_free(x);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return yes;
}
