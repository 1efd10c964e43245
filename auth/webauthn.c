/* SPDX-License-Identifier: ISC
 *
 * webauthn.c: see webauthn.h.
 */
#include "auth/webauthn.h"

#include "base/codec.h"
#include "base/cur.h"
#include "base/sha256.h"
#include "net/addr.h"

const char webauthn_algorithms[] = "-7,-8,-257";

int webauthn_rp_id(struct str origin, struct str *out)
{
	struct str rest = str_from(origin, strlen("https://")), host = str_cut(&rest, ':');
	char text[ADDR_TEXT];
	struct addr ip;

	snprintf(text, sizeof(text), "%.*s", STRF(host));
	/* an IPv6 address begins with a bracket; a name has none */
	if (!str_starts(origin, "https://") || host.n == 0 || host.p[0] == '[' || addr_parse(str_of(text), &ip) == 0)
		return E_SYNTAX;
	*out = host;
	return 0;
}

#ifdef WITH_FIDO2
#include <fido.h>
#include <fido/eddsa.h>
#include <fido/es256.h>
#include <fido/rs256.h>

#define USER_PRESENT 1 /* flag of authenticator data (6.1) */
#define HEAD (SHA256_SIZE + 1 + 4) /* hash of the name, flags, counter */
#define KEY_HEAD (HEAD + 16 + 2) /* who made it, length of the key's name */
#define DEPTH 8

static const struct algorithm {
	const char *name;
	int cose;
} algorithms[] = { { "ES256", COSE_ES256 }, { "EdDSA", COSE_EDDSA }, { "RS256", COSE_RS256 } };

/* The strings of an answer as bytes; one after the other in b. */
static bool decoded(struct str text, struct buf *b, struct str *out)
{
	buf_init(b, WEBAUTHN_TEXT_MAX);
	if (text.n == 0 || text.n > WEBAUTHN_TEXT_MAX || base64url_decode(text, b) < 0)
		return false;
	*out = buf_view(b);
	return true;
}

static struct str encoded(struct arena *a, const void *p, size_t n)
{
	struct str out;
	struct buf b;

	buf_init(&b, WEBAUTHN_TEXT_MAX);
	base64url_encode(str_make(p, n), &b);
	out = arena_str(a, buf_view(&b));
	buf_done(&b);
	return out;
}

/* A public key in libfido2's form, good for its algorithm; NULL: it is not. Freed by key_free. */
static void *key_of(int cose, struct str bytes)
{
	void *pk = NULL;
	int r = FIDO_ERR_INVALID_ARGUMENT;

	if (cose == COSE_ES256 && (pk = es256_pk_new()) != NULL)
		r = es256_pk_from_ptr(pk, bytes.p, bytes.n);
	else if (cose == COSE_EDDSA && (pk = eddsa_pk_new()) != NULL)
		r = eddsa_pk_from_ptr(pk, bytes.p, bytes.n);
	else if (cose == COSE_RS256 && (pk = rs256_pk_new()) != NULL)
		r = rs256_pk_from_ptr(pk, bytes.p, bytes.n);
	if (r == FIDO_OK)
		return pk;
	free(pk);
	return NULL;
}

/* --- CBOR (RFC 8949) ---------------------------------------------------------------------- */

/* One item, and what is in it. Lengths that are not said first are not for keys (CTAP 2.1, 8: canonical). */
static bool item(struct cur *c, unsigned depth)
{
	int first = cur_next(c), major = first >> 5, info = first & 31;
	uint64_t n = (uint64_t)info, i, bytes;
	struct str skipped;

	if (first < 0 || depth == DEPTH || info > 27)
		return false;
	if (info > 23) {
		bytes = 1u << (info - 24);
		if (cur_left(c) < bytes)
			return false;
		for (n = 0; bytes > 0; bytes--)
			n = n << 8 | (uint64_t)cur_next(c);
	}
	switch (major) {
	case 2:
	case 3:
		return n <= cur_left(c) && cur_bytes(c, (size_t)n, &skipped);
	case 4:
	case 5:
		if (n > cur_left(c))
			return false;
		for (i = 0; i < (major == 5 ? 2 * n : n); i++)
			if (!item(c, depth + 1))
				return false;
		return true;
	case 6:
		return item(c, depth + 1);
	}
	return true;
}

/* The decoder behind libfido2 makes room for as many items as an array or a map says that it has, gigabytes if it likes:
 * it gets none that says more than is there. Where the items begin is told by the head; what else is wrong with it is
 * libfido2's to say. */
static bool is_honest(struct str data, bool with_key)
{
	size_t at = HEAD;
	struct cur c;

	if (with_key && data.n >= KEY_HEAD)
		at = KEY_HEAD + ((size_t)(unsigned char)data.p[KEY_HEAD - 2] << 8 | (unsigned char)data.p[KEY_HEAD - 1]);
	c = cur_of(str_from(data, MIN(at, data.n)));
	while (!cur_end(&c))
		if (!item(&c, 0))
			return false;
	return true;
}

/* --- a new key ------------------------------------------------------------------------- */

/* The key within authenticator data, if it is one of this algorithm. */
static const char *read_key(const struct algorithm *alg, struct str rp_id, struct str data, struct arena *a, struct webauthn_key *out)
{
	static const char unreadable[] = "the data of the key cannot be read, or its algorithm is not taken";
	fido_cred_t *cred = fido_cred_new();
	unsigned char digest[SHA256_SIZE];
	const char *why = NULL;
	void *pk = NULL;

	sha256_of(rp_id, digest);
	if (!is_honest(data, true) || !cred || fido_cred_set_type(cred, alg->cose) != FIDO_OK ||
		fido_cred_set_authdata_raw(cred, (const unsigned char *)data.p, data.n) != FIDO_OK || !fido_cred_id_ptr(cred) ||
		!(pk = key_of(alg->cose, str_make(fido_cred_pubkey_ptr(cred), fido_cred_pubkey_len(cred)))))
		why = unreadable;
	else if (memcmp(data.p, digest, sizeof(digest)) != 0) /* libfido2 has seen that there are as many bytes */
		why = "the key is for another name than that of this page";
	else if (!(fido_cred_flags(cred) & USER_PRESENT))
		why = "nobody touched the key";
	else
		*out = (struct webauthn_key){ encoded(a, fido_cred_id_ptr(cred), fido_cred_id_len(cred)),
			encoded(a, fido_cred_pubkey_ptr(cred), fido_cred_pubkey_len(cred)), str_of(alg->name), fido_cred_sigcount(cred) };
	free(pk);
	fido_cred_free(&cred);
	return why;
}

int webauthn_new(const struct client_data_asked *asked, struct str client_data, struct str authenticator_data, struct arena *a,
	struct webauthn_key *out, const char **why_out)
{
	struct str said, data, rp_id;
	const char *why = "the answer of the browser is malformed";
	struct buf one, two;
	size_t i;

	if (decoded(client_data, &one, &said) & decoded(authenticator_data, &two, &data)) {
		why = client_data_check(said, "webauthn.create", asked);
		if (!why && webauthn_rp_id(asked->origin, &rp_id) < 0)
			why = "keys are for names, not for addresses";
		if (!why) {
			why = "";
			for (i = 0; i < ARRAY_LEN(algorithms) && why; i++)
				why = read_key(&algorithms[i], rp_id, data, a, out);
		}
	}
	buf_done(&one);
	buf_done(&two);
	if (why)
		*why_out = why;
	return why ? E_SYNTAX : 0;
}

/* --- a signature -------------------------------------------------------------------------- */

static bool signed_by(const struct webauthn_key *key, struct str rp_id, struct str said, struct str data, struct str signature, uint32_t *counter_out)
{
	char name[256];
	fido_assert_t *assert = fido_assert_new();
	unsigned char digest[SHA256_SIZE];
	struct buf bytes;
	struct str public = STR("");
	void *pk = NULL;
	bool good = false;
	size_t i;

	for (i = 0; i < ARRAY_LEN(algorithms) && !str_eqc(key->algorithm, algorithms[i].name); i++)
		;
	snprintf(name, sizeof(name), "%.*s", STRF(rp_id));
	sha256_of(said, digest);
	if (decoded(key->public, &bytes, &public) && i < ARRAY_LEN(algorithms))
		pk = key_of(algorithms[i].cose, public);
	if (is_honest(data, false) && assert && pk && fido_assert_set_count(assert, 1) == FIDO_OK && fido_assert_set_rp(assert, name) == FIDO_OK &&
		fido_assert_set_clientdata_hash(assert, digest, sizeof(digest)) == FIDO_OK &&
		fido_assert_set_up(assert, FIDO_OPT_TRUE) == FIDO_OK && fido_assert_set_uv(assert, FIDO_OPT_OMIT) == FIDO_OK &&
		fido_assert_set_authdata_raw(assert, 0, (const unsigned char *)data.p, data.n) == FIDO_OK &&
		fido_assert_set_sig(assert, 0, (const unsigned char *)signature.p, signature.n) == FIDO_OK &&
		fido_assert_verify(assert, 0, algorithms[i].cose, pk) == FIDO_OK) {
		*counter_out = fido_assert_sigcount(assert, 0);
		good = true;
	}
	free(pk);
	buf_done(&bytes);
	fido_assert_free(&assert);
	return good;
}

int webauthn_check(const struct client_data_asked *asked, const struct webauthn_key *key, struct str client_data,
	struct str authenticator_data, struct str signature, uint32_t *counter_out, const char **why_out)
{
	struct str said, data, sig, rp_id;
	const char *why = "the answer of the browser is malformed";
	struct buf one, two, three;

	if (decoded(client_data, &one, &said) & decoded(authenticator_data, &two, &data) & decoded(signature, &three, &sig)) {
		why = client_data_check(said, "webauthn.get", asked);
		if (!why && (webauthn_rp_id(asked->origin, &rp_id) < 0 || !signed_by(key, rp_id, said, data, sig, counter_out)))
			why = "the signature is not one of this key for this page, or nobody touched it";
	}
	buf_done(&one);
	buf_done(&two);
	buf_done(&three);
	if (why)
		*why_out = why;
	return why ? E_SYNTAX : 0;
}

#else /* without libfido2 no key was ever added */

int webauthn_new(const struct client_data_asked *asked, struct str client_data, struct str authenticator_data, struct arena *a,
	struct webauthn_key *out, const char **why)
{
	(void)asked;
	(void)client_data;
	(void)authenticator_data;
	(void)a;
	(void)out;
	*why = "this suite was built without libfido2";
	return E_UNSUPPORTED;
}

int webauthn_check(const struct client_data_asked *asked, const struct webauthn_key *key, struct str client_data,
	struct str authenticator_data, struct str signature, uint32_t *counter_out, const char **why)
{
	(void)key;
	(void)signature;
	(void)counter_out;
	return webauthn_new(asked, client_data, authenticator_data, NULL, NULL, why);
}
#endif
