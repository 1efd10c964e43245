/* SPDX-License-Identifier: ISC
 *
 * sasl_private.h: what the files of the SASL mechanisms share: sasl.c (Cyrus SASL), sasl_password.c (its
 * passwords), sasl_external.c (certificates), sasl_kerberos.c, sasl_bearer.c (access tokens), sasl_shared.c (shared secrets).
 */
#ifndef MANSIO_AUTH_SASL_PRIVATE_H
#define MANSIO_AUTH_SASL_PRIVATE_H

#include <sasl/sasl.h>

#include "auth/sasl.h"
#include "auth/second.h"

struct sasl_exchange {
	struct sasl_service *service;
	sasl_conn_t *conn;
	sasl_callback_t callbacks[8];
	struct arena a; /* everything of this exchange */
	struct sasl_start start; /* copied */
	struct str challenge; /* of CRAM-MD5; p NULL: none was made */
	bool scram, plus, bearer, external, kerberos, started;
	bool first_read; /* the GS2 header came, or the first token of GSSAPI */
	bool refused; /* a bearer was told so */
	const char *ask; /* the provider is asked, and whoever it is waits; NULL: not now */
	struct str token, asked; /* ... with what, and whom the client asked for */
	unsigned steps;
	sasl_channel_binding_t binding;
	char *binding_name;

	struct str user; /* as tried */
	bool looked, found; /* the one query of this exchange */
	struct directory_account account;
	bool verified; /* by password or for these keys */
	bool remembered; /* that password was verified a moment ago */
	bool down; /* back end */
	const char *down_why; /* NULL: it does not answer */
	bool moved_in; /* the old server knew the password, which is stored now */
	bool elsewhere; /* its back end checked the password */
	struct second_outcome second; /* asked when the password was right */
	uint64_t expires; /* of the app password that was shown */
	bool no_submission; /* it is not for submission */
	const char *why; /* what a call-back found wrong */
	const char *detail; /* what the Kerberos library found wrong; NULL: nothing */
	bool lasting; /* verified by the main password */
	bool upgraded;
};

/* The name in normal form, or as it is when it is no address. */
struct str sasl_name(struct arena *a, struct str given);
/* The one query of an exchange. true: an account that may log in. */
bool sasl_look_up(struct sasl_exchange *x, struct str name);
/* Is its main password good for the web page alone, and is this something else? */
bool sasl_main_is_elsewhere(const struct sasl_exchange *x);
/* Of two ends of an account or password, 0: none. */
uint64_t sasl_earlier(uint64_t a, uint64_t b);
/* The library's call-back for a password: is it that of an account that may log in? */
int sasl_check_password(sasl_conn_t *conn, void *ctx, const char *user, const char *pass, unsigned n, struct propctx *prop);
/* EXTERNAL: the library hears whose account the client's certificate stands for, before it reads whom the client asks
 * for. NULL, or why that is nobody; x->down if nobody knows now. */
const char *sasl_set_external(struct sasl_exchange *x, struct str asked);
/* GSSAPI and GS2-KRB5 (sasl_kerberos.c) */
int sasl_kerberos_name(struct sasl_exchange *x, struct str given, bool principal, struct str *out); /* 0 or E_DENIED */
void sasl_kerberos_done(struct sasl_exchange *x);
void sasl_kerberos_log(struct sasl_exchange *x, struct str text);
bool sasl_kerberos_skewed(const struct sasl_exchange *x);
void sasl_bearer_step(struct sasl_exchange *x, struct str data, struct sasl_outcome *out);

/* CRAM-MD5 and APOP */
bool sasl_shared_is(struct str mech);
void sasl_shared_step(struct sasl_exchange *x, struct str data, struct sasl_outcome *out);

#endif
