/* SPDX-License-Identifier: ISC
 *
 * https.c: one request with libcurl (see https.h).
 *
 * libcurl would look names up in a thread, which the sandbox does not allow: resolverd finds the addresses, and libcurl is
 * given them (CURLOPT_RESOLVE), those of them that it may connect to; a socket to any other is not opened.
 */
#include "net/https.h"

#include <curl/curl.h>
#include <openssl/x509_vfy.h>

#include "net/resolver.h"
#include "net/url.h"

struct https {
	struct https_rules rules;
	struct buf trust;
	CURL *c;
	struct addr to[RESOLVER_ADDRESSES]; /* where the request in hand may go */
	size_t n;
};

void https_init(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct https *https_new(const struct https_rules *r)
{
	struct https *h = mem_alloc(1, sizeof *h);

	h->rules = *r;
	buf_init(&h->trust, r->trust.n + 1);
	buf_str(&h->trust, r->trust);
	h->c = curl_easy_init();
	return h;
}

void https_free(struct https *h)
{
	if (!h)
		return;
	if (h->c)
		curl_easy_cleanup(h->c);
	buf_done(&h->trust);
	free(h);
}

void https_reply_done(struct https_reply *r)
{
	buf_done(&r->body);
}

/* --- where to ------------------------------------------------------------------------- */

static bool may_connect(const struct https_rules *r, const struct addr *a, bool own)
{
	struct addr_net net;
	size_t i;

	for (i = 0; i < r->ninside; i++)
		if (addr_net_parse(r->inside[i], &net) == 0 && addr_net_has(&net, a))
			return true;
	return r->to == HTTPS_ANYWHERE || (addr_is_public(a) && !(own && r->to == HTTPS_OTHERS));
}

static int find_addresses(struct https *h, const char *host, uint16_t port, struct buf *out, char *words)
{
	struct resolver_addresses found;
	char text[ADDR_TEXT];
	size_t i;

	h->n = 0;
	resolver_address(h->rules.resolver, host, h->rules.wait / 2, &found);
	if (found.n == 0) {
		snprintf(words, HTTPS_WORDS, "its web server has no address: %.120s", found.error);
		return E_TEMP;
	}
	buf_fmt(out, strchr(host, ':') ? "[%s]:%u:" : "%s:%u:", host, port);
	for (i = 0; i < found.n; i++) {
		if (!may_connect(&h->rules, &found.addr[i], found.local[i]))
			continue;
		buf_fmt(out, found.addr[i].family == 6 ? "%s[%s]" : "%s%s", h->n ? "," : "", addr_text(&found.addr[i], text));
		h->to[h->n++] = found.addr[i];
	}
	if (h->n == 0)
		snprintf(words, HTTPS_WORDS, "its web server has no address of the Internet (setting sts.inside_networks)");
	return h->n ? 0 : E_TEMP;
}

/* The last word on where to: however libcurl read the name. */
static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	const struct https *h = arg;
	struct addr a;
	size_t i;

	if (purpose != CURLSOCKTYPE_IPCXN || addr_of_sockaddr(&to->addr, to->addrlen, &a) < 0)
		return CURL_SOCKET_BAD;
	for (i = 0; i < h->n; i++)
		if (addr_eq(&h->to[i], &a))
			return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
	return CURL_SOCKET_BAD;
}

/* --- the answer ------------------------------------------------------------------------- */

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct buf *b = arg;

	buf_add(b, p, size * n);
	return b->err ? 0 : size * n;
}

static void cache_control(struct str value, int64_t *out)
{
	struct str name;
	uint64_t n;

	while (value.p) {
		struct str one = str_trim(str_cut(&value, ','));

		name = str_trim(str_cut(&one, '='));
		if (str_ieqc(name, "no-store") || str_ieqc(name, "no-cache"))
			*out = 0;
		else if (str_ieqc(name, "max-age") && one.p && str_u64(str_trim(one), INT32_MAX, &n) == 0 && *out != 0)
			*out = (int64_t)n;
	}
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	struct str value = str_make(p, size * n), name = str_cut(&value, ':');
	struct https_reply *r = arg;

	if (value.p && str_ieqc(name, "cache-control"))
		cache_control(str_trim(value), &r->max_age);
	return size * n;
}

/* Fixed words: libcurl's own quote what the other side says. */
static const char *failure(const struct https *h, CURLcode code)
{
	long verified = X509_V_OK;

	switch (code) {
	case CURLE_COULDNT_CONNECT:
		return "no connection to it";
	case CURLE_OPERATION_TIMEDOUT:
		return "no answer in time";
	case CURLE_PEER_FAILED_VERIFICATION:
		curl_easy_getinfo(h->c, CURLINFO_SSL_VERIFYRESULT, &verified);
		return verified <= X509_V_ERR_UNSPECIFIED ? "its certificate is for another name" : X509_verify_cert_error_string(verified);
	case CURLE_SSL_CONNECT_ERROR:
		return "TLS failed";
	default:
		return "the connection broke, or it does not speak HTTP";
	}
}

/* --- the request -------------------------------------------------------------------------- */

static void options(struct https *h, const struct https_request *q, struct https_reply *r)
{
	CURL *c = h->c;
	struct curl_blob trust = { h->trust.p, h->trust.n, CURL_BLOB_NOCOPY };

	curl_easy_reset(c);
	curl_easy_setopt(c, CURLOPT_URL, q->url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(c, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(c, CURLOPT_CAINFO_BLOB, &trust);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)h->rules.wait);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)(h->rules.wait / 2));
	curl_easy_setopt(c, CURLOPT_USERAGENT, "Mansio/" PACKAGE_VERSION);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, &r->body);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, r);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, on_socket);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, h);
	if (q->user) {
		curl_easy_setopt(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		curl_easy_setopt(c, CURLOPT_USERNAME, q->user);
		curl_easy_setopt(c, CURLOPT_PASSWORD, q->password);
	}
	if (q->type) {
		curl_easy_setopt(c, CURLOPT_POST, 1L);
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)q->body.n);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, q->body.p);
	}
}

static struct curl_slist *fields_of(const struct https_request *q)
{
	struct curl_slist *fields = NULL;
	char line[160];

	if (q->accept) {
		snprintf(line, sizeof line, "Accept: %s", q->accept);
		fields = curl_slist_append(fields, line);
	}
	if (q->type) {
		snprintf(line, sizeof line, "Content-Type: %s", q->type);
		fields = curl_slist_append(fields, line);
		fields = curl_slist_append(fields, "Expect:");
	}
	return fields;
}

static int perform(struct https *h, const struct https_request *q, struct https_reply *r, char *words)
{
	const char *type = NULL;
	CURLcode code = curl_easy_perform(h->c);
	struct str rest, first;

	if (r->body.err) {
		snprintf(words, HTTPS_WORDS, "the answer is longer than %zu bytes", q->max);
		code = CURLE_OK;
	} else if (code != CURLE_OK) {
		snprintf(words, HTTPS_WORDS, "its web server: %s", failure(h, code));
	}
	curl_easy_getinfo(h->c, CURLINFO_RESPONSE_CODE, &r->status);
	curl_easy_getinfo(h->c, CURLINFO_CONTENT_TYPE, &type);
	rest = type ? str_of(type) : STR("");
	first = str_trim(str_cut(&rest, ';'));
	if (first.n < sizeof r->type)
		snprintf(r->type, sizeof r->type, "%.*s", STRF(first));
	if (r->body.err)
		return E_LIMIT;
	return code == CURLE_OK ? 0 : code == CURLE_PEER_FAILED_VERIFICATION ? E_TLS : E_TEMP;
}

int https_ask(struct https *h, const struct https_request *q, struct https_reply *r, char words[HTTPS_WORDS])
{
	struct curl_slist *fields = NULL, *addresses = NULL;
	char host[URL_HOST_MAX];
	struct buf resolve;
	uint16_t port;
	int err = E_TEMP;

	*r = (struct https_reply){ .max_age = -1 };
	buf_init(&r->body, q->max);
	buf_init(&resolve, 4096);
	words[0] = '\0';
	if (!h->c)
		snprintf(words, HTTPS_WORDS, "no memory for it");
	else if (url_https(str_of(q->url), host, &port) < 0)
		snprintf(words, HTTPS_WORDS, "not an https URL");
	else
		err = find_addresses(h, host, port, &resolve, words);
	if (err == 0) {
		options(h, q, r);
		fields = fields_of(q);
		addresses = curl_slist_append(NULL, buf_cstr(&resolve));
		curl_easy_setopt(h->c, CURLOPT_HTTPHEADER, fields);
		curl_easy_setopt(h->c, CURLOPT_RESOLVE, addresses);
		err = perform(h, q, r, words);
		curl_easy_reset(h->c); /* the lists are gone in a moment */
	}
	curl_slist_free_all(addresses);
	curl_slist_free_all(fields);
	buf_done(&resolve);
	return err;
}
