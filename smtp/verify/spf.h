/* SPDX-License-Identifier: ISC
 *
 * spf.h: may this client send with that domain (Sender Policy Framework, RFC 7208)? A pure function: the
 * DNS is a function of the caller, which may answer "not yet"; then it is asked again, from the start, when
 * there is more. So the check reads as the RFC does, and nothing of it waits.
 *
 * Bounded (4.6.4): SPF_TERMS terms that ask, SPF_VOID answers with nothing in them, ten names of an MX or
 * PTR answer. Of the macros all of section 7 but p (which it warns of: "unknown"), and exp= is not fetched.
 */
#ifndef MANSIO_SMTP_VERIFY_SPF_H
#define MANSIO_SMTP_VERIFY_SPF_H

#include "base/arena.h"
#include "net/dns.h"

#define SPF_TERMS 10
#define SPF_VOID 2

enum spf_result { SPF_NONE, SPF_NEUTRAL, SPF_PASS, SPF_FAIL, SPF_SOFTFAIL, SPF_TEMPERROR, SPF_PERMERROR, SPF_WAIT };
const char *spf_result_name(enum spf_result r);

/* The answer, or NULL: not known yet (and asked for now). */
typedef const struct dns_answer *spf_ask_fn(void *arg, struct str name, enum dns_type type);

struct spf {
	struct addr client;
	struct str helo;
	struct str sender; /* local@domain; of a null sender postmaster@helo (2.4) */
	struct str host; /* our name, for %{r} */
	int64_t now; /* for %{t} */
	spf_ask_fn *ask;
	void *arg;
	struct arena *a;
};
/* check_host() (4). SPF_WAIT: some answer is not there yet. */
enum spf_result spf_check(const struct spf *s);

#endif
