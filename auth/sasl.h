/* SPDX-License-Identifier: ISC
 *
 * sasl.h: SASL exchanges by Cyrus SASL, in a worker. One exchange is one login attempt; it blocks while it looks up and
 * hashes. No configuration file, no password file and no plug-in but PLAIN, LOGIN and SCRAM is loaded (EXTERNAL is in
 * the library itself; GSSAPI and GS2 where a keytab is set); OAUTHBEARER and XOAUTH2 are ours, and so are CRAM-MD5 and
 * APOP.
 */
#ifndef MANSIO_AUTH_SASL_H
#define MANSIO_AUTH_SASL_H

#include "auth/frame.h"
#include "auth/jwks.h"
#include "auth/oldserver.h"
#include "auth/resolve.h"
#include "auth/scheme.h"
#include "auth/shared_secret.h"
#include "auth/verified.h"

/* Loads the library and its plug-ins: before the sandbox, once, before forks. kerberos: those of GSSAPI, too (after
 * kerberos_prepare); E_NOTFOUND: this system has none. */
int sasl_setup(bool kerberos);

/* What the exchanges of this process work with. */
struct sasl_service {
	struct resolver resolver;
	unsigned cost, iterations, kinds; /* of hashes and keys that are made now */
	struct scheme_limits limits; /* of hashes that others made */
	struct verified *verified; /* good logins of a moment ago; not ours */
	int64_t login_cache_ms; /* how long they count; 0: not at all */
	bool upgrade; /* older ones at a good login */
	const struct conf *conf; /* [oauth] */
	struct oldserver old; /* who is asked about people that move in */
	enum oldserver_from from; /* of the step that is done now */
	const struct jwks *keys; /* of access tokens; NULL: none are there */
	const struct client_ca *client_ca; /* who vouches for certificates of clients; NULL: none are taken */
	int64_t code_tries, code_window_s; /* of second factors (second.h) */
	bool main_web; /* main passwords are good for the web page alone */
	bool scram; /* offered: a client that says "y" lies or was lied to */
	struct shared_secret_key shared_key; /* that opens shared secrets */
	struct buf shared_dummy; /* one that nobody has, sealed */
	struct str host; /* whose challenges they are */
	struct buf dummy; /* a hash that no password has; made by sasl_service_set */
	struct scheme_limits dummy_takes;
	unsigned char secret[DIRECTORY_SECRET];
};
/* Takes the settings; s must outlive all exchanges. 0 or negative. */
int sasl_service_set(struct sasl_service *s);

enum sasl_result {
	SASL_CONTINUES,
	SASL_GOOD,
	SASL_BAD,
	SASL_DOWN,
	SASL_CODE, /* the password is right, and the account has a second factor that was not shown (web page) */
	SASL_CLOCK, /* a ticket that may be good, by a clock that is too far from ours */
	SASL_ASKS, /* the provider of tokens must be asked; sasl_exchange_told is the next step */
};
struct sasl_outcome {
	enum sasl_result result;
	struct str data; /* p NULL: none; lives until the next call */
	struct str user; /* the name that was tried, normal form if it has one; empty: none yet */
	const char *why; /* for the log, static */
	bool lasting; /* GOOD by the main password: the same again is as good until the directory changes */
	bool upgraded; /* new hash or keys were stored */
	bool moved_in; /* the old server knew the password, which is stored now */
	bool failed; /* CONTINUES: data tells the client that it failed; what it says next ends it */
	/* CODE: which second factors there are, and the names of security keys for this page (second.h) */
	const char *ways;
	struct str keys;
	struct str copied; /* BAD: this security key may have been copied; p NULL: none */
	const char *ask; /* ASKS: renew (keys), introspect (token) */
	struct str token; /* introspect */
	uint64_t expires; /* when the account or the app password ends (Unix time); 0: never */
	bool no_submission; /* by an app password that is not for submission */
};

struct sasl_exchange;
struct sasl_exchange *sasl_exchange_new(const struct sasl_start *start);
/* Client data; p NULL: no initial response. After anything but SASL_CONTINUES
 * only sasl_exchange_free may follow. */
void sasl_exchange_step(struct sasl_exchange *x, struct str data, struct sasl_outcome *out);
/* After SASL_ASKS: what the provider said, or that it said nothing. */
enum told_result { TOLD_OK, TOLD_INACTIVE, TOLD_NOTHING };
struct sasl_told {
	enum told_result result;
	struct str claims; /* OK, of a token: JSON */
};
void sasl_exchange_told(struct sasl_exchange *x, const struct sasl_told *told, struct sasl_outcome *out);
void sasl_exchange_free(struct sasl_exchange *x);

#endif
