/* SPDX-License-Identifier: ISC
 *
 * check.h: private to checkd, the process that says what a domain must publish in the DNS, whether
 * it does, and whether this host can do its work.
 *
 *   checkd.c    the process: one child a verb
 *   records.c   what a domain has to publish (domain dns, domain zone)
 *   domain.c    is it there, and right? (domain check)
 *   keys.c      the same of the keys that sign mail (DKIM)
 *   keytext.c   what a published text is, beside a key
 *   secure.c    the same of what others insist on: TLSA, MTA-STS
 *   spf.c       what an SPF record says about this host
 *   host.c      name, ports, clock, resolver, blocklists, room (host check)
 *
 * A check is one row: what was looked at, one of four states, one sentence, and what to do. UNKNOWN
 * is said where nothing was learnt, never OK or FAIL.
 */
#ifndef MANSIO_CHECK_H
#define MANSIO_CHECK_H

#include "base/clock.h"
#include "conf/conf.h"
#include "net/resolver.h"

#define CHECK_ADDRESSES 16
#define CHECK_CERTS 16

/* What is known of this host before anything is asked. */
struct facts {
	const struct conf *conf;
	const char *host;
	struct addr addr[CHECK_ADDRESSES]; /* of its interfaces that the Internet could reach */
	size_t naddrs;
	struct buf cert[CHECK_CERTS]; /* PEM chains in use */
	size_t ncerts;
	struct buf next; /* a certificate with the key that comes after the one in use; empty: none is made */
	int state; /* the state folder, O_PATH; -1 */
};

/* One verb at work, in its child. */
struct check {
	const struct facts *f;
	const struct ipc_msg *m; /* the verb's arguments */
	int reply, resolver, signd, policyd, authd; /* links: -1: not there */
	struct arena a;
	deadline until;
	int64_t most; /* ms for one question */
	const char *error; /* for a code that is not 0 */
};

enum check_state { CHECK_OK, CHECK_WARN, CHECK_FAIL, CHECK_UNKNOWN };
const char *check_state_name(enum check_state s);
/* Time left for the next question to the DNS, ms. */
int64_t check_wait(const struct check *k);
void check_row(struct check *k, struct ipc_msg *row); /* sends and ends it */

/* --- records.c --- */

enum need { NEED_MUST, NEED_SHOULD, NEED_MAY };
struct want {
	const char *name; /* without the last dot */
	enum dns_type type;
	const char *value; /* as in a zone file */
	const char *why;
	enum need need;
	const char *key; /* of DKIM: the text of the record; else NULL */
	enum key_life { KEY_SIGNS, KEY_IS_NEXT, KEY_IS_OLD } life; /* of TLSA too: in use, or next */
};
#define WANTS 128
struct wants {
	struct want v[WANTS];
	size_t n;
};
/* What `domain` has to publish for mail to and from this host. */
void wants_make(struct check *k, const char *domain, struct wants *out);
/* One more; NULL: there is no room. */
struct want *wants_add(struct wants *w, enum need need, const char *name, enum dns_type type, const char *value, const char *why);
/* As text for a zone file, with comments. */
void wants_zone(const struct facts *f, const struct wants *w, const char *domain, struct buf *out);
/* The smarthost, if the setting names its address. */
bool relay_address(const struct check *k, struct addr *out);
/* The port of the first address of a `listen` setting; 0: there is none, or no such setting. */
uint16_t listens_on(const struct conf *c, const char *service);

/* --- keys.c --- */

/* "first 255 bytes" "the rest": as a zone file has it. */
const char *txt_pieces(struct arena *a, struct str text);
/* In place of a value; a name with it is not one to be asked for. */
#define KEYS_UNKNOWN "<shown while Mansio runs>"
#define KEYS_NONE "<no key yet>"
/* The keys of the domain, or one of the two above. */
void keys_add(struct check *k, const char *domain, struct wants *w);
bool keys_placeholder(const struct want *w);
/* It is one of the two: says so in a row. */
bool keys_missing(struct check *k, const struct want *w);

/* --- keytext.c --- */

/* What a published text is, against the one that should be there; the best first. */
enum key_fault { KEY_SAME, KEY_ON_TRIAL, KEY_QUOTED, KEY_CUT, KEY_REVOKED, KEY_OTHER, KEY_BROKEN };
enum key_fault key_compare(struct arena *a, struct str found, struct str want);

/* --- spf.c --- */

struct spf {
	enum spf_result { SPF_NONE, SPF_PASS, SPF_NEUTRAL, SPF_SOFTFAIL, SPF_FAIL, SPF_BROKEN, SPF_TEMP } result;
	unsigned lookups; /* terms that cost a lookup (RFC 7208 4.6.4) */
	char all; /* the last word on everybody else: + - ~ ? or 0 */
	char why[200]; /* of SPF_BROKEN, SPF_TEMP */
};
/* What the record of a domain says of mail from that address. text: the record, if it is known. */
void spf_check(struct check *k, const char *domain, struct str text, const struct addr *from, struct spf *out);
bool spf_is_record(struct str txt);

/* --- verbs; a sysexits code, and a sentence in error if it is not 0 --- */

int verb_domain_dns(struct check *k, const char *domain, bool zone);
int verb_domain_check(struct check *k, const char *domain);
int verb_host_check(struct check *k, const char *domain);

#endif
