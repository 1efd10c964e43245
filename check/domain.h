/* SPDX-License-Identifier: ISC
 *
 * domain.h: private to `mansio domain check`: what was looked up, and what was found out of it.
 *
 *   domain.c    the questions, the rows, most records
 *   keys.c      DKIM
 *   secure.c    TLSA, MTA-STS, TLS-RPT
 */
#ifndef MANSIO_CHECK_DOMAIN_H
#define MANSIO_CHECK_DOMAIN_H

#include "check/check.h"

#define LOOKS 192

struct looks {
	struct resolver_question q[LOOKS];
	size_t n;
};

struct domain_check {
	struct check *k;
	const struct facts *f;
	const char *domain;
	struct wants wants;
	struct looks looks;
	struct addr mine[CHECK_ADDRESSES]; /* public addresses of this host: its own, else what its name has */
	size_t nmine;
	bool mine_known; /* its own */
};

struct finding {
	enum check_state state;
	const char *words, *fix;
};

/* --- domain.c --- */

struct finding finding(enum check_state state, const char *words, const char *fix); /* fix: NULL, or what to do */
/* "Publish: NAME. IN TYPE VALUE" */
const char *publish(struct domain_check *d, const struct want *w);
/* What it means that it is not there. */
enum check_state missing(const struct want *w);
const struct dns_answer *seen(const struct looks *l, const char *name, enum dns_type type);

/* --- keys.c --- */

struct finding judge_key(struct domain_check *d, const struct want *w, const struct dns_answer *x);

/* --- secure.c --- */

struct finding judge_tlsa(struct domain_check *d, const struct want *w, const struct dns_answer *x);
struct finding judge_policy(struct domain_check *d, const struct want *w, const struct dns_answer *x);

#endif
