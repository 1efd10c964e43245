/* SPDX-License-Identifier: ISC
 *
 * probe.h: private to probe.c, probe_here.c and probe_rows.c: one test (mansio test delivery), see probe.c.
 */
#ifndef MANSIO_SMTP_SEND_PROBE_H
#define MANSIO_SMTP_SEND_PROBE_H

#include "smtp/send/sender.h"

#define PROBE_WORDS 2000 /* of one row */

enum probe_state { PROBE_OK, PROBE_WARN, PROBE_FAIL };

struct probe {
	TAILQ_ENTRY(probe) link;
	struct sender *sender;
	int reply; /* negative: nobody waits for it any more */
	struct job job; /* no message: `job.probe` */
	const char *name; /* the address, as it was asked for */
	bool all;
	struct dest dest;
	bool begun; /* dest is in use */
	bool found; /* the hosts are known */
	bool waits; /* for the table of routes, which has the job */
	bool ours; /* it is a domain of this server */
	bool refused; /* at RCPT, by this server */
	const char *held; /* it stays in the queue: by what; NULL: it does not */
	struct dsn later; /* code: mail waits, though a server would take it */
	struct str domain; /* of the address after rewriting */
	struct way *way; /* a reference; NULL: no route */
	uint64_t asks; /* queued, about its list of suppressions; 0: not, or it has answered */
	deadline asked_until;
	bool done; /* no host is left, or needed */
	struct dsn nowhere; /* code: why the host before did not do, or there is none */
	struct host *smarthost; /* of its own; NULL: by dest */
	size_t at; /* of dest.mx */
	bool shown; /* what is known of the host was told */
	struct session *session;
	enum client_state stage; /* the session was in, when it closed */
	int said; /* code of the last reply, 0: none in this stage */
	int answer; /* code to RCPT, of the first host that was asked; 0: none was */
	char taker[400]; /* who gave it */
	int64_t since, began; /* ms */
	deadline until;
	struct event ev;
};

/* A row for who asked; words are cut to PROBE_WORDS. The second is about the host that is looked at, and takes the time since
 * the row before. */
void probe_tell(struct probe *p, const char *stage, const char *host, enum probe_state state, struct str words, int64_t ms);
void probe_row(struct probe *p, const char *stage, enum probe_state state, const char *fmt, ...) PRINTF(4, 5);
int64_t probe_lap(struct probe *p);
/* What is known of a host before it is talked to: addresses, TLSA records, what TLS must be. */
void probe_show_host(struct probe *p, const struct host *h);
/* It goes no further: a row, and why. */
void probe_ends(struct probe *p, int code, const char *status, const char *stage, const char *words);
/* As it will be said in RCPT, and the domain as the queue has it: A-labels, lower case. E_SYNTAX. */
int probe_address(struct str in, struct arena *a, struct str *out, struct str *domain);
/* Goes on without an answer from queued, if its time is over. */
void probe_hear_queue(struct probe *p);
/* "greeting", "mail": what the session does in that state. */
const char *probe_stage(const struct client *c, enum client_state s);

#endif
