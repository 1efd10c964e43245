/* SPDX-License-Identifier: ISC
 *
 * resolver.h: how every process asks resolverd, over its link "resolverd":
 *
 *   ask      id name type wait(ms) [fresh=1] -> answer   id state secure=0|1 ttl canonical why record= (repeated)
 *   address  id name wait(ms) [fresh=1] -> address  id ip= local=0|1 (repeated, best first) secure=0|1 canonical, or error= state=
 *   link     id                     -> link     id, descriptor "link": a further link of the same standing
 *
 * `ask` is the DNS alone. `address` finds what to connect to: an address itself, /etc/hosts,
 * localhost (RFC 6761 6.3), then A and AAAA. local=1: the address is one of this machine's.
 * fresh=1: what the cache holds does not count, however young it is.
 * Every question is answered before its wait is over, at the latest with state "timeout".
 */
#ifndef MANSIO_NET_RESOLVER_H
#define MANSIO_NET_RESOLVER_H

#include "net/dns.h"
#include "net/ipc.h"

#define RESOLVER_ADDRESSES 8
#define RESOLVER_SLACK_MS 1000 /* what a blocking caller waits beyond the question's own time */

struct resolver_addresses {
	uint64_t id;
	struct addr addr[RESOLVER_ADDRESSES];
	bool local[RESOLVER_ADDRESSES];
	size_t n; /* 0: error says why, and state */
	enum dns_state state; /* DNS_OK: there are some */
	bool secure; /* the records are proven by DNSSEC */
	char canonical[256]; /* where CNAMEs led to, if that is a host name; else empty */
	char error[160];
};

/* For event loops: sends a question without waiting (-EAGAIN: the link is full), and reads what came
 * back. An `answer` is parsed for the type that was asked. E_PEER: malformed. */
int resolver_send(int link, uint64_t id, const char *name, enum dns_type type, int64_t wait_ms, bool fresh);
int resolver_parse(const struct ipc_msg *m, enum dns_type type, struct arena *a, struct dns_answer *out);
int resolver_send_address(int link, uint64_t id, const char *name, int64_t wait_ms, bool fresh);
int resolver_parse_address(const struct ipc_msg *m, struct resolver_addresses *out);

/* For rooms that block: one question. Always fills out; a resolver that is gone or silent is
 * DNS_AWAY or DNS_TIMEOUT. */
void resolver_ask(int link, struct arena *a, const char *name, enum dns_type type, int64_t wait_ms,
	struct dns_answer *out);
/* Many questions at once, in one wait. */
struct resolver_question {
	const char *name;
	enum dns_type type;
	struct dns_answer answer;
};
void resolver_ask_all(int link, struct arena *a, struct resolver_question *q, size_t n, int64_t wait_ms);
/* Addresses to connect to, as `address`. out->n is 0 and out->error says why if there are none. */
void resolver_address(int link, const char *name, int64_t wait_ms, struct resolver_addresses *out);

/* The other side of the wire, for resolverd. */
void resolver_answer_print(const struct dns_answer *x, enum dns_type type, struct ipc_msg *m);

#endif
