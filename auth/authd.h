/* SPDX-License-Identifier: ISC
 *
 * authd.h: what the files of authd's main process share.
 */
#ifndef MANSIO_AUTH_AUTHD_H
#define MANSIO_AUTH_AUTHD_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "auth/bounce.h"
#include "auth/cache.h"
#include "auth/challenge.h"
#include "auth/client.h"
#include "auth/frame.h"
#include "auth/key.h"
#include "auth/logins.h"
#include "auth/pool.h"
#include "auth/slowdown.h"
#include "auth/renewal.h"
#include "conf/program.h"

struct authd {
	struct program program;
	struct event_base *base;
	struct pool *pool;
	struct cache *cache;
	struct tickets *tickets;
	struct renewals *renewals;
	struct slowdown *slowdown;
	struct logins *logins; /* of the admin page */
	struct challenges *challenges; /* for security keys there */
	struct keys keys;
	struct bounce_limit bounces;
	bool kerberos; /* the workers' parent has loaded what it takes */
	unsigned scram; /* kinds of keys (password.h) that SCRAM is offered with now */
	bool shared; /* some account has a shared secret: CRAM-MD5 and APOP are offered */
	bool offered; /* the fronts know what is offered: we are ready */
	size_t exchanges;
};
extern struct authd authd;

/* authd_link.c: one message of a client, checked against the table of verbs. */
bool link_message(struct client *c, struct ipc_msg *m);
void link_closed(struct client *c);

/* lookup.c: a question to the directory, answered from the cache or by a
 * worker. fn is called once, maybe at once; answer NULL: back end down. */
typedef void lookup_fn(void *arg, const struct ipc_msg *answer);
/* While a verb is at work nothing is answered from the cache: the command hears that a right is gone before we do, and what it
 * does then must meet the directory as it is. */
void lookup_past_cache(bool on);
void lookup(const char *kind, struct str user, struct str address, lookup_fn *fn, void *arg);
/* The directory has changed: nothing cached counts, offers may differ. */
void directory_changed(void);
/* Routes to these ("*", a domain, ".domain") have: those who send are told. */
void routes_changed(struct str to);
/* A sender that is new hears of the changes of the last minute. */
struct client;
void routes_tell(struct client *c);

/* exchange.c, exchange_messages.c: SASL exchanges of the fronts. false: the front breaks the rules. */
bool exchange_message(struct client *c, struct ipc_msg *m);
void exchange_drop_all(struct client *c);
/* The password of this account is another one now: a login that was good and not answered yet fails. */
void exchanges_forget(struct str user);
/* A login with a password at the gate: the same workers, slow-down and lock-out. fn is
 * called once: result ok (user: the account's name), code (the same, but the second factor is missing; answer is the
 * worker's), fail, limit, unavailable. */
typedef void exchange_fn(void *arg, const char *result, struct str user, const struct ipc_msg *answer);
void exchange_login(const struct addr *peer, struct str user, struct str password, const struct sasl_second *second, exchange_fn *fn,
	void *arg);
/* before.c: POP before SMTP. A login that is good for submission too; an account whose logins count no more; a front's
 * question (false: it breaks the rules). */
void before_login(const struct addr *peer, struct str user);
void before_forget(struct str user);
void before_sweep(void);
bool before_ask(struct client *c, const struct ipc_msg *m);

/* offer.c: what fronts advertise and may begin. */
enum offer { OFFER_CLEAR, OFFER_TLS, OFFER_CERTIFICATE, OFFERS }; /* CERTIFICATE: by TLS, and the client showed one */
bool offer_has(enum offer to, struct str mech);
void offer_send(struct client *c);
void offer_refresh(void);

/* control.c: verbs of the mansio command. */
void control_message(struct program *p, struct ipc_msg *m);
/* Runs the verb that m names; takes reply (-1: nobody listens). */
void control_run(const struct ipc_msg *m, int reply);
/* All sessions of mail programs of an account end and do not come back without a password; those of the page go on. */
void control_end_mail(const char *user);

#endif
