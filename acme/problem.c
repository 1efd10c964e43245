/* SPDX-License-Identifier: ISC
 *
 * problem.c: problem documents in words (see problem.h).
 */
#include "acme/problem.h"

#include <stdarg.h>
#include <time.h>

#define PREFIX "urn:ietf:params:acme:error:"
#define LONGEST_WAIT (30 * 86400)

/* RFC 8555 6.7, 7.3.3; RFC 9773 7.4: what it means, and what helps. */
static const struct {
	const char *type, *words, *fix;
} known[] = {
	{ "rateLimited", "the authority's limit is reached", "nothing to do: the next try comes by itself; more names in one certificate cost less than more certificates" },
	{ "connection", "the authority could not connect to this host", "open the port of the challenge (80 for http-01, 443 for tls-alpn-01) in firewall and router, and check that the name's A and AAAA records are this host's addresses" },
	{ "unauthorized", "the authority saw another answer than ours", "check that the name's A and AAAA records lead to this host and to no other, and that no proxy or other web server answers on the challenge's port" },
	{ "incorrectResponse", "the authority saw another answer than ours", "check that the name's A and AAAA records lead to this host and to no other, and that no proxy or other web server answers on the challenge's port" },
	{ "dns", "the authority found no addresses for the name, or its name servers did not answer", "publish A or AAAA records for the name ('mansio domain dns' shows them), wait until they are visible everywhere, then 'mansio cert renew'" },
	{ "caa", "a CAA record forbids this authority", "add this authority to the domain's CAA record, or remove the record" },
	{ "tls", "the authority could not shake hands with TLS on port 443", "check that port 443 leads to this host without another TLS server in between" },
	{ "rejectedIdentifier", "the authority does not certify this name", "use a public name of your own domain in [acme] names; local and reserved names cannot have a certificate" },
	{ "unsupportedIdentifier", "the authority does not certify this kind of name", "use host names in [acme] names, no addresses" },
	{ "externalAccountRequired", "the authority wants an account of its own first", "get a key identifier and key from the authority, and set [acme] eab_kid and eab_key_file" },
	{ "userActionRequired", "the authority wants something of you", "look at what it said: usually its terms of service changed" },
	{ "invalidContact", "the authority does not take the e-mail address", "correct [acme] email, or leave it empty" },
	{ "unsupportedContact", "the authority does not take the e-mail address", "correct [acme] email, or leave it empty" },
	{ "accountDoesNotExist", "the authority does not know our account", "nothing to do: a new account is made at the next try" },
	{ "badCSR", "the authority does not take the request", "check [acme] names; if they are right, try another authority and report this" },
	{ "badPublicKey", "the authority does not take our key", "remove account.pem in the folder acme of the state folder: a new one is made" },
	{ "badNonce", "the authority refused our requests again and again as repeated", "nothing to do: the next try comes by itself" },
	{ "serverInternal", "the authority has a fault of its own", "nothing to do: the next try comes by itself" },
	{ "alreadyReplaced", "the certificate was replaced already", "nothing to do: the next try comes by itself" },
};

static void printable(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || (unsigned char)*s > 0x7e)
			*s = '?';
}

void problem_set(struct problem *p, const char *fix, const char *fmt, ...)
{
	va_list ap;

	*p = (struct problem){ 0 };
	va_start(ap, fmt);
	vsnprintf(p->words, sizeof p->words, fmt, ap);
	va_end(ap);
	printable(p->words);
	snprintf(p->fix, sizeof p->fix, "%s", fix);
}

static const char *text_of(const json_t *doc, const char *name)
{
	const char *s = json_string_value(json_object_get(doc, name));

	return s ? s : "";
}

/* What is said about one of the names, if the document as a whole says little. */
static const json_t *first_sub(const json_t *doc)
{
	return json_array_get(json_object_get(doc, "subproblems"), 0);
}

void problem_of(const json_t *doc, long status, const char *what, struct problem *p)
{
	const json_t *sub = first_sub(doc);
	const char *type = text_of(doc, "type"), *detail = text_of(doc, "detail"), *name;
	const char *words = NULL, *fix = "see what the authority said; 'mansio cert renew' tries again";
	size_t i;

	if (sub && text_of(sub, "type")[0]) {
		type = text_of(sub, "type");
		detail = text_of(sub, "detail");
		name = text_of(json_object_get(sub, "identifier"), "value");
		what = name[0] ? name : what;
	}
	if (strncmp(type, PREFIX, strlen(PREFIX)) == 0)
		type += strlen(PREFIX);
	for (i = 0; i < ARRAY_LEN(known); i++) {
		if (strcmp(type, known[i].type) == 0) {
			words = known[i].words;
			fix = known[i].fix;
		}
	}
	if (words)
		problem_set(p, fix, "%.200s: %s; it said: %.400s", what, words, detail[0] ? detail : "nothing more");
	else
		problem_set(p, fix, "%.200s: the authority refused it (%.60s, HTTP %ld); it said: %.400s", what,
			type[0] ? type : "no reason", status, detail[0] ? detail : "nothing more");
	snprintf(p->type, sizeof p->type, "%.63s", type);
	printable(p->type);
}

int64_t problem_retry_after(const char *value, int64_t now)
{
	struct tm tm = { 0 };
	uint64_t n;
	const char *end;

	if (str_u64(str_of(value), LONGEST_WAIT, &n) == 0)
		return (int64_t)n;
	end = strptime(value, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	if (!end || *end)
		return 0;
	return MAX(MIN((int64_t)timegm(&tm) - now, (int64_t)LONGEST_WAIT), (int64_t)0);
}
