/* SPDX-License-Identifier: ISC
 *
 * dns.h: answers of the Domain Name System as values: from the wire (RFC 1035 4.1), and to and
 * from the text that our own processes exchange (resolver.h).
 *
 * What strangers put into the DNS is data: a name's bytes other than letters, digits and -_*+/
 * are written \DDD, and so are control characters, backslashes and what is not UTF-8 in a
 * TXT record. No CR, LF or NUL leaves this file (C02 of the promises). dns_is_hostname says
 * which names may be connected to or spoken on a wire.
 */
#ifndef MANSIO_NET_DNS_H
#define MANSIO_NET_DNS_H

#include "base/arena.h"
#include "base/buf.h"
#include "net/addr.h"

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_SRV = 33,
	DNS_TLSA = 52,
};

enum dns_state {
	DNS_OK, /* there are records */
	DNS_NODATA, /* the name exists, without records of this type */
	DNS_NXDOMAIN, /* there is no such name: the only answer that says so */
	DNS_SERVFAIL, /* the servers gave no usable answer */
	DNS_BOGUS, /* signed, and the signatures do not hold */
	DNS_TIMEOUT, /* no answer before the deadline */
	DNS_BUSY, /* too much is asked at once */
	DNS_INVALID, /* that is not a name, or not a type */
	DNS_AWAY, /* the resolver process is not there */
};

struct dns_record {
	uint32_t ttl;
	uint16_t priority, weight, port; /* MX: priority; SRV: all three */
	struct addr addr; /* A, AAAA */
	struct str name; /* NS CNAME PTR MX SRV: lower case, without the last dot; the root is "." */
	struct str data; /* TXT: its strings as one; TLSA: "3 1 1 hex" */
};

#define DNS_RECORDS 100 /* of one answer */
#define DNS_NAME_TEXT 1024 /* longest name as text: each of its 255 bytes escaped, and NUL */

struct dns_answer {
	uint64_t id;
	enum dns_state state;
	bool secure; /* proven by DNSSEC, also that there is nothing */
	uint32_t ttl; /* of the records together; 0 if there are none */
	struct str canonical; /* where CNAMEs led to; empty: nowhere else */
	struct dns_record *record;
	size_t n;
	struct str why; /* of a failure, for people; may be empty */
};

/* "MX"; NULL: not one of ours. */
const char *dns_type_name(enum dns_type t);
int dns_type_parse(struct str s, enum dns_type *out);
/* "nxdomain", and what people are told: "there is no such name". */
const char *dns_state_name(enum dns_state s);
const char *dns_state_text(enum dns_state s);
int dns_state_parse(struct str s, enum dns_state *out);

/* Letters, digits, hyphens (RFC 1123 2.1), at most 253 bytes, labels at most 63, at least one
 * letter in the last label: what may stand in a greeting or be connected to. */
bool dns_is_hostname(struct str s);
/* A name that can be asked for: as above, and _ in labels. */
bool dns_is_name(struct str s);
/* "1.2.0.192.in-addr.arpa" (RFC 1035 3.5), "...ip6.arpa" (RFC 3596 2.5). */
void dns_reverse(const struct addr *a, struct buf *out);
/* Bytes of a TXT record from its text, for who checks signatures over them. E_SYNTAX. */
int dns_unescape(struct str text, struct buf *out);

/* An answer from the wire to a question for `type`; id, secure and why are the caller's.
 * E_SYNTAX: it does not parse; E_LIMIT: more than DNS_RECORDS records or 64 KiB. */
int dns_parse(struct str packet, enum dns_type type, struct arena *a, struct dns_answer *out);

/* One record as text, and back. */
void dns_record_print(const struct dns_record *r, enum dns_type type, struct buf *out);
int dns_record_parse(struct str text, enum dns_type type, struct arena *a, struct dns_record *out);

#endif
