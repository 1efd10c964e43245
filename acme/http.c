/* SPDX-License-Identifier: ISC
 *
 * http.c: one HTTPS request with libcurl (see http.h).
 *
 * libcurl would look names up in a thread, which our sandbox does not allow: resolverd finds
 * the addresses, and libcurl is given them (CURLOPT_RESOLVE).
 */
#include "acme/http.h"

#include <curl/curl.h>

#include "net/resolver.h"

#define BODY_MAX (512 * 1024)

struct http {
	CURL *curl;
	int resolver;
	int64_t wait;
	struct curl_blob trust;
};

struct http *http_new(struct str trust, int resolver, int64_t wait_ms)
{
	struct http *h = mem_alloc(1, sizeof *h);

	curl_global_init(CURL_GLOBAL_DEFAULT);
	h->curl = curl_easy_init();
	h->resolver = resolver;
	h->wait = wait_ms;
	h->trust = (struct curl_blob){ (void *)(uintptr_t)trust.p, trust.n, CURL_BLOB_COPY };
	return h;
}

void http_free(struct http *h)
{
	if (h->curl)
		curl_easy_cleanup(h->curl);
	free(h);
}

void http_reply_done(struct http_reply *r)
{
	buf_done(&r->body);
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct http_reply *r = arg;

	buf_add(&r->body, p, size * n);
	return r->body.err ? 0 : size * n;
}

static void take_field(struct str line, const char *name, char *out, size_t size)
{
	struct str value = line, key = str_cut(&value, ':');

	value = str_trim(value);
	if (str_ieqc(key, name) && value.n < size && !str_has_ctl(value))
		snprintf(out, size, "%.*s", STRF(value));
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	struct str line = str_make(p, size * n);
	struct http_reply *r = arg;

	take_field(line, "location", r->location, sizeof r->location);
	take_field(line, "replay-nonce", r->nonce, sizeof r->nonce);
	take_field(line, "retry-after", r->retry_after, sizeof r->retry_after);
	take_field(line, "content-type", r->type, sizeof r->type);
	return size * n;
}

/* "HOST:PORT:ADDRESS,ADDRESS" for CURLOPT_RESOLVE; nothing for an address, which needs none. */
static int find_addresses(struct http *h, const char *url, struct buf *out, struct http_reply *r)
{
	struct resolver_addresses found;
	char *host = NULL, *port = NULL, text[ADDR_TEXT];
	CURLU *u = curl_url();
	struct addr a;
	int err = 0;
	size_t i;

	if (!u || curl_url_set(u, CURLUPART_URL, url, 0) || curl_url_get(u, CURLUPART_HOST, &host, 0) ||
		curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT)) {
		snprintf(r->error, sizeof r->error, "not a URL");
		err = E_SYNTAX;
	} else if (host[0] != '[' && addr_parse(str_of(host), &a) < 0) {
		resolver_address(h->resolver, host, h->wait, &found);
		if (found.n == 0) {
			snprintf(r->error, sizeof r->error, "the name %.120s has no address: %.150s", host, found.error);
			err = E_TEMP;
		}
		buf_fmt(out, "%s:%s:", host, port);
		for (i = 0; i < found.n; i++)
			buf_fmt(out, found.addr[i].family == 6 ? "%s[%s]" : "%s%s", i ? "," : "", addr_text(&found.addr[i], text));
	}
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(u);
	return err;
}

static void options(struct http *h, const char *method, const char *url, struct str body, struct http_reply *r)
{
	CURL *c = h->curl;

	curl_easy_reset(c);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(c, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(c, CURLOPT_CAINFO_BLOB, &h->trust);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)h->wait);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)h->wait);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "Mansio/" PACKAGE_VERSION);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, r);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, r);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, r->error);
	if (strcmp(method, "HEAD") == 0)
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	if (strcmp(method, "POST") == 0) {
		curl_easy_setopt(c, CURLOPT_POST, 1L);
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)body.n);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, body.n ? body.p : "");
	}
}

int http_ask(struct http *h, const char *method, const char *url, struct str body, struct http_reply *r)
{
	struct curl_slist *fields = NULL, *addresses = NULL;
	struct buf resolve;
	CURLcode code;
	int err;

	*r = (struct http_reply){ 0 };
	buf_init(&r->body, BODY_MAX);
	if (!h->curl)
		return E_TEMP;
	buf_init(&resolve, 2048);
	err = find_addresses(h, url, &resolve, r);
	if (err == 0) {
		options(h, method, url, body, r);
		if (resolve.n)
			addresses = curl_slist_append(NULL, buf_cstr(&resolve));
		fields = curl_slist_append(NULL, "Content-Type: application/jose+json");
		fields = curl_slist_append(fields, "Expect:");
		curl_easy_setopt(h->curl, CURLOPT_RESOLVE, addresses);
		curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, fields);
		code = curl_easy_perform(h->curl);
		if (code != CURLE_OK) {
			if (!r->error[0])
				snprintf(r->error, sizeof r->error, "%s", curl_easy_strerror(code));
			err = E_TEMP;
		}
		curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &r->status);
		curl_slist_free_all(addresses);
		curl_slist_free_all(fields);
	}
	buf_done(&resolve);
	return err;
}
