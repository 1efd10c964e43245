/* SPDX-License-Identifier: ISC
 *
 * oauth.c: see oauth.h.
 */
#include "conf/oauth.h"

#include "base/sha256.h"
#include "conf/check.h"
#include "net/url.h"

enum conf_oauth_keys conf_oauth_keys(const struct conf *c)
{
	if (c->oauth_jwks_file.n > 0)
		return CONF_OAUTH_FILE;
	if (c->oauth_jwks.n > 0)
		return CONF_OAUTH_JWKS;
	return c->oauth_issuer.n > 0 && c->oauth_introspect.n == 0 ? CONF_OAUTH_ISSUER : CONF_OAUTH_NO_KEYS;
}

bool conf_oauth_on(const struct conf *c)
{
	return conf_oauth_keys(c) != CONF_OAUTH_NO_KEYS || c->oauth_introspect.n > 0;
}

bool conf_oauth_asks(const struct conf *c)
{
	return conf_oauth_keys(c) >= CONF_OAUTH_JWKS || c->oauth_introspect.n > 0;
}

bool conf_oauth_same_keys(const struct conf *a, const struct conf *b)
{
	return conf_oauth_keys(a) == conf_oauth_keys(b) && str_eq(a->oauth_jwks, b->oauth_jwks) && str_eq(a->oauth_issuer, b->oauth_issuer);
}

void conf_oauth_provider(const struct conf *c, char out[CONF_OAUTH_PROVIDER])
{
	const struct str part[] = { c->oauth_issuer, c->oauth_jwks_file, c->oauth_jwks, c->oauth_introspect, c->oauth_client_id, c->oauth_claim };
	unsigned char sum[SHA256_SIZE];
	struct sha256 s;
	size_t i;

	sha256_init(&s);
	for (i = 0; i < ARRAY_LEN(part); i++) {
		sha256_add(&s, part[i].p, part[i].n);
		sha256_add(&s, "", 1);
	}
	sha256_end(&s, sum);
	sha256_print(sum, out);
}

/* --- mistakes ---------------------------------------------------------------- */

static void check_url(struct str url, struct conf_report *r, unsigned line, const char *name)
{
	char host[URL_HOST_MAX];
	uint16_t port;

	if (url.n > 0 && (url_https(url, host, &port) < 0 || str_find(url, '#') >= 0))
		conf_error(r, line, "%s: must be like https://login.example.org/path, without name and password", name);
}

static void check_provider(const struct conf *c, struct conf_report *r)
{
	enum conf_oauth_keys keys = conf_oauth_keys(c);

	check_url(c->oauth_jwks, r, CONF_LINE(r, oauth, jwks), "jwks");
	check_url(c->oauth_introspect, r, CONF_LINE(r, oauth, introspect), "introspect");
	if (keys == CONF_OAUTH_ISSUER) {
		check_url(c->oauth_issuer, r, CONF_LINE(r, oauth, issuer), "issuer");
		if (str_find(c->oauth_issuer, '?') >= 0)
			conf_error(r, CONF_LINE(r, oauth, issuer), "issuer: its keys cannot be found: a URL without '?' (OpenID Connect Discovery 3)");
	}
	if (keys != CONF_OAUTH_NO_KEYS && c->oauth_issuer.n == 0)
		conf_error(r, CONF_LINE(r, oauth, issuer), "issuer: none, but [oauth] names keys: whose tokens count?");
	if (keys != CONF_OAUTH_NO_KEYS ? c->oauth_audience.n == 0 : c->oauth_audience.n + c->oauth_clients.n == 0)
		conf_error(r, CONF_LINE(r, oauth, audience), "audience: none: then tokens that are made for others would count here");
	if (c->oauth_introspect.n > 0 && (c->oauth_client_id.n == 0 || c->oauth_client_secret_file.n == 0))
		conf_error(r, CONF_LINE(r, oauth, introspect), "introspect needs client_id and client_secret_file: the provider answers to those that it knows");
	if (str_has_ctl(c->oauth_client_id) || !str_is_utf8(c->oauth_client_id) || c->oauth_client_id.n > 512)
		conf_error(r, CONF_LINE(r, oauth, client_id), "client_id: a name of at most 512 bytes");
	if (c->oauth_keys_least > c->oauth_keys_longest)
		conf_error(r, CONF_LINE(r, oauth, keys_longest), "keys_longest is shorter than keys_least");
}

void conf_check_oauth(const struct conf *c, struct conf_report *r)
{
	static const char *const known[] = { "RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA" };

	conf_check_words(r, CONF_LINE(r, oauth, algorithms), "algorithms", &c->oauth_algorithms, known, ARRAY_LEN(known));
	if (!conf_oauth_on(c))
		return;
	check_provider(c, r);
	if (c->oauth_claim.n == 0)
		conf_error(r, CONF_LINE(r, oauth, claim), "claim: must name one, like email");
	if (c->oauth_algorithms.n == 0)
		conf_error(r, CONF_LINE(r, oauth, algorithms), "algorithms: without one no token counts");
	if (!str_is_utf8(c->oauth_issuer) || str_has_ctl(c->oauth_issuer) || c->oauth_issuer.n > 1024 || str_has_ctl(c->oauth_scope) ||
		!str_is_ascii(c->oauth_scope) || c->oauth_scope.n > 256 || str_find(c->oauth_scope, ' ') >= 0)
		conf_error(r, CONF_LINE(r, oauth, issuer), "issuer and scope: a URL of at most 1024 bytes, and one word");
}
