/* SPDX-License-Identifier: ISC
 *
 * provider_test.c: what an OpenID provider says, and what of it counts (provider.h, oauth.h); URLs of settings (net/url.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/oauth.h"
#include "auth/provider.h"
#include "net/url.h"

#define NOW 1800000000
#define ISSUER "https://id.example.org/staff"

static void the_document_is_of_just_this_issuer(void **state)
{
	static const struct {
		const char *json, *keys, *why;
	} row[] = {
		{ "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"https://keys.example.org/k\"}", "https://keys.example.org/k", NULL },
		{ "{\"issuer\":\"" ISSUER "/\",\"jwks_uri\":\"https://keys.example.org/k\"}", NULL, "another issuer" },
		{ "{\"issuer\":\"https://id.example.org/Staff\",\"jwks_uri\":\"https://keys.example.org/k\"}", NULL, "another issuer" },
		{ "{\"jwks_uri\":\"https://keys.example.org/k\"}", NULL, "another issuer" },
		{ "{\"issuer\":\"" ISSUER "\",\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"https://k/\"}", NULL, "one JSON object" },
		{ "{\"issuer\":\"" ISSUER "\"}", NULL, "no https URL" },
		{ "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"http://keys.example.org/k\"}", NULL, "no https URL" },
		{ "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"file:///etc/passwd\"}", NULL, "no https URL" },
		{ "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"https://me:pass@keys.example.org/k\"}", NULL, "no https URL" },
		{ "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":[\"https://k/\"]}", NULL, "no https URL" },
		{ "[]", NULL, "one JSON object" },
		{ "", NULL, "one JSON object" },
		{ "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"https://k/\"} x", NULL, "one JSON object" },
	};
	const char *keys, *why;
	struct arena a;
	size_t i;

	(void)state;
	arena_init(&a);
	for (i = 0; i < ARRAY_LEN(row); i++) {
		keys = why = NULL;
		assert_int_equal(provider_document_read(str_of(row[i].json), STR(ISSUER), &a, &keys, &why), row[i].keys ? 0 : E_SYNTAX);
		if (row[i].keys)
			assert_string_equal(keys, row[i].keys);
		else if (!strstr(why, row[i].why) || keys)
			fail_msg("%s: %s", row[i].json, why);
	}
	assert_string_equal(provider_document(STR("https://id.example.org/a"), &a), "https://id.example.org/a/.well-known/openid-configuration");
	assert_string_equal(provider_document(STR("https://id.example.org/a/"), &a), "https://id.example.org/a/.well-known/openid-configuration");
	arena_done(&a);
}

static void a_word_about_a_token_is_yes_or_no(void **state)
{
	static const struct {
		const char *json;
		int result;
		bool active;
		int64_t expires;
		const char *claims;
	} row[] = {
		{ "{\"active\":false}", 0, false, INT64_MAX, "" },
		{ "{\"active\":false,\"upn\":\"a@b\",\"exp\":5}", 0, false, INT64_MAX, "" },
		{ "{\"active\":true}", 0, true, INT64_MAX, "{}" },
		{ "{\"active\":true,\"upn\":\"a@b\",\"exp\":1800000600,\"secret\":\"x\"}", 0, true, 1800000600, "{\"exp\":1800000600,\"upn\":\"a@b\"}" },
		{ "{\"active\":true,\"exp\":1800000600.5}", 0, true, 1800000600, "{\"exp\":1800000600.5}" },
		{ "{\"active\":\"true\"}", E_SYNTAX, false, 0, NULL },
		{ "{\"active\":1}", E_SYNTAX, false, 0, NULL },
		{ "{}", E_SYNTAX, false, 0, NULL },
		{ "{\"active\":true,\"active\":false}", E_SYNTAX, false, 0, NULL },
		{ "{\"active\":true,\"exp\":\"1800000600\"}", E_SYNTAX, false, 0, NULL },
		{ "{\"active\":true,\"exp\":-1}", E_SYNTAX, false, 0, NULL },
		{ "{\"active\":true,\"exp\":1e300}", E_SYNTAX, false, 0, NULL },
		{ "true", E_SYNTAX, false, 0, NULL },
	};
	struct provider_word w;
	const char *why;
	struct arena a;
	size_t i;

	(void)state;
	arena_init(&a);
	for (i = 0; i < ARRAY_LEN(row); i++) {
		why = NULL;
		if (provider_word_read(str_of(row[i].json), STR("upn"), &a, &w, &why) != row[i].result || (row[i].result < 0) != (why != NULL))
			fail_msg("%s: %s", row[i].json, why);
		if (row[i].result < 0)
			continue;
		assert_int_equal(w.active, row[i].active);
		assert_int_equal(w.expires, row[i].expires);
		assert_true(str_eqc(w.claims, row[i].claims));
	}
	arena_done(&a);
}

static void a_long_word_is_none(void **state)
{
	struct provider_word w;
	struct buf json;
	const char *why;
	struct arena a;
	int i;

	(void)state;
	arena_init(&a);
	buf_init(&json, 100000);
	buf_puts(&json, "{\"active\":true,\"scope\":\"");
	for (i = 0; i < 1000; i++)
		buf_puts(&json, "abcdefgh ");
	buf_puts(&json, "\"}");
	assert_int_equal(provider_word_read(buf_view(&json), STR("upn"), &a, &w, &why), E_SYNTAX);
	buf_done(&json);
	arena_done(&a);
}

/* What a signed token must say its provider may leave out, but not for whom it is. */
static void claims_that_the_provider_tells(void **state)
{
	static const struct {
		const char *settings, *claims;
		int result;
	} row[] = {
		{ "audience = mail\n", "{\"iss\":\"" ISSUER "\",\"aud\":\"mail\",\"upn\":\"a@b\",\"exp\":1800000600}", 0 },
		{ "audience = mail\n", "{\"aud\":\"mail\",\"upn\":\"a@b\"}", 0 },
		{ "audience = mail\n", "{\"upn\":\"a@b\"}", E_DENIED },
		{ "audience = mail\n", "{\"aud\":\"wiki\",\"upn\":\"a@b\"}", E_DENIED },
		{ "audience = mail\n", "{\"aud\":[\"wiki\",\"mail\"],\"upn\":\"a@b\"}", 0 },
		{ "audience = mail\n", "{\"iss\":\"https://other\",\"aud\":\"mail\",\"upn\":\"a@b\"}", E_DENIED },
		{ "audience = mail\n", "{\"iss\":7,\"aud\":\"mail\",\"upn\":\"a@b\"}", E_DENIED },
		{ "audience = mail\n", "{\"aud\":\"mail\",\"upn\":\"a@b\",\"exp\":1799999000}", E_DENIED },
		{ "audience = mail\n", "{\"aud\":\"mail\",\"upn\":\"a@b\",\"nbf\":1800009000}", E_DENIED },
		{ "audience = mail\n", "{\"aud\":\"mail\",\"upn\":\"a@b\",\"exp\":\"x\"}", E_DENIED },
		{ "audience = mail\n", "{\"aud\":\"mail\"}", E_DENIED },
		{ "audience = mail\n", "{\"aud\":\"mail\",\"upn\":\"a@b\",\"cnf\":{\"jkt\":\"x\"}}", E_DENIED },
		{ "clients = tb\n", "{\"client_id\":\"tb\",\"upn\":\"a@b\"}", 0 },
		{ "clients = tb\n", "{\"client_id\":\"tb\",\"aud\":\"any\",\"upn\":\"a@b\"}", 0 },
		{ "clients = tb\n", "{\"client_id\":\"wiki\",\"upn\":\"a@b\"}", E_DENIED },
		{ "clients = tb\n", "{\"upn\":\"a@b\"}", E_DENIED },
		{ "clients = tb\naudience = mail\n", "{\"client_id\":\"tb\",\"upn\":\"a@b\"}", 0 },
		{ "clients = tb\naudience = mail\n", "{\"client_id\":\"tb\",\"aud\":\"wiki\",\"upn\":\"a@b\"}", E_DENIED },
		{ "audience = mail\nscope = imap\n", "{\"aud\":\"mail\",\"upn\":\"a@b\",\"scope\":\"imap x\"}", 0 },
		{ "audience = mail\nscope = imap\n", "{\"aud\":\"mail\",\"upn\":\"a@b\"}", E_NOTFOUND },
	};
	const char *why;
	struct str who;
	struct conf *c;
	struct arena a;
	size_t i;
	char *text;

	(void)state;
	arena_init(&a);
	for (i = 0; i < ARRAY_LEN(row); i++) {
		text = arena_fmt(&a, "[oauth]\nissuer = " ISSUER "\nintrospect = https://i/\nclient_id = x\nclient_secret_file = x\nclaim = upn\n%s", row[i].settings);
		assert_int_equal(conf_parse(str_of(text), "c", NULL, &c), 0);
		assert_int_equal(oauth_way(c, STR("opaque")), OAUTH_BY_PROVIDER);
		why = "";
		if (oauth_claims(c, OAUTH_ANSWERED, str_of(row[i].claims), NOW, &a, &who, &why) != row[i].result)
			fail_msg("%s%s: %s", row[i].settings, row[i].claims, why);
		conf_free(c);
	}
	arena_done(&a);
}

static void the_question_is_a_form(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	provider_question(STR("aZ0-._~+/=& %"), &b);
	assert_true(str_eqc(buf_view(&b), "token=aZ0-._%7E%2B%2F%3D%26%20%25&token_type_hint=access_token"));
	buf_done(&b);
}

static void urls_of_settings(void **state)
{
	static const struct {
		const char *url, *host; /* NULL: none */
		uint16_t port;
	} row[] = {
		{ "https://id.example.org/a?b", "id.example.org", 443 },
		{ "https://id.example.org:8443", "id.example.org", 8443 },
		{ "https://[2001:db8::1]:8443/x", "2001:db8::1", 8443 },
		{ "https://192.0.2.1/", "192.0.2.1", 443 },
		{ "http://id.example.org/", NULL, 0 },
		{ "https://", NULL, 0 },
		{ "https:///x", NULL, 0 },
		{ "https://a@id.example.org/", NULL, 0 },
		{ "https://id.example.org:0/", NULL, 0 },
		{ "https://id.example.org:99999/", NULL, 0 },
		{ "https://id.example.org/a b", NULL, 0 },
		{ "https://id.example.org/\r\nHost: x", NULL, 0 },
		{ "https://id.example.org\\@evil.test/", NULL, 0 },
	};
	char host[URL_HOST_MAX];
	uint16_t port;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		if ((url_https(str_of(row[i].url), host, &port) == 0) != (row[i].host != NULL))
			fail_msg("%s", row[i].url);
		if (row[i].host) {
			assert_string_equal(host, row[i].host);
			assert_int_equal(port, row[i].port);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_document_is_of_just_this_issuer),
		cmocka_unit_test(a_word_about_a_token_is_yes_or_no),
		cmocka_unit_test(a_long_word_is_none),
		cmocka_unit_test(claims_that_the_provider_tells),
		cmocka_unit_test(the_question_is_a_form),
		cmocka_unit_test(urls_of_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
