/* SPDX-License-Identifier: ISC
 *
 * sts.h: MTA-STS policies (RFC 8461) as values: the record in the DNS that says that there is one and which,
 * and the policy itself. Pure and bounded: both are written by strangers.
 */
#ifndef MANSIO_SMTP_POLICY_STS_H
#define MANSIO_SMTP_POLICY_STS_H

#include "base/arena.h"
#include "base/str.h"

#define STS_MX 64 /* patterns of one policy */
#define STS_ID 32
#define STS_AGE_MAX 31557600 /* seconds: a year (RFC 8461 3.2) */
#define STS_TEXT_MAX (64 * 1024)

enum sts_mode { STS_NONE, STS_TESTING, STS_ENFORCE };

struct sts_policy {
	enum sts_mode mode;
	int64_t max_age; /* seconds */
	struct str mx[STS_MX]; /* lower case, in the arena */
	size_t n;
};

const char *sts_mode_name(enum sts_mode m); /* "enforce" */
int sts_mode_parse(struct str s, enum sts_mode *out);
/* One TXT record of _mta-sts.DOMAIN. 1: it is one, id_out its id (a view); 0: something else; E_SYNTAX: one that is broken. */
int sts_record_parse(struct str txt, struct str *id_out);
/* All of /.well-known/mta-sts.txt. E_SYNTAX, E_LIMIT; *why_out (static): which rule it breaks. */
int sts_policy_parse(struct str text, struct arena *a, struct sts_policy *out, const char **why_out);
/* May mail for the domain go to this host (RFC 8461 4.1)? "*.example.net" is for exactly one label more. */
bool sts_matches(struct str pattern, struct str host);
bool sts_allows(const struct str *mx, size_t n, const char *host);

#endif
