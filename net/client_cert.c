/* SPDX-License-Identifier: ISC
 *
 * client_cert.c: see client_cert.h (RFC 5280).
 *
 * What a stranger brings is read by libcrypto; nothing of it is kept, and no certificate that came along is trusted: the
 * authorities of the settings alone are.
 */
#include "net/client_cert.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define LEVEL 2 /* 112 bits: no signature by SHA-1, no RSA key below 2048 */

struct client_ca {
	X509_STORE *store;
	STACK_OF(X509) *authorities;
	unsigned depth;
	bool revokes; /* there is a CRL */
};

static int no_passphrase(char *out, int size, int rw, void *arg)
{
	(void)out, (void)size, (void)rw, (void)arg;
	return -1;
}

/* --- authorities ------------------------------------------------------------------------- */

/* What a text holds, into ca. 0, or a sentence. */
static const char *add_all(struct client_ca *ca, STACK_OF(X509_INFO) *info)
{
	int i;

	for (i = 0; i < sk_X509_INFO_num(info); i++) {
		const X509_INFO *v = sk_X509_INFO_value(info, i);

		if (v->x_pkey)
			return "has a private key in it: that belongs nowhere near a server";
		if (v->crl) {
			if (X509_STORE_add_crl(ca->store, v->crl) != 1)
				return "a list of revoked certificates cannot be used";
			ca->revokes = true;
		}
		if (!v->x509)
			continue;
		if (sk_X509_num(ca->authorities) >= CLIENT_AUTHORITIES)
			return "more than 100 certificates";
		if (X509_STORE_add_cert(ca->store, v->x509) != 1 || !X509_up_ref(v->x509))
			return "a certificate cannot be used";
		if (!sk_X509_push(ca->authorities, v->x509)) {
			X509_free(v->x509);
			return "no memory";
		}
	}
	return sk_X509_num(ca->authorities) > 0 ? NULL : "no certificate in PEM form";
}

int client_ca_new(struct str pem, unsigned depth, struct client_ca **out, struct buf *why)
{
	struct client_ca *ca = mem_alloc(1, sizeof *ca);
	BIO *bio = BIO_new_mem_buf(pem.n ? pem.p : "", (int)MIN(pem.n, (size_t)INT32_MAX));
	STACK_OF(X509_INFO) *info = bio ? PEM_X509_INFO_read_bio(bio, NULL, no_passphrase, NULL) : NULL;
	const char *wrong;

	ca->depth = depth;
	ca->store = X509_STORE_new();
	ca->authorities = sk_X509_new_null();
	if (!info || !ca->store || !ca->authorities)
		wrong = "not PEM, or damaged";
	else
		wrong = add_all(ca, info);
	sk_X509_INFO_pop_free(info, X509_INFO_free);
	BIO_free(bio);
	ERR_clear_error();
	if (wrong) {
		buf_puts(why, wrong);
		client_ca_free(ca);
		return E_SYNTAX;
	}
	*out = ca;
	return 0;
}

void client_ca_free(struct client_ca *ca)
{
	if (!ca)
		return;
	X509_STORE_free(ca->store);
	sk_X509_pop_free(ca->authorities, X509_free);
	free(ca);
}

struct stack_st_X509_NAME *client_ca_names(const struct client_ca *ca)
{
	STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
	X509_NAME *name;
	int i;

	for (i = 0; names && i < sk_X509_num(ca->authorities); i++) {
		name = X509_NAME_dup(X509_get_subject_name(sk_X509_value(ca->authorities, i)));
		if (name && !sk_X509_NAME_push(names, name))
			X509_NAME_free(name);
	}
	return names;
}

/* --- a client's chain ---------------------------------------------------------------------- */

/* Certificates, one behind the other, nothing left over. NULL: it is not that. */
static STACK_OF(X509) *read_chain(struct str chain)
{
	const unsigned char *p = (const unsigned char *)chain.p, *end = p + chain.n;
	STACK_OF(X509) *all = sk_X509_new_null();
	X509 *x = NULL;

	if (chain.n == 0 || chain.n > CLIENT_CHAIN_MAX)
		end = p = NULL;
	while (all && p && p < end && (x = d2i_X509(NULL, &p, end - p)))
		if (!sk_X509_push(all, x)) {
			X509_free(x);
			x = NULL;
			break;
		}
	ERR_clear_error();
	if (x)
		return all;
	sk_X509_pop_free(all, X509_free);
	return NULL;
}

/* An authority that publishes no list revoked nothing; who asks to log in must be on no list that is there and known. */
static int lists_of_authorities(int good, X509_STORE_CTX *c)
{
	if (good || X509_STORE_CTX_get_error(c) != X509_V_ERR_UNABLE_TO_GET_CRL || X509_STORE_CTX_get_error_depth(c) == 0)
		return good;
	X509_STORE_CTX_set_error(c, X509_V_OK);
	return 1;
}

static int verify(const struct client_ca *ca, STACK_OF(X509) *all, int64_t now, const char **why_out)
{
	X509_STORE_CTX *c = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *p;
	int r = E_DENIED;

	*why_out = "the certificate cannot be verified";
	if (c && X509_STORE_CTX_init(c, ca->store, sk_X509_value(all, 0), all) == 1) {
		p = X509_STORE_CTX_get0_param(c);
		X509_VERIFY_PARAM_set_depth(p, (int)ca->depth);
		X509_VERIFY_PARAM_set_auth_level(p, LEVEL);
		X509_VERIFY_PARAM_set_time(p, (time_t)now);
		/* who is in the settings' file is an authority, the top of its chain or not */
		X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_PARTIAL_CHAIN |
			(ca->revokes ? X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL : 0));
		X509_STORE_CTX_set_verify_cb(c, lists_of_authorities);
		if (X509_STORE_CTX_set_purpose(c, X509_PURPOSE_SSL_CLIENT) == 1 && X509_verify_cert(c) == 1)
			r = 0;
		else
			*why_out = X509_verify_cert_error_string(X509_STORE_CTX_get_error(c));
	}
	X509_STORE_CTX_free(c);
	ERR_clear_error();
	return r;
}

int client_ca_check(const struct client_ca *ca, struct str chain, int64_t now, const char **why_out)
{
	STACK_OF(X509) *all = read_chain(chain);
	int r = E_SYNTAX;

	*why_out = "the certificate cannot be read";
	if (all)
		r = verify(ca, all, now, why_out);
	sk_X509_pop_free(all, X509_free);
	return r;
}

/* --- whose it is ---------------------------------------------------------------------------- */

/* One more name; false: it is none that anybody can have. */
static bool add_name(struct str name, struct arena *a, struct str out[CLIENT_NAMES], size_t *n)
{
	if (name.n == 0 || name.n > 512 || *n == CLIENT_NAMES || str_has_ctl(name) || !str_is_utf8(name))
		return false;
	out[(*n)++] = arena_str(a, name);
	return true;
}

static bool add_emails(const X509 *x, struct arena *a, struct str out[CLIENT_NAMES], size_t *n)
{
	int critical = -1, i;
	GENERAL_NAMES *list = X509_get_ext_d2i(x, NID_subject_alt_name, &critical, NULL);
	bool good = list || critical == -1; /* -1: it has no such extension; else it is malformed, or there are two */

	for (i = 0; i < sk_GENERAL_NAME_num(list) && good; i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(list, i);

		if (g->type == GEN_EMAIL)
			good = add_name(str_make(ASN1_STRING_get0_data(g->d.ia5), (size_t)ASN1_STRING_length(g->d.ia5)), a, out, n);
	}
	GENERAL_NAMES_free(list);
	return good;
}

static bool add_common_name(const X509 *x, struct arena *a, struct str out[CLIENT_NAMES], size_t *n)
{
	const X509_NAME *subject = X509_get_subject_name(x);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1), len;
	unsigned char *text = NULL;
	bool good;

	if (at < 0)
		return true;
	if (X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
		return false;
	len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	good = len > 0 && add_name(str_make(text, (size_t)len), a, out, n);
	OPENSSL_free(text);
	return good;
}

int client_cert_names(struct str chain, enum client_name kind, struct arena *a, struct str out[CLIENT_NAMES],
	size_t *n_out, const char **why_out)
{
	STACK_OF(X509) *all = read_chain(chain);
	const X509 *x = all ? sk_X509_value(all, 0) : NULL;
	bool good = x != NULL;
	size_t n = 0;

	if (good)
		good = kind == CLIENT_NAME_CN ? add_common_name(x, a, out, &n) : add_emails(x, a, out, &n);
	sk_X509_pop_free(all, X509_free);
	ERR_clear_error();
	if (!good || n == 0) {
		*why_out = good ? "the certificate names nobody" : "a name in the certificate is malformed";
		return good ? E_NOTFOUND : E_SYNTAX;
	}
	*n_out = n;
	return 0;
}
