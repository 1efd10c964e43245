/* SPDX-License-Identifier: ISC
 *
 * way.h: private to the program sender: the table of routes (verbs `route`, auth/auth.h).
 * For each pair of recipients' and sender's domain authd is asked once a minute; what it says is
 * put on the job's destination before the job waits there.
 *
 *   job -> way_job -> [asks authd, the jobs of this pair wait] -> way of the destination -> dest_add
 *
 * Always true: no job goes out before the table has answered for it. Where authd is away, the
 * last answer will do; without one the mail is deferred.
 */
#ifndef MANSIO_SMTP_SEND_WAY_H
#define MANSIO_SMTP_SEND_WAY_H

#include "auth/auth.h"
#include "net/addr.h"

struct sender;
struct job;
struct client_options;
struct session;
struct security_facts;

#define WAY_SOURCES 16

/* What a route asks for; shared by all destinations and hosts whose route is the same to the byte. */
struct way {
	struct arena a;
	unsigned refs;
	char key[65]; /* of its content, the secret too: a digest */
	struct auth_route route;
	struct addr source[WAY_SOURCES];
	size_t nsources;
};
struct way *way_ref(struct way *w); /* NULL stays NULL */
void way_drop(struct way *w);

void way_init(struct sender *s);
void way_link(struct sender *s, int fd); /* a new authd: what is open is asked again */
/* By the table, else as without it: smarthost or MX. domain: of the recipients. */
void way_job(struct sender *s, struct job *j, struct str domain);
void way_tick(struct sender *s); /* once a second */
void way_forget(struct sender *s); /* for a stop: jobs that wait for an answer go back untold */
void way_reload(struct sender *s); /* what is known is asked for anew */
bool way_waits(const struct sender *s);
/* What of it concerns a session: TLS, login. */
void way_options(const struct way *w, struct client_options *o);
/* ... and how safe the connection must be. w may be NULL. */
void way_facts(const struct way *w, struct security_facts *f);

#endif
