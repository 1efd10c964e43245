/* SPDX-License-Identifier: ISC
 *
 * get.c: one policy from its web server, one report to another (see get.h).
 *
 * Of this host's own addresses a public one is good for a policy (the port, the path and the certificate are fixed, and another
 * mail server may share the address), and not for a report, whose path a stranger chooses.
 */
#include "smtp/policy/get.h"

#include "net/https.h"

_Static_assert(POLICY_WORDS == HTTPS_WORDS, "the same words");

static struct https *asker(const struct get *g, enum https_to to)
{
	const struct https_rules rules = { .trust = g->trust, .resolver = g->resolver, .wait = g->wait, .to = to,
		.inside = g->inside->v, .ninside = g->inside->n };

	return https_new(&rules);
}

/* The reply is there: is it a policy? */
static int judge(const struct https_reply *reply, struct arena *a, struct sts_policy *out, char *words)
{
	const char *why;
	int r;

	if (reply->status != 200) { /* a redirect is not followed (RFC 8461 3.3) */
		snprintf(words, POLICY_WORDS, "its web server says %ld", reply->status);
		return E_TEMP;
	}
	if (!str_ieqc(str_of(reply->type), "text/plain")) {
		snprintf(words, POLICY_WORDS, "its web server sends something else than text/plain");
		return E_SYNTAX;
	}
	r = sts_policy_parse(buf_view(&reply->body), a, out, &why);
	if (r < 0)
		snprintf(words, POLICY_WORDS, "the policy is broken: %s", why);
	return r;
}

int get_policy(const struct get *g, struct arena *a, struct sts_policy *out, char words[POLICY_WORDS])
{
	struct https *h = asker(g, HTTPS_INTERNET);
	struct https_request q = { .max = STS_TEXT_MAX,
		.url = arena_fmt(a, "https://mta-sts.%s:%u/.well-known/mta-sts.txt", g->domain, g->port) };
	struct https_reply reply;
	int r = https_ask(h, &q, &reply, words);

	if (r == 0)
		r = judge(&reply, a, out, words);
	else if (r == E_LIMIT)
		snprintf(words, POLICY_WORDS, "the policy is longer than %d bytes", STS_TEXT_MAX);
	https_reply_done(&reply);
	https_free(h);
	return r == E_LIMIT ? E_TEMP : r;
}

int get_post(const struct get *g, const char *url, const char *type, struct str body, char words[POLICY_WORDS])
{
	struct https *h = asker(g, HTTPS_OTHERS);
	struct https_request q = { .url = url, .type = type, .body = body, .max = STS_TEXT_MAX };
	struct https_reply reply;
	int r = https_ask(h, &q, &reply, words);

	if (r == 0 || r == E_LIMIT) { /* nobody reads what it says */
		snprintf(words, POLICY_WORDS, "its web server says %ld", reply.status);
		r = reply.status >= 200 && reply.status < 300 ? 0 : E_TEMP;
	}
	https_reply_done(&reply);
	https_free(h);
	return r == E_TLS ? E_TEMP : r;
}
