/* SPDX-License-Identifier: ISC
 *
 * classify.c: see classify.h. A table: the first line that fits counts. The order is the care that is
 * taken: "550 5.1.1 rejected as spam" says nothing of the mailbox, and a wrong "does not exist" would stop
 * mail to somebody who is there (suppress.c).
 */
#include "smtp/queue/classify.h"

/* status: a prefix behind its first digit ("1.1" fits 5.1.1 and 4.1.1), NULL: any; words: in lower case, NULL: any. */
static const struct line {
	const char *status, *words;
	enum bounce_class class;
} table[] = {
	/* words that leave no doubt */
	{ NULL, "spam", BOUNCE_SPAM }, { NULL, "blacklist", BOUNCE_SPAM }, { NULL, "black list", BOUNCE_SPAM },
	{ NULL, "blocklist", BOUNCE_SPAM }, { NULL, "block list", BOUNCE_SPAM }, { NULL, "reputation", BOUNCE_SPAM },
	{ NULL, "unsolicited", BOUNCE_SPAM }, { NULL, "dnsbl", BOUNCE_SPAM }, { NULL, "virus", BOUNCE_SPAM },
	{ NULL, "greylist", BOUNCE_RATE }, { NULL, "graylist", BOUNCE_RATE }, { NULL, "rate limit", BOUNCE_RATE },
	{ NULL, "ratelimit", BOUNCE_RATE }, { NULL, "throttl", BOUNCE_RATE }, { NULL, "too many ", BOUNCE_RATE },
	{ NULL, "too fast", BOUNCE_RATE }, { NULL, "too quickly", BOUNCE_RATE },
	{ NULL, "mailbox full", BOUNCE_FULL }, { NULL, "mailbox is full", BOUNCE_FULL }, { NULL, "over quota", BOUNCE_FULL },
	{ NULL, "overquota", BOUNCE_FULL }, { NULL, "quota exceeded", BOUNCE_FULL }, { NULL, "exceeded its quota", BOUNCE_FULL },
	{ NULL, "exceeds quota", BOUNCE_FULL },
	{ NULL, "starttls", BOUNCE_TLS }, { NULL, "certificate", BOUNCE_TLS }, { NULL, "encryption", BOUNCE_TLS },
	{ NULL, "tls required", BOUNCE_TLS }, { NULL, "tlsa", BOUNCE_TLS },
	{ NULL, "domain not found", BOUNCE_DNS }, { NULL, "domain does not exist", BOUNCE_DNS }, { NULL, "no such domain", BOUNCE_DNS },
	{ NULL, "host not found", BOUNCE_DNS }, { NULL, "unknown host", BOUNCE_DNS }, { NULL, "host unknown", BOUNCE_DNS },
	{ NULL, "null mx", BOUNCE_DNS }, { NULL, "takes no mail", BOUNCE_DNS },
	/* codes of RFC 3463, 7505, 7372, 8689 */
	{ "2.2", NULL, BOUNCE_FULL },
	{ "1.2", NULL, BOUNCE_DNS }, { "1.8", NULL, BOUNCE_DNS }, { "1.10", NULL, BOUNCE_DNS }, { "4.3", NULL, BOUNCE_DNS },
	{ "4.4", NULL, BOUNCE_DNS }, { "7.10", NULL, BOUNCE_TLS }, { "7.11", NULL, BOUNCE_TLS }, { "7.30", NULL, BOUNCE_TLS },
	{ "7.28", NULL, BOUNCE_RATE }, { "4.5", NULL, BOUNCE_RATE },
	{ "1.1", NULL, BOUNCE_INVALID }, { "1.3", NULL, BOUNCE_INVALID }, { "1.6", NULL, BOUNCE_INVALID }, { "2.1", NULL, BOUNCE_INVALID },
	{ "7.", NULL, BOUNCE_POLICY },
	/* words where the code says little */
	{ NULL, "no such user", BOUNCE_INVALID }, { NULL, "user unknown", BOUNCE_INVALID }, { NULL, "unknown user", BOUNCE_INVALID },
	{ NULL, "recipient unknown", BOUNCE_INVALID }, { NULL, "unknown recipient", BOUNCE_INVALID },
	{ NULL, "no such recipient", BOUNCE_INVALID }, { NULL, "no such mailbox", BOUNCE_INVALID },
	{ NULL, "mailbox not found", BOUNCE_INVALID }, { NULL, "user not found", BOUNCE_INVALID },
	{ NULL, "mailbox does not exist", BOUNCE_INVALID }, { NULL, "user does not exist", BOUNCE_INVALID },
	{ NULL, "account does not exist", BOUNCE_INVALID }, { NULL, "user doesn't exist", BOUNCE_INVALID },
	{ NULL, "account disabled", BOUNCE_INVALID }, { NULL, "account is disabled", BOUNCE_INVALID },
	{ NULL, "mailbox disabled", BOUNCE_INVALID }, { NULL, "mailbox is disabled", BOUNCE_INVALID },
	{ NULL, "relay", BOUNCE_POLICY }, { NULL, "denied", BOUNCE_POLICY }, { NULL, "not allowed", BOUNCE_POLICY },
	{ NULL, "not permitted", BOUNCE_POLICY }, { NULL, "policy", BOUNCE_POLICY }, { NULL, "blocked", BOUNCE_POLICY },
};

static bool has(struct str s, const char *words)
{
	size_t n = strlen(words), i, k;

	for (i = 0; i + n <= s.n; i++) {
		for (k = 0; k < n && ascii_lower(s.p[i + k]) == words[k]; k++)
			;
		if (k == n)
			return true;
	}
	return false;
}

/* "7." is a prefix; "1.1" is all that follows the class, so that 1.10 does not fit it. */
static bool fits(struct str status, const char *want)
{
	struct str rest = status.n > 2 && status.p[1] == '.' ? str_from(status, 2) : STR("");
	size_t n = strlen(want);

	return want[n - 1] == '.' ? str_starts(rest, want) : str_eqc(rest, want);
}

enum bounce_class bounce_class(int code, struct str status, struct str reply)
{
	size_t i;

	if (code >= 200 && code < 400)
		return BOUNCE_NONE;
	for (i = 0; i < ARRAY_LEN(table); i++)
		if ((!table[i].status || fits(status, table[i].status)) && (!table[i].words || has(reply, table[i].words)))
			return table[i].class;
	return reply.n || status.n ? BOUNCE_OTHER : BOUNCE_NONE;
}

const char *bounce_name(enum bounce_class c)
{
	static const char *const name[BOUNCE_CLASSES] = { "", "invalid", "full", "policy", "spam", "dns", "tls", "rate", "other",
		"complaint", "suppressed", "admin" };

	return (unsigned)c < BOUNCE_CLASSES ? name[c] : "other";
}
