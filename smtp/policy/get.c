/* SPDX-License-Identifier: ISC
 *
 * get.c: one policy from its web server, one report to another (see get.h).
 *
 * libcurl would look names up in a thread, which the sandbox does not allow: resolverd finds the addresses, and libcurl is
 * given them (CURLOPT_RESOLVE).
 */
#include "smtp/policy/get.h"

#include <curl/curl.h>

#include "net/resolver.h"

void get_init(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct buf *b = arg;

	buf_add(b, p, size * n);
	return b->err ? 0 : size * n;
}

/* "HOST:PORT:ADDRESS,ADDRESS" */
static int find_addresses(const struct get *g, const char *host, struct buf *out, char *words)
{
	struct resolver_addresses found;
	char text[ADDR_TEXT];
	size_t i;

	resolver_address(g->resolver, host, g->wait / 2, &found);
	if (found.n == 0) {
		snprintf(words, POLICY_WORDS, "its web server has no address: %.120s", found.error);
		return E_TEMP;
	}
	buf_fmt(out, "%s:%u:", host, g->port);
	for (i = 0; i < found.n; i++)
		buf_fmt(out, found.addr[i].family == 6 ? "%s[%s]" : "%s%s", i ? "," : "", addr_text(&found.addr[i], text));
	return 0;
}

static void options(const struct get *g, CURL *c, const char *url, struct buf *body, char *error)
{
	struct curl_blob trust = { (void *)(uintptr_t)g->trust.p, g->trust.n, CURL_BLOB_COPY };

	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(c, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(c, CURLOPT_CAINFO_BLOB, &trust);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)g->wait);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)(g->wait / 2));
	curl_easy_setopt(c, CURLOPT_USERAGENT, "Mansio/" PACKAGE_VERSION);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, body);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, error);
}

/* The reply is there: is it a policy? */
static int judge(CURL *c, const struct buf *body, struct arena *a, struct sts_policy *out, char *words)
{
	const char *type = NULL, *why;
	struct str rest;
	long status = 0;
	int r;

	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(c, CURLINFO_CONTENT_TYPE, &type);
	if (status != 200) { /* a redirect is not followed (RFC 8461 3.3) */
		snprintf(words, POLICY_WORDS, "its web server says %ld", status);
		return E_TEMP;
	}
	rest = str_of(type);
	if (!str_ieqc(str_trim(str_cut(&rest, ';')), "text/plain")) {
		snprintf(words, POLICY_WORDS, "its web server sends something else than text/plain");
		return E_SYNTAX;
	}
	r = sts_policy_parse(buf_view(body), a, out, &why);
	if (r < 0)
		snprintf(words, POLICY_WORDS, "the policy is broken: %s", why);
	return r;
}

int get_policy(const struct get *g, struct arena *a, struct sts_policy *out, char words[POLICY_WORDS])
{
	char error[CURL_ERROR_SIZE] = "";
	const char *host = arena_fmt(a, "mta-sts.%s", g->domain);
	const char *url = arena_fmt(a, "https://%s:%u/.well-known/mta-sts.txt", host, g->port);
	struct curl_slist *addresses = NULL;
	CURL *c = curl_easy_init();
	struct buf body, resolve;
	CURLcode code;
	int r = E_TEMP;

	buf_init(&body, STS_TEXT_MAX);
	buf_init(&resolve, 4096);
	snprintf(words, POLICY_WORDS, "no memory for it");
	if (c && find_addresses(g, host, &resolve, words) == 0) {
		options(g, c, url, &body, error);
		addresses = curl_slist_append(NULL, buf_cstr(&resolve));
		curl_easy_setopt(c, CURLOPT_RESOLVE, addresses);
		code = curl_easy_perform(c);
		if (code == CURLE_OK)
			r = judge(c, &body, a, out, words);
		else if (body.err)
			snprintf(words, POLICY_WORDS, "the policy is longer than %d bytes", STS_TEXT_MAX);
		else
			snprintf(words, POLICY_WORDS, "its web server: %.150s", error[0] ? error : curl_easy_strerror(code));
		if (code == CURLE_PEER_FAILED_VERIFICATION)
			r = E_TLS;
		curl_slist_free_all(addresses);
	}
	curl_easy_cleanup(c);
	buf_done(&resolve);
	buf_done(&body);
	return r;
}

int get_post(const struct get *g, const char *url, const char *type, struct str body, struct arena *a, char words[POLICY_WORDS])
{
	char error[CURL_ERROR_SIZE] = "";
	struct curl_slist *addresses = NULL, *fields = NULL;
	CURL *c = curl_easy_init();
	struct buf answer, resolve;
	long status = 0;
	CURLcode code;
	int r = E_TEMP;

	buf_init(&answer, STS_TEXT_MAX); /* nobody reads it */
	buf_init(&resolve, 4096);
	snprintf(words, POLICY_WORDS, "no memory for it");
	if (c && find_addresses(g, g->domain, &resolve, words) == 0) {
		options(g, c, url, &answer, error);
		addresses = curl_slist_append(NULL, buf_cstr(&resolve));
		fields = curl_slist_append(NULL, arena_fmt(a, "Content-Type: %s", type));
		fields = curl_slist_append(fields, "Expect:");
		curl_easy_setopt(c, CURLOPT_RESOLVE, addresses);
		curl_easy_setopt(c, CURLOPT_HTTPHEADER, fields);
		curl_easy_setopt(c, CURLOPT_POST, 1L);
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)body.n);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, body.p);
		code = curl_easy_perform(c);
		curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
		if (code != CURLE_OK && !answer.err)
			snprintf(words, POLICY_WORDS, "its web server: %.150s", error[0] ? error : curl_easy_strerror(code));
		else
			snprintf(words, POLICY_WORDS, "its web server says %ld", status);
		r = (code == CURLE_OK || answer.err) && status >= 200 && status < 300 ? 0 : E_TEMP;
		curl_slist_free_all(addresses);
		curl_slist_free_all(fields);
	}
	curl_easy_cleanup(c);
	buf_done(&resolve);
	buf_done(&answer);
	return r;
}
