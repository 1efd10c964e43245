/* SPDX-License-Identifier: ISC
 *
 * get.c: one policy from its web server, one report to another (see get.h).
 *
 * libcurl would look names up in a thread, which the sandbox does not allow: resolverd finds the addresses, and libcurl is
 * given them (CURLOPT_RESOLVE), those of them that it may connect to; a socket to any other is not opened. Of this host's own
 * addresses a public one is good for a policy (the port, the path and the certificate are fixed, and another mail server may
 * share the address), and not for a report, whose path a stranger chooses.
 */
#include "smtp/policy/get.h"

#include <curl/curl.h>
#include <openssl/x509_vfy.h>

#include "net/resolver.h"

/* What there is of one request. */
struct request {
	CURL *c;
	struct buf resolve; /* "HOST:PORT:ADDRESS,ADDRESS" */
	struct curl_slist *addresses;
	struct addr to[RESOLVER_ADDRESSES]; /* ... as values */
	size_t n;
	struct buf body; /* of the answer */
	CURLcode code;
};

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

static bool may_connect(const struct get *g, const struct addr *a, bool own, bool post)
{
	struct addr_net net;
	size_t i;

	for (i = 0; i < g->inside->n; i++)
		if (addr_net_parse(g->inside->v[i], &net) == 0 && addr_net_has(&net, a))
			return true;
	return addr_is_public(a) && !(own && post);
}

static int find_addresses(const struct get *g, const char *host, bool post, struct request *q, char *words)
{
	struct resolver_addresses found;
	char text[ADDR_TEXT];
	size_t i;

	resolver_address(g->resolver, host, g->wait / 2, &found);
	if (found.n == 0) {
		snprintf(words, POLICY_WORDS, "its web server has no address: %.120s", found.error);
		return E_TEMP;
	}
	buf_fmt(&q->resolve, "%s:%u:", host, g->port);
	for (i = 0; i < found.n; i++) {
		if (!may_connect(g, &found.addr[i], found.local[i], post))
			continue;
		buf_fmt(&q->resolve, found.addr[i].family == 6 ? "%s[%s]" : "%s%s", q->n ? "," : "", addr_text(&found.addr[i], text));
		q->to[q->n++] = found.addr[i];
	}
	if (q->n == 0)
		snprintf(words, POLICY_WORDS, "its web server has no address of the Internet (setting sts.inside_networks)");
	return q->n ? 0 : E_TEMP;
}

/* The last word on where to: however libcurl read the name. */
static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	const struct request *q = arg;
	struct addr a;
	size_t i;

	if (purpose != CURLSOCKTYPE_IPCXN || addr_of_sockaddr(&to->addr, to->addrlen, &a) < 0)
		return CURL_SOCKET_BAD;
	for (i = 0; i < q->n; i++)
		if (addr_eq(&q->to[i], &a))
			return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
	return CURL_SOCKET_BAD;
}

/* Fixed words: libcurl's own quote what the other side says. */
static const char *failure(const struct request *q)
{
	long verified = X509_V_OK;

	switch (q->code) {
	case CURLE_COULDNT_CONNECT:
		return "no connection to it";
	case CURLE_OPERATION_TIMEDOUT:
		return "no answer in time";
	case CURLE_PEER_FAILED_VERIFICATION:
		curl_easy_getinfo(q->c, CURLINFO_SSL_VERIFYRESULT, &verified);
		return verified <= X509_V_ERR_UNSPECIFIED ? "its certificate is for another name" : X509_verify_cert_error_string(verified);
	case CURLE_SSL_CONNECT_ERROR:
		return "TLS failed";
	default:
		return "the connection broke, or it does not speak HTTP";
	}
}

static void options(const struct get *g, struct request *q, const char *url)
{
	CURL *c = q->c;
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
	curl_easy_setopt(c, CURLOPT_WRITEDATA, &q->body);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, on_socket);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, q);
	q->addresses = curl_slist_append(NULL, buf_cstr(&q->resolve));
	curl_easy_setopt(c, CURLOPT_RESOLVE, q->addresses);
}

/* 0: it can be sent. request_done in any case. */
static int request_init(const struct get *g, const char *host, const char *url, bool post, struct request *q, char *words)
{
	int r;

	*q = (struct request){ .c = curl_easy_init() };
	buf_init(&q->body, STS_TEXT_MAX);
	buf_init(&q->resolve, 4096);
	if (!q->c) {
		snprintf(words, POLICY_WORDS, "no memory for it");
		return E_TEMP;
	}
	r = find_addresses(g, host, post, q, words);
	if (r == 0)
		options(g, q, url);
	return r;
}

static void request_done(struct request *q)
{
	curl_easy_cleanup(q->c);
	curl_slist_free_all(q->addresses);
	buf_done(&q->resolve);
	buf_done(&q->body);
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
	const char *host = arena_fmt(a, "mta-sts.%s", g->domain);
	const char *url = arena_fmt(a, "https://%s:%u/.well-known/mta-sts.txt", host, g->port);
	struct request q;
	int r = request_init(g, host, url, false, &q, words);

	if (r == 0) {
		q.code = curl_easy_perform(q.c);
		if (q.code == CURLE_OK)
			r = judge(q.c, &q.body, a, out, words);
		else if (q.body.err)
			snprintf(words, POLICY_WORDS, "the policy is longer than %d bytes", STS_TEXT_MAX);
		else
			snprintf(words, POLICY_WORDS, "its web server: %s", failure(&q));
		if (q.code != CURLE_OK)
			r = q.code == CURLE_PEER_FAILED_VERIFICATION ? E_TLS : E_TEMP;
	}
	request_done(&q);
	return r;
}

int get_post(const struct get *g, const char *url, const char *type, struct str body, struct arena *a, char words[POLICY_WORDS])
{
	struct curl_slist *fields = NULL;
	struct request q;
	long status = 0;
	bool answered;
	int r = request_init(g, g->domain, url, true, &q, words);

	if (r == 0) {
		fields = curl_slist_append(NULL, arena_fmt(a, "Content-Type: %s", type));
		fields = curl_slist_append(fields, "Expect:");
		curl_easy_setopt(q.c, CURLOPT_HTTPHEADER, fields);
		curl_easy_setopt(q.c, CURLOPT_POST, 1L);
		curl_easy_setopt(q.c, CURLOPT_POSTFIELDSIZE, (long)body.n);
		curl_easy_setopt(q.c, CURLOPT_POSTFIELDS, body.p);
		q.code = curl_easy_perform(q.c);
		curl_easy_getinfo(q.c, CURLINFO_RESPONSE_CODE, &status);
		answered = q.code == CURLE_OK || q.body.err; /* nobody reads what it says */
		if (answered)
			snprintf(words, POLICY_WORDS, "its web server says %ld", status);
		else
			snprintf(words, POLICY_WORDS, "its web server: %s", failure(&q));
		r = answered && status >= 200 && status < 300 ? 0 : E_TEMP;
		curl_slist_free_all(fields);
	}
	request_done(&q);
	return r;
}
