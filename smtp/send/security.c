/* SPDX-License-Identifier: ISC
 *
 * security.c: how safe a connection must be (see security.h).
 *
 * RFC 7672 2.1 (proven or not), 2.2 (which look-ups), 3.1 (usages), 3.2.2 (names); RFC 8461 4 (enforce, testing), 2 (DANE first);
 * RFC 8689 4.2.1 (REQUIRETLS).
 */
#include "smtp/send/security.h"

#include <strings.h>

#include "net/tlsa.h"

static void refuse(struct security *s, int code, const char *status, const char *result)
{
	s->refused = true;
	s->code = code;
	s->status = status;
	s->result = result;
}

static void name(struct security *s, struct str n)
{
	size_t i;

	for (i = 0; i < s->nnames; i++)
		if (str_ieqc(n, s->name[i]))
			return;
	if (s->nnames < SECURITY_NAMES && n.n < SECURITY_NAME_TEXT)
		snprintf(s->name[s->nnames++], SECURITY_NAME_TEXT, "%.*s", STRF(n));
}

bool security_wants_tlsa(const struct security_facts *f)
{
	return !f->by_admin && !f->optional && !f->literal && f->mx_secure && f->address_secure;
}

/* True: MTA-STS has the word. */
static bool by_sts(const struct security_facts *f, struct security *s)
{
	bool named;

	if (!f->sts_found || f->sts_mode == STS_NONE || f->by_admin || f->optional)
		return false;
	s->by = SEC_BY_STS;
	named = !f->literal && sts_allows(f->sts_mx, f->sts_n, f->host);
	name(s, str_of(f->host));
	if (f->sts_mode == STS_TESTING) {
		s->level = SEC_MAY;
		s->testing = true;
		s->sts_mismatch = !named;
		s->result = named ? NULL : "validation-failure";
		snprintf(s->words, sizeof s->words, "MTA-STS policy of %.120s, on trial%s", f->domain, named ? "" : ": it does not name this host");
		return true;
	}
	s->level = SEC_VERIFY;
	snprintf(s->words, sizeof s->words, "MTA-STS policy of %.120s", f->domain);
	if (!named) { /* RFC 8461 4.1: never delivered there */
		refuse(s, 451, "4.7.0", "validation-failure");
		snprintf(s->words, sizeof s->words, "the MTA-STS policy of %.120s does not name %.90s", f->domain, f->host);
	}
	return true;
}

/* True: DANE has the word. */
static bool by_dane(const struct security_facts *f, struct security *s)
{
	const struct dns_answer *t = f->tlsa;
	size_t i;

	if (!t || !security_wants_tlsa(f) || t->state == DNS_NODATA || t->state == DNS_NXDOMAIN)
		return false;
	s->by = SEC_BY_TLSA;
	if (t->state != DNS_OK) { /* RFC 7672 2.1.3, 2.2: never a downgrade */
		refuse(s, 451, t->state == DNS_BOGUS ? "4.7.0" : "4.4.3", "dnssec-invalid");
		snprintf(s->words, sizeof s->words, "the TLSA records of %.120s cannot be had: %s", f->host, dns_state_text(t->state));
		return true;
	}
	if (!t->secure) {
		s->by = SEC_BY_NOBODY;
		return false;
	}
	for (i = 0; i < t->n && s->ntlsa < SECURITY_TLSA; i++)
		if (tlsa_usable(t->record[i].data))
			s->tlsa[s->ntlsa++] = t->record[i].data;
	if (s->ntlsa == 0 && f->sts_found && f->sts_mode == STS_ENFORCE) /* no DANE takes place (RFC 7672 2.2): that is in force (RFC 8461 2) */
		return by_sts(f, s);
	if (s->ntlsa == 0) {
		s->level = SEC_ENCRYPT;
		s->result = "tlsa-invalid";
		snprintf(s->words, sizeof s->words, "none of the TLSA records of %.120s can be used: encrypted, not verified", f->host);
		return true;
	}
	s->level = SEC_DANE;
	name(s, str_of(f->base ? f->base : f->host));
	name(s, str_of(f->domain));
	if (f->canonical.n)
		name(s, f->canonical);
	snprintf(s->words, sizeof s->words, "DANE: %zu TLSA records of %.120s", s->ntlsa, f->base ? f->base : f->host);
	return true;
}

/* RFC 8689 4.2.1: a name from a safe place, a server that is verified. */
static void require(const struct security_facts *f, struct security *s)
{
	bool safe = f->by_admin || f->mx_secure || (s->level == SEC_VERIFY && s->by == SEC_BY_STS);

	if (s->refused)
		return;
	if (!safe) {
		refuse(s, 550, "5.7.30", NULL);
		snprintf(s->words, sizeof s->words, "REQUIRETLS: that %.90s takes mail for %.90s is proven neither by DNSSEC nor by MTA-STS", f->host, f->domain);
		return;
	}
	s->testing = false;
	if (s->level >= SEC_VERIFY)
		return;
	s->level = SEC_VERIFY;
	s->ntlsa = 0;
	name(s, str_of(f->host));
	snprintf(s->words, sizeof s->words, "REQUIRETLS: verified for %.120s", f->host);
}

void security_decide(const struct security_facts *f, struct security *out)
{
	struct security s = { .level = SEC_MAY };

	if (f->by_admin) {
		s.level = f->demand;
		s.by = SEC_BY_ADMIN;
		name(&s, str_of(f->host));
		snprintf(s.words, sizeof s.words, "as the settings say");
	} else if (!by_dane(f, &s) && !by_sts(f, &s)) {
		name(&s, str_of(f->host));
		snprintf(s.words, sizeof s.words, "%s", f->optional ? "the sender asks for no policy (TLS-Required: No)" : "no policy");
	}
	if (f->requiretls)
		require(f, &s);
	*out = s;
}

bool security_same(const struct security *a, const struct security *b)
{
	size_t i;

	if (a->level != b->level || a->by != b->by || a->testing != b->testing || a->refused != b->refused || a->nnames != b->nnames || a->ntlsa != b->ntlsa)
		return false;
	for (i = 0; i < a->nnames; i++)
		if (strcasecmp(a->name[i], b->name[i]) != 0)
			return false;
	for (i = 0; i < a->ntlsa; i++)
		if (!str_eq(a->tlsa[i], b->tlsa[i]))
			return false;
	return true;
}

void security_told(const struct security *s, const char *version, char *out, size_t n)
{
	const char *how = "opportunistic";

	if (!version) {
		snprintf(out, n, "none");
		return;
	}
	if (s->level == SEC_DANE)
		how = "DANE";
	else if (s->level == SEC_VERIFY)
		how = s->by == SEC_BY_STS ? "MTA-STS" : "verified";
	else if (s->level == SEC_ENCRYPT)
		how = "encrypted";
	snprintf(out, n, "%s %s", version, how);
}
